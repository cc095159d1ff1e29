"""Radii of what networks are judged by, broken by one term each: the table of tests/radii."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from neural import amortisation, comparison  # noqa: E402
from neural.judging import Judged, compare_with_predicted  # noqa: E402
from neural.noise_refit import own_refit  # noqa: E402
from neural.prediction import Comparison  # noqa: E402
from neural.results import RunResult  # noqa: E402
from neural.trainer import Trainer  # noqa: E402
from tests.mutants import mutant  # noqa: E402
from tests.radii.inventory import makers, mutated  # noqa: E402
from tests.radii.table import ALLOWED, SEEN, Table, getter, off, rewired  # noqa: E402
from theorycheck.estimate import Estimate, Kind, Verdict  # noqa: E402
from theorycheck.models.loading import load_model  # noqa: E402
from theorycheck.quadrature.data_nodes import DataSample, TrapezoidGrid  # noqa: E402

LINE = load_model("expr:z", noise_variance=0.25)


def _own_elbo(function: Callable[..., Any]) -> float:
    """−ELBO of a network's q on six nodes: the rule's change, what the grid misses, rounding."""
    p = np.array([0.1, 0.4, 0.3, 0.2, 0.25, 1e-14])
    # −ELBO is negative and largest in size at one node, and anything at all where p is nothing.
    values = np.array([1.0, -9.0, 3.0, 2.0, 4.0, 1e6])
    coarse = np.array([True, False] * 3)
    missing = 0.02
    grid = TrapezoidGrid(np.zeros((6, 1)), np.log(p), 0.5, coarse, missing)
    bare = rewired(
        function, trapezoid_grid=lambda *_: grid, latent_panels=lambda _: None,
        MeanField=lambda _: SimpleNamespace(negative_elbo=lambda *_: values),
    )  # fmt: skip
    found = bare(LINE, LINE, lambda x: (np.zeros(len(x)), np.ones(len(x))))
    # All nodes are at 0: a rule of four times the step has all of the sum, or none of it.
    change = 0.25 * 3.0 * abs(0.5 * float(p @ values))
    return off(found.error, change + missing * 9.0 + 1e-12)


def _own_elbo_resolved(function: Callable[..., Any]) -> float:
    """Where nothing changes and nothing is missing, rounding is left."""
    return off(_refined(function, np.ones(4)).error, 1e-12)


def _own_elbo_refined(function: Callable[..., Any]) -> float:
    """A coarse grid that does is not refined, one that does not do is; the last radius counts."""
    # Rules of four times the step give 1, 2, 1 and 1; all of them 1.25.
    found = _refined(function, np.array([1.0, 3.0, 1.0, 1.0]), np.array([1.0, 2.0, 1.0, 1.0]))
    return off(found.error, 0.25 * 0.75 + 1e-12)


def _refined(function: Callable[..., Any], *elbos: Any) -> Estimate:
    """Compute a network's −ELBO on four nodes, of other values on each grid."""
    steps: list[float] = []

    def grid(_: Any, step: float) -> TrapezoidGrid:
        steps.append(step)
        x = np.arange(4.0)[:, None] * step * LINE.sigma
        return TrapezoidGrid(x, np.log(np.full(4, 0.5)), 0.5, np.zeros(4, bool), 0.0)

    bare = rewired(
        function, trapezoid_grid=grid, latent_panels=lambda _: None,
        MeanField=lambda _: SimpleNamespace(negative_elbo=lambda *_: elbos[len(steps) - 1]),
    )  # fmt: skip
    found: Estimate = bare(LINE, LINE, lambda x: (np.zeros(len(x)), np.ones(len(x))))
    assert len(steps) <= len(elbos)
    return found


def _own_elbo_of_draws(function: Callable[..., Any]) -> float:
    model = load_model("expr:[z, z, z]", noise_variance=0.5)
    draws = DataSample(np.random.default_rng(1).normal(size=(4, 8, 3)))
    bare = rewired(
        function, quasi_monte_carlo=lambda *_, **__: draws,
        MeanField=lambda _: SimpleNamespace(negative_elbo=lambda x, *_: x[:, 0]),
    )  # fmt: skip
    found = bare(model, model, lambda x: (np.zeros(len(x)), np.ones(len(x))))
    means = draws.x[..., 0].mean(axis=1)
    expected = 5.0 * math.sqrt(float(((means - means.mean()) ** 2).sum()) / 3.0 / 4.0)
    return off(found.error, expected) + (found.kind is not Kind.STATISTICAL)


def _refit(function: Callable[..., Any]) -> float:
    """Five standard errors over draws of x, each dimension's own, from three draws."""
    data = load_model("expr:[z, 0*z]", noise_variance=[0.25, 4.0])
    x = np.array([[1.0, 10.0], [2.0, -30.0], [6.0, 5.0]])
    fake = SimpleNamespace(sample=lambda *_: (None, x))
    # f = 0: the residuals are x².
    model = SimpleNamespace(decoder=lambda z: np.zeros((len(z), 2)))
    found = function(model, fake, lambda x: (np.zeros(len(x)), np.ones(len(x))))
    deviation = np.sqrt((((x**2) - (x**2).mean(axis=0)) ** 2).sum(axis=0) / 2.0)
    assert data.data_dim == 2
    return off([e.error for e in found], 5.0 * deviation / math.sqrt(3.0))


def _posteriors(function: Callable[..., Any]) -> float:
    """No draw of 50 has two modes: that share has the radius of one draw. KL is paired."""
    kl = [np.linspace(0.0, 1.0, 50), np.linspace(0.0, 1.0, 50) ** 2]
    parts = {0: SimpleNamespace(kl=lambda _: kl[0]), 1: SimpleNamespace(kl=lambda _: kl[1])}
    found = rewired(
        function, latent_panels=lambda model: model, MeanField=lambda model: parts[model],
        log_density=lambda *_: SimpleNamespace(value=np.arange(100.0)), _modes_at=lambda *_: 1,
    )(1, _Numbered(0))  # fmt: skip
    one_draw = 5.0 * math.sqrt(1.0 / 50.0 / 50.0) + 1e-12
    paired = 5.0 * float((kl[0] - kl[1]).std(ddof=1)) / math.sqrt(50.0) + 1e-12
    figures = [found.truth.multi_modal, found.learned.multi_modal, found.kl_saved]
    return off([e.error for e in figures], [one_draw, one_draw, paired])


class _Numbered(int):
    """A model that is known by its number, and that 100 draws are made from."""

    def sample(self, *_: Any) -> tuple[None, Any]:
        return None, np.zeros((100, 1))


def _validation(function: Callable[..., Any]) -> float:
    """One standard error over the validation points, in chunks."""
    values = torch.tensor([[1.0, 2.0, 6.0], [0.0, 0.0, 9.0]])
    trainer = SimpleNamespace(
        settings=SimpleNamespace(samples=1, seed=0, restarts=2), device="cpu",
        validation=torch.arange(3), _bound_of_each=lambda x, *_: values[:, x],
    )  # fmt: skip
    found = rewired(function, _CHUNK=2)(trainer)[1].numpy()
    return max(off(found, [math.sqrt(7.0 / 3.0), math.sqrt(27.0 / 3.0)]) - 1e-7, 0.0)


class _Parts:
    """Radii of a judged model, each told by its size."""

    decomposition = SimpleNamespace(
        entropy=Estimate(1.0, 0.1), negative_elbo=Estimate(2.0, 0.02), excess=Estimate(0.3, 0.003)
    )
    negative_elbo = Estimate(2.5, 0.0004)
    excess = Estimate(0.3, 0.003)
    mleo = Estimate(0.2, 0.05)
    pmo = Estimate(0.1, 0.006)


def _likelihood(function: Callable[..., Any]) -> float:
    return off(function(_Parts()).error, 0.15)


def _gap(function: Callable[..., Any]) -> float:
    return off(function(_Parts()).error, 0.0204)


def _distance(function: Callable[..., Any]) -> float:
    """Trained minus predicted: both radii in each part; near and below by the radius."""
    predicted = SimpleNamespace(
        excess=Estimate(0.29, 0.04), mleo=Estimate(0.0, 0.0003), pmo=Estimate(0.0, 0.00007)
    )
    found = function(_Parts(), predicted)
    radii = off(
        [found.excess.error, found.mleo.error, found.pmo.error],
        [0.003 + 0.04, 0.05 + 0.0003, 0.006 + 0.00007],
    )  # fmt: skip
    below = function(
        _Parts(), SimpleNamespace(**{**vars(predicted), "excess": Estimate(0.31, 0.04)})
    )
    undecided = (found.near, found.not_below, below.not_below)
    return radii + sum(verdict is not Verdict.INCONCLUSIVE for verdict in undecided)


def _own_objective(function: Callable[..., Any]) -> float:
    """An optimum of J_S is compared with the model's own J_S, radius and all."""
    optimum = SimpleNamespace(
        excess=Estimate(0.1, 0.01), mleo=Estimate(0.0, 0.0), pmo=Estimate(0.0, 0.0), samples=5
    )
    importance = SimpleNamespace(samples=5, excess=Estimate(0.4, 0.002))
    found = function(SimpleNamespace(judged=_Parts(), importance=importance), optimum)
    return off(found.excess.error, 0.012)


def _restarts(function: Callable[..., Any]) -> float:
    """Each restart is printed with its own error."""
    trained = SimpleNamespace(
        objective=np.array([1.0, 2.0]), objective_error=np.array([0.1, 0.02]), seconds=1.0,
        settings=SimpleNamespace(
            inits=("random", "truth"), method="vae", samples=1, to_dict=dict
        ),
        noise_variance=lambda _: [0.1], selected=0,
        trainer=SimpleNamespace(model=SimpleNamespace(name="f"), device="cpu"),
    )  # fmt: skip
    empty = SimpleNamespace(to_dict=dict)
    run = SimpleNamespace(
        trained=trained, restarts=(_Parts(), _Parts()), selected=empty, comparison=empty
    )
    rows = function(run)["restarts"]
    found = [row[name]["error"] for row in rows for name in ("excess", "mleo", "pmo")]
    return off(
        [row["objective_error"] for row in rows] + found, [0.1, 0.02] + 2 * [0.003, 0.05, 0.006]
    )


_OWN = amortisation.own_negative_elbo

NEURAL: Table = {
    "own −ELBO: radius cut to what the grid misses": (
        _own_elbo, _OWN, "change + unseen + 1e-12", "unseen + 1e-12",
    ),
    "own −ELBO: radius cut to the rule's change": (
        _own_elbo, _OWN, "change + unseen + 1e-12", "change + 1e-12",
    ),
    "own −ELBO: radius cut to rounding": (_own_elbo, _OWN, "change + unseen + 1e-12", "1e-12"),
    "own −ELBO: half of the radius": (
        _own_elbo, _OWN, "change + unseen + 1e-12", "0.5 * (change + unseen)",
    ),
    "own −ELBO: without rounding": (_own_elbo_resolved, _OWN, "+ 1e-12", ""),
    "own −ELBO: beyond the grid as on the average": (
        _own_elbo, _OWN, "np.abs(each[seen]).max()", "np.abs(each[seen]).mean()",
    ),
    "own −ELBO: beyond the grid as at its largest value": (
        _own_elbo, _OWN, "np.abs(each[seen]).max()", "each[seen].max()",
    ),
    "own −ELBO: beyond the grid as where p is nothing": (
        _own_elbo, _OWN, "np.abs(each[seen]).max()", "np.abs(each).max()",
    ),
    "own −ELBO: never refined": (_own_elbo_refined, _OWN, "change < _GRID_TOLERANCE", "True"),
    "own −ELBO of draws: without radius": (
        _own_elbo_of_draws, _OWN, "Estimate(*draws.average(each)",
        "Estimate(draws.average(each)[0], 0.0",
    ),
    "own refit: one standard error": (_refit, own_refit, "_STANDARD_ERRORS *", ""),
    "own refit: deviation of one draw": (_refit, own_refit, "/ np.sqrt(len(x))", ""),
    "own refit: draws of z counted as draws of x": (
        _refit, own_refit, "/ np.sqrt(len(x))", "/ np.sqrt(len(x) * _LATENTS)",
    ),
    "own refit: variance about its own mean": (_refit, own_refit, "ddof=1", "ddof=0"),
    "own refit: radius of the first dimension": (
        _refit, own_refit, ", error, strict", ", error[[0, 0]], strict",
    ),
    "own refit: radius of another dimension": (
        _refit, own_refit, ", error, strict", ", error[::-1], strict",
    ),
    "posteriors: share known exactly where it never varied": (
        _posteriors, comparison.posterior_simplicity, "(count > 1).astype(float), 1.0",
        "(count > 1).astype(float)",
    ),
    "posteriors: KL saved not paired": (
        _posteriors, comparison.posterior_simplicity, "mean_of_draws(kl[0] - kl[1])",
        "mean_of_draws(kl[0]) - mean_of_draws(kl[1])",
    ),
    "validation: deviation of one point": (
        _validation, Trainer.bounds, "/ max(1, number - 1)", "",
    ),
    "validation: variance about its own mean": (
        _validation, Trainer.bounds, "max(1, number - 1)", "number",
    ),
    "validation: squares without the mean's": (_validation, Trainer.bounds, "- mean**2", ""),
    "log likelihood: without H's radius": (
        _likelihood, getter(Judged, "log_likelihood"), "self.decomposition.entropy + self.mleo",
        "self.mleo - self.mleo.__class__(-1.0, 0.0)",
    ),
    "log likelihood: without MLEO's radius": (
        _likelihood, getter(Judged, "log_likelihood"), "self.decomposition.entropy + self.mleo",
        "self.decomposition.entropy",
    ),
    "amortisation gap: optimal q known exactly": (
        _gap, getter(Judged, "amortisation_gap"),
        "self.negative_elbo - self.decomposition.negative_elbo",
        "self.negative_elbo - Estimate(self.decomposition.negative_elbo.value, 0.0)",
    ),
    "amortisation gap: own q known exactly": (
        _gap, getter(Judged, "amortisation_gap"), "return self.negative_elbo -",
        "return Estimate(self.negative_elbo.value, 0.0) -",
    ),
    "distance: predicted J known exactly": (
        _distance, compare_with_predicted, "- predicted.excess",
        "- Estimate(predicted.excess.value, 0.0)",
    ),
    "distance: predicted MLEO known exactly": (
        _distance, compare_with_predicted, "- predicted.mleo",
        "- Estimate(predicted.mleo.value, 0.0)",
    ),
    "distance: predicted PMO known exactly": (
        _distance, compare_with_predicted, "- predicted.pmo",
        "- Estimate(predicted.pmo.value, 0.0)",
    ),
    "distance: near by its value": (
        _distance, compare_with_predicted, "Estimate(NEAR_OPTIMUM, 0.0) - gap",
        "Estimate(NEAR_OPTIMUM - gap.value, 0.0)",
    ),
    "distance: below by its value": (
        _distance, compare_with_predicted, "nonnegative(gap)",
        "nonnegative(Estimate(gap.value, 0.0))",
    ),
    "distance: J's radius for J_S": (
        _own_objective, Comparison._distance, ", optimum, self.importance.excess",
        ", optimum, Estimate(self.importance.excess.value, self.judged.excess.error)",
    ),
    "restarts: the first one's error": (
        _restarts, RunResult.to_dict, "trained.objective_error[number]",
        "trained.objective_error[0]",
    ),
    "restarts: MLEO for the PMO": (
        _restarts, RunResult.to_dict, '"pmo": judged.pmo', '"pmo": judged.mleo',
    ),
}  # fmt: skip


def test_every_radius_is_in_the_table() -> None:
    assert makers("neural") <= mutated(NEURAL)


@pytest.mark.parametrize("name", NEURAL)
def test_the_code_passes_the_check(name: str) -> None:
    check, function, _, _ = NEURAL[name]
    assert check(function) <= ALLOWED


@pytest.mark.parametrize("name", NEURAL)
def test_the_unchanged_source_passes_the_check(name: str) -> None:
    check, function, old, _ = NEURAL[name]
    assert check(mutant(function, old, old)) <= ALLOWED


@pytest.mark.parametrize("name", NEURAL)
def test_the_mutant_fails_the_check(name: str) -> None:
    check, function, old, new = NEURAL[name]
    assert not check(_mutated(function, old, new)) <= SEEN


def _mutated(function: Any, old: str, new: str) -> Callable[..., Any]:
    made = mutant(function, old, new)
    # Some changes name what the module does not import.
    made.__globals__.setdefault("Estimate", Estimate)
    return made
