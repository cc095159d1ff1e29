"""Defines ``-o FILE.npz`` of the verbs whose result Python reads back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ResultFile = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE.npz",
        help="Write the whole result to this file, which Python can load (docs/results.md).",
    ),
]
