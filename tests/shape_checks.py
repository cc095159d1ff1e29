"""The shapes that annotations name, checked at every call while the tests run.

jaxtyping's import hook decorates what is imported from the typed rooms. Only annotations with a
shape are checked: bad input of other kinds is for the functions themselves to refuse, and tests
hand stand-ins to them. Compiled functions are left alone; they do not keep their annotations.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, get_args

from beartype import beartype
from jaxtyping import AbstractArray, install_import_hook

HOUSE = Path(__file__).resolve().parent.parent
#: Rooms whose public functions have shapes in their types. Their folders are left out, which holds
#: the kernels back.
TYPED = ("models", "quadrature", "inference", "inference/ball", "rearrangements", "dataset")

F = TypeVar("F", bound=Callable[..., Any])


def typed_modules() -> list[str]:
    """Return the modules of the typed rooms, by their full names."""
    paths = [path for room in TYPED for path in (HOUSE / "theorycheck" / room).glob("_[!_]*.py")]
    return sorted(".".join(path.relative_to(HOUSE).with_suffix("").parts) for path in paths)


def install() -> None:
    """Check shapes in what is imported from the typed rooms from now on."""
    install_import_hook(typed_modules(), "tests.shape_checks.checked")


def checked(function: F) -> F:
    """Have beartype check the annotations of a function that name a shape, and no others."""
    named = {key: hint for key, hint in function.__annotations__.items() if names_a_shape(hint)}
    if not named or not isinstance(function, types.FunctionType):
        return function
    function.__annotations__ = named
    checking: F = beartype(function)
    return checking


def names_a_shape(hint: object) -> bool:
    """Tell whether a type is an array of a known shape, or one of its parts is."""
    if isinstance(hint, type) and issubclass(hint, AbstractArray):
        return True
    return any(names_a_shape(part) for part in get_args(hint))
