"""Runs ``theorycheck dataset`` and ``theorycheck score``: the benchmarks as a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from theorycheck.cli.options import (
    AsJson,
    Breakpoints,
    Model,
    ModelOptions,
    NoiseVariance,
    Resolution,
    TableKind,
    Vectorize,
    checked_directory,
    checked_tolerance,
)
from theorycheck.cli.search_options import Seed
from theorycheck.errors import LoadingError


def dataset(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="The name of a benchmark (see theorycheck list).",
            show_default=False,
        ),
    ],
    directory: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR",
            help="Write NAME.npz and NAME.json into this folder.",
            show_default=False,
        ),
    ],
    size: Annotated[int, typer.Option("--size", metavar="N", help="Number of draws.")] = 1000,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Run the verb."""
    checked_directory(directory)
    from theorycheck.cli.render import console, print_json, say
    from theorycheck.dataset import draw, write_sample

    arrays, card = write_sample(draw(name, size=size, seed=seed), directory)
    if as_json:
        print_json(
            {"arrays": str(arrays), "card": str(card), "size": size, "seed": seed}, "dataset"
        )
    else:
        say(console(), f"Wrote {arrays} and {card}")


def score(
    model: Model,
    on: Annotated[
        str,
        typer.Option(
            "--on",
            metavar="NAME",
            help="Take p(x) from this benchmark (see theorycheck list).",
            show_default=False,
        ),
    ],
    tolerance: Annotated[
        float,
        typer.Option("--tolerance", metavar="T", help="Aim at this error radius of the PMO, nats."),
    ] = 1e-5,
    noise_variance: NoiseVariance = None,
    vectorize: Vectorize = False,
    breakpoints: Breakpoints = None,
    table_kind: TableKind = None,
    resolution: Resolution = None,
    as_json: AsJson = False,
) -> None:
    """Run the verb."""
    checked_tolerance(tolerance)
    from theorycheck.cli.render import console, print_json, say, stdout_kept_for_result, table
    from theorycheck.dataset import score as run
    from theorycheck.models import benchmark

    options = ModelOptions(noise_variance, vectorize, breakpoints, table_kind, resolution)
    with stdout_kept_for_result():
        data = benchmark(on)
        try:
            loaded = options.load(model)
        except LoadingError:
            loaded = options.load_other(model, noise_variance, "--noise-variance", data)
        result = run(loaded, on, tolerance=tolerance)
    if as_json:
        print_json(result.to_dict(), "score")
        return
    rows = [("this decoder", str(result.excess), str(result.mleo), str(result.pmo))]
    if result.reference is not None:
        for text, one in (
            ("ground truth", result.reference.ground_truth),
            ("best decoder found", result.reference.optimum),
        ):
            rows.append((text, str(one.excess), str(one.mleo), str(one.pmo)))
    out = console()
    title = f"{result.decomposition.model.name} on {on}, nats"
    out.print(table(title, ("", "J = MLEO + PMO", "MLEO", "PMO"), rows))
    if result.reference is not None:
        say(out, f"J above the ground truth's: {result.above_ground_truth}")
        say(out, f"J above the best found:     {result.above_optimum}")
