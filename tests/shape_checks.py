"""The shapes that annotations name, checked at every call while the tests run.

Functions of the typed rooms are wrapped by jaxtyping when their module is imported, those alone
whose annotations name a shape, and in them these annotations alone: bad input of other kinds is for
the functions themselves to refuse, and tests hand stand-ins to them. (jaxtyping's own import hook
wraps every function, which is slower and breaks deep recursion.) Compiled functions stay as they
are: they keep no annotations.
"""

from __future__ import annotations

import functools
import inspect
import re
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import is_dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from typing import Any, get_args

import numpy as np
from beartype import beartype
from jaxtyping import AbstractArray, jaxtyped

HOUSE = Path(__file__).resolve().parent.parent
_OF_THE_ENGINE = (
    *("models", "quadrature", "inference", "inference.ball", "objectives", "rearrangements"),
    *("optimum", "theorems", "downstream", "evaluation", "dataset", "cohorts", "advise", "report"),
)
#: Rooms whose public functions have shapes in their types. Folders in them are rooms of their own,
#: which holds the kernels back.
TYPED = (*(f"theorycheck.{room}" for room in _OF_THE_ENGINE), "neural")
#: Names of annotations with a shape.
SHAPED = re.compile(
    r"\b(Bool|Float64|Int64|Shaped)\[|"
    r"\b(Counts|Flags|Latents|PerClass|PerDimension|PerPoint|Points)\b"
)

Function = Callable[..., Any]


def typed_modules() -> list[str]:
    """Return the modules of the typed rooms, by their full names."""
    folders = [HOUSE.joinpath(*room.split(".")) for room in TYPED]
    paths = [path for folder in folders for path in folder.glob("_[!_]*.py")]
    return sorted(".".join(path.relative_to(HOUSE).with_suffix("").parts) for path in paths)


def install() -> None:
    """Check shapes in what is imported from the typed rooms from now on.

    Where `pytest verification tests` has loaded them already, nothing is checked.
    """
    modules = set(typed_modules())
    if not modules & set(sys.modules):
        sys.meta_path.insert(0, _Finder(modules))


def installed() -> bool:
    """Tell whether shapes are checked in this process."""
    return any(isinstance(finder, _Finder) for finder in sys.meta_path)


class _Finder(MetaPathFinder):
    """Finds the modules that are to be checked, and nothing else."""

    def __init__(self, modules: set[str]) -> None:
        self._modules = modules

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path, target) if fullname in self._modules else None
        if spec is not None and spec.origin is not None:
            spec.loader = _Loader(fullname, spec.origin)
        return spec


class _Loader(SourceFileLoader):
    def exec_module(self, module: types.ModuleType) -> None:
        super().exec_module(module)
        for name, value in list(vars(module).items()):
            if getattr(value, "__module__", None) != module.__name__:
                continue
            if not isinstance(value, type):
                setattr(module, name, _checked(value))
            elif not getattr(value, "_is_protocol", False):
                _check_class(value)


def _check_class(cls: type) -> None:
    for name, value in list(vars(cls).items()):
        made = _checked(value)
        if made is not value:
            setattr(cls, name, made)
            if isinstance(made, functools.cached_property):
                made.__set_name__(cls, name)
    if is_dataclass(cls) and vars(cls).get("__init__"):
        cls.__init__ = _checked(cls.__init__)  # type: ignore[misc]


def _checked(value: Any) -> Any:
    """Return a function, method or property that checks its shapes; anything else as it is."""
    if isinstance(value, functools.cached_property):
        function = _checked(value.func)
        return value if function is value.func else functools.cached_property(function)
    if isinstance(value, classmethod | staticmethod):
        function = _checked(value.__func__)
        return value if function is value.__func__ else type(value)(function)
    if isinstance(value, property):
        function = _checked(value.fget)
        return value if function is value.fget else property(function, doc=value.__doc__)
    if isinstance(value, functools._lru_cache_wrapper):
        function = _checked(value.__wrapped__)
        cached = functools.lru_cache(**value.cache_parameters())
        return value if function is value.__wrapped__ else cached(function)
    if isinstance(value, types.FunctionType) and any(_shapes(value)):
        return _remembering(value)
    return value


def _remembering(function: Function) -> Function:
    """Check a call in full unless the same shapes and kinds of number have passed before.

    On them alone it depends: each call is checked, at a tenth of the time.
    """
    checked: Function = jaxtyped(typechecker=_shapes_only)(function)
    parameters = inspect.signature(function).parameters
    if any(one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD) for one in parameters.values()):
        return checked
    results: list[object] = []
    check: Function = jaxtyped(typechecker=_shapes_only)(_returning(results, function))
    shaped = [name for name in _shapes(function) if name != "return"]
    lengths = [
        compile(length, "<length of an axis>", "eval")
        for hint in function.__annotations__.values()
        for length in re.findall(r"\{([^}]*)\}", str(hint))
    ]
    returns = "return" in _shapes(function)
    defaults = {name: one.default for name, one in parameters.items()}
    passed: dict[object, set[object]] = {}

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        arguments = defaults | dict(zip(parameters, args, strict=False)) | kwargs
        try:
            key = (
                *(_kind(arguments[name]) for name in shaped),
                *(eval(length, {}, arguments) for length in lengths),
            )
        except (_Untold, AttributeError):
            return checked(*args, **kwargs)
        known = passed.get(key)
        result = (checked if known is None else function)(*args, **kwargs)
        try:
            kind = _kind(result) if returns else None
        except _Untold:
            kind = _Untold
        if known is None:
            known = set()
        elif kind not in known:  # _Untold never is
            results.append(result)
            try:
                check(*args, **kwargs)
            finally:
                results.pop()
        if kind is not _Untold:
            known.add(kind)
            passed[key] = known
        return result

    return call


def _returning(results: list[Any], function: Function) -> Function:
    """Return a function that looks like another, and returns the last of some results."""

    def last(*_args: Any, **_kwargs: Any) -> Any:
        return results[-1]

    # Its annotations are read where those of the other are.
    copy = types.FunctionType(last.__code__, function.__globals__, closure=last.__closure__)
    return functools.update_wrapper(copy, function)


class _Untold(Exception):
    """Raised where a value's type and shape are not all that its annotation may ask for."""


def _kind(value: object) -> object:
    """Tell all of a value that an annotation with a shape can ask for."""
    if type(value) is np.ndarray:
        return value.dtype.num, value.shape
    if value is None or isinstance(value, bool | int | float | str | np.generic):
        return type(value)
    if isinstance(value, tuple):
        return (type(value), *map(_kind, value))
    raise _Untold


def _shapes(function: Function) -> Iterator[str]:
    """Yield what a function annotates with a shape, resolved or not."""
    for name, hint in function.__annotations__.items():
        if names_a_shape(hint) or (isinstance(hint, str) and SHAPED.search(hint)):
            yield name


def _shapes_only(function: Function) -> Function:
    """Have beartype check the annotations of a function that name a shape, and no others."""
    hints = function.__annotations__
    function.__annotations__ = {key: hint for key, hint in hints.items() if names_a_shape(hint)}
    checking: Function = beartype(function)
    return checking


def names_a_shape(hint: object) -> bool:
    """Tell whether a type is an array of a known shape, or one of its parts is."""
    if isinstance(hint, type) and issubclass(hint, AbstractArray):
        return True
    if isinstance(hint, types.GenericAlias) and hint.__origin__ is Callable:
        return False
    return any(names_a_shape(part) for part in get_args(hint))
