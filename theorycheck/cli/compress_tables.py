"""Prints what ``theorycheck compress`` found: the optima by K, and what more latents change."""

from __future__ import annotations

from theorycheck.cli.render import console, estimate_text, say, table
from theorycheck.downstream import Compression, MoreLatents, WithLatents
from theorycheck.estimate import Estimate


def show(found: Compression) -> None:
    """Print the table and what it says.

    Parameters
    ----------
    found : Compression
    """
    out = console()
    rows = [*found.rows, *found.given]
    columns = ("nats", *(one.name for one in rows))
    lines = [
        _line("J = MLEO + PMO", [one.decomposition.excess for one in rows]),
        _line("MLEO = KL[p ‖ p_f]", [one.decomposition.mleo for one in rows]),
        _line("PMO = E KL[q* ‖ p_f(z|x)]", [one.decomposition.pmo for one in rows]),
        ("σ²", *(_variance(one) for one in rows)),
        ("latents in use", *(f"{one.active} of {one.latents}" for one in rows)),
        ("I_q(x; z_k) of each", *(_each(one) for one in rows)),
        _line("I_q, mean over k", [one.information.mean for one in rows]),
        _line("I_q(x; z) of all", [one.information.joint for one in rows]),
        _line("I_p, mean over k", [one.information.posterior_mean for one in rows]),
        _line("I_p(x; z) of all", [one.information.posterior_joint for one in rows]),
    ]
    out.print(table(f"{found.data}: more latents", columns, lines))
    for step in found.steps:
        for line in in_words(step):
            say(out, line)
    say(out, "Optima are the best decoders that a search found: their J are upper bounds.")


def in_words(step: MoreLatents) -> list[str]:
    """Say what more latents change.

    Parameters
    ----------
    step : MoreLatents

    Returns
    -------
    list of str
        Sentences.
    """
    fewer, more, share = step.fewer.latents, step.more.latents, f"{100.0 * step.least_fall:g} %"
    posterior = step.posterior_less_informative
    lines = [
        f"From K = {fewer} to {more} J falls by {estimate_text(step.gain)} nats; by {share} or "
        f"more: {step.preferred}.",
        f"Posteriors are simpler, the PMO lower by {share}: {step.simpler}.",
        f"Each latent says less of x, the mean of I_q lower by {share}: {step.less_informative}"
        + ("" if posterior is None else f"; of I_p: {posterior}")
        + f". All of them together say less: {step.less_in_all}.",
    ]
    if step.more.active < more:
        in_use = "1 latent is" if step.more.active == 1 else f"{step.more.active} latents are"
        lines.append(
            f"With K = {more} only {in_use} in use: the mean over latents "
            "falls for that reason alone."
        )
    return lines


def _line(name: str, values: list[Estimate] | list[Estimate | None]) -> tuple[str, ...]:
    return (name, *("unknown" if one is None else estimate_text(one) for one in values))


def _variance(one: WithLatents) -> str:
    return ", ".join(f"{value:.5g}" for value in one.decomposition.model.noise_variance)


def _each(one: WithLatents) -> str:
    return ", ".join(f"{use.informativeness.value:.4g}" for use in one.information.latents)
