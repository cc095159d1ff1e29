"""Derives equation 6: the PMO splits at a threshold η of KL(x)."""

from __future__ import annotations

import sympy as sp

from proofs.checks import Algebra, Linearity
from proofs.derivation import Claim, Derivation, Hypothesis

x = sp.Symbol("x", real=True)
p = sp.Function("p", positive=True)
kl = sp.Function("KL", nonnegative=True)
lo = sp.Function("chi_Lo", nonnegative=True)
hi = sp.Function("chi_Hi", nonnegative=True)
pr_lo, pr_hi = sp.symbols("Pr_Lo Pr_Hi", positive=True)
eta = sp.Symbol("eta", positive=True)
gap = sp.Function("g", nonnegative=True)
d_lo, d_hi = sp.symbols("D_Lo D_Hi", nonnegative=True)


def _average(integrand: sp.Expr) -> sp.Expr:
    return sp.Integral(p(x) * integrand, (x, -sp.oo, sp.oo))


_D_LO = _average(lo(x) * kl(x)) / pr_lo
_D_HI = _average(hi(x) * kl(x)) / pr_hi
_COVER = (lo(x), 1 - hi(x))

_SPLIT = Claim(
    "Every x is in exactly one part: the conditional means, weighted by the probabilities of the "
    "parts, add up.",
    pr_lo * _D_LO + pr_hi * _D_HI,
    "=",
    _average(kl(x)),
    Linearity(given=(_COVER,)),
)
_MASS = Claim(
    "The same with 1 in place of KL: the two probabilities add up to 1.",
    _average(lo(x)) + _average(hi(x)),
    "=",
    sp.Integer(1),
    Linearity(given=(_COVER, (_average(sp.Integer(1)), sp.Integer(1)))),
)
_LOW = Claim(
    "On X_Lo write KL = η − g with g ≥ 0: Pr_Lo (η − D_Lo) is an average of g, so D_Lo ≤ η.",
    eta * _average(lo(x)) - _average(lo(x) * (eta - gap(x))),
    "=",
    _average(lo(x) * gap(x)),
    Linearity(),
)
_HIGH = Claim(
    "On X_Hi write KL = η + g with g > 0: Pr_Hi (D_Hi − η) is an average of g, so D_Hi > η.",
    _average(hi(x) * (eta + gap(x))) - eta * _average(hi(x)),
    "=",
    _average(hi(x) * gap(x)),
    Linearity(),
)
_EXCESS = Claim(
    "With Pr_Lo = 1 − Pr_Hi, the form that Theorem 1 uses.",
    (1 - pr_hi) * d_lo + pr_hi * d_hi,
    "=",
    d_lo + pr_hi * (d_hi - d_lo),
    Algebra(),
)

DERIVATION = Derivation(
    name="eta_partition",
    title="PMO = Pr[X_Lo] D_Lo + Pr[X_Hi] D_Hi for every η",
    paper="equation 6",
    hypotheses=(
        Hypothesis("p is a density.", ((_average(sp.Integer(1)), sp.Integer(1)),)),
        Hypothesis(
            "χ_Lo and χ_Hi are the indicators of X_Lo = {KL ≤ η} and of its complement X_Hi.",
            (_COVER,),
        ),
        Hypothesis("The mean of KL is finite."),
        Hypothesis("Both parts have positive probability; else the empty part's term is left out."),
    ),
    statement="With D_Lo and D_Hi the means of KL(x) given X_Lo and given X_Hi, "
    "E_p KL = Pr[X_Lo] D_Lo + Pr[X_Hi] D_Hi, and D_Lo ≤ η < D_Hi.",
    steps=(_SPLIT, _MASS, _LOW, _HIGH, _EXCESS),
    conclusion="The partition is a way to read the PMO: it holds for every η and adds nothing to "
    "it. As η → 0 the low part vanishes and the high part is all of the PMO.",
)
