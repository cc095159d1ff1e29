"""Build and run the notebooks: ``python -m notebooks.build [NAME]... [--small]``.

The source of a notebook is ``src/NAME.py``, in the percent format: ``# %%`` starts a cell of code,
``# %% [markdown]`` one of text, whose lines are comments. The ``.ipynb`` files are made from these,
with outputs, and never edited. ``--small`` runs everything at reduced effort and writes nothing.
"""

from __future__ import annotations

import argparse
import os
import re
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode, v4
from traitlets.config import Config

HERE = Path(__file__).parent
#: What the notebooks look at to choose their effort; see ``show.py``.
SIZE_VARIABLE = "THEORYCHECK_NOTEBOOK_SIZE"
#: Seconds that one cell may take.
_CELL_LIMIT = 900
_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def names() -> list[str]:
    """Return the names of all notebooks, in order."""
    return sorted(path.stem for path in (HERE / "src").glob("[0-9]*.py"))


def read_source(name: str) -> NotebookNode:
    """Make a notebook without outputs from its source.

    Parameters
    ----------
    name : str

    Returns
    -------
    NotebookNode
    """
    text = (HERE / "src" / f"{name}.py").read_text(encoding="utf-8")
    parts = re.split(r"^# %%( \[markdown\])?\n", text, flags=re.MULTILINE)
    if parts[0].strip():
        raise ValueError(f"{name}: the source must start with a line '# %%'")
    cells = []
    for kind, body in zip(parts[1::2], parts[2::2], strict=True):
        source = body.strip("\n")
        if kind:
            source = re.sub(r"^# ?", "", source, flags=re.MULTILINE)
        make = v4.new_markdown_cell if kind else v4.new_code_cell
        # A fixed id, so that a rebuild changes no line that need not change.
        cells.append(make(source, id=f"cell-{len(cells):02d}"))
    return v4.new_notebook(cells=cells, metadata=_METADATA)


def run(notebook: NotebookNode, *, small: bool) -> NotebookNode:
    """Execute a notebook and return it with its outputs.

    Parameters
    ----------
    notebook : NotebookNode
        As from :func:`read_source`; it is filled in place.
    small : bool
        Whether to run at reduced effort.

    Returns
    -------
    NotebookNode

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell raises.
    """
    environment = {**os.environ, SIZE_VARIABLE: "small" if small else "full"}
    with tempfile.TemporaryDirectory() as folder:
        # Pipes in place of ports: nothing of a run can be reached over a network.
        pipes = Config(KernelManager={"transport": "ipc", "ip": os.path.join(folder, "kernel")})
        client = NotebookClient(
            notebook,
            config=pipes,
            timeout=_CELL_LIMIT,
            record_timing=False,
            resources={"metadata": {"path": str(HERE)}},
        )
        client.execute(env=environment)
    notebook.metadata = nbformat.from_dict(_METADATA)
    return notebook


def complaints(notebook: NotebookNode) -> list[str]:
    """Return what a run wrote to stderr: warnings, which a notebook must not show."""
    return [
        output.text
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if output.output_type == "stream" and output.name == "stderr"
    ]


def main() -> None:
    """Run all notebooks, or those named."""
    parser = argparse.ArgumentParser(prog="python -m notebooks.build", description=__doc__)
    parser.add_argument("name", nargs="*", help="like 01; by default all")
    parser.add_argument("--small", action="store_true", help="reduced effort, nothing is written")
    options = parser.parse_args()
    for name in names():
        if options.name and not any(name.startswith(wanted) for wanted in options.name):
            continue
        start = time.perf_counter()
        notebook = run(read_source(name), small=options.small)
        for text in complaints(notebook):
            print(f"{name}: warns: {text}")
        size = len(nbformat.writes(notebook))
        if not options.small:
            nbformat.write(notebook, HERE / f"{name}.ipynb")
        print(f"{name}: {time.perf_counter() - start:.0f} s, {size / 1e3:.0f} kB", flush=True)


if __name__ == "__main__":
    main()
