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
from theorycheck.cli.linear_models import with_decoder
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
    chosen_jobs,
    chosen_settings,
)
from theorycheck.errors import SettingError

#: What is looked at of the zero-MLEO class by default.
_FOLDS, _TEARS, _PIECES = (2, 3), 2, 6


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
            f"by default {_PIECES}.",
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
        loaded = options.load_exact(model)
        decoder = with_decoder(loaded, output=output, optimum=files)
        if decoder is None and asked:
            raise SettingError(
                "--folds, --tears, --pieces: rearrangements are of one latent, and "
                f"{loaded.name} has {loaded.latent_dim}"
            )
        others = options.load_alternatives(alternative, alternative_noise_variance, loaded)
        # Last, because it takes a second that a mistake above need not.
        from theorycheck.objectives import decompose
        from theorycheck.optimum import find_optimum
        from theorycheck.rearrangements import survey_zero_mleo
        from theorycheck.theorems import check_theorem1

        progress = terminal_progress()
        truth = decompose(loaded, eta=thresholds, tolerance=tolerance, progress=progress)
        found = members = None
        # Where f itself is not resolved there is nothing to search for.
        if search != "none" and truth.resolved:
            execution = chosen_execution(
                progress,
                jobs=jobs,
                no_cache=no_cache,
                files=files,
                models=[] if decoder is None else [decoder],
            )
            found = find_optimum(
                loaded, chosen_settings(search, seed), given=others, execution=execution
            )
        if surveyed and truth.resolved and decoder is not None:
            members = survey_zero_mleo(
                decoder,
                truth=truth,
                folds=branches,
                tears=_TEARS if tears is None else tears,
                pieces=_PIECES if pieces is None else pieces,
                seed=seed,
                jobs=chosen_jobs(jobs),
                progress=progress,
            )
        result = check_theorem1(
            loaded,
            others,
            optimum=found,
            zero_mleo=members,
            eta=thresholds,
            tolerance=tolerance,
            truth=truth,
            progress=progress,
        )
    if output is not None:
        result.save(output)
    if as_json:
        print_json(result.to_dict(), "conditions")
    else:
        from theorycheck.cli.conditions_tables import show

        show(result)


def _checked_class(
    folds: list[str] | None, tears: int | None, pieces: int | None
) -> tuple[int, ...]:
    """Return the folds' branches, and refuse a class that cannot be."""
    numbers = parse_numbers(folds, "--folds")
    if tears is not None and tears < -1:
        raise SettingError(f"--tears must be at least -1, not {tears}")
    if pieces is not None and pieces < 0:
        raise SettingError(f"--pieces must not be negative, not {pieces}")
    if numbers is None:
        return _FOLDS
    if any(number < 2.0 or number != round(number) for number in numbers):
        raise SettingError(f"--folds: a fold has 2 or more branches, not {min(numbers):g}")
    return tuple(int(number) for number in numbers)
