"""Checks where --figure is to be written, and writes it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from theorycheck.errors import SettingError, nearest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_KINDS = ("svg", "pdf", "png")


def checked_figure(path: Path) -> Path:
    """Return a figure's file, or say before any work that it cannot be written.

    Parameters
    ----------
    path : Path
        Value of --figure.

    Returns
    -------
    Path

    Raises
    ------
    SettingError
        If its kind is unknown, or its folder is not there.
    """
    kind = path.suffix.removeprefix(".")
    if kind not in _KINDS:
        raise SettingError(f"--figure: there is no format '{kind}': {nearest(kind, _KINDS)}")
    if not path.parent.is_dir():
        raise SettingError(f"--figure: there is no directory {path.parent}")
    return path


def write_figure(figure: Figure, path: Path) -> None:
    """Write a figure whole, or leave what was there.

    Parameters
    ----------
    figure : Figure
    path : Path
        As :func:`checked_figure` returned it.

    Raises
    ------
    SettingError
        If it cannot be written.
    """
    from theorycheck.files import replace_files
    from theorycheck.report import paper_figure

    kind = path.suffix.removeprefix(".")
    content = paper_figure(figure, kind)  # type: ignore[arg-type]
    try:
        replace_files({path: content})
    except OSError as error:
        raise SettingError(f"{path}: cannot be written: {error.strerror or error}") from error
