"""C18: with more latents the ELBO is larger, a latent says less of x, and posteriors are simpler.

Setting: the data of figure8 and of clusters, D = 2, σ² held at the truth's; the decoders of K = 1
and of K = 2 latents that minimise −ELBO over all f, by the quick search, seed 0 (--thorough: it
takes tens of minutes). Data with D > 3, and optima with σ² fitted, are not looked at yet.
Statement: section 5.1 of the paper: the ELBO favours models with more latents than the data need,
since posteriors are then simpler; each latent is then less informative of x.
Kind: one-sided.
Reference: section 5.1; Burda et al. 2016 for latents in use.
Measured: for each K J, MLEO and PMO, I_q(x; z_k) of every latent under the best q, its mean over k,
I_q(x; z) of all together, the same of the true posterior, and how many latents are in use.
Verdict rule: three parts, each with a verdict of its own for each of the two data sets. With K = 2
against K = 1
(a) J falls by 10 % of itself or more;
(b) the mean over k of I_q(x; z_k) falls by 10 % or more;
(c) the PMO falls by 10 % or more.
A part is verified on a data set if the fall is at least so large beyond the radii, refuted if it is
smaller beyond the radii, else inconclusive. J of an optimum is that of the best decoder found, an
upper bound: a larger fall is possible for (a) only if K = 1 was found well. That J never rises with
K is no evidence, since an unused latent costs nothing; nor is (b) evidence that a latent says less
where one is not in use, which is said beside the verdict: the mean over two of which one is unused
falls by half. (b) of the true posterior and of all latents together stand beside it.
Known before this rule was written: J of the optima with K = 1 (figure8 0.0741, clusters in C12's
note); no optimum with K = 2 of either data set.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from theorycheck.claims import Evidence, claim_verdict
from theorycheck.downstream import LEAST_FALL, Compression, MoreLatents, WithLatents, compress
from theorycheck.estimate import Estimate
from theorycheck.models import GenerativeModel, benchmark
from theorycheck.optimum import Execution, SearchSettings
from theorycheck.results import ResultCache
from theorycheck.ruling import Ruling

_LATENTS = (1, 2)


def _found(data: GenerativeModel, jobs: int, settings: SearchSettings) -> Compression:
    execution = Execution(jobs=jobs, cache=ResultCache.of_user())
    return compress(data, _LATENTS, settings, execution=execution)


def _measured(one: WithLatents) -> dict[str, Estimate | float]:
    k, parts, information = one.latents, one.decomposition, one.information
    return {
        f"K = {k}, J": parts.excess,
        f"K = {k}, MLEO": parts.mleo,
        f"K = {k}, PMO": parts.pmo,
        f"K = {k}, σ²": float(parts.model.noise_variance[0]),
        f"K = {k}, latents in use": float(one.active),
        f"K = {k}, mean over k of I_q(x; z_k)": information.mean,
        f"K = {k}, I_q(x; z) of all": information.joint,
        **(
            {}
            if information.posterior_mean is None
            else {f"K = {k}, mean over k of I_p(x; z_k)": information.posterior_mean}
        ),
    }


def _parts(step: MoreLatents) -> dict[str, tuple[Ruling, Estimate]]:
    fewer, more = step.fewer, step.more
    before, after = fewer.decomposition, more.decomposition
    return {
        "(a) J falls": (step.preferred, before.excess - after.excess),
        "(b) the mean informativeness of a latent falls": (
            step.less_informative,
            fewer.information.mean - more.information.mean,
        ),
        "(c) posteriors are simpler, the PMO falls": (step.simpler, before.pmo - after.pmo),
    }


def _notes(step: MoreLatents) -> str:
    unused = step.more.latents - step.more.active
    posterior = step.posterior_less_informative
    return (
        "Optima are the best decoders that a search found: their J are upper bounds. Of the true "
        f"posterior's mean informativeness the verdict would be: {posterior}; of all latents "
        f"together under q: {step.less_in_all}."
        + (f" {unused} of the latents is not in use: the mean falls for that alone." * bool(unused))
    )


def _record(
    evidence: Callable[[Evidence], Evidence], found: Compression, over: str
) -> dict[str, Evidence]:
    (step,) = found.steps
    recorded = {}
    for name, (ruling, fall) in _parts(step).items():
        recorded[name] = evidence(
            Evidence(
                claim="C18",
                where="5.1",
                statement=f"{found.data}, optimum of the ELBO, from K = 1 to K = 2: {name} by "
                f"{LEAST_FALL:.0%} or more",
                kind="one-sided",
                measured={**_measured(step.fewer), **_measured(step.more), "fall": fall},
                predicted=f"a fall of {LEAST_FALL:.0%} at least",
                margin=fall,
                verdict=claim_verdict(ruling.verdict),
                over=over,
                notes=_notes(step),
            )
        )
    return recorded


@pytest.mark.slow
@pytest.mark.parametrize("name", ["figure8", "clusters"])
def test_two_latents_in_place_of_one(
    name: str, jobs: int, evidence: Callable[[Evidence], Evidence]
) -> None:
    found = _found(benchmark(name), jobs, SearchSettings())
    _record(evidence, found, "σ² held at the truth's; quick search, seed 0")
