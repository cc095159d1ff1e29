"""The notebooks: what is committed is what their sources make, and every cell runs."""

from __future__ import annotations

import nbformat
import pytest

from notebooks.build import HERE, complaints, names, read_source, run

#: Bytes that a committed notebook may have.
LARGEST = 800_000


@pytest.mark.parametrize("name", names())
def test_committed_notebook_is_made_of_its_source(name: str) -> None:
    """Rebuild with ``python -m notebooks.build NAME`` where this fails."""
    file = HERE / f"{name}.ipynb"
    committed = nbformat.read(file, as_version=4)
    nbformat.validate(committed)
    source = read_source(name)
    assert [(c.cell_type, c.source) for c in committed.cells] == [
        (c.cell_type, c.source) for c in source.cells
    ]
    assert file.stat().st_size < LARGEST


@pytest.mark.parametrize("name", names())
def test_committed_outputs_are_complete_and_clean(name: str) -> None:
    committed = nbformat.read(HERE / f"{name}.ipynb", as_version=4)
    code = [cell for cell in committed.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    kinds = [output.output_type for cell in code for output in cell.outputs]
    assert "error" not in kinds
    assert any("image/png" in o.get("data", {}) for cell in code for o in cell.outputs)
    assert complaints(committed) == []


@pytest.mark.parametrize("name", names())
def test_every_cell_runs(name: str) -> None:
    """At reduced effort; a warning counts as a failure."""
    assert complaints(run(read_source(name), small=True)) == []


def test_there_is_a_notebook_for_every_source() -> None:
    assert {path.stem for path in HERE.glob("*.ipynb")} == set(names())
