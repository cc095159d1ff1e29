"""What the report says in words: the badges of verdicts, and its first sentence on a model."""

from __future__ import annotations

from collections.abc import Mapping

from theorycheck.estimate import Verdict, positive
from theorycheck.report._examined import Examined

#: Words and sign on a badge, per question and verdict. Signs, since colours may not be seen.
VERDICT_WORDS: Mapping[str, Mapping[Verdict, str]] = {
    "plain": {
        Verdict.HOLDS: "✓ holds",
        Verdict.FAILS: "✗ fails",
        Verdict.INCONCLUSIVE: "? inconclusive",
    },
    "bias": {
        Verdict.HOLDS: "✗ biased",
        Verdict.FAILS: "✓ unbiased",
        Verdict.INCONCLUSIVE: "? inconclusive",
    },
    "minimum": {
        Verdict.HOLDS: "✓ yes",
        Verdict.FAILS: "✗ no",
        Verdict.INCONCLUSIVE: "? not decided",
    },
    "stationary": {
        Verdict.HOLDS: "✓ stationary",
        Verdict.FAILS: "✗ moves",
        Verdict.INCONCLUSIVE: "? inconclusive",
    },
    "simpler": {
        Verdict.HOLDS: "✓ simpler",
        Verdict.FAILS: "✗ not simpler",
        Verdict.INCONCLUSIVE: "? inconclusive",
    },
    "prefers": {
        Verdict.HOLDS: "✓ preferred",
        Verdict.FAILS: "✗ not preferred",
        Verdict.INCONCLUSIVE: "? inconclusive",
    },
}


def minimum_words(analysis: Examined) -> str:
    """Say first what a reader wants to know, whether the ELBO keeps the ground truth."""
    theorem1 = analysis.theorem1
    if not analysis.decomposition.resolved:
        return (
            "Unresolved: the error radius is too large for a conclusion. f is probably too steep "
            "or too rough for the quadrature at this noise variance."
        )
    if analysis.optimum is not None and positive(analysis.optimum.gain) is Verdict.HOLDS:
        found = analysis.optimum.predicted
        return (
            f"The ELBO prefers another decoder: J = {found.excess.value:.3g} nats against the "
            f"ground truth’s {analysis.decomposition.excess.value:.3g}. That decoder has another "
            f"p(x), MLEO = {found.mleo.value:.2g} nats, and posteriors nearer to Gaussians, PMO = "
            f"{found.pmo.value:.2g} instead of {analysis.decomposition.pmo.value:.3g}."
        )
    if theorem1.ground_truth_is_minimum is Verdict.FAILS:
        return (
            "The ground truth is not the optimum of the ELBO: there are decoders that it "
            "prefers, so training that does its job learns another one."
        )
    if theorem1.stationarity.verdict is Verdict.HOLDS:
        return (
            "The ground truth is stationary for the ELBO, and nothing better was found among "
            "what was looked at. That does not prove it the optimum."
        )
    return "Whether the ground truth is the optimum of the ELBO is not decided by these numbers."
