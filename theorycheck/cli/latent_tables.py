"""Prints tables of what each latent knows of x."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from theorycheck.objectives import Informativeness

#: Share of p(x) with two best q from which on the words say so.
_TIES = 1e-3


def show_informativeness(found: Informativeness) -> None:
    """Print what q and the posterior know of x through each latent, and what that means.

    Parameters
    ----------
    found : Informativeness
    """
    from theorycheck.cli.render import console, say, table

    out = console()
    unknown = "unknown"
    posterior = found.posterior or (None,) * len(found.latents)
    rows = [
        (
            f"z{k + 1}",
            str(one.informativeness),
            unknown if other is None else str(other),
            str(one.aggregate_kl),
            f"{one.mean_variance.value:.4g}",
        )
        for k, (one, other) in enumerate(zip(found.latents, posterior, strict=True))
    ]
    for words, q, p in (
        ("sum", found.total, found.posterior_total),
        ("mean", found.mean, found.posterior_mean),
        ("all together", found.joint, found.posterior_joint),
    ):
        rows.append((words, str(q), unknown if p is None else str(p), "", ""))
    heads = ("latent", "I_q(x; z_k)", "I_p(x; z_k)", "KL[q(z_k) ‖ p(z_k)]", "variance of μ_k")
    out.print(table("What the latents know of x, nats", heads, rows))
    say(out, in_words(found))


def in_words(found: Informativeness) -> str:
    """Say what the figures mean.

    Parameters
    ----------
    found : Informativeness

    Returns
    -------
    str
    """
    idle = [f"z{k + 1}" for k, one in enumerate(found.latents) if not one.active]
    words = (
        f"q uses {len(found.latents) - len(idle)} of {len(found.latents)} latents: their means "
        "vary by more than 0.01."
    )
    if idle:
        words += f" Not used: {', '.join(idle)}."
    if found.cap is not None:
        words += f" Of {found.size} x no figure can exceed log n = {found.cap:.4g} nats."
    if found.ambiguous > _TIES:
        words += (
            f" At {found.ambiguous:.1%} of p(x) a second q is as good, and another choice there "
            "gives other I_q."
        )
    return f"{words} By {found.method}."
