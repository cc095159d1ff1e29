"""Theorem 1 at one η: cases computed by hand, in which one η and two η give different answers."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theorycheck.estimate import Estimate, Kind, Verdict, hull
from theorycheck.objectives._partition import KlDistribution, spanning
from theorycheck.theorems._condition1 import check_condition_1, condition_1_at
from theorycheck.theorems._condition2 import check_condition_2
from theorycheck.theorems._eta_scan import _Judge, check_one_eta
from theorycheck.theorems._one_eta import OneEtaCheck


def decoder(name: str, kl: Mapping[float, float], mleo: float = 0.0) -> Any:
    """A decoder as far as Theorem 1 sees it: the distribution of KL(x), as atoms, and its MLEO."""
    values, mass = np.array(list(kl)), np.array(list(kl.values()))
    exact = Estimate(float(values @ mass), 0.0, Kind.EXACT)
    distribution = KlDistribution(
        kl=values, mass=mass, spread=np.zeros(values.size), pmo=exact, missing_mass=0.0,
        sampled=False,
    )  # fmt: skip
    return SimpleNamespace(
        model=SimpleNamespace(name=name), kl_distribution=distribution, resolved=True,
        mleo=Estimate(mleo, 0.0), pmo=exact, excess=exact + Estimate(mleo, 0.0),
    )  # fmt: skip


#: PMO = 0.95. η in [0.1, 1): P = 0.5, H = 1.8, L = 0.1. η in [1, 3): P = 0.2, H = 3, L = 0.4375.
#: Premise: 0.9 > 0.05 and 0.6 > 0.35, so up to η = 3.
TRUTH = decoder("G", {0.1: 0.5, 1.0: 0.3, 3.0: 0.2})
#: L = 0.05: first margins 0.5·1.7 − 0.3 = 0.55 and 0.2·2.5625 − 0.3 = 0.2125, from η = 0.1 to 3.
OTHER = decoder("f", {0.05: 1.0}, mleo=0.3)
#: L = 0.3 > 0.1 for η in [0.3, 1); from 1 on L = 0.3 or 0.42 <= 0.4375, first 0.3625 and 0.5125:
#: it breaks (2) from η = 1 to 3, and below 0.3 its X_Lo is empty.
BREAKER = decoder("g", {0.3: 0.9, 1.5: 0.1})


def judged(eta: list[float], members: list[Any], **settings: bool) -> OneEtaCheck:
    return check_one_eta(TRUTH, [OTHER], members, "by hand", eta, surveyed=True, **settings)


def test_broken_at_another_eta_only() -> None:
    """The old rule, (2) at any η, refutes; at one η all three hold."""
    parts = TRUTH.kl_distribution.partitions(np.array([0.5, 2.0]))
    old = check_condition_2([check_condition_1(TRUTH, parts, BREAKER)], "by hand", surveyed=True)
    assert old.verdict is Verdict.FAILS
    found = judged([0.5, 2.0], [BREAKER], between=False)
    at, beyond = found.spans
    assert (at.premise, at.condition_1, at.condition_2) == (Verdict.HOLDS,) * 3
    assert (beyond.premise, beyond.condition_1) == (Verdict.HOLDS, Verdict.HOLDS)
    assert beyond.condition_2 is Verdict.FAILS
    assert beyond.breaker == "g"
    assert found.verdict is Verdict.HOLDS
    assert [(i.inner_low, i.inner_high) for i in found.intervals] == [(0.5, 0.5)]
    assert "hold together at η = 0.5" in found.summary


def test_the_set_of_eta_and_its_radius() -> None:
    """By hand: [0.3, 1); undecided from 0.1, where g has no X_Lo, and no member breaks (2)."""
    found = judged([0.2, 0.7, 2.0, 4.0], [BREAKER])
    (interval,) = found.intervals
    assert interval.inner_low == pytest.approx(0.3, rel=0.01)
    assert interval.inner_high == pytest.approx(1.0, rel=0.01)
    assert interval.inner_low >= 0.3
    assert interval.inner_high < 1.0
    assert interval.high.contains(1.0)
    assert interval.high.error < 0.005
    # Down to the smallest threshold it is not decided, and the radius of that end says so.
    assert interval.low.lower == pytest.approx(0.2)
    assert interval.low.upper == pytest.approx(interval.inner_low)
    assert found.undecided[0][0] == 0.2
    assert found.where("premise").startswith("0.2 to 2.9")
    entry = found.to_dict()
    assert entry["verdict"] == "holds"
    assert entry["eta_intervals"] == [interval.to_dict()]
    # Spans of one kind in one: undecided, all three, g breaks (2), and beyond the premise.
    verdicts = [span.verdict for span in found.merged]
    assert verdicts.count(Verdict.HOLDS) == 1
    assert len(verdicts) <= 7
    for span, following in itertools.pairwise(found.merged):
        assert span.high == following.low


def test_broken_wherever_the_premise_holds() -> None:
    found = judged([1.1, 1.2, 2.0, 4.0], [BREAKER], between=False)
    assert [span.excluded for span in found.spans] == [True] * 4
    assert found.verdict is Verdict.FAILS
    assert found.intervals == ()
    assert "No η" in found.summary
    # Without a class nothing is said of (2), unless it is broken.
    alone = check_one_eta(TRUTH, [OTHER], [], "none", [0.5], surveyed=False)
    assert alone.verdict is Verdict.INCONCLUSIVE


def test_premise_and_condition_1_at_two_eta() -> None:
    """Each holds somewhere, never together: η in [0.1, 1) and [1, 1.5)."""
    truth = decoder("G", {0.1: 0.2, 1.0: 0.6, 1.5: 0.2})
    other = decoder("f", {0.5: 1.0}, mleo=0.05)
    found = check_one_eta(truth, [other], [], "none", [0.6, 1.2], surveyed=True, between=False)
    first, second = found.spans
    # 0.9 > 0.02, L_f = 0.5 > 0.1; and 0.3 < 0.62, with margins 0.2·0.725 − 0.05 and 0.775 − 0.5.
    assert (first.premise, first.condition_1) == (Verdict.HOLDS, Verdict.FAILS)
    assert (second.premise, second.condition_1) == (Verdict.FAILS, Verdict.HOLDS)
    # Another f may meet (1) at 0.6, where nothing breaks (2).
    assert found.verdict is Verdict.INCONCLUSIVE


def test_gain_decides_where_the_margins_do_not() -> None:
    """J(G) − J(g) = 0 is below P L, though L_g = L_G is known to ± 0.01 only."""
    blurred = TRUTH.kl_distribution.partition(0.5)
    wide = Estimate(blurred.d_lo.value, 0.01)
    part = type(blurred)(**{**vars(blurred), "d_lo": wide, "high": Estimate(0.85, 0.1)})
    assert condition_1_at(blurred, part, Estimate(0.0, 0.0)).verdict is Verdict.INCONCLUSIVE
    gain = Estimate(0.0, 0.01)
    assert condition_1_at(blurred, part, Estimate(0.0, 0.0), gain).verdict is Verdict.FAILS


def test_an_unresolved_decoder_decides_nothing() -> None:
    rough = SimpleNamespace(**{**vars(BREAKER), "resolved": False})
    assert judged([2.0], [rough], between=False).spans[0].condition_2 is Verdict.INCONCLUSIVE


atoms = st.dictionaries(st.floats(0.01, 3.0), st.floats(0.05, 1.0), min_size=2, max_size=5).map(
    lambda d: {k: v / sum(d.values()) for k, v in d.items()}
)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(atoms, atoms, st.floats(0.0, 0.5), st.floats(0.01, 2.5), st.floats(1.0, 1.6))
def test_what_holds_on_an_interval_holds_at_each_eta(
    kl: dict[float, float], other: dict[float, float], mleo: float, low: float, ratio: float
) -> None:
    truth, f = (
        decoder("G", dict(sorted(kl.items()))),
        decoder("f", dict(sorted(other.items())), mleo),
    )
    judge = _Judge(truth, [f], [f], surveyed=True)
    span = judge.over(low, low * ratio)
    for eta in np.geomspace(low, low * ratio, 7).tolist():
        at = judge.over(eta, eta)
        for name in ("premise", "condition_1", "condition_2"):
            over = getattr(span, name)
            assert over in (Verdict.INCONCLUSIVE, getattr(at, name))


@settings(deadline=None, derandomize=True, max_examples=60)
@given(atoms, st.floats(0.01, 2.5), st.floats(1.0, 2.0), st.floats(0.0, 1.0))
def test_hulls_hold_every_figure_between(
    kl: dict[float, float], low: float, ratio: float, share: float
) -> None:
    distribution = decoder("G", dict(sorted(kl.items()))).kl_distribution
    first, between, last = (distribution.partition(low * ratio**t) for t in (0.0, share, 1.0))
    wide = spanning(first, last)
    for name in ("pr_lo", "pr_hi", "d_lo", "d_hi", "low", "high"):
        figure, narrow = getattr(wide, name), getattr(between, name)
        if np.isfinite(figure.error) and np.isfinite(narrow.error):
            assert figure.lower - 1e-12 <= narrow.value <= figure.upper + 1e-12


def test_hull() -> None:
    both = hull(Estimate(1.0, 0.5, Kind.PROVED), Estimate(3.0, 0.25))
    assert (both.lower, both.upper, both.kind) == (0.5, 3.25, Kind.ESTIMATED)
    assert np.isinf(hull(Estimate(1.0, 0.0), Estimate(0.0, np.inf)).error)
