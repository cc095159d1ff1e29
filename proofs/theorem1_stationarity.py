"""A decoder that the M-step moves is no minimum, whatever its MLEO."""

from __future__ import annotations

import sympy as sp

from proofs.checks import Algebra, Calculus, Linearity, Witness
from proofs.derivation import Claim, Derivation, Hypothesis

x, z, t = sp.symbols("x z t", real=True)
f, m, h = sp.symbols("f m h", real=True)
sigma, a = sp.symbols("sigma a", positive=True)
weight = sp.Function("w", positive=True)


def _over_x(integrand: sp.Expr) -> sp.Expr:
    return sp.Integral(integrand, (x, -sp.oo, sp.oo))


#: w(x) = p(x) q(z|x) at one z: its total a, and its mean m, which is the M-step's f_new(z).
_TOTAL = (_over_x(weight(x)), a)
_MEAN = (_over_x(weight(x) * x), a * m)
_density = sp.Function("p_t", positive=True)(x, t)
_EXCHANGE = (
    _over_x(sp.Derivative(_density, t)),
    sp.Derivative(_over_x(_density), t),
)

_MLEO_FLAT = Claim(
    "MLEO has slope zero where it is zero. Along a path f_t with f_0 = g the slope of "
    "−∫ p log p_t is −∫ p ∂_t p_t / p_t; at t = 0, p_t = p, and what is left is the slope of the "
    "constant ∫ p_t dx = 1.",
    -_over_x(_density * sp.Derivative(_density, t) / _density),
    "=",
    -sp.Derivative(_over_x(_density), t),
    Linearity(given=(_EXCHANGE,)),
)
_EXPANDED = Claim(
    "At one z, with every q held fixed, the reconstruction error is a parabola in the number f(z): "
    "compare f with f_new = m, the mean of x under p(x) q(z|x)/a(z).",
    _over_x(weight(x) * ((x - f) ** 2 - (x - m) ** 2)) / (2 * sigma**2),
    "=",
    a * (f - m) ** 2 / (2 * sigma**2),
    Linearity(given=(_TOTAL, _MEAN)),
)
_GAIN = Claim(
    "So one M-step lowers −ELBO by ½ ∫ a(z) |f_new − f|²/σ² dz; at a z where it moves f, "
    "f − m = h ≠ 0, the gain is positive. The E-step that follows can only lower it further.",
    a * (f - m) ** 2 / (2 * sigma**2),
    "≥",
    sp.Integer(0),
    Witness((a * h**2 / (2 * sigma**2),), given=((f, m + h),)),
)
_SLOPE = Claim(
    "The slope of −ELBO in f(z) at fixed q is a (f − m)/σ²: zero exactly at f = f_new. By the "
    "envelope theorem it is the slope of J too, and by step 1 all of it comes from the PMO.",
    sp.Derivative(a * (f - m) ** 2 / (2 * sigma**2), f),
    "=",
    a * (f - m) / sigma**2,
    Calculus(),
)
_TOWARDS = Claim(
    "Already a small move from f towards f_new lowers −ELBO: after a share t of the way, by a "
    "(1 − (1 − t)²) part of the gain.",
    (f - m) ** 2 - (f + t * (m - f) - m) ** 2,
    "=",
    (f - m) ** 2 * (2 * t - t**2),
    Algebra(),
)

DERIVATION = Derivation(
    name="theorem1_stationarity",
    title="If an M-step moves g, then g is no minimum, even with MLEO(g) = 0",
    paper="Theorem 1, a criterion that can be computed",
    hypotheses=(
        Hypothesis(
            "a(z) = E_p q(z|x) > 0, with w(x) = p(x) q(z|x) at the z in question.", (_TOTAL,)
        ),
        Hypothesis("f_new(z) = m, the mean of x under w/a.", (_MEAN,)),
        Hypothesis("x has a finite second moment under p."),
        Hypothesis("Displacement: f(z) = f_new(z) + h.", ((f, m + h),)),
        Hypothesis("p_t is a density for every t: ∫ p_t dx = 1."),
        Hypothesis("Derivative and integral may be exchanged in ∫ p_t dx.", (_EXCHANGE,)),
        Hypothesis("F contains f_new, or at least a small move from f towards it."),
        Hypothesis("Envelope theorem: q* is differentiable along the path (for step 4 only)."),
    ),
    statement="With q optimal at every x, the M-step f_new(z) = E_p[q(z|x) x]/E_p[q(z|x)] lowers "
    "−ELBO by ½ ∫ a(z) |f_new − f|²/σ² dz. If that is positive, f is not a minimum of the ELBO "
    "over F.",
    steps=(_MLEO_FLAT, _EXPANDED, _GAIN, _SLOPE, _TOWARDS),
    conclusion="A decoder g with MLEO(g) = 0 can be a minimum only if f = E_q[x|z] for it. The "
    "gain, a number, decides it (`theorycheck conditions` prints it). For D > 1 the steps hold for "
    "each data dimension with its own σ_d.",
)
