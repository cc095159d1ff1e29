"""Runs ``theorycheck judge``: a network trained anywhere, evaluated exactly."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from theorycheck.cli.decoder_files import checked_output
from theorycheck.cli.known_optima import (
    NoCache,
    OptimumFiles,
    checked_optimum_files,
    chosen_execution,
)
from theorycheck.cli.options import (
    AsJson,
    DataNoiseVariance,
    Model,
    ModelOptions,
    NoiseVariance,
    Resolution,
    Vectorize,
    checked_tolerance,
)
from theorycheck.cli.result_files import ResultFile
from theorycheck.cli.search_options import (
    Jobs,
    SearchName,
    Seed,
    checked_search,
    checked_search_name,
    searched_optima,
)
from theorycheck.cli.training_options import need_torch
from theorycheck.errors import LoadingError, SettingError

if TYPE_CHECKING:
    from theorycheck.evaluation import Encoder
    from theorycheck.models import SavedNetworks
    from theorycheck.objectives import Objective


def judge(
    model: Model,
    data: Annotated[
        str,
        typer.Option(
            "--data",
            metavar="MODEL",
            help="Take p(x) from this model, the ground truth.",
            show_default=False,
        ),
    ],
    encoder: Annotated[
        str | None,
        typer.Option(
            "--encoder",
            metavar="FILE.py:NAME",
            help="Evaluate this encoder too, a torch module that maps x (n, D) to (μ, log s); a "
            "checkpoint of train contains one.",
        ),
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option(
            "--samples",
            metavar="S",
            help="Compare by the IWAE bound of S samples; by default by the objective that a "
            "checkpoint of train was trained on, else by the ELBO.",
        ),
    ] = None,
    search: SearchName = "quick",
    jobs: Jobs = None,
    optimum: OptimumFiles = None,
    no_cache: NoCache = False,
    tolerance: Annotated[
        float,
        typer.Option("--tolerance", metavar="T", help="Aim at this error radius of the PMO, nats."),
    ] = 1e-4,
    seed: Seed = 0,
    noise_variance: NoiseVariance = None,
    data_noise_variance: DataNoiseVariance = None,
    vectorize: Vectorize = False,
    resolution: Resolution = None,
    output: ResultFile = None,
    as_json: AsJson = False,
) -> None:
    """Run the verb."""
    checked_tolerance(tolerance)
    if output is not None:
        checked_output(output)
    checked_search_name(search)
    checked_search("quick", seed, jobs)
    files = checked_optimum_files(optimum, search)
    if samples is not None and samples < 1:
        raise SettingError(f"--samples must be at least 1, not {samples}")
    need_torch("judge")
    from theorycheck.cli.render import print_json, stdout_kept_for_result
    from theorycheck.terminal_progress import terminal_progress

    options = ModelOptions(noise_variance, vectorize, resolution=resolution)
    with stdout_kept_for_result():
        truth = ModelOptions(data_noise_variance, vectorize, resolution=resolution).load(data)
        trained = options.load_other(model, noise_variance, "--noise-variance", truth)
        saved = _saved(model)
        own = _encoder(saved, encoder)
        objective = _objective(saved, samples)
        from theorycheck.evaluation import Comparison, own_evaluation
        from theorycheck.evaluation import judge as run

        progress = terminal_progress()
        execution = chosen_execution(
            progress, jobs=jobs, no_cache=no_cache, files=files, models=[truth]
        )
        result = run(trained, truth, own, tolerance=tolerance, seed=seed, progress=progress)
        predicted = searched_optima(search, trained, truth, objective, seed, execution)
        comparison = Comparison(result, own_evaluation(result, predicted, progress), predicted)
    if output is not None:
        comparison.save(output)
    if as_json:
        print_json(result.to_dict() | comparison.to_dict(), "judge")
    else:
        from theorycheck.cli.train_tables import show_judged

        show_judged(comparison, data)


def _saved(model: str) -> SavedNetworks | None:
    """Read what train wrote, if MODEL is such a file."""
    if Path(model).suffix.lower() not in (".pt", ".pth"):
        return None
    from neural import read_networks

    return read_networks(model)


def _objective(saved: SavedNetworks | None, samples: int | None) -> Objective:
    """Return what --samples says, else what a saved network was trained on, else the ELBO."""
    from theorycheck.objectives import ELBO, objective_of

    if samples is not None:
        return objective_of(samples)
    settings = (saved.training or {}).get("settings", {}) if saved is not None else {}
    return objective_of(settings["samples"]) if settings.get("method") == "iwae" else ELBO


def _encoder(saved: SavedNetworks | None, given: str | None) -> Encoder | None:
    """Find the encoder: the one given, else that of a file that train wrote."""
    from neural import encoder_of_module

    if given is not None:
        return encoder_of_module(_module(given))
    return None if saved is None else encoder_of_module(saved.encoder)


def _module(spec: str) -> Any:
    """Load a torch module out of a user's Python file."""
    import torch

    from theorycheck.models import object_in_file

    path, colon, name = spec.rpartition(":")
    if not colon or not path.lower().endswith(".py"):
        raise LoadingError(f"--encoder: '{spec}' is not of the form file.py:name")
    found = object_in_file(Path(path), name)
    if not isinstance(found, torch.nn.Module):
        raise LoadingError(f"--encoder: '{name}' is no torch module but {type(found).__name__}")
    return found.to(device="cpu", dtype=torch.float64).eval()
