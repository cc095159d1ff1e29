"""Theorem 1 at one η: premise, condition (1) and condition (2) at the same threshold.

The theorem fixes one η: its premise, a witness f of condition (1) and the decoders that condition
(2) forbids all speak of the same partition of the data. (1) at one η with (2) broken at another
says nothing about it. Here is what was found at thresholds and on the intervals between them
(_eta_scan.py), and what follows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from theorycheck.estimate import Estimate, Kind, Verdict
from theorycheck.ruling import Ruling
from theorycheck.theorems._condition1 import some

#: What is judged over a span, by the name of its attribute.
Condition = Literal["premise", "condition_1", "premise_and_1", "condition_2", "verdict"]


@dataclass(frozen=True)
class EtaSpan:
    """What holds at every η of an interval, or at one η.

    Parameters
    ----------
    low, high : float
        Its ends, nats; the same at one η.
    premise : Verdict
        The verdict on Pr[X_Hi] D_Hi > Pr[X_Lo] D_Lo at the ground truth.
    condition_1 : Verdict
        HOLDS where one of the decoders looked at satisfies both inequalities of (1).
    condition_2 : Verdict
        HOLDS where no decoder with MLEO = 0 that was looked at satisfies them.
    breaker : str or None
        One that does.
    rests_on : Kind or None
        The weakest kind of the figures that the three were judged by.
    """

    low: float
    high: float
    premise: Verdict
    condition_1: Verdict
    condition_2: Verdict
    breaker: str | None
    rests_on: Kind | None = None

    @property
    def verdict(self) -> Verdict:
        """Whether all three hold."""
        return self.premise & self.condition_1 & self.condition_2

    @property
    def ruling(self) -> Ruling:
        """Whether all three hold, and the kind that this rests on."""
        return Ruling(self.verdict, self.rests_on)

    @property
    def premise_and_1(self) -> Verdict:
        """Whether the premise and (1) hold: what (2) then says something about."""
        return self.premise & self.condition_1

    @property
    def excluded(self) -> bool:
        """Whether the premise fails or (2) is broken, so that no f whatever helps."""
        return Verdict.FAILS in (self.premise, self.condition_2)

    def to_dict(self) -> dict[str, object]:
        """Return the entries for JSON."""
        return {
            "eta": [self.low, self.high],
            "premise": self.premise.value,
            "condition_1": self.condition_1.value,
            "condition_2": self.condition_2.value,
            "breaker": self.breaker,
            **self.ruling.to_dict(),
        }

    def joins(self, following: EtaSpan) -> bool:
        """Whether the next span is adjacent and has the same verdicts."""
        mine = (self.high, self.premise, self.condition_1, self.condition_2, self.rests_on)
        return mine == (
            following.low,
            following.premise,
            following.condition_1,
            following.condition_2,
            following.rests_on,
        )


@dataclass(frozen=True)
class EtaInterval:
    """An interval of η on which all three hold, with how far its ends are known.

    Parameters
    ----------
    inner_low, inner_high : float
        All three hold from here to there, nats.
    low, high : Estimate
        The ends themselves: between where all three hold and where one is known to fail.
    """

    inner_low: float
    inner_high: float
    low: Estimate
    high: Estimate

    def to_dict(self) -> dict[str, object]:
        """Return the entries for JSON."""
        return {
            "eta": [self.inner_low, self.inner_high],
            "low": self.low.to_dict(),
            "high": self.high.to_dict(),
        }

    def __str__(self) -> str:
        return _span_words(self.inner_low, self.inner_high)


@dataclass(frozen=True)
class OneEtaCheck:
    """Whether some η meets premise, (1) and (2) together.

    Parameters
    ----------
    spans : tuple of EtaSpan
        Thresholds and the intervals between them, ascending.
    class_searched : str
        The decoders with MLEO = 0 that (2) was judged over, and those tried in (1).
    """

    spans: tuple[EtaSpan, ...]
    class_searched: str

    @property
    def verdict(self) -> Verdict:
        """HOLDS if some η meets all three; FAILS if at every η the premise fails or (2) does.

        Where only (1) fails, a decoder that was not looked at may meet it: INCONCLUSIVE.
        """
        found = some(span.verdict for span in self.spans)
        if found is Verdict.FAILS and not all(span.excluded for span in self.spans):
            return Verdict.INCONCLUSIVE
        return found

    @property
    def ruling(self) -> Ruling:
        """The verdict and the kind of what decides it: a span that meets all three, or all."""
        return Ruling(self.verdict, Ruling.some(span.ruling for span in self.spans).rests_on)

    @property
    def intervals(self) -> tuple[EtaInterval, ...]:
        """The η at which all three hold, each end with its radius."""
        return tuple(self._interval(*run) for run in self._runs(Verdict.HOLDS))

    @property
    def undecided(self) -> tuple[tuple[float, float], ...]:
        """Intervals of η at which the numbers do not decide."""
        runs = self._runs(Verdict.INCONCLUSIVE)
        return tuple((self.spans[a].low, self.spans[b - 1].high) for a, b in runs)

    def where(self, condition: Condition) -> str:
        """Say where one condition holds, in words: ``0.05 to 0.62, 0.7`` or ``none shown``.

        Parameters
        ----------
        condition : str
            ``"premise"``, ``"condition_1"``, ``"premise_and_1"``, ``"condition_2"`` or
            ``"verdict"``, all three.

        Returns
        -------
        str
        """
        words = [
            _span_words(self.spans[a].low, self.spans[b - 1].high)
            for a, b in self._runs(Verdict.HOLDS, condition)
        ]
        return ", ".join(words) if words else "none shown"

    @property
    def summary(self) -> str:
        """Say in plain words whether the hypotheses of Theorem 1 are met."""
        match self.verdict:
            case Verdict.HOLDS:
                words = ", ".join(str(interval) for interval in self.intervals)
                return (
                    "Premise, (1) and, over the class, (2) as it stands hold together at "
                    f"η = {words} nats."
                )
            case Verdict.FAILS:
                return (
                    "No η meets premise, (1) and (2) as it stands together: at each one the "
                    "premise fails, or a decoder with MLEO = 0 satisfies the inequalities of (1)."
                )
            case _:
                return (
                    "Whether some η meets premise, (1) and (2) as it stands together is "
                    "inconclusive."
                )

    def to_dict(self) -> dict[str, object]:
        """Return the entries for JSON."""
        return {
            **self.ruling.to_dict(),
            "asks": "whether premise, (1) and (2) hold at one η",
            "eta_intervals": [interval.to_dict() for interval in self.intervals],
            "undecided": [{"eta": list(ends)} for ends in self.undecided],
            "class": self.class_searched,
            "spans": [span.to_dict() for span in self.merged],
        }

    @property
    def merged(self) -> tuple[EtaSpan, ...]:
        """The spans, adjacent ones with the same verdicts in one; of their breakers the first."""
        found: list[EtaSpan] = []
        for span in self.spans:
            if found and found[-1].joins(span):
                found[-1] = replace(found[-1], high=span.high)
            else:
                found.append(span)
        return tuple(found)

    def _runs(self, wanted: Verdict, of: Condition = "verdict") -> list[tuple[int, int]]:
        """Return first and last + 1 of the runs of adjacent spans with a verdict."""
        runs: list[tuple[int, int]] = []
        for i, span in enumerate(self.spans):
            if getattr(span, of) is not wanted:
                continue
            if runs and runs[-1][1] == i and self.spans[i - 1].high == span.low:
                runs[-1] = (runs[-1][0], i + 1)
            else:
                runs.append((i, i + 1))
        return runs

    def _interval(self, start: int, stop: int) -> EtaInterval:
        low, high = self.spans[start].low, self.spans[stop - 1].high
        return EtaInterval(
            low, high, _end(low, self._decided(start, -1)), _end(high, self._decided(stop - 1, 1))
        )

    def _decided(self, index: int, step: int) -> float:
        """Walk from a span over undecided neighbours; return how far the end may lie."""
        while 0 <= index + step < len(self.spans):
            here, there = self.spans[index], self.spans[index + step]
            adjacent = here.low == there.high if step < 0 else here.high == there.low
            if not adjacent or there.verdict is not Verdict.INCONCLUSIVE:
                break
            index += step
        return self.spans[index].low if step < 0 else self.spans[index].high


def _span_words(low: float, high: float) -> str:
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"


def _end(inner: float, outer: float) -> Estimate:
    return Estimate(0.5 * (inner + outer), 0.5 * abs(outer - inner))
