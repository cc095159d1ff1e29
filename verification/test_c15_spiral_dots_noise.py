"""C15: Spiral Dots, σ² and the ELBO with the optimal q: the exact side.

Setting: spiral_dots, true σ² = 0.01 in both dimensions; one σ² shared by them, as in the paper; q
optimal for every x, so that no encoder has a part in it.
Statement: 4.2 of the paper: after training, the refit of σ² is 0.014 ± 0.001, and σ² trained
jointly 0.020 ± 0.003: over-estimates. Of networks that is judged in the other file of this claim;
here it is read as a statement on the ELBO.
Kind: one-sided.
Reference: section 4.2, Spiral Dots; docs/theory.md; Lindsay (1983) for the lower bounds.
Measured:
(a) J and the own refit of the decoder that an ascent over f, q and σ² from the ground truth ends
    at, evaluated exactly on data nodes that the ascent never saw.
(b) J*(σ²) as a curve: σ² held at 0.002, 0.0035, 0.005, 0.007, 0.01, 0.014, 0.02, 0.03; at each of
    them two searches, one handed the decoder of the next larger σ², one that of the next smaller
    (seeds 0 and 1); all J exact, upper bounds of J*. A lower bound of J*(σ²), for every decoder,
    by the dual of the nonparametric likelihood.
Verdict rule:
(a) verified if J < 0.25 and J is below the ground truth's, and the decoder's own refit and its σ²
    are below 0.01, all beyond the radii. That is proved by this witness and needs no convergence.
(b) what the searches leave open is the largest difference of the two searches at any σ². Verified,
    that the lowest J of all lies below the true σ², if it is lower than every J found at a σ² of
    0.01 or more by more than that; inconclusive otherwise. No number is given as *the* optimal σ²:
    those within what is left open of the lowest are listed.
(c) “at the ELBO's optimum σ² is over-estimated”: refuted, over the decoders found, where (b) is
    verified; inconclusive otherwise. It is not refuted by proof: J* has only upper bounds there.
(d) proved for every decoder: the σ² at and above which no joint optimum can lie, and the interval
    of the refit at an optimum with σ² held. Verified if the first is finite and both ends of the
    second are; what they exclude of the paper's intervals is said.
These rules were written down before the runs that they judge. An earlier rule had given the spread
of one ascent as a radius of the optimal σ²; and it had taken the rise of σ² under bounds on |f′| as
evidence, though one bound allows more than one self-consistent σ².
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from theorycheck.claims import ClaimVerdict, Evidence, claim_verdict
from theorycheck.estimate import Estimate, Verdict, positive
from theorycheck.models import benchmark
from theorycheck.objectives import decompose
from theorycheck.optimum import Effort, EStep, SearchSettings, ascend, data_nodes, decoder_on_cells
from theorycheck.quadrature import adapted_cells, latent_cells
from theorycheck.theorems import NoiseCurve, mean_of, noise_curve

#: What the paper reports.
_REFIT, _JOINT = Estimate(0.014, 0.001), Estimate(0.020, 0.003)
_TRUE = 0.01
#: J below which the witness must be; the networks of the other file are held against it.
_REACHED = 0.25
#: For the ascent: spacing of the data nodes in σ, cells, E-steps. Posteriors on Spiral Dots are
#: narrow, so that 7,400 nodes and 500 cells are few; what they cannot say shows in the exact J.
_STEP, _CELLS, _MOST = 0.9, 500, 40
#: Error radius of J, nats, and of the refit, relative.
_TOLERANCE, _REFIT_TOLERANCE = 2e-3, 2e-2
_GRID = (0.002, 0.0035, 0.005, 0.007, 0.01, 0.014, 0.02, 0.03)
#: As little as a search can be where σ² is handed a decoder: the ground truth and that one are
#: refined as they are.
_EFFORT = Effort(
    starts=2, coarse_cells=96, middle_cells=320, fine_cells=480, coarse_step=0.9, middle_step=0.9,
    fine_step=0.6, most_nodes=800, refined=1, rounds=0, most=40, tolerance=_TOLERANCE,
)  # fmt: skip


@pytest.mark.slow
def test_a_decoder_with_a_smaller_noise_beats_the_truth(
    evidence: Callable[[Evidence], Evidence],
) -> None:
    data = benchmark("spiral_dots")
    nodes = data_nodes(data, _STEP, tail=1e-5, shift=0.25)
    plain = latent_cells(8 * _CELLS)
    cells = adapted_cells(_CELLS, plain, plain.average(data.decoder), data.noise_variance)
    truth = cells.average(data.decoder)
    ended = ascend(EStep(nodes, cells), truth, data.noise_variance, fit_noise="shared", most=_MOST)
    variance = float(ended.noise_variance[0])
    model = decoder_on_cells(cells, ended.f, ended.noise_variance, "spiral_dots, σ² free")
    found = decompose(model, data, tolerance=_TOLERANCE, residual_tolerance=_REFIT_TOLERANCE)
    refit = mean_of(found.residual_variance)
    at_truth = decompose(data, tolerance=_TOLERANCE).excess
    margins = (
        Estimate(_REACHED, 0.0) - found.excess,
        at_truth - found.excess,
        Estimate(_TRUE, 0.0) - refit,
        Estimate(_TRUE - variance, 0.0),
    )
    verdict = Verdict.HOLDS
    for margin in margins:
        verdict = verdict & positive(margin)
    evidence(
        Evidence(
            claim="C15",
            where="4.2, Spiral Dots",
            statement="a decoder exists with σ² and its own refit below the true σ² and with a J "
            f"below {_REACHED}, far below the ground truth's",
            kind="exists",
            measured={
                "J": found.excess,
                "MLEO": found.mleo,
                "PMO": found.pmo,
                "σ²": variance,
                "its own refit": refit,
                "J of the ground truth": at_truth,
                "true σ²": _TRUE,
            },
            predicted="below",
            margin=min(margins[:2], key=lambda margin: margin.lower),
            verdict=claim_verdict(verdict),
            witness=f"the ascent from the ground truth, {_CELLS} cells, {_MOST} E-steps",
            over="one decoder: no optimum is claimed",
        )
    )
    assert verdict is Verdict.HOLDS


@pytest.fixture(scope="module")
def curve() -> NoiseCurve:
    return noise_curve(benchmark("spiral_dots"), _GRID, SearchSettings(effort=_EFFORT, seed=0))


@pytest.mark.slow
def test_where_the_curve_is_lowest(
    curve: NoiseCurve, evidence: Callable[[Evidence], Evidence]
) -> None:
    below = [p for p in curve.points if p.noise_variance < _TRUE]
    above = [p for p in curve.points if p.noise_variance >= _TRUE]
    low, high = (min((p.excess for p in part), key=lambda e: e.upper) for part in (below, above))
    margin = Estimate(high.value - low.value, high.error + low.error + curve.left_open)
    verdict = positive(margin)
    measured = {
        **{f"J found, σ² = {p.noise_variance:g}": p.excess for p in curve.points},
        **{f"refit there, σ² = {p.noise_variance:g}": p.refit for p in curve.points},
        **{f"no J below, σ² = {p.noise_variance:g}": p.floor for p in curve.points if p.floor},
        "left open by the searches": curve.left_open,
        "σ² within that of the lowest": ", ".join(f"{v:g}" for v in curve.candidates),
    }
    over = (
        "two searches at each of eight σ², 480 cells; every J is exact for its decoder and an "
        "upper bound on J*(σ²)"
    )
    evidence(
        Evidence(
            claim="C15",
            where="4.2, Spiral Dots",
            statement="the lowest J found over f, q and σ² has a σ² below the true one, by more "
            "than the searches leave open",
            kind="one-sided",
            measured=measured,
            predicted="below 0.01",
            margin=margin,
            verdict=claim_verdict(verdict if verdict is Verdict.HOLDS else Verdict.INCONCLUSIVE),
            over=over,
        )
    )
    refuted = verdict is Verdict.HOLDS
    evidence(
        Evidence(
            claim="C15",
            where="4.2, Spiral Dots",
            statement="read as a statement on the ELBO with the optimal q: at its optimum σ² is "
            "over-estimated",
            kind="one-sided",
            measured={"lowest J, σ² below the true one": low, "σ² of 0.01 or more": high},
            predicted="above 0.01",
            margin=margin.scaled(-1.0),
            verdict=ClaimVerdict.REFUTED if refuted else ClaimVerdict.INCONCLUSIVE,
            witness=f"the decoder found at σ² = {curve.lowest.noise_variance:g}",
            over=over,
            notes="Over the decoders found, not by proof. Of networks the claim is judged by "
            "itself: what they over-estimate is then the encoder's doing.",
        )
    )
    assert refuted


@pytest.mark.slow
def test_what_is_proved_of_every_optimum(
    curve: NoiseCurve, evidence: Callable[[Evidence], Evidence]
) -> None:
    largest = curve.excluded_from
    low, high = curve.refit_range(_TRUE)
    proved = math.isfinite(largest) and math.isfinite(high) and low > 0.0
    evidence(
        Evidence(
            claim="C15",
            where="4.2, Spiral Dots",
            statement="bounds on σ² at every optimum of the ELBO with the optimal q",
            kind="one-sided",
            measured={
                "least J known": curve.least,
                "no joint optimum has a σ² of or above": largest,
                "refit at an optimum with σ² held, at least": low,
                "refit at an optimum with σ² held, at most": high,
                "the paper's joint σ²": _JOINT,
                "the paper's refit": _REFIT,
            },
            predicted="finite",
            margin=None,
            verdict=ClaimVerdict.VERIFIED if proved else ClaimVerdict.INCONCLUSIVE,
            over="every decoder with one σ², any K, at which the infimum is attained",
            notes="By the dual bound on the likelihood and the concavity of J* + (D/2) log 1/σ² in "
            "1/σ². What lies between the bounds is not excluded.",
        )
    )
    assert proved
    for point in curve.points:
        assert point.floor <= point.excess.upper
        assert np.isfinite(point.excess.error)
