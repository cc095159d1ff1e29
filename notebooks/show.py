"""How the notebooks show things. Nothing here computes a result.

The environment variable ``THEORYCHECK_NOTEBOOK_SIZE=small`` asks for reduced effort, so that all
notebooks run within the tests; by default the effort is the one of the committed outputs.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Sequence
from typing import TypeVar

import PIL.Image
from IPython.display import Image, Markdown, display
from matplotlib.figure import Figure

T = TypeVar("T")

#: Dots an inch, and the width in CSS pixels at which a figure is shown.
_DPI = 120
_SHOWN = 96
SMALL = os.environ.get("THEORYCHECK_NOTEBOOK_SIZE") == "small"


def sized(full: T, small: T) -> T:
    """Return the first, or the second where reduced effort is asked for."""
    return small if SMALL else full


def show(figure: Figure, alt: str) -> None:
    """Show a figure.

    Parameters
    ----------
    figure : Figure
    alt : str
        What it shows, for readers who do not see it.
    """
    drawn, packed = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=_DPI)
    # No palette: 256 colours would draw steps into the heat maps. No alpha channel either.
    PIL.Image.open(drawn).convert("RGB").save(packed, format="png", optimize=True)
    width = int(figure.get_size_inches()[0] * _SHOWN)
    display(Image(packed.getvalue(), width=width, alt=alt))


def say(text: str) -> None:
    """Show a sentence that has computed numbers in it."""
    display(Markdown(text))


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Show a table; the first column is text, the others are numbers."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    # A bar inside a cell would start a new one.
    cells = [[str(cell).replace("|", "\\|") for cell in line] for line in lines]
    display(Markdown("\n".join(f"| {' | '.join(line)} |" for line in cells)))
