"""Derives the derivatives of E_q g in mean and log scale of q: averages of Hermite polynomials."""

from __future__ import annotations

import sympy as sp

from proofs.checks import Algebra, Calculus
from proofs.derivation import Claim, Derivation, Hypothesis

z, mu, lam = sp.symbols("z mu lambda", real=True)

#: The density with s = e^λ, so that ∂/∂λ is the derivative in log s.
_DENSITY = sp.exp(-((z - mu) ** 2) * sp.exp(-2 * lam) / 2 - lam) / sp.sqrt(2 * sp.pi)
_T = (z - mu) * sp.exp(-lam)
_SCALE = sp.exp(lam)


def _identity(reason: str, variables: tuple[sp.Symbol, ...], polynomial: sp.Expr) -> Claim:
    return Claim(
        reason,
        sp.Derivative(_DENSITY, *variables),
        "=",
        _DENSITY * polynomial,
        Calculus(),
    )


_DENSITY_IS = Claim(
    "With s = e^λ and t = (z − μ)/s, the density of N(μ, s²):",
    _DENSITY,
    "=",
    sp.exp(-((z - mu) ** 2) / (2 * _SCALE**2)) / (sp.sqrt(2 * sp.pi) * _SCALE),
    Algebra(),
)
_STEPS = (
    _DENSITY_IS,
    _identity("∂_μ q = q t/s.", (mu,), _T / _SCALE),
    _identity("∂²_μ q = q (t² − 1)/s².", (mu, mu), (_T**2 - 1) / _SCALE**2),
    _identity("∂_{log s} q = q (t² − 1).", (lam,), _T**2 - 1),
    _identity("∂_μ ∂_{log s} q = q (t³ − 3t)/s.", (mu, lam), (_T**3 - 3 * _T) / _SCALE),
    _identity(
        "∂²_{log s} q = q (2 (t² − 1) + t⁴ − 6t² + 3).",
        (lam, lam),
        2 * (_T**2 - 1) + (_T**4 - 6 * _T**2 + 3),
    ),
    Claim(
        "Smoothing by q is a heat equation in s²: (1/s) ∂q/∂s = ∂²_μ q.",
        sp.Derivative(_DENSITY, lam) / _SCALE**2,
        "=",
        sp.Derivative(_DENSITY, mu, mu),
        Calculus(),
    ),
)

DERIVATION = Derivation(
    name="gaussian_derivatives",
    title="Derivatives of E_q g in μ and log s are averages of g times Hermite polynomials",
    paper="section 2, optimisation over q",
    hypotheses=(
        Hypothesis("q = N(μ, s²), t = (z − μ)/s; g does not depend on μ and s."),
        Hypothesis(
            "Derivative and integral may be exchanged in ∫ q g dz, as they may where g grows no "
            "faster than a polynomial."
        ),
    ),
    statement="∂_μ E g = E[g t]/s, ∂²_μ E g = E[g (t² − 1)]/s², ∂_{log s} E g = E[g (t² − 1)], "
    "∂_μ ∂_{log s} E g = E[g (t³ − 3t)]/s, ∂²_{log s} E g = 2 E[g (t² − 1)] + "
    "E[g (t⁴ − 6t² + 3)].",
    steps=_STEPS,
    conclusion="Multiply each identity by g(z) and integrate. The engine's Newton steps need no "
    "derivative of f, which may have kinks and jumps.",
)
