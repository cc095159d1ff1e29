"""Derives for M2 the best U of the conditional and of the factorised family, and their gaps."""

from __future__ import annotations

import sympy as sp

from proofs.checks import Linearity, Slope
from proofs.derivation import Claim, Derivation, Hypothesis

y, n = sp.symbols("y Y", integer=True, positive=True)
z = sp.Symbol("z", real=True)
log_sum, log_share = sp.symbols("Lambda Z", real=True)
p_x = sp.Symbol("p_x", positive=True)
slack = sp.Symbol("delta", nonnegative=True)
r, rho, prior = (sp.Function(name, positive=True) for name in ("r", "rho", "pi"))
q, normal = sp.Function("q", positive=True), sp.Function("n", positive=True)
x_given, post = sp.Function("p_xz", positive=True), sp.Function("p_zy", positive=True)
bound, loss, cost = (sp.Function(name, real=True) for name in ("L", "k", "c"))
prior_kl = sp.Symbol("K", real=True)


def _over_y(term: sp.Expr) -> sp.Expr:
    return sp.Sum(term, (y, 1, n))


def _over_z(integrand: sp.Expr) -> sp.Expr:
    return sp.Integral(integrand, (z, -sp.oo, sp.oo))


_ONE_Y = (_over_y(r(y)), sp.Integer(1))
_ONE_Z = (_over_z(q(z)), sp.Integer(1))
_PARTITION = (_over_y(sp.exp(bound(y))), sp.exp(log_sum))
_COST = (_over_z(q(z) * sp.log(x_given(z, y))), -cost(y))
_PRIOR_KL = (_over_z(q(z) * sp.log(q(z) / normal(z))), prior_kl)
_SHARED = (_over_y(prior(y) * sp.exp(-cost(y))), sp.exp(log_share))
_BAYES = (x_given(z, y), p_x * rho(y) * post(z, y) / (prior(y) * normal(z)))
_OWN = sp.exp(bound(y) - log_sum)
_SHARED_R = prior(y) * sp.exp(-cost(y) - log_share)

_CONDITIONAL = Claim(
    "Conditional family: given bounds L(y) of the classes (semi_supervised_bounds), the bound at "
    "any r(y) falls short of Λ = log Σ e^{L(y)} by KL[r ‖ s], s(y) = e^{L(y) − Λ}. So the best r "
    "is s (gibbs), and as Λ rises with every L(y), the best q(z|x, y) are those of the classes.",
    _over_y(r(y) * (bound(y) - sp.log(r(y)))),
    "=",
    log_sum - _over_y(r(y) * sp.log(r(y) / _OWN)),
    Linearity(given=(_ONE_Y,)),
)
_NORMALISED = Claim(
    "s is a distribution.",
    _over_y(_OWN),
    "=",
    sp.Integer(1),
    Linearity(given=(_PARTITION,)),
)
_CONDITIONAL_GAP = Claim(
    "Its gap in closed form: with L(y) = log p(x) + log ρ(y) − k(y), where ρ is the posterior of "
    "the label and k(y) the divergence of q(z|x, y) from that of z, what Λ misses of log p(x) is",
    sp.log(p_x) - sp.log(_over_y(sp.exp(sp.log(p_x) + sp.log(rho(y)) - loss(y)))),
    "=",
    -sp.log(_over_y(rho(y) * sp.exp(-loss(y)))),
    Linearity(),
)
_CONDITIONAL_KL = Claim(
    "and that is KL[s(y) q(z|x, y) ‖ p(y, z|x)]: at any r(y) the bound falls short of log p(x) by "
    "the divergence of r from ρ and, on average, by k.",
    _over_y(r(y) * (sp.log(p_x) + sp.log(rho(y)) - loss(y) - sp.log(r(y)))),
    "=",
    sp.log(p_x) - _over_y(r(y) * (sp.log(r(y) / rho(y)) + loss(y))),
    Linearity(given=(_ONE_Y,)),
)
_FACTORISED = Claim(
    "Factorised family, q(y, z|x) = r(y) q(z): the bound needs of q its K = KL[q ‖ n] to the prior "
    "and the costs c(y) = −E_q log p(x|y, z).",
    _over_y(
        r(y) * _over_z(q(z) * (sp.log(prior(y) * normal(z) * x_given(z, y)) - sp.log(r(y) * q(z))))
    ),
    "=",
    -prior_kl + _over_y(r(y) * (sp.log(prior(y)) - cost(y) - sp.log(r(y)))),
    Linearity(given=(_ONE_Z, _COST, _PRIOR_KL, _ONE_Y)),
)
_SHARED_BEST = Claim(
    "Given q(z), the best r is ρ_q(y) = π(y) e^{−c(y) − Z} with Z = log Σ π(y) e^{−c(y)}: at any "
    "other the bound falls short of −K + Z by KL[r ‖ ρ_q].",
    -prior_kl + _over_y(r(y) * (sp.log(prior(y)) - cost(y) - sp.log(r(y)))),
    "=",
    -prior_kl + log_share - _over_y(r(y) * sp.log(r(y) / _SHARED_R)),
    Linearity(given=(_ONE_Y,)),
)
_SHARED_NORMALISED = Claim(
    "ρ_q is a distribution.",
    _over_y(_SHARED_R),
    "=",
    sp.Integer(1),
    Linearity(given=(_SHARED,)),
)
_FACTORISED_GAP = Claim(
    "Its gap is the divergence of r(y) q(z) from the posterior of both: put Bayes' rule in place "
    "of p(x|y, z).",
    sp.log(p_x)
    - _over_y(
        r(y) * _over_z(q(z) * (sp.log(prior(y) * normal(z) * x_given(z, y)) - sp.log(r(y) * q(z))))
    ),
    "=",
    _over_y(r(y) * _over_z(q(z) * sp.log(r(y) * q(z) / (rho(y) * post(z, y))))),
    Linearity(given=(_BAYES, _ONE_Z, _ONE_Y)),
)
_SAME_Q = Claim(
    "Factorised ≤ conditional: with one q(z) for all classes, log π(y) − K − c(y) is a bound of "
    "class y, and their log Σ exp is the factorised one,",
    sp.log(_over_y(sp.exp(sp.log(prior(y)) - prior_kl - cost(y)))),
    "=",
    -prior_kl + log_share,
    Linearity(given=(_SHARED,)),
)
_LOWER = Claim(
    "and it lies below L(y) by some δ ≥ 0, so that every term of Σ e^{L(y)} is e^δ ≥ 1 times that "
    "of the shared q.",
    sp.exp(slack),
    "≥",
    sp.Integer(1),
    Slope(slack, sp.Integer(0), slack * sp.exp(slack)),
)

DERIVATION = Derivation(
    name="semi_supervised_families",
    title="M2: the best U of q(y|x) q(z|x, y) is log Σ exp L, that of q(y|x) q(z|x) lies below",
    paper="section 3, the semi-supervised VAE; section 5.2",
    hypotheses=(
        Hypothesis("r(y) = q(y|x) sums to 1.", (_ONE_Y,)),
        Hypothesis("q(z) is a density; n(z) is the prior.", (_ONE_Z,)),
        Hypothesis("Λ = log Σ_y e^{L(x, y)}.", (_PARTITION,)),
        Hypothesis("c(y) = −E_q log p(x|y, z), finite.", (_COST,)),
        Hypothesis("K = KL[q ‖ n], finite.", (_PRIOR_KL,)),
        Hypothesis("Z = log Σ_y π(y) e^{−c(y)}.", (_SHARED,)),
        Hypothesis("Bayes' rule: π(y) n(z) p(x|y, z) = p(x) ρ(y) p(z|x, y).", (_BAYES,)),
    ),
    statement="U = log Σ_y exp L(x, y) for the conditional family, "
    "U = max_q −KL[q ‖ n] + log Σ_y π_y e^{−c_y(q)} for the factorised one; log p(x) − U is "
    "KL[q(y, z|x) ‖ p(y, z|x)] for both, and the factorised U is never the larger.",
    steps=(
        _CONDITIONAL,
        _NORMALISED,
        _CONDITIONAL_GAP,
        _CONDITIONAL_KL,
        _FACTORISED,
        _SHARED_BEST,
        _SHARED_NORMALISED,
        _FACTORISED_GAP,
        _SAME_Q,
        _LOWER,
    ),
    conclusion="Both gaps are divergences, hence ≥ 0 (gibbs). They are equal where one q(z) is "
    "best for every class that has weight, and above all where the classes have one f.",
)
