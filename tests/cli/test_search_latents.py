"""``theorycheck optimum --search-latents``, 2 and 3: what it prints and writes, and refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.efforts import make_searches_tiny
from theorycheck.cli import main
from theorycheck.optimum import PredictedOptimum

WAVE = ("expr:sin(2*z)", "--noise-variance", "0.1")


@pytest.mark.parametrize(("latents", "word"), [(2, "two"), (3, "three")])
def test_its_file_is_a_result_and_a_model_of_as_many_latents(
    latents: int,
    word: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    make_searches_tiny(monkeypatch)
    assert main(["optimum", *WAVE, "--search-latents", str(latents), "-o", "p.npz"]) == 0
    assert f"over decoders of {word} latents" in capfd.readouterr().out
    found = PredictedOptimum.load(Path("p.npz"))
    assert found.latents == latents
    names = [f"z{k + 1}" for k in range(latents)]
    with np.load("p.npz") as archive:
        shape = (*(archive[name].size for name in names), 1)
        assert archive["f"].shape == shape == (*(axis.count for axis in found.axes), 1)
    assert main(["show", "p.npz"]) == 0
    assert f"{word} latents" in capfd.readouterr().out
    xarray = pytest.importorskip("xarray")
    from theorycheck.export import to_xarray

    data = to_xarray(found)
    assert isinstance(data, xarray.Dataset)
    assert data["f"].shape == shape
    for name, axis in zip(names, found.axes, strict=True):
        assert np.array_equal(data[name], axis.z)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--search-latents", "4"), "--search-latents must be 1, 2 or 3, not 4"),
        (
            ("--search-latents", "3", "--objective", "iwae"),
            "nobody has said how the best decoder of three latents",
        ),
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
