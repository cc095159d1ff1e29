"""Runs ``theorycheck advise``: the paper's guidelines, computed from a table of data."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from theorycheck.cli.label_options import LabelledShare
from theorycheck.cli.options import AsJson, checked_directory
from theorycheck.cli.search_options import Seed
from theorycheck.errors import SettingError

if TYPE_CHECKING:
    from theorycheck.advise import Advice
    from theorycheck.optimum import TableFit


def advise(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A table: text with a row of names (any separator), .arff, KEEL's .dat, .parquet, "
            "or .npy or .npz with an array x.",
            show_default=False,
        ),
    ],
    label: Annotated[
        str | None,
        typer.Option("--label", metavar="COLUMN", help="Name of a column that is a label."),
    ] = None,
    labelled_share: LabelledShare = 0.1,
    drop_missing: Annotated[
        bool, typer.Option("--drop-missing", help="Leave rows with a missing value out.")
    ] = False,
    latents: Annotated[
        int,
        typer.Option(
            "--latents", metavar="K", help="Number of latents of the decoders fitted; 1 so far."
        ),
    ] = 1,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR",
            help="Write advice.html, advice.json and the fitted decoders into this folder.",
        ),
    ] = None,
    rows: Annotated[
        int,
        typer.Option("--rows", metavar="N", help="Fit to at most N rows, drawn at random."),
    ] = 1000,
    splits: Annotated[
        int, typer.Option("--splits", metavar="N", help="Number of training and test splits.")
    ] = 5,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Run the verb."""
    if latents != 1:
        raise SettingError(f"--latents: a table is fitted with one latent so far, not {latents}")
    if output is not None:
        checked_directory(output)
    from theorycheck.advise import FitSettings, read_table
    from theorycheck.advise import advise as run
    from theorycheck.cli.render import print_json
    from theorycheck.terminal_progress import terminal_progress

    found = run(
        read_table(file, label=label, drop_missing=drop_missing),
        settings=FitSettings(splits=splits),
        labelled_share=labelled_share,
        most_rows=rows,
        seed=seed,
        progress=terminal_progress(),
    )
    if output is not None:
        _write(found, output)
    if as_json:
        print_json({**found.to_dict(), "seed": seed, "output": _text(output)}, "advise")
    else:
        _print(found, output)


def _text(output: Path | None) -> str | None:
    return None if output is None else str(output)


def _print(found: Advice, output: Path | None) -> None:
    from theorycheck.advise import likeness_words
    from theorycheck.cli.render import console, estimate_text, ruling_text, say, table

    out = console()
    for line in found.description.lines():
        say(out, line)
    for reason in found.description.floor.reasons:
        say(out, f"  {reason}")
    entry = found.fits
    rows = [
        ("σ², exact likelihood", entry.noise_variance("exact_likelihood")),
        ("σ², ELBO (fitted)", entry.noise_variance("elbo")),
        ("held-out log p, exact likelihood", entry.held_out("exact_likelihood")),
        ("held-out log p, ELBO", entry.held_out("elbo")),
        ("MLEO gap", entry.mleo_gap),
        ("modes", found.shape.modes),
        ("prominence of the second mode, nats", found.shape.measures.second_mode),
        ("fall into the deepest hole, nats", found.shape.measures.first_loop),
        ("fall into the second hole, nats", found.shape.measures.second_loop),
        ("share of p(z) whose strands meet", found.strands.on_curve),
        *(
            (f"dimension at neighbour {neighbour}", value)
            for neighbour, value in found.shape.dimension
        ),
    ]
    title = f"{found.name}: {found.rows_used:,} rows fitted, {len(entry.splits)} splits"
    out.print(
        table(title, ("measure", "value"), [(name, estimate_text(value)) for name, value in rows])
    )
    words = likeness_words(found.shape.measures)
    out.print(
        table(
            f"Shape of {found.shape.rows_used:,} rows",
            ("like", "verdict"),
            [(name, verdict.value) for name, verdict in found.shape.like.by_example.items()],
        )
    )
    for sentence in words.values():
        say(out, f"  {sentence}")
    out.print(
        table(
            "Guidelines",
            ("guideline", "verdict"),
            [(f"{one.number}: {one.title}", ruling_text(one.ruling)) for one in found.guidelines],
        )
    )
    for one in found.guidelines:
        say(out, f"{one.number}. {one.advice}")
        say(out, f"   {one.evidence}")
        say(out, f"   {one.command}")
    if output is not None:
        say(out, f"Wrote advice.html, advice.json and the decoders into {output}")


def _write(found: Advice, folder: Path) -> None:
    """Write the page, the numbers, both decoders of the first split as (z, f), and the rows."""
    import json

    import numpy as np

    from theorycheck.cli.result_files import write_folder
    from theorycheck.json_values import jsonable
    from theorycheck.report import advice_page

    pair = found.fits.splits[0].pair
    stream = io.StringIO()
    np.savetxt(stream, found.x, delimiter=",")
    text = json.dumps(jsonable(found.to_dict()), indent=1, ensure_ascii=False, allow_nan=False)
    write_folder(
        folder,
        {
            "advice.html": advice_page(found),
            "advice.json": text + "\n",
            "elbo.csv": _curve(pair.elbo),
            "exact_likelihood.csv": _curve(pair.exact_likelihood),
            "standardised.csv": stream.getvalue(),
        },
    )


def _curve(fit: TableFit) -> str:
    import numpy as np

    stream = io.StringIO()
    np.savetxt(stream, np.column_stack([fit.cells.z, fit.f]), delimiter=",", fmt="%.17g")
    return stream.getvalue()
