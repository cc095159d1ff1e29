"""Judging on models whose every figure is known in closed form."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from neural import train_all
from neural._encoders import encoder_of_module
from neural._results import judge_run
from neural._settings import TrainingSettings
from neural._training import train
from theorycheck.errors import ModelError
from theorycheck.estimate import Verdict
from theorycheck.evaluation._amortisation import own_negative_elbo
from theorycheck.evaluation._comparison import energy_test
from theorycheck.evaluation._judging import compare_with_predicted, judge, summary
from theorycheck.models._loading import load_model
from theorycheck.objectives._posterior_comparison import HIGH, compare_posteriors

# Posterior of f = (z, -2z), σ² = 0.25: precision 1 + 5/0.25 = 21, mean (x₁ − 2 x₂)·4/21.
LINE = load_model("expr:[z, -2*z]", noise_variance=0.25)
PRECISION = 21.0
#: One dimension, in which evaluating a network takes a moment.
SLOPE = load_model("expr:2*z", noise_variance=0.25)


def exact_encoder(x: np.ndarray, shift: float = 0.0, factor: float = 1.0) -> tuple:
    mean = (x @ np.array([1.0, -2.0])) * 4.0 / PRECISION
    scale = np.full(len(x), factor / math.sqrt(PRECISION))
    return mean + shift, scale


def test_the_truth_with_its_own_posterior_loses_nothing() -> None:
    judged = judge(LINE, LINE, exact_encoder, details=False)
    gap = judged.amortisation_gap
    assert gap is not None
    assert abs(gap.value) <= gap.error + 1e-12
    assert gap.error < 1e-3
    assert abs(judged.excess.value) < 1e-9
    assert judged.steepness == pytest.approx(math.sqrt(5.0), rel=1e-9)
    entropy = 0.5 * math.log(0.25 * (0.25 + 5.0)) + math.log(2.0 * math.pi * math.e)
    assert judged.log_likelihood.value == pytest.approx(-entropy, abs=1e-9)


@pytest.mark.parametrize(("shift", "factor"), [(0.3, 1.0), (0.0, 2.0), (-0.1, 0.5)])
def test_amortisation_gap_is_the_kl_to_the_posterior(shift: float, factor: float) -> None:
    judged = judge(LINE, LINE, lambda x: exact_encoder(x, shift, factor), details=False)
    expected = 0.5 * (PRECISION * shift**2 + factor**2 - 1.0) - math.log(factor)
    gap = judged.amortisation_gap
    assert gap is not None
    assert abs(gap.value - expected) <= gap.error + 1e-12
    assert gap.error < 1e-3


def test_own_elbo_in_three_dimensions() -> None:
    model = load_model("expr:[z, 0, z]", noise_variance=1.0)
    # Posterior N((x₁ + x₃)/3, 1/3): −ELBO is the entropy.
    found = own_negative_elbo(
        model, model, lambda x: ((x[:, 0] + x[:, 2]) / 3.0, np.full(len(x), 3.0**-0.5))
    )
    entropy = 1.5 * math.log(2.0 * math.pi * math.e) + 0.5 * math.log(3.0)
    assert abs(found.value - entropy) <= found.error < 0.05


def test_a_module_as_encoder() -> None:
    module = torch.nn.Linear(2, 2).double()
    mean, scale = encoder_of_module(module)(np.ones((3, 2)))
    output = module(torch.ones(3, 2, dtype=torch.float64)).detach().numpy()
    assert np.array_equal(mean, output[:, 0])
    assert np.array_equal(scale, np.exp(output[:, 1]))
    with pytest.raises(ModelError, match=r"expected \(n, 2\)"):
        encoder_of_module(torch.nn.Linear(2, 3).double())(np.ones((3, 2)))
    for bad in (
        lambda x: (x[:, 0], 0.0 * x[:, 0]),
        lambda x: (x[:, 0] * np.nan, 1.0 + 0 * x[:, 0]),
    ):
        with pytest.raises(ModelError, match=r"NaN, inf or a scale of zero"):
            own_negative_elbo(LINE, LINE, bad)


def test_energy_test() -> None:
    near = load_model("expr:[z, -2*z]", noise_variance=0.25)
    same = energy_test(near, LINE, size=200, relabellings=199, seed=0)
    other = energy_test(
        load_model("expr:[z, -z]", noise_variance=0.25), LINE, size=200, relabellings=199
    )
    assert same.p_value > 0.05
    assert other.p_value == pytest.approx(1.0 / 200.0)
    assert other.distance > same.distance
    assert energy_test(near, LINE, size=200, relabellings=199, seed=0) == same
    # The statistic against its definition.
    first, second, _ = np.random.default_rng(0).spawn(3)
    a, b = near.sample(200, first)[1], LINE.sample(200, second)[1]

    def mean(u: np.ndarray, v: np.ndarray) -> float:
        return float(np.linalg.norm(u[:, None] - v[None], axis=2).mean())

    assert same.distance == pytest.approx(2.0 * mean(a, b) - mean(a, a) - mean(b, b), abs=1e-12)


def test_p_values_are_even_where_laws_agree() -> None:
    values = [
        energy_test(LINE, LINE, size=40, relabellings=39, seed=seed).p_value for seed in range(60)
    ]
    assert 0.35 < np.mean(values) < 0.65
    assert np.mean(np.array(values) <= 0.1) < 0.25


def test_posteriors_are_compared_as_everywhere() -> None:
    """With ``details`` the comparison of claim C07 and of the report, not one of its own."""
    judged = judge(LINE, load_model("expr:[abs(z), abs(z)]", noise_variance=0.01), seed=3)
    expected = compare_posteriors(judged.decomposition.data, LINE, seed=3)
    assert judged.posteriors is not None
    assert judged.posteriors.to_dict() == expected.to_dict()
    found = judged.posteriors.at(HIGH)
    # Every posterior of the fold has two equal modes and loses log 2; a line has Gaussians.
    assert found.truth.kl.value == pytest.approx(math.log(2.0), abs=0.1)
    assert found.truth.several.value > 0.9
    assert abs(found.other.kl.value) < 1e-9
    assert found.other.several.value == 0.0
    # No share of so many draws is known exactly, whatever they say.
    assert found.other.several.error > 0.0
    assert found.kl_saved.lower > 0.5


def test_distance_to_a_predicted_optimum() -> None:
    model = load_model("expr:[0.9*z, -2*z]", noise_variance=0.25)
    learned, best = judge(model, LINE, details=False), judge(LINE, LINE, details=False)
    distance = compare_with_predicted(learned, best)
    assert distance.excess.value == pytest.approx(learned.excess.value, abs=1e-9)
    assert (distance.near, distance.not_below) == (Verdict.HOLDS, Verdict.HOLDS)
    other = compare_with_predicted(best, learned)
    assert other.not_below is Verdict.FAILS
    assert "unrestricted optimum" in summary({"unrestricted": distance})
    assert json.dumps(distance.to_dict())


def test_a_run_is_judged_as_a_whole() -> None:
    settings = TrainingSettings.of(
        "vae", steps=50, restarts=2, from_truth=0, hidden=(6, 6), batch=16
    )
    trained = train(SLOPE, settings, device="cpu")
    truth = judge(SLOPE, SLOPE, details=False)
    result = judge_run(trained, {"unrestricted": truth}, details=False)
    values = result.to_dict()
    for key in ("method", "restarts", "selected", "predicted", "gap"):
        assert key in values
    assert [
        set(entry) >= {"init", "objective", "excess", "mleo", "pmo"} for entry in values["restarts"]
    ] == [True] * 2
    assert values["gap"]["value"] == pytest.approx(result.selected.excess.value, abs=1e-9)
    gap = result.selected.amortisation_gap
    assert gap is not None
    assert gap.lower > 0.0
    # The exact −ELBO of its own encoder agrees with the objective that was measured by sampling.
    own = result.selected.negative_elbo
    assert own is not None
    error = 5.0 * trained.objective_error[trained.selected]
    assert abs(own.value - trained.objective[trained.selected]) < error
    without = judge_run(trained, details=False).to_dict()
    assert without["predicted"] is None
    assert without["gap"] is None


def test_all_runs_in_one_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # How well a run is known is not what is looked at.
    monkeypatch.setitem(judge_run.__kwdefaults__, "tolerance", 3e-2)
    arguments = ["-o", str(tmp_path), "--models", "circle", "--methods", "vae", "--device", "cpu"]
    arguments += ["--steps", "3", "--restarts", "1", "--batch", "8"]
    assert train_all.main(arguments) == 0
    written = (tmp_path / "results.md").read_text()
    assert written.splitlines()[2].startswith("| circle | vae | ")
    stamp = (tmp_path / "circle-vae" / "result.json").stat().st_mtime_ns
    # What is done is not done again.
    assert train_all.main(arguments) == 0
    assert (tmp_path / "circle-vae" / "result.json").stat().st_mtime_ns == stamp
    assert train_all.main(["-o", str(tmp_path), "--models", "circl"]) == 2
    assert "did you mean 'circle'" in capsys.readouterr().err
