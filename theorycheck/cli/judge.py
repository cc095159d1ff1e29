"""``theorycheck judge``: a network trained anywhere, before the exact engine."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from theorycheck.cli.options import (
    AsJson,
    DataNoiseVariance,
    Model,
    ModelOptions,
    NoiseVariance,
    Vectorize,
    checked_tolerance,
)
from theorycheck.cli.train import in_words, need_torch
from theorycheck.errors import LoadingError, SettingError

if TYPE_CHECKING:
    from neural.amortisation import Encoder


def judge(
    model: Model,
    data: Annotated[
        str,
        typer.Option("--data", metavar="MODEL", help="The ground truth.", show_default=False),
    ],
    encoder: Annotated[
        str | None,
        typer.Option(
            "--encoder",
            metavar="FILE.py:NAME",
            help="Its encoder, a torch module that maps x to (μ, log s); a .pt file has its own.",
        ),
    ] = None,
    tolerance: Annotated[
        float, typer.Option("--tolerance", metavar="T", help="Error radius of the PMO, nats.")
    ] = 1e-4,
    seed: Annotated[int, typer.Option("--seed", metavar="K", help="Of the draws.")] = 0,
    noise_variance: NoiseVariance = None,
    data_noise_variance: DataNoiseVariance = None,
    vectorize: Vectorize = False,
    as_json: AsJson = False,
) -> None:
    """Run the verb."""
    checked_tolerance(tolerance)
    if seed < 0:
        raise SettingError(f"the seed must be >= 0, not {seed}")
    need_torch("judge")
    from theorycheck.cli.progress import terminal_progress
    from theorycheck.cli.render import print_json, stdout_kept_for_result

    options = ModelOptions(noise_variance, vectorize)
    with stdout_kept_for_result():
        truth = ModelOptions(data_noise_variance, vectorize).load(data)
        trained = options.load_other(model, noise_variance, "--noise-variance", truth)
        own = _encoder(model, encoder)
        from neural.judging import judge as run

        result = run(
            trained, truth, own, tolerance=tolerance, seed=seed, progress=terminal_progress()
        )
    if as_json:
        print_json(result.to_dict())
    else:
        _show(result.to_dict())


def _encoder(model: str, given: str | None) -> Encoder | None:
    """Find the encoder: the one given, else that of a file that train wrote."""
    from neural.amortisation import encoder_of_module

    if given is not None:
        return encoder_of_module(_module(given))
    if Path(model).suffix.lower() in (".pt", ".pth"):
        from neural.checkpoints import read_networks

        return encoder_of_module(read_networks(model).encoder)
    return None


def _module(spec: str) -> Any:
    """Load a torch module out of a user's Python file."""
    import torch

    from theorycheck.models.loading import object_in_file

    path, colon, name = spec.rpartition(":")
    if not colon or not path.lower().endswith(".py"):
        raise LoadingError(f"--encoder: '{spec}' is not of the form file.py:name")
    found = object_in_file(Path(path), name)
    if not isinstance(found, torch.nn.Module):
        raise LoadingError(f"--encoder: '{name}' is no torch module but {type(found).__name__}")
    return found.to(device="cpu", dtype=torch.float64).eval()


def _show(judged: dict[str, Any]) -> None:
    from theorycheck.cli.render import console, say, table
    from theorycheck.estimate import Estimate

    meanings = {
        "excess": "J = MLEO + PMO",
        "mleo": "MLEO = KL[p ‖ p_f]",
        "pmo": "PMO = E KL[q* ‖ p_f(z|x)]",
        "negative_elbo": "−ELBO with its own encoder",
        "amortisation_gap": "of which for want of a better encoder",
    }
    rows = [
        (text, str(Estimate(judged[name]["value"], judged[name]["error"])))
        for name, text in meanings.items()
        if judged[name] is not None
    ]
    variance = judged["noise_variance"]
    words = ", ".join(f"{value:g}" for value in variance if math.isfinite(value))
    out = console()
    title = f"{judged['model']}, σ² = {words}, on the data of {judged['data']}"
    out.print(table(title, ("", "nats"), rows))
    for line in in_words(judged):
        say(out, line)
