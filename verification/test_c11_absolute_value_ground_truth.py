"""C11, exact side: on Absolute-Value the ELBO selects another f, near one with the same p(x).

Setting: the ground truth f(z) = (|z|, |z|), σ² = 0.01, and the monotone rearrangement
g(z) = Φ⁻¹((1 + Φ(z))/2)·(1, 1): |z| and Φ⁻¹((1 + Φ(z))/2) have the same law under z ~ N(0, 1).
Statement: section 4.2 of the paper: posteriors are complex on most of p(x); another f has the same
p(x) and simple posteriors, and is what the ELBO selects.
Kind: one-sided; g is the witness.
Reference: section 4.2, Theorem 1.
Measured: Pr_p[KL(x) > 0.1 nat]; log p(x) − log p_g(x) at draws from p(x), and MLEO(g); PMO of
both; J of the best decoder that a search over all decoders found, against J(g), and where the
ascent from the ground truth alone ends.
Verdict rule: "most" is taken as more than 80 % of p(x), "simple" as a PMO below a tenth of the
ground truth's; "the same p(x)" as a difference within the error radius, which must be below 1e-9.
"Selected": the best J of all starts, the ground truth among them, is below J(g) beyond the radius,
and by less than 0.01 nats. Coordinate ascent from the ground truth alone does not get there: it
stays in a fold of the curve, and that is recorded.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from theorycheck.claims import SCALE, ClaimVerdict, Evidence, LeftOpen, claim_verdict, in_words
from theorycheck.estimate import Estimate, Verdict, positive
from theorycheck.inference import log_density
from theorycheck.models import GenerativeModel, benchmark, load_model
from theorycheck.objectives import Decomposition, decompose, total_variation
from theorycheck.optimum import PredictedOptimum

#: KL above which a posterior counts as complex (nats), and the share that is "most".
_COMPLEX = 0.1
_MOST = Estimate(0.8, 0.0)
#: Share of the ground truth's PMO that is still simple.
_SIMPLE = 0.1
#: Radius below which equal densities say something, nats; draws and their seed.
_SHARP = 1e-9
_DRAWS, _SEED = 4000, 11
#: Φ⁻¹((1 + Φ(z))/2) in a form that keeps its digits for large z, where 1 + Φ(z) rounds to 2.
_MONOTONE = "-Phi_inv(Phi(-z)/2)"
#: Nats of J within which the decoder selected counts as near g.
_NEAR = Estimate(0.01, 0.0)
#: Latents at which decoders are compared, and the prior's weights there.
_LATENTS = np.linspace(-3.0, 3.0, 601)
_UNTESTED = "that trained networks select it from random and from ground-truth starts"


@pytest.fixture(scope="module")
def truth(decomposed: Callable[[str], Decomposition]) -> Decomposition:
    return decomposed("absolute_value")


@pytest.fixture(scope="module")
def monotone(truth: Decomposition) -> Decomposition:
    return decompose(_g(truth.data), truth.data)


def _g(model: GenerativeModel) -> GenerativeModel:
    return load_model(f"expr:[{_MONOTONE}, {_MONOTONE}]", noise_variance=model.noise_variance)


def test_the_two_forms_of_g_are_one_function() -> None:
    z = np.linspace(-6.0, 6.0, 601)
    direct = ndtri((1.0 + ndtr(z)) / 2.0)
    # 1 + Φ(z) keeps an absolute 1e-16, which Φ⁻¹ magnifies by up to 1/φ.
    bound = 1e-15 * (1.0 + np.exp(0.5 * direct**2) * np.sqrt(2.0 * np.pi))
    g = _g(benchmark("absolute_value")).decoder(z)[:, 0]
    assert (np.abs(g - direct) <= bound).all()


def test_most_posteriors_are_complex(
    truth: Decomposition, evidence: Callable[[Evidence], Evidence]
) -> None:
    part = truth.kl_distribution.partition(_COMPLEX)
    margin = part.pr_hi - _MOST
    verdict = positive(margin)
    evidence(
        Evidence(
            claim="C11",
            where="4.2",
            statement="absolute_value: Pr[KL(x) > 0.1 nat] is above 80 %",
            kind="one-sided",
            measured={"Pr[KL > 0.1]": part.pr_hi, "PMO": truth.pmo},
            predicted="above 0.8",
            margin=margin,
            verdict=claim_verdict(verdict),
            over="all of p(x), at the ground truth",
            notes="The thresholds 0.1 nat and 80 % are this project's reading of “most”.",
            left_open=LeftOpen.NETWORKS,
            untested=_UNTESTED,
        )
    )
    assert verdict is Verdict.HOLDS


def test_the_monotone_f_has_the_same_density(
    truth: Decomposition, monotone: Decomposition, evidence: Callable[[Evidence], Evidence]
) -> None:
    _, x = truth.data.sample(_DRAWS, _SEED)
    p, p_g = log_density(truth.data, x), log_density(monotone.model, x)
    difference = np.abs(p.value - p_g.value)
    radius = p.error + p_g.error
    same = bool((difference <= radius).all()) and monotone.mleo.contains(0.0)
    sharp = float(radius.max()) < _SHARP and monotone.mleo.error < _SHARP
    verdict = ClaimVerdict.VERIFIED if sharp else ClaimVerdict.INCONCLUSIVE
    evidence(
        Evidence(
            claim="C11",
            where="4.2",
            statement="g has the ground truth's p(x): MLEO(g) = 0",
            kind="tight",
            measured={
                "MLEO(g)": monotone.mleo,
                "largest |log p − log p_g|": float(difference.max()),
                "largest radius of it": float(radius.max()),
            },
            predicted="0",
            margin=None,
            verdict=verdict if same else ClaimVerdict.REFUTED,
            witness=f"g(z) = ({_MONOTONE})·(1, 1)",
            over=f"{_DRAWS} draws from p(x), seed {_SEED}, and the average over p(x)",
            left_open=LeftOpen.NETWORKS,
            untested=_UNTESTED,
        )
    )
    assert sharp
    assert same


def test_the_monotone_f_has_simple_posteriors_and_a_smaller_j(
    truth: Decomposition, monotone: Decomposition, evidence: Callable[[Evidence], Evidence]
) -> None:
    simple = truth.pmo.scaled(_SIMPLE) - monotone.pmo
    gain = truth.excess - monotone.excess
    verdict = positive(simple) & positive(gain)
    evidence(
        Evidence(
            claim="C11",
            where="4.2, Theorem 1",
            statement="g's PMO is below a tenth of the ground truth's, and J(g) < J(ground truth)",
            kind="exists",
            measured={
                "PMO of the ground truth": truth.pmo,
                "PMO of g": monotone.pmo,
                "J of the ground truth": truth.excess,
                "J of g": monotone.excess,
            },
            predicted="J(g) < J(ground truth)",
            margin=gain,
            verdict=claim_verdict(verdict),
            witness=f"g(z) = ({_MONOTONE})·(1, 1)",
            over="the one alternative g",
            left_open=LeftOpen.NETWORKS,
            untested=_UNTESTED,
        )
    )
    assert verdict is Verdict.HOLDS


def test_the_search_selects_a_decoder_near_g_and_below(
    predicted_optimum: Callable[[str], PredictedOptimum],
    truth: Decomposition,
    monotone: Decomposition,
    evidence: Callable[[Evidence], Evidence],
) -> None:
    best = predicted_optimum("absolute_value")
    below = monotone.excess - best.excess
    near = _NEAR - below
    misplaced = total_variation(best.model, best.data)
    verdict = positive(below) & positive(near)
    evidence(
        Evidence(
            claim="C11",
            where="4.2",
            statement="absolute_value: of all starts, the ground truth among them, the best ends "
            "below J(g), by less than 0.01 nats",
            kind="one-sided",
            measured={
                "J selected": best.excess,
                "J of g": monotone.excess,
                "J of the ground truth": truth.excess,
                "MLEO of the selected": best.mleo,
                "PMO of the selected": best.pmo,
                "distance of the selected from g, in σ": _distance(best.model, monotone.model),
                "share of p(x) misplaced by the selected": misplaced,
                "with the selected p(x) is": in_words(misplaced),
                "starts that found the best": f"{best.found} of {len(best.starts)}",
                "J where the ascent from the ground truth alone ends": best.first_ascent,
            },
            predicted="below J(g), near it",
            margin=below,
            verdict=claim_verdict(verdict),
            witness="the decoder that `theorycheck optimum absolute_value` writes",
            over="all decoders, by the quick search with seed 0: an upper bound on the optimum",
            notes="“From either start” does not hold for coordinate ascent: from the ground truth "
            "alone it ends in a local optimum that is far above, with the curve still folded. "
            "What is selected is the best of all starts. It pays a little in p(x) for simpler "
            f"posteriors: g itself is not the optimum. {SCALE}",
            left_open=LeftOpen.NETWORKS,
            untested=_UNTESTED,
        )
    )
    assert verdict is Verdict.HOLDS
    # A local optimum far from the best: the note above says so.
    assert best.first_ascent > best.excess.upper + 0.1


def _distance(found: GenerativeModel, g: GenerativeModel) -> float:
    """Return the root mean square of |f − g|/σ under the prior, of f or its mirror image."""
    weight = np.exp(-0.5 * _LATENTS**2)
    weight /= weight.sum()
    squares = [
        (((found.decoder(sign * _LATENTS) - g.decoder(_LATENTS)) / g.sigma) ** 2).sum(axis=1)
        for sign in (1.0, -1.0)
    ]
    return float(np.sqrt(min(weight @ square for square in squares)))
