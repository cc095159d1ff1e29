"""What several seeds say together."""

from __future__ import annotations

import itertools

import pytest

from theorycheck.estimate import Estimate, Verdict
from theorycheck.evaluation._seed_verdicts import agreed, all_below, unanimous

HOLDS, FAILS, UNDECIDED = Verdict.HOLDS, Verdict.FAILS, Verdict.INCONCLUSIVE


@pytest.mark.parametrize("verdict", list(Verdict))
def test_all_seeds_must_say_the_same(verdict: Verdict) -> None:
    assert unanimous([verdict] * 3) is verdict
    assert unanimous([verdict]) is verdict
    for other in set(Verdict) - {verdict}:
        for order in itertools.permutations([verdict, verdict, other]):
            assert unanimous(order) is UNDECIDED
    with pytest.raises(ValueError, match="no seed"):
        unanimous([])


@pytest.mark.parametrize(("one", "other"), list(itertools.product(Verdict, repeat=2)))
def test_networks_and_optimum_must_agree(one: Verdict, other: Verdict) -> None:
    assert agreed(one, other) is (one if one is other else UNDECIDED)
    # Nothing that either denies is verified: at most as much as "and", and as "or" denies.
    assert agreed(one, other) is not HOLDS or (one & other) is HOLDS
    assert agreed(one, other) is not FAILS or (one | other) is FAILS


def shares(values: list[float], error: float = 0.0) -> list[Estimate]:
    return [Estimate(value, error) for value in values]


def test_an_order_needs_every_pair() -> None:
    low, high = shares([1.0, 2.0, 3.0], 0.1), shares([3.5, 5.0, 6.0], 0.1)
    verdict, margin = all_below(low, high)
    assert verdict is HOLDS
    assert margin.value == pytest.approx(0.5)
    assert margin.error == pytest.approx(0.2)
    assert all_below(high, low)[0] is FAILS
    assert all_below(shares([1.0, 2.0, 4.0]), high)[0] is UNDECIDED
    assert all_below(shares([1.0, 2.0, 3.3], 0.2), shares([3.5, 5.0, 6.0], 0.2))[0] is UNDECIDED


def test_an_order_by_chance_is_one_in_twenty() -> None:
    """Of all ways to deal six different values to two methods, one has the given order."""
    values = list(range(6))
    verdicts = []
    for chosen in itertools.combinations(values, 3):
        rest = [value for value in values if value not in chosen]
        verdicts.append(
            all_below(shares([float(v) for v in chosen]), shares([float(v) for v in rest]))[0]
        )
    assert len(verdicts) == 20
    assert verdicts.count(HOLDS) == 1
    assert verdicts.count(FAILS) == 1
