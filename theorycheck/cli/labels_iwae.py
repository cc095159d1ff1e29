"""Prints the IWAE figures of ``theorycheck labels --iwae S``."""

from __future__ import annotations

from collections.abc import Sequence

from theorycheck.cli.render import console, say, table
from theorycheck.models import LabelledModel
from theorycheck.objectives import LabelledIwae

_ROWS = (
    ("pmo_u_inside", "PMO_U, averaged inside the sum over y"),
    ("pmo_u_joint", "PMO_U, averaged over pairs (y, z)"),
    ("pmo_l", "PMO_L, x with a label"),
)


def show_draws(data: LabelledModel, draws: Sequence[LabelledIwae]) -> None:
    """Print what the IWAE bounds miss at the ground truth, a column for every S.

    Parameters
    ----------
    data : LabelledModel
        The ground truth.
    draws : sequence of LabelledIwae
        One for each family and S; none prints nothing.
    """
    if not draws:
        return
    out = console()
    for family in dict.fromkeys(one.family for one in draws):
        own = [one for one in draws if one.family == family]
        columns = ("nats", *(f"S = {one.samples}" for one in own))
        rows = [(text, *(str(getattr(one, name)) for one in own)) for name, text in _ROWS]
        out.print(table(f"{data.name}: ground truth by IWAE, {family.name}", columns, rows))
    say(
        out,
        "The two bounds on log p(x) are not the same: inside, S samples of z for every label; "
        "over pairs, S samples of label and z together. Both are taken at the q that is best for "
        "the first.",
    )
