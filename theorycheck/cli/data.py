"""Runs ``theorycheck data``: the public data sets of semi-supervised learning."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from theorycheck.cli.label_options import LabelledShare
from theorycheck.cli.options import AsJson
from theorycheck.cli.search_options import Seed

if TYPE_CHECKING:
    from theorycheck.cohorts import Baseline, Cohort, Split

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="A data set: debrecen, contraceptive or titanic.",
        show_default=False,
    ),
]
Folder = Annotated[
    Path | None,
    typer.Option(
        "--folder",
        metavar="DIR",
        help="Take the published file from this folder, and download nothing.",
    ),
]
Cache = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        metavar="DIR",
        help="Keep the files in this folder. By default it is the user's cache, or 'data' in the "
        "folder that THEORYCHECK_CACHE names.",
    ),
]
Splits = Annotated[
    int, typer.Option("--splits", metavar="N", help="Number of training and test splits.")
]


def fetch(name: Name, folder: Folder = None, cache: Cache = None, as_json: AsJson = False) -> None:
    """Run ``data fetch``."""
    from theorycheck.cli.render import console, print_json, say
    from theorycheck.cohorts import fetch as run

    found = run(name, folder=folder, cache=cache)
    if as_json:
        print_json(found.to_dict(), "data_fetch")
        return
    out = console()
    where = "It was there already" if found.origin == "cache" else f"Taken from {found.origin}"
    say(out, f"{found.source.title}: {found.path}")
    say(out, f"{where}; the checksum is that of the published file.")


def show(
    name: Name,
    folder: Folder = None,
    cache: Cache = None,
    splits: Splits = 5,
    labelled_share: LabelledShare = 0.1,
    seed: Seed = 0,
    baseline: Annotated[
        bool,
        typer.Option(
            "--baseline",
            help="Add the accuracy of logistic regression on the labelled rows of each split.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run ``data show``."""
    from theorycheck.cli.render import print_json
    from theorycheck.cohorts import label_baseline, load_cohort, split_cohort

    cohort = load_cohort(name, folder=folder, cache=cache)
    divided = split_cohort(cohort, count=splits, seed=seed, labelled_share=labelled_share)
    reached = label_baseline(divided) if baseline else None
    if as_json:
        entry = cohort.to_dict() | {
            "seed": seed,
            "labelled_share": labelled_share,
            "splits": [split.to_dict() for split in divided],
            "baseline": None if reached is None else reached.to_dict(),
        }
        print_json(entry, "data_show")
        return
    _print(cohort, divided, reached)


def _print(cohort: Cohort, splits: tuple[Split, ...], reached: Baseline | None) -> None:
    from theorycheck.cli.render import console, say, table

    out = console()
    rows = [
        (f"{label}: {name}", f"{count:,}", f"{count / cohort.size:.1%}")
        for label, (name, count) in enumerate(zip(cohort.classes, cohort.class_counts, strict=True))
    ]
    title = f"{cohort.name}: {cohort.size:,} rows, {cohort.data_dim} features"
    out.print(table(title, ("class", "rows", "share"), rows))
    first = splits[0]
    say(
        out,
        f"{len(splits)} split(s), each: {len(first.y):,} training rows, "
        f"{int(first.observed.sum()):,} of them with a label, and {len(first.test_y):,} test rows.",
    )
    say(
        out,
        f"{cohort.distinct_rows:,} distinct x, {cohort.duplicate_rows:,} rows repeat another's: no "
        f"classifier has an accuracy above {cohort.largest_accuracy:.4f} on all rows.",
    )
    for reason in first.floor.reasons:
        say(out, f"  {reason}")
    if first.floor.reasons:
        low, high = first.floor.each.min(), first.floor.each.max()
        say(
            out,
            "Gaussian likelihoods of such values grow without bound as σ² shrinks: hold σ² at "
            f"{first.floor.shared:.3g} or above where all columns share it, and at {low:.3g} to "
            f"{high:.3g} where each has its own (x standardised; --json has all).",
        )
    if reached is not None:
        say(
            out,
            f"Logistic regression on the labelled rows: balanced accuracy {reached.labelled}, "
            f"accuracy {reached.labelled_accuracy}; with all labels {reached.everything} balanced "
            "(mean ± standard deviation over the splits).",
        )
