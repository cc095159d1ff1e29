"""The verbs dataset, score, export and cite."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_dataset(run: Run, tmp_path: Path) -> None:
    result = run("dataset", "circle", "-o", "data", "--size", "20", "--seed", "3", "--json")
    assert result.returncode == 0, result.stderr
    printed = json.loads(result.stdout)
    with np.load(tmp_path / printed["arrays"]) as arrays:
        assert arrays["x"].shape == (20, 2)
    card = json.loads((tmp_path / printed["card"]).read_text(encoding="utf-8"))
    assert card["seed"] == 3
    assert "Wrote data/circle.npz" in run("dataset", "circle", "-o", "data", "--size", "2").stdout


def test_score(run: Run) -> None:
    # A σ² that is not given is the benchmark's.
    arguments = ("expr:[cos(2*pi*Phi(z)), sin(2*pi*Phi(z))]", "--on", "circle")
    result = run("score", *arguments, "--tolerance", "1e-3", "--json")
    assert result.returncode == 0, result.stderr
    printed = json.loads(result.stdout)
    assert printed["noise_variance"] == [0.01, 0.01]
    above = printed["above_ground_truth"]
    assert abs(above["value"]) <= above["error"]
    text = run("score", *arguments, "--tolerance", "1e-3").stdout
    assert "best decoder found" in text
    assert "J above the best found" in text


def test_export(run: Run, tmp_path: Path) -> None:
    xr = pytest.importorskip("xarray")
    line = ("expr:[z, 2*z]", "--noise-variance", "0.5")
    for what, variable, more in (
        ("decomposition", "pmo", ("--tolerance", "1e-3")),
        ("kl-map", "kl", ()),
        ("landscape", "minimum_kl", ("--at", "0,0.5")),
    ):
        result = run("export", *line, "--what", what, *more, "-o", f"{what}.nc")
        assert result.returncode == 0, result.stderr
        with xr.open_dataset(tmp_path / f"{what}.nc", engine="scipy") as data:
            assert variable in data


def test_cite(run: Run) -> None:
    result = run("cite", "figure8", "--verb", "optimum")
    assert result.stdout.startswith("@software{theorycheck,")
    assert "varadhan2008simple" in result.stdout
    everything = json.loads(run("cite", "--all", "--json").stdout)
    assert len(everything["keys"]) == everything["bibtex"].count("@")


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (("dataset", "circel", "-o", "a"), "did you mean 'circle'"),
        (("dataset", "circle", "-o", "a", "--size", "0"), "at least 1"),
        (("score", "expr:[z, z]", "--on", "circel"), "did you mean 'circle'"),
        (("score", "expr:[z]", "--on", "circle"), "data dimensions"),
        (("score", "nowhere.py:f", "--on", "circle"), "no such file"),
        (("export", "circle", "--what", "all", "-o", "a.nc"), "--what"),
        (("export", "circle", "--what", "landscape", "-o", "a.nc"), "--at is needed"),
        (("export", "circle", "--at", "0,0", "-o", "a.nc"), "--at is needed"),
        (("export", "circle", "-o", "none/a.nc"), "no folder"),
        (("export", "circle", "--what", "landscape", "--at", "0", "-o", "a.nc"), "shape"),
        (("cite", "nothing"), "there is no 'nothing'"),
        (("cite", "--verb", "optimun"), "did you mean 'optimum'"),
        (("report", "circle", "-o", "a", "--figures-format", "eps"), "--figures-format"),
        (("report", "circle", "-o", "a", "--figures-columns", "3"), "must be 1 or 2"),
    ],
)
def test_bad_input(run: Run, arguments: tuple[str, ...], fault: str) -> None:
    result = run(*arguments)
    assert result.returncode == 2, result.stdout
    assert fault in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert "Traceback" not in result.stderr
