"""Options of the verbs that train networks, and what they say as settings."""

from __future__ import annotations

import importlib
from typing import Annotated, Any

import typer

from theorycheck.errors import MissingExtraError, SettingError

Method = Annotated[
    str,
    typer.Option(
        "--method",
        metavar="M",
        help="Train by vae (the ELBO), iwae (the IWAE bound) or lin (the ELBO by lagging "
        "inference networks).",
        show_default=False,
    ),
]
Samples = Annotated[
    int | None,
    typer.Option(
        "--samples",
        metavar="S",
        help="Draw S latents for each data point; by default 20 for iwae, else 1.",
    ),
]
Estimator = Annotated[
    str | None,
    typer.Option(
        "--estimator",
        metavar="E",
        help="Estimate the gradient of iwae by reparametrised (the default), dreg (doubly "
        "reparametrised) or rws (reweighted wake-sleep).",
    ),
]
Restarts = Annotated[
    int,
    typer.Option(
        "--restarts",
        metavar="N",
        help="Train N networks at once, as one batch, or N of each split of a table.",
    ),
]
NetworkLatents = Annotated[
    int,
    typer.Option(
        "--network-latents",
        metavar="K",
        help="Give the networks K latents, 1, 2 or 3, however many f of MODEL has.",
    ),
]
FromTruth = Annotated[
    int | None,
    typer.Option(
        "--from-truth",
        metavar="N",
        help="Start N of the restarts at the ground truth, the others at random; by default half, "
        "or none where the networks have fewer latents than it.",
    ),
]
Steps = Annotated[
    int | None,
    typer.Option(
        "--steps",
        metavar="N",
        help="Take N steps of the decoder; by default 20000 for vae, 6000 for iwae, 12000 for lin, "
        "and 1500 on a table.",
    ),
]
Batch = Annotated[
    int | None,
    typer.Option(
        "--batch",
        metavar="N",
        help="Take N data points a step; by default 128, for iwae 64.",
    ),
]
LearningRate = Annotated[
    float | None,
    typer.Option(
        "--learning-rate",
        metavar="R",
        help="Start Adam at this learning rate, which falls along half a cosine; by default 0.01.",
    ),
]
Hidden = Annotated[
    str | None,
    typer.Option(
        "--hidden",
        metavar="W,W,...",
        help="Set the widths of the hidden layers of encoder and decoder; by default 50,50,50, and "
        "30,30 on a table.",
    ),
]
Activation = Annotated[
    str | None,
    typer.Option(
        "--activation",
        metavar="A",
        help="Use gelu (the default), silu, tanh or softplus as activation.",
    ),
]
DecoderL2 = Annotated[
    float | None,
    typer.Option(
        "--decoder-l2",
        metavar="L",
        help="Add L times the sum of the squared decoder weights to the loss; by default 0.",
    ),
]
Clip = Annotated[
    float | None,
    typer.Option(
        "--clip",
        metavar="C",
        help="Clip the norm of each restart's gradient at C; by default 10.",
    ),
]
DataSize = Annotated[
    int | None,
    typer.Option(
        "--data-size",
        metavar="N",
        help="Train on a fixed sample of N draws; by default on fresh draws at each step.",
    ),
]
Device = Annotated[
    str,
    typer.Option(
        "--device", metavar="D", help="Train on cpu or cuda; auto takes cuda where it is there."
    ),
]


def need_torch(purpose: str) -> Any:
    """Return PyTorch, or say which extra brings it."""
    try:
        return importlib.import_module("torch")
    except ImportError as error:
        raise MissingExtraError("torch", "neural", purpose) from error


def widths(text: str | None) -> tuple[int, ...] | None:
    """Read --hidden.

    Raises
    ------
    SettingError
        If it is no list of whole numbers.
    """
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise SettingError(f"--hidden: '{text}' is not a list of widths like 50,50,50") from None
