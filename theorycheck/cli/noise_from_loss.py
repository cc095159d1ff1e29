"""Runs ``theorycheck noise --from-loss``: the σ² that a squared-error loss implies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from theorycheck.errors import SettingError

if TYPE_CHECKING:
    from theorycheck.theorems import AssumedNoise

FromLoss = Annotated[
    str | None,
    typer.Option(
        "--from-loss",
        metavar="LOSS",
        help="Print only the σ² that a training loss implies, such as 'mse + 0.5*kl'. Terms: sse "
        "(summed over the D data dimensions, averaged over the batch), mse (averaged over both, "
        "torch's MSELoss), mse_sum (summed over both); kl (summed over latents, averaged over the "
        "batch), kl_sum, kl_mean.",
    ),
]
DataDim = Annotated[
    int | None,
    typer.Option(
        "--data-dim", metavar="D", help="Data dimension D of --from-loss; by default that of MODEL."
    ),
]
LatentDim = Annotated[
    int | None,
    typer.Option(
        "--latent-dim", metavar="K", help="Number of latents K of --from-loss; kl_mean needs it."
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        "--batch-size",
        metavar="B",
        help="Batch size B of --from-loss; needed where a term is summed over the batch.",
    ),
]
LossValue = Annotated[
    float | None,
    typer.Option(
        "--loss-value",
        metavar="V",
        help="Convert this value of the --from-loss loss to −ELBO, nats per x.",
    ),
]


def checked_loss_options(loss: str | None, **options: object) -> None:
    """Refuse the options of ``--from-loss`` where it is not given."""
    given = [f"--{name.replace('_', '-')}" for name, value in options.items() if value is not None]
    if loss is None and given:
        raise SettingError(f"{given[0]} is for --from-loss, which is not given")


def run_from_loss(
    loss: str,
    data_dim: int | None,
    latent_dim: int | None,
    batch_size: int | None,
    value: float | None,
    *,
    as_json: bool,
) -> None:
    """Work out what a loss assumes and print it; parameters as the options are called."""
    from theorycheck.theorems import noise_from_loss

    found = noise_from_loss(loss, data_dim=data_dim, latent_dim=latent_dim, batch_size=batch_size)
    show_loss_noise(found, value, as_json=as_json)


def show_loss_noise(found: AssumedNoise, value: float | None, *, as_json: bool) -> None:
    """Print what a loss assumes.

    Parameters
    ----------
    found : AssumedNoise
    value : float or None
        A value of the loss, to be converted to −ELBO.
    as_json : bool
    """
    from theorycheck.cli.render import console, print_json, say, table

    reached = None if value is None else found.negative_elbo(value)
    if as_json:
        extra = {} if reached is None else {"negative_elbo": reached.to_dict()}
        print_json(found.to_dict() | extra, "from_loss")
        return
    variance = found.noise_variance.value
    rows = [("σ² that it assumes", f"{variance:.10g}"), ("σ", f"{variance**0.5:.10g}")]
    each = found.per_dimension.value
    rows.append(("constant of −ELBO, ½ log 2πσ² for each dimension", f"{each:.10g} nats"))
    if found.constant is not None and found.own_floor is not None:
        rows.append(("constant, (D/2) log 2πσ²", f"{found.constant.value:.10g} nats"))
        rows.append(("entropy of the noise, (D/2) log 2πeσ²", f"{found.own_floor.value:.10g} nats"))
    if reached is not None:
        rows.append((f"−ELBO per x at a loss of {value:g}", f"{reached.value:.10g} nats"))
    out = console()
    out.print(table(f"loss = {found.loss}", ("", ""), rows))
    for line in in_words(found):
        say(out, line)


def in_words(found: AssumedNoise) -> list[str]:
    """Say how the loss and −ELBO belong together, and how far down either can go.

    Parameters
    ----------
    found : AssumedNoise

    Returns
    -------
    list of str
    """
    dimension = "D" if found.data_dim is None else str(found.data_dim)
    variance = f"{found.noise_variance.value:.6g}"
    divisor = f"({found.scale:.6g} B)" if found.summed else f"{found.scale:.6g}"
    sign = "negative" if found.per_dimension.value < 0.0 else "positive"
    return [
        f"−ELBO per x = loss/{divisor} + ({dimension}/2) log 2πσ², in nats: both have the "
        "same best decoder. Only the ratio of the two weights counts; β and σ² are one number.",
        f"The loss cannot go below 0, nor −ELBO at this σ² below its constant, which is {sign}: a "
        "negative −ELBO or −log p(x) is no error, since densities of continuous x exceed 1. On "
        "endless data no model's average −ELBO is below their entropy. With σ² learned there is no "
        "other floor: on a finite data set σ² → 0 drives −ELBO down without end.",
        f"To check a decoder under this loss: theorycheck decompose MODEL --noise-variance "
        f"{variance}",
    ]
