"""``theorycheck optimum``: the decoder that the ELBO prefers to all others."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from theorycheck.cli.options import (
    AsJson,
    Breakpoints,
    Model,
    ModelOptions,
    NoiseVariance,
    TableKind,
    Vectorize,
    parse_numbers,
)
from theorycheck.errors import LoadingError, SettingError, nearest

if TYPE_CHECKING:
    from theorycheck.optimum.global_search import Effort
    from theorycheck.optimum.result import PredictedOptimum

_FITS = ("no", "shared", "each")
_EFFORTS = ("quick", "thorough")

EffortName = Annotated[
    str, typer.Option("--effort", metavar="E", help="quick (half a minute) or thorough (minutes).")
]
Seed = Annotated[int, typer.Option("--seed", metavar="K", help="Of all randomness.")]
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", metavar="N", help="Processes for the starts; -1: one for every core."),
]


def optimum(
    model: Model,
    effort: EffortName = "quick",
    starts: Annotated[
        int | None, typer.Option("--starts", metavar="N", help="Ascents; by default the effort's.")
    ] = None,
    hops: Annotated[
        int | None,
        typer.Option("--hops", metavar="N", help="Basin hops; by default the effort's."),
    ] = None,
    seed: Seed = 0,
    start_from: Annotated[
        list[str] | None,
        typer.Option("--start-from", metavar="MODEL", help="A decoder to start at; repeatable."),
    ] = None,
    steepness: Annotated[
        list[str] | None,
        typer.Option(
            "--steepness",
            metavar="B",
            help="Bound on |f'|, in units of x per unit of z; repeatable, inf is no bound.",
        ),
    ] = None,
    fit_noise: Annotated[
        str,
        typer.Option(
            "--fit-noise",
            metavar="F",
            help="no: σ² is that of MODEL; shared: optimise one for all data dimensions; each: one "
            "each.",
        ),
    ] = "no",
    jobs: Jobs = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE.npz",
            help="Where the decoder goes; by default optimum-NAME.npz.",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a search that was interrupted.")
    ] = False,
    noise_variance: NoiseVariance = None,
    vectorize: Vectorize = False,
    breakpoints: Breakpoints = None,
    table_kind: TableKind = None,
    as_json: AsJson = False,
) -> None:
    """Run the verb."""
    if fit_noise not in _FITS:
        raise SettingError(f"--fit-noise: there is no '{fit_noise}': {nearest(fit_noise, _FITS)}")
    bounds = _bounds(steepness)
    checked_search(effort, seed, jobs)
    if output is not None:
        checked_output(output)
    from theorycheck.cli.progress import terminal_progress
    from theorycheck.cli.render import print_json, stdout_kept_for_result

    options = ModelOptions(noise_variance, vectorize, breakpoints, table_kind)
    with stdout_kept_for_result():
        data = options.load(model)
        file = (
            checked_output(Path(f"optimum-{_plain(data.name)}.npz")) if output is None else output
        )
        given = [options.load_other(spec, None, "--start-from", data) for spec in start_from or ()]
        # Last, because it takes a second that a mistake above need not.
        from theorycheck.objectives.decomposition import decompose
        from theorycheck.optimum.steepness_path import excess_against_steepness

        chosen = chosen_effort(effort, starts, hops)
        progress = terminal_progress()
        files = {bound: _file_of(bound, file, several=len(bounds) > 1) for bound in bounds}
        states = {bound: path.with_name(path.name + ".state") for bound, path in files.items()}
        try:
            found = excess_against_steepness(
                data,
                bounds,
                effort=chosen,
                given=given,
                fit_noise=fit_noise,  # type: ignore[arg-type]
                seed=seed,
                jobs=jobs,
                state_files=states,
                resume=resume,
                progress=progress,
            )
            truth = decompose(data, tolerance=chosen.tolerance, progress=progress)
        except KeyboardInterrupt:
            _tell_of_interruption(states.values(), chosen)
            raise
        for bound, result in zip(bounds, found, strict=True):
            write_decoder(result, files[bound])
        for path in states.values():
            path.unlink(missing_ok=True)
    if as_json:
        entries = [
            result.to_dict() | {"decoder": str(files[bound])}
            for bound, result in zip(bounds, found, strict=True)
        ]
        several: dict[str, object] = {"data": data.name, "against_steepness": entries}
        common = {"ground_truth": truth.to_dict()}
        print_json((several if len(entries) > 1 else entries[0]) | common)
    else:
        from theorycheck.cli.optimum_tables import show, show_path

        if len(bounds) > 1:
            show_path(found, [str(path) for path in files.values()], truth)
        else:
            show(found[0], str(files[bounds[0]]), truth)


def checked_search(effort: str, seed: int, jobs: int | None) -> None:
    """Refuse settings of a search that cannot be, before anything takes time."""
    if effort not in _EFFORTS:
        raise SettingError(f"--effort: there is no '{effort}': {nearest(effort, _EFFORTS)}")
    if seed < 0:
        raise SettingError(f"--seed must not be negative, not {seed}")
    if jobs == 0:
        raise SettingError("--jobs must not be 0")


def chosen_effort(name: str, starts: int | None = None, hops: int | None = None) -> Effort:
    """Return the named effort with the numbers that the user changed.

    Parameters
    ----------
    name : {"quick", "thorough"}
    starts, hops : int, optional
        Ascents, and basin hops in all; hops come in rounds of the effort's number.

    Returns
    -------
    Effort

    Raises
    ------
    SettingError
        If one of them is out of range.
    """
    from dataclasses import replace

    from theorycheck.optimum.global_search import QUICK, THOROUGH

    effort = {"quick": QUICK, "thorough": THOROUGH}[name]
    if starts is not None:
        if starts < 1:
            raise SettingError(f"--starts must be at least 1, not {starts}")
        effort = replace(effort, starts=starts)
    if hops is not None:
        if hops < 0:
            raise SettingError(f"--hops must not be negative, not {hops}")
        rounds = math.ceil(hops / effort.hops)
        effort = replace(effort, rounds=rounds, hops=math.ceil(hops / max(1, rounds)) or 1)
    return effort


def checked_output(path: Path) -> Path:
    """Say before minutes of work, not after, that a decoder cannot be written.

    Parameters
    ----------
    path : Path
        Where it is to go; only ``.npz`` is read back as a table.

    Returns
    -------
    Path

    Raises
    ------
    SettingError
        If the name does not end in .npz, or there is no such folder.
    """
    import os

    if path.suffix.lower() != ".npz":
        raise SettingError(f"-o {path}: the decoder is written as an .npz table, name it so")
    try:
        if path.is_dir():
            raise SettingError(f"-o {path}: is a directory")
        if not path.parent.is_dir():
            raise SettingError(f"-o {path}: there is no directory {path.parent}")
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise SettingError(f"-o {path}: {path.parent} may not be written")
    except (OSError, ValueError) as error:
        raise SettingError(f"-o {path}: {getattr(error, 'strerror', None) or error}") from error
    return path


def write_decoder(result: PredictedOptimum, path: Path) -> None:
    """Write the decoder found as the table that ``decompose`` reads back."""
    from theorycheck.models.table_files import write_table

    try:
        write_table(path, result.cells.z, result.f, "linear", result.model.noise_variance)
    except LoadingError as error:
        raise SettingError(str(error)) from error


def _bounds(texts: list[str] | None) -> list[float]:
    bounds = parse_numbers(texts, "--steepness") or [math.inf]
    if any(not bound > 0.0 for bound in bounds):
        raise SettingError(f"--steepness must be positive, not {min(bounds):g}")
    if len(set(bounds)) < len(bounds):
        raise SettingError("--steepness: a bound is given twice")
    return bounds


def _plain(name: str) -> str:
    """Return a model's name as part of a file's: an expression has brackets and slashes."""
    return re.sub(r"[^\w.+-]+", "_", name).strip("_.")[:60] or "model"


def _file_of(bound: float, file: Path, *, several: bool) -> Path:
    return file.with_stem(f"{file.stem}-steepness-{bound:g}") if several else file


def _tell_of_interruption(states: Iterable[Path], effort: Effort) -> None:
    """Say on stderr what was found, and how to go on."""
    from theorycheck.optimum.search_state import peek

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
