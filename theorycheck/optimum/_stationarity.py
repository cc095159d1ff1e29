"""Does one M-step move f? If so, f is not a minimum of −ELBO.

With every q(z|x) held at its optimum, −ELBO is quadratic in f, and the M-step
f_new(z) = Σ p(x) q(z|x) x / Σ p(x) q(z|x) (docs/theory.md) lowers it by
½ ∫ a(z) |f_new(z) − f(z)|²/σ² dz with a(z) = E_p q(z|x). By the envelope theorem that gain is
zero exactly where the gradient of J in f is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from theorycheck.arrays import Array
from theorycheck.errors import ModelError
from theorycheck.estimate import Estimate, Kind, Verdict, positive
from theorycheck.inference import (
    ExactModel,
    GridRule,
    MeanField,
    MeanFieldBoxes,
    MovesItself,
    OptimalProductQ,
    OptimalQ,
    data_rule,
    described_model,
    exact_model,
)
from theorycheck.models import DescribedModel, same_model
from theorycheck.optimum._plane_m_step import PlaneSums
from theorycheck.quadrature import UNRESOLVED_MASS
from theorycheck.quadrature.kernels import m_step_batch
from theorycheck.ruling import Ruling

#: Gain of the M-step, in nats, below which f counts as unmoved whatever the radius: at a
#: stationary f the gain is a square of rounding and grid errors, never exactly zero.
NEGLIGIBLE_GAIN = 1e-12
#: Grid step in σ of the data, and the step of the rules, 4^D of them, that the error radius comes
#: from. Where q jumps the rule errs by up to half a node, they by up to two, in even steps: one of
#: them is off by three times the rule's error at least. With more jumps than one the rule's error
#: was 0.52 of the furthest of them at most, over 63 decoders with D = 1. In the plane a curve of
#: jumps cuts nodes at random, which gains a factor of the stride: 0.08 at most of it there. (The
#: change to twice the step, one number that may be small by chance, falls short in one decoder of
#: ten, by up to a factor of 7.)
_STEP = 0.25
_STRIDE = 4
#: Draws of a repetition where no grid is laid over p(x), and with three latents; then a grid has so
#: many nodes at most.
_SIZE, _MOST = {False: 1024, True: 256}, 4096
#: Mass times KL, nats, of a node that is not looked at through the bounds for a better q: on a
#: curve with long tails these are nearly all, and take nearly all the time.
_NEGLIGIBLE = 1e-16
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

    @property
    def ruling(self) -> Ruling:
        """The verdict and the kind of the gain's radius."""
        return Ruling.of(self.verdict, [self.m_step_gain])

    def to_dict(self) -> dict[str, object]:
        """Return the figures for JSON."""
        return {
            "m_step_gain": self.m_step_gain.to_dict(),
            "displacement": self.displacement,
            **self.ruling.to_dict(),
        }


def check_stationarity(
    model: DescribedModel | ExactModel, data: DescribedModel | ExactModel | None = None
) -> Stationarity:
    """Compute how far one M-step from f lowers −ELBO.

    Parameters
    ----------
    model : GenerativeModel or ExactModel
        The decoder in question: one of one latent, or one that knows its own M-step.
    data : GenerativeModel or ExactModel, optional
        The model of p(x); by default the one in question, which asks about the ground truth.

    Returns
    -------
    Stationarity

    Raises
    ------
    ModelError
        If the model does not know what an M-step does to it and has no f, or q is too narrow for a
        grid of its latents.
    """
    field = exact_model(model)
    own = data is None or same_model(described_model(data), field.model)
    source = field if own or data is None else exact_model(data)
    if isinstance(field, MeanField | MeanFieldBoxes):
        return _on_nodes(field, source)
    if isinstance(field, MovesItself) and own:
        gain = field.own_m_step_gain
        return Stationarity(gain, math.sqrt(2.0 * gain.value), _verdict(gain))
    name, where = field.model.name, "its own p(x)" if own else f"the p(x) of {source.model.name}"
    raise ModelError(
        f"{name}: an M-step on {where} needs a decoder of one latent (it has "
        f"{field.model.latent_dim}), or a model that knows its M-step there"
    )


def _on_nodes(field: MeanField | MeanFieldBoxes, data: ExactModel) -> Stationarity:
    """Take the M-step on the panels of one latent, or on a grid of several."""
    dim = data.model.data_dim
    several = field.model.latent_dim > 2
    rule = data_rule(data, step=_STEP, most=_MOST if several else None, size=_SIZE[several])
    x, mass = rule.x, rule.mass
    if isinstance(rule, GridRule):
        heavy = mass > 1e-14 * mass.max()
        x, mass = x[heavy], mass[heavy]
        index = np.rint(x / rule.spacing).astype(np.int64) % _STRIDE
        part, count = index @ (_STRIDE ** np.arange(dim)), _STRIDE**dim
    else:
        count = len(rule.sample.x)
        part = np.repeat(np.arange(count), len(x) // count)
    latents: MeanField | PlaneSums
    optimum: OptimalQ | OptimalProductQ
    if isinstance(field, MeanField):
        p = field.log_density(x)
        optimum = field.optimal_q(x, evidence=p, negligible=_NEGLIGIBLE / mass)
        latents = field
    else:
        optimum = field.optimal_q(x)
        latents = PlaneSums(field.model, np.atleast_2d(optimum.scale), mass)
    parts = [
        _sums(latents, x[here], mass[here], optimum.mean[here], optimum.scale[here])
        for here in (part == number for number in range(count))
    ]
    total = np.sum(parts, axis=0)
    gain = _gain(latents, total)
    if isinstance(rule, GridRule):
        rules = np.array([_gain(latents, count * part) for part in parts])
        radius = float(np.abs(rules - gain).max()) / _STRIDE ** (dim - 1)
        estimate = Estimate(gain, radius + 1e-15)
    else:
        without = np.array([_gain(latents, (total - part) * count / (count - 1)) for part in parts])
        # The jackknife: its standard error, and the bias that a square of noisy sums has.
        spread = math.sqrt((count - 1) * float(without.var()))
        bias = (count - 1) * abs(float(without.mean()) - gain)
        estimate = Estimate(gain, 5.0 * spread + bias, Kind.STATISTICAL)
    if isinstance(field, MeanFieldBoxes):
        # A q that is g nats above the best moves means by √(2g) or so, and f_new as much.
        moved = 4.0 * math.sqrt(float(mass @ np.minimum(optimum.gap, 1.0)) * gain)
        estimate = replace(estimate, error=estimate.error + moved)
    resolved = field.unresolved_mass <= UNRESOLVED_MASS
    verdict = _verdict(estimate) if resolved else Verdict.INCONCLUSIVE
    return Stationarity(estimate, math.sqrt(2.0 * gain), verdict)


def _verdict(gain: Estimate) -> Verdict:
    """Judge whether a decoder stays where it is, by what an M-step gains."""
    if gain.value <= NEGLIGIBLE_GAIN:
        return Verdict.HOLDS
    return Verdict.FAILS if positive(gain) is Verdict.HOLDS else Verdict.INCONCLUSIVE


def _sums(field: MeanField | PlaneSums, x: Array, mass: Array, mean: Array, scale: Array) -> Array:
    """Return a(z) and Σ p q (x − f) at the latents of the panels, shape (1 + D, n): additive."""
    if isinstance(field, PlaneSums):
        return field.sums(x, mass, mean, scale)
    panels = field.panels
    size = panels.z.size
    chunks = min(16, max(1, _BUFFER // size))
    aggregates = np.zeros((chunks, size))
    moments = np.zeros((chunks, x.shape[1], size))
    m_step_batch(mass, x, mean, scale, panels.z, aggregates, moments)
    aggregate = aggregates.sum(axis=0)
    return np.concatenate([aggregate[None], moments.sum(axis=0) - aggregate * panels.f])


def _gain(field: MeanField | PlaneSums, sums: Array) -> float:
    """Return ½ ∫ a |f_new − f|²/σ² dz."""
    if isinstance(field, PlaneSums):
        return field.gain(sums)
    aggregate, moment = sums[0], sums[1:]
    with np.errstate(invalid="ignore", divide="ignore"):
        squared = np.where(aggregate > 1e-300, moment**2 / aggregate, 0.0)
    scaled = (squared / field.model.noise_variance[:, None]).sum(axis=0)
    return 0.5 * float(field.panels.rule_weight @ scaled)
