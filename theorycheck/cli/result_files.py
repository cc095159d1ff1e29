"""Writes results: ``-o FILE.npz``, which Python reads back, and folders of JSON and figures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from theorycheck.cli.options import cannot_write

ResultFile = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE.npz",
        help="Write the whole result to this file, which Python can load (docs/results.md).",
    ),
]


def json_text(schema: str, entry: Mapping[str, object]) -> str:
    """Return what a file of JSON holds: the object that --json prints, and its schema.

    Parameters
    ----------
    schema : str
        Whose schema the object follows.
    entry : mapping

    Returns
    -------
    str
    """
    from theorycheck.json_values import jsonable
    from theorycheck.results import schema_id

    whole = jsonable({"schema": schema_id(schema), **entry})
    return json.dumps(whole, indent=2, allow_nan=False) + "\n"


def write_folder(directory: Path, files: Mapping[str, str | bytes]) -> None:
    """Write several files, all or none.

    Parameters
    ----------
    directory : Path
        Made where it is not there.
    files : mapping
        Names to texts or bytes.

    Raises
    ------
    SettingError
        If the folder cannot be written.
    """
    from theorycheck.files import replace_files

    contents = {
        directory / name: held.encode() if isinstance(held, str) else held
        for name, held in files.items()
    }
    try:
        directory.mkdir(parents=True, exist_ok=True)
        replace_files(contents)
    except OSError as error:
        raise cannot_write(directory, error) from error
