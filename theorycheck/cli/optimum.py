"""Runs ``theorycheck optimum``: the decoder that the ELBO, or IWAE bound, prefers to all others."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from theorycheck.cli.decoder_files import checked_output, file_of_bound, state_files
from theorycheck.cli.known_optima import NoCache, chosen_execution
from theorycheck.cli.linear_models import has_iwae_bound, with_decoder
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
    chosen_effort,
)
from theorycheck.errors import SettingError

if TYPE_CHECKING:
    from theorycheck.optimum import Effort, PredictedOptimum


def optimum(
    model: Model,
    objective: ObjectiveName = "elbo",
    samples: ObjectiveSamples = None,
    effort: EffortName = "quick",
    starts: Annotated[
        int | None,
        typer.Option(
            "--starts", metavar="N", help="Number of starting points; by default that of --effort."
        ),
    ] = None,
    hops: Annotated[
        int | None,
        typer.Option(
            "--hops",
            metavar="N",
            help="Number of basin-hopping steps from the best; by default that of --effort.",
        ),
    ] = None,
    seed: Seed = 0,
    start_from: Annotated[
        list[str] | None,
        typer.Option(
            "--start-from", metavar="MODEL", help="Start at this decoder too; repeatable."
        ),
    ] = None,
    steepness: Annotated[
        list[str] | None,
        typer.Option(
            "--steepness",
            metavar="B",
            help="Search among f with Lipschitz constant at most B: |f'| in units of x per unit of "
            "z. Repeatable; inf is no bound. By default there is none.",
        ),
    ] = None,
    fit_noise: FitNoise = "no",
    search_latents: Annotated[
        int,
        typer.Option(
            "--search-latents",
            metavar="K",
            help="Search among decoders of 1, 2 or 3 latents. (--latents is about MODEL.) With 2 "
            "or 3 the search takes minutes, and that with one fewer goes before.",
        ),
    ] = 1,
    jobs: Jobs = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE.npz",
            help="Write the result to this file. Other verbs read it by --optimum, and it is a "
            "MODEL itself: the decoder found.",
        ),
    ] = None,
    no_cache: NoCache = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue a search that was interrupted.")
    ] = False,
    noise_variance: NoiseVariance = None,
    vectorize: Vectorize = False,
    breakpoints: Breakpoints = None,
    table_kind: TableKind = None,
    resolution: Resolution = None,
    latents: LatentsOption = None,
    as_json: AsJson = False,
) -> None:
    """Run the verb."""
    fit = checked_fit_noise(fit_noise)
    bounds = _bounds(steepness)
    count = checked_objective(objective, samples)
    if count > 1 and len(bounds) > 1:
        raise SettingError(
            f"--objective iwae is searched under one --steepness at a time, not {len(bounds)}"
        )
    checked_search(effort, seed, jobs)
    _check_search_latents(search_latents, bounds)
    if output is not None:
        checked_output(output)
    from theorycheck.cli.render import print_json, stdout_kept_for_result
    from theorycheck.terminal_progress import terminal_progress

    options = ModelOptions(noise_variance, vectorize, breakpoints, table_kind, resolution, latents)
    with stdout_kept_for_result():
        data = options.load_exact(model)
        decoder = with_decoder(data, output=output)
        if count > 1 and not has_iwae_bound(data):
            raise SettingError(
                "--objective iwae: the IWAE bound of the ground truth is computed for decoders of "
                f"one latent and of two; {data.name} is no such"
            )
        given = [options.load_other(spec, None, "--start-from", data) for spec in start_from or ()]
        # Last, because it takes a second that a mistake above need not.
        from theorycheck.objectives import decompose, objective_of
        from theorycheck.optimum import SearchSettings, excess_against_steepness

        minimised = objective_of(count)
        chosen = chosen_effort(effort, starts, hops, objective=minimised, latents=search_latents)
        settings = SearchSettings(
            minimised,
            effort=chosen,
            seed=seed,
            fit_noise=fit,
            latents=search_latents,
        )
        progress = terminal_progress()
        execution = chosen_execution(progress, jobs=jobs, no_cache=no_cache)
        files = {
            bound: file_of_bound(bound, output, several=len(bounds) > 1) if output else None
            for bound in bounds
        }
        states = {}
        if decoder is not None:
            states = state_files(decoder, settings, given, files, execution.cache)
        if resume and not states:
            raise SettingError("--resume needs a file to go on from: -o FILE, or the cache")
        try:
            found = excess_against_steepness(
                data,
                bounds,
                settings,
                given=given,
                execution=execution,
                state_files=states,
                resume=resume,
            )
            truth = decompose(data, tolerance=chosen.tolerance, progress=progress)
            at_truth = minimised.evaluate(data, data, decomposition=truth, progress=progress)
        except KeyboardInterrupt:
            _tell_of_interruption(states.values(), chosen)
            raise
        for bound, result in zip(bounds, found, strict=True):
            path = files[bound]
            if path is not None:
                result.save(path)
        for state in states.values():
            state.unlink(missing_ok=True)
    if as_json:
        entries = [
            entry_of(result) | {"decoder": None if files[bound] is None else str(files[bound])}
            for bound, result in zip(bounds, found, strict=True)
        ]
        several: dict[str, object] = {"data": data.name, "against_steepness": entries}
        common = {"ground_truth": truth.to_dict() | at_truth.entries()}
        print_json((several if len(entries) > 1 else entries[0]) | common, "optimum")
    else:
        from theorycheck.cli.optimum_tables import show, show_path

        if len(bounds) > 1:
            show_path(found, list(files.values()), truth)
        else:
            show(found[0], files[bounds[0]], at_truth)


def entry_of(result: PredictedOptimum) -> dict[str, object]:
    """Return a result for JSON: J of the ELBO goes with another one, under a name of its own."""
    entry = {"objective": result.objective.key} | result.to_dict() | result.evaluation.entries()
    if result.evaluation.beside:
        entry["elbo_excess"] = result.decomposition.excess.to_dict()
    return entry


def _check_search_latents(latents: int, bounds: list[float]) -> None:
    if latents not in (1, 2, 3):
        raise SettingError(f"--search-latents must be 1, 2 or 3, not {latents}")
    if latents > 1 and any(math.isfinite(bound) for bound in bounds):
        raise SettingError("--steepness is a bound on decoders of one latent: --search-latents 1")


def _bounds(texts: list[str] | None) -> list[float]:
    bounds = parse_numbers(texts, "--steepness") or [math.inf]
    if any(not bound > 0.0 for bound in bounds):
        raise SettingError(f"--steepness must be positive, not {min(bounds):g}")
    if len(set(bounds)) < len(bounds):
        raise SettingError("--steepness: a bound is given twice")
    return bounds


def _tell_of_interruption(states: Iterable[Path], effort: Effort) -> None:
    """Say on stderr what was found, and how to go on."""
    from theorycheck.optimum import peek

    # Bounds are searched one after another: the last file written is the one under way.
    written = [path for path in states if path.exists()]
    if not written:
        return
    latest = max(written, key=lambda path: path.stat().st_mtime)
    seen = peek(latest)
    if seen is None:
        return
    so_far = "" if seen.best is None else f"so far J ≈ {seen.best:.4g} "
    print(
        f"interrupted; {so_far}after {seen.starts} of {effort.starts} starts; go on with --resume",
        file=sys.stderr,
    )
