"""Decoders f∘T with one p(x), on common nodes x: log p(x) once, then KL(x) and q for each T."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float64
from scipy.special import ndtri

from theorycheck.arrays import Array, PerPoint
from theorycheck.downstream._plane_maps import PlaneMap
from theorycheck.errors import ModelError, SettingError
from theorycheck.estimate import Estimate
from theorycheck.inference import (
    MeanFieldBoxes,
    ProductQSearch,
    finest_rule,
    posterior_marginals,
)
from theorycheck.models import GenerativeModel
from theorycheck.objectives import FEWEST_REPEATS, LARGEST_KL, AggregateWeights, weighed
from theorycheck.progress import NO_PROGRESS, Progress
from theorycheck.quadrature import latent_boxes

#: Boxes whose middles are starts for q: how coarsely they may resolve f∘T, in σ, and the prior mass
#: from which on a box matters.
_MOVE, _RESOLUTION, _NEGLIGIBLE = 4.0, 0.1, 1e-8
#: Nats of J that all rules for E_q together may leave open; the radius holds them.
_NOT_ASKED_FOR = 1e-8


@dataclass(frozen=True, eq=False)
class AtMap:
    """The best q of f∘T at the common nodes.

    Parameters
    ----------
    kl : ndarray, shape (n,)
        KL[q* ‖ p(z|x)], nats.
    off : float
        How far it may be off on average, nats.
    gap : ndarray, shape (n,)
        Nats by which q* may miss its minimum.
    mean, scale : ndarray, shape (n, 2)
        μ and s of q*, of the latents that T maps.
    minima : ndarray, shape (n, 4, 5)
        μ, log s and −ELBO_x of the minima found.
    """

    kl: PerPoint
    off: float
    gap: PerPoint
    mean: Float64[Array, "n 2"]
    scale: Float64[Array, "n 2"]
    minima: Float64[Array, "n 4 5"]


class SameData:
    """Nodes over the p(x) of a model of two latents, which all f∘T share.

    Parameters
    ----------
    model : GenerativeModel
        A model of two latents: f with σ².
    max_nodes : int
        Nodes x at most of a grid over p(x), D <= 2: it is made as fine as they allow.
    size, repeats, seed : int
        Quasi-random draws for D > 2: points a repetition, repetitions (8 or more), seed.
    progress : Progress
        Told how far it is.

    Raises
    ------
    ModelError
        If the model has another number of latents.
    SettingError
        If a number of nodes, points or repetitions is too small.
    """

    def __init__(
        self,
        model: GenerativeModel,
        *,
        max_nodes: int,
        size: int,
        repeats: int,
        seed: int,
        progress: Progress = NO_PROGRESS,
    ) -> None:
        if model.latent_dim != 2:
            raise ModelError(
                f"{model.name}: has {model.latent_dim} latent{'s' * (model.latent_dim > 1)}; there "
                "are rotations to compare where there are two (--latents 2)"
            )
        if max_nodes < 1 or size < 1 or repeats < FEWEST_REPEATS:
            raise SettingError(f"needs a node, a point and {FEWEST_REPEATS} repetitions at least")
        self.model = model
        self.engine = MeanFieldBoxes(model)
        with progress.task("p(x)", None):
            self.rule, self.smooth, self.method = finest_rule(
                self.engine, most=max_nodes, size=size, repeats=repeats, seed=seed
            )
            self.weights: AggregateWeights = weighed(self.engine, self.rule)
            self._evidence = self.engine.log_density(self.rule.x)

    def at(self, given: PlaneMap, near: Float64[Array, "n 4 4"] | None = None) -> AtMap:
        """Find the best q of f∘T at every node.

        Parameters
        ----------
        given : PlaneMap
            T.
        near : ndarray, shape (n, 4, 4), optional
            Candidates (μ, log s) for each x, NaN where unused, as from a neighbouring T; the search
            looks beyond them as well.

        Returns
        -------
        AtMap
        """
        model = given.applied(self.model)
        boxes = latent_boxes(
            model.decoder, model.sigma, name=model.name, largest_move=_MOVE,
            resolution=_RESOLUTION, negligible=_NEGLIGIBLE,
        )  # fmt: skip
        with np.errstate(divide="ignore"):
            negligible = _NOT_ASKED_FOR / len(self.weights.mass) / self.weights.mass
        best = ProductQSearch(model, boxes).run(
            self.rule.x, given=near, fresh=True, negligible=negligible
        )
        known = np.minimum(best.gap, LARGEST_KL) + np.minimum(self._evidence.error, LARGEST_KL)
        mass = self.weights.mass
        return AtMap(
            kl=best.negative_elbo + self._evidence.value,
            off=float(mass @ known) / float(mass.sum()),
            gap=best.gap,
            mean=best.mean,
            scale=best.scale,
            minima=best.minima,
        )

    def pmo(self, at: AtMap) -> Estimate:
        """Return E KL(x) of one of the decoders, nats."""
        return self.weights.average(at.kl, at.off)

    def gain(self, one: AtMap, other: AtMap) -> Estimate:
        """Return by how much the PMO of the other is lower, nats: of each x the difference."""
        return self.weights.average(one.kl - other.kl, one.off + other.off)

    @cached_property
    def bins(self) -> int:
        """Return into how many equally likely bins each factor is cut."""
        return 20

    @cached_property
    def factors(self) -> tuple[Float64[Array, "n bins"], Float64[Array, "n bins"]]:
        """Return the posterior probability of each factor's bins at each node: z of f itself."""
        edges = np.asarray(ndtri(np.arange(1, self.bins) / self.bins), dtype=np.float64)
        marginals = posterior_marginals(self.engine, edges, joint=False)
        assert marginals is not None
        found = tuple(np.empty((len(self.rule.x), self.bins)) for _ in (0, 1))
        # A panel lies in one bin.
        places = [
            np.searchsorted(edges, axis.z.reshape(-1, axis.order).mean(axis=1))
            for axis in marginals.axes
        ]
        for chunk in marginals.of(self.rule.x):
            for k, axis in enumerate(marginals.axes):
                chosen = chunk.chosen[k]
                mass = chunk.density[k] * axis.weight[chosen]
                into = np.zeros((chosen.size, self.bins))
                into[np.arange(chosen.size), places[k][chosen // axis.order]] = 1.0
                found[k][chunk.rows] = mass @ into
        first, second = found
        return first, second
