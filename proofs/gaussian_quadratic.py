"""Derives the reconstruction term E_q |x − f|²/2σ², and how −ELBO depends on x."""

from __future__ import annotations

import sympy as sp

from proofs.checks import Algebra, Calculus, Linearity, Witness
from proofs.derivation import Claim, Derivation, Hypothesis

z, mu, a, b, x, y = sp.symbols("z mu a b x y", real=True)
kappa_x, kappa_y, t, u = sp.symbols("kappa_x kappa_y t u", nonnegative=True)
s, sigma = sp.symbols("s sigma", positive=True)
F_1, F_2, c = sp.symbols("F_1 F_2 c", real=True)
f = sp.Function("f", real=True)
q = sp.Function("q", positive=True)


def _line(integrand: sp.Expr) -> sp.Expr:
    return sp.Integral(integrand, (z, -sp.oo, sp.oo))


_NORMAL = sp.exp(-((z - mu) ** 2) / (2 * s**2)) / (sp.sqrt(2 * sp.pi) * s)
_ONE = (_line(q(z)), sp.Integer(1))
_FIRST = (_line(q(z) * f(z)), F_1)
_SECOND = (_line(q(z) * f(z) ** 2), F_2)


_LINEAR = Claim(
    "For a linear f the average under q = N(μ, s²) is the square at the mean plus a² s².",
    _line(_NORMAL * (x - a * z - b) ** 2),
    "=",
    (x - a * mu - b) ** 2 + a**2 * s**2,
    Calculus(),
)
_ANY = Claim(
    "For any f only two numbers of (μ, s) enter, F_1 = E_q f and F_2 = E_q f².",
    _line(q(z) * (x - f(z)) ** 2) / (2 * sigma**2),
    "=",
    (x**2 - 2 * x * F_1 + F_2) / (2 * sigma**2),
    Linearity(given=(_ONE, _FIRST, _SECOND)),
)
_AFFINE = Claim(
    "With c for what does not depend on x: x²/2σ² less −ELBO_x has slope F_1/σ² in x and an offset "
    "of its own for every q.",
    x**2 / (2 * sigma**2) - (c + (x**2 - 2 * x * F_1 + F_2) / (2 * sigma**2)),
    "=",
    x * F_1 / sigma**2 - (c + F_2 / (2 * sigma**2)),
    Algebra(),
)
_CONVEX = Claim(
    "The best of several q is then convex in x: with q_t the best at the point between x and y, "
    "each end does at least as well as q_t does there, by κ_x and κ_y ≥ 0.",
    t * (x * F_1 - c + kappa_x) + (1 - t) * (y * F_1 - c + kappa_y),
    "≥",
    (t * x + (1 - t) * y) * F_1 - c,
    Witness((t * kappa_x, u * kappa_y), given=((t, 1 - u),)),
)

DERIVATION = Derivation(
    name="gaussian_quadratic",
    title="−ELBO_x(μ, s) is |x|²/2σ² plus a function affine in x",
    paper="section 2, the likelihood term of the ELBO",
    hypotheses=(
        Hypothesis("q is a density.", (_ONE,)),
        Hypothesis("F_1 = E_q f.", (_FIRST,)),
        Hypothesis("F_2 = E_q f².", (_SECOND,)),
        Hypothesis(
            "The point between is t x + (1 − t) y with 0 ≤ t ≤ 1, t = 1 − u.", ((t, 1 - u),)
        ),
        Hypothesis("c holds the divergence from the prior and ½ log 2πσ²."),
    ),
    statement="E_q (x − f)²/2σ² = (x² − 2 x F_1 + F_2)/2σ²; summed over the data dimensions, "
    "|x|²/2σ² − (−ELBO_x) is affine in x for every q.",
    steps=(_LINEAR, _ANY, _AFFINE, _CONVEX),
    conclusion="The maximum over q of affine functions is convex: |x|²/2σ² + ELBO*_x is a Legendre "
    "transform, and one table of F_1, F_2 serves every x.",
)
