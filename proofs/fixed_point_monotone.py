"""Derives that of the analytic decoders of one law with bounded density one is left, monotone."""

from __future__ import annotations

import sympy as sp

from proofs.bracket import Bracket
from proofs.checks import Algebra, Calculus
from proofs.derivation import Claim, Derivation, Hypothesis

w, k, j, m, bound = sp.symbols("w k j m B", positive=True)
z = sp.Symbol("z", real=True)

_BRANCH = Claim(
    "Where g′ vanishes at a z_0 but g is not constant, a new latent u around z_0 makes "
    "g = g(z_0) + u^k (or minus that), k ≥ 2. On the branch u = w^{1/k} a latent of density m has "
    "in w = u^k the density m du/dw,",
    m * sp.Derivative(w ** (1 / k), w),
    "=",
    m * w ** (1 / k) / (k * w),
    Calculus(),
)
_UNBOUNDED = Claim(
    "which exceeds every bound B close enough to w = 0: with k = 1 + j it is B at",
    (m / (1 + j)) * (Bracket(m / ((1 + j) * bound)) ** ((1 + j) / j)) ** (-j / (1 + j)),
    "=",
    bound,
    Algebra(),
)
_QUANTILE = Claim(
    "So g′ ≠ 0 everywhere, and g is monotone. If it increases, P(g(Z) ≤ g(z)) = Φ(z): with F the "
    "distribution function of the law, F(g(z)) = Φ(z) = ½ + ½ erf(z/√2), of slope φ(z). That "
    "leaves g = F⁻¹∘Φ, or its mirror image.",
    sp.Derivative(sp.erf(z / sp.sqrt(2)) / 2, z),
    "=",
    sp.exp(-(z**2) / 2) / sp.sqrt(2 * sp.pi),
    Calculus(),
)
DERIVATION = Derivation(
    name="fixed_point_monotone",
    title="An analytic g whose law has a bounded density is monotone: one decoder and its mirror",
    paper="Theorem 1, condition (2); decoders that the M-step leaves where they are",
    hypotheses=(
        Hypothesis("K = D = 1; g is real-analytic and not constant."),
        Hypothesis(
            "The law of g(Z), Z ~ N(0, 1), has a bounded density, and k ≥ 2 is the order of "
            "the first derivative of g that does not vanish at z_0."
        ),
    ),
    statement="Of all real-analytic decoders with one law of g(Z), of bounded density, there are "
    "two: F⁻¹∘Φ with the distribution function F, and z → −z of it.",
    steps=(_BRANCH, _UNBOUNDED, _QUANTILE),
    conclusion="With fixed_point_smooth: of all Lipschitz decoders with MLEO = 0 the M-step can "
    "leave only these two where they are, so that one computation of its gain decides for the "
    "whole class. The same holds for a curve f = ψ∘Φ in R^D with ψ analytic, injective and of "
    "slope ≠ 0 on the closed interval [0, 1]: then g = ψ∘v, where v(Z) is uniform and v analytic, "
    "and only g = f and its mirror image are left. Where a curve closes (circle), rotations and "
    "windings are left, too.",
)
