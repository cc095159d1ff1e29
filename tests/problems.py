"""The table of test problems: decoders tagged by what makes them hard, with closed forms.

The closed forms are written from the definitions, for decoders that are linear on half-lines of
z: there p(x) is a sum of Gaussians times normal probabilities, and the posterior a mixture of
truncated normals. Nothing here uses the engine's quadrature.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, logsumexp, ndtr

from theorycheck.inference._mean_field import MeanField
from theorycheck.models._benchmarks import benchmark
from theorycheck.models._expression import parse_expression
from theorycheck.models._generative import GenerativeModel
from theorycheck.quadrature._latent_panels import LatentPanels, latent_panels

Array = NDArray[np.float64]

TAGS = frozenset({"smooth", "narrow", "steep", "kinked", "multi-modal", "flat", "linear"})


@dataclass(frozen=True)
class Piece:
    """f(z) = slope z + offset for lower < z < upper; at least one end is infinite."""

    slope: tuple[float, ...]
    offset: tuple[float, ...]
    lower: float = -math.inf
    upper: float = math.inf

    def log_evidence(self, x: Array, variance: Array) -> Array:
        """Log ∫ φ(z) N(x; f(z), σ²) dz over the piece, for x (n, D)."""
        # In units of σ: v is the slope, u the residual, split along v and across it.
        sigma = np.sqrt(variance)
        v, u = np.array(self.slope) / sigma, (x - np.array(self.offset)) / sigma
        steepness = float(v @ v)
        along = u @ v / math.sqrt(steepness) if steepness else np.zeros(len(x))
        across = u - np.outer(along, v / math.sqrt(steepness)) if steepness else u
        square = (across**2).sum(axis=1) + along**2 / (1.0 + steepness)
        log_normal = -0.5 * (square + np.log(2.0 * np.pi * variance).sum() + math.log1p(steepness))
        mean, scale = self.moments(x, variance)
        if math.isinf(self.lower) and math.isinf(self.upper):
            return log_normal
        if math.isinf(self.lower):
            return log_normal + log_ndtr((self.upper - mean) / scale)
        return log_normal + log_ndtr((mean - self.lower) / scale)

    def moments(self, x: Array, variance: Array) -> tuple[Array, float]:
        """Mean (n,) and standard deviation of the posterior before truncation to the piece."""
        weight = np.array(self.slope) / variance
        precision = 1.0 + float(weight @ np.array(self.slope))
        return (x - np.array(self.offset)) @ weight / precision, 1.0 / math.sqrt(precision)

    def truncated_mean(self, x: Array, variance: Array) -> Array:
        """Mean of z given x and the piece."""
        mean, scale = self.moments(x, variance)
        if math.isinf(self.lower) and math.isinf(self.upper):
            return mean
        sign = 1.0 if math.isinf(self.upper) else -1.0
        edge = sign * ((self.lower if sign > 0 else self.upper) - mean) / scale
        log_pdf = -0.5 * edge**2 - 0.5 * math.log(2.0 * math.pi)
        return mean + sign * scale * np.exp(log_pdf - log_ndtr(-edge))


@dataclass(frozen=True)
class Problem:
    """One decoder with σ², its tags, and the closed forms that exist.

    `entropy` and `pmo` are in nats; None where there is no closed form. `pieces` gives log p(x)
    and the posterior for every x.
    """

    name: str
    formula: str
    noise_variance: tuple[float, ...]
    tags: frozenset[str]
    pieces: tuple[Piece, ...] = ()
    entropy: float | None = None
    pmo: float | None = None
    even: bool = False
    benchmark: bool = field(default=False)

    @property
    def model(self) -> GenerativeModel:
        return _model(self)

    @property
    def panels(self) -> LatentPanels:
        return _panels(self)

    @property
    def mean_field(self) -> MeanField:
        return _mean_field(self)

    def log_density(self, x: Array) -> Array:
        """Log p(x) in closed form."""
        variance = np.array(self.noise_variance)
        parts = [piece.log_evidence(x, variance) for piece in self.pieces]
        result: Array = logsumexp(parts, axis=0)
        return result

    def posterior_mean(self, x: Array) -> Array:
        """E[z | x] in closed form."""
        variance = np.array(self.noise_variance)
        logs = np.array([piece.log_evidence(x, variance) for piece in self.pieces])
        means = np.array([piece.truncated_mean(x, variance) for piece in self.pieces])
        result: Array = (np.exp(logs - logsumexp(logs, axis=0)) * means).sum(axis=0)
        return result

    def telling(self, count: int, seed: int = 0, furthest: float = 8.0) -> Array:
        """X (count, D): half from the model, the rest in its tails and up to 8 σ off the curve."""
        rng = np.random.default_rng(seed)
        inner = count // 2
        _, x = self.model.sample(inner, rng)
        z = rng.uniform(-6.0, 6.0, size=count - inner)
        direction = rng.standard_normal((count - inner, self.model.data_dim))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        length = rng.choice([0.0, 3.0, furthest], size=(count - inner, 1))
        far = self.model.decoder(z) + direction * length * self.model.sigma
        return np.concatenate([x, far])


@cache
def _model(problem: Problem) -> GenerativeModel:
    if problem.benchmark:
        return benchmark(problem.name)
    decoder = parse_expression(problem.formula).to_decoder(name=problem.name)
    return GenerativeModel(decoder, problem.noise_variance)


@cache
def _panels(problem: Problem) -> LatentPanels:
    return latent_panels(problem.model)


@cache
def _mean_field(problem: Problem) -> MeanField:
    return MeanField(problem.panels)


def gaussian_entropy(variance: Array | float) -> float:
    """H of independent Gaussians."""
    return float(0.5 * np.log(2.0 * np.pi * np.e * np.asarray(variance)).sum())


def binary_entropy(p: float) -> float:
    """H of a coin."""
    return float(-p * math.log(p) - (1.0 - p) * math.log1p(-p))


def linear(
    name: str, slope: tuple[float, ...], offset: tuple[float, ...], *variance: float
) -> Problem:
    """F = slope z + offset: p(x) and the posterior are Gaussian, PMO = 0."""
    formula = "[" + ", ".join(f"{a!r}*z + {b!r}" for a, b in zip(slope, offset, strict=True)) + "]"
    covariance = np.outer(slope, slope) + np.diag(variance)
    entropy = 0.5 * len(slope) * math.log(2.0 * math.pi * math.e)
    entropy += 0.5 * float(np.linalg.slogdet(covariance)[1])
    narrow = {"narrow"} if min(variance) < 1e-3 else set()
    tags = frozenset({"linear", "smooth", *narrow})
    return Problem(name, formula, variance, tags, (Piece(slope, offset),), entropy, 0.0)


_S = 1e-4
_BENCHMARK_TAGS = {
    "figure8": {"smooth", "multi-modal"},
    "circle": {"smooth", "multi-modal"},
    "absolute_value": {"kinked", "multi-modal"},
    "clusters": {"steep", "kinked", "multi-modal"},
    "spiral_dots": {"steep", "kinked", "multi-modal"},
    "discrete_semi_circle:y=0": {"smooth"},
    "discrete_semi_circle:y=1": {"smooth", "flat"},
    "continuous_semi_circle:y=0.3": {"smooth"},
}
_BENCHMARK_PIECES = {
    "absolute_value": (
        Piece((-1.0, -1.0), (0.0, 0.0), upper=0.0),
        Piece((1.0, 1.0), (0.0, 0.0), lower=0.0),
    )
}


def _benchmark_problem(name: str) -> Problem:
    model = benchmark(name)
    assert model.decoder.formula is not None
    return Problem(
        name,
        model.decoder.formula,
        tuple(model.noise_variance.tolist()),
        frozenset(_BENCHMARK_TAGS[name]),
        _BENCHMARK_PIECES.get(name, ()),
        even=name == "absolute_value",
        benchmark=True,
    )


_ALL = (
    linear("linear_narrow", (1.0,), (0.5,), 1e-4),
    linear("linear_steep", (-30.0,), (2.0,), 0.04),
    linear("linear_wide", (0.5,), (-1.0,), 9.0),
    linear("linear_plane", (1.0, -2.0), (0.3, 0.0), 0.01, 0.25),
    linear("linear_space", (0.7, 0.1, -1.5), (0.0, 1.0, -2.0), 0.04, 1.0, 0.0009),
    Problem(
        "constant", "[0.5, -1.0]", (0.3, 2.0), frozenset({"flat", "linear", "smooth"}),
        (Piece((0.0, 0.0), (0.5, -1.0)),), gaussian_entropy(np.array([0.3, 2.0])), 0.0, even=True,
    ),
    Problem(
        "two_gaussians", "1.5*sign(z)", (0.01,), frozenset({"kinked", "flat"}),
        (Piece((0.0,), (-1.5,), upper=0.0), Piece((0.0,), (1.5,), lower=0.0)),
        math.log(2.0) + gaussian_entropy(0.01),
    ),
    Problem(
        "two_near_gaussians", "0.5*sign(z)", (0.49,), frozenset({"kinked", "flat"}),
        (Piece((0.0,), (-0.5,), upper=0.0), Piece((0.0,), (0.5,), lower=0.0)),
    ),
    Problem(
        "step", "step(z - 0.3)", (_S**2,), frozenset({"kinked", "flat", "narrow"}),
        (Piece((0.0,), (0.0,), upper=0.3), Piece((0.0,), (1.0,), lower=0.3)),
        binary_entropy(float(ndtr(0.3))) + gaussian_entropy(_S**2),
    ),
    Problem(
        "half_line", "abs(z)", (0.04,), frozenset({"kinked", "multi-modal"}),
        (Piece((-1.0,), (0.0,), upper=0.0), Piece((1.0,), (0.0,), lower=0.0)), even=True,
    ),
    Problem(
        "ramp", "maximum(z - 0.3, 0)", (0.01,), frozenset({"kinked", "flat"}),
        (Piece((0.0,), (0.0,), upper=0.3), Piece((1.0,), (-0.3,), lower=0.3)),
    ),
    Problem("steep_tanh", "tanh(200*z)", (_S**2,), frozenset({"steep", "narrow", "smooth"})),
    Problem("wave", "sin(3*z)", (0.01,), frozenset({"smooth", "multi-modal"})),
    Problem(
        "helix", "[cos(2*z), sin(2*z), 0.3*z]", (0.02, 0.02, 0.09),
        frozenset({"smooth", "multi-modal"}),
    ),
    *(_benchmark_problem(name) for name in _BENCHMARK_TAGS),
)  # fmt: skip

#: The problems by name.
PROBLEMS: dict[str, Problem] = {problem.name: problem for problem in _ALL}
ALL_NAMES = [problem.name for problem in _ALL]
CLOSED = [problem.name for problem in _ALL if problem.pieces]
OPEN = [problem.name for problem in _ALL if not problem.pieces]


def tagged(*tags: str) -> list[str]:
    """Return the names of the problems with all these tags."""
    return [problem.name for problem in _ALL if set(tags) <= problem.tags]
