"""Runs ``theorycheck report``: an HTML report with figures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from theorycheck.cli.known_optima import (
    NoCache,
    OptimumFiles,
    checked_optimum_files,
    chosen_execution,
)
from theorycheck.cli.options import (
    AlternativeNoiseVariance,
    Alternatives,
    AsJson,
    Breakpoints,
    Eta,
    LatentsOption,
    ModelOptions,
    Models,
    NoiseVariance,
    PmoTolerance,
    Resolution,
    TableKind,
    Vectorize,
    cannot_write,
    checked_alternatives,
    checked_directory,
    checked_tolerance,
    parse_eta,
    parse_numbers,
)
from theorycheck.cli.search_options import (
    Jobs,
    Seed,
    checked_search,
    checked_search_name,
    chosen_settings,
)
from theorycheck.errors import SettingError, nearest

#: What --search and --figures-format may be.
_FORMATS = ("svg", "pdf", "png")


def report(
    models: Models,
    directory: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR",
            help="Write report.html and report.json into this folder.",
            show_default=False,
        ),
    ],
    alternative: Alternatives = None,
    eta: Eta = None,
    tolerance: PmoTolerance = 1e-5,
    search: Annotated[
        str,
        typer.Option(
            "--search",
            metavar="HOW",
            help="Search for the predicted optimum of each model: quick (half a minute), thorough "
            "(minutes) or none.",
        ),
    ] = "quick",
    seed: Seed = 0,
    jobs: Jobs = None,
    optimum: OptimumFiles = None,
    no_cache: NoCache = False,
    trained: Annotated[
        list[Path] | None,
        typer.Option(
            "--trained",
            metavar="DIR",
            help="Show the trained network in this folder, which theorycheck train -o wrote, "
            "beside the ground truth and the optimum; repeatable.",
        ),
    ] = None,
    labelled: Annotated[
        list[str] | None,
        typer.Option(
            "--labelled",
            metavar="MODEL",
            help="Add a section on this labelled model, as theorycheck labels takes it: what a "
            "semi-supervised VAE learns of the classes; repeatable.",
        ),
    ] = None,
    figures_format: Annotated[
        str | None,
        typer.Option(
            "--figures-format",
            metavar="F",
            help="Write the figures into DIR/figures too, as svg, pdf or png for a paper.",
        ),
    ] = None,
    figures_columns: Annotated[
        int,
        typer.Option(
            "--figures-columns",
            metavar="C",
            help="Make those figures as wide as 1 or 2 columns of a page (3.35 or 7 inches).",
        ),
    ] = 2,
    noise_variance: NoiseVariance = None,
    alternative_noise_variance: AlternativeNoiseVariance = None,
    vectorize: Vectorize = False,
    breakpoints: Breakpoints = None,
    table_kind: TableKind = None,
    resolution: Resolution = None,
    latents: LatentsOption = None,
    as_json: AsJson = False,
) -> None:
    """Run the verb."""
    checked_alternatives(alternative, alternative_noise_variance)
    checked_tolerance(tolerance)
    checked_directory(directory)
    checked_search_name(search)
    if seed < 0:
        raise SettingError(f"--seed must be >= 0, not {seed}")
    checked_search("quick", seed, jobs)
    files = checked_optimum_files(optimum, search)
    if figures_format is not None and figures_format not in _FORMATS:
        known = nearest(figures_format, _FORMATS)
        raise SettingError(f"--figures-format: there is no '{figures_format}': {known}")
    if figures_columns not in (1, 2):
        raise SettingError(f"--figures-columns must be 1 or 2, not {figures_columns}")
    from theorycheck.cli.render import console, print_json, say, stdout_kept_for_result
    from theorycheck.terminal_progress import terminal_progress

    options = ModelOptions(noise_variance, vectorize, breakpoints, table_kind, resolution, latents)
    thresholds = parse_eta(eta)
    with stdout_kept_for_result():
        loaded = [options.load(spec, any_latents=True) for spec in models]
        from theorycheck.models import load_labelled_model
        from theorycheck.report import read_trained, runs_of

        runs = [read_trained(folder) for folder in trained or ()]
        runs_of(loaded, runs)
        with_labels = [
            load_labelled_model(
                spec, noise_variance=parse_numbers(noise_variance, "--noise-variance")
            )
            for spec in labelled or ()
        ]
        # Each ground truth has every alternative, with its own σ² where they have none.
        others = {
            one.name: options.load_alternatives(alternative, alternative_noise_variance, one)
            for one in loaded
        }
        # Last, because it takes a second that a mistake above need not.
        from theorycheck.report import ReportSearch, figure_files, write_report
        from theorycheck.theorems import ClassSettings

        progress, how = terminal_progress(), None
        if search != "none":
            execution = chosen_execution(
                progress, jobs=jobs, no_cache=no_cache, files=files, models=loaded
            )
            members = ClassSettings(seed=seed, screened=search != "thorough")
            how = ReportSearch(chosen_settings(search, seed), search, execution, members)
        try:
            page = write_report(
                loaded,
                directory,
                alternatives=others,
                eta=thresholds,
                tolerance=tolerance,
                trained=runs,
                labelled=with_labels,
                figure_files=figure_files(figures_format, figures_columns),
                search=how,
                progress=progress,
            )
        except OSError as error:
            raise cannot_write(directory, error) from error
    if as_json:
        printed: dict[str, object] = {
            "report": str(page),
            "models": [model.name for model in loaded],
        }
        if with_labels:
            printed["labelled"] = [one.name for one in with_labels]
        if runs:
            printed["trained"] = [str(run.directory) for run in runs]
        print_json(printed, "report")
    else:
        say(console(), f"Wrote {page}")
