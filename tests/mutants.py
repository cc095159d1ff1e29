"""Mutants: a function of the engine with one piece of its source replaced."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from typing import Any


def mutant(function: Any, old: str, new: str) -> Callable[..., Any]:
    """Return the function with one piece of its source replaced (uncompiled)."""
    plain = getattr(function, "py_func", function)
    source = textwrap.dedent(inspect.getsource(plain))
    source = source[source.index("def ") :]
    assert old in source, f"{plain.__name__} has no {old!r} any more"
    namespace = dict(plain.__globals__)
    exec(compile(source.replace(old, new), "<mutant>", "exec"), namespace)
    result: Callable[..., Any] = namespace[plain.__name__]
    return result
