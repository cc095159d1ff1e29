"""The predicted optimum: the best decoder found, its exact figures, and how it was found."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, PerDimension
from theorycheck.errors import ModelError
from theorycheck.estimate import Estimate
from theorycheck.models import (
    DescribedModel,
    GenerativeModel,
    decoder_from_grid_table,
    decoder_from_table,
    fingerprint_of,
    table_arrays,
)
from theorycheck.objectives import Decomposition, Evaluated, Evaluation, Objective
from theorycheck.optimum._coordinate_ascent import NoiseFit
from theorycheck.optimum._search_cells import cells_of_axes
from theorycheck.optimum._settings import SearchSettings
from theorycheck.optimum._starts import GROUND_TRUTH
from theorycheck.quadrature import SLOPE_REACH, LatentCells, PlaneCells, largest_slope
from theorycheck.results import Saved

#: Values of J, in nats, that differ by less count as the same optimum.
SAME_OPTIMUM = 1e-3


@dataclass(frozen=True)
class StartOutcome:
    """Where one start of the search, or one basin hop, ended.

    Parameters
    ----------
    kind : str
        What it started from.
    node_excess : float
        J on the coarse data nodes of the search, nats: a guide to compare starts by, without an
        error radius.
    refined : float or None
        J after refinement on more cells and nodes, for the starts that were worth it.
    evaluations : int
        E-steps taken.
    noise_variance : tuple of float
        σ_d² where it ended, after refinement if there was one.
    """

    kind: str
    node_excess: float
    refined: float | None
    evaluations: int
    noise_variance: tuple[float, ...]

    def to_dict(self) -> dict[str, object]:
        """Return the entries for JSON."""
        return {
            "kind": self.kind,
            "node_excess": self.node_excess,
            "refined": self.refined,
            "evaluations": self.evaluations,
            "noise_variance": list(self.noise_variance),
        }


@dataclass(frozen=True)
class Convergence:
    """How close to a stationary point the last ascent ended.

    Parameters
    ----------
    converged : bool
    evaluations : int
        E-steps of the last ascent.
    displacement : float
        Root mean square |f_new − f|/σ of one more M-step.
    gradient_norm : float
        Norm of the gradient of −ELBO in the cells' f in units of σ, nats.
    q_gap : float
        Nats by which that J could be lower at q that the last E-step did not find: at rounding
        level for the ELBO, log p − L_S for the IWAE bound.
    node_excess : float
        J on the search's own data nodes, nats; below the exact J by what f hides between them.
    """

    converged: bool
    evaluations: int
    displacement: float
    gradient_norm: float
    q_gap: float
    node_excess: float

    def to_dict(self) -> dict[str, object]:
        """Return the entries for JSON."""
        return {
            "converged": self.converged,
            "evaluations": self.evaluations,
            "displacement": self.displacement,
            "gradient_norm": self.gradient_norm,
            "q_gap": self.q_gap,
            "node_excess": self.node_excess,
        }


@dataclass(frozen=True, eq=False)
class PredictedOptimum(Saved, Evaluated):
    """What training should reach: an upper bound on inf_f J, and the f that attains it.

    Parameters
    ----------
    axes : tuple of LatentCells
        Intervals along each latent of the decoder found, one latent or more.
    f : ndarray, shape (M, D)
        Values on the cells, the last latent fastest; the decoder joins them by straight lines,
        with several latents multilinearly.
    evaluation : Evaluation
        That decoder under the objective, exactly, on nodes that the search never saw.
    first : str
        What was ascended from first: "ground truth", or "principal axis", "plane" or "space"
        where the data's model has no decoder of as many latents.
    first_ascent : float
        J (on the search's nodes) that the ascent from there alone ends at, nats.
    starts : tuple of StartOutcome
        Best first.
    hops : tuple of StartOutcome
        Basin hops in the order made; those that came near the best were refined.
    found : int
        How many of the starts ended within SAME_OPTIMUM of the best of them.
    convergence : Convergence
    settings : SearchSettings
        What was searched for, and how hard; with effort and σ² filled in.
    """

    schema: ClassVar[str] = "optimum"

    axes: tuple[LatentCells, ...]
    f: Float64[Array, "cells D"]
    evaluation: Evaluation
    first: str
    first_ascent: float
    starts: tuple[StartOutcome, ...]
    hops: tuple[StartOutcome, ...]
    found: int
    convergence: Convergence
    settings: SearchSettings

    @property
    def latents(self) -> int:
        """The number of latents K of the decoder found."""
        return len(self.axes)

    @property
    def cells(self) -> LatentCells | PlaneCells:
        """The cells of the decoder found."""
        return cells_of_axes(self.axes)

    @property
    def objective(self) -> Objective:
        """What it is an optimum of."""
        return self.evaluation.objective

    @property
    def decomposition(self) -> Decomposition:
        """Return −ELBO of the decoder found and its parts, whatever the objective."""
        return self.evaluation.decomposition

    @property
    def steepness(self) -> float | None:
        """The bound on |f′| that was imposed."""
        return self.settings.steepness

    @property
    def fit_noise(self) -> NoiseFit:
        """Whether σ² was optimised: "no", "shared" or "each"."""
        return self.settings.fit_noise

    @property
    def seed(self) -> int:
        """The seed of the search."""
        return self.settings.seed

    @property
    def model(self) -> GenerativeModel:
        """The decoder found, with its σ²."""
        found = self.decomposition.model
        if not isinstance(found, GenerativeModel):
            raise ModelError(f"{found.name}: has no decoder, and what a search finds has one")
        return found

    @property
    def data(self) -> DescribedModel:
        """The model that p(x) belongs to."""
        return self.decomposition.data

    @property
    def excess(self) -> Estimate:
        """Return J of the decoder found, of the objective that was searched for."""
        return self.evaluation.excess

    @property
    def best_of_search(self) -> float:
        """The lowest J of any refined start or hop, on the search's own nodes, nats.

        Comparable with `first_ascent`, which the reported J, of finer cells, is not.
        """
        ended = (*self.starts, *self.hops)
        return min(one.refined for one in ended if one.refined is not None)

    @property
    def search_gain(self) -> float:
        """How far above the best of the search the ascent from the first decoder ended, nats.

        Both on the search's own cells and nodes, hence without an error radius.
        """
        return max(self.first_ascent - self.best_of_search, 0.0)

    def with_data(self, data: GenerativeModel) -> PredictedOptimum:
        """Return the same optimum, told of this object for the data's model, and by its name.

        Parameters
        ----------
        data : GenerativeModel
            The same model as :attr:`data`.

        Returns
        -------
        PredictedOptimum
        """
        model = self.model
        decoder = replace(model.decoder, name=f"optimum of {data.name}")
        renamed = GenerativeModel(decoder, model.noise_variance)
        decomposition = replace(self.decomposition, model=renamed, data=data)
        return replace(self, evaluation=replace(self.evaluation, decomposition=decomposition))

    @cached_property
    def largest_slope(self) -> float:
        """The largest |f′(z)| of the decoder found, |z| <= 4; of several latents along any."""
        if self.latents > 1:
            return _largest_slope_on_grid(self.axes, self.f)
        return largest_slope(self.model)

    def _about(self) -> dict[str, object]:
        return {
            "data": self.data.name,
            "fingerprint": fingerprint_of(self.data),
            "seed": self.seed,
            "settings": self.settings.to_dict(),
            "excess": self.excess.to_dict_or_null(),
        }

    def _table(self) -> dict[str, Array]:
        table = self.model.decoder.table
        assert table is not None, "the decoder found is a table"
        return table_arrays(replace(table, noise_variance=self.model.noise_variance))

    def to_dict(self) -> dict[str, object]:
        """Return what ``theorycheck optimum --json`` prints, without the decoder's file."""
        return {
            "data": self.data.name,
            "noise_variance": self.model.noise_variance.tolist(),
            "samples": self.objective.samples,
            **self.figures.to_dict(),
            "entropy": self.decomposition.entropy.to_dict(),
            "first_start": self.first,
            "ground_truth_ascent": self.first_ascent if self.first == GROUND_TRUTH else None,
            "search_gain": self.search_gain,
            "starts": [start.to_dict() for start in self.starts],
            "found": self.found,
            "hops": [hop.to_dict() for hop in self.hops],
            "convergence": self.convergence.to_dict(),
            "largest_slope": self.largest_slope,
            "steepness": self.steepness,
            "fit_noise": self.fit_noise,
            "latents": self.latents,
            "seed": self.seed,
        }


def _largest_slope_on_grid(axes: tuple[LatentCells, ...], f: Array) -> float:
    """Return the largest |∂f/∂z_k| of a multilinear table on |z| <= 4."""
    values = f.reshape(*(axis.count for axis in axes), -1)
    slopes = []
    for k, axis in enumerate(axes):
        moves = np.linalg.norm(np.diff(values, axis=k), axis=-1)
        steps = np.diff(axis.z).reshape([-1 if j == k else 1 for j in range(len(axes))])
        inner = [np.abs(one.z) <= SLOPE_REACH for one in axes]
        inner[k] = (axis.z[1:] > -SLOPE_REACH) & (axis.z[:-1] < SLOPE_REACH)
        slopes.append(float((moves / steps)[np.ix_(*inner)].max(initial=0.0)))
    return max(slopes)


def decoder_on_cells(
    cells: LatentCells | PlaneCells,
    f: Float64[Array, "cells D"],
    noise_variance: PerDimension,
    name: str,
) -> GenerativeModel:
    """Join the values on the cells by straight lines, flat beyond the outermost.

    Parameters
    ----------
    cells : LatentCells or PlaneCells
        Cells of the decoder found.
    f : ndarray, shape (M, D)
        Decoder means on the cells.
    noise_variance : ndarray, shape (D,)
        Noise variance σ², squared data units.
    name : str
        What reports call the decoder.

    Returns
    -------
    GenerativeModel
        The model; its |f′| is that between neighbouring cells, its J lower than that of the steps.
    """
    if isinstance(cells, PlaneCells):
        values = f.reshape(*cells.shape, -1)
        plane = decoder_from_grid_table(tuple(axis.z for axis in cells.axes), values, name=name)
        return GenerativeModel(plane, noise_variance)
    decoder = decoder_from_table(cells.z, f, kind="linear", name=name)
    return GenerativeModel(decoder, noise_variance)
