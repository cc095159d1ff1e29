"""Condition (1) of Theorem 1 for one alternative f, at one η and over all η.

For the ground truth G and f, with P = Pr[X_Hi], L = D_Lo, Hh = D_Hi and M = MLEO(f) (section 4.1 of
the paper, docs/theory.md):

    P_G (Hh_G − L_G) > P Hh + M    and    L_G >= L.

The margins of the two add up to J(G) − J(f) − P L. So together they imply J(f) < J(G), and more:
J(G) − J(f) > P L. Where f gains less than that, (1) fails at this η, however little is known of
either margin.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from theorycheck.estimate import Estimate, Verdict, nonnegative, positive
from theorycheck.objectives import Decomposition, Partition
from theorycheck.ruling import Ruling

_FOUND = {Verdict.FAILS: "fails", Verdict.INCONCLUSIVE: "is inconclusive"}


@dataclass(frozen=True)
class Condition1At:
    """Condition (1) at one η.

    Parameters
    ----------
    eta : float
        Nats.
    first : Estimate
        P_G (Hh_G − L_G) − P Hh − M, which must be > 0; nats.
    second : Estimate
        L_G − L, which must be >= 0; nats.
    verdict : Verdict
    """

    eta: float
    first: Estimate
    second: Estimate
    verdict: Verdict

    @property
    def ruling(self) -> Ruling:
        """The verdict and the weakest kind of the two margins' radii."""
        return Ruling.of(self.verdict, [self.first, self.second])

    def to_dict(self) -> dict[str, object]:
        """Return the figures for JSON; a margin that is not defined is null."""
        return {
            "eta": self.eta,
            "first": self.first.to_dict_or_null(),
            "second": self.second.to_dict_or_null(),
            **self.ruling.to_dict(),
        }


@dataclass(frozen=True)
class AlternativeCheck:
    """Condition (1) for one alternative f.

    Parameters
    ----------
    decomposition : Decomposition
        The decomposition of f on the ground truth's p(x).
    condition_1 : tuple of Condition1At
        At every η looked at.
    verdict : Verdict
        HOLDS if some η satisfies both inequalities, FAILS if every η violates one.
    witness_eta : float or None
        An η that satisfies both, of largest first margin.
    gain : Estimate
        J(G) − J(f), nats.
    prefers : Verdict
        The verdict on gain > 0: the ELBO prefers f to the ground truth.
    """

    decomposition: Decomposition
    condition_1: tuple[Condition1At, ...]
    verdict: Verdict
    witness_eta: float | None
    gain: Estimate
    prefers: Verdict

    @property
    def name(self) -> str:
        """The alternative's name."""
        return self.decomposition.model.name

    @property
    def ruling(self) -> Ruling:
        """The verdict and the weakest kind of all margins that it was drawn from."""
        margins = [margin for at in self.condition_1 for margin in (at.first, at.second)]
        return Ruling.of(self.verdict, [self.gain, *margins])

    @property
    def preferred(self) -> Ruling:
        """Whether the ELBO prefers f, and the kind of the gain's radius."""
        return Ruling.of(self.prefers, [self.gain])

    @property
    def witness(self) -> dict[str, object]:
        """What shows that condition (1) holds: f, η, and how much the ELBO prefers f."""
        return {"alternative": self.name, "eta": self.witness_eta, "gain": self.gain.to_dict()}

    @property
    def summary(self) -> str:
        """Say in plain words what was found."""
        if self.verdict is Verdict.HOLDS:
            return (
                f"Condition (1) holds for {self.name} (η = {self.witness_eta:.4g}): the ELBO "
                f"prefers it to the ground truth by {self.gain.value:.4g} nats."
            )
        if self.prefers is Verdict.HOLDS:
            return (
                f"Condition (1) {_FOUND[self.verdict]} for {self.name}, yet the ELBO prefers it by "
                f"{self.gain.value:.4g} nats: the condition is sufficient, not necessary."
            )
        return f"Condition (1) {_FOUND[self.verdict]} for {self.name}."

    def to_dict(self) -> dict[str, object]:
        """Return the figures for JSON."""
        return {
            "name": self.name,
            **self.ruling.to_dict(),
            "witness_eta": self.witness_eta,
            "gain": self.gain.to_dict(),
            "prefers": self.prefers.value,
            "prefers_rests_on": self.preferred.rests_on,
            "mleo": self.decomposition.mleo.to_dict(),
            "pmo": self.decomposition.pmo.to_dict(),
            "eta": [c.to_dict() for c in self.condition_1],
        }


def condition_1_at(
    truth: Partition, f: Partition, mleo: Estimate, gain: Estimate | None = None
) -> Condition1At:
    """Evaluate both inequalities of condition (1) at one η.

    Parameters
    ----------
    truth, f : Partition
        Parts of the ground truth and the alternative at the same η, both under the ground truth's
        p(x).
    mleo : Estimate
        MLEO(f), nats.
    gain : Estimate, optional
        J(G) − J(f), nats, where it is known better than the partitions tell.

    Returns
    -------
    Condition1At
    """
    first = truth.high - truth.pr_hi * truth.d_lo - f.high - mleo
    second = truth.d_lo - f.d_lo
    verdict = positive(first) & nonnegative(second)
    if gain is not None and positive(gain - f.pr_hi * f.d_lo) is Verdict.FAILS:
        verdict = Verdict.FAILS
    return Condition1At(truth.eta, first, second, verdict)


def check_condition_1(
    truth: Decomposition, parts: Sequence[Partition], alternative: Decomposition
) -> AlternativeCheck:
    """Check condition (1) for one alternative at many η.

    Parameters
    ----------
    truth : Decomposition
        The decomposition of the ground truth.
    parts : sequence of Partition
        Its η-partition at every η to look at.
    alternative : Decomposition
        The decomposition of f on the ground truth's p(x).

    Returns
    -------
    AlternativeCheck
    """
    others = alternative.kl_distribution.partitions(np.array([part.eta for part in parts]))
    gain = truth.excess - alternative.excess
    conditions = tuple(
        condition_1_at(part, other, alternative.mleo, gain)
        for part, other in zip(parts, others, strict=True)
    )
    holding = [c for c in conditions if c.verdict is Verdict.HOLDS]
    verdict = some(c.verdict for c in conditions)
    if not (truth.resolved and alternative.resolved):
        verdict = Verdict.INCONCLUSIVE
    elif positive(gain) is Verdict.FAILS:
        # Condition (1) implies a gain, so where there is none it fails at every η.
        verdict = Verdict.FAILS
    return AlternativeCheck(
        decomposition=alternative,
        condition_1=conditions,
        verdict=verdict,
        witness_eta=max(holding, key=lambda c: c.first.value).eta if holding else None,
        gain=gain,
        prefers=positive(gain),
    )


def some(verdicts: Iterable[Verdict]) -> Verdict:
    """∃: HOLDS if one does, FAILS if all fail, else INCONCLUSIVE."""
    result = Verdict.FAILS
    for verdict in verdicts:
        result = result | verdict
    return result
