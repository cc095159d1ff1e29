"""``theorycheck optimum --search-latents 2``: what it prints and writes, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.efforts import make_searches_tiny
from theorycheck.cli import main
from theorycheck.optimum import PredictedOptimum

WAVE = ("expr:sin(2*z)", "--noise-variance", "0.1")


def test_its_file_is_a_result_and_a_model_of_two_latents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    make_searches_tiny(monkeypatch)
    assert main(["optimum", *WAVE, "--search-latents", "2", "-o", "p.npz"]) == 0
    assert "over decoders of two latents" in capfd.readouterr().out
    found = PredictedOptimum.load(Path("p.npz"))
    assert found.latents == 2
    with np.load("p.npz") as archive:
        shape = (archive["z1"].size, archive["z2"].size, 1)
        assert archive["f"].shape == shape == (*(axis.count for axis in found.axes), 1)
    assert main(["show", "p.npz"]) == 0
    assert "two latents" in capfd.readouterr().out
    xarray = pytest.importorskip("xarray")
    from theorycheck.export import to_xarray

    data = to_xarray(found)
    assert isinstance(data, xarray.Dataset)
    assert data["f"].shape == shape
    assert np.array_equal(data["z1"], found.axes[0].z)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--search-latents", "3"), "--search-latents must be 1 or 2, not 3"),
        (("--search-latents", "2", "--steepness", "1"), "--steepness is a bound on decoders"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    more: tuple[str, ...], says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["optimum", *WAVE, *more]) == 2
    printed = capfd.readouterr()
    assert printed.out == ""
    assert says in printed.err
    assert len(printed.err.strip().splitlines()) == 1
