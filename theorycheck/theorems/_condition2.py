"""Condition (2) of Theorem 1, as it stands and repaired, over a class of decoders with MLEO = 0.

Condition (2) as it stands: no f that satisfies the inequalities of (1) has MLEO(f) = 0. It lets
every g pass that has MLEO(g) = 0 and misses one inequality, and such a g may be the global minimum
(docs/theory.md). Condition (2′): every g with MLEO(g) = 0 has PMO(g) > J(f) for some f. Then
every global minimum has MLEO ≠ 0.

Both quantify over all decoders. Here they are judged over the class that was searched, which the
result names. A g that an M-step moves has a better decoder at once, the moved one, so that it
witnesses (2′) against itself: J(f_new) <= PMO(g) − gain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from theorycheck.estimate import Estimate, Verdict, positive
from theorycheck.objectives import Decomposition
from theorycheck.optimum import Stationarity, check_stationarity
from theorycheck.rearrangements import SHARP
from theorycheck.ruling import Ruling, weakest
from theorycheck.theorems._condition1 import AlternativeCheck


@dataclass(frozen=True)
class Condition2Check:
    """Condition (2) as it stands, at every η; _eta_scan.py judges it at one.

    Parameters
    ----------
    checks : tuple of AlternativeCheck
        Condition (1) for every g with MLEO(g) = 0 that was looked at, besides the ground truth.
    verdict : Verdict
        FAILS if one of them satisfies (1) at some η; HOLDS over the class if each violates (1) at
        every η.
    class_searched : str
    """

    checks: tuple[AlternativeCheck, ...]
    verdict: Verdict
    class_searched: str

    @property
    def witness(self) -> AlternativeCheck | None:
        """The g of largest gain that satisfies (1) and has MLEO = 0."""
        return largest_gain(self.checks)

    @property
    def ruling(self) -> Ruling:
        """The verdict and the kind that it rests on: that of the witness, or of all checks."""
        found = Ruling.some(check.ruling for check in self.checks)
        return Ruling(self.verdict, found.rests_on)

    def to_dict(self) -> dict[str, object]:
        """Return the entries for JSON."""
        found = self.witness
        return {
            **self.ruling.to_dict(),
            "asks": "whether no decoder with MLEO = 0 meets the inequalities of (1) at any η",
            "class": self.class_searched,
            "witness": None if found is None else found.witness,
        }


@dataclass(frozen=True)
class RepairedCheck:
    """Condition (2′).

    Parameters
    ----------
    smallest : Decomposition
        The decomposition of the g with MLEO(g) = 0 and the smallest PMO that was found.
    stationarity : Stationarity
        How far an M-step moves it.
    lowest : str
        The f of smallest J that was found; the moved g where that is the better witness.
    excess : Estimate
        Its J, or for the moved g a bound on it, nats.
    margin : Estimate
        The smallest PMO(g) − J(f) over the class, nats.
    verdict : Verdict
        HOLDS over the class if the margin is positive. FAILS if no f that was looked at is better
        than `smallest`, and an M-step leaves it where it is.
    class_searched : str
    """

    smallest: Decomposition
    stationarity: Stationarity
    lowest: str
    excess: Estimate
    margin: Estimate
    verdict: Verdict
    class_searched: str

    @property
    def summary(self) -> str:
        """Say in plain words what follows for the global minimum."""
        name, pmo = self.smallest.model.name, self.smallest.pmo
        if self.verdict is Verdict.HOLDS:
            return (
                f"Condition (2′) holds over the class: the smallest PMO with MLEO = 0 is "
                f"{pmo.value:.4g} nats ({name}), and {self.lowest} has J = {self.excess.value:.4g} "
                f"nats, less by {self.margin.value:.3g}. So no decoder of the class is the global "
                "minimum: the minimum has MLEO ≠ 0, unless it is a rearrangement outside the class."
            )
        if self.verdict is Verdict.FAILS:
            return (
                f"Condition (2′) fails over what was looked at: {name} has MLEO = 0, PMO = "
                f"{pmo.value:.4g} nats, an M-step leaves it, and nothing better was found."
            )
        return f"Condition (2′) is inconclusive: nothing was found that surely beats {name}."

    @property
    def ruling(self) -> Ruling:
        """The verdict and the weakest kind of the figures that it was drawn from."""
        figures = [self.margin, self.smallest.pmo, self.stationarity.m_step_gain]
        return Ruling.of(self.verdict, figures)

    def to_dict(self) -> dict[str, object]:
        """Return the entries for JSON."""
        return {
            **self.ruling.to_dict(),
            "class": self.class_searched,
            "smallest": {"name": self.smallest.model.name, "pmo": self.smallest.pmo.to_dict()},
            "m_step_gain": self.stationarity.m_step_gain.to_dict(),
            "lowest": {"name": self.lowest, "excess": self.excess.to_dict()},
            "margin": self.margin.to_dict(),
        }


def has_zero_mleo(decomposition: Decomposition) -> bool:
    """Whether MLEO = 0 within a radius that says something."""
    mleo = decomposition.mleo
    return mleo.error < SHARP and mleo.contains(0.0)


def largest_gain(checks: Sequence[AlternativeCheck]) -> AlternativeCheck | None:
    """Return the check of largest gain among those that satisfy condition (1)."""
    holding = [c for c in checks if c.verdict is Verdict.HOLDS]
    return max(holding, key=lambda c: c.gain.value, default=None)


def check_condition_2(
    checks: Sequence[AlternativeCheck], class_searched: str, *, surveyed: bool
) -> Condition2Check:
    """Judge condition (2) as it stands.

    Parameters
    ----------
    checks : sequence of AlternativeCheck
        For all decoders with MLEO = 0 that were looked at.
    class_searched : str
    surveyed : bool
        True if they are a class that says something; a few given decoders are not, and then the
        condition is never found to hold.

    Returns
    -------
    Condition2Check
    """
    verdict = Verdict.HOLDS if surveyed else Verdict.INCONCLUSIVE
    for check in checks:
        verdict = verdict & ~check.verdict
    return Condition2Check(tuple(checks), verdict, class_searched)


def check_repaired(
    members: Sequence[Decomposition],
    others: Sequence[Decomposition],
    class_searched: str,
    truth: Stationarity,
    *,
    surveyed: bool,
) -> RepairedCheck:
    """Judge condition (2′).

    Parameters
    ----------
    members : sequence of Decomposition
        Decompositions of decoders with MLEO = 0, the ground truth first.
    others : sequence of Decomposition
        Decompositions of the decoders that may be better.
    class_searched : str
    truth : Stationarity
        How far an M-step moves the ground truth.
    surveyed : bool
        As for :func:`check_condition_2`.

    Returns
    -------
    RepairedCheck
    """
    # Of those that agree to rounding the first, which is the ground truth.
    smallest = min(members, key=lambda m: round(m.pmo.value, 9))
    is_truth = smallest is members[0]
    moved = truth if is_truth else _moved(smallest)
    gain = moved.m_step_gain
    # g is better than its own image under the M-step by minus the gain, whatever its PMO's radius.
    margins = [
        gain if member is smallest else member.pmo - smallest.pmo + gain for member in members
    ]
    name = f"one M-step from {smallest.model.name}"
    bound = smallest.pmo - gain
    found = [(_resting_on_all(min(margins, key=lambda m: m.lower), margins), name, bound)]
    for f in others:
        each = [member.pmo - f.excess for member in members]
        closest = _resting_on_all(min(each, key=lambda m: m.lower), each)
        found.append((closest, f.model.name, f.excess))
    margin, lowest, excess = max(found, key=lambda entry: entry[0].lower)
    verdict = positive(margin)
    better = [positive(smallest.pmo - f.excess) for f in others]
    if verdict is not Verdict.HOLDS or not all(_known(m) for m in members):
        stays = moved.verdict is Verdict.HOLDS and all(v is Verdict.FAILS for v in better)
        verdict = Verdict.FAILS if stays and smallest.resolved else Verdict.INCONCLUSIVE
    elif not surveyed:
        verdict = Verdict.INCONCLUSIVE
    return RepairedCheck(smallest, moved, lowest, excess, margin, verdict, class_searched)


def _known(member: Decomposition) -> bool:
    """Tell whether a member's PMO may be compared: by draws its entropy alone is known worse."""
    return member.resolved or (member.averages.sampled and member.unresolved_mass < SHARP)


def _resting_on_all(least: Estimate, margins: Sequence[Estimate]) -> Estimate:
    """Return the least margin with the weakest kind of all: each might have been the least."""
    return replace(least, kind=weakest(margin.kind for margin in margins) or least.kind)


def _moved(member: Decomposition) -> Stationarity:
    """Move a decoder by one M-step."""
    return check_stationarity(member.model, member.data)
