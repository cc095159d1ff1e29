"""Derives for M2 that, given q(z|x), the best q(y|x) is a softmax."""

from __future__ import annotations

import sympy as sp

from proofs.checks import Algebra, Calculus, Linearity
from proofs.derivation import Claim, Derivation, Hypothesis

y, n = sp.symbols("y Y", integer=True, positive=True)
z, multiplier = sp.symbols("z lambda", real=True)
rate, first, second, log_sum = sp.symbols("l_y l_1 l_2 Z", real=True)
share = sp.Symbol("pi_y", positive=True)
pi = sp.Function("pi", positive=True)
score = sp.Function("l", real=True)
q, joint = sp.Function("q", positive=True), sp.Function("p_xyz", positive=True)


def _over_y(term: sp.Expr) -> sp.Expr:
    return sp.Sum(term, (y, 1, n))


def _over_z(integrand: sp.Expr) -> sp.Expr:
    return sp.Integral(integrand, (z, -sp.oo, sp.oo))


_ONE_Y = (_over_y(pi(y)), sp.Integer(1))
_ONE_Z = (_over_z(q(z)), sp.Integer(1))
_SCORE = (_over_z(q(z) * sp.log(joint(z, y))), score(y))
#: −E_q log q(z|x), the same for every label.
_ENTROPY = -_over_z(q(z) * sp.log(q(z)))
_SOFTMAX = sp.exp(score(y) - log_sum)
_PARTITION = (_over_y(sp.exp(score(y))), sp.exp(log_sum))

_BOUND = Claim(
    "With q(y, z|x) = π(y) q(z|x), the bound on log p(x) needs of z only the scores "
    "l(y) = E_q log p(x, y, z) and the entropy of q.",
    _over_y(pi(y) * _over_z(q(z) * (sp.log(joint(z, y)) - sp.log(pi(y)) - sp.log(q(z))))),
    "=",
    _over_y(pi(y) * (score(y) - sp.log(pi(y)))) + _ENTROPY,
    Linearity(given=(_ONE_Z, _SCORE, _ONE_Y)),
)
_STATIONARY = Claim(
    "With a multiplier for Σ π = 1, the slope in one π_y is",
    sp.Derivative(share * (rate - sp.log(share)) + multiplier * share, share),
    "=",
    rate - sp.log(share) - 1 + multiplier,
    Calculus(),
)
_NORMALISED = Claim(
    "zero where π_y ∝ e^{l(y)}: the softmax s(y) = e^{l(y) − Z}, Z = log Σ e^{l(y)}, which sums "
    "to 1.",
    _over_y(_SOFTMAX),
    "=",
    sp.Integer(1),
    Linearity(given=(_PARTITION,)),
)
_GLOBAL = Claim(
    "It is the global optimum: for every π the objective falls short of Z by KL[π ‖ s], which is "
    "≥ 0 and 0 only at π = s (gibbs).",
    _over_y(pi(y) * (score(y) - sp.log(pi(y)))),
    "=",
    log_sum - _over_y(pi(y) * sp.log(pi(y) / _SOFTMAX)),
    Linearity(given=(_ONE_Y,)),
)
_TWO = Claim(
    "Two labels: the softmax is a logistic function of the difference of scores.",
    sp.exp(first) / (sp.exp(first) + sp.exp(second)),
    "=",
    1 / (1 + sp.exp(second - first)),
    Algebra(),
)

DERIVATION = Derivation(
    name="semi_supervised_softmax",
    title="M2: given q(z|x), the best q(y|x) is softmax of E_q log p(x, y, z)",
    paper="section 3, the semi-supervised VAE",
    hypotheses=(
        Hypothesis("π(y) = q(y|x) sums to 1.", (_ONE_Y,)),
        Hypothesis("q(z|x) is a density.", (_ONE_Z,)),
        Hypothesis("l(y) = E_q(z|x) log p(x, y, z), finite.", (_SCORE,)),
        Hypothesis("Z = log Σ_y e^{l(y)}.", (_PARTITION,)),
    ),
    statement="max over π of Σ_y π(y) (l(y) − log π(y)) is Z = log Σ_y e^{l(y)}, at "
    "π(y) = e^{l(y) − Z}.",
    steps=(_BOUND, _STATIONARY, _NORMALISED, _GLOBAL, _TWO),
    conclusion="With q(z|x, y) that may differ by label, the same holds with L(x, y) in place of "
    "l(y) (semi_supervised_bounds). An encoder of q(y|x) that is not a softmax of these scores "
    "pays the divergence.",
)
