"""Runs ``theorycheck compress``: what the ELBO gains by more latents, and what each then says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from theorycheck.cli.figure_files import checked_figure, write_figure
from theorycheck.cli.known_optima import NoCache, chosen_execution
from theorycheck.cli.options import (
    AsJson,
    Breakpoints,
    Model,
    ModelOptions,
    NoiseVariance,
    Resolution,
    TableKind,
    Vectorize,
    parse_numbers,
)
from theorycheck.cli.search_options import (
    EffortName,
    FitNoise,
    Jobs,
    ObjectiveName,
    ObjectiveSamples,
    Seed,
    checked_fit_noise,
    checked_objective,
    checked_search,
)
from theorycheck.errors import SettingError


def compress(
    model: Model,
    latents: Annotated[
        list[str] | None,
        typer.Option(
            "--latents",
            metavar="K",
            help="Search among decoders of K latents; repeatable, or several numbers "
            "separated by commas; by default 1,2.",
        ),
    ] = None,
    objective: ObjectiveName = "elbo",
    samples: ObjectiveSamples = None,
    fit_noise: FitNoise = "no",
    learned: Annotated[
        list[str] | None,
        typer.Option(
            "--learned",
            metavar="MODEL",
            help="Measure this model of the data too, of up to three latents, such as a trained "
            "network's decoder; repeatable. Without a σ² of its own it has that of MODEL.",
        ),
    ] = None,
    least_fall: Annotated[
        float,
        typer.Option(
            "--least-fall",
            metavar="S",
            help="Take a figure as fallen where it falls by this share of itself at least.",
        ),
    ] = 0.1,
    effort: EffortName = "quick",
    seed: Seed = 0,
    jobs: Jobs = None,
    no_cache: NoCache = False,
    noise_variance: NoiseVariance = None,
    vectorize: Vectorize = False,
    breakpoints: Breakpoints = None,
    table_kind: TableKind = None,
    resolution: Resolution = None,
    figure: Annotated[
        Path | None,
        typer.Option(
            "--figure",
            metavar="FILE",
            help="Draw J and what the latents say of x, by K, into this file: .svg, .pdf or .png.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run the verb."""
    fit = checked_fit_noise(fit_noise)
    count = checked_objective(objective, samples)
    checked_search(effort, seed, jobs)
    numbers = _whole(parse_numbers(latents, "--latents") or [1.0, 2.0])
    if not 0.0 <= least_fall < 1.0:
        raise SettingError(f"--least-fall must be in [0, 1), not {least_fall:g}")
    if figure is not None:
        checked_figure(figure)
    from theorycheck.cli.render import print_json, stdout_kept_for_result
    from theorycheck.terminal_progress import terminal_progress

    options = ModelOptions(noise_variance, vectorize, breakpoints, table_kind, resolution)
    with stdout_kept_for_result():
        data = options.load_exact(model)
        others = [options.load_other(spec, None, "--learned", data) for spec in learned or ()]
        # Last, because it takes a second that a mistake above need not.
        from theorycheck.downstream import compress as search
        from theorycheck.objectives import objective_of
        from theorycheck.optimum import SearchSettings

        progress = terminal_progress()
        execution = chosen_execution(progress, jobs=jobs, no_cache=no_cache)
        with progress.task(f"compress {data.name}"[:40], None):
            found = search(
                data,
                numbers,
                SearchSettings(objective_of(count), seed=seed, fit_noise=fit),
                effort=effort,
                given=others,
                least_fall=least_fall,
                execution=execution,
            )
        if figure is not None:
            from theorycheck.report import compression_figure

            write_figure(compression_figure(found), figure)
    if as_json:
        print_json(found.to_dict(), "compress")
        return
    from theorycheck.cli.compress_tables import show as tell

    tell(found)


def _whole(numbers: list[float]) -> list[int]:
    """Return numbers of latents, or say what is wrong with them."""
    if any(number != int(number) or number < 1 for number in numbers):
        raise SettingError(f"--latents: numbers such as 1,2 are wanted, not {numbers}")
    if len(set(numbers)) < len(numbers):
        raise SettingError("--latents: a number is given twice")
    return [int(number) for number in numbers]
