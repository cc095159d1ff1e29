"""Derives when one decoder for all classes has a smaller objective than the ground truth."""

from __future__ import annotations

import sympy as sp

from proofs.checks import Algebra, Linearity, Witness
from proofs.derivation import Claim, Derivation, Hypothesis

x = sp.Symbol("x", real=True)
y, n = sp.symbols("y Y", integer=True, positive=True)
elbo, prior_kl, noise_cost, log_p_x = sp.symbols("E K c log_p", real=True)
joint = sp.Function("p_xy", positive=True)
marginal, merged = sp.Function("p_x", positive=True), sp.Function("p_g", positive=True)
prior, rho = sp.Function("pi", positive=True), sp.Function("rho", positive=True)
loss = sp.Function("k", real=True)
mleo, information = sp.symbols("M I", real=True)
e, u, v = sp.symbols("e u v", real=True)
gamma, label_share, other_share = sp.symbols("gamma l lbar", positive=True)
room = sp.Symbol("r", positive=True)


def _over_x(integrand: sp.Expr) -> sp.Expr:
    return sp.Integral(integrand, (x, -sp.oo, sp.oo))


def _over_y(term: sp.Expr) -> sp.Expr:
    return sp.Sum(term, (y, 1, n))


_ONE_PRIOR = (_over_y(prior(y)), sp.Integer(1))
_ONE_RHO = (_over_y(rho(y)), sp.Integer(1))
_MLEO = (_over_x(marginal(x) * sp.log(marginal(x) / merged(x))), mleo)
_MARGINAL = (
    _over_y(_over_x(joint(x, y) * (sp.log(marginal(x)) - sp.log(merged(x))))),
    _over_x(marginal(x) * (sp.log(marginal(x)) - sp.log(merged(x)))),
)
_INFORMATION = (
    _over_y(_over_x(joint(x, y) * sp.log(joint(x, y) / (prior(y) * marginal(x))))),
    information,
)
_ROOM = (v, information + e - room)

_MLEO_XY = Claim(
    "Let every class have the decoder g: p_g(x, y) = π(y) p_g(x). Its divergence from p(x, y) is "
    "the mutual information I(x; y) of the data beyond that of p_g(x) from p(x).",
    _over_y(_over_x(joint(x, y) * sp.log(joint(x, y) / (prior(y) * marginal(x)))))
    + _over_y(_over_x(joint(x, y) * (sp.log(marginal(x)) - sp.log(merged(x))))),
    "=",
    information + mleo,
    Linearity(given=(_INFORMATION, _MARGINAL, _MLEO)),
)
_RATIO = Claim(
    "(The two logarithms on the left are that of p(x, y)/p_g(x, y).)",
    sp.log(joint(x, y) / (prior(y) * merged(x))),
    "=",
    sp.log(joint(x, y) / (prior(y) * marginal(x))) + sp.log(marginal(x)) - sp.log(merged(x)),
    Algebra(),
)
_CONDITIONAL = Claim(
    "Conditional family: L(x, y) = log π(y) + E with the ELBO E of g at x, so that U = "
    "log Σ e^{L} is E itself (semi_supervised_families).",
    sp.log(_over_y(sp.exp(sp.log(prior(y)) + elbo))),
    "=",
    elbo,
    Linearity(given=(_ONE_PRIOR,)),
)
_FACTORISED = Claim(
    "Factorised family: the cost c is the same for all classes, and U = E again. A label that "
    "does nothing costs nothing, in either family.",
    -prior_kl + sp.log(_over_y(prior(y) * sp.exp(-noise_cost))),
    "=",
    -prior_kl - noise_cost,
    Linearity(given=(_ONE_PRIOR,)),
)
_TRUTH = other_share * u + label_share * gamma * v
_MERGED = other_share * e + label_share * gamma * (information + e)
_EXCESS = Claim(
    "So with e = MLEO_x + PMO of g, the excess of a plain VAE's objective on p(x), both PMOs of "
    "the collapsed model are e − MLEO_x, and its J is",
    other_share * (mleo + (e - mleo)) + label_share * gamma * ((information + mleo) + (e - mleo)),
    "=",
    (other_share + label_share * gamma) * e + label_share * gamma * information,
    Algebra(),
)
_DIFFERENCE = Claim(
    "The ground truth has MLEO = 0 and J = (1−ℓ) u + ℓγ v, where u = PMO_U and v = PMO_L. The "
    "collapsed model's is smaller by",
    _TRUTH - _MERGED,
    "=",
    other_share * (u - e) - label_share * gamma * (information + e - v),
    Algebra(),
)
_THRESHOLD = Claim(
    "Where r = I + e − v > 0 that is positive for γ < γ_c and for no other, with "
    "γ_c = (1−ℓ)(u − e)/(ℓ r); as γ → 0 it is e < u that decides, however many labels there are.",
    other_share * (u - e) - label_share * gamma * (information + e - v),
    "=",
    label_share * room * (other_share * (u - e) / (label_share * room) - gamma),
    Algebra(given=(_ROOM,)),
)
_SOFT = rho(y) * sp.exp(-loss(y) - log_p_x)
_PARTITION = (_over_y(rho(y) * sp.exp(-loss(y))), sp.exp(log_p_x))
_JENSEN = Claim(
    "In the conditional family u is at most v: at every x, Σ ρ(y) k(y) is above the gap "
    "−log Σ ρ(y) e^{−k(y)} (semi_supervised_families) by a divergence, that of ρ from "
    "τ = ρ e^{−k}/Σ ρ e^{−k}.",
    _over_y(rho(y) * loss(y)) - (-log_p_x),
    "=",
    _over_y(rho(y) * sp.log(rho(y) / _SOFT)),
    Linearity(given=(_ONE_RHO,)),
)
_JENSEN_NORMALISED = Claim(
    "τ is a distribution.",
    _over_y(_SOFT),
    "=",
    sp.Integer(1),
    Linearity(given=(_PARTITION,)),
)
_slack, _more = sp.symbols("d_1 d_2", nonnegative=True)
_information = sp.Symbol("I", nonnegative=True)
_NEVER = Claim(
    "So in the conditional family no collapsed model with e ≥ v, one that is no easier to invert "
    "than the classes are, is better than the ground truth at any γ: with v = u + d_1 and "
    "e = v + d_2 the collapsed J is the larger one.",
    other_share * (u + _slack + _more) + label_share * gamma * (_information + u + _slack + _more),
    "≥",
    other_share * u + label_share * gamma * (u + _slack),
    Witness(
        (
            other_share * (_slack + _more),
            label_share * gamma * (_information + _more),
        )
    ),
)

DERIVATION = Derivation(
    name="collapse_threshold",
    title="One decoder for all classes beats the ground truth for γ < γ_c, and γ_c in closed form",
    paper="section 5.2, functional collapse",
    hypotheses=(
        Hypothesis("π is the prior of the labels, the data's and the model's.", (_ONE_PRIOR,)),
        Hypothesis("I = I(x; y) of the data, finite.", (_INFORMATION,)),
        Hypothesis("Summing p(x, y) over y leaves p(x).", (_MARGINAL,)),
        Hypothesis("M = MLEO_x = KL[p(x) ‖ p_g(x)], finite; 0 where p_g(x) = p(x).", (_MLEO,)),
        Hypothesis("ℓ is the labelled share, 0 < ℓ < 1, and lbar = 1 − ℓ."),
        Hypothesis("There is no label term (α = 0); q is the best of its family at every x."),
        Hypothesis("r = I + e − v.", (_ROOM,)),
        Hypothesis("ρ is the posterior of the label at x.", (_ONE_RHO,)),
        Hypothesis("e^{log_p} = Σ ρ(y) e^{−k(y)}, a name.", (_PARTITION,)),
    ),
    statement="J(truth) − J(g, …, g) = (1−ℓ)(PMO_U − e) − ℓγ (I(x; y) + e − PMO_L), with e the "
    "excess of g as a plain VAE on p(x). So the collapsed model is better than the truth if and "
    "only if γ < γ_c = (1−ℓ)(PMO_U − e)/(ℓ (I + e − PMO_L)), where the denominator is positive.",
    steps=(
        _MLEO_XY,
        _RATIO,
        _CONDITIONAL,
        _FACTORISED,
        _EXCESS,
        _DIFFERENCE,
        _THRESHOLD,
        _JENSEN,
        _JENSEN_NORMALISED,
        _NEVER,
    ),
    conclusion="Among collapsed models J rises with e alone (step 5): the best of them has the "
    "decoder of a plain VAE's optimum on p(x), whatever γ, ℓ and the family of q. Where two "
    "classes have the same image, p(x) can be had by one g that runs along it once, and e is small "
    "where σ is; then all depends on u (collapse_floor). γ_c compares with the ground truth: below "
    "it the truth is not optimal, above it another decoder that is not collapsed may still be. No "
    "step asks what E is: with L_S in its place the same holds for IWAE bounds of S draws.",
)
