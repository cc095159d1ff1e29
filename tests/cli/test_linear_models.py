"""``linear:W``: linear-Gaussian models of any K on the command line."""

from __future__ import annotations

import json

import jsonschema
import numpy as np
import pytest

from tests.efforts import make_searches_tiny
from theorycheck.cli import main
from theorycheck.results import json_schema

#: Two latents, and data of two dimensions or, where an average takes a moment, of one.
TWO_BY_TWO, ONE_BY_TWO = "linear:[[1, 0.5], [0.2, 1.5]]", "linear:[[1, 0.5]]"


def test_decompose_against_the_closed_form(capfd: pytest.CaptureFixture[str]) -> None:
    w = np.array([[1.0, 0.5, 2.0], [0.2, 2.0, 1.0]])
    arguments = ["decompose", f"linear:{w.tolist()}", "--noise-variance", "0.3", "--json"]
    assert main(arguments) == 0
    found = json.loads(capfd.readouterr().out)
    covariance = w @ w.T + 0.3 * np.eye(2)
    entropy = 0.5 * np.log(np.linalg.det(2.0 * np.pi * np.e * covariance))
    precision = np.eye(3) + w.T @ w / 0.3
    pmo = 0.5 * np.log(np.prod(np.diag(precision)) / np.linalg.det(precision))
    assert found["mleo"] == {"value": 0.0, "error": 0.0, "kind": "exact"}
    for key, exact in (("entropy", entropy), ("pmo", pmo)):
        assert abs(found[key]["value"] - exact) <= found[key]["error"] <= 1e-6


def test_on_the_data_of_another(capfd: pytest.CaptureFixture[str]) -> None:
    arguments = ["decompose", "linear:[[1, 1]]", "--data", "expr:z", "--json"]
    assert main([*arguments, "--noise-variance", "0.5"]) == 0
    found = json.loads(capfd.readouterr().out)
    # N(0, 1.5) is the data, N(0, 2.5) the model.
    exact = 0.5 * (1.5 / 2.5 - 1.0 + np.log(2.5 / 1.5))
    assert abs(found["mleo"]["value"] - exact) <= found["mleo"]["error"] <= 1e-8


@pytest.mark.parametrize(
    "verb",
    [
        ["conditions", TWO_BY_TWO],
        ["noise", ONE_BY_TWO],
        ["noise", ONE_BY_TWO, "--held-noise", "0.8,1.2"],
        ["optimum", TWO_BY_TWO],
    ],
)
def test_verbs_that_answer_for_two_latents(
    verb: list[str], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_searches_tiny(monkeypatch)
    arguments = [*verb, "--noise-variance", "0.8"]
    assert main([*arguments, "--json"]) == 0
    out, _ = capfd.readouterr()
    found = json.loads(out)
    jsonschema.Draft202012Validator(json_schema(verb[0])).validate(found)
    if verb[0] == "conditions":
        assert found["stationarity"]["verdict"] == "fails"
        assert found["zero_mleo_class"] is None
    if verb[0] == "optimum":
        assert found["ground_truth_ascent"] is None
        assert found["ground_truth"]["family"] == "mean_field"
        assert found["excess"]["value"] > found["ground_truth"]["excess"]["value"]
    assert main(arguments) == 0
    out, _ = capfd.readouterr()
    assert "linear:" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["decompose", "linear:[[1]]"], "no noise variance"),
        (["decompose", "linear:[[1], [2, 3]]", "--noise-variance", "1"], "rows of one length"),
        (["decompose", "linear:[[true]]", "--noise-variance", "1"], "must hold numbers"),
        (["decompose", "linear:[[1", "--noise-variance", "1"], "not readable"),
        (["decompose", "linear:[[1]]", "--noise-variance", "1", "--iwae", "2"], "one latent"),
        (["decompose", "linear:[[1]]", "--noise-variance", "1", "--certify", "2"], "one latent"),
        (["decompose", "linear:[[1]]", "--noise-variance", "1", "-o", "r.npz"], "not written"),
        (["export", "linear:[[1]]", "-o", "r.nc"], "only decompose, conditions"),
        (["optimum", "linear:[[1]]", "--noise-variance", "1", "-o", "r.npz"], "not written"),
        (["optimum", "linear:[[1]]", "--noise-variance", "1", "--objective", "iwae"], "one latent"),
        (["noise", "linear:[[1]]", "--noise-variance", "1", "-o", "r.npz"], "not written"),
        (["conditions", "linear:[[1, 2]]", "--noise-variance", "1", "--tears", "1"], "one latent"),
        (["conditions", "linear:[[1, 2]]", "--noise-variance", "1", "-o", "r.npz"], "not written"),
    ],
)
def test_one_clear_line(
    arguments: list[str], words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert words in err
    assert len(err.strip().splitlines()) == 1
