"""The decoder that is left of a table on a grid where latents that f does not use are left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from theorycheck.models._decoder import Decoder
from theorycheck.models._generative import GenerativeModel
from theorycheck.models._grid_table import GridTable, decoder_from_grid_table
from theorycheck.models._table import decoder_from_table


def with_used_latents(
    model: GenerativeModel, fewest: int = 1
) -> tuple[GenerativeModel, tuple[int, ...]]:
    """Leave out the latents along which the table of a model is constant.

    p(x), the posterior of the others and their best q stay as they are; a latent that is left out
    has its prior for posterior and for best q.

    Parameters
    ----------
    model : GenerativeModel
        A model of any kind.
    fewest : int
        Latents that are left at least: the first that f does not use make up for what lacks.

    Returns
    -------
    model : GenerativeModel
        One of fewer latents; the same where f is no table on a grid, or uses all.
    used : tuple of int
        Which latents of the model its latents are, from 0.
    """
    table = model.decoder.table
    every = tuple(range(model.latent_dim))
    if not isinstance(table, GridTable):
        return model, every
    unused = [k for k in every if k not in table.used]
    used = tuple(sorted([*table.used, *unused[: max(0, fewest - len(table.used))]]))
    if used == every:
        return model, every
    values = table.values
    for k in sorted(set(every) - set(used), reverse=True):
        values = np.take(values, 0, axis=k)
    axes = tuple(table.axes[k] for k in used)
    name = model.decoder.name
    decoder: Decoder = (
        decoder_from_table(axes[0], values, kind="linear", name=name)
        if len(used) == 1
        else decoder_from_grid_table(axes, values, kind=table.kind, name=name)
    )
    return replace(model, decoder=decoder), used
