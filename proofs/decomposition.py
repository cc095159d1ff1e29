"""Equation 3: −ELBO is the entropy of the data plus MLEO plus PMO."""

from __future__ import annotations

import sympy as sp

from proofs.checks import Algebra, Linearity
from proofs.derivation import Claim, Derivation, Hypothesis

x, z = sp.symbols("x z", real=True)
p = sp.Function("p", positive=True)
p_f = sp.Function("p_f", positive=True)
posterior = sp.Function("r_f", positive=True)
q = sp.Function("q", positive=True)


def _over_z(integrand: sp.Expr) -> sp.Expr:
    return sp.Integral(integrand, (z, -sp.oo, sp.oo))


def _over_x(integrand: sp.Expr) -> sp.Expr:
    return sp.Integral(integrand, (x, -sp.oo, sp.oo))


_JOINT = p_f(x) * posterior(z, x)
_NORMALISED = (_over_z(q(z, x)), sp.Integer(1))
_KL_AT_X = _over_z(q(z, x) * sp.log(q(z, x) / posterior(z, x)))
_ENTROPY = -_over_x(p(x) * sp.log(p(x)))
_MLEO = _over_x(p(x) * sp.log(p(x) / p_f(x)))
_PMO = _over_x(p(x) * _KL_AT_X)

_POINT = Claim(
    "At one (x, z), factor the joint density p_f(x, z) = p_f(x) r_f(z|x) and add and subtract "
    "log p(x).",
    sp.log(q(z, x)) - sp.log(_JOINT),
    "=",
    -sp.log(p(x)) + sp.log(p(x) / p_f(x)) + sp.log(q(z, x) / posterior(z, x)),
    Algebra(),
)
_AT_X = Claim(
    "Average over q(z|x), a density: only the last term depends on z.",
    _over_z(q(z, x) * (sp.log(q(z, x)) - sp.log(_JOINT))),
    "=",
    -sp.log(p_f(x)) + _KL_AT_X,
    Linearity(given=(_NORMALISED,)),
)
_AVERAGE = Claim(
    "Average over p(x) and split log p_f(x) = log p(x) − log(p(x)/p_f(x)).",
    _over_x(p(x) * (-sp.log(p_f(x)) + _KL_AT_X)),
    "=",
    _ENTROPY + _MLEO + _PMO,
    Linearity(),
)

DERIVATION = Derivation(
    name="decomposition",
    title="−ELBO = H + MLEO + PMO",
    paper="equation 3",
    hypotheses=(
        Hypothesis("q(z|x) is a density in z for every x.", (_NORMALISED,)),
        Hypothesis("All densities are positive and the three averages finite."),
        Hypothesis("r_f(z|x) is the exact posterior: p_f(x, z) = p_f(x) r_f(z|x)."),
    ),
    statement="E_p E_q [log q(z|x) − log p_f(x, z)] = H[p] + KL[p ‖ p_f] + E_p KL[q ‖ r_f], for "
    "every q. With q the best of its family at each x the last term is the paper's PMO.",
    steps=(_POINT, _AT_X, _AVERAGE),
    conclusion="H does not depend on f: decoders are compared by J = MLEO + PMO, and by Gibbs' "
    "inequality both are ≥ 0. At the ground truth MLEO = 0.",
)
