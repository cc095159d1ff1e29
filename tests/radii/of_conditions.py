"""Radii of premise, conditions (1) and (2′), and of the test of the image law."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from tests.radii.table import Table, off, rewired
from theorycheck.estimate import Estimate, Verdict
from theorycheck.models._loading import load_model
from theorycheck.objectives._partition import Partition
from theorycheck.quadrature._latent_panels import latent_panels
from theorycheck.rearrangements import _image_law as image_law
from theorycheck.theorems import _condition2 as condition2
from theorycheck.theorems import _one_eta as one_eta
from theorycheck.theorems._condition1 import condition_1_at
from theorycheck.theorems._one_eta import EtaSpan, OneEtaCheck
from theorycheck.theorems._premise import premise_at

LINE = load_model("expr:[z, 0.5*z]", noise_variance=[0.25, 1.0])


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


def _characteristic(function: Callable[..., Any]) -> float:
    """Prior mass that is not resolved has modulus 1 in either law; and 3e-10 of rounding."""
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


_REPAIRED = condition2.check_repaired


def _end_of_interval(function: Callable[..., Any]) -> float:
    """From where all three hold to where one fails, whichever of the two is the larger η."""
    worst = 0.0
    for inner, outer in ((0.5, 0.7), (0.5, 0.3)):
        try:
            found = function(inner, outer)
        except ValueError:
            # A negative radius.
            return math.inf
        ends = [found.lower, found.upper]
        worst = max(worst, off(ends, sorted((inner, outer))))
    return worst + (function(0.5, math.inf).error < math.inf)


def _spans() -> OneEtaCheck:
    """All three hold from 0.4 to 0.6; what is next is undecided to 0.25 and to 0.8, and at 0.9."""
    verdicts = [
        (0.1, 0.2, Verdict.FAILS), (0.25, 0.3, Verdict.INCONCLUSIVE),
        (0.3, 0.4, Verdict.INCONCLUSIVE), (0.4, 0.5, Verdict.HOLDS), (0.5, 0.6, Verdict.HOLDS),
        (0.6, 0.7, Verdict.INCONCLUSIVE), (0.7, 0.8, Verdict.INCONCLUSIVE),
        (0.9, 1.0, Verdict.INCONCLUSIVE),
    ]  # fmt: skip
    spans = [EtaSpan(a, b, v, Verdict.HOLDS, Verdict.HOLDS, None) for a, b, v in verdicts]
    return OneEtaCheck(tuple(spans), "")


def _undecided_neighbours(function: Callable[..., Any]) -> float:
    found = function(_spans(), 3, 5)
    ends = [found.low.lower, found.low.upper, found.high.lower, found.high.upper]
    return off(ends, [0.25, 0.4, 0.6, 0.8])


def _undecided_to_the_end(function: Callable[..., Any]) -> float:
    return off([function(_spans(), 3, -1), function(_spans(), 4, 1)], [0.25, 0.8])


CONDITIONS: Table = {
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
        _condition_1, condition_1_at, "first = truth.high",
        "first = Estimate(truth.high.value, 0)",
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
        _repaired, _REPAIRED, "member.pmo - f.excess",
        "member.pmo - Estimate(f.excess.value, 0.0)",
    ),
    "MLEO = 0 within any radius": (
        _zero_mleo, condition2.has_zero_mleo, "mleo.error < SHARP and", "",
    ),
    "MLEO = 0 by a sharp radius alone": (
        _zero_mleo, condition2.has_zero_mleo, "and mleo.contains(0.0)", "",
    ),
    "end of η: half the way to where one is known to fail": (
        _end_of_interval, one_eta._end, "0.5 * abs(outer - inner)", "0.25 * abs(outer - inner)",
    ),
    "end of η: the way upwards only": (
        _end_of_interval, one_eta._end, "abs(outer - inner)", "(outer - inner)",
    ),
    "end of η: at where all three hold": (
        _end_of_interval, one_eta._end, "0.5 * (inner + outer)", "inner",
    ),
    "end of η: known exactly": (
        _end_of_interval, one_eta._end, ", 0.5 * abs(outer - inner)", ", 0.0",
    ),
    "interval of η: its end where all three hold": (
        _undecided_neighbours, OneEtaCheck._interval, "self._decided(stop - 1, 1)", "high",
    ),
    "interval of η: its beginning where all three hold": (
        _undecided_neighbours, OneEtaCheck._interval, "self._decided(start, -1)", "low",
    ),
    "interval of η: no undecided neighbour": (
        _undecided_to_the_end, OneEtaCheck._decided, "there.verdict is not Verdict.INCONCLUSIVE",
        "True",
    ),
    "interval of η: one undecided neighbour": (
        _undecided_to_the_end, OneEtaCheck._decided, "index += step\n",
        "index += step\n        break\n",
    ),
    "interval of η: neighbours that are apart": (
        _undecided_to_the_end, OneEtaCheck._decided, "not adjacent or", "",
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
