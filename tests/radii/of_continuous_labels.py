"""Radii of models with a continuous label: boxes, the rule over y, the bounds, the objective."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.radii.table import Table, off, rewired, shortfall
from theorycheck.estimate import Estimate, Kind
from theorycheck.inference import _boxed_marginal as marginal
from theorycheck.inference import _continuous_label as exact
from theorycheck.inference import _gaussian_label_q as gaussian
from theorycheck.inference import _naive_q as naive
from theorycheck.inference._label_rule import LabelRule
from theorycheck.objectives import _continuous_figures as figures
from theorycheck.objectives import _continuous_objective as objective
from theorycheck.quadrature import _latent_boxes as latent_boxes
from theorycheck.quadrature.kernels import _box_density as kernel

_EPS = float(np.finfo(float).eps)


def _density(function: Callable[..., Any]) -> float:
    """The kernel's error, what has no nodes, and the logarithm of both."""

    def batch(*given: Any) -> None:
        value, relative, mean_f = given[-3:]
        value[:], relative[:], mean_f[:] = 0.0, 1e-3, 0.0

    boxes = SimpleNamespace(
        sigma=np.ones(1), log_weight=None, f=None, defect=None, balls=None, peak_log_density=0.0,
        held=True, latent_dim=2,
    )  # fmt: skip
    missing = lambda *_: np.full(1, 2e-3)  # noqa: E731
    found = rewired(function, box_density_batch=batch, _missing_share=missing)(boxes, [[0.0]])
    return off(found.relative_error[0], 1e-3 + 2e-3)


def _logarithm(function: Callable[..., Any]) -> float:
    found = function(np.zeros(2), np.array([3e-3, 0.7]), np.zeros((2, 1)))
    return max(
        off(found.error, [-math.log1p(-3e-3), math.inf]), off(found.relative_error, [3e-3, 0.7])
    )


def _missing_share(function: Callable[..., Any]) -> float:
    """Mass without nodes may be anywhere; beyond a table, only where the outermost boxes are."""
    boxes = SimpleNamespace(
        missing_mass=1e-6, unresolved_mass=1e-45, peak_log_density=1.5, flat_beyond=False,
        latent_dim=2,
    )  # fmt: skip
    flat = SimpleNamespace(**{**vars(boxes), "flat_beyond": True})
    expected = 1e-45 * math.exp(91.5) + marginal.BEYOND_OF_OUTERMOST
    return max(
        off(function(boxes, np.array([-2.0])), 1e-6 * math.exp(3.5)),
        off(function(flat, np.array([-90.0])), expected),
    )


def _share(function: Callable[..., Any]) -> float:
    boxes = SimpleNamespace(peak_log_density=1.5)
    return off(function(boxes, 1e-6, np.array([-2.0])), 1e-6 * math.exp(3.5))


def _grid(function: Callable[..., Any]) -> float:
    boxes = SimpleNamespace(
        sigma=np.ones(1), f=np.zeros((1, 2)), log_weight=np.array([-1.0, -3.0]), name="f",
        missing_mass=1e-3,
    )  # fmt: skip
    boxes.peak_log_density = 0.0
    one = np.ones(1)
    known = lambda *_: SimpleNamespace(x=one[:, None], density=one, coarse=one > 0.0)  # noqa: E731
    found = rewired(function, grid_of_nodes=known, _LIGHT=2.0)(boxes, 0.5)
    return off(found.missing_mass, 1e-3 + math.exp(-3.0) + 1e-17)


@cache
def _coarse() -> Any:
    """A line of 15σ a unit on boxes that are too few for it."""
    return latent_boxes.latent_boxes(
        lambda u: 15.0 * u[:, :1] + u[:, 1:], np.ones(1), max_boxes=256
    )


def _lanes(function: Callable[..., Any], defect: Any, **parts: Any) -> tuple[Any, Any, Any]:
    boxes = _coarse()
    x = np.array([[-3.1, 6.2]])
    value, error = np.empty(2), np.empty(2)
    rewired(function, **parts)(
        x, np.ones(1), boxes.log_weight, boxes.f, defect, boxes.balls, value, error,
        np.empty((1, 2)),
    )  # fmt: skip
    return x, value, error


def _known_error(function: Callable[..., Any]) -> float:
    boxes = _coarse()
    x, value, error = _lanes(function, 0.0 * boxes.defect)
    true = np.abs(np.expm1(value + 0.5 * x[0] ** 2 / 227.0 + 0.5 * math.log(227.0)))
    assert true.max() > 1e-4
    return shortfall(true, error)


def _missed(function: Callable[..., Any]) -> float:
    """A defect enters its box's part times the distance from x to the end of its ball."""
    boxes = _coarse()
    defect = 1e-3 * np.random.default_rng(2).uniform(size=boxes.size)
    x, value, error = _lanes(function, defect)
    _, _, without = _lanes(function, 0.0 * defect)
    worst = 0.0
    for k, point in enumerate(x[0]):
        share = np.exp(boxes.log_weight - 0.5 * (point - boxes.f[0]) ** 2 - value[k])
        share = share.reshape(boxes.size, -1).sum(axis=1)
        far = np.abs(point - boxes.centre[:, 0]) + boxes.radius
        worst = max(worst, off(error[k] - without[k], share @ (defect * far)))
    return max(worst - 1e-8, 0.0)


def _rounding(function: Callable[..., Any]) -> float:
    boxes = _coarse()
    nothing = lambda *_: 0.0  # noqa: E731
    x, value, error = _lanes(function, 0.0 * boxes.defect, _box_error=nothing)
    exponent = np.abs(value)
    wanted = 16.0 + 2.0 * exponent + (2.0 + np.sqrt(2.0 * exponent)) * np.abs(x[0])
    return off(error, _EPS * wanted)


def _box_error(function: Callable[..., Any]) -> float:
    sums = np.array([[9.0], [0.2], [-0.3], [0.5], [0.1], [0.7], [0.1], [-0.2], [0.3]])
    return off(function(sums, 0), 4.0 * 0.3 * (0.3 / 0.5) ** 2 + 4.0 * 0.7)


def _assemble(function: Callable[..., Any]) -> float:
    """What one box misses of f, and that it is not to be relied on."""
    one = np.ones((1, 2))
    batch = latent_boxes.Batch(
        -one, one, np.zeros((1, 144, 1)), np.zeros((1, 1)), np.ones(1), np.full(1, 0.25),
        np.full(1, math.log(0.5)), np.zeros(1, dtype=bool), np.zeros(1, dtype=bool), np.zeros(1),
    )  # fmt: skip
    found = function(batch, np.ones(1), "f", lambda z: z)
    return max(off(found.defect, 0.25), off(found.unresolved_mass, 0.5))


def _rule_errors(function: Callable[..., Any]) -> float:
    """A narrow peak on a wide panel: the rule errs by a known amount."""
    rule = LabelRule(np.array([-2.0, 2.0]))
    terms = rule.weight * np.exp(-0.5 * ((rule.y - 0.3) / 0.3) ** 2)
    true = abs(terms.sum() - 0.3 * math.sqrt(2.0 * math.pi))
    assert true > 1e-3
    return shortfall(true, function(rule, terms[:, None]).sum())


def _log_integral(function: Callable[..., Any]) -> float:
    rule = SimpleNamespace(
        log_weight=np.log([0.5, 0.25]), errors=lambda _: np.array([[1e-3], [2e-3]])
    )
    return off(function(rule, np.zeros((2, 1)))[1], 3e-3 / 1.5)


def _interpolated(function: Callable[..., Any]) -> float:
    """A kink within a panel."""
    rule = LabelRule(np.array([-1.0, 1.0]))
    kink = lambda y: 0.3 * np.abs(y - 0.05)  # noqa: E731
    finer, error = function(rule, kink(rule.y)[:, None], 4)
    true = np.abs(finer[:, 0] - kink(rule.split(4).y)).mean()
    assert true > 1e-3
    return shortfall(true, error)


def _on_nodes(function: Callable[..., Any]) -> float:
    rule = LabelRule(np.linspace(-9.0, 9.0, 19))
    told = SimpleNamespace(
        y=rule.y, weight=rule.weight, finest=rule.finest,
        errors=lambda terms: np.full((2, terms.shape[1]), 1e-3),
    )  # fmt: skip
    search = gaussian.GaussianLabelQSearch(told)  # type: ignore[arg-type]
    nodes = rule.y.size
    found = function(search, -0.5 * rule.y[:, None] ** 2, np.full((nodes, 1), 1e-2))
    return max(off(found.error, 1.2e-2) - 1e-7, 0.0)


def _narrow(function: Callable[..., Any]) -> float:
    """On the finest nodes nothing is known of a q that would be narrower still."""
    one = np.ones(1)
    found = gaussian.GaussianLabelQ(one, 0.1 * one, one, 1e-3 * one)
    search = SimpleNamespace(rule=SimpleNamespace(finest=0.1), _depth=2, _on_nodes=lambda *_: found)
    return off(function(search, None, None).error, math.inf)


def _gap_on_finer_nodes(function: Callable[..., Any]) -> float:
    """The worst gap of a panel, and what its series misses, hold for all its finer nodes."""
    rule = LabelRule(np.linspace(-9.0, 9.0, 19))
    nodes = rule.y.size
    gap = np.full((nodes, 1), 1e-3)
    gap[:: gaussian.LABEL_ORDER] = 5e-3
    offers = -0.5 * ((rule.y - 0.2) / 0.05) ** 2
    told = SimpleNamespace(
        y=rule.y, weight=rule.weight, finest=rule.finest, split=rule.split, errors=rule.errors,
        interpolated=lambda values, parts: (rule.interpolated(values, parts)[0], 1e-3),
    )  # fmt: skip
    search = gaussian.GaussianLabelQSearch(told)  # type: ignore[arg-type]
    found = function(search, offers[:, None], gap)
    return max(shortfall(6e-3, found.error[0] + 1e-6), shortfall(found.error[0], 6.1e-3))


def _flexible(function: Callable[..., Any]) -> float:
    """U of two labels of equal mass: the rule's error and what each gap adds."""
    rule = SimpleNamespace(
        y=np.zeros(2), log_weight=np.log([0.5, 0.5]),
        log_integral=lambda _: (np.zeros(1), np.full(1, 1e-3)),
        errors=lambda terms: np.full((2, terms.shape[1]), 5e-4),
    )  # fmt: skip
    half = np.full((2, 1), 0.5)
    pull = exact.LabelPull(1.0, half, np.zeros(1), np.ones(1))
    gap = np.array([[2e-3], [4e-3]])
    found = [function(SimpleNamespace(rule=rule), np.zeros((2, 1)), gap, p) for p in (None, pull)]
    return off(np.concatenate([one.error for one in found]), [1e-3 + 3e-3] * 2)


def _bounded(*given: Any) -> Any:
    return exact.ContinuousBound(*given, np.zeros((2, 1)))


def _gaussian_families(function: Callable[..., Any]) -> float:
    """The search is given the gap of L, or the radius of log p(x | y)."""
    seen = []
    one = np.ones(1)

    def run(_: Any, gap: Any, pull: Any) -> Any:
        assert pull is None
        seen.append(gap)
        return gaussian.GaussianLabelQ(one, one, one, 1e-3 * one)

    self = SimpleNamespace(
        model=SimpleNamespace(data_dim=1, shared=None), rule=None,
        families=(exact.NAIVE_CONDITIONAL, exact.NAIVE_IWAE), _gaussian=SimpleNamespace(run=run),
        _of_gaussian=_bounded,
    )  # fmt: skip
    zero = np.zeros((2, 1))
    offers = exact.LabelOffers(zero, zero + 2e-3, zero, zero + 500.0)
    errors = [function(self, [[0.0]], one, offers).error for one in self.families]
    wanted = np.array([100.0, 2e-3])
    return max(off([gap[0, 0] for gap in seen], wanted), off(np.concatenate(errors), [1e-3] * 2))


def _naive_bound(function: Callable[..., Any]) -> float:
    pair = np.ones((1, 2))
    found = naive.NaiveQ(pair, pair, np.ones(1), np.full(1, 3e-3))
    self = SimpleNamespace(
        model=SimpleNamespace(data_dim=1, shared=None), families=(exact.NAIVE,),
        _naive=SimpleNamespace(run=lambda *_: found), _of_gaussian=_bounded,
    )  # fmt: skip
    return off(function(self, [[0.0]], exact.NAIVE).error, 3e-3)


def _of_shared(function: Callable[..., Any]) -> float:
    one = np.ones(1)
    field = SimpleNamespace(
        log_density=lambda _: SimpleNamespace(value=one, error=1e-3 * one),
        optimal_q=lambda *_, **__: SimpleNamespace(negative_elbo=one, gap=2e-3 * one),
    )
    lost = gaussian.GaussianLabelQ(one, one, -one, 5e-4 * one)
    self = SimpleNamespace(
        given=lambda _: field, rule=SimpleNamespace(y=np.zeros(2)), _of_gaussian=_bounded,
        _gaussian=SimpleNamespace(run=lambda *_: lost),
        _of_any=lambda *_: _bounded(exact.FLEXIBLE, one, 3e-4 * one, one, one),
    )  # fmt: skip
    families = (exact.NAIVE_IWAE, exact.NAIVE)
    errors = [function(self, one, family).error[0] for family in families]
    pulled = [function(self, one, family, object()).error[0] for family in families]
    pulled.append(function(self, one, exact.FLEXIBLE, object()).error[0])
    return off([*errors, *pulled], [1e-3, 2e-3, 1.5e-3, 2.5e-3, 2.3e-3])


def _naive_run(function: Callable[..., Any]) -> float:
    """What a finer rule changes; and nothing is known of a q at the least scale."""
    worst = 0.0
    for log_scale, wanted in ((-1.0, 2e-3), (math.log(0.25), math.inf)):
        points = np.array([[0.0, 0.0, 0.0, log_scale]])
        bare = rewired(function, descend=lambda *_, p=points: (p, np.ones(1)))
        self = SimpleNamespace(
            model=SimpleNamespace(sigma=np.ones(1), noise_variance=np.ones(1)),
            _starts=lambda *_, p=points: (np.zeros(1, dtype=int), p),
            _grid=SimpleNamespace(step=np.full(2, 0.125)),
            local=lambda *_: SimpleNamespace(value=np.full(1, 1.002)),
        )  # fmt: skip
        worst = max(worst, off(bare(self, np.zeros((1, 1))).error, wanted))
    return max(worst - 1e-9, 0.0)


def _even(function: Callable[..., Any]) -> float:
    def value(u: float, x: float, l_: float, xy: float, kl: float) -> Any:
        return SimpleNamespace(
            objective=SimpleNamespace(labelled_share=0.2, label_weight=0.5),
            label_kl=Estimate(kl, 5e-4),
            pmo_u=Estimate(u, 1e-3), mleo_x=Estimate(x, 2e-3),
            pmo_l=Estimate(l_, 3e-3), mleo_xy=Estimate(xy, 4e-3, Kind.STATISTICAL),
        )  # fmt: skip

    found = function(value(0.9, 0.0, 0.1, 0.0, 0.4), value(0.2, 0.1, 0.2, 0.5, 0.6))
    wrong = float(found.kind is not Kind.STATISTICAL)
    ratio = 0.5 / 0.6
    wanted = 4.0 * (6.5e-3 + 14e-3 * ratio) / (0.6 - 14e-3)
    return max(wrong, off([found.value, found.error], [4.0 * ratio, wanted]))


class _Nodes:
    """Nodes that hand back the errors that they are given."""

    @staticmethod
    def average(values: Any, errors: Any, **_: Any) -> Estimate:
        return Estimate(float(values.sum()), float(np.sum(errors)))


def _over_labels(function: Callable[..., Any]) -> float:
    rule = SimpleNamespace(errors=lambda _: np.array([[1e-3], [2e-3]]))
    share, values = np.array([[0.5], [0.4]]), np.array([[1.0], [-3.0]])
    errors = np.array([[1e-2], [500.0]])
    found = function(_Nodes, rule, share, values, errors, smooth=False)
    return off(found.error, 3e-3 + 0.5e-2 + 0.4 * 100.0 + 0.1 * 3.0)


def _table() -> Any:
    """Two labels, one x."""
    told = lambda value, error: SimpleNamespace(  # noqa: E731
        value=np.full(1, value), error=np.full(1, error), relative_error=np.full(1, 1e-2)
    )
    two = np.ones((2, 1))
    offers = exact.LabelOffers(two, 1e-3 * two, 0.5 * two, 2e-3 * two)
    table = SimpleNamespace(
        same=False, p=told(2.0, 1e-3), p_f=told(-1.0, 4e-3), nodes=_Nodes, offers=offers,
        truth=exact.LabelOffers(two, 5e-3 * two),
        exact=SimpleNamespace(bound=lambda *_: told(-2.0, 3e-3)),
    )  # fmt: skip
    table.nodes.x = None
    table.rule = table.share = None
    table._label_kl = lambda _: None
    table._over_labels = lambda _, errors, **__: Estimate(0.0, float(errors.sum()))
    return table


def _mleo_x(function: Callable[..., Any]) -> float:
    return off(function(_table()).error, 1e-3 + 4e-3 + 3.0 * 1e-2)


def _mleo_xy(function: Callable[..., Any]) -> float:
    return off(function(_table()).error, 2.0 * (5e-3 + 1e-3))


def _labelled(function: Callable[..., Any]) -> float:
    return off(function(_table()).error, 2.0 * (1e-3 + 2e-3))


def _unlabelled(function: Callable[..., Any]) -> float:
    return off(function(_table(), exact.NAIVE, 0.0)[0].error, 4e-3 + 3e-3 + 1.0 * 1e-2)


def _label_kl(function: Callable[..., Any]) -> float:
    """Both densities of p(y|x) are off, by their radii times log p/q + 1; no mass, no term."""
    table = _table()
    table.share = np.array([[0.5], [0.0]])
    found = function(table, SimpleNamespace(log_mass=np.log(np.array([[0.125], [0.5]]))))
    known = 5e-3 + 1e-3
    return off(found.error, known * (math.log(4.0) + 1.0) + known)


_LOG_P, _RUN = marginal.log_density_on_boxes, gaussian.GaussianLabelQSearch._run
_NODES, _BOUND = gaussian.GaussianLabelQSearch._on_nodes, exact.ExactContinuousLabel.bound
_TABLE = objective._Table
_ANY, _SHARED = exact.ExactContinuousLabel._of_any, exact.ExactContinuousLabel._of_shared

CONTINUOUS_LABELS: Table = {
    "log p: nothing without nodes": (
        _density, _LOG_P, "relative + _missing_share(boxes, value)", "relative",
    ),
    "log p: its logarithm known exactly": (
        _logarithm, marginal.known_to, "-np.log1p(-np.minimum(relative, 0.5))", "0.0 * relative",
    ),
    "log p: half of it unknown": (_logarithm, marginal.known_to, "np.inf)", "1.0)"),
    "missing share: of the peak": (
        _share, marginal._share, "boxes.peak_log_density - value", "0.0 * value",
    ),
    "missing share: what a table's boxes do not resolve": (
        _missing_share, marginal._missing_share, "_share(boxes, unresolved, value) +", "",
    ),
    "missing share: nothing beyond a table": (
        _missing_share, marginal._missing_share, "np.minimum(known, BEYOND_OF_OUTERMOST)",
        "0.0 * known",
    ),
    "grid: light latents forgotten": (
        _grid, marginal.grid_on_boxes, "float(np.exp(boxes.log_weight[~counts]).sum())", "0.0",
    ),
    "grid: boxes hold all": (_grid, marginal.grid_on_boxes, "+ boxes.missing_mass", ""),
    "kernel: the rule is exact": (_known_error, kernel._lanes, "_box_error(sums, k) +", ""),
    "kernel: boxes resolve f": (_missed, kernel._lanes, "+ sums[0, k] * missed", ""),
    "kernel: without the ball": (_missed, kernel._lanes, "+ balls.radius[j])", ")"),
    "kernel: no rounding": (_rounding, kernel._lanes, "+ _EPS * rounding", ""),
    "box error: one latent": (_box_error, kernel._box_error, "(1, 5)", "(1, 1)"),
    "box error: falls without end": (
        _box_error, kernel._box_error, "min(fall * fall, 1.0)", "fall**2",
    ),
    "box error: a quarter": (_box_error, kernel._box_error, "4.0 * high", "high"),
    "boxes: resolve f": (
        _assemble, latent_boxes._assemble, "defect=batch.defect", "defect=0.0 * batch.defect",
    ),
    "boxes: all of them do": (
        _assemble, latent_boxes._assemble, "unresolved=~batch.resolved",
        "unresolved=batch.resolved",
    ),
    "rule over y: exact": (_rule_errors, LabelRule.errors, "4.0 * high", "0.0 * high"),
    "log integral: not relative": (
        _log_integral, LabelRule.log_integral, ".sum(axis=0) / total", ".sum(axis=0)",
    ),
    "series: hold a kink": (_interpolated, LabelRule.interpolated, "2.0 * np.abs", "0.1 * np.abs"),
    "Gaussian q(y): the rule is exact": (
        _on_nodes, _NODES, "self.rule.errors(weight * below).sum(axis=0) +", "",
    ),
    "Gaussian q(y): offers known exactly": (_on_nodes, _NODES, "+ (weight * gap).sum(axis=0)", ""),
    "Gaussian q(y): as narrow as it gets": (_narrow, _RUN, "np.inf", "0.0"),
    "Gaussian q(y): own gap of finer nodes": (
        _gap_on_finer_nodes, _RUN, ".max(axis=1)", ".min(axis=1)",
    ),
    "Gaussian q(y): the series is exact": (_gap_on_finer_nodes, _RUN, "most + off", "most"),
    "flexible: the rule is exact": (
        _flexible, _ANY, "error = error + (mass", "error = (mass",
    ),
    "flexible: L known exactly": (_flexible, _ANY, "error + (mass * gap).sum(axis=0)", "error"),
    "flexible, pulled: the rule is exact": (
        _flexible, _ANY, "error = rule.errors(", "error = 0.0 * rule.errors(",
    ),
    "no label in f, pulled: a Gaussian known exactly": (
        _of_shared, _SHARED, "error + best_y.error", "error",
    ),
    "no label in f, pulled: a density known exactly": (
        _of_shared, _SHARED, "error=error + lost.error", "error=error",
    ),
    "label term: p(y|x) known exactly": (
        _label_kl, _TABLE._label_kl, "known * (np.abs(apart) + 1.0)", "0.0 * apart",
    ),
    "label term: without the constant": (
        _label_kl, _TABLE._label_kl, "np.abs(apart) + 1.0", "np.abs(apart)",
    ),
    "label term: p(x) known exactly": (_label_kl, _TABLE._label_kl, " + self.p.error", ""),
    "naive conditional: a gap without end": (
        _gaussian_families, _BOUND, "np.minimum(gap, _UNKNOWN)", "0.0 * gap",
    ),
    "naive: without an error": (_naive_bound, _BOUND, "found.error", "0.0 * found.error"),
    "no label in f: log p known exactly": (
        _of_shared, exact.ExactContinuousLabel._of_shared, "p.value, p.error",
        "p.value, 0.0 * p.error",
    ),
    "no label in f: the q is the best": (
        _of_shared, exact.ExactContinuousLabel._of_shared, "np.minimum(best.gap, _UNKNOWN)",
        "0.0 * best.gap",
    ),
    "naive q: one rule": (
        _naive_run, naive.NaiveQSearch.run, "np.abs(finer - value)", "0.0 * finer",
    ),
    "naive q: as narrow as it gets": (_naive_run, naive.NaiveQSearch.run, "np.inf", "0.0"),
    "break-even: what is lost known exactly": (
        _even, figures.break_even_gamma, "lost.error +", "",
    ),
    "break-even: what is won known exactly": (
        _even, figures.break_even_gamma, "+ abs(ratio) * won.error", "",
    ),
    "break-even: of the value": (
        _even, figures.break_even_gamma, "/ won.lower\n", "/ won.value\n",
    ),
    "labels: the rule is exact": (
        _over_labels, objective._over_labels, "rule.errors(terms).sum(axis=0) +", "",
    ),
    "labels: values known exactly": (
        _over_labels, objective._over_labels,
        "+ (share * np.minimum(errors, _UNSEEN)).sum(axis=0)", "",
    ),
    "labels: p(y|x) sums to 1": (_over_labels, objective._over_labels, "error + lost", "error"),
    "MLEO_x: log p known exactly": (_mleo_x, _TABLE.mleo_x, "self.p.error +", ""),
    "MLEO_x: log p_f known exactly": (_mleo_x, _TABLE.mleo_x, "+ self.p_f.error", ""),
    "MLEO_x: p known exactly": (
        _mleo_x, _TABLE.mleo_x, "+ np.abs(value) * self.p.relative_error", "",
    ),
    "MLEO_xy: the data's known exactly": (
        _mleo_xy, _TABLE.mleo_xy, "self.truth.log_given_error +", "",
    ),
    "MLEO_xy: the model's known exactly": (
        _mleo_xy, _TABLE.mleo_xy, "+ self.offers.log_given_error", "",
    ),
    "PMO_L: log p known exactly": (
        _labelled, _TABLE.labelled, "self.offers.log_given_error + gap", "gap",
    ),
    "PMO_L: the q is the best": (
        _labelled, _TABLE.labelled, "self.offers.log_given_error + gap",
        "self.offers.log_given_error",
    ),
    "PMO_U: log p known exactly": (_unlabelled, _TABLE.unlabelled, "self.p_f.error +", ""),
    "PMO_U: U known exactly": (_unlabelled, _TABLE.unlabelled, "+ found.error", ""),
    "PMO_U: p known exactly": (
        _unlabelled, _TABLE.unlabelled, "+ np.abs(value) * self.p.relative_error", "",
    ),
}  # fmt: skip
