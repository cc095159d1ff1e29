"""Radii of what networks are judged by, broken by one term each: the table of tests/radii."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from neural._noise_attribution import over_seeds  # noqa: E402
from neural._results import RunResult  # noqa: E402
from neural._trainer import Trainer  # noqa: E402
from tests.mutants import mutant  # noqa: E402
from tests.radii.inventory import makers, mutated  # noqa: E402
from tests.radii.table import ALLOWED, SEEN, Table, getter, off, rewired  # noqa: E402
from theorycheck.estimate import Estimate, Kind, Verdict  # noqa: E402
from theorycheck.evaluation import _amortisation as amortisation  # noqa: E402
from theorycheck.evaluation import _comparison as comparison
from theorycheck.evaluation._judging import Judged, compare_with_predicted  # noqa: E402
from theorycheck.evaluation._noise_refit import own_refit  # noqa: E402
from theorycheck.evaluation._prediction import Comparison  # noqa: E402
from theorycheck.models._loading import load_model  # noqa: E402
from theorycheck.quadrature._data_nodes import DataSample, TrapezoidGrid  # noqa: E402

LINE = load_model("expr:z", noise_variance=0.25)


def _own_average(function: Callable[..., Any]) -> float:
    """On six nodes: the rule's change, what the grid misses, each value's error, and rounding."""
    p = np.array([0.1, 0.4, 0.3, 0.2, 0.25, 1e-14])
    # −ELBO is negative and largest in size at one node, and anything at all where p is nothing.
    values = np.array([1.0, -9.0, 3.0, 2.0, 4.0, 1e6])
    errors = np.array([0.01, 0.02, 0.0, 0.04, 0.05, 0.0])
    missing = 0.02
    grid = TrapezoidGrid(np.zeros((6, 1)), np.log(p), 0.5, np.array([True, False] * 3), missing)
    bare = rewired(function, trapezoid_grid=lambda *_: grid, latent_panels=lambda _: None)
    found = bare(LINE, lambda _: (values, errors), 0, (1.0 / 3.0,))
    # All nodes are at 0: a rule of four times the step has all of the sum, or none of it.
    change = 0.25 * 3.0 * abs(0.5 * float(p @ values))
    expected = change + missing * 9.0 + 0.5 * float(p @ errors) + 1e-12
    return off(found.error, expected) + (found.kind is not Kind.ESTIMATED)


def _own_average_resolved(function: Callable[..., Any]) -> float:
    """Where nothing changes and nothing is missing, rounding is left."""
    return off(_refined(function, np.ones(4)).error, 1e-12)


def _own_average_refined(function: Callable[..., Any]) -> float:
    """A coarse grid that does is not refined, one that does not do is; the last radius counts."""
    # Rules of four times the step give 1, 2, 1 and 1; all of them 1.25.
    found = _refined(function, np.array([1.0, 3.0, 1.0, 1.0]), np.array([1.0, 2.0, 1.0, 1.0]))
    return off(found.error, 0.25 * 0.75 + 1e-12)


def _refined(function: Callable[..., Any], *elbos: Any) -> Estimate:
    """Average over four nodes that have other values on each grid."""
    steps: list[float] = []

    def grid(_: Any, step: float) -> TrapezoidGrid:
        steps.append(step)
        x = np.arange(4.0)[:, None] * step * LINE.sigma
        return TrapezoidGrid(x, np.log(np.full(4, 0.5)), 0.5, np.zeros(4, bool), 0.0)

    bare = rewired(function, trapezoid_grid=grid, latent_panels=lambda _: None)
    found: Estimate = bare(
        LINE, lambda _: (elbos[len(steps) - 1], np.zeros(4)), 0, (1.0 / 3.0, 1.0 / 6.0)
    )
    assert len(steps) <= len(elbos)
    return found


def _own_average_of_draws(function: Callable[..., Any]) -> float:
    """Five standard errors over repetitions, and what each value is known to on average."""
    model = load_model("expr:[z, z, z]", noise_variance=0.5)
    draws = DataSample(np.random.default_rng(1).normal(size=(4, 8, 3)))
    errors = np.linspace(0.0, 0.3, 32)
    bare = rewired(function, quasi_monte_carlo=lambda *_, **__: draws)
    found = bare(model, lambda x: (x[:, 0], errors), 0, ())
    means = draws.x[..., 0].mean(axis=1)
    expected = 5.0 * math.sqrt(float(((means - means.mean()) ** 2).sum()) / 3.0 / 4.0)
    return off(found.error, expected + 0.15) + (found.kind is not Kind.STATISTICAL)


def _own_excess(function: Callable[..., Any]) -> float:
    """J_S at a node is known as well as log p, at most to a nat, and as L_S."""
    x = np.zeros((3, 1))
    p = SimpleNamespace(
        value=np.array([-1.0, -2.0, -3.0]), relative_error=np.array([0.1, 0.2, 7.0])
    )
    bound = SimpleNamespace(value=np.zeros(3), error=np.array([0.03, 0.02, 0.01]))
    _, errors = rewired(
        function, latent_panels=lambda _: None, _own_q=lambda *_: (None, None),
        iwae_bound=lambda *_: bound, log_density=lambda *_: p,
        _average=lambda _data, values, *_: values(x),
    )(LINE, LINE, None, 5)  # fmt: skip
    return off(errors, [0.13, 0.22, 1.01])


def _refit(function: Callable[..., Any]) -> float:
    """4σ_d² times a difference of two averages of −ELBO: both radii, each dimension's own σ²."""
    model = load_model("expr:[z, 0*z]", noise_variance=[0.25, 4.0])
    # By σ², so that a difference at another σ² has another radius.
    known = {
        (0.25, 4.0): Estimate(3.0, 0.01), (0.5, 4.0): Estimate(2.5, 0.002, Kind.STATISTICAL),
        (0.25, 8.0): Estimate(2.75, 0.0003),
    }  # fmt: skip

    def average(of: Any, *_: Any, **__: Any) -> Estimate:
        return known[tuple(of.noise_variance)]

    bare = rewired(function, own_negative_elbo=average)
    # One that is given replaces the first, radius and all.
    given = bare(model, None, None, negative_elbo=Estimate(3.0, 0.5))
    found = bare(model, None, None)
    half = 0.5 * math.log(2.0)
    radii = off(
        [e.error for e in (*found, *given)],
        [0.012, 16.0 * 0.0103, 0.502, 16.0 * 0.5003],
    )  # fmt: skip
    values = off([e.value for e in found], [0.5 + half, 16.0 * (0.25 + half)])
    return max(radii, values, float(found[0].kind is not Kind.STATISTICAL))


def _over_seeds(function: Callable[..., Any]) -> float:
    """Student's 97.5 % quantiles, from tables, times the standard error."""
    worst = 0.0
    for values, quantile in (([1.0, 2.0, 6.0], 4.302652730), ([0.0, 0.0, 1.0, 3.0], 3.182446305)):
        each = np.array(values)
        deviation = math.sqrt(float(((each - each.mean()) ** 2).sum()) / (len(each) - 1))
        found = function(values)
        radius = off(found.error, quantile * deviation / math.sqrt(len(each)))
        worst = max(worst, radius - 1e-8, float(found.kind is not Kind.STATISTICAL))
    return max(worst, 0.0)


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
        settings=SimpleNamespace(samples=1, seed=0, restarts=2, streams=2), device="cpu",
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


_AVERAGE, _EXCESS = amortisation._average, amortisation.own_iwae_excess

NEURAL: Table = {
    "own average: without the rule's change": (
        _own_average, _AVERAGE, "change + unseen +", "unseen +",
    ),
    "own average: without what the grid misses": (
        _own_average, _AVERAGE, "change + unseen +", "change +",
    ),
    "own average: without the values' errors": (_own_average, _AVERAGE, "+ evaluation +", "+"),
    "own average: half of the radius": (
        _own_average, _AVERAGE, "change + unseen + evaluation", "0.5 * (change + unseen)",
    ),
    "own average: errors without p": (
        _own_average, _AVERAGE, "(density * errors).sum()", "errors.sum()",
    ),
    "own average: errors without the cell": (
        _own_average, _AVERAGE, "evaluation = grid.volume *", "evaluation =",
    ),
    "own average: without rounding": (_own_average_resolved, _AVERAGE, "+ 1e-12", ""),
    "own average: beyond the grid as on the average": (
        _own_average, _AVERAGE, "np.abs(each[seen]).max()", "np.abs(each[seen]).mean()",
    ),
    "own average: beyond the grid as at its largest value": (
        _own_average, _AVERAGE, "np.abs(each[seen]).max()", "each[seen].max()",
    ),
    "own average: beyond the grid as where p is nothing": (
        _own_average, _AVERAGE, "np.abs(each[seen]).max()", "np.abs(each).max()",
    ),
    "own average: never refined": (
        _own_average_refined, _AVERAGE, "change < _GRID_TOLERANCE", "True",
    ),
    "own average: the first grid's change": (
        _own_average_refined, _AVERAGE, "change = change_at_kinks(",
        "change = change or change_at_kinks(",
    ),
    "own average of draws: without radius": (
        _own_average_of_draws, _AVERAGE, "error + float(errors.mean())", "float(errors.mean())",
    ),
    "own average of draws: without the values' errors": (
        _own_average_of_draws, _AVERAGE, "error + float(errors.mean())", "error",
    ),
    "own average of draws: not statistical": (
        _own_average_of_draws, _AVERAGE, ", Kind.STATISTICAL", "",
    ),
    "own J_S: log p known exactly": (
        _own_excess, _EXCESS, "np.minimum(p.relative_error, 1.0) +", "",
    ),
    "own J_S: L_S known exactly": (_own_excess, _EXCESS, "+ bound.error", ""),
    "own J_S: log p off by more than a nat": (
        _own_excess, _EXCESS, "np.minimum(p.relative_error, 1.0)", "p.relative_error",
    ),
    "own refit: own −ELBO known exactly": (
        _refit, own_refit, "fall = own - doubled", "fall = Estimate(own.value, 0.0) - doubled",
    ),
    "own refit: −ELBO at twice σ² known exactly": (
        _refit, own_refit, "own - doubled", "own - Estimate(doubled.value, 0.0)",
    ),
    "own refit: radius in nats": (
        _refit, own_refit, "fall.scaled(4.0 * float(variance))",
        "Estimate(4.0 * float(variance) * fall.value, fall.error)",
    ),
    "own refit: σ² of the first dimension": (
        _refit, own_refit, "4.0 * float(variance)", "4.0 * float(model.noise_variance[0])",
    ),
    "own refit: 4 forgotten": (_refit, own_refit, "4.0 * float(variance)", "float(variance)"),
    "own refit: every σ² doubled": (_refit, own_refit, "wider[d] *= 2.0", "wider[0] *= 2.0"),
    "own refit: one that is given not taken": (_refit, own_refit, "negative_elbo or", ""),
    "over seeds: one standard error": (_over_seeds, over_seeds, "quantile * float", "float"),
    "over seeds: deviation of one seed": (_over_seeds, over_seeds, "/ math.sqrt(count)", ""),
    "over seeds: variance about their own mean": (_over_seeds, over_seeds, "ddof=1", "ddof=0"),
    "over seeds: a quantile too many degrees": (
        _over_seeds, over_seeds, "_CONFIDENCE, count - 1", "_CONFIDENCE, count",
    ),
    "over seeds: one-sided": (
        _over_seeds, over_seeds, "0.5 + 0.5 * _CONFIDENCE", "_CONFIDENCE",
    ),
    "over seeds: not statistical": (_over_seeds, over_seeds, "Kind.STATISTICAL", "Kind.ESTIMATED"),
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
