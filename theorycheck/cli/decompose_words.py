"""Says in words what the figures of ``theorycheck decompose`` mean."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from theorycheck.objectives import Decomposition

_MEANINGS = {
    "entropy": "entropy H of the data",
    "mleo": "MLEO = KL[p ‖ p_f]",
    "pmo": "PMO = E KL[q* ‖ p_f(z|x)]",
    "excess": "J = MLEO + PMO",
    "negative_elbo": "−ELBO = H + J",
}


def figures(result: Decomposition) -> list[tuple[str, str]]:
    """Return the lines of the table; what is unknown of a given sample says so.

    Parameters
    ----------
    result : Decomposition

    Returns
    -------
    list of (str, str)
        A label, and the figure with its radius.
    """
    given = result.given
    if given is None:
        return [(text, str(getattr(result, name))) for name, text in _MEANINGS.items()]
    lines = [
        ("mean log p_f(x) of this sample", str(given.log_density)),
        ("−ELBO of this sample = −log p_f + PMO", str(given.negative_elbo)),
        ("PMO of this sample = mean KL[q* ‖ p_f(z|x)]", str(result.pmo)),
    ]
    for name in ("entropy", "mleo", "excess"):
        value = (
            str(getattr(result, name)) if given.truth_known else "unknown: --data names no truth"
        )
        lines.append((f"{_MEANINGS[name]}, of the population", value))
    return lines


def in_words(result: Decomposition, tolerance: float, *, asked: bool) -> str:
    """Say what the figures mean.

    Parameters
    ----------
    result : Decomposition
    tolerance : float
        Error radius of the PMO, nats, that was worked for.
    asked : bool
        True if the user named it.

    Returns
    -------
    str
    """
    if not math.isfinite(result.negative_elbo.error):
        return f"Unresolved: no radius of −ELBO can be given. {_rough(result)}"
    words = _of_sample(result) if result.given is not None else _of_population(result)
    if result.converged:
        return words
    missed = f"is known to {result.pmo.error:.1e} nats only"
    if asked:
        words += f" Unresolved: a --tolerance of {tolerance:g} was asked for, and the PMO {missed}."
    else:
        words += f" The PMO {missed}; the default aims at {tolerance:g}."
    if not result.resolved and result.unresolved_mass > 0.0:
        return f"{words} {_rough(result)}"
    return (
        f"{words} The radii hold all the same. A larger --tolerance, more --max-nodes, or declared "
        "--breakpoints may settle it."
    )


def _rough(result: Decomposition) -> str:
    return (
        "f may be too steep or too rough for these nodes: a prior mass of "
        f"{result.unresolved_mass:.1e} is not resolved against σ. Declaring its kinks and jumps "
        "(--breakpoints) may help."
    )


def _of_population(result: Decomposition) -> str:
    words = (
        f"At the best mean-field q the ELBO is {result.excess} nats below the best that any model "
        "can reach on these data"
    )
    if result.data is result.model:
        return (
            words + ", all of it the KL from q to the posterior: the ELBO prefers another decoder "
            "whose J is smaller."
        )
    return (
        words + f": {result.mleo} in p(x) (MLEO), {result.pmo} between q and the posterior (PMO)."
    )


def _of_sample(result: Decomposition) -> str:
    """Say what holds of the table itself, and what of the population it was drawn from."""
    given = result.given
    assert given is not None
    words = (
        f"Of this sample: log p_f is {given.log_density} nats an x on average, of which the best "
        f"mean-field q gives the ELBO all but {result.pmo}.\n"
    )
    if given.size > 1:
        words += (
            "Of the population, if these are independent draws from it (five standard errors): "
            f"log p_f {given.population_log_density}, −ELBO {given.population_negative_elbo}, "
            f"PMO {given.population_pmo}."
        )
    else:
        words += "Of a population one x says nothing."
    if not given.truth_known:
        words += (
            "\nHow far log p_f is below the best that any model can reach (MLEO) cannot be known "
            "from a sample: --data MODEL gives the ground truth where it is known."
        )
    return words
