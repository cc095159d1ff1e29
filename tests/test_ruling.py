"""Verdicts with the kind of the numbers that they rest on."""

from __future__ import annotations

import itertools

import pytest

from theorycheck.estimate import Estimate, Kind, Verdict
from theorycheck.ruling import Ruling, weakest

H, F, I = Verdict.HOLDS, Verdict.FAILS, Verdict.INCONCLUSIVE  # noqa: E741
EXACT, PROVED, ESTIMATED, STATISTICAL = Kind


def test_it_rests_on_the_weakest_of_its_numbers() -> None:
    numbers = [Estimate(1.0, 0.1, kind) for kind in (PROVED, STATISTICAL, ESTIMATED)]
    for order in itertools.permutations(numbers):
        assert Ruling.of(H, order) == Ruling(H, STATISTICAL)
    assert Ruling.of(I, []).rests_on is None
    assert weakest([None, EXACT, None, PROVED]) is PROVED


@pytest.mark.parametrize(
    ("one", "other", "either"),
    [
        # One that holds is enough; of two the stronger.
        ((H, STATISTICAL), (F, EXACT), (H, STATISTICAL)),
        ((H, STATISTICAL), (H, PROVED), (H, PROVED)),
        ((H, ESTIMATED), (I, STATISTICAL), (H, ESTIMATED)),
        # That all fail, or that nothing is decided, rests on all.
        ((F, EXACT), (F, STATISTICAL), (F, STATISTICAL)),
        ((I, PROVED), (F, ESTIMATED), (I, ESTIMATED)),
        ((I, None), (F, ESTIMATED), (I, ESTIMATED)),
        ((I, None), (F, None), (I, None)),
    ],
)
def test_either_and_both(
    one: tuple[Verdict, Kind | None],
    other: tuple[Verdict, Kind | None],
    either: tuple[Verdict, Kind | None],
) -> None:
    a, b, wanted = Ruling(*one), Ruling(*other), Ruling(*either)
    assert a | b == b | a == wanted
    assert ~a & ~b == ~b & ~a == ~wanted
    assert Ruling.some([a, b]) == wanted


def test_of_nothing_nothing_holds() -> None:
    assert Ruling.some([]) == Ruling(F, None)


def test_verdicts_are_those_of_the_verdicts_alone() -> None:
    for (a, b), (k, m) in itertools.product(
        itertools.product(Verdict, repeat=2), itertools.product(Kind, repeat=2)
    ):
        assert (Ruling(a, k) | Ruling(b, m)).verdict is a | b
        assert (Ruling(a, k) & Ruling(b, m)).verdict is a & b


def test_as_words_and_as_json() -> None:
    assert str(Ruling(H, STATISTICAL)) == "holds, statistical"
    assert str(Ruling(I, None)) == "inconclusive"
    assert Ruling(F, EXACT).to_dict() == {"verdict": "fails", "rests_on": "exact"}
    assert Ruling(I, None).to_dict() == {"verdict": "inconclusive", "rests_on": None}
