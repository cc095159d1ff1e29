"""One M-step of a decoder on its own p(x), as a new decoder.

f_new(z) = Σ_x p(x) q(z|x) x / Σ_x p(x) q(z|x), with the globally optimal q at every data node. It
is real-analytic (derivation fixed_point_smooth), so that Legendre series on panels hold it to
rounding. Only a decoder that is left where it is could be a minimum with MLEO = 0
(docs/proofs/theorem1.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from theorycheck.arrays import Array, PerPoint
from theorycheck.errors import ModelError, SettingError
from theorycheck.estimate import Estimate
from theorycheck.inference import MeanField, OptimalQ
from theorycheck.models import Decoder, GenerativeModel
from theorycheck.quadrature import NODES, ORDER, TRANSFORM, WEIGHTS, legendre_values, trapezoid_grid

#: What to do at x where two q are equally good: take the one of larger mean, or both by halves.
Ties = Literal["larger", "both"]

#: f_new is computed for |z| up to this, and goes on straight: 2e-9 of the prior mass is beyond.
REACH = 6.0
#: Width of its panels: 16 nodes resolve a mixture of Gaussians of s >= 0.05 on it.
_WIDTH = 0.5
#: Grid step in σ of the data, by D; the rule with twice the step gives the radius.
_STEP = {1: 0.2, 2: 0.5}
#: Data nodes lighter than this against the heaviest are left out.
_LIGHTEST = 1e-16
#: Nats within which two minima of −ELBO_x count as equal.
_TIED = 1e-9

#: Last Legendre coefficients of an f that the panels resolve, relative to the largest.
_RESOLVED = 1e-8

_EDGES = np.arange(-REACH, REACH + 0.5 * _WIDTH, _WIDTH)
#: Nodes of all panels, and their weights for ∫ dz.
LATENTS = (0.5 * (_EDGES[1:] + _EDGES[:-1])[:, None] + 0.5 * _WIDTH * NODES).ravel()
LATENT_WEIGHTS = np.tile(0.5 * _WIDTH * WEIGHTS, _EDGES.size - 1)


@dataclass(frozen=True, eq=False)
class OwnMStep:
    """What one M-step makes of a decoder, its own p(x) being the data.

    Parameters
    ----------
    model : GenerativeModel
        f_new, with the same σ².
    pmo : Estimate
        The PMO of the decoder before the step, whose MLEO is 0; nats.
    gain : Estimate
        How far the step lowers −ELBO at fixed q, nats.
    mean, second_moment : float
        E_a z and E_a z² under the aggregated posterior a(z) = E_p q(z|x).
    aggregate : ndarray, shape (n,)
        a at LATENTS.
    tied_mass : float
        Share of p(x) where two q are equally good.
    """

    model: GenerativeModel
    pmo: Estimate
    gain: Estimate
    mean: float
    second_moment: float
    aggregate: PerPoint
    tied_mass: float


def own_m_step(model: GenerativeModel, *, ties: Ties = "larger") -> OwnMStep:
    """Take one M-step from f, with its own p(x) as the data.

    Parameters
    ----------
    model : GenerativeModel
        D <= 2.
    ties : {"larger", "both"}
        Which q to take where two are equally good, as everywhere for an even f: the one of larger
        mean, or both by halves, which keeps the symmetry.

    Returns
    -------
    OwnMStep

    Raises
    ------
    ModelError
        If D > 2.
    SettingError
        If `ties` is neither, or the grid over p(x) becomes too large.
    """
    if ties not in get_args(Ties):
        raise SettingError(f"ties must be 'larger' or 'both', not {ties!r}")
    if model.data_dim > 2:
        raise ModelError(f"an M-step on the own p(x) is built for D <= 2, not {model.data_dim}")
    field = MeanField(model)
    grid = trapezoid_grid(field.panels, _STEP[model.data_dim])
    mass = grid.volume * np.exp(grid.log_density)
    heavy = mass > _LIGHTEST * mass.max()
    x, mass, coarse = grid.x[heavy], mass[heavy], grid.coarse[heavy]
    optimum = field.optimal_q(x)
    kl = optimum.negative_elbo + grid.log_density[heavy]
    chosen, share = _choose(optimum, ties)
    node = np.nonzero(share)[0]
    mean, scale = chosen[:, 0], np.exp(chosen[:, 1])
    weight = mass[node] * share[share > 0.0]
    q = (weight, x[node], mean, scale)
    new, aggregate = _gather(*q, LATENTS)
    # The rule with twice the step, whose nodes are among these.
    factor = 2.0**model.data_dim
    kept = coarse[node]
    rough = (factor * weight[kept], x[node][kept], mean[kept], scale[kept])
    old = model.decoder(LATENTS)
    if _resolved(old):
        gain = _gain(LATENT_WEIGHTS, new - old, aggregate, model)
        coarser, coarser_aggregate = _gather(*rough, LATENTS)
        rough_gain = _gain(LATENT_WEIGHTS, coarser - old, coarser_aggregate, model)
    else:
        z, rule, old = field.panels.z, field.panels.rule_weight, field.panels.f.T
        gain, rough_gain = (
            _gain(rule, moved - old, total, model)
            for moved, total in (_gather(*q, z), _gather(*rough, z))
        )
    pmo, rough_pmo = float(mass @ kl), factor * float(mass[coarse] @ kl[coarse])
    return OwnMStep(
        model=GenerativeModel(_decoder(new, model.name), model.noise_variance),
        pmo=Estimate(pmo, abs(pmo - rough_pmo) + 1e-14),
        gain=Estimate(gain, abs(gain - rough_gain) + 1e-15),
        mean=float(weight @ mean),
        second_moment=float(weight @ (mean**2 + scale**2)),
        aggregate=aggregate,
        tied_mass=float(mass @ optimum.ambiguous),
    )


def _choose(optimum: OptimalQ, ties: Ties) -> tuple[Array, Array]:
    """Return the (μ, log s) in use, one row each, and their shares (n, 8) at the data nodes."""
    minima = optimum.minima
    excess = minima[:, :, 2] - minima[:, :1, 2]
    tied = np.nan_to_num(excess, nan=np.inf) < _TIED
    if ties == "larger":
        best = np.argmax(np.where(tied, minima[:, :, 0], -np.inf), axis=1)
        tied = np.arange(minima.shape[1]) == best[:, None]
    share = tied / tied.sum(axis=1, keepdims=True)
    return minima[tied], share


def _gather(
    weight: Array, x: Array, mean: Array, scale: Array, latents: Array
) -> tuple[Array, Array]:
    """Return f_new (n, D) and a (n,), in logarithms: far out a is tiny, and f_new is not."""
    new, aggregate = np.empty((latents.size, x.shape[1])), np.empty(latents.size)
    constant = np.log(weight / scale) - 0.5 * math.log(2.0 * math.pi)
    for first in range(0, latents.size, ORDER):
        part = slice(first, first + ORDER)
        log_q = constant - 0.5 * ((latents[part, None] - mean) / scale) ** 2
        top = log_q.max(axis=1, keepdims=True)
        relative = np.exp(log_q - top)
        total = relative.sum(axis=1)
        new[part] = (relative @ x) / total[:, None]
        aggregate[part] = np.exp(top[:, 0]) * total
    return new, aggregate


def _gain(rule: Array, moved: Array, aggregate: Array, model: GenerativeModel) -> float:
    """½ ∫ a |f_new − f|²/σ² dz."""
    squared = (moved**2 / model.noise_variance).sum(axis=1)
    return 0.5 * float((rule * aggregate) @ squared)


def _resolved(values: Array) -> bool:
    """Tell whether Legendre series on the panels hold f: no kink inside one, no steep piece."""
    series = np.abs(np.einsum("kn,pnd->pkd", TRANSFORM, _by_panel(values)))
    return bool(series[:, -2:].max() <= _RESOLVED * series.max())


def _by_panel(values: Array) -> Array:
    return values.reshape(-1, ORDER, values.shape[1])


def _decoder(values: Array, name: str) -> Decoder:
    """Legendre series through the values at LATENTS; straight beyond."""
    series = np.einsum("kn,pnd->pkd", TRANSFORM, _by_panel(values))
    sides = [_mean_slope(series[0]), _mean_slope(series[-1])]

    def function(z: Array) -> Array:
        inside = np.clip(z, -REACH, REACH)
        panel = np.clip(((inside + REACH) / _WIDTH).astype(np.int64), 0, len(series) - 1)
        point = 2.0 * (inside - _EDGES[panel]) / _WIDTH - 1.0
        result = np.einsum("nk,nkd->nd", legendre_values(point, ORDER - 1), series[panel])
        beyond = (z - inside)[:, None]
        return np.asarray(result + np.where(beyond < 0.0, *sides) * beyond, dtype=np.float64)

    return Decoder.from_function(function, name=name, breakpoints=(-REACH, REACH))


def _mean_slope(series: Array) -> Array:
    """The mean slope of f on a panel, shape (D,)."""
    values = legendre_values(np.array([-1.0, 1.0]), ORDER - 1) @ series
    return np.asarray((values[1] - values[0]) / _WIDTH, dtype=np.float64)
