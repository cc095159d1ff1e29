"""Reads ``linear:[[…], …]`` on the command line: linear-Gaussian models with any K."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from theorycheck.errors import LoadingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from theorycheck.inference import ExactLinearGaussian

#: What such a MODEL begins with.
PREFIX = "linear:"


def linear_model(spec: str, noise_variance: Sequence[float] | None) -> ExactLinearGaussian | None:
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
    ExactLinearGaussian or None
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
    from theorycheck.inference import ExactLinearGaussian, LinearGaussianModel

    return ExactLinearGaussian(LinearGaussianModel(rows, list(noise_variance), name=spec.strip()))


_FORM = "linear:[[1, 0.5], [0.2, 2]], a row for each data dimension, a column for each latent"
