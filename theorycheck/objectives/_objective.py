"""What training minimises: the ELBO, the IWAE bound of S samples, and whatever joins them.

An objective knows what it is called, what it is worth at a decoder, exactly, and at a given q. How
its optimum is searched for is in :mod:`theorycheck.optimum`. Nobody else asks which one it is: a
number S from a command line or a file becomes an objective by :func:`objective_of`, once.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, SupportsIndex, cast

import numpy as np

from theorycheck.arrays import PerPoint, Points
from theorycheck.errors import SettingError, nearest
from theorycheck.estimate import Estimate
from theorycheck.inference import ExactModel, MeanField, checked_samples, iwae_bound
from theorycheck.models import DescribedModel
from theorycheck.objectives._averaging import PMO_TOLERANCE
from theorycheck.objectives._decomposition import Decomposition, decompose
from theorycheck.objectives._iwae_objective import (
    OPTIMAL_Q,
    IwaeObjective,
    iwae_objective,
)
from theorycheck.objectives._objective_value import ObjectiveValue
from theorycheck.progress import NO_PROGRESS, Progress
from theorycheck.results import Named

#: Error radius wanted for a J that is only to be told from another, nats; and for J_S the grid step
#: in σ, by which its radius is 1e-4 to 2e-3 on figure8: a third of the time of the default step.
_ROUGH_TOLERANCE, _ROUGH_STEP = 3e-3, 0.5


class Objective(Named):
    """One thing that training minimises: −bound averaged over p(x), less the entropy of p(x).

    A new one is a frozen dataclass that inherits this and says what is abstract here; that it can
    be searched for is said by :func:`theorycheck.optimum.register_search`.
    """

    #: What files and JSON call it.
    key: ClassVar[str]
    #: Whether J is the MLEO + PMO of the decomposition itself, so that nothing is beside that.
    decomposed: ClassVar[bool] = False
    _kinds: ClassVar[dict[str, type[Objective]]] = {}

    if TYPE_CHECKING:
        # Heirs have it as a constant or as a field.
        @property
        def samples(self) -> int:
            """S: how many draws of z the bound takes."""
            ...

    def __init_subclass__(cls, **others: Any) -> None:
        super().__init_subclass__(**others)
        Objective._kinds[cls.key] = cls

    @property
    @abstractmethod
    def name(self) -> str:
        """What it is called in words, such as "ELBO"."""

    @property
    @abstractmethod
    def symbol(self) -> str:
        """The symbol of its excess over the entropy, such as J."""

    @property
    def numbered(self) -> str:
        """The symbol with its numbers in it, such as J_20."""
        return self.symbol

    @property
    def told(self) -> str:
        """The symbol with its numbers in words, for a sentence."""
        return self.symbol

    @property
    @abstractmethod
    def meaning(self) -> str:
        """The symbol and what it stands for, as the label of a row."""

    @abstractmethod
    def evaluate(
        self,
        model: DescribedModel | ExactModel,
        data: DescribedModel | ExactModel,
        *,
        tolerance: float = PMO_TOLERANCE,
        decomposition: Decomposition | None = None,
        progress: Progress = NO_PROGRESS,
    ) -> Evaluation:
        """Evaluate a decoder exactly, at the best q for this objective.

        Parameters
        ----------
        model : GenerativeModel or ExactModel
            The decoder p_f with its σ².
        data : GenerativeModel or ExactModel
            The ground truth, whose p(x) is averaged over.
        tolerance : float
            Error radius wanted for the PMO, nats.
        decomposition : Decomposition, optional
            The decoder's decomposition on these data, where there is one already.
        progress : Progress
            What is told how far the work is.

        Returns
        -------
        Evaluation
        """

    @abstractmethod
    def excess(
        self,
        model: DescribedModel | ExactModel,
        data: DescribedModel | ExactModel,
        *,
        rough: bool = False,
    ) -> Estimate:
        """Return J alone, at the best q.

        Parameters
        ----------
        model : GenerativeModel or ExactModel
            The decoder p_f with its σ².
        data : GenerativeModel or ExactModel
            The ground truth.
        rough : bool
            Stop at a radius that tells apart what differs by some thousandths of a nat.

        Returns
        -------
        Estimate
            J in nats.
        """

    @abstractmethod
    def negative_bound(
        self, field: MeanField, x: Points, mean: PerPoint, scale: PerPoint
    ) -> tuple[PerPoint, PerPoint]:
        """Return −bound at given Gaussians q, and its error radii: two arrays (n,), nats.

        Parameters
        ----------
        field : MeanField
            The decoder.
        x : ndarray, shape (n, D)
            Data points.
        mean, scale : ndarray, shape (n,)
            μ and s of q(z|x).
        """

    def entries(self, evaluation: Evaluation) -> dict[str, object]:  # noqa: ARG002
        """Return what JSON says of an evaluation besides J and the decomposition."""
        return {}

    def to_dict(self) -> dict[str, Any]:
        """Return plain values: the key, S, and the objective's own settings."""
        return {"objective": self.key, "samples": self.samples, **asdict(cast("Any", self))}

    @classmethod
    def from_dict(cls, entries: Mapping[str, Any]) -> Objective:
        """Read what :meth:`to_dict` returned; without a key, S decides.

        Parameters
        ----------
        entries : mapping
            What ``to_dict`` wrote.

        Returns
        -------
        Objective

        Raises
        ------
        SettingError
            If there is no objective of that key, or an entry is out of range.
        """
        key = entries.get("objective")
        if key is None:
            return objective_of(entries.get("samples", 1))
        if key not in cls._kinds:
            raise SettingError(f"there is no objective '{key}': {nearest(str(key), cls._kinds)}")
        kind = cls._kinds[key]
        names = [field.name for field in fields(cast("Any", kind))]
        return kind(**{name: entries[name] for name in names if name in entries})


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A decoder under one objective, at the best q for it.

    Parameters
    ----------
    objective : Objective
        What J is of.
    excess : Estimate
        J = −bound − H, nats.
    gap : Estimate
        What J is above the MLEO, nats: for the ELBO the PMO.
    decomposition : Decomposition
        −ELBO and its parts, whatever the objective: MLEO and PMO are read from it.
    """

    objective: Objective
    excess: Estimate
    gap: Estimate
    decomposition: Decomposition

    @property
    def figures(self) -> ObjectiveValue:
        """Return J of the objective, beside MLEO and PMO."""
        return ObjectiveValue(self.excess, self.decomposition.mleo, self.decomposition.pmo)

    @property
    def beside(self) -> tuple[Estimate, ...]:
        """Return J where a table needs a column for it: it is not the decomposition's own."""
        return () if self.objective.decomposed else (self.excess,)

    def entries(self) -> dict[str, object]:
        """Return what JSON says of it besides J and the decomposition."""
        return self.objective.entries(self)


@dataclass(frozen=True)
class Elbo(Objective):
    """The evidence lower bound: −ELBO = H + J with J = MLEO + PMO."""

    key: ClassVar[str] = "elbo"
    decomposed: ClassVar[bool] = True
    name = "ELBO"
    symbol = "J"
    samples = 1
    meaning = "J = MLEO + PMO"

    def evaluate(
        self,
        model: DescribedModel | ExactModel,
        data: DescribedModel | ExactModel,
        *,
        tolerance: float = PMO_TOLERANCE,
        decomposition: Decomposition | None = None,
        progress: Progress = NO_PROGRESS,
    ) -> Evaluation:
        """Evaluate a decoder; see :meth:`Objective.evaluate`."""
        found = decomposition or decompose(model, data, tolerance=tolerance, progress=progress)
        return Evaluation(self, found.excess, found.pmo, found)

    def excess(
        self,
        model: DescribedModel | ExactModel,
        data: DescribedModel | ExactModel,
        *,
        rough: bool = False,
    ) -> Estimate:
        """Return J alone; see :meth:`Objective.excess`."""
        return decompose(model, data, tolerance=_ROUGH_TOLERANCE if rough else PMO_TOLERANCE).excess

    def negative_bound(
        self, field: MeanField, x: Points, mean: PerPoint, scale: PerPoint
    ) -> tuple[PerPoint, PerPoint]:
        """Return −ELBO_x at given q; see :meth:`Objective.negative_bound`."""
        return field.negative_elbo(x, mean, scale), np.zeros(len(x))


@dataclass(frozen=True)
class IwaeBound(Objective):
    """The bound of the importance weighted autoencoder: −E_p L_S = H + J_S.

    Parameters
    ----------
    samples : int
        S, at least 2: with one sample it is the ELBO, which has a class of its own.

    Raises
    ------
    SettingError
        If S is no integer from 2 to 10⁹.
    """

    samples: int
    key: ClassVar[str] = "iwae"
    symbol = "J_S"

    def __post_init__(self) -> None:
        object.__setattr__(self, "samples", checked_samples(self.samples))
        if self.samples < 2:
            raise SettingError(
                f"the IWAE bound needs S >= 2, not {self.samples}: S = 1 is the ELBO"
            )

    @property
    def name(self) -> str:
        """What it is called in words."""
        return f"IWAE bound, S = {self.samples}"

    @property
    def numbered(self) -> str:
        """Return J's symbol with S in it."""
        return f"J_{self.samples}"

    @property
    def told(self) -> str:
        """Return what J_S is, with S in words."""
        return f"J_S at S = {self.samples}"

    @property
    def meaning(self) -> str:
        """What J_S stands for."""
        return f"J_S = −E L_S − H, S = {self.samples}"

    def evaluate(
        self,
        model: DescribedModel | ExactModel,
        data: DescribedModel | ExactModel,
        *,
        tolerance: float = PMO_TOLERANCE,
        decomposition: Decomposition | None = None,
        progress: Progress = NO_PROGRESS,
    ) -> Evaluation:
        """Evaluate a decoder; see :meth:`Objective.evaluate`."""
        parts = decomposition or decompose(model, data, tolerance=tolerance, progress=progress)
        bound = iwae_objective(model, data, samples=self.samples, progress=progress)
        return Evaluation(self, bound.excess, bound.gap, parts)

    def excess(
        self,
        model: DescribedModel | ExactModel,
        data: DescribedModel | ExactModel,
        *,
        rough: bool = False,
    ) -> Estimate:
        """Return J_S alone; see :meth:`Objective.excess`."""
        step = _ROUGH_STEP if rough else None
        return iwae_objective(model, data, samples=self.samples, step=step).excess

    def negative_bound(
        self, field: MeanField, x: Points, mean: PerPoint, scale: PerPoint
    ) -> tuple[PerPoint, PerPoint]:
        """Return −L_S(x) at given q; see :meth:`Objective.negative_bound`."""
        bound = iwae_bound(field, x, mean, scale, self.samples)
        return -bound.value, bound.error

    def entries(self, evaluation: Evaluation) -> dict[str, object]:
        """Return J_S and its gap above the MLEO, for JSON."""
        own = IwaeObjective(self.samples, OPTIMAL_Q, evaluation.excess, evaluation.gap)
        return {"iwae": own.to_dict()}


#: The ELBO.
ELBO = Elbo()


def objective_of(samples: SupportsIndex) -> Objective:
    """Return the objective that a number S of samples stands for.

    Parameters
    ----------
    samples : int
        S: 1 for the ELBO, more for the IWAE bound.

    Returns
    -------
    Objective

    Raises
    ------
    SettingError
        If S is no integer from 1 to 10⁹.
    """
    count = checked_samples(samples)
    return ELBO if count == 1 else IwaeBound(count)
