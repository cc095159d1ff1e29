"""Runs ``theorycheck judge``: a network trained anywhere, evaluated exactly."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from theorycheck.cli.decoder_files import checked_output
from theorycheck.cli.judge_sample import SampleRequest, called, is_sample
from theorycheck.cli.known_optima import (
    NoCache,
    OptimumFiles,
    checked_optimum_files,
    chosen_execution,
)
from theorycheck.cli.options import (
    AsJson,
    DataNoiseVariance,
    LatentsOption,
    Model,
    ModelOptions,
    NoiseVariance,
    Resolution,
    Vectorize,
    checked_tolerance,
)
from theorycheck.cli.result_files import ResultFile
from theorycheck.cli.search_options import (
    FitNoise,
    Jobs,
    NetworkSearch,
    Seed,
    checked_fit_noise,
    checked_search,
    checked_search_name,
    network_search,
    searched_optima,
)
from theorycheck.cli.training_options import need_torch
from theorycheck.errors import SettingError

if TYPE_CHECKING:
    from theorycheck.evaluation import Encoder
    from theorycheck.models import SavedNetworks
    from theorycheck.objectives import Objective


def judge(
    model: Model,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="MODEL",
            help="Take p(x) from this model, the ground truth; or name a table of x, an .npy file "
            "or an .npz file with an array x, as for --sample.",
            show_default=False,
        ),
    ] = None,
    sample: Annotated[
        Path | None,
        typer.Option(
            "--sample",
            metavar="FILE",
            help="Evaluate on this table of x, one x a row, where no ground truth is known: .csv, "
            ".txt, .npy, or .npz with an array x. MODEL may have more latents than one.",
        ),
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            "--encoder",
            metavar="FILE.py:NAME",
            help="Evaluate this encoder too, a torch module or a function that maps x (n, D) to μ "
            "and log s, as one array (n, 2K) or two; a checkpoint of train contains one.",
        ),
    ] = None,
    encoder_returns: Annotated[
        str,
        typer.Option(
            "--encoder-returns",
            metavar="WHAT",
            help="Say what the encoder returns beside μ: log-scale, log-variance, scale or "
            "variance.",
        ),
    ] = "log-scale",
    latents: LatentsOption = None,
    fit_noise: FitNoise = "no",
    draws: Annotated[
        str,
        typer.Option(
            "--draws",
            metavar="S,S",
            help="On a table of x, estimate log p(x) by this many importance draws too, and say "
            "how far off that is.",
        ),
    ] = "100,5000",
    figures: Annotated[
        Path | None,
        typer.Option(
            "--figures",
            metavar="DIR",
            help="On a table of x, write figures of the latent plane and of the worst x into this "
            "folder.",
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
    search: NetworkSearch = None,
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
    if data is None and sample is None:
        raise SettingError("--data MODEL gives the ground truth, or --sample FILE a table of x")
    fit = checked_fit_noise(fit_noise)
    if sample is not None or (data is not None and is_sample(data)):
        if sample is not None and data is not None:
            raise SettingError("--data and --sample: give the ground truth or a table of x")
        options = ModelOptions(noise_variance, vectorize, resolution=resolution, latents=latents)
        SampleRequest(
            model=model, table=sample or Path(str(data)), encoder=encoder, returns=encoder_returns,
            options=options, fit_noise=fit, draws=draws, seed=seed, output=output,
            figures=figures, as_json=as_json,
        ).run()  # fmt: skip
        return
    assert data is not None
    for option, given in (("--fit-noise", fit != "no"), ("--figures", figures is not None)):
        if given:
            raise SettingError(f"{option} is for a table of x: --sample FILE")
    files = checked_optimum_files(optimum, search)
    if samples is not None and samples < 1:
        raise SettingError(f"--samples must be at least 1, not {samples}")
    need_torch("judge")
    from theorycheck.cli.render import print_json, stdout_kept_for_result
    from theorycheck.terminal_progress import terminal_progress

    options = ModelOptions(noise_variance, vectorize, resolution=resolution)
    with stdout_kept_for_result():
        source = ModelOptions(data_noise_variance, vectorize, resolution=resolution)
        truth = source.load(data, any_latents=True)
        trained = options.load_other(
            model, noise_variance, "--noise-variance", truth, latents=latents
        )
        saved = _saved(model)
        own = _encoder(saved, encoder, encoder_returns, trained.latent_dim)
        objective = _objective(saved, samples)
        from theorycheck.evaluation import Comparison, own_evaluation
        from theorycheck.evaluation import judge as run

        progress = terminal_progress()
        execution = chosen_execution(
            progress, jobs=jobs, no_cache=no_cache, files=files, models=[truth]
        )
        result = run(trained, truth, own, tolerance=tolerance, seed=seed, progress=progress)
        how = network_search(search, trained.latent_dim, files)
        predicted = searched_optima(how, trained, truth, objective, seed, execution)
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


def _encoder(
    saved: SavedNetworks | None, given: str | None, returns: str, latents: int
) -> Encoder | None:
    """Find the encoder: the one given, else that of a file that train wrote."""
    from neural import encoder_of_module

    if given is not None:
        return encoder_of_module(called(given), returns, latents)
    return None if saved is None else encoder_of_module(saved.encoder, latents=latents)
