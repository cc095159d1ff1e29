"""Derives for M2 the best q(y|x) when it serves a label term too: Lambert's W, and its limits."""

from __future__ import annotations

import sympy as sp

from proofs.checks import Algebra, Calculus, Linearity, Slope, Witness
from proofs.derivation import Claim, Derivation, Hypothesis

y, n = sp.symbols("y Y", integer=True, positive=True)
offer, multiplier, log_sum = sp.symbols("a_y lambda Lambda", real=True)
share, known, weight, w, t = sp.symbols("r_y p_y c w t", positive=True)
argument = sp.Symbol("E", positive=True)
a = sp.Function("a", real=True)
p, r, pi, s = (sp.Function(name, positive=True) for name in ("p", "r", "pi", "s"))


def _over_y(term: sp.Expr) -> sp.Expr:
    return sp.Sum(term, (y, 1, n))


_ONE_P = (_over_y(p(y)), sp.Integer(1))
_ONE_R = (_over_y(r(y)), sp.Integer(1))
_ONE_PI = (_over_y(pi(y)), sp.Integer(1))
_SCORE = (a(y), log_sum + sp.log(s(y)))
#: r_y = c p_y/w, where w is the positive root of the equation of Lambert's W_0.
_ROOT = (offer, multiplier + 1 - w - sp.log(w) + sp.log(weight * known))
_OPTIMAL = (a(y), multiplier + 1 + sp.log(r(y)) - weight * p(y) / r(y))
_ONE_COORDINATE = share * offer - share * sp.log(share) + weight * known * sp.log(share)


def _objective(q: sp.Function) -> sp.Expr:
    """Σ q a − Σ q log q + c Σ p log q."""
    return _over_y(q(y) * (a(y) - sp.log(q(y))) + weight * p(y) * sp.log(q(y)))


_STATIONARY = Claim(
    "With a multiplier λ for Σ r = 1, the slope in one r_y is",
    sp.Derivative(_ONE_COORDINATE - multiplier * share, share),
    "=",
    offer - sp.log(share) - 1 + weight * known / share - multiplier,
    Calculus(),
)
_CONCAVE = Claim(
    "The objective is strictly concave: its second derivatives are diagonal, and minus each is",
    1 / share + weight * known / share**2,
    ">",
    sp.Integer(0),
    Witness((1 / share, weight * known / share**2)),
)
_SECOND = Claim(
    "which is indeed minus the second derivative; the linear term has none.",
    sp.Derivative(share * sp.log(share) - weight * known * sp.log(share), (share, 2)),
    "=",
    1 / share + weight * known / share**2,
    Calculus(),
)
_LAMBERT = Claim(
    "Put r_y = c p_y/w: the slope vanishes where w + log w = log(c p_y) + λ + 1 − a_y, that is "
    "w e^w = c p_y e^{λ + 1 − a_y}, which is what w = W_0(c p_y e^{λ + 1 − a_y}) means.",
    w * sp.exp(w),
    "=",
    weight * known * sp.exp(multiplier + 1 - offer),
    Algebra(given=(_ROOT,)),
)
_ZERO_SLOPE = Claim(
    "There the slope is zero.",
    offer - sp.log(weight * known / w) - 1 + weight * known / (weight * known / w),
    "=",
    multiplier,
    Algebra(given=(_ROOT,)),
)
_ONE_ROOT = Claim(
    "w e^w rises for w > 0, from 0 without bound: there is one root,",
    sp.diff(w * sp.exp(w), w),
    ">",
    sp.Integer(0),
    Witness((sp.exp(w), w * sp.exp(w))),
)
_ONE_MULTIPLIER = Claim(
    "and by λ = a_y − 1 − log(c p_y) + w + log w every r_y = c p_y/w falls with λ, from ∞ to 0, so "
    "that one λ makes Σ r = 1: dr_y/dλ is",
    sp.Derivative(weight * known / w, w) / sp.Derivative(w + sp.log(w), w),
    "=",
    -((weight * known / w) ** 2) / (weight * known / w + weight * known),
    Calculus(),
)
_GLOBAL = Claim(
    "It is the global optimum, and by how much any other π is worse is known: KL[π ‖ r] and c "
    "times an average of t − 1 − log t, t = π/r.",
    _objective(r) - _objective(pi),
    "=",
    _over_y(pi(y) * sp.log(pi(y) / r(y)))
    + weight * _over_y(p(y) * (pi(y) / r(y) - 1 - sp.log(pi(y) / r(y)))),
    Linearity(given=(_OPTIMAL, _ONE_R, _ONE_PI)),
)
_TANGENT = Claim(
    "Neither is negative: the first by Gibbs' inequality (gibbs), the second since the logarithm "
    "lies below its tangent.",
    t - 1,
    "≥",
    sp.log(t),
    Slope(t, sp.Integer(1), (t - 1) ** 2 / t),
)
_BOUND = Claim(
    "The unlabelled bound at the best r needs only λ: Σ r a − Σ r log r is",
    _over_y(r(y) * (a(y) - sp.log(r(y)))),
    "=",
    multiplier + 1 - weight,
    Linearity(given=(_OPTIMAL, _ONE_R, _ONE_P)),
)
_DIVERGENCES = Claim(
    "For the limits: with s = e^{a − Λ}, Λ = log Σ e^a, the objective at any r is two divergences "
    "below a constant.",
    _objective(r),
    "=",
    log_sum
    + weight * _over_y(p(y) * sp.log(p(y)))
    - _over_y(r(y) * sp.log(r(y) / s(y)))
    - weight * _over_y(p(y) * sp.log(p(y) / r(y))),
    Linearity(given=(_SCORE, _ONE_R)),
)
_SOFTMAX = Claim(
    "c p_y → 0, at one class: by step 4 c p_y = w e^w/E with E = e^{λ + 1 − a_y}, so that w "
    "vanishes too, and r_y = c p_y/w tends to e^{a_y − λ − 1}, the softmax's form.",
    sp.Limit(sp.exp(w) / argument, w, 0),
    "=",
    1 / argument,
    Calculus(),
)

DERIVATION = Derivation(
    name="semi_supervised_label_term",
    title="M2 with a label term: the best q(y|x) is c p_y / W_0(c p_y exp(λ + 1 − a_y))",
    paper="section 3, the semi-supervised VAE; Kingma et al. 2014, equation 9",
    hypotheses=(
        Hypothesis("p is p(y|x) of the data, a distribution over Y labels.", (_ONE_P,)),
        Hypothesis("r is a distribution,", (_ONE_R,)),
        Hypothesis("and so is any other, π.", (_ONE_PI,)),
        Hypothesis("c > 0 is the weight of the label term against U; all p_y are positive."),
        Hypothesis("w > 0 solves w + log w = log(c p_y) + λ + 1 − a_y.", (_ROOT,)),
        Hypothesis("r is where all slopes vanish (steps 1 to 7).", (_OPTIMAL,)),
        Hypothesis("s = e^{a − Λ} is the softmax of a.", (_SCORE,)),
    ),
    statement="Σ r a − Σ r log r + c Σ p log r is strictly concave in r, and has its maximum over "
    "distributions at r_y = c p_y / W_0(c p_y e^{λ + 1 − a_y}), λ the one number with Σ r = 1.",
    steps=(
        _STATIONARY,
        _CONCAVE,
        _SECOND,
        _LAMBERT,
        _ZERO_SLOPE,
        _ONE_ROOT,
        _ONE_MULTIPLIER,
        _GLOBAL,
        _TANGENT,
        _BOUND,
        _DIVERGENCES,
        _SOFTMAX,
    ),
    conclusion="The best r is no worse than s, so by step 11 KL[r ‖ s] ≤ c KL[p ‖ s]: r tends to "
    "the softmax as c → 0. It is no worse than p either, so c KL[p ‖ r] ≤ KL[p ‖ s]: r tends to p "
    "as c → ∞. Both come with their rate. Where p_y = 0 the class has the softmax's form "
    "e^{a_y − λ − 1}, the limit in step 12.",
)
