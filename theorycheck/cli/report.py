"""``theorycheck report``: an HTML report with figures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from theorycheck.cli.options import (
    AlternativeNoiseVariance,
    Alternatives,
    AsJson,
    Breakpoints,
    Eta,
    ModelOptions,
    Models,
    NoiseVariance,
    TableKind,
    Vectorize,
    cannot_write,
    checked_alternatives,
    checked_directory,
    checked_tolerance,
    parse_eta,
)


def report(
    models: Models,
    directory: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="DIR", help="Where to write.", show_default=False),
    ],
    alternative: Alternatives = None,
    eta: Eta = None,
    tolerance: Annotated[
        float, typer.Option("--tolerance", metavar="T", help="Error radius of every PMO, nats.")
    ] = 1e-6,
    noise_variance: NoiseVariance = None,
    alternative_noise_variance: AlternativeNoiseVariance = None,
    vectorize: Vectorize = False,
    breakpoints: Breakpoints = None,
    table_kind: TableKind = None,
    as_json: AsJson = False,
) -> None:
    """Run the verb."""
    checked_alternatives(alternative, alternative_noise_variance)
    checked_tolerance(tolerance)
    checked_directory(directory)
    from theorycheck.cli.progress import terminal_progress
    from theorycheck.cli.render import console, print_json, say, stdout_kept_for_result

    options = ModelOptions(noise_variance, vectorize, breakpoints, table_kind)
    thresholds = parse_eta(eta)
    with stdout_kept_for_result():
        loaded = [options.load(spec) for spec in models]
        # Each ground truth has every alternative, with its own σ² where they have none.
        others = {
            one.name: options.load_alternatives(alternative, alternative_noise_variance, one)
            for one in loaded
        }
        # Last, because it takes a second that a mistake above need not.
        from theorycheck.report.html import write_report

        try:
            page = write_report(
                loaded,
                directory,
                alternatives=others,
                eta=thresholds,
                tolerance=tolerance,
                progress=terminal_progress(),
            )
        except OSError as error:
            raise cannot_write(directory, error) from error
    if as_json:
        print_json({"report": str(page), "models": [model.name for model in loaded]})
    else:
        say(console(), f"Wrote {page}")
