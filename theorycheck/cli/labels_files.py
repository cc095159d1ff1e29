"""Writes the files of ``theorycheck labels -o DIR``."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from theorycheck.cli.result_files import json_text, write_folder
from theorycheck.objectives import LabelledValue
from theorycheck.optimum import CollapseOnset, LabelledOptimum
from theorycheck.report import labels_figure

_DPI = 150


def write_labels(
    folder: Path,
    found: Sequence[tuple[LabelledValue, LabelledOptimum | None]],
    onsets: Sequence[CollapseOnset],
    entry: Mapping[str, object],
) -> None:
    """Write labels.png and labels.json, both or neither, and a result file for each optimum.

    Parameters
    ----------
    folder : Path
        Made where it is not there.
    found : sequence of (LabelledValue, LabelledOptimum or None)
        The ground truth's value and the optimum for every objective.
    onsets : sequence of CollapseOnset
        Where collapse sets in.
    entry : mapping
        What --json prints.

    Raises
    ------
    SettingError
        If the folder cannot be written.
    """
    figure = labels_figure(found[0][0], [one.value for _, one in found if one is not None], onsets)
    write_figure(folder, figure, "labels", entry)
    for _, optimum in found:
        if optimum is not None:
            objective = optimum.objective
            name = f"optimum-{objective.family.key}-gamma{objective.gamma:g}.npz"
            optimum.save(folder / name)


def write_figure(folder: Path, figure: Figure, schema: str, entry: Mapping[str, object]) -> None:
    """Write a figure as labels.png and an object as labels.json, both or neither.

    Parameters
    ----------
    folder : Path
        Made where it is not there.
    figure : Figure
    schema : str
        Whose schema the object follows.
    entry : mapping
        What --json prints.

    Raises
    ------
    SettingError
        If the folder cannot be written.
    """
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=_DPI, metadata={"Software": None})
    write_folder(
        folder, {"labels.png": picture.getvalue(), "labels.json": json_text(schema, entry)}
    )
