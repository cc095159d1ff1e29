"""Stored reference values: H, and J = MLEO + PMO of the ground truth and of the optimum found.

``python -m benchmarks.reference_values`` computes them and writes one JSON card and one decoder
a benchmark into the folder ``reference`` of this package.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from theorycheck.errors import LoadingError, nearest
from theorycheck.estimate import Estimate
from theorycheck.models import BENCHMARKS, GenerativeModel, decoder_of_table, read_table
from theorycheck.objectives import ObjectiveValue

#: Where the cards and decoders are.
FOLDER = Path(__file__).with_name("reference_values")
#: Benchmarks with reference values: those with a latent only, no label.
REFERENCED = tuple(name for name, entry in BENCHMARKS.items() if not entry.semi_supervised)


@dataclass(frozen=True)
class Reference:
    """The reference values of one benchmark.

    Parameters
    ----------
    name : str
        Name of the benchmark.
    noise_variance : float
        σ² that they are for.
    entropy : Estimate
        H of the data distribution, nats.
    ground_truth : ObjectiveValue
        The objective at the ground truth; its MLEO is 0.
    optimum : ObjectiveValue
        The objective at the best decoder found: an upper bound on the least J of any decoder.
    card : mapping
        The whole card: method, effort, seed, precision, versions, checks.
    """

    name: str
    noise_variance: float
    entropy: Estimate
    ground_truth: ObjectiveValue
    optimum: ObjectiveValue
    card: Mapping[str, Any] = field(repr=False)


def card_path(name: str) -> Path:
    """Return where the card of a benchmark is."""
    return FOLDER / f"{name}.json"


def decoder_path(name: str) -> Path:
    """Return where the decoder found for a benchmark is: a table that ``load_model`` reads."""
    return FOLDER / f"{name}.npz"


def has_reference(name: str) -> bool:
    """Tell whether there are reference values for a model of this name."""
    return name in REFERENCED and card_path(name).is_file()


@cache
def reference(name: str) -> Reference:
    """Return the stored reference values of a benchmark.

    Parameters
    ----------
    name : str
        One of ``REFERENCED``.

    Returns
    -------
    Reference

    Raises
    ------
    LoadingError
        If there are none of that name.
    """
    if not has_reference(name):
        known = filter(has_reference, REFERENCED)
        raise LoadingError(f"there are no reference values for '{name}': {nearest(name, known)}")
    card = json.loads(card_path(name).read_text(encoding="utf-8"))
    return Reference(
        name=card["name"],
        noise_variance=card["noise_variance"],
        entropy=Estimate.from_dict(card["entropy"]),
        ground_truth=ObjectiveValue.from_dict(card["ground_truth"]),
        optimum=ObjectiveValue.from_dict(card["optimum"]),
        card=card,
    )


def predicted_optimum(name: str) -> GenerativeModel:
    """Return the stored decoder that has the least J of all that were found.

    Parameters
    ----------
    name : str
        One of ``REFERENCED``.

    Returns
    -------
    GenerativeModel

    Raises
    ------
    LoadingError
        If there is none.
    """
    stored = reference(name)
    table = read_table(decoder_path(name))
    decoder = decoder_of_table(table, f"optimum of {stored.name}")
    return GenerativeModel(decoder, stored.noise_variance)
