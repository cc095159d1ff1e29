"""What the tables of mutated radii share: their form, and how a part is put in another's place."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from types import FunctionType
from typing import Any

import numpy as np

from tests.mutants import whole

#: Name → (check, function that makes the radius, fragment of its source, what it becomes). A check
#: returns by how much, relative, a radius is off the one worked out by hand, or falls short of an
#: error that is known: 0 but for rounding.
Table = dict[str, tuple[Callable[..., float], Any, str, str]]

#: What a check may return for the engine, and what it must exceed for a mutant.
ALLOWED, SEEN = 1e-9, 1e-5


def rewired(function: Any, **parts: Any) -> Callable[..., Any]:
    """Return a function (uncompiled) that finds other parts under the names it calls.

    So each term of a radius can be given a size of its own, whatever makes it.
    """
    plain = function.func if isinstance(function, partial) else function
    plain = inspect.unwrap(getattr(plain, "py_func", plain))
    for name in parts:
        assert name in plain.__globals__, f"{plain.__name__} has no {name} any more"
    copy = FunctionType(
        plain.__code__, {**plain.__globals__, **parts}, plain.__name__, plain.__defaults__,
        plain.__closure__,
    )  # fmt: skip
    copy.__kwdefaults__ = plain.__kwdefaults__
    return whole(copy)


def off(found: Any, expected: Any) -> float:
    """Return the largest relative difference; an infinity must be met by an infinity."""
    a, b = np.atleast_1d(np.asarray(found, float)), np.atleast_1d(np.asarray(expected, float))
    assert a.shape == b.shape, (a.shape, b.shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = np.where(a == b, 0.0, np.abs(a - b) / np.abs(b))
    return float(np.where(np.isnan(apart), np.inf, apart).max())


def shortfall(error: Any, radius: Any) -> float:
    """Return by how much, relative, radii fall short of true errors: 0 where they hold."""
    e, r = np.atleast_1d(np.asarray(error, float)), np.atleast_1d(np.asarray(radius, float))
    with np.errstate(divide="ignore", invalid="ignore"):
        beyond = np.where(e <= r, 0.0, e / r - 1.0)
    return float(np.where(np.isnan(beyond), np.inf, beyond).max())


def getter(cls: type, name: str) -> Callable[..., Any]:
    """Return what a property (cached or not) calls."""
    found = cls.__dict__[name]
    result: Callable[..., Any] = found.fget if isinstance(found, property) else found.func
    return result
