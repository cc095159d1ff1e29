"""``noise --from-loss``: σ² of a loss on the command line."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Callable

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]
LOSS = ("noise", "--from-loss", "mse + 0.001*kl")


def test_json_and_table(run: Run) -> None:
    result = run(*LOSS, "--data-dim", "784", "--loss-value", "0.04", "--json")
    assert (result.returncode, result.stderr) == (0, "")
    found = json.loads(result.stdout)
    assert found["noise_variance"]["value"] == pytest.approx(0.392, rel=1e-14)
    assert found["noise_variance"]["kind"] == "exact"
    constant = 392.0 * math.log(2.0 * math.pi * 0.392)
    assert found["constant"]["value"] == pytest.approx(constant)
    assert found["negative_elbo"]["value"] == pytest.approx(40.0 + constant)
    text = " ".join(run(*LOSS, "--data-dim", "784").stdout.split())
    assert "σ² that it assumes │ 0.392 " in text
    assert "−ELBO per x = loss/0.001 + (784/2) log 2πσ²" in text
    assert "decompose MODEL --noise-variance 0.392" in text


def test_the_dimension_of_a_model(run: Run) -> None:
    found = json.loads(run("noise", "circle", "--from-loss", "mse + kl", "--json").stdout)
    assert (found["data_dim"], found["noise_variance"]["value"]) == (2, 1.0)
    alone = run("noise", "--from-loss", "sse + kl").stdout
    assert "(D/2) log 2πσ²" in alone
    assert "entropy of the noise" not in alone
    batch = " ".join(run("noise", "--from-loss", "mse_sum + 2*kl_sum").stdout.split())
    assert "loss/(2 B)" in batch


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--from-loss", "bce + kl"], "Bernoulli"),
        (["--from-loss", "mse + kl"], "--data-dim"),
        (["--from-loss", "sse + kl", "--loss-value", "-3", "--data-dim", "2"], "never negative"),
        (["circle", "--loss-value", "3"], "--loss-value is for --from-loss"),
        (["circle", "--batch-size", "3"], "--batch-size is for --from-loss"),
        ([], "Missing argument 'MODEL'"),
        (["circl", "--from-loss", "mse + kl"], "did you mean 'circle'"),
    ],
)
def test_one_line(run: Run, arguments: list[str], says: str) -> None:
    result = run("noise", *arguments, "--json")
    assert (result.returncode, result.stdout) == (2, "")
    assert len(result.stderr.strip().splitlines()) == 1
    assert says in result.stderr
