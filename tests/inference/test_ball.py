"""The rigorous referee against closed forms and against scipy, and its own claims."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import integrate, stats

from theorycheck.errors import ExpressionError, SettingError
from theorycheck.models._benchmarks import benchmark
from theorycheck.models._expression import parse_expression

pytest.importorskip("flint")
from flint import acb, arb, ctx

from theorycheck.inference.ball._evaluation import (
    Ball,
    expected_negative_elbo_ball,
    kl_ball,
    log_density_ball,
)
from theorycheck.inference.ball._expressions import Complex, compile_pieces
from theorycheck.inference.ball._growth import growth

TIGHT = 1e-25


def _encloses(ball: Ball, exact: object) -> None:
    """Demand a tight ball that overlaps an independent high-precision value."""
    assert ball.radius < TIGHT * max(1.0, abs(ball.midpoint))
    assert ball.lower <= ball.midpoint <= ball.upper
    assert ball.enclosure.overlaps(exact), (ball, exact)


def _normal(x: object, mean: object, variance: object) -> object:
    """Log N(x; mean, variance) in balls."""
    gap = arb(x) - mean  # type: ignore[operator]
    return -(gap**2) / (2 * variance) - (2 * arb.pi() * variance).log() / 2  # type: ignore[operator]


@pytest.mark.parametrize(
    ("slope", "variance", "x"), [(2.0, 0.01, 0.7), (-0.5, 1e-8, 3.0), (1e-3, 4.0, -40.0)]
)
def test_linear_decoder(slope: float, variance: float, x: float) -> None:
    """Both p(x) and the posterior are Gaussian: with q the posterior the KL is zero."""
    expression = parse_expression(f"{slope}*z + 1")
    with ctx.workprec(300):
        exact = _normal(x, 1, arb(slope) ** 2 + arb(variance))
    _encloses(log_density_ball(expression, variance, x), exact)
    total = slope**2 + variance
    mean, scale = slope * (x - 1.0) / total, math.sqrt(variance / total)
    kl = kl_ball(expression, variance, x, mean, scale)
    # μ and s are floats, so the KL is of the order of their rounding, squared.
    assert 0.0 <= kl.upper < 1e-20 * (1.0 + (mean / scale) ** 2)
    assert kl.lower > -TIGHT * max(1.0, x * x / variance)


def test_constant_decoder() -> None:
    ball = log_density_ball(parse_expression("[3, -1]"), [0.04, 2.0], [2.5, 0.0])
    with ctx.workprec(300):
        exact = _normal(2.5, arb(3), arb(0.04)) + _normal(0.0, arb(-1), arb(2.0))
    _encloses(ball, exact)
    assert abs(kl_ball(parse_expression("[3, -1]"), 0.1, [2.5, 0.0], 0.0, 1.0).upper) < 1e-30


def test_two_gaussians() -> None:
    """A decoder a·sign(z): p is an equal mixture, however written."""
    variance, x = 0.09, 0.2
    with ctx.workprec(300):
        parts = [_normal(x, arb(a), arb(variance)).exp() for a in (-1.5, 1.5)]
        exact = (sum(parts) / 2).log()
    for text in ("1.5*sign(z)", "where(z < 0, -1.5, 1.5)", "3*step(z) - 1.5", "1.5*z/abs(z)"):
        _encloses(log_density_ball(parse_expression(text), variance, x), exact)


@pytest.mark.parametrize("text", ["abs(z)", "sqrt(z**2)", "maximum(z, -z)", "(z**2)**0.5"])
def test_absolute_value_closed_form(text: str) -> None:
    """P(x) = 2 N(x; 0, 1+σ²) Φ(x/(σ√(1+σ²))): a truncated normal's mass."""
    variance, x = 0.01, 0.3
    with ctx.workprec(300):
        v = arb(variance)
        ratio = arb(x) / (v * (1 + v)).sqrt()
        exact = (2 * _normal(x, arb(0), 1 + v).exp() * (-ratio / arb(2).sqrt()).erfc() / 2).log()
    _encloses(log_density_ball(parse_expression(text), variance, x), exact)


def test_rearrangement_has_the_same_density() -> None:
    """|z| and its monotone rearrangement are one distribution: a test of Φ⁻¹."""
    folded = log_density_ball(parse_expression("abs(z)"), 0.01, 0.31, precision=64)
    monotone = log_density_ball(parse_expression("-Phi_inv(Phi(-z)/2)"), 0.01, 0.31, precision=64)
    assert folded.radius + monotone.radius < 1e-15
    assert monotone.enclosure.overlaps(folded.enclosure)


CURVES = [
    "[cos(2*pi*Phi(z)), sin(2*pi*Phi(z))]",
    "[arctan(50*z), logistic(3*z)]",
    "[floor(2*z)/2, minimum(z, 0.5)]",
    "[sinh(z) - cosh(z/2), exp(-z**2)]",
    "[tan(arctan(z)/3), log(1 + z**2)]",
    "[where(-1 < z <= 0.4, erf(z), 1), z**3/9]",
    "[softplus(20*z - 3)/20, relu(z - 0.1)]",
    "[ln(1 + z^2)*sigmoid(z), max(z, -z/2, 0.3)]",
]


@pytest.mark.parametrize("text", CURVES)
def test_against_scipy(text: str) -> None:
    expression, variance, x, mean, scale = parse_expression(text), 0.05, [0.2, 0.3], 0.2, 0.35
    sigma = math.sqrt(variance)
    breaks = [b for b in expression.breakpoints(-9.0, 9.0) if abs(b) < 9.0]
    ends = [-9.0, *sorted({*breaks, *np.linspace(-2.0, 2.0, 33)}), 9.0]

    def total(function: object) -> float:
        pieces = itertools.pairwise(ends)
        kwargs = {"epsabs": 1e-13, "epsrel": 1e-11, "limit": 200}
        return sum(integrate.quad(function, a, b, **kwargs)[0] for a, b in pieces)

    def joint(z: float) -> float:
        means = expression.evaluate(np.array([z]))[0]
        return float(stats.norm.pdf(z) * np.prod(stats.norm.pdf(x, means, sigma)))

    def loss(z: float) -> float:
        means = expression.evaluate(np.array([z]))[0]
        weight = math.exp(-0.5 * ((z - mean) / scale) ** 2) / (scale * math.sqrt(2 * math.pi))
        return -weight * float(np.sum(stats.norm.logpdf(x, means, sigma)))

    log_density = log_density_ball(expression, variance, x)
    assert log_density.radius < TIGHT
    assert log_density.distance(math.log(total(joint))) < 1e-9
    elbo = expected_negative_elbo_ball(expression, variance, x, mean, scale)
    prior = 0.5 * (scale**2 + mean**2 - 1.0) - math.log(scale)
    assert elbo.radius < TIGHT * max(1.0, elbo.midpoint)
    assert elbo.distance(prior + total(loss)) < 1e-8 * max(1.0, elbo.midpoint)
    kl = kl_ball(expression, variance, x, mean, scale)
    assert kl.enclosure.overlaps(elbo.enclosure + log_density.enclosure)
    assert kl.lower > 0.0


@pytest.mark.parametrize("name", ["figure8", "spiral_dots", "clusters", "absolute_value"])
def test_benchmarks_are_within_reach(name: str) -> None:
    model = benchmark(name)
    _, x = model.sample(1, 5)
    ball = log_density_ball(model.decoder, model.noise_variance, x[0])
    assert ball.radius < TIGHT
    z = np.linspace(-9, 9, 400_001)
    values = np.exp(-0.5 * ((x[0] - model.decoder(z)) ** 2 / model.noise_variance).sum(axis=1))
    density = np.sum(values * stats.norm.pdf(z)) * (z[1] - z[0])
    density /= 2 * np.pi * model.noise_variance[0]
    assert ball.distance(math.log(density)) < 1e-6


@pytest.mark.parametrize("x", [0.31, 0.9999, 1.01, -1.0])
def test_steep_decoder(x: float) -> None:
    """σ = 1e-4 and slope 200: substitute w = f(z), where the integrand is no longer steep."""
    sigma = 1e-4
    ball = log_density_ball(parse_expression("tanh(200*z)"), sigma**2, x)
    assert ball.radius < TIGHT * abs(ball.midpoint)
    if abs(x) < 0.9:
        # Laplace: p(x) ≈ φ(z*)/f'(z*), to σ² relative.
        z = math.atanh(x) / 200.0
        laplace = stats.norm.logpdf(z) - math.log(200.0 * (1.0 - x * x))
        assert ball.distance(laplace) < 1e-6
    elif x > 1.0:
        # All the mass at f = 1, but for z ≲ 0.02.
        far = stats.norm.logpdf(x, 1.0, sigma) + math.log(0.5)
        assert ball.distance(far) < 0.05


def test_far_from_the_curve() -> None:
    """−log p(x) = 5e5 nats: even the prior's own tail must be searched."""
    ball = log_density_ball(parse_expression("z"), 1.0, 1400.0)
    with ctx.workprec(300):
        _encloses(ball, _normal(1400.0, arb(0), arb(2)))


def test_more_bits_give_nested_balls() -> None:
    expression = parse_expression("[sin(3*z), abs(z)]")
    coarse, fine = (log_density_ball(expression, 0.02, [0.1, 0.9], precision=p) for p in (53, 200))
    assert fine.radius < 1e-50 < coarse.radius < 1e-12
    assert coarse.enclosure.overlaps(fine.enclosure)
    assert fine.contains(fine.midpoint) == (fine.radius > abs(fine.midpoint) * 1e-16)


def test_a_short_tail_is_paid_for() -> None:
    """At T = 4 the neglected mass is in the radius, and the truth still inside."""
    expression = parse_expression("[z, tanh(z)]")
    whole = expected_negative_elbo_ball(expression, 0.1, [0.3, 0.1], 0.2, 0.5)
    short = expected_negative_elbo_ball(expression, 0.1, [0.3, 0.1], 0.2, 0.5, tail=4.0)
    assert short.lower <= whole.lower <= whole.upper <= short.upper
    assert 1e-6 < short.radius < 1.0


def test_pieces_are_the_branches() -> None:
    compiled = compile_pieces("floor(z) + abs(z - 0.1)", 2, 100)
    whole = [piece for piece in compiled.pieces if piece.labels is not None]
    slivers = [piece for piece in compiled.pieces if piece.labels is None]
    # The switch of abs at the float 0.1, and the integers −2 to 2 with the two ends.
    assert len(whole) == 5
    assert all(float(piece.upper - piece.lower) < 1e-28 for piece in slivers)
    assert compiled.pieces[0].lower == -2
    assert compiled.pieces[-1].upper == 2


@pytest.mark.parametrize(
    "text", ["arctan(z)", "sqrt(1 + z**2)", "log(1 + z**2)", "softplus(2*z + 1)"]
)
def test_balls_on_a_branch_cut_are_refused(text: str) -> None:
    """Else the integration of arctan, sqrt and log would be wrong without any warning."""
    compiled = compile_pieces(text, 2, 100)
    labels = compiled.pieces[0].labels
    assert labels is not None
    ball = acb(arb(0, 0.1), arb(1.5, 0.1))
    for analytic, refused in ((True, True), (False, False)):
        value = Complex(ball, labels, analytic).value(compiled.components[0])
        assert value.is_finite() != refused


@pytest.mark.parametrize(
    "text",
    ["z", "z**3 - 2*z", "exp(2*z)", "abs(z)*sin(z)", "floor(3*z)", "log(2 + cos(z) + z**2)",
     "z/(1 + z**2)", "where(z < 0, z, exp(z))", "cosh(z/2)", "sqrt(abs(z))", "exp(-z**2)*z",
     "-Phi_inv(Phi(-z)/2)", "tanh(9*z)/(2 + sin(z))", "1/cosh(z)", "minimum(z, 2)**2",
     "softplus(2*z) - relu(z)", "softplus(-z)/(1 + sigmoid(z))"],
)  # fmt: skip
def test_growth_bounds_hold(text: str) -> None:
    expression = parse_expression(text)
    bound = growth(expression.components[0])
    assert bound is not None
    height, rate = bound.exponential()
    z = np.linspace(-8.0, 8.0, 4001)
    values = np.abs(expression.evaluate(z)[:, 0])
    assert np.all(values <= height * np.exp(rate * np.abs(z)) * (1.0 + 1e-12))


def test_no_growth_bound() -> None:
    with pytest.raises(ExpressionError, match="no bound on the growth"):
        expected_negative_elbo_ball(parse_expression("exp(z**2/50)"), 1.0, 1.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("kwargs", "says"),
    [
        ({"x": [1.0, 2.0]}, "1 entries"),
        ({"x": math.nan}, "finite"),
        ({"noise_variance": 0.0}, "positive"),
        ({"precision": 8}, "precision"),
        ({"tail": 0.0}, "tail"),
    ],
)
def test_bad_settings(kwargs: dict[str, object], says: str) -> None:
    given = {"noise_variance": 0.1, "x": 0.5, **kwargs}
    with pytest.raises(SettingError, match=says):
        log_density_ball(parse_expression("z"), **given)  # type: ignore[arg-type]


def test_pole_of_f() -> None:
    """At the pole of 1/z the likelihood vanishes: p(x) is still enclosed."""
    ball = log_density_ball(parse_expression("1/z"), 0.04, 0.5)
    z = np.concatenate([-np.geomspace(60, 1e-3, 200_001), np.geomspace(1e-3, 60, 200_001)])
    values = stats.norm.pdf(z) * stats.norm.pdf(0.5, 1.0 / z, 0.2)
    assert ball.radius < TIGHT
    assert ball.distance(math.log(integrate.trapezoid(values, z))) < 1e-6


def test_bad_gaussian_and_bad_f() -> None:
    f = parse_expression("z")
    with pytest.raises(SettingError, match="not a Gaussian"):
        kl_ball(f, 0.1, 0.5, 0.0, -1.0)
    with pytest.raises(ExpressionError, match="not real"):
        log_density_ball(parse_expression("sqrt(z)"), 0.1, 0.5)
    without = benchmark("circle").decoder
    bare = type(without)(without.function, 2, "bare")
    with pytest.raises(ExpressionError, match="bare has no formula"):
        log_density_ball(bare, 0.1, [0.0, 1.0])


def test_precision_is_restored() -> None:
    before = ctx.prec
    log_density_ball(parse_expression("z"), 0.1, 0.5)
    assert ctx.prec == before
