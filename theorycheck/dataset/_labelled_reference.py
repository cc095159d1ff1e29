"""Stored reference values of labelled benchmarks: J of the ground truth and of the optimum found.

``python -m benchmarks.labelled_reference`` computes them: a JSON card for each benchmark, and a
table for each family of q and each class, in the folder ``reference_values`` of this package.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from theorycheck.dataset._reference import FOLDER
from theorycheck.errors import LoadingError, nearest
from theorycheck.estimate import Estimate
from theorycheck.inference import CONDITIONAL, Family
from theorycheck.models import GenerativeModel, LabelledModel, decoder_of_table, read_table
from theorycheck.objectives import LABEL_FAMILIES

#: Labelled benchmarks with reference values.
LABELLED_REFERENCED = ("discrete_semi_circle",)
#: What a card says of the ground truth and of the optimum.
_FIGURES = (
    "excess", "mleo_x", "mleo_xy", "pmo_u", "pmo_l", "label_kl", "information", "total_variation",
)  # fmt: skip


@dataclass(frozen=True)
class LabelledReference:
    """The reference values of one labelled benchmark and family of q, at γ = 1, α = 0, ℓ = 0.1.

    Parameters
    ----------
    name : str
        Name of the benchmark.
    family : Family
        What q may be.
    ground_truth, optimum : mapping of str to Estimate
        J (`excess`) and its parts, I(x; y) (`information`) and the total variation, nats; at the
        optimum found J is an upper bound on the least J of any f_y.
    collapse : Estimate
        Share of the data's I(x; y) that the optimum found gives up.
    card : mapping
        The whole card: settings, method, effort, seed, versions.
    """

    name: str
    family: Family
    ground_truth: Mapping[str, Estimate]
    optimum: Mapping[str, Estimate]
    collapse: Estimate
    card: Mapping[str, Any] = field(repr=False)


def labelled_card_path(name: str) -> Path:
    """Return where the card of a labelled benchmark is."""
    return FOLDER / f"{name}.labels.json"


def class_decoder_path(name: str, family: Family, y: int) -> Path:
    """Return where f_y of the optimum found is: a table that ``load_model`` reads."""
    return FOLDER / f"{name}-{family.key}-y{y}.npz"


@cache
def labelled_reference(name: str, family: Family = CONDITIONAL) -> LabelledReference:
    """Return the stored reference values of a labelled benchmark.

    Parameters
    ----------
    name : str
        One of ``LABELLED_REFERENCED``.
    family : Family
        CONDITIONAL or FACTORISED.

    Returns
    -------
    LabelledReference

    Raises
    ------
    LoadingError
        If there are none of that name or family.
    """
    if name not in LABELLED_REFERENCED:
        known = nearest(name, LABELLED_REFERENCED)
        raise LoadingError(f"there are no labelled reference values for '{name}': {known}")
    if family not in LABEL_FAMILIES:
        raise LoadingError(f"{name}: no reference values for {family.name} q")
    card = json.loads(labelled_card_path(name).read_text(encoding="utf-8"))
    entry = next(one for one in card["families"] if one["family"] == family.key)
    return LabelledReference(
        name=card["name"],
        family=family,
        ground_truth={key: Estimate.from_dict(entry["ground_truth"][key]) for key in _FIGURES},
        optimum={key: Estimate.from_dict(entry["optimum"][key]) for key in _FIGURES},
        collapse=Estimate.from_dict(entry["collapse"]),
        card=card,
    )


def labelled_optimum(name: str, family: Family = CONDITIONAL) -> LabelledModel:
    """Return the stored f_y that have the least J of all that were found; parameters as above."""
    card = labelled_reference(name, family).card
    classes = []
    for y in range(len(card["prior"])):
        table = read_table(class_decoder_path(name, family, y))
        decoder = decoder_of_table(table, f"optimum of class {y}")
        classes.append(GenerativeModel(decoder, card["noise_variance"]))
    return LabelledModel(classes, card["prior"], f"optimum of {name}")
