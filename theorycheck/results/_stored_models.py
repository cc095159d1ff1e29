"""Stores models in result files: by name or formula, as a table, or by fingerprint alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theorycheck.errors import DecoderError, TheorycheckError
from theorycheck.models import (
    BENCHMARKS,
    GRID_AXES,
    Decoder,
    GenerativeModel,
    benchmark,
    decoder_from_grid_table,
    decoder_from_table,
    parse_expression,
    table_arrays,
)

Array = NDArray[np.float64]


def stored_model(
    model: GenerativeModel, arrays: dict[str, NDArray[Any]], key: str
) -> dict[str, Any]:
    """Return what a file says of a model; the table of a decoder that is one goes to the arrays.

    Parameters
    ----------
    model : GenerativeModel
        Model to be stored.
    arrays : dict
        To be filled.
    key : str
        The prefix of its arrays' names.

    Returns
    -------
    dict
        Plain values.
    """
    decoder = model.decoder
    breakpoints = None if decoder.breakpoints is None else list(decoder.breakpoints)
    entry: dict[str, Any] = {
        "name": decoder.name,
        "formula": decoder.formula,
        "data_dim": decoder.data_dim,
        "latent_dim": decoder.latent_dim,
        "noise_variance": model.noise_variance.tolist(),
        "breakpoints": breakpoints,
        "resolution": decoder.resolution if np.isfinite(decoder.resolution) else None,
        "fingerprint": model.fingerprint,
        "table": None,
    }
    if decoder.table is not None:
        entry["table"] = decoder.table.kind
        held = table_arrays(decoder.table)
        arrays |= {f"{key}/{name}": held[name] for name in ("z", *GRID_AXES, "f") if name in held}
        if breakpoints is not None and breakpoints == held["z"].tolist():
            entry["breakpoints"] = "table"
    return entry


def loaded_model(
    entry: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any]],
    key: str,
    given: Sequence[GenerativeModel],
) -> GenerativeModel:
    """Return the model that an entry tells of.

    Parameters
    ----------
    entry, arrays, key
        What :func:`stored_model` made.
    given : sequence of GenerativeModel
        Models at hand: one of the same fingerprint is taken.

    Returns
    -------
    GenerativeModel
        A model that was given; else one made from the table, the benchmark or the formula; else one
        that has a name, σ² and a fingerprint, whose f is not known: to evaluate it raises
        DecoderError.
    """
    wanted = str(entry["fingerprint"])
    for model in given:
        if model.fingerprint == wanted:
            return model
    found = _made(entry, arrays, key)
    if found is not None and found.fingerprint == wanted:
        return found
    name = str(entry["name"])
    points = entry["breakpoints"]
    absent = Decoder(
        function=_Absent(name),
        data_dim=int(entry["data_dim"]),
        latent_dim=int(entry.get("latent_dim", 1)),
        name=name,
        formula=entry["formula"],
        breakpoints=None if points is None or points == "table" else tuple(points),
    )
    model = GenerativeModel(absent, entry["noise_variance"])
    # A cached property: this is the fingerprint of the f that is not here.
    vars(model)["fingerprint"] = wanted
    return model


class _Absent:
    """Stands for an f that a result file does not hold."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, z: Array) -> Array:  # noqa: ARG002
        raise DecoderError(
            f"{self.name}: the result file does not hold its f; give the model when loading"
        )


def _made(
    entry: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], key: str
) -> GenerativeModel | None:
    """Make the model anew where the entry tells how."""
    name, formula = str(entry["name"]), entry["formula"]
    try:
        if entry["table"] is not None:
            f, kind = arrays[f"{key}/f"], str(entry["table"])
            axes = [arrays[f"{key}/{one}"] for one in GRID_AXES if f"{key}/{one}" in arrays]
            if axes:
                decoder = decoder_from_grid_table(axes, f, kind=kind, name=name)
            else:
                decoder = decoder_from_table(arrays[f"{key}/z"], f, kind=kind, name=name)
        elif name.split(":")[0] in BENCHMARKS:
            decoder = benchmark(name).decoder
        elif formula is not None:
            latents = int(entry.get("latent_dim", 1))
            decoder = parse_expression(str(formula)).to_decoder(name=name, latents=latents)
        else:
            return None
    except TheorycheckError:
        return None
    if entry["breakpoints"] != "table":
        points = entry["breakpoints"]
        decoder = replace(decoder, breakpoints=None if points is None else tuple(points))
    resolution = entry["resolution"]
    decoder = decoder.with_resolution(np.inf if resolution is None else float(resolution))
    return GenerativeModel(decoder, entry["noise_variance"])
