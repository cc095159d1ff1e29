"""Radii of what networks are judged by, broken by one term each: the table of tests/radii."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from neural._noise_attribution import over_seeds
from neural._results import RunResult
from neural._stepper import averaged
from tests.mutants import mutant
from tests.radii.inventory import makers, mutated
from tests.radii.of_labelled_networks import LABELLED_NETWORKS
from tests.radii.of_tables import TABLES_OF_X
from tests.radii.table import ALLOWED, SEEN, Table, getter, off, rewired
from theorycheck.estimate import Estimate, Kind, Verdict
from theorycheck.evaluation import _amortisation as amortisation
from theorycheck.evaluation._judging import Judged, compare_with_predicted
from theorycheck.evaluation._noise_refit import own_refit
from theorycheck.evaluation._prediction import Comparison
from theorycheck.models._loading import load_model
from theorycheck.objectives._objective import IwaeBound
from theorycheck.objectives._objective_value import ObjectiveValue

LINE = load_model("expr:z", noise_variance=0.25)


def _own_average(function: Callable[..., Any]) -> float:
    """Each value's error is handed on, and the largest −ELBO where p(x) is something."""
    mass = np.array([0.1, 0.4, 0.3, 0.2, 0.25, 1e-14])
    # −ELBO is negative and largest in size at one node, and anything at all where p is nothing.
    values = np.array([1.0, -9.0, 3.0, 2.0, 4.0, 1e6])
    errors = np.array([0.01, 0.02, 0.0, 0.04, 0.05, 0.0])
    given: list[Any] = []

    def average(_values: Any, radii: Any, *, unseen: float) -> Estimate:
        given.extend([radii, unseen])
        return Estimate(0.0, 0.125)

    rule = SimpleNamespace(x=None, mass=mass, change=lambda _: 0.0, average=average)
    bare = rewired(function, data_rule=lambda *_, **__: rule)
    found = bare(SimpleNamespace(model=LINE), lambda _: (values, errors), 0, (1.0 / 3.0,))
    return max(off(given[0], errors), off(given[1], 9.0), off(found.error, 0.125))


def _own_average_refined(function: Callable[..., Any]) -> float:
    """A coarse grid that does is not refined, one that does not do is; the last radius counts."""
    worst = 0.0
    for changes, steps in (((1e-5,), 1), ((1.0, 1e-5), 2), ((1.0, 0.5), 2)):
        asked: list[float] = []

        def rule(
            *_: Any, step: float, seed: int, asked: list[float] = asked, changes: Any = changes
        ) -> Any:
            asked.append(step)
            assert seed == 3
            change = changes[min(len(asked), len(changes)) - 1]
            return SimpleNamespace(
                x=None, mass=np.ones(2), change=lambda _: change,
                average=lambda *_, **__: Estimate(0.0, change),
            )  # fmt: skip

        bare = rewired(function, data_rule=rule)
        found = bare(
            SimpleNamespace(model=LINE),
            lambda _: (np.ones(2), np.zeros(2)),
            3,
            (1.0 / 3.0, 1.0 / 6.0),
        )
        worst = max(worst, off(found.error, changes[-1]), off(len(asked), steps))
    return worst


def _own_excess(function: Callable[..., Any]) -> float:
    """J_S at a node is known as well as log p, at most to a nat, and as L_S."""
    x = np.zeros((3, 1))
    p = SimpleNamespace(
        value=np.array([-1.0, -2.0, -3.0]), relative_error=np.array([0.1, 0.2, 7.0])
    )
    bound = np.zeros(3), np.array([0.03, 0.02, 0.01])
    _, errors = rewired(
        function, MeanField=lambda _: None, _own_q=lambda *_: (None, None),
        exact_model=lambda _: SimpleNamespace(log_density=lambda _: p),
        network_average=lambda _data, values, *_: values(x),
    )(LINE, LINE, None, SimpleNamespace(negative_bound=lambda *_: bound))  # fmt: skip
    return off(errors, [0.13, 0.22, 1.01])


def _own_j(function: Callable[..., Any]) -> float:
    """J by the own encoder is a difference of two averages: both radii; of S > 1 one average."""
    entropy, known = Estimate(1.0, 0.1), Estimate(2.5, 0.02)
    bare = rewired(
        function, own_negative_elbo=lambda *_, **__: Estimate(2.5, 0.003),
        _own_bound_excess=lambda *_, **__: Estimate(0.5, 0.07),
    )  # fmt: skip
    found = [
        bare(None, None, None, entropy), bare(None, None, None, entropy, negative_elbo=known),
        bare(None, None, None, entropy, objective=IwaeBound(5)),
    ]  # fmt: skip
    return off([f.error for f in found], [0.103, 0.12, 0.07]) + off(
        [f.value for f in found], [1.5, 1.5, 0.5]
    )


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
        # Each known to a radius of its own: the largest is added, wherever it stands.
        sizes = [0.02, 0.7, 0.01, 0.03][: len(values)]
        given = [Estimate(v, e, Kind.PROVED) for v, e in zip(values, sizes, strict=True)]
        worst = max(worst, off(function(given).error, found.error + 0.7))
    return max(worst, 0.0)


def _validation(function: Callable[..., Any]) -> float:
    """One standard error over the validation points, in chunks."""
    values = torch.tensor([[1.0, 2.0, 6.0], [0.0, 0.0, 9.0]])
    found = function(torch.arange(3), 2, 2, lambda x: values[:, x])[1].numpy()
    return max(off(found, [math.sqrt(7.0 / 3.0), math.sqrt(27.0 / 3.0)]) - 1e-7, 0.0)


class _Parts:
    """Radii of a judged model, each told by its size."""

    decomposition = SimpleNamespace(
        entropy=Estimate(1.0, 0.1), negative_elbo=Estimate(2.0, 0.02), excess=Estimate(0.3, 0.003)
    )
    negative_elbo, encoder_loss = Estimate(2.5, 0.0004), None
    figures = ObjectiveValue(Estimate(0.3, 0.003), Estimate(0.2, 0.05), Estimate(0.1, 0.006))
    excess, mleo, pmo = figures.excess, figures.mleo, figures.pmo


def _likelihood(function: Callable[..., Any]) -> float:
    return off(function(_Parts()).error, 0.15)


def _gap(function: Callable[..., Any]) -> float:
    return off(function(_Parts()).error, 0.0204)


def _distance(function: Callable[..., Any]) -> float:
    """Trained minus predicted: both radii in each part; near and below by the radius."""
    value = ObjectiveValue(Estimate(0.29, 0.04), Estimate(0.0, 0.0003), Estimate(0.0, 0.00007))
    found = function(_Parts(), SimpleNamespace(figures=value))
    radii = off(
        [found.excess.error, found.mleo.error, found.pmo.error],
        [0.003 + 0.04, 0.05 + 0.0003, 0.006 + 0.00007],
    )  # fmt: skip
    above = dataclasses.replace(value, excess=Estimate(0.31, 0.04))
    below = function(_Parts(), SimpleNamespace(figures=above))
    undecided = (found.near, found.not_below, below.not_below)
    return radii + sum(verdict is not Verdict.INCONCLUSIVE for verdict in undecided)


def _own_objective(function: Callable[..., Any]) -> float:
    """An optimum of J_S is compared with the model's own J_S, radius and all."""
    value = ObjectiveValue(Estimate(0.1, 0.01), Estimate(0.0, 0.0), Estimate(0.0, 0.0))
    optimum = SimpleNamespace(figures=value, objective=IwaeBound(5))
    own = dataclasses.replace(_Parts.figures, excess=Estimate(0.4, 0.002))
    evaluation = SimpleNamespace(figures=own)
    found = function(
        SimpleNamespace(judged=_Parts(), evaluation=evaluation, objective=IwaeBound(5)), optimum
    )
    return off(found.excess.error, 0.012)


def _paired(function: Callable[..., Any]) -> float:
    """What each own −ELBO is known to, on average, and how much better a q may be than the best."""
    averages = SimpleNamespace(
        x=np.zeros((4, 1)), kl=np.array([1.0, 2.0, 3.0, 4.0]), pmo_error=0.125
    )
    evidence = SimpleNamespace(value=np.array([-1.0, -1.0, -2.0, -2.0]))
    # Own −ELBO is above that of q*, kl − log p, by 0.5, 1.5; 0, 1 in two sets of draws.
    own = np.array([2.5, 4.5, 5.0, 7.0]), np.array([0.01, 0.02, 0.03, 0.04])
    found = rewired(
        function, _at_own_q=lambda *_: own,
        exact_model=lambda _: SimpleNamespace(log_density=lambda _: evidence),
    )(None, None, averages, 2)  # fmt: skip
    return max(
        off(found.value, 0.75), off(found.error, 5.0 * 0.25 + 0.025 + 0.125),
        float(found.kind is not Kind.STATISTICAL),
    )  # fmt: skip


def _restarts(function: Callable[..., Any]) -> float:
    """Each restart is printed with its own error."""
    trained = SimpleNamespace(
        objective=np.array([1.0, 2.0]), objective_error=np.array([0.1, 0.02]), seconds=1.0,
        settings=SimpleNamespace(
            inits=("random", "truth"), method="vae", samples=1, latents=1, to_dict=dict
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


_AVERAGE, _EXCESS = amortisation.network_average, amortisation._own_bound_excess

NEURAL: Table = {
    "own average: values known exactly": (
        _own_average, _AVERAGE, "rule.average(each, errors,", "rule.average(each, 0.0 * errors,",
    ),
    "own average: nothing beyond the grid": (
        _own_average, _AVERAGE, "unseen=float(np.abs(each[seen]).max())", "unseen=0.0",
    ),
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
        _own_average_refined, _AVERAGE, "rule.change(each) < _GRID_TOLERANCE", "True",
    ),
    "own average: always refined": (
        _own_average_refined, _AVERAGE, "rule.change(each) < _GRID_TOLERANCE", "False",
    ),
    "own J_S: log p known exactly": (
        _own_excess, _EXCESS, "np.minimum(p.relative_error, 1.0) +", "",
    ),
    "own J_S: L_S known exactly": (_own_excess, _EXCESS, "+ errors", ""),
    "own J_S: log p off by more than a nat": (
        _own_excess, _EXCESS, "np.minimum(p.relative_error, 1.0)", "p.relative_error",
    ),
    "own J: H known exactly": (
        _own_j, amortisation.own_excess, "own - entropy", "own - Estimate(entropy.value, 0.0)",
    ),
    "own J: −ELBO known exactly": (
        _own_j, amortisation.own_excess, "own - entropy", "Estimate(own.value, 0.0) - entropy",
    ),
    "paired gap: own −ELBO known exactly": (
        _paired, amortisation.paired_gap, "rule.average(lost, errors)", "rule.average(lost, 0.0)",
    ),
    "paired gap: no better q": (
        _paired, amortisation.paired_gap, "found.error + averages.pmo_error", "found.error",
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
    "over seeds: each value known exactly": (
        _over_seeds, over_seeds, "max(each.error for each in known)", "0.0",
    ),
    "over seeds: the first value's radius": (
        _over_seeds, over_seeds, "max(each.error for each in known)", "known[0].error",
    ),
    "over seeds: radii on average": (
        _over_seeds, over_seeds, "max(each.error for each in known)",
        "float(np.mean([each.error for each in known]))",
    ),
    "over seeds: one-sided": (
        _over_seeds, over_seeds, "0.5 + 0.5 * _CONFIDENCE", "_CONFIDENCE",
    ),
    "over seeds: not statistical": (_over_seeds, over_seeds, "Kind.STATISTICAL", "Kind.ESTIMATED"),
    "validation: deviation of one point": (
        _validation, averaged, "/ max(1, number - 1)", "",
    ),
    "validation: variance about its own mean": (
        _validation, averaged, "max(1, number - 1)", "number",
    ),
    "validation: squares without the mean's": (_validation, averaged, "- mean**2", ""),
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
    "distance: J known exactly": (
        _distance, compare_with_predicted, "excess=gap.excess",
        "excess=Estimate(gap.excess.value, 0.0)",
    ),
    "distance: MLEO known exactly": (
        _distance, compare_with_predicted, "mleo=gap.mleo", "mleo=Estimate(gap.mleo.value, 0.0)",
    ),
    "distance: PMO known exactly": (
        _distance, compare_with_predicted, "pmo=gap.pmo", "pmo=Estimate(gap.pmo.value, 0.0)",
    ),
    "distance: predicted optimum known exactly": (
        _distance, compare_with_predicted, "trained.figures - predicted.figures", "trained.figures",
    ),
    "distance: near by its value": (
        _distance, compare_with_predicted, "Estimate(NEAR_OPTIMUM, 0.0) - gap.excess",
        "Estimate(NEAR_OPTIMUM - gap.excess.value, 0.0)",
    ),
    "distance: below by its value": (
        _distance, compare_with_predicted, "nonnegative(gap.excess)",
        "nonnegative(Estimate(gap.excess.value, 0.0))",
    ),
    "distance: J's radius for J_S": (
        _own_objective, Comparison._distance, "compare_with_predicted(self.evaluation,",
        "compare_with_predicted(self.judged,",
    ),
    "restarts: the first one's error": (
        _restarts, RunResult.to_dict, "trained.objective_error[number]",
        "trained.objective_error[0]",
    ),
    "restarts: MLEO for the PMO": (
        _restarts, RunResult.to_dict, "**judged.figures.to_dict(),",
        "**{**judged.figures.to_dict(), 'pmo': judged.mleo.to_dict()},",
    ),
}  # fmt: skip


def test_every_radius_is_in_the_table() -> None:
    known = mutated(NEURAL) | mutated(TABLES_OF_X) | mutated(LABELLED_NETWORKS)
    assert makers("neural") | makers("theorycheck/evaluation") <= known


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
