"""Mutants: a function of the engine with one piece of its source replaced."""

from __future__ import annotations

import functools
import inspect
import textwrap
from collections.abc import Callable
from typing import Any


def mutant(function: Any, old: str, new: str) -> Callable[..., Any]:
    """Return the function with one piece of its source replaced (uncompiled)."""
    plain = inspect.unwrap(getattr(function, "py_func", function))
    source = textwrap.dedent(inspect.getsource(plain))
    source = source[source.index("def ") :]
    assert old in source, f"{plain.__name__} has no {old!r} any more"
    namespace = dict(plain.__globals__)
    exec(compile(source.replace(old, new), "<mutant>", "exec"), namespace)
    return whole(namespace[plain.__name__])


def whole(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function or, of a kernel that does a part of the work, one that does all of it."""
    shared = list(inspect.signature(function).parameters)[:2] == ["part", "parts"]
    return functools.partial(function, 0, 1) if shared else function
