"""Families of q: what the approximation of the posterior may be.

An exact model says which families it offers, and its optimal q is asked for in one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from theorycheck.errors import ModelError, SettingError, nearest
from theorycheck.results import Named

if TYPE_CHECKING:
    from theorycheck.inference._exact_model import ExactModel


@dataclass(frozen=True)
class Family(Named):
    """A family of q(z|x).

    Parameters
    ----------
    key : str
        What files and JSON call it.
    name : str
        What tables and sentences call it.
    what : str
        One sentence that says what q may be.
    """

    key: str
    name: str
    what: str

    def to_dict(self) -> dict[str, Any]:
        """Return the key, which is all that a file holds."""
        return {"family": self.key}

    @classmethod
    def from_dict(cls, entries: Mapping[str, Any]) -> Family:
        """Read what :meth:`to_dict` returned.

        Raises
        ------
        SettingError
            If there is no family of that key.
        """
        key = str(entries.get("family"))
        if key not in FAMILIES:
            raise SettingError(f"there is no family of q '{key}': {nearest(key, FAMILIES)}")
        return FAMILIES[key]


#: The family of the paper, and of every VAE with a Gaussian encoder.
MEAN_FIELD = Family(
    "mean_field",
    "mean-field Gaussian",
    "q(z|x) is a Gaussian with independent latents: a mean and a scale for each latent and each x.",
)

#: The two families of labelled models.
CONDITIONAL = Family(
    "conditional",
    "conditional q(y|x) q(z|x, y)",
    "q(y|x) is any distribution over the classes, q(z|x, y) a Gaussian for each class and each x.",
)
FACTORISED = Family(
    "factorised",
    "factorised q(y|x) q(z|x)",
    "q(y|x) is any distribution over the classes, q(z|x) one Gaussian for each x, whatever y is.",
)

#: The families of models with a continuous label.
NAIVE = Family(
    "naive",
    "naive q(y|x) q(z|x)",
    "q(y|x) is one Gaussian, q(z|x) another, whatever y is.",
)
NAIVE_CONDITIONAL = Family(
    "naive_conditional",
    "naive q(y|x) q(z|x, y)",
    "q(y|x) is one Gaussian, q(z|x, y) a Gaussian for each y and each x.",
)
FLEXIBLE = Family(
    "flexible",
    "flexible q(y|x) q(z|x, y)",
    "q(y|x) is any density, q(z|x, y) a Gaussian for each y and each x.",
)
NAIVE_IWAE = Family(
    "naive_iwae",
    "naive q(y|x), IWAE over z",
    "q(y|x) is one Gaussian; the importance average over z, inside the expectation over y, is "
    "taken to its limit of infinitely many samples, log p(x, y).",
)

#: All families, by their keys.
FAMILIES = {
    family.key: family
    for family in (
        *(MEAN_FIELD, CONDITIONAL, FACTORISED),
        *(NAIVE, NAIVE_CONDITIONAL, FLEXIBLE, NAIVE_IWAE),
    )
}


def checked_family(model: ExactModel, family: Family) -> Family:
    """Return a family that a model offers.

    Parameters
    ----------
    model : ExactModel
        What the optimal q is asked of.
    family : Family
        What q may be.

    Returns
    -------
    Family

    Raises
    ------
    ModelError
        If the model's optimal q is not known in that family.
    """
    if family not in model.families:
        offered = " or ".join(one.name for one in model.families)
        raise ModelError(
            f"{model.model.name}: its optimal q is known as a {offered}, not as a {family.name}"
        )
    return family
