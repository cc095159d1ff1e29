"""Rigorous log p(x), −ELBO and KL by ball arithmetic: the referee of the floating-point engine.

For f_θ given as an expression, every result is an interval that provably holds the true number.
Nothing here uses the engine's quadrature, nodes or error estimates: integrals are Petras'
adaptive Gauss–Legendre rule in balls (F. Johansson, "Numerical integration in arbitrary-precision
ball arithmetic", ICMS 2018), on the pieces of z where f is analytic.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from theorycheck.errors import ExpressionError, SettingError
from theorycheck.inference.ball._functions import arb, ctx
from theorycheck.inference.ball._integrals import BallProblem
from theorycheck.models import Decoder, Expression


@dataclass(frozen=True)
class Ball:
    """An interval that holds the true number.

    Parameters
    ----------
    midpoint : float
        The nearest float to its middle.
    lower, upper : float
        Its ends, rounded outward.
    radius : float
        Its half-width in full precision, usually far below the spacing of floats at `midpoint`.
    enclosure : flint.arb
        The interval itself.
    """

    midpoint: float
    lower: float
    upper: float
    radius: float
    enclosure: Any = field(repr=False, compare=False)

    @classmethod
    def around(cls, enclosure: Any) -> Ball:
        """Wrap an ``arb``."""
        if not enclosure.is_finite():
            return cls(math.nan, -math.inf, math.inf, math.inf, enclosure)
        lower, upper = float(enclosure.lower()), float(enclosure.upper())
        return cls(
            midpoint=float(enclosure.mid()),
            lower=lower if arb(lower) <= enclosure.lower() else math.nextafter(lower, -math.inf),
            upper=upper if arb(upper) >= enclosure.upper() else math.nextafter(upper, math.inf),
            radius=math.nextafter(float(enclosure.rad()), math.inf),
            enclosure=enclosure,
        )

    def contains(self, number: float) -> bool:
        """Tell whether a float lies in the interval."""
        return bool(self.enclosure.contains(arb(number)))

    def distance(self, number: float) -> float:
        """Bound abs(number − true) from above: the true error of a computed number."""
        return float((self.enclosure - arb(number)).abs_upper())


def log_density_ball(
    expression: Expression | Decoder,
    noise_variance: ArrayLike,
    x: ArrayLike,
    *,
    precision: int = 128,
    tail: float = 40.0,
) -> Ball:
    """Enclose log p(x) = log ∫ φ(z) Π_d N(x_d; f_d(z), σ_d²) dz.

    Parameters
    ----------
    expression : Expression or Decoder
        f; a decoder must have a formula.
    noise_variance : float or array_like, shape (D,)
        σ².
    x : array_like, shape (D,)
        One data point.
    precision : int
        Bits. The relative radius of p(x) is about 2^(−precision).
    tail : float
        Least abs(z) up to which to integrate; the rest is bounded and added to the radius.

    Returns
    -------
    Ball

    Raises
    ------
    ExpressionError
        If f has no formula, or is not real or is too steep.
    DecoderError
        If f is not finite where p(x, z) matters.
    SettingError
        If σ², x, `precision` or `tail` is out of range.
    """
    with _opened(expression, noise_variance, x, precision, tail) as problem:
        return Ball.around(problem.log_density(tail))


def expected_negative_elbo_ball(
    expression: Expression | Decoder,
    noise_variance: ArrayLike,
    x: ArrayLike,
    mean: float,
    scale: float,
    *,
    precision: int = 128,
    tail: float = 40.0,
) -> Ball:
    """Enclose −ELBO_x(μ, s) for q = N(μ, s²).

    ½(s² + μ² − 1) − log s + E_q Σ_d (x_d − f_d(z))²/(2σ_d²) + ½ Σ_d log 2πσ_d².

    Parameters
    ----------
    expression, noise_variance, x, precision
        The model, the data point and the digits, as :func:`log_density_ball` takes them.
    mean, scale : float
        μ and s > 0.
    tail : float
        How many s around μ to integrate over; the rest is bounded by the growth of f.

    Returns
    -------
    Ball

    Raises
    ------
    ExpressionError
        If f has what :func:`log_density_ball` refuses, or no bound on the growth of f is found.
    SettingError
        If a number is out of range.
    """
    _check_gaussian(mean, scale)
    with _opened(expression, noise_variance, x, precision, tail) as problem:
        return Ball.around(problem.negative_elbo(mean, scale, tail))


def kl_ball(
    expression: Expression | Decoder,
    noise_variance: ArrayLike,
    x: ArrayLike,
    mean: float,
    scale: float,
    *,
    precision: int = 128,
    tail: float = 40.0,
) -> Ball:
    """Enclose KL[N(μ, s²) ‖ p(z|x)] = −ELBO_x(μ, s) + log p(x).

    Parameters and errors as in :func:`expected_negative_elbo_ball`.
    """
    _check_gaussian(mean, scale)
    with _opened(expression, noise_variance, x, precision, tail) as problem:
        return Ball.around(problem.negative_elbo(mean, scale, tail) + problem.log_density(tail))


def _check_gaussian(mean: float, scale: float) -> None:
    if not (math.isfinite(mean) and math.isfinite(scale) and scale > 0.0):
        raise SettingError(f"q = N({mean}, {scale}²) is not a Gaussian")


@contextmanager
def _opened(
    expression: Expression | Decoder,
    noise_variance: ArrayLike,
    x: ArrayLike,
    precision: int,
    tail: float,
) -> Iterator[BallProblem]:
    """Check the inputs and raise the working precision."""
    text = expression.text if isinstance(expression, Expression) else expression.formula
    if text is None:
        raise ExpressionError(f"{getattr(expression, 'name', 'f')} has no formula for balls")
    dim = expression.data_dim
    point = np.atleast_1d(np.asarray(x, dtype=np.float64))
    variance = np.atleast_1d(np.asarray(noise_variance, dtype=np.float64))
    if variance.shape == (1,):
        variance = np.repeat(variance, dim)
    if point.shape != (dim,) or variance.shape != (dim,):
        raise SettingError(
            f"x and σ² must have {dim} entries, not {point.size} and {variance.size}"
        )
    if not (np.isfinite(point).all() and np.isfinite(variance).all() and (variance > 0).all()):
        raise SettingError("x must be finite and σ² positive and finite")
    if not (16 <= precision <= 4096 and 1.0 <= tail <= 1000.0):
        raise SettingError("precision must lie in [16, 4096] bits and tail in [1, 1000]")
    problem = BallProblem(text, variance.tolist(), point.tolist(), precision)
    with ctx.workprec(problem.working):
        yield problem
