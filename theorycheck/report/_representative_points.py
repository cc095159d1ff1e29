"""Selects the x whose posteriors a report shows, and the one whose landscape it shows."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from theorycheck.arrays import Array, Booleans, PerDimension, PerPoint, Points
from theorycheck.estimate import Estimate
from theorycheck.inference import ALL_MINIMA, MeanField, Posterior, log_density, posterior
from theorycheck.objectives import Decomposition, KlMap, Landscape, pmo_landscape

#: Share of the peak of p(x) below which an x is not shown for its large KL alone.
NOT_RARE = 0.05
#: KL, in nats, below which all of KL(x) is rounding, so that its largest value tells nothing.
ROUNDING_KL = 1e-9
#: Two selected points nearer than this many σ are one point with two roles.
_SAME_POINT = 0.5
#: KL, in nats, within which two x's tie; the likelier one is then shown.
_TIE = 1e-6
#: Step of the map of KL(x), in σ, above which it misses structure and nodes are used instead.
_COARSE = 0.75
#: Nodes of an average to choose from at most.
_MOST_NODES = 100_000
#: Widths of q around the local minima that a landscape covers.
_LANDSCAPE_REACH = 4.0


class AnyPosterior(Protocol):
    """What a report says of a posterior, of any number of latents."""

    @property
    def x(self) -> PerDimension:
        """The data point."""
        ...

    @property
    def log_density_x(self) -> Estimate:
        """Return log p(x), nats."""
        ...

    @property
    def entropy(self) -> Estimate:
        """Return −E log p(z|x), nats."""
        ...


@dataclass(frozen=True, eq=False, kw_only=True)
class SelectedPoint(ABC):
    """Holds an x whose posterior a report shows, of any number of latents.

    Parameters
    ----------
    letter : str
        Letter that marks it in figures.
    role : str
        Why it was chosen.
    posterior : AnyPosterior
        p(z|x).
    mean, scale : float, or ndarray of shape (K,)
        μ and s of the optimal q.
    kl : Estimate
        KL[q* ‖ p(z|x)], nats. The radius covers log p(x) and rounding; that q* is the global
        minimum is what the search found.
    """

    letter: str
    role: str
    posterior: AnyPosterior
    mean: float | PerDimension
    scale: float | PerDimension
    kl: Estimate

    @property
    @abstractmethod
    def modes(self) -> int:
        """Return how many modes of the posterior count."""

    def to_dict(self) -> dict[str, object]:
        """Return the figures for JSON."""
        return {
            "letter": self.letter,
            "role": self.role,
            "x": self.posterior.x.tolist(),
            "log_density": self.posterior.log_density_x.to_dict(),
            "kl": self.kl.to_dict(),
            "q": {
                "mean": np.asarray(self.mean).tolist(),
                "scale": np.asarray(self.scale).tolist(),
            },
            "posterior_modes": self.modes,
            "posterior_entropy": self.posterior.entropy.to_dict(),
        }


@dataclass(frozen=True, eq=False, kw_only=True)
class TellingPoint(SelectedPoint):
    """Holds an x whose posterior over one latent a report shows."""

    posterior: Posterior
    mean: float
    scale: float

    @property
    def modes(self) -> int:
        """Return how many modes have a hundredth of the mass or more."""
        return self.posterior.mode_count


def telling_points(
    mean_field: MeanField, truth: Decomposition, surface: KlMap | None
) -> tuple[TellingPoint, ...]:
    """Choose x's by p(x), by KL and by their product; near ones are one point.

    Parameters
    ----------
    mean_field : MeanField
        The model, ready for averages.
    truth : Decomposition
        Decomposition of the model on its own data; its nodes are the choice where there is no map.
    surface : KlMap or None
        KL over the data space, where D <= 2.

    Returns
    -------
    tuple of TellingPoint
        Points, one to four, lettered from A.
    """
    candidates = _candidates(mean_field, truth, surface)
    return tuple(
        telling_point(mean_field, letter, role, place)
        for letter, role, place in chosen_places(*candidates, mean_field.model.sigma)
    )


def chosen_places(
    x: Points, density: PerPoint, kl: PerPoint, mass: PerPoint, sigma: PerDimension
) -> list[tuple[str, str, PerDimension]]:
    """Choose among x's by p(x), by KL and by their product; near ones are one point.

    Parameters
    ----------
    x : ndarray, shape (n, D)
    density : ndarray, shape (n,)
        p(x), up to a factor.
    kl : ndarray, shape (n,)
        KL(x), nats.
    mass : ndarray, shape (n,)
        The probability that each x stands for.
    sigma : ndarray, shape (D,)
        σ, the unit of nearness.

    Returns
    -------
    list of (str, str, ndarray)
        Letter, role and place of one to four points.
    """
    chosen = [("highest p(x)", int(np.argmax(density)))]
    not_rare = density >= NOT_RARE * density.max()
    if kl[not_rare].max() > ROUNDING_KL:
        order = np.argsort(kl)
        rank = np.empty(len(kl))
        rank[order] = np.cumsum(mass[order]) / mass.sum()
        # Among the x with a KL near the median, the likeliest is the one to expect.
        middle = np.abs(rank - 0.5) <= max(0.05, float(np.abs(rank - 0.5).min()))
        largest = not_rare & (kl >= kl[not_rare].max() - _TIE)
        chosen += [
            ("largest p(x) · KL", int(np.argmax(density * kl))),
            ("largest KL where p(x) is not rare", _likeliest(density, largest)),
            ("median KL", _likeliest(density, middle)),
        ]
    places: list[tuple[list[str], Array]] = []
    for role, index in chosen:
        for roles, place in places:
            if np.linalg.norm((place - x[index]) / sigma) < _SAME_POINT:
                roles.append(role)
                break
        else:
            places.append(([role], x[index]))
    return [("ABCD"[k], ", ".join(roles), place) for k, (roles, place) in enumerate(places)]


def is_coarse(surface: KlMap, sigma: PerDimension) -> bool:
    """Tell whether the grid of a map is too wide for what p(x) does within a σ."""
    steps = [float(axis[1] - axis[0]) for axis in surface.axes]
    return any(step > _COARSE * s for step, s in zip(steps, sigma, strict=True))


def telling_landscape(
    mean_field: MeanField, points: Sequence[TellingPoint]
) -> tuple[Landscape, str]:
    """Compute the landscape at the point with the most local minima, of largest KL among equals.

    Parameters
    ----------
    mean_field : MeanField
    points : sequence of TellingPoint

    Returns
    -------
    landscape : Landscape
    letter : str
        Letter of the point.
    """
    x = np.stack([point.posterior.x for point in points])
    minima = mean_field.optimal_q(x, margin=ALL_MINIMA).minima
    count = np.isfinite(minima[:, :, 2]).sum(axis=1)
    best = max(range(len(points)), key=lambda k: (count[k], points[k].kl.value))
    reach = _LANDSCAPE_REACH * np.exp(minima[best, :, 1])
    low = float(np.nanmin(minima[best, :, 0] - reach))
    high = float(np.nanmax(minima[best, :, 0] + reach))
    mean = np.linspace(low, high, 161)
    return pmo_landscape(mean_field, x[best], mean=mean), points[best].letter


def _candidates(
    mean_field: MeanField, truth: Decomposition, surface: KlMap | None
) -> tuple[Array, Array, Array, Array]:
    """Return x, p(x), KL(x) and the probability that each x stands for."""
    averages = truth.averages
    if surface is None or is_coarse(surface, mean_field.model.sigma):
        # A stride that shares no factor with the nodes of a box leaves no part of a box out.
        chosen = slice(None, None, 1 + 2 * (len(averages.x) // (2 * _MOST_NODES)))
        x = averages.x[chosen]
        density = np.exp(log_density(mean_field.panels, x).value)
        return x, density, averages.kl[chosen], averages.mass[chosen]
    x = surface.x
    seen = np.isfinite(surface.kl)
    density = surface.density[seen]
    return x[seen], density, surface.kl[seen], density / density.sum()


def _likeliest(density: Array, among: Booleans) -> int:
    return int(np.argmax(np.where(among, density, -math.inf)))


def telling_point(mean_field: MeanField, letter: str, role: str, x: PerDimension) -> TellingPoint:
    """Compute the posterior and the optimal q of a decoder at one x.

    Parameters
    ----------
    mean_field : MeanField
        The decoder, ready for averages.
    letter, role : str
        Letter that marks it in figures, and the reason why it was chosen.
    x : ndarray, shape (D,)

    Returns
    -------
    TellingPoint
    """
    optimum = mean_field.optimal_q(x[None, :])
    exact = posterior(mean_field.panels, x)
    best = float(optimum.negative_elbo[0])
    log_px = exact.log_density_x
    rounding = 1e-13 * (1.0 + abs(best) + abs(log_px.value))
    return TellingPoint(
        letter=letter,
        role=role,
        posterior=exact,
        mean=float(optimum.mean[0]),
        scale=float(optimum.scale[0]),
        kl=Estimate(best + log_px.value, log_px.error + rounding),
    )
