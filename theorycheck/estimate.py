"""Defines numbers with an error radius, and the three-valued verdicts drawn from them."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass


class Kind(enum.StrEnum):
    """Names how an error radius was made, from the strongest kind to the weakest.

    EXACT: a closed form, to rounding. PROVED: a bound that a theorem gives. ESTIMATED: a rule that
    refinement and independent references support. STATISTICAL: five standard errors of a sample.
    """

    EXACT = "exact"
    PROVED = "proved"
    ESTIMATED = "estimated"
    STATISTICAL = "statistical"

    @property
    def suffix(self) -> str:
        """Return the word after a radius that is not merely estimated; most are, and have none."""
        return f" ({self.value})" if self in (Kind.PROVED, Kind.STATISTICAL) else ""

    def __or__(self, other: str) -> Kind:
        """Return the weaker of two kinds: that of any combination of the two numbers."""
        # Nearly always of one kind, and sums of them are taken by the hundred thousand.
        return self if other is self else max(self, Kind(other), key=list(Kind).index)


@dataclass(frozen=True)
class Estimate:
    """Holds a computed number, how far the true one may be from it, and how that is known.

    Parameters
    ----------
    value : float
        The computed number (nats where it is an information quantity).
    error : float
        Error radius. ``|true - value| <= error`` for certain where the kind is exact or proved;
        as refinement and independent references support it where it is estimated; but for one
        sample in some thousands where it is statistical. ``inf`` where nothing can be said.
    kind : Kind
        Kind of the radius; a combination takes the weakest.
    """

    value: float
    error: float
    kind: Kind = Kind.ESTIMATED

    def __post_init__(self) -> None:
        if self.kind.__class__ is not Kind:
            object.__setattr__(self, "kind", Kind(self.kind))
        if math.isnan(self.error) or self.error < 0.0:
            raise ValueError(f"an error radius must be >= 0, not {self.error}")

    def __add__(self, other: Estimate) -> Estimate:
        return Estimate(self.value + other.value, self.error + other.error, self.kind | other.kind)

    def __sub__(self, other: Estimate) -> Estimate:
        return Estimate(self.value - other.value, self.error + other.error, self.kind | other.kind)

    def __mul__(self, other: Estimate) -> Estimate:
        error = (
            _times(abs(self.value), other.error)
            + _times(abs(other.value), self.error)
            + _times(self.error, other.error)
        )
        return Estimate(self.value * other.value, error, self.kind | other.kind)

    def scaled(self, factor: float) -> Estimate:
        """Return the estimate times an exact factor."""
        return Estimate(self.value * factor, self.error * abs(factor), self.kind)

    @property
    def lower(self) -> float:
        """Return the smallest value within the error radius."""
        return self.value - self.error

    @property
    def upper(self) -> float:
        """Return the largest value within the error radius."""
        return self.value + self.error

    def contains(self, number: float) -> bool:
        """Tell whether `number` lies within the error radius."""
        return self.lower <= number <= self.upper

    def to_dict(self) -> dict[str, float | str]:
        """Return ``{"value": v, "error": e, "kind": k}``, the form that ``--json`` prints."""
        return {"value": self.value, "error": self.error, "kind": str(self.kind)}

    def to_dict_or_null(self) -> dict[str, float | str | None]:
        """Return the same with nulls where the number is not defined (an infinite radius)."""
        if not (math.isfinite(self.value) and math.isfinite(self.error)):
            return {"value": None, "error": None, "kind": str(self.kind)}
        return dict(self.to_dict())

    @classmethod
    def from_dict(cls, entry: Mapping[str, float | str | None]) -> Estimate:
        """Read what :meth:`to_dict` returned; nulls mean NaN and an infinite radius.

        Parameters
        ----------
        entry : Mapping
            Keys value and error, and kind, which files written before it existed lack.

        Returns
        -------
        Estimate

        Raises
        ------
        KeyError, ValueError
            If `entry` is not that form.
        """
        value, error = entry["value"], entry["error"]
        return cls(
            math.nan if value is None else float(value),
            math.inf if error is None else float(error),
            Kind(str(entry.get("kind") or Kind.ESTIMATED)),
        )

    @staticmethod
    def describes(entry: object) -> bool:
        """Tell whether an entry of a JSON object is an estimate's form."""
        return isinstance(entry, Mapping) and {"value", "error"} <= set(entry) <= {
            "value",
            "error",
            "kind",
        }

    def __str__(self) -> str:
        if not math.isfinite(self.error):
            return f"{self.value:.6g} (unresolved)"
        if self.error == 0.0:
            return f"{self.value:.10g}"
        digits = max(0, min(15, 1 - math.floor(math.log10(self.error))))
        text = f"{self.value:.{digits}f}"
        # What is printed must hold the true value too: count the rounding in, and round up.
        radius = self.error + abs(float(text) - self.value)
        step = 10.0 ** (math.floor(math.log10(radius)) - 1)
        return f"{text} ± {math.ceil(radius / step * (1.0 - 1e-12)) * step:.1e}{self.kind.suffix}"


def _times(factor: float, error: float) -> float:
    """Return the product; nothing times an unknown finite number is nothing."""
    return factor * error if factor and error else 0.0


def hull(one: Estimate, other: Estimate) -> Estimate:
    """Return the least estimate that holds every number within either radius.

    Parameters
    ----------
    one, other : Estimate
        Estimates of the same number, or the ends of a range.

    Returns
    -------
    Estimate
    """
    if not (math.isfinite(one.error) and math.isfinite(other.error)):
        return Estimate(one.value, math.inf, one.kind | other.kind)
    if one == other:
        return one
    low, high = min(one.lower, other.lower), max(one.upper, other.upper)
    middle = 0.5 * (low + high)
    return Estimate(middle, max(high - middle, middle - low), one.kind | other.kind)


class Verdict(enum.StrEnum):
    """Names what the numbers say about an inequality."""

    HOLDS = "holds"
    FAILS = "fails"
    INCONCLUSIVE = "inconclusive"

    def __invert__(self) -> Verdict:
        return {Verdict.HOLDS: Verdict.FAILS, Verdict.FAILS: Verdict.HOLDS}.get(self, self)

    def __and__(self, other: Verdict) -> Verdict:
        if Verdict.FAILS in (self, other):
            return Verdict.FAILS
        return Verdict.HOLDS if self is other is Verdict.HOLDS else Verdict.INCONCLUSIVE

    def __or__(self, other: Verdict) -> Verdict:
        return ~(~self & ~other)


def positive(margin: Estimate) -> Verdict:
    """Judge ``margin > 0``: decided only where zero lies outside the error radius.

    Parameters
    ----------
    margin : Estimate
        Left-hand side minus right-hand side of the inequality.

    Returns
    -------
    Verdict
        HOLDS if the whole interval is positive, FAILS if none of it is, else INCONCLUSIVE.
    """
    if not math.isfinite(margin.error) or math.isnan(margin.value):
        return Verdict.INCONCLUSIVE
    if margin.lower > 0.0:
        return Verdict.HOLDS
    if margin.upper <= 0.0:
        return Verdict.FAILS
    return Verdict.INCONCLUSIVE


def nonnegative(margin: Estimate) -> Verdict:
    """Judge ``margin >= 0``; see :func:`positive`.

    Parameters
    ----------
    margin : Estimate
        Left-hand side minus right-hand side of the inequality.

    Returns
    -------
    Verdict
        HOLDS if no part of the interval is negative, FAILS if all of it is, else INCONCLUSIVE.
    """
    return ~positive(margin.scaled(-1.0))
