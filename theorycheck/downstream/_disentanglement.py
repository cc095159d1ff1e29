"""Disentanglement: which rotation of its two latents the ELBO prefers, and by how much.

f(R_a z) has the p(x) of f for every angle a, so that −ELBO − H is the PMO alone: J(a) = PMO(a). It
has the period π/2, as swaps and reflections of latents are no preference. For a linear f it is
½(Σ log M_kk − log det M) with M = I + R_aᵀ Wᵀ Σ⁻¹ W R_a, least where WᵀΣ⁻¹W R_a is diagonal: the
factors that generated the data play no part in it (section 5.1 of the paper).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from jaxtyping import Float64
from scipy.optimize import minimize_scalar

from theorycheck.arrays import Array
from theorycheck.downstream._factor_information import FactorInformation, factor_information
from theorycheck.downstream._plane_maps import PlaneMap, rotation
from theorycheck.downstream._same_data import AtMap, SameData
from theorycheck.errors import SettingError
from theorycheck.estimate import Estimate, Verdict, positive
from theorycheck.inference import GaussianQ, LinearGaussianModel
from theorycheck.models import Decoder, GenerativeModel
from theorycheck.objectives import off_place
from theorycheck.progress import NO_PROGRESS, Progress
from theorycheck.rearrangements import turned
from theorycheck.results import Saved

#: The period of J(a), radians.
PERIOD = 0.5 * math.pi
#: Radians to which the best angle is placed, evaluations of J at most for it, and angles at least.
_PLACED, _EVALUATIONS, _FEWEST = 1e-3, 12, 4


@dataclass(frozen=True)
class Representation:
    """One of the decoders of the same p(x), and what its latents say of the factors.

    Parameters
    ----------
    name : str
        The map T of f∘T.
    pmo : Estimate
        J = PMO, nats.
    factors : FactorInformation
        I(z_j; v_k) with the factors v, the latents of f itself.
    """

    name: str
    pmo: Estimate
    factors: FactorInformation

    def to_dict(self) -> dict[str, object]:
        """Return all of it for JSON."""
        return {"map": self.name, "pmo": self.pmo.to_dict(), **self.factors.to_dict()}


@dataclass(frozen=True, eq=False)
class Disentanglement(Saved):
    """J along all rotations of the latents.

    Parameters
    ----------
    model : GenerativeModel
        f with σ²: its latents are the factors.
    angles : ndarray, shape (A,)
        Angles a in [0, π/2), radians.
    pmo : tuple of Estimate
        J(a) = PMO of f(R_a z), nats.
    angle : Estimate
        The angle that the ELBO prefers, radians, modulo π/2.
    given, preferred : Representation
        f itself, and f at that angle.
    gain : Estimate
        J(0) − J(a*), nats.
    spread : Estimate
        The largest J(a) less the smallest, nats.
    method : str
        How p(x) was averaged over.
    """

    schema: ClassVar[str] = "disentanglement"

    model: GenerativeModel
    angles: Float64[Array, " angles"]
    pmo: tuple[Estimate, ...] = field(repr=False)
    angle: Estimate
    given: Representation
    preferred: Representation
    gain: Estimate
    spread: Estimate
    method: str

    @property
    def prefers_another(self) -> Verdict:
        """Whether the ELBO strictly prefers a rotation of f to f itself."""
        return positive(self.gain)

    @property
    def cares(self) -> Verdict:
        """Whether J depends on the angle at all."""
        return positive(self.spread)

    @property
    def entangles(self) -> Verdict:
        """Whether the preferred latents separate the factors less: a smaller MIG."""
        return positive(self.given.factors.mig - self.preferred.factors.mig)

    def _about(self) -> dict[str, object]:
        return {"model": self.model.name, "fingerprint": self.model.fingerprint}

    def to_dict(self) -> dict[str, object]:
        """Return what ``theorycheck disentangle --json`` prints."""
        return {
            "model": self.model.name,
            "noise_variance": self.model.noise_variance.tolist(),
            "angles": self.angles.tolist(),
            "pmo": [one.to_dict() for one in self.pmo],
            "angle": self.angle.to_dict(),
            "given": self.given.to_dict(),
            "preferred": self.preferred.to_dict(),
            "gain": self.gain.to_dict(),
            "spread": self.spread.to_dict(),
            "prefers_another": str(self.prefers_another),
            "cares": str(self.cares),
            "entangles": str(self.entangles),
            "method": self.method,
        }


def disentangle(
    model: GenerativeModel | LinearGaussianModel,
    *,
    angles: int = 16,
    max_nodes: int = 5_000,
    size: int = 128,
    repeats: int = 16,
    seed: int = 0,
    progress: Progress = NO_PROGRESS,
) -> Disentanglement:
    """Compute J of f(R_a z) for all angles a, the angle that the ELBO prefers, and by how much.

    Parameters
    ----------
    model : GenerativeModel or LinearGaussianModel
        A model of two latents, which count as the ground-truth factors.
    angles : int
        Angles in [0, π/2) that are looked at before the best one is placed; 4 at least.
    max_nodes : int
        Nodes x at most of a grid over p(x), D <= 2: it is made as fine as they allow.
    size, repeats, seed : int
        Quasi-random draws for D > 2: points a repetition, repetitions (8 or more), seed. All
        angles share them, so that differences are known better than the J are.
    progress : Progress
        Told how many angles are done.

    Returns
    -------
    Disentanglement

    Raises
    ------
    ModelError
        If the model has another number of latents.
    SettingError
        If a number of angles, nodes, points or repetitions is too small.
    """
    if angles < _FEWEST:
        raise SettingError(f"{_FEWEST} angles are needed at least, not {angles}")
    data = SameData(
        with_function(model), max_nodes=max_nodes, size=size, repeats=repeats, seed=seed,
        progress=progress,
    )  # fmt: skip
    grid = np.asarray(np.arange(angles) * (PERIOD / angles), dtype=np.float64)
    found: list[AtMap] = []
    with progress.task("J at each angle", angles + 1) as advance:
        for k, angle in enumerate(grid):
            near = None if not found else _turned_minima(found[-1], grid[k] - grid[k - 1])
            found.append(data.at(rotation(float(angle)), near))
            advance(1)
        pmo = [data.pmo(one) for one in found]
        values = np.array([one.value for one in pmo])
        best, worst = int(np.argmin(values)), int(np.argmax(values))
        place, at = _placed(data, grid, found, best)
        advance(1)
    nearby = found[(best + 1) % angles], found[best - 1]
    return Disentanglement(
        model=data.model,
        angles=grid,
        pmo=tuple(pmo),
        angle=_angle(data, place - grid[best], place, at, nearby, PERIOD / angles),
        given=represented(data, "f itself", found[0]),
        preferred=represented(data, rotation(place % PERIOD).name, at),
        gain=data.gain(found[0], at),
        spread=data.gain(found[worst], at),
        method=data.method,
    )


def with_function(model: GenerativeModel | LinearGaussianModel) -> GenerativeModel:
    """Return a model as one of which only f is known; one with a decoder passes through.

    Parameters
    ----------
    model : GenerativeModel or LinearGaussianModel

    Returns
    -------
    GenerativeModel
    """
    if isinstance(model, GenerativeModel):
        return model
    loadings, offset = model.loadings, model.offset

    def f(z: Array) -> Array:
        return z.reshape(len(z), -1) @ loadings.T + offset

    decoder = Decoder.from_function(f, latent_dim=model.latent_dim, name=model.name)
    return GenerativeModel(decoder, model.noise_variance)


def represented(data: SameData, name: str, at: AtMap) -> Representation:
    """Measure what the latents of f∘T say of the factors.

    Parameters
    ----------
    data : SameData
        Nodes over p(x).
    name : str
        What T is called.
    at : AtMap
        The best q of f∘T.

    Returns
    -------
    Representation
    """
    none = np.zeros(len(at.kl), dtype=bool)
    off = off_place(GaussianQ(at.mean, at.scale, at.gap, none), data.weights.mass)
    factors = factor_information(at.mean, at.scale, data.factors, data.weights, off)
    return Representation(name, data.pmo(at), factors)


def evaluated(data: SameData, given: PlaneMap) -> Representation:
    """Compute J of f∘T for any map T that preserves N(0, I), and what its latents say.

    Parameters
    ----------
    data : SameData
        Nodes over p(x).
    given : PlaneMap
        T.

    Returns
    -------
    Representation
    """
    return represented(data, given.name, data.at(given))


def _turned_minima(at: AtMap, by: float) -> Array:
    """Carry minima (μ, log s) over to an angle that is larger by so much: z turns back."""
    points = at.minima[:, :, :4].copy()
    flat = points[:, :, :2].reshape(-1, 2)
    points[:, :, :2] = turned(flat, np.full(len(flat), -by)).reshape(points[:, :, :2].shape)
    return points


def _placed(data: SameData, grid: Array, found: list[AtMap], best: int) -> tuple[float, AtMap]:
    """Place the angle of smallest J between the neighbours of the best that was looked at."""
    step = float(grid[1] - grid[0])
    kept: dict[float, tuple[float, AtMap]] = {
        float(grid[best]): (data.pmo(found[best]).value, found[best])
    }

    def cost(angle: float) -> float:
        near = _turned_minima(found[best], angle - float(grid[best]))
        at = data.at(rotation(float(angle)), near)
        kept[float(angle)] = data.pmo(at).value, at
        return kept[float(angle)][0]

    middle = float(grid[best])
    minimize_scalar(
        cost, bounds=(middle - step, middle + step), method="bounded",
        options={"xatol": _PLACED, "maxiter": _EVALUATIONS},
    )  # fmt: skip
    place = min(kept, key=lambda angle: kept[angle][0])
    return place, kept[place][1]


def _angle(
    data: SameData,
    shift: float,
    place: float,
    at: AtMap,
    nearby: tuple[AtMap, AtMap],
    step: float,
) -> Estimate:
    """Say where J is least, and how far off that may be.

    J rises from its minimum like ½ c d²: where it is known to e against its neighbours, the minimum
    is placed to √(2 e / c), and where that is more than a step anywhere.
    """
    rises = [data.gain(one, at) for one in nearby]
    radius = max(one.error for one in rises)
    ahead, behind = step - shift, step + shift
    # The parabola through the minimum and both neighbours.
    curvature = 2.0 * (rises[0].value / ahead + rises[1].value / behind) / (ahead + behind)
    error = 0.5 * PERIOD
    if curvature > 0.0:
        error = min(error, math.sqrt(2.0 * radius / curvature) + _PLACED)
    return Estimate(place % PERIOD, error, rises[0].kind)
