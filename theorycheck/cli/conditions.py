"""``theorycheck conditions``: Theorem 1."""

from __future__ import annotations

from typing import Annotated

import typer

from theorycheck.cli.decoder_files import checked_output
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
    Model,
    ModelOptions,
    NoiseVariance,
    Resolution,
    TableKind,
    Vectorize,
    checked_alternatives,
    checked_tolerance,
    parse_eta,
    parse_numbers,
)
from theorycheck.cli.result_files import ResultFile
from theorycheck.cli.search_options import (
    Jobs,
    Seed,
    checked_search,
    checked_search_name,
    chosen_settings,
)
from theorycheck.errors import SettingError


def conditions(
    model: Model,
    alternative: Alternatives = None,
    eta: Eta = None,
    search: Annotated[
        str,
        typer.Option(
            "--search",
            metavar="S",
            help="Search for the predicted optimum: quick, thorough or none. With none the "
            "zero-MLEO class is left out too, unless --folds, --tears or --pieces asks for it.",
        ),
    ] = "quick",
    folds: Annotated[
        list[str] | None,
        typer.Option(
            "--folds",
            metavar="K",
            help="Branches of the folds in the zero-MLEO class, comma-separated or repeated; by "
            "default 2,3.",
        ),
    ] = None,
    tears: Annotated[
        int | None,
        typer.Option(
            "--tears",
            metavar="N",
            help="Random tears in the class, besides two systematic ones; by default 2, and -1 "
            "is no tears at all, rotations and pieces included.",
        ),
    ] = None,
    pieces: Annotated[
        int | None,
        typer.Option(
            "--pieces",
            metavar="N",
            help="Other orders and directions of the curve's natural pieces in the class, at most; "
            "by default 6.",
        ),
    ] = None,
    seed: Seed = 0,
    jobs: Jobs = None,
    optimum: OptimumFiles = None,
    no_cache: NoCache = False,
    tolerance: Annotated[
        float, typer.Option("--tolerance", metavar="T", help="Error radius of every PMO, nats.")
    ] = 1e-5,
    noise_variance: NoiseVariance = None,
    alternative_noise_variance: AlternativeNoiseVariance = None,
    vectorize: Vectorize = False,
    breakpoints: Breakpoints = None,
    table_kind: TableKind = None,
    resolution: Resolution = None,
    output: ResultFile = None,
    as_json: AsJson = False,
) -> None:
    """Run the verb."""
    checked_alternatives(alternative, alternative_noise_variance)
    checked_tolerance(tolerance)
    if output is not None:
        checked_output(output)
    checked_search_name(search)
    checked_search("quick", seed, jobs)
    files = checked_optimum_files(optimum, search)
    branches = _checked_class(folds, tears, pieces)
    asked = any(option is not None for option in (folds, tears, pieces))
    surveyed = search != "none" or asked
    from theorycheck.cli.render import print_json, stdout_kept_for_result
    from theorycheck.terminal_progress import terminal_progress

    options = ModelOptions(noise_variance, vectorize, breakpoints, table_kind, resolution)
    thresholds = parse_eta(eta)
    with stdout_kept_for_result():
        loaded = options.load(model)
        others = options.load_alternatives(alternative, alternative_noise_variance, loaded)
        # Last, because it takes a second that a mistake above need not.
        from theorycheck.theorems import ClassSettings, examine_theorem1

        usual = ClassSettings()
        members = ClassSettings(
            folds=usual.folds if branches is None else branches,
            tears=usual.tears if tears is None else tears,
            pieces=usual.pieces if pieces is None else pieces,
            seed=seed,
            screened=search != "thorough",
        )
        execution = chosen_execution(
            terminal_progress(), jobs=jobs, no_cache=no_cache, files=files, models=[loaded]
        )
        result = examine_theorem1(
            loaded,
            others,
            search=None if search == "none" else chosen_settings(search, seed),
            surveyed=members if surveyed else None,
            eta=thresholds,
            tolerance=tolerance,
            execution=execution,
        ).check
    if output is not None:
        result.save(output)
    if as_json:
        print_json(result.to_dict(), "conditions")
    else:
        from theorycheck.cli.conditions_tables import show

        show(result)


def _checked_class(
    folds: list[str] | None, tears: int | None, pieces: int | None
) -> tuple[int, ...] | None:
    """Return the folds' branches if they are given, and refuse a class that cannot be."""
    numbers = parse_numbers(folds, "--folds")
    if tears is not None and tears < -1:
        raise SettingError(f"--tears must be at least -1, not {tears}")
    if pieces is not None and pieces < 0:
        raise SettingError(f"--pieces must not be negative, not {pieces}")
    if numbers is None:
        return None
    if any(number < 2.0 or number != round(number) for number in numbers):
        raise SettingError(f"--folds: a fold has 2 or more branches, not {min(numbers):g}")
    return tuple(int(number) for number in numbers)
