"""One page of the API reference for each room, made from the room's face.

What a face shows is what is documented; private files lend their first lines as headings.
"""

from __future__ import annotations

import ast
from pathlib import Path

_HOUSE = Path(__file__).resolve().parent.parent.parent
#: Page, title, and the rooms on it; a module beside the rooms stands for itself.
_PAGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "numbers": (
        "Numbers and verdicts",
        (
            "theorycheck.estimate",
            "theorycheck.ruling",
            "theorycheck.errors",
            "theorycheck.progress",
        ),
    ),
    "models": ("Models", ("theorycheck.models",)),
    "results": ("Result files and the cache", ("theorycheck.results",)),
    "quadrature": ("Quadrature", ("theorycheck.quadrature",)),
    "inference": ("Inference at given x", ("theorycheck.inference", "theorycheck.inference.ball")),
    "objectives": ("Averages over p(x)", ("theorycheck.objectives",)),
    "rearrangements": ("Rearrangements", ("theorycheck.rearrangements",)),
    "optimum": ("The optimum over decoders", ("theorycheck.optimum",)),
    "theorems": ("Theorems", ("theorycheck.theorems",)),
    "downstream": ("Downstream tasks", ("theorycheck.downstream",)),
    "evaluation": ("Evaluation of trained networks", ("theorycheck.evaluation",)),
    "dataset": ("The benchmarks as a data set", ("theorycheck.dataset",)),
    "cohorts": ("Public data with few labels", ("theorycheck.cohorts",)),
    "advise": ("Advice from a table of data", ("theorycheck.advise",)),
    "claims": ("Claims and evidence", ("theorycheck.claims", "theorycheck.citation")),
    "report": ("Report and export", ("theorycheck.report", "theorycheck.export")),
    "neural": ("Networks", ("neural",)),
}


def write_api_pages(folder: Path) -> dict[Path, str]:
    """Return the pages, by the file that each belongs into.

    Parameters
    ----------
    folder : Path
        That of the documentation's sources.

    Returns
    -------
    dict of Path to str
    """
    return {
        folder / "api" / f"{page}.md": f"# {title}\n" + "".join(map(_room, rooms))
        for page, (title, rooms) in _PAGES.items()
    }


def _room(room: str) -> str:
    place = _HOUSE / room.replace(".", "/")
    if not place.is_dir():
        return f"\n## `{room}`\n\n{_block(f'.. automodule:: {room}')}"
    about = ast.get_docstring(ast.parse((place / "__init__.py").read_text("utf-8"))) or ""
    text = f"\n## `{room}`\n\n{about}\n"
    for file, names in _face(place).items():
        tree = ast.parse((place / f"{file}.py").read_text("utf-8"))
        kinds = {n.name: n for n in tree.body if isinstance(n, ast.ClassDef | ast.FunctionDef)}
        lines = [
            f".. autoclass:: {room}.{name}\n   :members:"
            if isinstance(kinds[name], ast.ClassDef)
            else f".. autofunction:: {room}.{name}"
            for name in names
            if name in kinds
        ]
        if lines:
            heading = (ast.get_docstring(tree) or file).split("\n\n")[0].replace("\n", " ")
            text += f"\n### {heading.rstrip('.')}\n\n{_block(chr(10).join(lines))}"
    return text


def _face(place: Path) -> dict[str, list[str]]:
    """Return the names of a room's face by the file that each comes from."""
    found: dict[str, list[str]] = {}
    for node in ast.parse((place / "__init__.pyi").read_text("utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            found.setdefault(str(node.module), []).extend(alias.name for alias in node.names)
    return found


def _block(content: str) -> str:
    return f"```{{eval-rst}}\n{content}\n```\n"
