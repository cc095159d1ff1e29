"""Laws that hold for every decoder, tried on random ones."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from theorycheck.inference._iwae_bound import iwae_bound, optimal_iwae_q
from theorycheck.inference._marginal import log_density
from theorycheck.inference._mean_field import MeanField
from theorycheck.models._decoder import Decoder
from theorycheck.models._generative import GenerativeModel
from theorycheck.objectives._decomposition import decompose

every = settings(deadline=None, derandomize=True, max_examples=25)
few = settings(deadline=None, derandomize=True, max_examples=8)


@dataclass(frozen=True)
class Wavy:
    """f_d(z) = Σ_k a sin(w z + c) + b tanh(v (z − e)), one row of coefficients a component."""

    rows: tuple[tuple[float, ...], ...]
    sigma: float

    def __call__(self, z: np.ndarray) -> np.ndarray:
        columns = [
            a * np.sin(w * z + c) + b * np.tanh(v * (z - e)) for a, w, c, b, v, e in self.rows
        ]
        return np.stack(columns, axis=-1)

    @property
    def model(self) -> GenerativeModel:
        return self.changed(lambda z: self(z), self.sigma)

    def changed(self, function: object, sigma: float) -> GenerativeModel:
        decoder = Decoder.from_function(function, breakpoints=())  # type: ignore[arg-type]
        return GenerativeModel(decoder, sigma**2)

    @property
    def x(self) -> np.ndarray:
        """Points from the model, and some at twice their distance."""
        _, x = self.model.sample(12, 0)
        return np.concatenate([x, 2.0 * x[:4]])


def _number(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False).map(lambda v: round(v, 3))


def decoders(*dims: int) -> st.SearchStrategy[Wavy]:
    row = st.tuples(
        _number(-1.5, 1.5), _number(0.0, 4.0), _number(-3.0, 3.0),
        _number(-2.0, 2.0), _number(0.1, 8.0), _number(-1.0, 1.0),
    )  # fmt: skip
    rows = st.sampled_from(dims).flatmap(lambda d: st.tuples(*[row] * d))
    return st.builds(Wavy, rows, _number(0.08, 0.8))


def _close(a: np.ndarray, b: np.ndarray, tolerance: float = 1e-11) -> bool:
    return bool((np.abs(a - b) <= tolerance * (1.0 + np.abs(b))).all())


@every
@given(decoders(1, 2, 3), _number(-2.0, 2.0), _number(-4.0, 0.7))
def test_elbo_is_below_log_density(f: Wavy, mean: float, log_scale: float) -> None:
    field, x = MeanField(f.model), f.x
    evidence = log_density(field.panels, x).value
    assert (field.negative_elbo(x, mean, math.exp(log_scale)) + evidence >= -1e-10).all()
    best = field.optimal_q(x)
    assert (best.negative_elbo + evidence >= -1e-10).all()
    assert (best.negative_elbo <= field.negative_elbo(x, mean, math.exp(log_scale)) + 1e-9).all()


@every
@given(decoders(1, 2))
def test_reflection_of_the_latent(f: Wavy) -> None:
    field, mirrored = MeanField(f.model), MeanField(f.changed(lambda z: f(-z), f.sigma))
    assert _close(log_density(mirrored.panels, f.x).value, log_density(field.panels, f.x).value)
    a, b = field.optimal_q(f.x), mirrored.optimal_q(f.x)
    assert _close(b.negative_elbo, a.negative_elbo, 1e-9)


@every
@given(decoders(2), _number(-3.2, 3.2), _number(-5.0, 5.0))
def test_rigid_motions_of_the_data(f: Wavy, angle: float, shift: float) -> None:
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    field = MeanField(f.model)
    moved = MeanField(f.changed(lambda z: f(z) @ turn.T + shift, f.sigma))
    there = f.x @ turn.T + shift
    assert _close(
        log_density(moved.panels, there).value, log_density(field.panels, f.x).value, 1e-10
    )
    assert _close(moved.optimal_q(there).negative_elbo, field.optimal_q(f.x).negative_elbo, 1e-8)


@every
@given(decoders(1, 2), st.sampled_from([1e-3, 0.1, 7.0, 1e4]))
def test_scaling_of_data_and_noise(f: Wavy, factor: float) -> None:
    """With f and σ times c, log p(cx) falls by D log c, and no KL changes."""
    field = MeanField(f.model)
    scaled = MeanField(f.changed(lambda z: factor * f(z), factor * f.sigma))
    shift = f.x.shape[1] * math.log(factor)
    a, b = log_density(field.panels, f.x).value, log_density(scaled.panels, factor * f.x).value
    assert _close(b + shift, a, 1e-10)
    assert np.abs(scaled.kl(factor * f.x) - field.kl(f.x)).max() < 1e-8


@every
@given(decoders(1, 2, 3), _number(-2.0, 2.0), _number(-3.0, 0.7))
def test_iwae_bounds_rise_from_the_elbo_to_the_evidence(
    f: Wavy, mean: float, log_scale: float
) -> None:
    field, x, scale = MeanField(f.model), f.x, math.exp(log_scale)
    elbo = -field.negative_elbo(x, mean, scale)
    below = iwae_bound(field, x, mean, scale, 1)
    assert _close(below.value, elbo, 1e-12)
    for samples in (2, 3, 20, 1000):
        found = iwae_bound(field, x, mean, scale, samples)
        assert (found.value >= below.value - found.error - below.error).all()
        below = found
    evidence = log_density(field.panels, x)
    assert (below.value <= evidence.value + below.error + evidence.error).all()


@few
@given(decoders(1, 2))
def test_best_iwae_bound_is_no_worse_than_the_best_elbo(f: Wavy) -> None:
    field = MeanField(f.model)
    elbo = -field.optimal_q(f.x).negative_elbo
    best = optimal_iwae_q(field, f.x, 5).bound
    assert (best.value >= elbo - 1e-9).all()
    evidence = log_density(field.panels, f.x)
    assert (best.value <= evidence.value + best.error + evidence.error).all()


@every
@given(decoders(2), _number(-3.2, 3.2), _number(-5.0, 5.0), _number(-1.5, 1.5))
def test_iwae_bound_under_reflection_and_rigid_motion(
    f: Wavy, angle: float, shift: float, mean: float
) -> None:
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    moved = f.changed(lambda z: f(-z) @ turn.T + shift, f.sigma)
    here = iwae_bound(f.model, f.x, mean, 0.6, 7)
    there = iwae_bound(moved, f.x @ turn.T + shift, -mean, 0.6, 7)
    assert _close(there.value, here.value, 1e-10)


@every
@given(decoders(1, 2))
def test_density_integrates_to_one(f: Wavy) -> None:
    means, step = f(np.linspace(-7.0, 7.0, 4001)), 0.6 * f.sigma
    axes = [
        np.arange(low - 8.0 * f.sigma, high + 8.0 * f.sigma, step)
        for low, high in zip(means.min(0), means.max(0), strict=True)
    ]
    x = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    mass = np.exp(log_density(f.model, x).value).sum() * step ** len(axes)
    assert abs(mass - 1.0) < 1e-11


@few
@given(decoders(1), decoders(1))
def test_excess_is_at_least_mleo(f: Wavy, g: Wavy) -> None:
    result = decompose(f.model, g.model, tolerance=1e-4, eta=[0.1])
    assert result.mleo.upper >= 0.0
    assert result.pmo.upper >= 0.0
    assert result.excess.value >= result.mleo.value - result.pmo.error
    part = result.eta_partition[0]
    assert part.low.value + part.high.value == result.pmo.value or math.isclose(
        part.low.value + part.high.value, result.pmo.value, rel_tol=1e-12
    )


@few
@given(decoders(1), _number(-2.0, 2.0))
def test_decomposition_does_not_see_where_the_data_is(f: Wavy, shift: float) -> None:
    """Boxes in x start elsewhere; the numbers may move within their radii only."""
    a = decompose(f.model, tolerance=1e-5)
    b = decompose(f.changed(lambda z: f(z) + shift, f.sigma), tolerance=1e-5)
    assert abs(a.pmo.value - b.pmo.value) <= a.pmo.error + b.pmo.error
    assert abs(a.entropy.value - b.entropy.value) <= a.entropy.error + b.entropy.error
