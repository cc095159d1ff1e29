"""``judge``, and the words on how far a network is from the predicted optimum."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from tests.cli.test_train import ALONE, LINE, QUICK
from tests.efforts import TINY, make_searches_tiny
from theorycheck.cli import main
from theorycheck.cli.prediction_tables import in_words
from theorycheck.evaluation import _prediction as prediction
from theorycheck.evaluation._judging import judge
from theorycheck.evaluation._prediction import Comparison, own_evaluation
from theorycheck.models._generative import GenerativeModel
from theorycheck.models._loading import load_model
from theorycheck.objectives._decomposition import decompose
from theorycheck.objectives._objective import ELBO
from theorycheck.optimum._global_search import find_optimum
from theorycheck.optimum._result import PredictedOptimum
from theorycheck.optimum._settings import SearchSettings

TRUTH = load_model(LINE[0], noise_variance=0.25)
#: Cells fine enough that the line between them is the line.
FINE = replace(TINY, fine_cells=400, most=30)

NETWORK = """
import torch
torch.manual_seed(0)
decoder = torch.nn.Linear(1, 2)
encoder = torch.nn.Linear(2, 2)
number = 3
NOISE_VARIANCE = 0.25
"""


def _compared(model: GenerativeModel, found: PredictedOptimum) -> Comparison:
    """A decoder of any origin beside an optimum."""
    judged, predicted = judge(model, TRUTH, details=False), {"unrestricted": found}
    return Comparison(judged, own_evaluation(judged, predicted), predicted)


@pytest.fixture(autouse=True, scope="module")
def _small() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        make_searches_tiny(patch)
        yield


def test_judging_on_the_objective_that_was_trained_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--method", "iwae", "--samples", "2", *QUICK, *ALONE, "-o", str(tmp_path)]
    assert main(["train", *LINE, *arguments]) == 0
    capsys.readouterr()
    data = ["--data", LINE[0], "--data-noise-variance", "0.25", "--tolerance", "1e-2", "--json"]
    file = str(tmp_path / "checkpoint.pt")
    assert main(["judge", file, *data]) == 0
    judged = json.loads(capsys.readouterr().out)
    assert judged["compared_on"] == "J_2"
    # J_S is below the J of the ELBO, and the gap is between J_S and J_S.
    assert judged["mleo"]["value"] < judged["iwae"]["excess"]["value"] < judged["excess"]["value"]
    away = judged["iwae"]["excess"]["value"] - judged["predicted"]["excess"]["value"]
    assert judged["gap"]["value"] == pytest.approx(away, abs=1e-12)
    assert main(["judge", file, *data, "--samples", "1"]) == 0
    assert json.loads(capsys.readouterr().out)["compared_on"] == "J"


@pytest.mark.parametrize(
    ("factor", "says"),
    [
        (0.98, "Within 0.02 nats (estimated): J is"),
        (0.5, "NOT within 0.02 nats (estimated): J is"),
    ],
)
def test_verdicts(factor: float, says: str) -> None:
    model = load_model(f"expr:{3.0 * factor}*z", noise_variance=0.25)
    found = find_optimum(TRUTH, SearchSettings(effort=FINE))
    comparison = _compared(model, found)
    first, last = in_words(comparison, where="harder")
    assert first.startswith(says)
    assert first.endswith("above that of the predicted optimum.")
    assert "An optimum found is an upper bound" in last


def test_a_better_optimum_among_flatter_f_is_taken_for_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    good = find_optimum(TRUTH, SearchSettings(effort=TINY, steepness=2.0))
    poor = decompose(load_model("expr:30*z", noise_variance=0.25), TRUTH, tolerance=1e-3)
    short = replace(
        find_optimum(TRUTH, SearchSettings(effort=TINY)),
        evaluation=ELBO.evaluate(TRUTH, TRUTH, decomposition=poor),
    )
    results = iter((short, good))
    monkeypatch.setattr(prediction, "find_optimum", lambda *_a, **_b: next(results))
    network = load_model("expr:2*z", noise_variance=0.25)
    optima = prediction.predicted_optima(network, TRUTH)
    assert list(optima) == ["unrestricted", "own steepness"]
    assert optima["own steepness"] is good
    assert optima["unrestricted"].excess == good.excess
    assert optima["unrestricted"].steepness is None


def test_a_network_below_the_optimum_is_said_to_be() -> None:
    # Cells miss the line by little; the network is a line.
    found = find_optimum(TRUTH, SearchSettings(effort=FINE))
    comparison = _compared(TRUTH, found)
    first = in_words(comparison, where="harder")[0]
    assert first.startswith("Within 0.02 nats (estimated): J is")
    assert first.endswith("the search fell short of the optimum by at least that.")
    # The optimum among far too flat f, passed off as that of all.
    wrong = find_optimum(TRUTH, SearchSettings(effort=TINY, steepness=0.5))
    comparison = _compared(TRUTH, wrong)
    first = in_words(comparison, where="--search thorough")[0]
    assert "nats BELOW that of the predicted optimum" in first
    assert first.endswith("then not the optimum. Search on: --search thorough.")


def test_a_network_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.py"
    file.write_text(NETWORK)
    data = ["--data", "circle", *ALONE, "--json"]
    assert main(["judge", f"{file}:decoder", *data]) == 0
    assert json.loads(capsys.readouterr().out)["amortisation_gap"] is None
    assert main(["judge", f"{file}:decoder", "--encoder", f"{file}:encoder", *data]) == 0
    assert json.loads(capsys.readouterr().out)["amortisation_gap"]["value"] > 0.0
    for encoder, says in [
        ("encodr", "did you mean 'encoder'"),
        ("number", "is no encoder but int"),
    ]:
        assert main(["judge", f"{file}:decoder", "--encoder", f"{file}:{encoder}", *data]) == 2
        assert says in capsys.readouterr().err
    assert main(["judge", f"{file}:decoder", "--encoder", "encoder", *data]) == 2
    assert "not of the form file.py:name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--search", "all"], "--search: there is no 'all'"),
        (["--samples", "0"], "--samples must be at least 1, not 0"),
        (["--jobs", "0"], "--jobs must not be 0"),
        (["--seed", "-1"], "--seed must not be negative"),
        (["--tolerance", "0"], "--tolerance must be positive"),
        ([], "c.pt: no such file"),
    ],
)
def test_bad_input_of_judge(
    capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    assert main(["judge", "c.pt", "--data", "circle", *arguments]) == 2
    printed = capsys.readouterr()
    assert says in printed.err
    assert len(printed.err.strip().splitlines()) == 1
    assert printed.out == ""
