"""Reads ``linear:[[…], …]`` on the command line: linear-Gaussian models with any K."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from theorycheck.errors import LoadingError, SettingError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from theorycheck.inference import LinearGaussianModel
    from theorycheck.models import DescribedModel, GenerativeModel

#: What such a MODEL begins with.
PREFIX = "linear:"


def linear_model(spec: str, noise_variance: Sequence[float] | None) -> LinearGaussianModel | None:
    """Read a linear-Gaussian model, if a MODEL is one.

    Parameters
    ----------
    spec : str
        ``linear:`` and W as rows of numbers, a row for each data dimension and a column for each
        latent: ``linear:[[1, 0.5], [0.2, 2]]``.
    noise_variance : sequence of float or None
        σ², one or D numbers.

    Returns
    -------
    LinearGaussianModel or None
        The model; None where the MODEL is of another kind.

    Raises
    ------
    LoadingError
        If W is no matrix of numbers, or there is no σ².
    ModelError
        If a number is out of range.
    """
    if not spec.strip().startswith(PREFIX):
        return None
    text = spec.strip().removeprefix(PREFIX)
    try:
        rows = json.loads(text)
    except ValueError as error:
        raise LoadingError(f"{spec}: W is not readable ({error}); write {_FORM}") from error
    square = isinstance(rows, list) and rows and all(isinstance(row, list) for row in rows)
    if not square or len({len(row) for row in rows}) != 1 or not rows[0]:
        raise LoadingError(f"{spec}: W needs rows of one length; write {_FORM}")
    if not all(type(entry) in (int, float) for row in rows for entry in row):
        raise LoadingError(f"{spec}: W must hold numbers; write {_FORM}")
    if not noise_variance:
        raise LoadingError(f"{spec} has no noise variance: give --noise-variance")
    from theorycheck.inference import LinearGaussianModel

    return LinearGaussianModel(rows, list(noise_variance), name=spec.strip())


def with_decoder(
    model: DescribedModel, *, output: Path | None = None, optimum: Sequence[Path] = ()
) -> GenerativeModel | None:
    """Return a model of the command as one with a decoder of one latent, if it is one.

    Parameters
    ----------
    model : DescribedModel
        As it was loaded.
    output : Path or None
        What -o says.
    optimum : sequence of Path
        What --optimum says.

    Returns
    -------
    GenerativeModel or None
        None for a ``linear:`` model, and for a decoder of several latents.

    Raises
    ------
    SettingError
        If results of a ``linear:`` model are to go to a file, or to come from one.
    """
    from theorycheck.models import GenerativeModel, is_on_line

    if is_on_line(model):
        return model
    if isinstance(model, GenerativeModel):
        return None
    for option, given in (("-o", output), ("--optimum", optimum)):
        if given:
            raise SettingError(f"{option}: results of linear: models are not written to files")
    return None


_FORM = "linear:[[1, 0.5], [0.2, 2]], a row for each data dimension, a column for each latent"


def has_iwae_bound(model: DescribedModel) -> bool:
    """Tell whether the IWAE bound of a model is known: it has a decoder of one latent or of two.

    Parameters
    ----------
    model : DescribedModel
        As it was loaded.

    Returns
    -------
    bool
    """
    from theorycheck.models import GenerativeModel

    return isinstance(model, GenerativeModel) and model.latent_dim <= 2
