"""What averages over p(x), theorems and searches need of a model, and nothing more.

The engine for one latent, :class:`theorycheck.inference.MeanField`, is one such model; the
linear-Gaussian model with any number of latents, in closed form, is another. Whoever has a third
writes these members, and `decompose`, the η-partition, both theorems' checks, the noise curve and,
as the data of a search, `find_optimum` take it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Float64
from numpy.typing import ArrayLike

from theorycheck.arrays import Array, PerPoint, Points
from theorycheck.estimate import Estimate
from theorycheck.inference._family import MEAN_FIELD, Family
from theorycheck.inference._marginal import LogDensity
from theorycheck.models import DescribedModel
from theorycheck.quadrature import DataSample, TrapezoidGrid


@dataclass(frozen=True, eq=False)
class BestQ:
    """What an average over p(x) needs of the optimal q of many x.

    Parameters
    ----------
    negative_elbo : ndarray, shape (n,)
        The value −ELBO_x at the optimal q, nats.
    gap : ndarray, shape (n,)
        Nats by which some q could be better.
    mean_f : ndarray, shape (n, D)
        Expectation E_q f(z), data units.
    squares : ndarray, shape (n, D)
        Expectation E_q (x_d − f_d(z))², squared data units.
    hint : ndarray, shape (G, C, W)
        Candidates that serve the neighbours of each group of x, in the model's own form; C = 0
        where the model needs none.
    """

    negative_elbo: PerPoint
    gap: PerPoint
    mean_f: Points
    squares: Points
    hint: Float64[Array, "groups candidates width"]


@runtime_checkable
class ExactModel(Protocol):
    """A model of which everything at a given x is known to an error radius."""

    @property
    def model(self) -> DescribedModel:
        """Return what the model says of itself: name, D, K, σ², and draws."""
        ...

    @property
    def unresolved_mass(self) -> float:
        """Return the prior mass on which f is not resolved against σ."""
        ...

    @property
    def missing_mass(self) -> float:
        """Return the prior mass that no latent of the rule stands for, what is unresolved too."""
        ...

    @property
    def verified_width(self) -> float:
        """Return the width from which on nothing of f was missed; inf without a scan."""
        ...

    @property
    def covered(self) -> float:
        """Return how much room p(x) takes up in data space, about, in units of σ^D."""
        ...

    @property
    def latent_nodes(self) -> int:
        """Return how many latents stand for the prior: what one x costs; 1 in closed form."""
        ...

    @property
    def families(self) -> tuple[Family, ...]:
        """Return the families of q in which the optimal q is known."""
        ...

    def log_density(self, x: ArrayLike) -> LogDensity:
        """Return log p(x) for x (n, D), with its radius and E[f(z) | x]."""
        ...

    def posterior_squares(self, x: ArrayLike) -> Points:
        """Return E[(x_d − f_d(z))² | x] under the exact posterior for x (n, D), shape (n, D)."""
        ...

    def best_q(
        self,
        x: ArrayLike,
        *,
        family: Family = MEAN_FIELD,
        groups: int = 0,
        hint: Float64[Array, "groups candidates width"] | None = None,
        fresh: bool = True,
        evidence: LogDensity | None = None,
        negligible: PerPoint | None = None,
    ) -> BestQ:
        """Find the optimal q of every x.

        Parameters
        ----------
        x : array_like, shape (n, D)
            G groups of n/G neighbours, one after the other.
        family : Family
            What q may be: one of `families`.
        groups : int
            G; 0 asks for no hint.
        hint : ndarray, shape (G, C, W), optional
            What an earlier call returned for neighbours of each group.
        fresh : bool
            Look beyond the hint as well.
        evidence : LogDensity, optional
            log p(x) of this model, where it is known already.
        negligible : ndarray, shape (n,), optional
            KL, nats, up to which nothing better needs to be excluded.

        Returns
        -------
        BestQ
        """
        ...

    def grid(self, step: float, shift: float = 0.0) -> TrapezoidGrid:
        """Return a trapezoid rule over p(x), D <= 2, of a step in σ.

        Raises
        ------
        ModelError
            If D > 2.
        """
        ...

    def draws(self, *, size: int, repeats: int, seed: int) -> DataSample:
        """Return `repeats` independent sets of `size` quasi-random draws from p(x), any D."""
        ...


@runtime_checkable
class MovesItself(Protocol):
    """An exact model that knows what one M-step on its own p(x) does to it.

    For one latent that is computed on panels (:func:`theorycheck.optimum.check_stationarity`);
    other models may know it in closed form.
    """

    @property
    def own_m_step_gain(self) -> Estimate:
        """Return how far one M-step on its own p(x), at the optimal q, lowers −ELBO, nats."""
        ...
