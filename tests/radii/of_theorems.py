"""Radii of what theorems are judged by (theorycheck/theorems)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.radii.table import Table, getter, off, rewired, shortfall
from theorycheck.estimate import Estimate, Verdict
from theorycheck.models.loading import load_model
from theorycheck.objectives.partition import Partition
from theorycheck.quadrature.data_nodes import DataSample
from theorycheck.theorems import condition2, image_law, noise_optimum, stationarity, theorem2
from theorycheck.theorems.condition1 import condition_1_at
from theorycheck.theorems.noise_optimum import NoiseAtOptimum, mean_of
from theorycheck.theorems.premise import premise_at

#: Two data dimensions of unequal σ², x ~ N(0, A) with A = a aᵀ + Σ.
SLOPE, NOISE = np.array([1.0, 0.5]), np.array([0.25, 1.0])
#: Decoders whose gain the change to twice the step does not hold, at places of σ² found by a scan.
JUMPS = (("sin(2.942*z)", 0.145), ("tanh(z)+0.5*sin(3.164*z)", 0.1085), ("sin(3*z)", 0.05))
LINE = load_model("expr:[z, 0.5*z]", noise_variance=[0.25, 1.0])


def _m_step_of_a_line(function: Callable[..., Any]) -> float:
    """½ E |f_new − f|²/σ² for f = (1.4 z, 0.2 z) and Gaussian data, in closed form.

    q = N(k·x, s²), so that z ~ N(0, v) and E[x|z] is a line through 0: nothing bends, and the rule
    of twice the step is as good.
    """
    model = load_model("expr:[1.4*z, 0.2*z]", noise_variance=[0.25, 1.0])
    slope = np.array([1.4, 0.2])
    precision = 1.0 + float((slope**2 / NOISE).sum())
    k = slope / NOISE / precision
    covariance = np.outer(SLOPE, SLOPE) + np.diag(NOISE)
    variance = float(k @ covariance @ k) + 1.0 / precision
    new = covariance @ k / variance
    exact = 0.5 * variance * float(((new - slope) ** 2 / NOISE).sum())
    return max(abs(function(model, LINE).m_step_gain.value / exact - 1.0) - 1e-8, 0.0)


def _m_step_is_sharp(function: Callable[..., Any]) -> float:
    """A radius of 1 would be honest: there, where all is smooth, it is below 1e-7."""
    model = load_model("expr:[1.4*z, 0.2*z]", noise_variance=[0.25, 1.0])
    return max(function(model, LINE).m_step_gain.error / 1e-7 - 1.0, 0.0)


def _gain_on(function: Callable[..., Any]) -> float:
    return _m_step_of_a_line(rewired(stationarity.check_stationarity, _gain=function))


def _m_step_where_q_jumps(function: Callable[..., Any]) -> float:
    """The gain on the usual nodes against ten times as many, where the optimal q jumps."""
    worst = 0.0
    for formula, variance in JUMPS:
        model = load_model(f"expr:{formula}", noise_variance=variance)
        found = function(model).m_step_gain
        worst = max(worst, shortfall(abs(found.value - _finely(formula, variance)), found.error))
    return worst


@cache
def _finely(formula: str, variance: float) -> float:
    model = load_model(f"expr:{formula}", noise_variance=variance)
    check = rewired(stationarity.check_stationarity, _STEP=0.0211)
    return float(check(model).m_step_gain.value)


def _m_step_by_its_rules(function: Callable[..., Any]) -> float:
    """In the plane: a quarter of the furthest of 16 rules of four times the step."""
    given: list[float] = []

    def gain(_field: Any, sums: Any) -> float:
        given.append(float(sums[0] + 10.0 * sums[1] ** 2 / sums[0]))
        return given[-1]

    def sums(_field: Any, x: Any, mass: Any, *_: Any) -> Any:
        return np.array([mass.sum(), (mass * np.sign(np.sin(3.1 * x[:, 0] + x[:, 1]))).sum()])

    found = rewired(function, _gain=gain, _sums=sums)(LINE)
    apart = np.abs(np.array(given[1:]) - given[0])
    assert len(apart) == 16
    return off(found.m_step_gain.error, 0.25 * apart.max() + 1e-15)


def _m_step_of_draws(function: Callable[..., Any]) -> float:
    """D > 2: five standard errors and the bias, by leaving out one repetition after the other."""
    model = load_model("expr:[z, z, z]", noise_variance=0.5)
    draws = DataSample(np.random.default_rng(1).normal(size=(4, 8, 3)))

    def sums(_field: Any, x: Any, mass: Any, *_: Any) -> Any:
        return np.array([(mass * x[:, 0]).sum(), mass.sum()])

    found = rewired(
        function, _gain=lambda _, s: float(s[0] ** 2 / s[1]), _sums=sums,
        quasi_monte_carlo=lambda *_, **__: draws,
    )(model)  # fmt: skip
    means = draws.x[..., 0].mean(axis=1)
    without = np.array([np.delete(means, r).mean() ** 2 for r in range(4)])
    error = math.sqrt(0.75 * float(((without - without.mean()) ** 2).sum()))
    bias = 3.0 * abs(float(without.mean()) - float(means.mean()) ** 2)
    return off(found.m_step_gain.error, 5.0 * error + bias)


def _part(pr_hi: float, d_lo: float, d_hi: float, *radii: float) -> Partition:
    """A partition whose five radii are given: Pr, D_Lo, D_Hi, low, high."""
    pr, lo, hi, low, high = radii
    return Partition(
        0.5, Estimate(1.0 - pr_hi, pr), Estimate(pr_hi, pr), Estimate(d_lo, lo),
        Estimate(d_hi, hi), Estimate((1.0 - pr_hi) * d_lo, low), Estimate(pr_hi * d_hi, high),
    )  # fmt: skip


TRUTH = _part(0.4, 0.1, 2.0, 0.01, 0.002, 0.03, 0.004, 0.005)
OTHER = _part(0.3, 0.05, 1.5, 0.02, 0.006, 0.07, 0.008, 0.009)


def _condition_1(function: Callable[..., Any]) -> float:
    found = function(TRUTH, OTHER, Estimate(0.07, 0.0011))
    product = 0.4 * 0.002 + 0.1 * 0.01 + 0.01 * 0.002
    return off(
        [found.first.error, found.second.error], [0.005 + product + 0.009 + 0.0011, 0.002 + 0.006]
    )


def _premise(function: Callable[..., Any]) -> float:
    return off(function(TRUTH).margin.error, 0.004 + 0.005)


def _decomposed(name: str, pmo: Estimate, excess: Estimate | None = None) -> Any:
    return SimpleNamespace(
        pmo=pmo, excess=pmo if excess is None else excess, resolved=True, data=None,
        model=SimpleNamespace(name=name),
    )  # fmt: skip


def _repaired(function: Callable[..., Any]) -> float:
    """(2′): the moved truth against itself and a second member, and a better f against both."""
    members = [
        _decomposed("truth", Estimate(0.5, 0.01)), _decomposed("folded", Estimate(0.6, 0.05)),
    ]  # fmt: skip
    moved = SimpleNamespace(m_step_gain=Estimate(0.2, 0.003), verdict=Verdict.FAILS)
    alone = function(members, [], "class", moved, surveyed=True)
    # The truth by its gain: 0.2 ± 0.003; the other by 0.1 + 0.2 ± (0.01 + 0.05 + 0.003).
    beaten = function(members, [], "class", SimpleNamespace(
        m_step_gain=Estimate(0.2, 0.003), verdict=Verdict.FAILS), surveyed=True,
    )  # fmt: skip
    doubtful = function(
        [members[0], _decomposed("folded", Estimate(0.6, 0.4))], [], "class", moved, surveyed=True
    )
    f = _decomposed("f", Estimate(0.1, 0.0), Estimate(0.1, 0.02))
    better = function(members, [f], "class", moved, surveyed=True)
    found = [
        alone.margin.error, alone.excess.error, beaten.margin.error, doubtful.margin.error,
        better.margin.error, better.excess.error,
    ]  # fmt: skip
    return off(found, [0.003, 0.013, 0.003, 0.01 + 0.4 + 0.003, 0.01 + 0.02, 0.02])


def _zero_mleo(function: Callable[..., Any]) -> float:
    """MLEO = 0 within a radius that says nothing is not MLEO = 0."""
    cases = {(1e-9, 1e-8): True, (1e-7, 1e-8): False, (0.0, 1e-5): False}
    return float(
        sum(function(SimpleNamespace(mleo=Estimate(*m))) is not v for m, v in cases.items())
    )


def _refit(function: Callable[..., Any]) -> float:
    """The exact posterior's refit at two unequal σ²: each 1e-9 of its own, and holds it."""
    from theorycheck.quadrature.latent_panels import latent_panels

    found = function(latent_panels(LINE))
    worst = shortfall(
        [abs(e.value - v) for e, v in zip(found, NOISE, strict=True)], [e.error for e in found]
    )
    return max(worst, off([e.error for e in found], 1e-9 * NOISE))


def _refit_of_draws(function: Callable[..., Any]) -> float:
    """D > 2: five standard errors, each of its own dimension."""
    from theorycheck.quadrature.latent_panels import latent_panels

    panels = latent_panels(load_model("expr:[z, 0*z, 0*z]", noise_variance=0.5))
    draws = DataSample(np.zeros((4, 8, 3)))
    rows = np.random.default_rng(2).normal(size=(32, 3)) * np.array([1.0, 10.0, 100.0])
    found = rewired(
        function, quasi_monte_carlo=lambda *_, **__: draws, _residuals=lambda *_: rows
    )(panels)  # fmt: skip
    means = rows.reshape(4, 8, 3).mean(axis=1)
    return off([e.error for e in found], 5.0 * means.std(axis=0, ddof=1) / 2.0)


def _refit_unresolved(function: Callable[..., Any]) -> float:
    panels = SimpleNamespace(model=LINE, unresolved_mass=0.1)
    return off([e.error for e in function(panels)], [np.inf, np.inf])


def _bias(function: Callable[..., Any]) -> float:
    """The bias has the refit's radius, which is infinite where f is not resolved."""
    worst = 0.0
    for resolved, radii in ((True, [0.03, 0.01]), (False, [np.inf, np.inf])):
        result = SimpleNamespace(
            resolved=resolved, residual_variance=(Estimate(0.3, 0.03), Estimate(1.0, 0.01))
        )
        found = rewired(
            function, _exact_posterior_refit=lambda _: (), latent_panels=lambda _: None
        )(LINE, decomposition=result)  # fmt: skip
        worst = max(worst, off([e.error for e in found.bias], radii))
        worst = max(worst, off([e.error for e in found.refit_at_ground_truth], radii))
    return worst


def _bias_verdict(function: Callable[..., Any]) -> float:
    cases = [
        ((Estimate(0.02, 0.03), Estimate(-0.01, 0.02)), Verdict.INCONCLUSIVE),
        ((Estimate(0.02, 0.03), Estimate(-0.03, 0.02)), Verdict.HOLDS),
        ((Estimate(0.0, 1e-6), Estimate(0.0, np.inf)), Verdict.INCONCLUSIVE),
    ]  # fmt: skip
    return float(sum(function(bias, (0.25, 1.0)) is not v for bias, v in cases))


def _mean_radius(function: Callable[..., Any]) -> float:
    return off(function((Estimate(1.0, 0.2), Estimate(2.0, 0.6))).error, 0.4)


def _fixed_point(function: Callable[..., Any]) -> float:
    """Twice one more step and its radius, over 1 − ρ; of the mean where σ² is shared."""
    worst = 0.0
    refit = (Estimate(0.30, 0.01), Estimate(0.9, 0.02))
    for fit, expected in (
        ("each", [2.0 * (0.05 + 0.01) / 0.6, 2.0 * (0.1 + 0.02) / 0.6]),
        ("shared", [2.0 * (0.35 + 0.015) / 0.6, 2.0 * (0.4 + 0.015) / 0.6]),
    ):
        found = SimpleNamespace(model=LINE, fit_noise=fit)
        one = NoiseAtOptimum(found, refit, 0.4)  # type: ignore[arg-type]
        worst = max(worst, off([e.error for e in function(one)], expected))
    return worst


def _contraction_used(function: Callable[..., Any]) -> float:
    """A fit that moves slowly has a contraction; σ² that was held has none. Radii are refined."""
    refined = (Estimate(0.25, 1e-9), Estimate(1.0, 1e-9))
    worst = 0.0
    for fit, rho in (("shared", 0.5), ("no", 0.0)):
        found = SimpleNamespace(
            fit_noise=fit, model=LINE, data=LINE, pmo=Estimate(0.1, 0.01),
            decomposition=SimpleNamespace(
                residual_variance=(Estimate(0.25, 1e-9), Estimate(1.0, 0.1))
            ),
        )  # fmt: skip
        at = rewired(
            function, noise_contraction=lambda _: 0.5,
            decompose=lambda *_, **__: SimpleNamespace(residual_variance=refined),
        )(found)  # fmt: skip
        worst = max(worst, abs(at.contraction - rho), off([e.error for e in at.refit], [1e-9] * 2))
    return worst


def _characteristic(function: Callable[..., Any]) -> float:
    """Prior mass that is not resolved has modulus 1 in either law; and 3e-10 of rounding."""
    from theorycheck.quadrature.latent_panels import latent_panels

    other = load_model("expr:[z, 0.6*z]", noise_variance=[0.25, 1.0])

    def panels(model: Any) -> Any:
        found = latent_panels(model)
        mass = 0.002 if model is LINE else 0.0003
        return type(found)(**{**vars(found), "unresolved_mass": mass})

    found, _ = rewired(function, latent_panels=panels)(other, LINE)
    plain, _ = function(LINE, LINE)
    tail = 4.0 * 1.776482112077679e-33
    return max(
        off(found.error, 2.0 * (0.002 + 0.0003) + 3e-10), off(plain.error, 2.0 * tail + 3e-10)
    )


def _law_verdict(function: Callable[..., Any]) -> float:
    """Two zeros of radii that say nothing settle nothing."""
    cases = [
        (Estimate(0.0, 1e-9), Estimate(0.0, 1e-9), Verdict.HOLDS),
        (Estimate(0.0, 1e-3), Estimate(0.0, 1e-9), Verdict.INCONCLUSIVE),
        (Estimate(0.0, 1e-9), Estimate(0.0, 1e-3), Verdict.INCONCLUSIVE),
        (Estimate(2e-3, 3e-3), Estimate(0.0, 1e-9), Verdict.INCONCLUSIVE),
        (Estimate(4e-3, 3e-3), Estimate(0.0, 1e-9), Verdict.FAILS),
        (Estimate(0.0, 1e-9), Estimate(2e-3, 3e-3), Verdict.INCONCLUSIVE),
    ]  # fmt: skip
    wrong = 0
    for mleo, difference, verdict in cases:
        found = rewired(function, characteristic_difference=lambda *_, d=difference: (d, 1))(
            LINE, LINE, mleo=mleo
        )
        wrong += found.verdict is not verdict
    return float(wrong)


_REFIT = theorem2._exact_posterior_refit
_REPAIRED = condition2.check_repaired

THEOREMS: Table = {
    "M-step: gain with the σ² of another dimension": (
        _gain_on, stationarity._gain, "field.model.noise_variance[:, None]",
        "field.model.noise_variance[::-1][:, None]",
    ),
    "M-step: gain with the σ² of the first dimension": (
        _gain_on, stationarity._gain, "field.model.noise_variance[:, None]",
        "field.model.noise_variance[0]",
    ),
    "M-step: gain without its half": (_gain_on, stationarity._gain, "0.5 * float", "float"),
    "M-step: radius of 0": (
        _m_step_where_q_jumps, stationarity.check_stationarity, "radius + 1e-15", "0.0",
    ),
    "M-step: rounding only": (
        _m_step_where_q_jumps, stationarity.check_stationarity, "radius + 1e-15", "1e-15",
    ),
    "M-step: one of the rules": (
        _m_step_by_its_rules, stationarity.check_stationarity, "np.abs(rules - gain).max()",
        "np.abs(rules - gain)[0]",
    ),
    "M-step: a share that is too small": (
        _m_step_where_q_jumps, stationarity.check_stationarity, "radius = float", "radius = 0.1 * float",
    ),
    "M-step: the plane as the line": (
        _m_step_by_its_rules, stationarity.check_stationarity, "/ _STRIDE ** (dim - 1)", "",
    ),
    "M-step: rules by their own mass": (
        _m_step_is_sharp, stationarity.check_stationarity, "_gain(field, count * one)",
        "_gain(field, one)",
    ),
    "M-step: draws with a radius of 0": (
        _m_step_of_draws, stationarity.check_stationarity, "5.0 * spread + bias", "0.0",
    ),
    "M-step: draws without their bias": (
        _m_step_of_draws, stationarity.check_stationarity, "5.0 * spread + bias", "5.0 * spread",
    ),
    "M-step: draws without their spread": (
        _m_step_of_draws, stationarity.check_stationarity, "5.0 * spread + bias", "bias",
    ),
    "M-step: spread of one repetition left out": (
        _m_step_of_draws, stationarity.check_stationarity, "(count - 1) * float(without.var())",
        "float(without.var())",
    ),
    "condition (1): MLEO known exactly": (
        _condition_1, condition_1_at, "- mleo", "- Estimate(mleo.value, 0.0)",
    ),
    "condition (1): P_G known exactly": (
        _condition_1, condition_1_at, "truth.pr_hi * truth.d_lo",
        "Estimate(truth.pr_hi.value, 0.0) * truth.d_lo",
    ),
    "condition (1): L_G known exactly": (
        _condition_1, condition_1_at, "truth.pr_hi * truth.d_lo",
        "truth.d_lo.__class__(truth.d_lo.value, 0.0) * truth.pr_hi",
    ),
    "condition (1): P Hh known exactly": (
        _condition_1, condition_1_at, "- f.high", "- Estimate(f.high.value, 0.0)",
    ),
    "condition (1): P_G Hh_G known exactly": (
        _condition_1, condition_1_at, "first = truth.high", "first = Estimate(truth.high.value, 0)",
    ),
    "condition (1): L known exactly": (
        _condition_1, condition_1_at, "truth.d_lo - f.d_lo",
        "truth.d_lo - Estimate(f.d_lo.value, 0.0)",
    ),
    "premise: low side known exactly": (
        _premise, premise_at, "part.high - part.low",
        "part.high - part.low.__class__(part.low.value, 0.0)",
    ),
    "premise: high side known exactly": (
        _premise, premise_at, "part.high - part.low",
        "part.low.__class__(part.high.value, 0.0) - part.low",
    ),
    "condition (2′): gain known exactly": (
        _repaired, _REPAIRED, "gain = moved.m_step_gain",
        "gain = Estimate(moved.m_step_gain.value, 0.0)",
    ),
    "condition (2′): smallest PMO known exactly": (
        _repaired, _REPAIRED, "bound = smallest.pmo - gain",
        "bound = Estimate(smallest.pmo.value, 0.0) - gain",
    ),
    "condition (2′): another member's PMO known exactly": (
        _repaired, _REPAIRED, "else member.pmo - smallest.pmo",
        "else Estimate(member.pmo.value, 0.0) - smallest.pmo",
    ),
    "condition (2′): closest member by its value": (
        _repaired, _REPAIRED, "min(margins, key=lambda m: m.lower)",
        "min(margins, key=lambda m: m.value)",
    ),
    "condition (2′): J known exactly": (
        _repaired, _REPAIRED, "member.pmo - f.excess", "member.pmo - Estimate(f.excess.value, 0.0)",
    ),
    "MLEO = 0 within any radius": (
        _zero_mleo, condition2.has_zero_mleo, "mleo.error < SHARP and", "",
    ),
    "MLEO = 0 by a sharp radius alone": (
        _zero_mleo, condition2.has_zero_mleo, "and mleo.contains(0.0)", "",
    ),
    "refit: σ² of another dimension in the radius": (
        _refit, _REFIT, "1e-9 * model.noise_variance", "1e-9 * model.noise_variance[::-1]",
    ),
    "refit: radius of 0": (_refit, _REFIT, "1e-9 * model", "0.0 * model"),
    "refit: radius of draws of another dimension": (
        _refit_of_draws, _REFIT, "residuals[:, :, d]", "residuals[:, :, 0]",
    ),
    "refit: draws without radius": (
        _refit_of_draws, _REFIT, "Estimate(value, error) for", "Estimate(value, 0.0) for",
    ),
    "refit: unresolved f without radius": (
        _refit_unresolved, _REFIT, "Estimate(float(v), np.inf)", "Estimate(float(v), 0.0)",
    ),
    "bias: radius of 0": (
        _bias, theorem2.check_theorem2, "r.value - t, r.error", "r.value - t, 0.0",
    ),
    "bias: unresolved f without radius": (
        _bias, theorem2.check_theorem2, "Estimate(r.value, np.inf)", "r",
    ),
    "bias: judged by its value": (
        _bias_verdict, theorem2._verdict, "abs(b.value), b.error", "abs(b.value), 0.0",
    ),
    "mean over dimensions: a sum of values only": (
        _mean_radius, mean_of, "sum(e.error for e in estimates) / count", "0.0",
    ),
    "mean over dimensions: of the first": (
        _mean_radius, mean_of, "sum(e.error for e in estimates) / count", "estimates[0].error",
    ),
    "fixed point of σ²: once the step": (
        _fixed_point, getter(NoiseAtOptimum, "noise_variance"), "_SAFETY *", "",
    ),
    "fixed point of σ²: without the step": (
        _fixed_point, getter(NoiseAtOptimum, "noise_variance"), "abs(e.value - float(v)) +", "",
    ),
    "fixed point of σ²: without the refit's radius": (
        _fixed_point, getter(NoiseAtOptimum, "noise_variance"), "+ e.error)", ")",
    ),
    "fixed point of σ²: without the contraction": (
        _fixed_point, getter(NoiseAtOptimum, "noise_variance"), "/ (1.0 - self.contraction)", "",
    ),
    "fixed point of σ²: each dimension's own where it is shared": (
        _fixed_point, getter(NoiseAtOptimum, "noise_variance"), "(self.shared,) * len(self.refit)",
        "self.refit",
    ),
    "fit of σ²: no contraction": (
        _contraction_used, noise_optimum.noise_at, "else noise_contraction(found)", "else 0.0",
    ),
    "fit of σ²: radii not refined": (
        _contraction_used, noise_optimum.noise_at, "if any(not e.error", "if all(not e.error",
    ),
    "image law: mass counted in one law only": (
        _characteristic, image_law.characteristic_difference, "2.0 * missing", "missing",
    ),
    "image law: without what the data's panels miss": (
        _characteristic, image_law.characteristic_difference, "+ other.missing_mass", "",
    ),
    "image law: without what the model's panels miss": (
        _characteristic, image_law.characteristic_difference, "one.missing_mass +", "",
    ),
    "image law: without the resolution of f": (
        _characteristic, image_law.characteristic_difference, "+ _RESOLUTION", "",
    ),
    "image law: blunt MLEO": (
        _law_verdict, image_law.same_image_law, "mleo.error < SHARP and", "",
    ),
    "image law: blunt difference": (
        _law_verdict, image_law.same_image_law, "and difference.error < SHARP", "",
    ),
    "image law: MLEO judged by its value": (
        _law_verdict, image_law.same_image_law, "Estimate(mleo.value, mleo.error)",
        "Estimate(mleo.value, 0.0)",
    ),
    "image law: difference judged by its value": (
        _law_verdict, image_law.same_image_law, "positive(difference)",
        "positive(Estimate(difference.value, 0.0))",
    ),
}  # fmt: skip
