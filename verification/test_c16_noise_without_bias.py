"""C16: an objective with mean-field Gaussian q estimates σ² and f without the ELBO's bias.

Setting: figure8, true σ² = 0.02 in both dimensions; q a Gaussian that is never the posterior.
Statement: the remark in section 4.1 of the paper: objectives exist whose q is mean-field Gaussian
and whose θ and σ² are unbiased (Finke & Thiery 2019). Ours is the IWAE bound for large S: with q
the best Gaussian for every x, L_S tends to log p(x) whatever the posterior is, so that what it
prefers in θ and σ² tends to what the likelihood prefers. Its gradient in θ, E Σ w̄ ∇ log p_θ(x, z)
with self-normalised weights w̄, is that of reweighted wake-sleep's wake phase.
Kind: ∃; such an objective is the witness. Networks are judged in the other file of C16.
Reference: section 4.1, Theorem 2; docs/theory.md; Burda et al. 2016.
Measured, without any network:
(a) at the true f, the σ² that minimises J_S = MLEO + E_p[log p_f − L_S], from three values of σ²,
    5 % apart; S = 1 is the ELBO.
(b) the M-step with self-normalised weights, iterated exactly: f(z) = E_p Σ r x / E_p Σ r and
    σ_d² = E_p Σ r (x_d − f_d)², r the expected weight that S draws from q give to z, by quadrature
    in place of draws; q the Gaussian of largest L_S for every x; f and each σ_d² free. From the
    true f with σ² at twice and at half the true one, for S = 1, 10, 100, 1,000, 10,000, on 240
    cells, data nodes 0.7 σ apart, until L_S stands still to 1e-7 nats or 1,000 steps are done. MLEO
    of the end is evaluated exactly on data nodes of its own.
Radius of (b): half the difference of the two starts' ends, and 1e-3 relative for cells and nodes
(f varies within cells by 2e-6 σ²; halving the cells was not run). An ascent that was cut off is
bracketed by that of the other start.
Verdict: (a) that at S = 1 J is lower at a σ² 5 % from the true one on one side, which is the bias,
and that at S = 1,000 it is higher on both. (b) verified if at the largest S each |σ_d²/true − 1|
is below 1 % and MLEO below 1e-3, radii included, the largest bias of σ_d² and MLEO both fall from
each S to the next, and at S = 1 some bias exceeds 1 %; else inconclusive. “Without bias” in the
strict sense is a limit, S → ∞, where r is the posterior and the truth is a fixed point
(docs/proofs, theorem2_unbiased).
Changed after the first run: it ended at S = 1,000 and 200 steps, and said refuted where a bound was
exceeded. Under that rule (b) was refuted: σ_d² 1.5 % off at S = 1,000 (0.985 and 1.015), with the
bias at 40, 20, 9 and 1.5 % as S grew. But a witness that falls short refutes no statement of
existence, and the next S is another witness. This rule was written down before S = 10,000 was run.
Found by it: from S = 1,000 on MLEO is below 5e-5, but the two starts end at σ₁² that are 12 to 21 %
apart. A free f can take over what σ² gives up at a cost in p(x) of 5e-5 nats at most, so that the
likelihood itself hardly tells them apart, and no objective that tends to it can.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import NamedTuple

import pytest

from theorycheck.claims import Evidence, claim_verdict
from theorycheck.estimate import Estimate, Verdict, positive
from theorycheck.models import GenerativeModel, benchmark
from theorycheck.objectives import decompose, iwae_objective, objective_of
from theorycheck.optimum import ascend, data_nodes, decoder_on_cells, make_e_step
from theorycheck.quadrature import adapted_cells, latent_cells

_NAME = "figure8"
#: Relative distance of the three σ² from each other, and grid step in σ: kinks of L_S where its q
#: jumps are what is left of the radius.
_APART, _STEP = 0.05, 1.0 / 3.0
_MANY = 1_000
#: Of the exact M-step: cells, spacing of the data nodes in σ, steps at most, and what cells and
#: nodes can move σ² by, relative.
_CELLS, _SPACING, _MOST, _RESOLUTION = 240, 0.7, 1_000, 1e-3
_SAMPLES = (1, 10, 100, _MANY, 10 * _MANY)
#: Largest relative bias of σ_d², and MLEO in nats, that count as none.
_NO_BIAS, _NO_MLEO = 0.01, 1e-3


@cache
def _objective(factor: float, samples: int) -> Estimate:
    """Return J_S at the true f and σ² times a factor, exactly."""
    data = benchmark(_NAME)
    model = GenerativeModel(data.decoder, data.noise_variance * factor)
    gap = iwae_objective(model, data, samples=samples, step=_STEP).gap
    return decompose(model, data).mleo + gap


def _minimum(samples: int) -> float:
    """Return the σ², relative to the true one, at which the parabola through three J is lowest."""
    low, middle, high = (_objective(1.0 + k * _APART, samples).value for k in (-1, 0, 1))
    return 1.0 + 0.5 * _APART * (low - high) / (low - 2.0 * middle + high)


@pytest.mark.slow
def test_the_bias_goes_away_with_the_number_of_samples(
    evidence: Callable[[Evidence], Evidence],
) -> None:
    sides = [
        {k: _objective(1.0 + k * _APART, s) - _objective(1.0, s) for k in (-1, 1)}
        for s in (1, _MANY)
    ]
    # Of the ELBO one side is below, of many samples both are above.
    biased = max((side.scaled(-1.0) for side in sides[0].values()), key=lambda side: side.lower)
    unbiased = min(sides[1].values(), key=lambda side: side.lower)
    verdict = positive(biased) & positive(unbiased)
    evidence(
        Evidence(
            claim="C16",
            where="4.1, remark",
            statement="figure8, at the true f: the ELBO prefers a σ² 5 % off to the true one, "
            "L_1000 with the best Gaussian q does not",
            kind="exists",
            measured={
                **{f"best σ² / true σ², S = {s}": _minimum(s) for s in (1, 20, _MANY)},
                "J at the better side − J at the true σ², S = 1": biased.scaled(-1.0),
                f"J at the better side − J at the true σ², S = {_MANY}": unbiased,
            },
            predicted="the ratio tends to 1",
            margin=unbiased,
            verdict=claim_verdict(verdict),
            witness=f"L_S, S = {_MANY}, with the Gaussian q that is best for every x",
            over="three values of σ² at the true f; the ratios are those of a parabola through "
            "them, without an error radius: for S = 1 an extrapolation",
        )
    )
    assert verdict is Verdict.HOLDS
    assert abs(_minimum(_MANY) - 1.0) < abs(_minimum(20) - 1.0) < abs(_minimum(1) - 1.0)


class _FixedPoint(NamedTuple):
    """σ_d² over the true one, MLEO and J where the M-step stands still."""

    ratio: tuple[Estimate, ...]
    mleo: Estimate
    excess: Estimate
    converged: bool

    @property
    def bias(self) -> float:
        return max(abs(r.value - 1.0) for r in self.ratio)


def _fixed_point(samples: int) -> _FixedPoint:
    data = benchmark(_NAME)
    nodes = data_nodes(data, _SPACING, tail=1e-6, shift=0.25)
    plain = latent_cells(8 * _CELLS)
    cells = adapted_cells(_CELLS, plain, plain.average(data.decoder), data.noise_variance)
    e_step, truth = make_e_step(nodes, cells, objective_of(samples)), cells.average(data.decoder)
    ends, results = [], []
    for factor in (2.0, 0.5):
        ended = ascend(e_step, truth, factor * data.noise_variance, fit_noise="each", most=_MOST)
        ends.append(ended)
        model = decoder_on_cells(cells, ended.f, ended.noise_variance, f"L_{samples}")
        results.append(decompose(model, data, tolerance=1e-4))
    ratios = [end.noise_variance / data.noise_variance for end in ends]
    first, second = ratios
    ratio = tuple(
        Estimate(0.5 * (a + b), 0.5 * abs(a - b) + _RESOLUTION)
        for a, b in zip(first.tolist(), second.tolist(), strict=True)
    )
    mleo = max((result.mleo for result in results), key=lambda e: e.upper)
    excess = max((result.excess for result in results), key=lambda e: e.upper)
    return _FixedPoint(ratio, mleo, excess, all(end.converged for end in ends))


@pytest.mark.slow
def test_the_exact_m_step_of_many_samples(evidence: Callable[[Evidence], Evidence]) -> None:
    ends = {samples: _fixed_point(samples) for samples in _SAMPLES}
    many = ends[_SAMPLES[-1]]
    margins = [
        Estimate(_NO_BIAS - abs(r.value - 1.0), r.error).scaled(1.0 / _NO_BIAS) for r in many.ratio
    ]
    margins.append((Estimate(_NO_MLEO, 0.0) - many.mleo).scaled(1.0 / _NO_MLEO))
    verdict = Verdict.HOLDS
    for margin in margins:
        verdict = verdict & positive(margin)
    pairs = list(pairwise(ends.values()))
    falls = all(b.bias < a.bias and b.mleo.value < a.mleo.value for a, b in pairs)
    if not (falls and ends[1].bias > _NO_BIAS) or verdict is Verdict.FAILS:
        # A witness that falls short refutes no statement of existence.
        verdict = Verdict.INCONCLUSIVE
    measured: dict[str, Estimate | float | str] = {}
    for samples, end in ends.items():
        for d, ratio in enumerate(end.ratio):
            measured[f"σ² / true, d = {d + 1}, S = {samples}"] = ratio
        measured[f"MLEO, S = {samples}"] = end.mleo
        measured[f"J, S = {samples}"] = end.excess
        measured[f"stood still, S = {samples}"] = "yes" if end.converged else "no"
    rates = [math.log(a.bias / b.bias) / math.log(10.0) for a, b in pairs]
    measured["powers of 1/S by which the bias falls"] = ", ".join(f"{rate:.2f}" for rate in rates)
    evidence(
        Evidence(
            claim="C16",
            where="4.1, remark",
            statement="figure8: the M-step with self-normalised weights of S draws from a Gaussian "
            "q, iterated exactly, ends at the true σ² in each dimension and at the true p(x) as S "
            "grows",
            kind="exists",
            measured=measured,
            predicted="σ²/true = 1 within 1 % and MLEO below 1e-3 at S = 10,000, falling with S",
            margin=min(margins, key=lambda m: m.lower),
            verdict=claim_verdict(verdict),
            witness="L_S with the Gaussian q that is best for every x",
            over="f on 240 cells from the true f, σ² from twice and half the true one",
            notes="The margin is relative to its threshold, the least of three. At S = 1 this is "
            "coordinate ascent on the ELBO: its σ² and MLEO are the bias. Under the first rule, "
            "which ended at S = 1,000 (1.5 % off) and took a witness that falls short for a "
            "refutation, the verdict was refuted.",
        )
    )
    # p(x) is learned, and the bias has gone as far as S = 100; which σ² it is learned with is open.
    assert verdict is Verdict.INCONCLUSIVE
    assert positive(margins[-1]) is Verdict.HOLDS
    assert ends[100].bias < ends[10].bias < ends[1].bias
