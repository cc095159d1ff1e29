"""Learned against true: posteriors where p(x) is high, and draws against draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from theorycheck.estimate import Estimate
from theorycheck.inference import MeanField, log_density, posterior
from theorycheck.models import GenerativeModel
from theorycheck.objectives import mean_of_draws
from theorycheck.quadrature import LatentPanels, latent_panels

Array = NDArray[np.float64]

#: Draws from p(x) at which KL is compared, and those at which modes are counted.
_DRAWS, _MODE_DRAWS = 4_000, 300
#: "p(x) is high" on the densest half of the data.
HIGH = 0.5
#: Posterior mass from which a mode counts: below it a Gaussian q loses less than 0.05 nats by
#: leaving the mode out (−log(1 − 0.05)).
_MODE_MASS = 0.05


@dataclass(frozen=True)
class PosteriorFigures:
    """How simple the posteriors of one model are, over x where p(x) is high.

    Parameters
    ----------
    kl : Estimate
        E KL[q* ‖ p(z|x)] there, nats.
    multi_modal : Estimate
        Share of the data there whose posterior has more than one mode that matters.
    """

    kl: Estimate
    multi_modal: Estimate

    def to_dict(self) -> dict[str, object]:
        """Return plain values for JSON."""
        return {"kl": self.kl.to_dict(), "multi_modal": self.multi_modal.to_dict()}


@dataclass(frozen=True)
class Simplicity:
    """Verification (A): learned posteriors against the true ones, where p(x) is high.

    Parameters
    ----------
    truth, learned : PosteriorFigures
        At the same x, drawn from p(x).
    kl_saved : Estimate
        Truth minus learned, paired, nats: positive where the learned ones are simpler.
    """

    truth: PosteriorFigures
    learned: PosteriorFigures
    kl_saved: Estimate

    def to_dict(self) -> dict[str, object]:
        """Return plain values for JSON."""
        return {
            "where": f"the {HIGH:g} of the data with the highest p(x)",
            "truth": self.truth.to_dict(),
            "learned": self.learned.to_dict(),
            "kl_saved": self.kl_saved.to_dict(),
        }


def posterior_simplicity(
    model: GenerativeModel, data: GenerativeModel, *, seed: int = 0
) -> Simplicity:
    """Compare the posteriors of a model with the true ones where p(x) is high.

    Parameters
    ----------
    model, data : GenerativeModel
    seed : int
        Of the draws from p(x).

    Returns
    -------
    Simplicity
        Errors are five standard errors.
    """
    _, x = data.sample(_DRAWS, seed)
    panels = [latent_panels(data), latent_panels(model)]
    height = log_density(panels[0], x).value
    high = x[height >= np.quantile(height, 1.0 - HIGH)]
    kl = [MeanField(part).kl(high) for part in panels]
    chosen = high[:_MODE_DRAWS]
    modes = [np.array([_modes_at(part, point) for point in chosen]) for part in panels]
    truth, learned = (
        PosteriorFigures(mean_of_draws(values), mean_of_draws((count > 1).astype(float), 1.0))
        for values, count in zip(kl, modes, strict=True)
    )
    return Simplicity(truth, learned, mean_of_draws(kl[0] - kl[1]))


def _modes_at(panels: LatentPanels, x: Array) -> int:
    return sum(mode.mass > _MODE_MASS for mode in posterior(panels, x).modes)


@dataclass(frozen=True)
class TwoSample:
    """The energy distance of two samples, with a permutation test.

    Parameters
    ----------
    distance : float
        2 E|x − y| − E|x − x′| − E|y − y′|, in units of x; zero iff the laws agree.
    p_value : float
        Share of random relabellings with at least that distance.
    size : int
        Draws a side.
    seed : int
    """

    distance: float
    p_value: float
    size: int
    seed: int

    def to_dict(self) -> dict[str, object]:
        """Return plain values for JSON."""
        return {
            "energy_distance": self.distance,
            "p_value": self.p_value,
            "size": self.size,
            "seed": self.seed,
        }


def energy_test(
    model: GenerativeModel,
    data: GenerativeModel,
    *,
    size: int = 500,
    relabellings: int = 499,
    seed: int = 0,
) -> TwoSample:
    """Test whether draws of a model and of the data have the same law.

    Parameters
    ----------
    model, data : GenerativeModel
    size : int
        Draws a side.
    relabellings : int
    seed : int

    Returns
    -------
    TwoSample
    """
    first, second, labels = np.random.default_rng(seed).spawn(3)
    points = np.concatenate([model.sample(size, first)[1], data.sample(size, second)[1]])
    distances = cdist(points, points)
    sides = np.tile(np.repeat([1.0, -1.0], size), (relabellings + 1, 1))
    sides[1:] = labels.permuted(sides[1:], axis=1)
    # With labels ±1, Σ labels_i labels_j |x_i − x_j| is minus the energy distance times n².
    statistics = -np.einsum("ri,ri->r", sides @ distances, sides) / size**2
    # The observed labelling counts as one of them, so that a p-value is never zero.
    p_value = float(np.mean(statistics >= statistics[0] * (1.0 - 1e-12)))
    return TwoSample(float(statistics[0]), p_value, size, seed)
