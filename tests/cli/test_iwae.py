"""``decompose --iwae S``: the IWAE objective beside the ELBO's."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

import pytest

from theorycheck import iwae_objective, load_model

Run = Callable[..., "subprocess.CompletedProcess[str]"]
WAVE = ("decompose", "expr:sin(3*z)", "--noise-variance", "0.04", "--tolerance", "1e-3")


def test_iwae_is_added(run: Run) -> None:
    plain = json.loads(run(*WAVE, "--json").stdout)
    assert "iwae" not in plain
    result = run(*WAVE, "--iwae", "2", "--iwae", "5,20", "--json")
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    found = json.loads(result.stdout)
    assert [one["samples"] for one in found["iwae"]] == [2, 5, 20]
    assert set(found) == {*plain, "iwae"}
    # The last bit of a sum may differ from one process to the next.
    assert found["pmo"]["value"] == pytest.approx(plain["pmo"]["value"], rel=1e-9)
    model = load_model("expr:sin(3*z)", noise_variance=0.04)
    expected = iwae_objective(model, samples=5)
    excess = found["iwae"][1]["excess"]
    assert excess["value"] == pytest.approx(expected.excess.value, rel=1e-9)
    assert excess["error"] == pytest.approx(expected.excess.error, rel=1e-6)
    assert found["iwae"][1]["q"] == "optimal"


def test_iwae_table(run: Run) -> None:
    text = run(*WAVE, "--iwae", "5").stdout
    assert "IWAE objective at the best q for each S" in text
    assert "J_S" in text
    assert "IWAE" not in run(*WAVE).stdout


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "many", ""])
def test_bad_samples(run: Run, value: str) -> None:
    result = run(*WAVE, f"--iwae={value}")
    assert result.returncode == 2
    assert result.stdout == ""
    assert "--iwae: the number of samples must be an integer >= 1" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
