"""Decoders in float32: the double-precision version of the same formula lies within the radii."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special

from theorycheck import decompose, latent_panels, log_density
from theorycheck.inference._elbo_rounding import ElboRounding
from theorycheck.inference._mean_field import MeanField
from theorycheck.models._decoder import Decoder
from theorycheck.models._generative import GenerativeModel
from theorycheck.quadrature._single_precision import measure_rounding

Array = NDArray[Any]
Make = Callable[[type], Callable[[Array], Array]]


def network(seed: int, widths: list[int], relu: bool, data_dim: int) -> Make:
    """Make an MLP whose weights are the same float32 numbers in either precision."""

    def make(dtype: type) -> Callable[[Array], Array]:
        rng = np.random.default_rng(seed)
        sizes = [1, *widths, data_dim]
        layers = [
            ((1.5 * rng.normal(size=(a, b)) / np.sqrt(a)).astype(np.float32).astype(dtype),
             rng.normal(size=b).astype(np.float32).astype(dtype))
            for a, b in pairwise(sizes)
        ]  # fmt: skip

        def f(z: Array) -> Array:
            hidden = z.astype(dtype)[:, None]
            for number, (weight, bias) in enumerate(layers):
                hidden = hidden @ weight + bias
                if number < len(layers) - 1:
                    hidden = np.maximum(hidden, 0) if relu else np.tanh(hidden)
            return hidden

        return f

    return make


def formula(function: Callable[[Array, type], Array]) -> Make:
    return lambda dtype: lambda z: function(z.astype(dtype), dtype)


def circle(z: Array, dtype: type) -> Array:
    angle = dtype(2 * np.pi) * special.ndtr(z)
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


DECODERS: dict[str, Make] = {
    "network": network(1, [16, 16], False, 2),
    "network on a line": network(3, [32, 32, 32], False, 1),
    "deep network": network(5, [64] * 6, False, 3),
    "relu network": network(6, [32] * 3, True, 1),
    "circle": formula(circle),
    "offset": formula(lambda z, dtype: np.sin(dtype(3) * z) + dtype(100)),
    "digits lost": formula(lambda z, dtype: (np.sin(z) + dtype(1000)) - dtype(1000)),
    "steep": formula(lambda z, dtype: np.tanh(dtype(200) * z)),
    "kink": formula(lambda z, dtype: np.maximum(z - dtype(0.5), dtype(0))),
    "jump": formula(lambda z, dtype: np.where(z > dtype(0.3), dtype(1), dtype(-1)) * np.cos(z)),
    "polynomial": formula(lambda z, dtype: (z - dtype(1)) * (z**3 - dtype(2) * z) / dtype(100)),
}
VARIANCE = 0.05


def pair(name: str) -> tuple[GenerativeModel, GenerativeModel]:
    """Return a decoder in single and in double precision."""
    models = [
        GenerativeModel(Decoder.from_function(DECODERS[name](dtype), name=name), VARIANCE)
        for dtype in (np.float32, np.float64)
    ]
    assert [model.decoder.single for model in models] == [True, False]
    return models[0], models[1]


@pytest.mark.parametrize("name", DECODERS)
def test_the_rounding_is_within_the_defect_of_every_panel(name: str) -> None:
    single, double = pair(name)
    panels = latent_panels(single)
    assert panels.unresolved_mass < 1e-6
    place = np.linspace(0.003, 0.997, 40)
    z = panels.left[:, None] + (panels.right - panels.left)[:, None] * place
    if name == "jump":
        # Which side a latent next to the jump is on is for the mass of its place to say.
        z = np.where(np.abs(z - 0.3) < 1e-7, 0.3 + 1e-6, z)
    off = single.decoder(z.ravel()) - double.decoder(z.ravel())
    size = np.linalg.norm(off, axis=1).reshape(z.shape).max(axis=1) / np.sqrt(VARIANCE)
    bulk = np.abs(panels.left) < 6.0
    assert np.all(size[bulk] <= 0.6 * panels.defect[bulk])
    # Converged: no more than a hundred times what there is, but where that is nothing.
    assert panels.defect[bulk].max() <= 100.0 * size[bulk].max() + 1e-5


@pytest.mark.parametrize("name", DECODERS)
def test_log_density(name: str) -> None:
    single, double = pair(name)
    _, x = double.sample(500, 1)
    found, exact = log_density(single, x), log_density(double, x)
    assert np.all(np.abs(found.value - exact.value) <= found.error + exact.error)
    assert found.error.max() < 0.01
    assert np.median(found.error) > 1e-7


@pytest.mark.parametrize(
    "name", ["network on a line", "jump", "kink", "digits lost", "deep network"]
)
def test_the_decomposition(name: str) -> None:
    single, double = pair(name)
    if name == "deep network":
        _, x = double.sample(200, 3)
        found, exact = (decompose(model, sample=x, eta=[0.1]) for model in (single, double))
        keys = ["negative_elbo", "pmo"]
    else:
        found, exact = (decompose(model, tolerance=1e-5) for model in (single, double))
        keys = ["entropy", "pmo", "excess", "negative_elbo"]
    for key in keys:
        a, b = getattr(found, key), getattr(exact, key)
        assert abs(a.value - b.value) <= a.error + b.error
        assert a.error < (0.3 if name == "digits lost" else 5e-3)
        assert a.error > 5e-6 or b.error > 5e-6
    for a, b in zip(found.residual_variance, exact.residual_variance, strict=True):
        assert abs(a.value - b.value) <= a.error + b.error


def test_what_rounding_does_to_the_elbo() -> None:
    """Of any decoder beside f, by no more than the defect: a brute-force E_q on a grid."""
    single, double = pair("network")
    field = MeanField(single)
    _, x = double.sample(20, 4)
    best = field.optimal_q(x)
    # The bound holds for the true δ a thousand times over, as it does for δ itself.
    rng = np.random.default_rng(0)
    z = np.linspace(-9.0, 9.0, 20_001)
    defect = field.panels.defect[np.searchsorted(field.panels.right, z)]
    f = double.decoder(z) / np.sqrt(VARIANCE)
    for index in range(len(x)):
        weight = np.exp(-0.5 * ((z - best.mean[index]) / best.scale[index]) ** 2)
        weight /= weight.sum()
        away = f - x[index] / np.sqrt(VARIANCE)
        for direction in (away, rng.normal(size=away.shape)):
            moved = away + defect[:, None] * direction / np.linalg.norm(direction, axis=1)[:, None]
            change = weight @ ((moved**2).sum(axis=1) - (away**2).sum(axis=1))
            allowed = ElboRounding(field.panels).of(
                best.mean[[index]], best.scale[[index]], np.array([weight @ (away**2).sum(axis=1)])
            )[0]
            assert abs(change) <= allowed * (1.0 + 1e-6)
        assert allowed <= best.gap[index] * (1.0 + 1e-6)
        assert allowed < 1e-3


def test_steps_of_the_function_itself_are_jumps() -> None:
    """A staircase that anybody can see is f, not its rounding."""
    stairs = formula(lambda z, dtype: np.floor(dtype(20) * z) / dtype(20))
    model = GenerativeModel(Decoder.from_function(stairs(np.float32)), VARIANCE)
    rounding = measure_rounding(model)
    assert rounding is not None
    assert rounding.roughness.max() < 1e-5
    assert len(latent_panels(model).breakpoints) > 400
    assert measure_rounding(GenerativeModel(Decoder.from_function(np.sin), 1.0)) is None
