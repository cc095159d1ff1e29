"""Runs ``theorycheck conditions``: Theorem 1."""

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
    LatentsOption,
    Model,
    ModelOptions,
    NoiseVariance,
    PmoTolerance,
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
            metavar="HOW",
            help="Search for the predicted optimum, which is then tried in condition (1): quick "
            "(half a minute), thorough (minutes) or none. With none no decoders with MLEO = 0 are "
            "looked at either, unless --folds, --tears or --pieces asks for them.",
        ),
    ] = "quick",
    folds: Annotated[
        list[str] | None,
        typer.Option(
            "--folds",
            metavar="K",
            help="Include folds with K branches, f(T(z)) for the tent map T of Phi(z), in the "
            "decoders with MLEO = 0; repeatable, or separated by commas; by default 2,3.",
        ),
    ] = None,
    tears: Annotated[
        int | None,
        typer.Option(
            "--tears",
            metavar="N",
            help="Include N random tears (interval exchanges of Phi(z): cut, permuted, flipped) "
            "beside two fixed ones; by default 2. With -1 tears, rotations and pieces are left "
            "out.",
        ),
    ] = None,
    pieces: Annotated[
        int | None,
        typer.Option(
            "--pieces",
            metavar="N",
            help="Include at most N decoders that run through the pieces of the curve (between its "
            "jumps, corners and fast stretches) in another order; by default 6.",
        ),
    ] = None,
    seed: Seed = 0,
    jobs: Jobs = None,
    optimum: OptimumFiles = None,
    no_cache: NoCache = False,
    tolerance: PmoTolerance = 1e-5,
    noise_variance: NoiseVariance = None,
    alternative_noise_variance: AlternativeNoiseVariance = None,
    vectorize: Vectorize = False,
    breakpoints: Breakpoints = None,
    table_kind: TableKind = None,
    resolution: Resolution = None,
    latents: LatentsOption = None,
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

    options = ModelOptions(noise_variance, vectorize, breakpoints, table_kind, resolution, latents)
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
            terminal_progress(),
            jobs=jobs,
            no_cache=no_cache,
            files=files,
            models=[] if decoder is None else [decoder],
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
