"""What networks of several seeds say together, and when they say nothing about an objective."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from theorycheck.estimate import Estimate, Verdict, positive


def unanimous(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the verdict that all seeds give, INCONCLUSIVE where they differ.

    A statement about what training does is not verified by some of the seeds, and not refuted by
    some of them either.

    Parameters
    ----------
    verdicts : iterable of Verdict
        One for each seed.

    Returns
    -------
    Verdict

    Raises
    ------
    ValueError
        If there is no seed.
    """
    different = set(verdicts)
    if not different:
        raise ValueError("no seed, no verdict")
    return different.pop() if len(different) == 1 else Verdict.INCONCLUSIVE


def all_below(lower: Sequence[Estimate], upper: Sequence[Estimate]) -> tuple[Verdict, Estimate]:
    """Judge whether a figure of one method lies below that of another, whatever the seeds.

    Of two methods with the same law, three seeds each, every pair has the same order in one of ten
    cases, and a given order in one of twenty.

    Parameters
    ----------
    lower, upper : sequence of Estimate
        One for each seed of either method.

    Returns
    -------
    verdict : Verdict
        HOLDS where every one of `lower` is below every one of `upper`, FAILS where every one is
        above, each beyond the radii; INCONCLUSIVE where they overlap.
    margin : Estimate
        The smallest difference.
    """
    pairs = [high - low for low in lower for high in upper]
    verdict = unanimous(positive(pair) for pair in pairs)
    return verdict, min(pairs, key=lambda pair: pair.lower)


def agreed(networks: Verdict, optimum: Verdict) -> Verdict:
    """Return the verdict that networks and the optimum of their objective give, if they agree.

    Where the optimum does what the networks do not, or the reverse, the networks' end is due to
    their training and says nothing about the objective.

    Parameters
    ----------
    networks, optimum : Verdict

    Returns
    -------
    Verdict
    """
    return unanimous([networks, optimum])
