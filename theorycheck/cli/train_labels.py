"""Runs ``theorycheck train-labels``: semi-supervised networks, evaluated exactly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from theorycheck.cli.known_optima import NoCache, chosen_execution
from theorycheck.cli.label_options import (
    Alpha,
    Bound,
    Classes,
    LabelledModelName,
    LabelledShare,
    OneFamily,
    OneGamma,
    Prior,
    checked_family,
)
from theorycheck.cli.options import (
    AsJson,
    Breakpoints,
    NoiseVariance,
    Resolution,
    TableKind,
    cannot_write,
    checked_directory,
    parse_breakpoints,
    parse_numbers,
)
from theorycheck.cli.search_options import (
    Jobs,
    Seed,
    checked_search,
    checked_search_name,
)
from theorycheck.cli.training_options import (
    Activation,
    Batch,
    Clip,
    DataSize,
    DecoderL2,
    Device,
    FromTruth,
    Hidden,
    LearningRate,
    Method,
    Restarts,
    Samples,
    Steps,
    need_torch,
    widths,
)
from theorycheck.errors import SettingError

if TYPE_CHECKING:
    from neural import LabelledSample, LabelRunResult
    from theorycheck.models import LabelledModel
    from theorycheck.objectives import LabelledObjective
    from theorycheck.optimum import Execution, LabelledOptimum

#: What a run leaves in its folder beside the networks of the classes.
RESULT = "result.json"


def train_labels(
    model: LabelledModelName,
    method: Method,
    family: OneFamily = "conditional",
    bound: Bound = None,
    gamma: OneGamma = 1.0,
    alpha: Alpha = 0.0,
    labelled_share: LabelledShare = 0.1,
    prior: Prior = None,
    classes: Classes = None,
    samples: Samples = None,
    restarts: Restarts = 10,
    from_truth: FromTruth = None,
    steps: Steps = None,
    batch: Batch = None,
    learning_rate: LearningRate = None,
    hidden: Hidden = None,
    activation: Activation = None,
    decoder_l2: DecoderL2 = None,
    clip: Clip = None,
    data_size: DataSize = None,
    device: Device = "auto",
    seed: Seed = 0,
    search: Annotated[
        str,
        typer.Option(
            "--search",
            metavar="HOW",
            help="Search for the decoders that the objective prefers: quick (half a minute), "
            "thorough (tens of minutes) or none.",
        ),
    ] = "quick",
    jobs: Jobs = None,
    no_cache: NoCache = False,
    directory: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR",
            help="Write result.json and the selected networks, class0.pt and so on, into this "
            "folder.",
        ),
    ] = None,
    noise_variance: NoiseVariance = None,
    breakpoints: Breakpoints = None,
    table_kind: TableKind = None,
    resolution: Resolution = None,
    as_json: AsJson = False,
) -> None:
    """Run the verb."""
    checked_search_name(search)
    checked_search("quick", seed, jobs)
    need_torch("train-labels")
    if directory is not None:
        checked_directory(directory)
    from neural import LabelSettings, chosen_device
    from theorycheck.cli.render import print_json, stdout_kept_for_result
    from theorycheck.models import load_labelled_model
    from theorycheck.objectives import LabelledObjective
    from theorycheck.terminal_progress import terminal_progress

    objective = LabelledObjective(gamma, alpha, labelled_share, checked_family(family))
    settings = LabelSettings.of(
        method,
        objective,
        bound=bound,
        samples=samples,
        restarts=restarts,
        from_truth=from_truth,
        steps=steps,
        batch=batch,
        learning_rate=learning_rate,
        hidden=widths(hidden),
        activation=activation,
        decoder_l2=decoder_l2,
        clip=clip,
        seed=seed,
    )
    chosen_device(device)
    with stdout_kept_for_result():
        data = load_labelled_model(
            model,
            prior=parse_numbers(prior, "--prior"),
            classes=classes,
            noise_variance=parse_numbers(noise_variance, "--noise-variance"),
            breakpoints=parse_breakpoints(breakpoints),
            table_kind=table_kind,
            resolution=resolution,
        )
        sample = _sample(data, data_size, objective, seed)
        # Last, because it takes seconds that a mistake above need not.
        from neural import judge_label_run, train_labelled

        progress = terminal_progress()
        trained = train_labelled(data, settings, sample=sample, device=device, progress=progress)
        execution = chosen_execution(progress, jobs=jobs, no_cache=no_cache)
        predicted = _searched(data, objective, search, seed, execution)
        result = judge_label_run(trained, predicted, progress=progress)
    if directory is not None:
        _write(result, directory)
    if as_json:
        print_json(result.to_dict(), "train-labels")
    else:
        from theorycheck.cli.train_labels_tables import show

        show(result)


def _sample(
    data: LabelledModel, data_size: int | None, objective: LabelledObjective, seed: int
) -> LabelledSample | None:
    """Return the observations to train on; None for fresh draws."""
    if data_size is None:
        return None
    if data_size < 2:
        raise SettingError(f"--data-size must be at least 2, not {data_size}")
    from neural import LabelledSample, Stream, TrainingSettings, seed_of

    share = objective.labelled_share
    stream = seed_of(seed, Stream.DATA, TrainingSettings().streams)
    # Before the training, which takes long.
    return LabelledSample.drawn(data, data_size, share, stream).checked(data, share)


def _searched(
    data: LabelledModel,
    objective: LabelledObjective,
    search: str,
    seed: int,
    execution: Execution,
) -> LabelledOptimum | None:
    if search == "none":
        return None
    from theorycheck.optimum import find_labelled_optimum, labels_effort

    effort = labels_effort(search)
    return find_labelled_optimum(data, objective, effort=effort, seed=seed, execution=execution)


def _write(result: LabelRunResult, directory: Path) -> None:
    from theorycheck.files import replace_files
    from theorycheck.json_values import jsonable
    from theorycheck.results import schema_id

    entry = {"schema": schema_id("train-labels"), **result.to_dict()}
    text = json.dumps(jsonable(entry), indent=2, allow_nan=False)
    result.write_networks(directory)
    try:
        replace_files({directory / RESULT: (text + "\n").encode()})
    except OSError as error:
        raise cannot_write(directory, error) from error
