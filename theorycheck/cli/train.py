"""Runs ``theorycheck train``: networks trained on a model's data, each evaluated exactly."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from theorycheck.cli.known_optima import (
    NoCache,
    OptimumFiles,
    checked_optimum_files,
    chosen_execution,
)
from theorycheck.cli.options import (
    AsJson,
    Breakpoints,
    LatentsOption,
    Model,
    ModelOptions,
    NoiseVariance,
    Resolution,
    TableKind,
    Vectorize,
    cannot_write,
    checked_directory,
)
from theorycheck.cli.search_options import (
    Jobs,
    NetworkSearch,
    Seed,
    checked_search,
    checked_search_name,
    network_search,
    searched_optima,
)
from theorycheck.cli.training_options import (
    Activation,
    Batch,
    Clip,
    DataSize,
    DecoderL2,
    Device,
    Estimator,
    FromTruth,
    Hidden,
    LearningRate,
    Method,
    NetworkLatents,
    Restarts,
    Samples,
    Steps,
    need_torch,
    widths,
)
from theorycheck.errors import SettingError

if TYPE_CHECKING:
    from neural import RunResult
    from theorycheck.models import GenerativeModel

#: What a run leaves in its folder beside checkpoint and metrics.
RESULT, JUDGED = "result.json", "judged.npz"


def train(
    model: Model,
    method: Method,
    samples: Samples = None,
    estimator: Estimator = None,
    restarts: Restarts = 10,
    from_truth: FromTruth = None,
    steps: Steps = None,
    batch: Batch = None,
    learning_rate: LearningRate = None,
    hidden: Hidden = None,
    activation: Activation = None,
    decoder_l2: DecoderL2 = None,
    clip: Clip = None,
    network_latents: NetworkLatents = 1,
    learn_noise: Annotated[
        bool, typer.Option("--learn-noise", help="Train σ² too; otherwise it is that of MODEL.")
    ] = False,
    data_size: DataSize = None,
    sample: Annotated[
        Path | None,
        typer.Option(
            "--sample",
            metavar="FILE",
            help="Train on this table of x, one x a row: .csv, .txt, .npy, or .npz with an array "
            "x.",
        ),
    ] = None,
    device: Device = "auto",
    seed: Seed = 0,
    search: NetworkSearch = None,
    jobs: Jobs = None,
    optimum: OptimumFiles = None,
    no_cache: NoCache = False,
    directory: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR",
            help="Write checkpoint.pt, the metrics, result.json and judged.npz into this folder; "
            "by default nothing is written.",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run in DIR; it ends at the same weights.")
    ] = False,
    noise_variance: NoiseVariance = None,
    latents: LatentsOption = None,
    vectorize: Vectorize = False,
    breakpoints: Breakpoints = None,
    table_kind: TableKind = None,
    resolution: Resolution = None,
    as_json: AsJson = False,
) -> None:
    """Run the verb."""
    checked_search_name(search)
    checked_search("quick", seed, jobs)
    files = checked_optimum_files(optimum, search)
    need_torch("train")
    if directory is not None:
        checked_directory(directory)
    from neural import TrainingSettings, chosen_device
    from theorycheck.cli.render import print_json, stdout_kept_for_result
    from theorycheck.terminal_progress import terminal_progress

    settings = TrainingSettings.of(
        method,
        samples=samples,
        estimator=estimator,
        restarts=restarts,
        from_truth=from_truth,
        steps=steps,
        batch=batch,
        learning_rate=learning_rate,
        hidden=widths(hidden),
        activation=activation,
        decoder_l2=decoder_l2,
        clip=clip,
        learn_noise=learn_noise,
        latents=network_latents,
        seed=seed,
    )
    chosen_device(device)
    options = ModelOptions(noise_variance, vectorize, breakpoints, table_kind, resolution, latents)
    with stdout_kept_for_result():
        truth = options.load(model, any_latents=True)
        if from_truth is None and truth.latent_dim > settings.latents:
            settings = replace(settings, from_truth=0)
        points = _data_set(truth, data_size, sample, seed, directory if resume else None)
        # Last, because it takes seconds that a mistake above need not.
        from neural import judge_run
        from neural import train as run

        progress = terminal_progress()
        execution = chosen_execution(
            progress, jobs=jobs, no_cache=no_cache, files=files, models=[truth]
        )
        try:
            trained = run(
                truth,
                settings,
                sample=points,
                device=device,
                directory=directory,
                resume=resume,
                progress=progress,
            )
            selected = trained.model(trained.selected)
            objective = settings.objective
            how = network_search(search, settings.latents, files)
            predicted = searched_optima(how, selected, truth, objective, seed, execution)
            result = judge_run(trained, predicted, progress=progress)
        except KeyboardInterrupt:
            if directory is not None and (directory / "checkpoint.pt").exists():
                print(f"{directory}: its checkpoint is kept; go on with --resume", file=sys.stderr)
            raise
    if directory is not None:
        _write(result, directory)
    if as_json:
        print_json(result.to_dict(), "train")
    else:
        from theorycheck.cli.train_tables import show

        show(result, model)


def _data_set(
    truth: GenerativeModel,
    data_size: int | None,
    sample: Path | None,
    seed: int,
    begun: Path | None,
) -> Any:
    """Return the fixed sample to train on, that of a run that goes on; None for fresh draws."""
    if data_size is not None and sample is not None:
        raise SettingError("--data-size draws a sample, --sample reads one: give one of them")
    if sample is not None:
        from theorycheck.models import read_sample

        return read_sample(sample)
    if data_size is None:
        return None
    if data_size < 2:
        raise SettingError(
            f"--data-size must be at least 2, one point to train on and one to validate, not "
            f"{data_size}"
        )
    from neural import Stream, seed_of, streams_of

    return truth.sample(data_size, seed_of(seed, Stream.DATA, streams_of(begun)))[1]


def _write(result: RunResult, directory: Path) -> None:
    import json

    from theorycheck.files import replace_files
    from theorycheck.json_values import jsonable

    text = json.dumps(jsonable(result.to_dict()), indent=2, allow_nan=False)
    try:
        replace_files({directory / RESULT: (text + "\n").encode()})
    except OSError as error:
        raise cannot_write(directory, error) from error
    result.comparison.save(directory / JUDGED)
