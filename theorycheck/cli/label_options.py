"""Options of the verbs about labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from theorycheck.errors import SettingError, nearest

if TYPE_CHECKING:
    from theorycheck.inference import Family

OneFamily = Annotated[
    str,
    typer.Option(
        "--family",
        metavar="F",
        help="Let q be conditional, q(y|x) q(z|x, y), or factorised, q(y|x) q(z|x).",
    ),
]
Bound = Annotated[
    str | None,
    typer.Option(
        "--bound",
        metavar="B",
        help="Average the weights of iwae inside the sum over y (inside, the default), or sum "
        "y in every weight (summed), or, for a continuous y, weigh pairs (y, z) (pairs).",
    ),
]
OneGamma = Annotated[
    float,
    typer.Option("--gamma", metavar="G", help="Weigh the bound of labelled x by γ = G, 0 or more."),
]
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


def checked_family(name: str) -> Family:
    """Return the family that --family names.

    Raises
    ------
    SettingError
        If there is none of that name.
    """
    from theorycheck.objectives import LABEL_FAMILIES

    families = {one.key: one for one in LABEL_FAMILIES}
    if name not in families:
        raise SettingError(f"--family: there is no '{name}': {nearest(name, families)}")
    return families[name]
