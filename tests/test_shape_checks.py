"""Shapes in types: all are read, none is left out of a face, and a wrong one is caught."""

from __future__ import annotations

import functools
import importlib
import inspect
import re
from collections.abc import Iterator
from typing import Any, get_type_hints

import numpy as np
import pytest
from jaxtyping import TypeCheckError

from tests.shape_checks import SHAPED, TYPED, installed, names_a_shape, typed_modules
from theorycheck.inference import BestQ, as_points, local_maxima
from theorycheck.models import Decoder, benchmark
from theorycheck.quadrature import LatentCells, change_at_kinks, sobol_points

pytestmark = pytest.mark.skipif(
    not installed(), reason="the rooms were imported by other tests first"
)

#: Arrays whose shape is not said: `Array` by itself, not in Float64[Array, ...].
BARE = re.compile(
    r"(?<!Float64\[)(?<!Bool\[)(?<!Int64\[)(?<!Shaped\[)\b(?:Array|Booleans|Integers|NDArray)\b"
)


def functions(owner: Any, home: str) -> Iterator[tuple[str, Any]]:
    """The functions, methods and properties of a module or class, with their full names."""
    for name, value in list(vars(owner).items()):
        if isinstance(value, type) and value.__module__ == home and value is not owner:
            yield from functions(value, home)
            continue
        plain = value
        if isinstance(value, property):
            plain = value.fget
        elif isinstance(value, functools.cached_property):
            plain = value.func
        elif isinstance(value, classmethod | staticmethod):
            plain = value.__func__
        plain = inspect.unwrap(plain) if callable(plain) else None
        if inspect.isfunction(plain) and plain.__module__ == home:
            prefix = f"{owner.__name__}." if isinstance(owner, type) else ""
            yield f"{prefix}{name}", plain


@pytest.mark.parametrize("module", typed_modules())
def test_every_shape_that_is_written_is_read(module: str) -> None:
    if module.startswith("neural."):
        pytest.importorskip("torch")
    for name, function in functions(importlib.import_module(module), module):
        for key, written in function.__annotations__.items():
            if not isinstance(written, str) or not SHAPED.search(written):
                continue
            only = type("Holder", (), {"__annotations__": {key: written}})
            hint = get_type_hints(only, function.__globals__, include_extras=True)[key]
            assert names_a_shape(hint) or "Callable" in written, f"{module}.{name}: {written}"


@pytest.mark.parametrize("room", TYPED)
def test_arrays_of_public_functions_have_shapes(room: str) -> None:
    if room == "neural":
        pytest.importorskip("torch")
    face = importlib.import_module(room)
    bare = []
    for name in face.__all__:
        value = getattr(face, name)
        found: dict[str, Any] = {}
        if isinstance(value, type):
            found = {
                f"{name}.{key}": hint
                for key, hint in vars(value).get("__annotations__", {}).items()
            }
            found |= {
                key: function.__annotations__
                for key, function in functions(value, value.__module__)
                if not key.split(".")[1].startswith("_") or key.endswith("__call__")
            }
        elif inspect.isfunction(inspect.unwrap(value)):
            found = {name: inspect.unwrap(value).__annotations__}
        bare += [key for key, hint in found.items() if BARE.search(str(hint))]
    assert not bare


def test_a_wrong_shape_is_caught() -> None:
    x, values, spacing = np.zeros((4, 2)), np.zeros(4), np.ones(2)
    for _ in range(2):
        change_at_kinks(x, spacing, values)
    with pytest.raises(TypeCheckError, match="terms"):
        change_at_kinks(x, spacing, values[:3])
    with pytest.raises(TypeCheckError, match="spacing"):
        change_at_kinks(x, np.ones(3), values)
    with pytest.raises(TypeCheckError, match="heights"):
        local_maxima(values)


def test_fields_of_a_result_must_agree() -> None:
    n, rows = np.zeros(4), np.zeros((4, 2))
    BestQ(n, n, rows, rows, np.zeros((0, 0, 2)))
    with pytest.raises(TypeCheckError, match="mean_f"):
        BestQ(n, n, rows[:3], rows, np.zeros((0, 0, 2)))


def test_what_is_returned_is_checked() -> None:
    right = Decoder(lambda z: np.zeros((len(z), 2)), 2, "of two dimensions")
    wrong = Decoder(lambda z: np.zeros((len(z), 3)), 2, "of three dimensions")
    # What has passed is remembered by the arguments and the result, not by the arguments alone.
    assert right([0.0, 1.0]).shape == (2, 2)
    with pytest.raises(TypeCheckError, match="return value"):
        wrong([0.0, 1.0])
    assert sobol_points(2, size=4, repeats=3, seed=0).shape == (3, 4, 2)


def test_the_kind_of_number_is_checked() -> None:
    with pytest.raises(TypeCheckError, match="boundary"):
        LatentCells(np.arange(3))


def test_functions_keep_their_names_and_lists_are_taken() -> None:
    assert as_points([[0.0, 1.0]], 2).shape == (1, 2)
    assert as_points.__name__ == "as_points"
    assert benchmark("circle").decoder([0.0, 1.0, 2.0]).shape == (3, 2)
