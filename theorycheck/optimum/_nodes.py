"""The data nodes that stand for p(x) while f is optimised.

An optimiser hides bad x between the nodes (docs/optimum.md), so that the value it reaches on its
own nodes is too low. It is therefore only a guide: what is reported comes from `decompose`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theorycheck.arrays import PerDimension, PerPoint, Points
from theorycheck.inference import DrawRule, ExactModel, MeanFieldBoxes, data_rule, exact_model
from theorycheck.models import DescribedModel
from theorycheck.quadrature import LatentPanels

#: Draws of a repetition where p(x) is that of three latents, of which an x takes some 25 ms.
_OF_THREE = 256


@dataclass(frozen=True, eq=False)
class DataNodes:
    """Weighted points that stand for p(x).

    Parameters
    ----------
    x : ndarray, shape (n, D)
        Nodes of the average over p(x).
    mass : ndarray, shape (n,)
        Adds up to one.
    log_density : ndarray, shape (n,)
        log p(x), nats.
    noise_variance : ndarray, shape (D,)
        σ² of the data's model, to which the spacing belongs.
    step : float
        Grid step in σ.
    """

    x: Points
    mass: PerPoint
    log_density: PerPoint
    noise_variance: PerDimension
    step: float = 0.4

    @property
    def smallest_noise(self) -> PerDimension:
        """The least σ_d² that a fit may take on these nodes, shape (D,).

        They are point masses: an f through all of them with σ² → 0 has −ELBO → −∞ there, which no
        f has on p(x). A normal density of σ = step/1.5 is the narrowest that a trapezoid rule sums
        to rounding.
        """
        return np.asarray((self.step / 1.5) ** 2 * self.noise_variance, dtype=np.float64)

    @property
    def entropy(self) -> float:
        """Return H = −E_p log p(x) on these nodes, nats."""
        return -float(self.mass @ self.log_density)


def data_nodes(
    data: DescribedModel | LatentPanels | ExactModel,
    step: float,
    *,
    shift: float = 0.0,
    tail: float = 1e-6,
    most: int | None = None,
    seed: int = 0,
) -> DataNodes:
    """Lay data nodes: a grid for D <= 2, quasi-Monte Carlo draws for more.

    Parameters
    ----------
    data : GenerativeModel, LinearGaussianModel, LatentPanels or ExactModel
        The model whose p(x) the nodes stand for.
    step : float
        Grid step in σ.
    shift : float
        Where in the step the grid lies, in [0, 1).
    tail : float
        Mass of the lightest nodes that is left out.
    most : int, optional
        Draw so many nodes from a larger grid, each standing for an equal share of its mass.
    seed : int
        Seed of the quasi-Monte Carlo draws (D > 2) and of that choice.

    Returns
    -------
    DataNodes
    """
    source = exact_model(data)
    variance = source.model.noise_variance
    size = 1024 if most is None else most
    if isinstance(source, MeanFieldBoxes) and source.model.latent_dim > 2:
        size = min(size, _OF_THREE)
    rule = data_rule(source, step=step, shift=shift, size=size, repeats=4, seed=seed)
    if isinstance(rule, DrawRule):
        return DataNodes(rule.x, rule.mass, source.log_density(rule.x).value, variance, step)
    mass = rule.mass / rule.mass.sum()
    heaviest = np.argsort(-mass, kind="stable")
    count = int(np.searchsorted(np.cumsum(mass[heaviest]), 1.0 - tail)) + 1
    chosen = np.sort(heaviest[:count])
    if most is not None and chosen.size > most:
        # Systematic sampling: along the list, one node every 1/most of the mass.
        share = np.cumsum(mass[chosen])
        start = np.random.default_rng(seed).uniform()
        at = (start + np.arange(most)) / most * share[-1]
        kept, times = np.unique(np.searchsorted(share, at), return_counts=True)
        chosen = chosen[np.minimum(kept, chosen.size - 1)]
        return DataNodes(rule.x[chosen], times / most, rule.log_density[chosen], variance, step)
    mass = mass[chosen] / mass[chosen].sum()
    return DataNodes(rule.x[chosen], mass, rule.log_density[chosen], variance, step)
