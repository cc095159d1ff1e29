"""J, MLEO and PMO of a decoder: the three figures that decoders are compared by, as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from theorycheck.estimate import Estimate

if TYPE_CHECKING:
    from theorycheck.objectives._decomposition import Decomposition
    from theorycheck.objectives._objective import Objective

_PARTS = ("excess", "mleo", "pmo")


@dataclass(frozen=True)
class ObjectiveValue:
    """J and its parts of one decoder on one p(x), or a difference of two such, nats.

    Parameters
    ----------
    excess : Estimate
        J = −ELBO − H = MLEO + PMO; for a network or an optimum of the IWAE bound J_S = −L_S − H.
    mleo : Estimate
        KL[p ‖ p_f]: 0 where the data distribution is recovered.
    pmo : Estimate
        E_p KL[q* ‖ p_f(z|x)] at the best q for S = 1: 0 where every posterior is a Gaussian.
    """

    excess: Estimate
    mleo: Estimate
    pmo: Estimate

    def __sub__(self, other: ObjectiveValue) -> ObjectiveValue:
        return ObjectiveValue(
            self.excess - other.excess, self.mleo - other.mleo, self.pmo - other.pmo
        )

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> ObjectiveValue:
        """Read it from a mapping that has, among others, the three keys of :meth:`to_dict`.

        Raises
        ------
        KeyError, ValueError
            If one is missing, or is no estimate.
        """
        return cls(*(Estimate.from_dict(entry[part]) for part in _PARTS))

    def to_dict(self) -> dict[str, object]:
        """Return the three figures for JSON: excess, mleo and pmo."""
        return {part: getattr(self, part).to_dict() for part in _PARTS}


class Evaluated:
    """A decoder with its decomposition, which J, MLEO and PMO are read from."""

    if TYPE_CHECKING:
        # Heirs have it as a field or as a property.
        @property
        def decomposition(self) -> Decomposition:
            """−ELBO and its parts."""
            ...

    @property
    def objective(self) -> Objective:
        """What J is of: the ELBO, unless it says another."""
        from theorycheck.objectives._objective import ELBO

        return ELBO

    @property
    def excess(self) -> Estimate:
        """Return J = MLEO + PMO, nats: how far −ELBO at the best q is above H."""
        return self.decomposition.excess

    @property
    def mleo(self) -> Estimate:
        """Return the MLEO KL[p ‖ p_f], nats: 0 where the data distribution is recovered."""
        return self.decomposition.mleo

    @property
    def pmo(self) -> Estimate:
        """Return the PMO E_p KL[q* ‖ p_f(z|x)], nats: 0 where every posterior is Gaussian."""
        return self.decomposition.pmo

    @property
    def figures(self) -> ObjectiveValue:
        """Return J, MLEO and PMO together."""
        return ObjectiveValue(self.excess, self.mleo, self.pmo)
