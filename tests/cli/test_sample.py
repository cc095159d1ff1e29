"""``decompose --sample``: what is said of a table of x, of a population, and of a tolerance."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from theorycheck import load_model
from theorycheck.errors import LoadingError

Run = Callable[..., "subprocess.CompletedProcess[str]"]

SOURCE = """
import numpy as np
NOISE_VARIANCE = 0.05
_rng = np.random.default_rng(64)
_first, _last = _rng.normal(size=8), _rng.normal(size=(8, 64))
def decoder(z):
    return np.tanh(np.outer(z, _first)) @ _last / 4.0
"""


@pytest.fixture
def digits(tmp_path: Path) -> None:
    """Write a decoder 1 -> 64 and images that it did not make."""
    (tmp_path / "dig.py").write_text(SOURCE)
    x = np.random.default_rng(2).normal(scale=0.4, size=(50, 64))
    np.savez(tmp_path / "digits.npz", x=x)


@pytest.mark.usefixtures("digits")
def test_a_sample_of_unknown_origin(run: Run) -> None:
    result = run("decompose", "dig.py:decoder", "--sample", "digits.npz")
    assert (result.returncode, result.stderr) == (0, "")
    text = " ".join(result.stdout.split())
    for said in (
        "on a given sample of 50 x",
        "mean log p_f(x) of this sample",
        "PMO of this sample",
        "Of this sample: log p_f is",
        "Of the population, if these are independent draws from it (five standard errors)",
        "cannot be known from a sample: --data MODEL",
    ):
        assert said in text
    assert text.count("unknown") == 3
    for wrong in ("Unresolved", "say anything", "entropy H of the data │ -", "nan"):
        assert wrong not in text
    found = json.loads(
        run("decompose", "dig.py:decoder", "--sample", "digits.npz", "--json").stdout
    )
    assert (found["entropy"], found["mleo"], found["excess"], found["data"]) == (None,) * 4
    assert (
        found["negative_elbo"]["error"]
        < 1e-8
        < 1e-3
        < found["sample"]["population"]["negative_elbo"]["error"]
    )
    assert found["resolved"] is True
    total = -found["sample"]["log_density"]["value"] + found["pmo"]["value"]
    assert found["negative_elbo"]["value"] == pytest.approx(total, abs=1e-8)


def test_the_only_array_of_a_file(tmp_path: Path) -> None:
    from theorycheck.models import read_sample

    x = np.arange(6.0).reshape(3, 2)
    np.savez(tmp_path / "x.npz", x)
    assert read_sample(tmp_path / "x.npz").tolist() == x.tolist()
    np.savez(tmp_path / "x.npz", images=x, labels=x)
    with pytest.raises(LoadingError, match="no array x; the file has images, labels"):
        read_sample(tmp_path / "x.npz")


def test_own_data_with_another_noise(run: Run) -> None:
    """The truth of --data has its own σ²; it is not MODEL because it has MODEL's name."""
    line = ("decompose", "circle", "--data", "circle", "--tolerance", "1e-2", "--json")
    assert json.loads(run(*line).stdout)["mleo"]["kind"] == "exact"
    wide = json.loads(run(*line, "--noise-variance", "0.02").stdout)
    assert wide["mleo"]["value"] > 0.01 > wide["mleo"]["error"]


def test_a_sample_whose_truth_is_named(run: Run, tmp_path: Path) -> None:
    _, x = load_model("expr:z", noise_variance=0.5).sample(200, 1)
    np.savetxt(tmp_path / "x.txt", x)
    line = ("decompose", "expr:z", "--noise-variance", "0.5", "--sample", "x.txt")
    own = json.loads(run(*line, "--data", "expr:z", "--json").stdout)
    assert own["mleo"] == {"value": 0.0, "error": 0.0, "kind": "exact"}
    assert own["entropy"]["kind"] == "statistical"
    assert "unknown" not in run(*line, "--data", "expr:z").stdout
    other = json.loads(run(*line, "--data", "expr:2*z", "--iwae", "2", "--json").stdout)
    assert other["mleo"]["kind"] == other["iwae"][0]["excess"]["kind"] == "statistical"
    unknown = json.loads(run(*line, "--iwae", "2", "--json").stdout)
    assert unknown["iwae"][0]["excess"] is None
    assert unknown["iwae"][0]["gap"] == other["iwae"][0]["gap"]


def test_unresolved_only_where_a_tolerance_was_missed(run: Run) -> None:
    """Three dimensions by sampling: the radius is statistical, whoever asked for what."""
    helix = ("decompose", "expr:[cos(3*z), sin(3*z), sin(z)]", "--noise-variance", "0.3")
    plain = " ".join(run(*helix, "--max-nodes", "2000").stdout.split())
    assert "Unresolved" not in plain
    assert "the default aims at 1e-06" in plain
    asked = " ".join(run(*helix, "--max-nodes", "2000", "--tolerance", "1e-9").stdout.split())
    assert "Unresolved: a --tolerance of 1e-09 was asked for, and the PMO is known to" in asked
