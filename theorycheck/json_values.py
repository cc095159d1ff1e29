"""Converts values to what JSON can hold."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from theorycheck.estimate import Estimate


def jsonable(value: object) -> Any:
    """Return a value as JSON can hold it: NaN and infinities, which JSON lacks, become null.

    Parameters
    ----------
    value : object
        Mappings, sequences, estimates, arrays and numbers, nested at will.

    Returns
    -------
    dict, list, str, bool, int, float or None
    """
    if isinstance(value, Mapping):
        return {str(key): jsonable(entry) for key, entry in value.items()}
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Estimate):
        return jsonable(value.to_dict())
    if hasattr(value, "tolist"):  # arrays and scalars of numpy
        return jsonable(value.tolist())
    if isinstance(value, Iterable):
        return [jsonable(entry) for entry in value]
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)
