"""Derives the IWAE bound as an integral over one variable, without sampling."""

from __future__ import annotations

import sympy as sp

from proofs.checks import Algebra, Calculus, Linearity
from proofs.derivation import Claim, Derivation, Hypothesis

t, a, b, w, rest = sp.symbols("t a b w W", positive=True)
r, total = sp.symbols("r A", positive=True)
n = sp.Symbol("S", positive=True, integer=True)
z = sp.Symbol("z", real=True)
q, weight = sp.Function("q", positive=True), sp.Function("w", positive=True)
phi = sp.Function("phi", positive=True)


def frullani(number: sp.Expr) -> sp.Expr:
    """Return (e^{−t} − e^{−t·number})/t; its integral over t from 0 to ∞ is the number's log."""
    return (sp.exp(-t) - sp.exp(-t * number)) / t


_DENSITY = (sp.Integral(q(z), (z, -sp.oo, sp.oo)), sp.Integer(1))
_PHI = (sp.Integral(q(z) * sp.exp(-t * weight(z)), (z, -sp.oo, sp.oo)), phi(t))
#: φ for a weight that is a with probability r and b otherwise.
_TWO_POINTS = r * sp.exp(-t * a) + (1 - r) * sp.exp(-t * b)

_SLOPE = Claim(
    "Differentiate what depends on a in Frullani's integrand: the 1/t goes.",
    sp.Derivative(-sp.exp(-t * a) / t, a),
    "=",
    sp.exp(-t * a),
    Calculus(),
)
_INTEGRATED = Claim(
    "Its integral over t is 1/a,",
    sp.Integral(sp.exp(-t * a), (t, 0, sp.oo)),
    "=",
    1 / a,
    Calculus(),
)
_LOG = Claim(
    "the slope of log a. Both sides are 0 at a = 1, so ∫ (e^{−t} − e^{−ta}) dt/t = log a.",
    sp.Integral(1 / w, (w, 1, a)),
    "=",
    sp.log(a),
    Calculus(),
)
_FACTOR = Claim(
    "With a the mean of S weights, e^{−ta} is a product with one factor a weight; one more weight "
    "w beside a sum W:",
    sp.exp(-t * (rest + w) / n),
    "=",
    sp.exp(-t * rest / n) * sp.exp(-t * w / n),
    Algebra(),
)
_POWER = Claim(
    "Independent weights make the mean of the product a product of means: from the S-th power to "
    "the next.",
    phi(t / n) ** n * phi(t / n),
    "=",
    phi(t / n) ** (n + 1),
    Algebra(),
)
_ONE = Claim(
    "S = 1: at each t the average of Frullani's integrand over q is that of the bound, so that "
    "L_1 = E log w, the ELBO.",
    sp.Integral(q(z) * frullani(weight(z)), (z, -sp.oo, sp.oo)),
    "=",
    (sp.exp(-t) - phi(t)) / t,
    Linearity(given=(_DENSITY, _PHI)),
)
_TWO = Claim(
    "S = 2, for a weight of two values: three possible means, with binomial probabilities.",
    (sp.exp(-t) - _TWO_POINTS.subs(t, t / 2) ** 2) / t,
    "=",
    r**2 * frullani(a) + 2 * r * (1 - r) * frullani((a + b) / 2) + (1 - r) ** 2 * frullani(b),
    Algebra(),
)
_SCALE = Claim(
    "A factor of all weights, as p(x), comes out as its log: the same integral shifted.",
    sp.log(total * a),
    "=",
    sp.log(total) + sp.log(a),
    Algebra(),
)

DERIVATION = Derivation(
    name="iwae_integral",
    title="L_S = ∫_0^∞ (e^{−t} − φ(t/S)^S) dt/t with φ(t) = E_q e^{−tw}",
    paper="section 2, importance weighted autoencoders",
    hypotheses=(
        Hypothesis("w(z) = p(x, z)/q(z|x) > 0, z_1, …, z_S independent from q."),
        Hypothesis("Derivative and integral over t may be exchanged in step 1 (a > 0)."),
        Hypothesis("q is a density.", (_DENSITY,)),
        Hypothesis("φ(t) = E_q e^{−tw}.", (_PHI,)),
        Hypothesis("E and ∫ dt may be exchanged (Fubini), as they may if E |log w| is finite."),
    ),
    statement="E log (1/S) Σ w_i = ∫_0^∞ (e^{−t} − φ(t/S)^S) dt/t.",
    steps=(_SLOPE, _INTEGRATED, _LOG, _FACTOR, _POWER, _ONE, _TWO, _SCALE),
    conclusion="The bound for any S is one integral over t and, for φ, one over z.",
)
