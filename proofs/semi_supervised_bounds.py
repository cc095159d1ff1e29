"""Derives for M2 the bounds L on log p(x, y) and U on log p(x)."""

from __future__ import annotations

import sympy as sp

from proofs.checks import Algebra, Linearity
from proofs.derivation import Claim, Derivation, Hypothesis

z = sp.Symbol("z", real=True)
y, n = sp.symbols("y Y", integer=True, positive=True)
p_x = sp.Symbol("p_x", positive=True)
q_z, post_z = sp.Function("q", positive=True), sp.Function("r", positive=True)
p_xy = sp.Function("p_xy", positive=True)
q_y, post_y = sp.Function("pi", positive=True), sp.Function("rho", positive=True)


def _over_z(integrand: sp.Expr) -> sp.Expr:
    return sp.Integral(integrand, (z, -sp.oo, sp.oo))


def _over_y(term: sp.Expr) -> sp.Expr:
    return sp.Sum(term, (y, 1, n))


_ONE_Z = (_over_z(q_z(z, y)), sp.Integer(1))
_ONE_Y = (_over_y(q_y(y)), sp.Integer(1))
_JOINT = p_xy(y) * post_z(z, y)
_BAYES = (p_xy(y), p_x * post_y(y))
#: L(x, y) = E_q [log p(x, y, z) − log q(z|x, y)].
LABELLED = _over_z(q_z(z, y) * (sp.log(_JOINT) - sp.log(q_z(z, y))))
_KL_Z = _over_z(q_z(z, y) * sp.log(q_z(z, y) / post_z(z, y)))
_KL_Y = _over_y(q_y(y) * sp.log(q_y(y) / post_y(y)))

_LABELLED = Claim(
    "One labelled x, y: factor p(x, y, z) = p(x, y) r(z|x, y). The bound L falls short by the "
    "divergence of q(z|x, y) from the posterior of z.",
    LABELLED,
    "=",
    sp.log(p_xy(y)) - _KL_Z,
    Linearity(given=(_ONE_Z,)),
)
_FACTOR = Claim(
    "One unlabelled x: q(y, z|x) = π(y) q(z|x, y), and the log ratio splits.",
    sp.log(_JOINT) - sp.log(q_y(y) * q_z(z, y)),
    "=",
    (sp.log(_JOINT) - sp.log(q_z(z, y))) - sp.log(q_y(y)),
    Algebra(),
)
_UNLABELLED = Claim(
    "Its ELBO is U = Σ_y π(y) (L(x, y) − log π(y)).",
    _over_y(q_y(y) * _over_z(q_z(z, y) * (sp.log(_JOINT) - sp.log(q_y(y) * q_z(z, y))))),
    "=",
    _over_y(q_y(y) * (LABELLED - sp.log(q_y(y)))),
    Linearity(given=(_ONE_Z,)),
)
_BOUND = Claim(
    "By step 1 and p(x, y) = p(x) ρ(y|x), U falls short of log p(x) by the divergence of π from "
    "ρ, and on average by those of q(z|x, y).",
    _over_y(q_y(y) * (sp.log(p_xy(y)) - _KL_Z - sp.log(q_y(y)))),
    "=",
    sp.log(p_x) - _KL_Y - _over_y(q_y(y) * _KL_Z),
    Linearity(given=(_ONE_Z, _BAYES, _ONE_Y)),
)

DERIVATION = Derivation(
    name="semi_supervised_bounds",
    title="M2: L(x, y) ≤ log p(x, y) and U(x) = Σ π(y)(L(x, y) − log π(y)) ≤ log p(x)",
    paper="section 3, the semi-supervised VAE",
    hypotheses=(
        Hypothesis("q(z|x, y) is a density for every y.", (_ONE_Z,)),
        Hypothesis("π(y) = q(y|x) is a distribution over Y labels.", (_ONE_Y,)),
        Hypothesis("ρ(y|x) is the exact posterior of the label.", (_BAYES,)),
        Hypothesis("All densities are positive and the averages finite."),
    ),
    statement="L(x, y) = log p(x, y) − KL[q(z|x, y) ‖ r(z|x, y)], "
    "U(x) = log p(x) − KL[π ‖ ρ] − Σ_y π(y) KL[q(z|x, y) ‖ r(z|x, y)].",
    steps=(_LABELLED, _FACTOR, _UNLABELLED, _BOUND),
    conclusion="By Gibbs' inequality both are lower bounds, and both are tight only with exact "
    "posteriors. A continuous label takes an integral in place of the sum.",
)
