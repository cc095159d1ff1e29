"""Runs ``theorycheck train-labels``: semi-supervised networks, evaluated exactly."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from theorycheck.cli import labels_continuous, train_labels_continuous
from theorycheck.cli.known_optima import NoCache, chosen_execution
from theorycheck.cli.label_options import (
    Alpha,
    Bound,
    Classes,
    LabelledModelName,
    LabelledShare,
    LabelsAre,
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
from theorycheck.cli.train_labels_files import sample_seed, write_result
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

if TYPE_CHECKING:
    from neural import LabelledSample, LabelRunResult
    from theorycheck.models import LabelledModel
    from theorycheck.objectives import LabelledObjective
    from theorycheck.optimum import Execution, LabelledOptimum


def train_labels(
    model: LabelledModelName,
    method: Method,
    family: Annotated[
        str | None,
        typer.Option(
            "--family",
            metavar="F",
            help="Let q be conditional, q(y|x) q(z|x, y), the default, or factorised, q(y|x) "
            "q(z|x). For a continuous y: naive_conditional, a Gaussian q(y|x) with q(z|x, y), the "
            "default, naive, the same with q(z|x), or flexible, a table over y with q(z|x, y).",
        ),
    ] = None,
    bound: Bound = None,
    gamma: OneGamma = 1.0,
    alpha: Alpha = 0.0,
    labelled_share: LabelledShare = 0.1,
    prior: Prior = None,
    classes: Classes = None,
    labels_are: LabelsAre = None,
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
            "thorough (tens of minutes) or none. For a continuous y: look at 5, 12 or no f of the "
            "same p(x) that keep a part of the label.",
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
            help="Write result.json and the selected networks, class0.pt and so on (decoder.py "
            "for a continuous y), into this folder.",
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
    given: dict[str, Any] = {
        "bound": bound, "samples": samples, "restarts": restarts, "from_truth": from_truth,
        "steps": steps, "batch": batch, "learning_rate": learning_rate, "hidden": widths(hidden),
        "activation": activation, "decoder_l2": decoder_l2, "clip": clip, "seed": seed,
    }  # fmt: skip
    if labels_continuous.is_continuous(model, labels_are):
        labels_continuous.refuse_discrete(
            {
                "--prior": prior,
                "--classes": classes,
                "--breakpoints": breakpoints,
                "--table-kind": table_kind,
                "--resolution": resolution,
                "--jobs": jobs,
                "--no-cache": no_cache,
            }
        )
        train_labels_continuous.run(
            model, method, given, family=family, gamma=gamma, alpha=alpha,
            labelled_share=labelled_share, data_size=data_size, device=device, search=search,
            noise_variance=noise_variance, directory=directory, as_json=as_json,
        )  # fmt: skip
        return
    from neural import LabelSettings, chosen_device
    from theorycheck.cli.render import print_json, stdout_kept_for_result
    from theorycheck.models import load_labelled_model
    from theorycheck.objectives import LabelledObjective
    from theorycheck.terminal_progress import terminal_progress

    kind = checked_family(family or "conditional")
    objective = LabelledObjective(gamma, alpha, labelled_share, kind)
    settings = LabelSettings.of(method, objective, **given)
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
    from neural import LabelledSample

    share, stream = objective.labelled_share, sample_seed(data_size, seed)
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
    result.write_networks(directory)
    write_result(directory, "train-labels", result.to_dict(), {})
