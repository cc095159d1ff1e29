"""Does one M-step move f? If so, f is not a minimum of −ELBO.

With every q(z|x) held at its optimum, −ELBO is quadratic in f, and the M-step
f_new(z) = Σ p(x) q(z|x) x / Σ p(x) q(z|x) (docs/theory.md) lowers it by
½ ∫ a(z) |f_new(z) − f(z)|²/σ² dz with a(z) = E_p q(z|x). By the envelope theorem that gain is
zero exactly where the gradient of J in f is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theorycheck.estimate import Estimate, Verdict, positive
from theorycheck.inference.mean_field import MeanField
from theorycheck.models.generative import GenerativeModel
from theorycheck.quadrature.data_nodes import TrapezoidGrid, quasi_monte_carlo, trapezoid_grid
from theorycheck.quadrature.kernels.m_step import m_step_batch
from theorycheck.quadrature.latent_panels import UNRESOLVED_MASS, latent_panels

Array = NDArray[np.float64]

#: Gain of the M-step, in nats, below which f counts as unmoved whatever the radius: at a
#: stationary f the gain is a square of rounding and grid errors, never exactly zero.
NEGLIGIBLE_GAIN = 1e-12
#: Grid step in σ of the data; the error radius comes from the grid with twice the step.
_STEP = 0.25
#: Latent nodes that the partial sums of all threads may hold.
_BUFFER = 4_000_000


@dataclass(frozen=True)
class Stationarity:
    """Whether an M-step lowers −ELBO at the given f.

    Parameters
    ----------
    m_step_gain : Estimate
        How far one M-step lowers −ELBO, nats.
    displacement : float
        Root mean square of |f_new − f|/σ under a(z).
    verdict : Verdict
        HOLDS: f is stationary to the error radius. FAILS: the M-step moves it, so it is no
        minimum. INCONCLUSIVE otherwise.
    """

    m_step_gain: Estimate
    displacement: float
    verdict: Verdict

    def to_dict(self) -> dict[str, object]:
        """Return the figures for JSON."""
        return {
            "m_step_gain": self.m_step_gain.to_dict(),
            "displacement": self.displacement,
            "verdict": self.verdict.value,
        }


def check_stationarity(model: GenerativeModel, data: GenerativeModel | None = None) -> Stationarity:
    """Compute how far one M-step from f lowers −ELBO.

    Parameters
    ----------
    model : GenerativeModel
        The decoder in question.
    data : GenerativeModel, optional
        p(x); by default the model's own, which asks about the ground truth.

    Returns
    -------
    Stationarity
    """
    data = model if data is None else data
    field = MeanField(model)
    if data.data_dim <= 2:
        grid: TrapezoidGrid = trapezoid_grid(latent_panels(data), _STEP)
        mass = grid.volume * np.exp(grid.log_density)
        heavy = mass > 1e-14 * mass.max()
        x, mass, coarse = grid.x[heavy], mass[heavy], grid.coarse[heavy]
        factor = 2.0**data.data_dim
    else:
        draws = quasi_monte_carlo(data)
        x = draws.x.reshape(-1, data.data_dim)
        mass = np.full(len(x), 1.0 / len(x))
        # Half of the repetitions against all of them.
        coarse = np.arange(len(x)) < len(x) // 2
        factor = 2.0
    optimum = field.optimal_q(x)
    gain, squared = _gain(field, x, mass, optimum.mean, optimum.scale)
    rough, _ = _gain(
        field, x[coarse], factor * mass[coarse], optimum.mean[coarse], optimum.scale[coarse]
    )
    estimate = Estimate(gain, abs(gain - rough) + 1e-15)
    if field.panels.unresolved_mass > UNRESOLVED_MASS:
        verdict = Verdict.INCONCLUSIVE
    elif gain <= NEGLIGIBLE_GAIN:
        verdict = Verdict.HOLDS
    else:
        moved = positive(estimate)
        verdict = Verdict.FAILS if moved is Verdict.HOLDS else Verdict.INCONCLUSIVE
    return Stationarity(estimate, float(np.sqrt(squared)), verdict)


def _gain(
    field: MeanField, x: Array, mass: Array, mean: Array, scale: Array
) -> tuple[float, float]:
    """Return ½ ∫ a |f_new − f|²/σ² dz and the mean square displacement in σ."""
    panels = field.panels
    size = panels.z.size
    chunks = min(16, max(1, _BUFFER // size))
    aggregates = np.zeros((chunks, size))
    moments = np.zeros((chunks, x.shape[1], size))
    m_step_batch(mass, x, mean, scale, panels.z, aggregates, moments)
    aggregate = aggregates.sum(axis=0)
    moment: Array = moments.sum(axis=0)
    moment -= aggregate * panels.f
    with np.errstate(invalid="ignore", divide="ignore"):
        squared = np.where(aggregate > 1e-300, moment**2 / aggregate, 0.0)
    scaled = (squared / field.model.noise_variance[:, None]).sum(axis=0)
    total = float(panels.rule_weight @ scaled)
    return 0.5 * total, total
