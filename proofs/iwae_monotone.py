"""The IWAE bound grows with S and stays below log p(x)."""

from __future__ import annotations

import sympy as sp

from proofs.checks import Linearity, Slope
from proofs.derivation import Claim, Derivation, Hypothesis

i = sp.Symbol("i", integer=True, positive=True)
n = sp.Symbol("S", integer=True, positive=True)
u, m, total, evidence = sp.symbols("u m T p_x", positive=True)
z = sp.Symbol("z", real=True)
w = sp.IndexedBase("w", positive=True)
v = sp.IndexedBase("u", positive=True)
q, joint = sp.Function("q", positive=True), sp.Function("p_xz", positive=True)


def _all(term: sp.Expr) -> sp.Expr:
    """Sum over S + 1 samples."""
    return sp.Sum(term, (i, 1, n + 1))


def _line(integrand: sp.Expr) -> sp.Expr:
    return sp.Integral(integrand, (z, -sp.oo, sp.oo))


_TOTAL = (_all(w[i]), total)
_MEAN = (_all(v[i]), (n + 1) * m)
_EVIDENCE = (_line(joint(z)), evidence)

_LEAVE_ONE_OUT = Claim(
    "Leave out one of S + 1 weights and average the S others: (T − w_i)/S with T = Σ w_i. The "
    "average of these over i is the average of all.",
    _all((total - w[i]) / n) / (n + 1),
    "=",
    total / (n + 1),
    Linearity(given=(_TOTAL,)),
)
_TANGENT = Claim(
    "The logarithm lies below its tangent at any m.",
    sp.log(m) + u / m - 1,
    "≥",
    sp.log(u),
    Slope(u, m, (u - m) ** 2 / (u * m)),
)
_AVERAGE = Claim(
    "Average the tangent over S + 1 numbers u_i whose mean is m: only log m is left, so the mean "
    "of the logs is at most the log of the mean (Jensen).",
    _all(sp.log(m) + v[i] / m - 1) / (n + 1),
    "=",
    sp.log(m),
    Linearity(given=(_MEAN,)),
)
_UNBIASED = Claim(
    "The mean weight is p(x), whatever q.",
    _line(q(z) * joint(z) / q(z)),
    "=",
    evidence,
    Linearity(given=(_EVIDENCE,)),
)
_BOUND = Claim(
    "With m = p(x) and u the mean of S weights, whose expectation is p(x) too, the expected "
    "tangent is log p(x).",
    sp.log(evidence) + _line(joint(z)) / evidence - 1,
    "=",
    sp.log(evidence),
    Linearity(given=(_EVIDENCE,)),
)

DERIVATION = Derivation(
    name="iwae_monotone",
    title="ELBO = L_1 ≤ L_S ≤ L_{S+1} ≤ log p(x)",
    paper="section 2, importance weighted autoencoders",
    hypotheses=(
        Hypothesis("T is the sum of S + 1 positive weights.", (_TOTAL,)),
        Hypothesis("u_i are numbers with mean m; here u_i = (T − w_i)/S, m = T/(S + 1).", (_MEAN,)),
        Hypothesis("∫ p(x, z) dz = p(x).", (_EVIDENCE,)),
        Hypothesis(
            "The weights are independent and alike: every leave-one-out mean has the law of the "
            "mean of S weights."
        ),
        Hypothesis("E |log w| is finite, so that expectations may be added."),
    ),
    statement="L_S = E log (1/S) Σ w_i does not fall with S and is at most log p(x).",
    steps=(_LEAVE_ONE_OUT, _TANGENT, _AVERAGE, _UNBIASED, _BOUND),
    conclusion="By steps 1 to 3, log of the mean of S + 1 weights ≥ the average over i of the log "
    "of the leave-one-out mean; its expectation is L_{S+1} ≥ L_S. By steps 2, 4 and 5, "
    "L_S ≤ log p(x).",
)
