"""Premise, condition (1) and condition (2) over all η: at thresholds and on the intervals between.

Every figure of an η-partition is monotone in η. What the hulls of the figures at two thresholds
satisfy therefore holds at every η between them, and an interval on which it is not decided is
bisected.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from theorycheck.estimate import Verdict, positive
from theorycheck.objectives import Decomposition, Partition, spanning
from theorycheck.ruling import Ruling, weakest
from theorycheck.theorems._condition1 import condition_1_at, some
from theorycheck.theorems._one_eta import EtaSpan, OneEtaCheck
from theorycheck.theorems._premise import premise_at

#: Ratio of the ends of an interval of η from which it is bisected no more: the ends of the set of
#: η are then known to half a per cent.
_FINEST = 1.005
#: Thresholds that bisection may add to those given; a crossing takes about eight.
_MOST_ADDED = 400


def check_one_eta(
    truth: Decomposition,
    alternatives: Sequence[Decomposition],
    members: Sequence[Decomposition],
    class_searched: str,
    eta: Sequence[float],
    *,
    surveyed: bool,
    between: bool = True,
) -> OneEtaCheck:
    """Look for an η at which premise, (1) and (2) hold together.

    Parameters
    ----------
    truth : Decomposition
        The decomposition of the ground truth.
    alternatives : sequence of Decomposition
        Decoders to try in condition (1).
    members : sequence of Decomposition
        Decoders with MLEO = 0, besides the ground truth: they may break (2).
    class_searched : str
    eta : sequence of float
        Thresholds, ascending, nats.
    surveyed : bool
        True if the members are a class that says something; a few given decoders are not, and
        then (2) is never found to hold.
    between : bool
        Look at the intervals between the thresholds too, bisecting those on which the
        verdict changes.

    Returns
    -------
    OneEtaCheck
    """
    judge = _Judge(truth, alternatives, members, surveyed)
    spans: list[EtaSpan] = []
    budget = [_MOST_ADDED]
    for i, at in enumerate(eta):
        if between and i > 0:
            spans.extend(_bisected(judge, eta[i - 1], at, budget))
        spans.append(judge.over(at, at))
    return OneEtaCheck(tuple(spans), class_searched)


def _bisected(judge: _Judge, low: float, high: float, budget: list[int]) -> Iterator[EtaSpan]:
    """Yield an interval, or its halves where it is not decided and one of its ends is."""
    span = judge.over(low, high)
    ends = [judge.over(low, low), judge.over(high, high)]
    # Where no class was looked at, it is premise and (1) that can be told.
    blurred = _undecided(span.verdict, *(end.verdict for end in ends)) or _undecided(
        span.premise_and_1, *(end.premise_and_1 for end in ends)
    )
    if blurred and high / low > _FINEST and budget[0] > 0:
        budget[0] -= 1
        middle = (low * high) ** 0.5
        yield from _bisected(judge, low, middle, budget)
        yield judge.over(middle, middle)
        yield from _bisected(judge, middle, high, budget)
    else:
        yield span


def _undecided(between: Verdict, *ends: Verdict) -> bool:
    """Whether an end is decided and what is between is not."""
    return between is Verdict.INCONCLUSIVE and any(end is not between for end in ends)


class _Judge:
    """The three conditions over an interval of η; partitions are kept, for each is used thrice."""

    def __init__(
        self,
        truth: Decomposition,
        alternatives: Sequence[Decomposition],
        members: Sequence[Decomposition],
        surveyed: bool,
    ) -> None:
        self._truth = truth
        self._alternatives = alternatives
        # Condition (1) implies a smaller J: the others satisfy it at no η.
        gains = [(m, truth.excess - m.excess) for m in members]
        better = [m for m, gain in gains if positive(gain) is not Verdict.FAILS]
        self._members = sorted(better, key=lambda m: m.excess.value)
        self._others = weakest(g.kind for _, g in gains if positive(g) is Verdict.FAILS)
        self._surveyed = surveyed
        self._parts: dict[tuple[int, float], Partition] = {}
        self._spans: dict[tuple[float, float], EtaSpan] = {}

    def over(self, low: float, high: float) -> EtaSpan:
        """Judge at every η from `low` to `high`."""
        if (low, high) not in self._spans:
            self._spans[low, high] = self._judged(low, high)
        return self._spans[low, high]

    def _judged(self, low: float, high: float) -> EtaSpan:
        judged = premise_at(self._part(self._truth, low, high)).ruling
        premise, kinds = judged.verdict, [judged.rests_on, self._others]
        if not self._truth.resolved:
            premise = Verdict.INCONCLUSIVE
        tried = [self._meets(f, low, high) for f in self._alternatives]
        kinds += [ruling.rests_on for ruling in tried]
        first = some(ruling.verdict for ruling in tried)
        if not self._alternatives:
            first = Verdict.INCONCLUSIVE
        second = Verdict.HOLDS if self._surveyed else Verdict.INCONCLUSIVE
        breaker = None
        for member in self._members:
            meets = self._meets(member, low, high)
            kinds.append(meets.rests_on)
            second = second & ~meets.verdict
            if meets.verdict is Verdict.HOLDS:
                # Then it is a witness of (1) as well.
                first, breaker = Verdict.HOLDS, member.model.name
                break
        return EtaSpan(low, high, premise, first, second, breaker, weakest(kinds))

    def _meets(self, f: Decomposition, low: float, high: float) -> Ruling:
        if not (self._truth.resolved and f.resolved):
            return Ruling.of(Verdict.INCONCLUSIVE, [self._truth.excess, f.excess])
        gain = self._truth.excess - f.excess
        truth, part = self._part(self._truth, low, high), self._part(f, low, high)
        return condition_1_at(truth, part, f.mleo, gain).ruling

    def _part(self, of: Decomposition, low: float, high: float) -> Partition:
        first, last = (self._at(of, eta) for eta in (low, high))
        return first if low == high else spanning(first, last)

    def _at(self, of: Decomposition, eta: float) -> Partition:
        key = (id(of), eta)
        if key not in self._parts:
            self._parts[key] = of.kl_distribution.partition(eta)
        return self._parts[key]
