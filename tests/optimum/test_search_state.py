"""The file that a search goes on from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from theorycheck.errors import SettingError
from theorycheck.optimum._search_state import Outcome, SearchState, peek
from theorycheck.quadrature._latent_cells import LatentCells
from theorycheck.quadrature._plane_cells import PlaneCells

SETTINGS = {"seed": 1, "data": "circle"}


def outcome(seed: int, value: float) -> Outcome:
    rng = np.random.default_rng(seed)
    cells = LatentCells(np.arange(4.0))
    return Outcome("tear", value, rng.normal(size=(5, 2)), cells, np.ones(2), seed)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "best.npz.state"
    state = SearchState(SETTINGS, path)
    state.put("start 0", outcome(0, 0.3))
    state.put("start 1", outcome(1, 0.2))
    state.save()
    return path


def test_what_was_put_is_got_back(file: Path) -> None:
    state = SearchState(SETTINGS, file, resume=True)
    for k, value in ((0, 0.3), (1, 0.2)):
        found, expected = state.get(f"start {k}"), outcome(k, value)
        assert found is not None
        assert (found.kind, found.value, found.evaluations) == ("tear", value, k)
        for name in ("f", "noise_variance"):
            assert np.array_equal(getattr(found, name), getattr(expected, name))
        assert np.array_equal(found.line.boundary, expected.line.boundary)
    assert state.get("start 2") is None


@pytest.mark.parametrize("latents", [2, 3])
def test_cells_of_several_latents_are_got_back(latents: int, tmp_path: Path) -> None:
    path = tmp_path / "plane.npz.state"
    axes = LatentCells(np.arange(4.0)), LatentCells(np.array([0.5])), LatentCells(np.arange(2.0))
    cells = PlaneCells(axes[:latents])
    state = SearchState(SETTINGS, path)
    state.put("start 0", Outcome("map", 0.1, np.zeros((cells.count, 2)), cells, np.ones(2), 3))
    state.save()
    found = SearchState(SETTINGS, path, resume=True).get("start 0")
    assert found is not None
    assert isinstance(found.cells, PlaneCells)
    assert found.cells.shape == (5, 2, 3)[:latents]
    for mine, theirs in zip(found.cells.boundaries, cells.boundaries, strict=True):
        assert np.array_equal(mine, theirs)
    with pytest.raises(TypeError, match="several latents"):
        _ = found.line


def test_without_resume_it_begins_anew(file: Path) -> None:
    state = SearchState(SETTINGS, file)
    assert state.get("start 0") is None


def test_without_a_file_it_lives_in_memory() -> None:
    state = SearchState(SETTINGS)
    state.put("start 0", outcome(0, 0.1))
    state.save()
    state.remove()
    assert state.get("start 0") is not None


def test_removed_at_the_end(file: Path) -> None:
    SearchState(SETTINGS, file, resume=True).remove()
    assert not file.exists()


def test_another_search_is_refused(file: Path) -> None:
    before = file.read_bytes()
    with pytest.raises(SettingError, match=r"another search \(seed: 1 there, 2 here\)") as caught:
        SearchState(SETTINGS | {"seed": 2}, file, resume=True)
    assert "\n" not in str(caught.value)
    assert file.read_bytes() == before


def test_a_damaged_file_is_refused(file: Path) -> None:
    whole = file.read_bytes()
    other = file.with_name("table.npz")
    np.savez(other, z=np.arange(3.0), f=np.arange(3.0))
    for content in (whole[: len(whole) // 2], b"", b"not an archive", other.read_bytes()):
        file.write_bytes(content)
        with pytest.raises(SettingError, match="damaged, or not the state") as caught:
            SearchState(SETTINGS, file, resume=True)
        assert "\n" not in str(caught.value)
        assert file.read_bytes() == content
        assert peek(file) is None


def test_any_byte_may_be_damaged(file: Path) -> None:
    """Refused, or (a date of the archive, say) read with every number as it was."""
    whole = file.read_bytes()
    for at in range(0, len(whole), 7):
        changed = bytearray(whole)
        changed[at] ^= 0xFF
        file.write_bytes(bytes(changed))
        try:
            found = SearchState(SETTINGS, file, resume=True).get("start 1")
        except SettingError:
            continue
        assert found is not None
        assert np.array_equal(found.f, outcome(1, 0.2).f)


def test_an_array_that_is_missing_is_damage(file: Path) -> None:
    with np.load(file) as archive:
        kept = {name: archive[name] for name in archive.files if name != "start 1/f"}
    np.savez(file.with_suffix(".npz"), **kept)
    with pytest.raises(SettingError, match="damaged"):
        SearchState(SETTINGS, file.with_suffix(".npz"), resume=True)


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    state = SearchState(SETTINGS, tmp_path / "gone" / "state")
    state.put("start 0", outcome(0, 0.1))
    with pytest.raises(SettingError, match="cannot be written"):
        state.save()


def test_peek(file: Path) -> None:
    seen = peek(file)
    assert seen is not None
    assert (seen.starts, seen.best) == (2, 0.2)
    state = SearchState(SETTINGS, file, resume=True)
    state.put("refinement 1", outcome(2, 0.25))
    state.save()
    # Of the finest level: values of coarse data nodes are not to be compared with it.
    refined = peek(file)
    assert refined is not None
    assert (refined.starts, refined.best) == (2, 0.25)
    assert peek(file.with_name("gone")) is None
