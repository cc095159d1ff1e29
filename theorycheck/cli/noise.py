"""Runs ``theorycheck noise``: Theorem 2, the noise variance that the ELBO fits."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from theorycheck.cli.decoder_files import checked_output
from theorycheck.cli.known_optima import (
    NoCache,
    OptimumFiles,
    checked_optimum_files,
    chosen_execution,
)
from theorycheck.cli.linear_models import with_decoder
from theorycheck.cli.noise_curve import (
    CurveFigure,
    HeldNoise,
    checked_curve,
    show_curve,
)
from theorycheck.cli.noise_from_loss import (
    BatchSize,
    DataDim,
    FromLoss,
    LatentDim,
    LossValue,
    checked_loss_options,
    run_from_loss,
)
from theorycheck.cli.options import (
    AsJson,
    Breakpoints,
    LatentsOption,
    ModelOptions,
    NoiseVariance,
    Resolution,
    TableKind,
    Vectorize,
    checked_tolerance,
)
from theorycheck.cli.result_files import ResultFile
from theorycheck.cli.search_options import (
    Jobs,
    Seed,
    checked_search,
    checked_search_name,
    chosen_settings,
)
from theorycheck.errors import SettingError, nearest

if TYPE_CHECKING:
    from theorycheck.theorems import Theorem2Check


_FITS = ("shared", "each")


def noise(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL",
            help="The decoder f with its noise variance σ², in one of the forms above; not needed "
            "with --from-loss.",
            show_default=False,
        ),
    ] = None,
    search: Annotated[
        str,
        typer.Option(
            "--search",
            metavar="HOW",
            help="Search for the optimum at fixed σ² and for the joint optimum of f and σ²: quick "
            "(half a minute each), thorough (minutes) or none.",
        ),
    ] = "quick",
    fit: Annotated[
        str,
        typer.Option(
            "--fit",
            metavar="F",
            help="Fit at the joint optimum one σ² for all data dimensions (shared) or one for each "
            "(each).",
        ),
    ] = "shared",
    held_noise: HeldNoise = None,
    figure: CurveFigure = None,
    from_loss: FromLoss = None,
    data_dim: DataDim = None,
    latent_dim: LatentDim = None,
    batch_size: BatchSize = None,
    loss_value: LossValue = None,
    seed: Seed = 0,
    jobs: Jobs = None,
    optimum: OptimumFiles = None,
    no_cache: NoCache = False,
    tolerance: Annotated[
        float,
        typer.Option(
            "--tolerance", metavar="T", help="Aim at this error radius of σ², relative to σ²."
        ),
    ] = 1e-4,
    noise_variance: NoiseVariance = None,
    vectorize: Vectorize = False,
    breakpoints: Breakpoints = None,
    table_kind: TableKind = None,
    resolution: Resolution = None,
    latents: LatentsOption = None,
    output: ResultFile = None,
    as_json: AsJson = False,
) -> None:
    """Run the verb."""
    checked_loss_options(
        from_loss,
        data_dim=data_dim,
        latent_dim=latent_dim,
        batch_size=batch_size,
        loss_value=loss_value,
    )
    options = ModelOptions(noise_variance, vectorize, breakpoints, table_kind, resolution, latents)
    if from_loss is not None:
        # Any σ² will do: only the model's data dimension is asked for.
        sized = replace(options, noise_variance=["1"])
        if model is not None and data_dim is None:
            data_dim = sized.load(model).data_dim
        run_from_loss(from_loss, data_dim, latent_dim, batch_size, loss_value, as_json=as_json)
        return
    if model is None:
        raise SettingError("Missing argument 'MODEL' (see theorycheck noise --help)")
    checked_tolerance(tolerance)
    if output is not None:
        checked_output(output)
    checked_search_name(search)
    if fit not in _FITS:
        raise SettingError(f"--fit: there is no '{fit}': {nearest(fit, _FITS)}")
    checked_search("quick", seed, jobs)
    files = checked_optimum_files(optimum, search)
    variances = checked_curve(held_noise, figure)
    from theorycheck.cli.render import print_json, stdout_kept_for_result
    from theorycheck.terminal_progress import terminal_progress

    with stdout_kept_for_result():
        loaded = options.load_exact(model)
        decoder = with_decoder(loaded, output=output, optimum=files)
        from theorycheck.theorems import check_theorem2, find_noise_optima

        progress = terminal_progress()
        execution = chosen_execution(
            progress,
            jobs=jobs,
            no_cache=no_cache,
            files=files,
            models=[] if decoder is None else [decoder],
        )
        held = joint = None
        # Drawn from the first second on, whatever is under way.
        with progress.task(f"noise {loaded.name}"[:40], None):
            if search != "none":
                held, joint = find_noise_optima(
                    loaded,
                    chosen_settings(search, seed),
                    fit=fit,  # type: ignore[arg-type]
                    execution=execution,
                )
            result = check_theorem2(
                loaded, tolerance=tolerance, optimum=held, joint=joint, progress=progress
            )
        if variances:
            from theorycheck.theorems import noise_curve

            curve = noise_curve(
                loaded,
                variances,
                # Without another search the curve still needs one.
                chosen_settings("quick" if search == "none" else search, seed),
                execution=execution,
            )
            result = result.with_curve(curve)
            if figure is not None:
                from theorycheck.cli.figure_files import write_figure
                from theorycheck.report import noise_curve_figure

                write_figure(noise_curve_figure(curve), figure)
    if output is not None:
        result.save(output)
    if as_json:
        print_json(result.to_dict(), "noise")
        return
    show_noise(result)


def show_noise(result: Theorem2Check) -> None:
    """Print the tables, the verdict and what they say; the curve over σ² if there is one."""
    from theorycheck.cli.render import console, estimate_text, ruling_text, say, table

    out = console()
    columns = ["dimension", "true σ²", "fitted at true f", "the same, exact posterior"]
    figures = [result.refit_at_ground_truth, result.exact_posterior]
    for heading, estimates in (
        ("fitted at the optimum", result.refit_at_optimum),
        ("joint optimum", result.joint_optimum),
    ):
        if estimates is not None:
            columns.append(heading)
            figures.append(estimates)
    rows = [
        (f"{d + 1}", f"{true:g}", *(estimate_text(estimates[d]) for estimates in figures))
        for d, true in enumerate(result.true)
    ]
    out.print(table(f"Noise variance fitted at {result.model.name}", columns, rows))
    out.print(table("Theorem 2", ("", "verdict"), [("σ² is biased", ruling_text(result.ruling))]))
    say(out, result.summary)
    for line in in_words(result):
        say(out, line)
    if result.curve is not None:
        show_curve(result.curve)


def in_words(result: Theorem2Check) -> list[str]:
    """Say what the two optima are, and how surely they were found.

    Parameters
    ----------
    result : Theorem2Check

    Returns
    -------
    list of str
        Empty without a search.
    """
    lines = []
    if result.optimum is not None:
        found = result.optimum.found
        lines.append(
            f"Optimum at the true σ², kept fixed: J {found.excess}; the σ² fitted there, one for "
            f"all dimensions, is {result.optimum.shared}."
        )
    if result.joint is not None:
        found = result.joint.found
        lines.append(
            f"Joint optimum ({found.fit_noise} σ²): J {found.excess}. Both are the best of a "
            f"search; where other starts came as low, σ² differed by {result.joint.spread:.1%} at "
            f"most, and {found.found} of {len(found.starts)} starts came as low on the search's "
            "data nodes. The radius of the joint σ² is that of the fixed point of the fit next to "
            "it: σ² elsewhere can be self-consistent, too (--held-noise draws the curve)."
        )
    return lines
