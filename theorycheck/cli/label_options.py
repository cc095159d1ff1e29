"""Options of the verbs about labels."""

from __future__ import annotations

from typing import Annotated

import typer

Alpha = Annotated[
    float,
    typer.Option(
        "--alpha", metavar="A", help="Weigh E log q(y|x) of labelled x by α = A, 0 or more."
    ),
]
LabelledShare = Annotated[
    float,
    typer.Option("--labelled-share", metavar="S", help="Give this share of the x a label, 0 to 1."),
]
Prior = Annotated[
    list[str] | None,
    typer.Option(
        "--prior",
        metavar="P",
        help="Give the classes these shares of p(x), numbers separated by commas with sum 1. "
        "By default all are equal.",
    ),
]
Classes = Annotated[
    int | None,
    typer.Option(
        "--classes",
        metavar="C",
        help="Number of classes, y = 0 to C - 1, of a function or an expression. By default 2.",
    ),
]
LabelledModelName = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="The decoder of every class, with one noise variance σ², in one of the forms above.",
        show_default=False,
    ),
]
LabelsAre = Annotated[
    str | None,
    typer.Option(
        "--labels",
        metavar="KIND",
        help="Take y as discrete, 0 to C - 1, or as continuous, y ~ N(0, 1). By default it is "
        "discrete but for continuous_semi_circle.",
    ),
]
