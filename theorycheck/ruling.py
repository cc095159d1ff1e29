"""A verdict and the kind of the numbers that it rests on, as tables, JSON and reports show them."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable
from dataclasses import dataclass

from theorycheck.estimate import Estimate, Kind, Verdict


@dataclass(frozen=True)
class Ruling:
    """A verdict together with the kind of the numbers that it rests on: "holds, statistical".

    Parameters
    ----------
    verdict : Verdict
        What the numbers say.
    rests_on : Kind or None
        The weakest kind among those numbers; None where nothing was looked at.
    """

    verdict: Verdict
    rests_on: Kind | None

    @classmethod
    def of(cls, verdict: Verdict, numbers: Iterable[Estimate]) -> Ruling:
        """Return a verdict that rests on all of some numbers."""
        return cls(verdict, weakest(number.kind for number in numbers))

    @classmethod
    def some(cls, rulings: Iterable[Ruling]) -> Ruling:
        """Judge whether one of some statements holds: FAILS if all of them fail, or there is none.

        Parameters
        ----------
        rulings : iterable of Ruling
            One for each statement.

        Returns
        -------
        Ruling
            It rests on one that holds, of the strongest kind, or else on all.
        """
        return functools.reduce(operator.or_, rulings, cls(Verdict.FAILS, None))

    def __invert__(self) -> Ruling:
        return Ruling(~self.verdict, self.rests_on)

    def __or__(self, other: Ruling) -> Ruling:
        verdict = self.verdict | other.verdict
        both = [ruling.rests_on for ruling in (self, other)]
        if verdict is not Verdict.HOLDS:
            return Ruling(verdict, weakest(both))
        # One that holds is enough: where both do, that of the stronger kind.
        holding = [r.rests_on or Kind.EXACT for r in (self, other) if r.verdict is verdict]
        return Ruling(verdict, min(holding, key=list(Kind).index))

    def __and__(self, other: Ruling) -> Ruling:
        return ~(~self | ~other)

    def __str__(self) -> str:
        return ", ".join(str(part) for part in (self.verdict, self.rests_on) if part is not None)

    def to_dict(self) -> dict[str, str | None]:
        """Return ``{"verdict": v, "rests_on": k}``, which ``--json`` prints; k may be None."""
        return {
            "verdict": self.verdict.value,
            "rests_on": None if self.rests_on is None else self.rests_on.value,
        }


def weakest(kinds: Iterable[Kind | None]) -> Kind | None:
    """Return the weakest of some kinds, that of whatever rests on all of them.

    Parameters
    ----------
    kinds : iterable of Kind or None
        None, of what rests on nothing, does not count.

    Returns
    -------
    Kind or None
        None where there is no kind among them.
    """
    found = [kind for kind in kinds if kind is not None]
    return max(found, key=list(Kind).index, default=None)
