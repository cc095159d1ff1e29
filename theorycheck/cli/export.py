"""Runs ``theorycheck export``: a result as a netCDF file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from theorycheck.cli.known_optima import (
    NoCache,
    OptimumFiles,
    checked_optimum_files,
    chosen_execution,
)
from theorycheck.cli.options import (
    Breakpoints,
    DataNoiseVariance,
    LatentsOption,
    Model,
    ModelOptions,
    NoiseVariance,
    Resolution,
    TableKind,
    Vectorize,
    checked_tolerance,
    parse_numbers,
)
from theorycheck.cli.search_options import Jobs, Seed, checked_search, chosen_settings
from theorycheck.errors import SettingError, nearest

if TYPE_CHECKING:
    import xarray as xr

    from theorycheck.models import GenerativeModel
    from theorycheck.progress import Progress

_RESULTS = ("kl-map", "landscape", "decomposition", "optimum")
#: Those that models of two latents have too.
_ANY_LATENTS = ("landscape", "decomposition")


def export(
    model: Model,
    file: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE.nc",
            help="Write the result to this netCDF file.",
            show_default=False,
        ),
    ],
    result: Annotated[
        str,
        typer.Option(
            "--what", metavar="W", help=f"Compute and write one of {', '.join(_RESULTS)}."
        ),
    ] = "decomposition",
    at: Annotated[
        list[str] | None,
        typer.Option(
            "--at",
            metavar="X",
            help="Compute the landscape at this x: D numbers separated by commas. Of one latent it "
            "is over mean and scale of q, of two over both means.",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="MODEL",
            help="Take p(x) of kl-map and decomposition from this model, the ground truth; by "
            "default from MODEL itself.",
        ),
    ] = None,
    tolerance: Annotated[
        float,
        typer.Option(
            "--tolerance",
            metavar="T",
            help="Aim at this error radius of the PMO in decomposition, nats.",
        ),
    ] = 1e-6,
    seed: Seed = 0,
    jobs: Jobs = None,
    optimum: OptimumFiles = None,
    no_cache: NoCache = False,
    noise_variance: NoiseVariance = None,
    data_noise_variance: DataNoiseVariance = None,
    vectorize: Vectorize = False,
    breakpoints: Breakpoints = None,
    table_kind: TableKind = None,
    resolution: Resolution = None,
    latents: LatentsOption = None,
) -> None:
    """Run the verb."""
    checked_tolerance(tolerance)
    if result not in _RESULTS:
        raise SettingError(f"--what: there is no '{result}': {nearest(result, _RESULTS)}")
    if (result == "landscape") != (at is not None):
        raise SettingError("--at is needed for --what landscape, and for nothing else")
    checked_search("quick", seed, jobs)
    files = checked_optimum_files(optimum)
    if files and result != "optimum":
        raise SettingError("--optimum is for --what optimum")
    folder = file.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise SettingError(f"-o {file}: {folder} is no folder that may be written")
    from theorycheck import find_optimum
    from theorycheck.cli.render import console, say, stdout_kept_for_result
    from theorycheck.export import need_xarray, to_xarray, write_netcdf
    from theorycheck.terminal_progress import terminal_progress

    need_xarray()
    options = ModelOptions(noise_variance, vectorize, breakpoints, table_kind, resolution, latents)
    with stdout_kept_for_result():
        loaded = options.load(model, any_latents=result in _ANY_LATENTS)
        truth = None
        if data is not None:
            option = "--data-noise-variance"
            truth = options.load_other(data, data_noise_variance, option, loaded)
        x = parse_numbers(at, "--at")
        progress = terminal_progress()
        if result == "optimum":
            execution = chosen_execution(
                progress, jobs=jobs, no_cache=no_cache, files=files, models=[loaded]
            )
            found = find_optimum(loaded, chosen_settings("quick", seed), execution=execution)
            write_netcdf(to_xarray(found), file)
        else:
            write_netcdf(_compute(result, loaded, truth, x, tolerance, progress), file)
    say(console(), f"Wrote {file}")


def _compute(
    result: str,
    model: GenerativeModel,
    truth: GenerativeModel | None,
    x: list[float] | None,
    tolerance: float,
    progress: Progress,
) -> xr.Dataset:
    from theorycheck import decompose, kl_map, pmo_landscape
    from theorycheck.export import to_xarray

    match result:
        case "kl-map":
            return to_xarray(kl_map(model, truth))
        case "landscape" if model.latent_dim > 1:
            from theorycheck.objectives import mean_landscape

            return to_xarray(mean_landscape(model, x or []))
        case "landscape":
            return to_xarray(pmo_landscape(model, x or []))
    return to_xarray(decompose(model, truth, tolerance=tolerance, progress=progress))
