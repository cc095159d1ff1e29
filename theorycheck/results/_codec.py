"""Turns a result into plain values and arrays, and back, by the types of its fields.

A dataclass becomes the list of its fields; arrays, models and objects that occur more than once are
kept once and referred to. What a field holds is known from its type, so that a file names no class
and reading it can make no object but those of the result.
"""

from __future__ import annotations

import enum
import hashlib
import inspect
import math
import sys
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_origin

import numpy as np
from numpy.typing import NDArray

from theorycheck.errors import SettingError
from theorycheck.estimate import Estimate
from theorycheck.models import DescribedModel, GenerativeModel
from theorycheck.results._named import Named
from theorycheck.results._stored_models import loaded_model, stored_model

#: Marks in the plain values, in place of what JSON lacks.
_ARRAY, _MODEL, _OBJECT, _FLOAT = "$array", "$model", "$object", "$float"
_NAMED = "$named"


class Encoder:
    """Turns results into plain values, collecting arrays, models and shared objects.

    Attributes
    ----------
    arrays : dict of str to ndarray
    models, objects : list
        Plain values, referred to by their place.
    """

    def __init__(self) -> None:
        self.arrays: dict[str, NDArray[Any]] = {}
        self.models: list[dict[str, Any]] = []
        self.objects: list[Any] = []
        self._seen: dict[int, dict[str, Any]] = {}
        #: Keeps what was seen alive, so that no other object takes its identity.
        self._kept: list[object] = []

    def encode(self, value: object) -> Any:
        """Return what stands for a value."""
        if value is None or (isinstance(value, bool | str) and not isinstance(value, enum.Enum)):
            return value
        if isinstance(value, enum.Enum):
            return value.value
        if isinstance(value, int | np.integer):
            return int(value)
        if isinstance(value, float | np.floating):
            number = float(value)
            return number if math.isfinite(number) else {_FLOAT: repr(number)}
        if isinstance(value, Estimate):
            return [self.encode(value.value), self.encode(value.error), str(value.kind)]
        if isinstance(value, Mapping):
            return {str(key): self.encode(entry) for key, entry in value.items()}
        if isinstance(value, tuple | list):
            return [self.encode(entry) for entry in value]
        if id(value) not in self._seen:
            self._kept.append(value)
            self._seen[id(value)] = self._once(value)
        return self._seen[id(value)]

    def _once(self, value: object) -> dict[str, Any]:
        if isinstance(value, np.ndarray):
            key = f"array/{len(self.arrays)}"
            self.arrays[key] = value
            return {_ARRAY: key}
        if isinstance(value, GenerativeModel):
            number = len(self.models)
            self.models.append({})
            self.models[number] = stored_model(value, self.arrays, f"model/{number}")
            return {_MODEL: number}
        if isinstance(value, Named):
            return {_NAMED: value.to_dict()}
        if is_dataclass(value):
            number = len(self.objects)
            self.objects.append(None)
            parts = [self.encode(getattr(value, field.name)) for field in fields(value)]
            self.objects[number] = parts
            return {_OBJECT: number}
        if isinstance(value, DescribedModel):
            raise SettingError(
                f"{value.name}: results are kept in files for decoders of one latent only"
            )
        raise TypeError(f"a result file cannot hold a {type(value).__name__}")


class Decoder:
    """Makes results of what an encoder returned.

    Parameters
    ----------
    arrays : mapping of str to ndarray
    models, objects : sequence
        What the encoder collected.
    given : sequence of GenerativeModel
        Models at hand; see :func:`theorycheck.results._stored_models.loaded_model`.
    """

    def __init__(
        self,
        arrays: Mapping[str, NDArray[Any]],
        models: Sequence[Mapping[str, Any]],
        objects: Sequence[Any],
        given: Sequence[GenerativeModel],
    ) -> None:
        self._arrays, self._objects = arrays, objects
        self._stored, self._given = models, given
        self._models: dict[int, GenerativeModel] = {}
        self._made: dict[int, Any] = {}

    def decode(self, kind: Any, value: Any) -> Any:
        """Return the value of a type that plain values stand for.

        Raises
        ------
        KeyError, IndexError, TypeError, ValueError, TheorycheckError
            If they do not stand for one.
        """
        if isinstance(value, Mapping) and _MODEL in value:
            return self._model(value[_MODEL])
        origin = get_origin(kind)
        if origin in (typing.Union, types.UnionType):
            return self._one_of(get_args(kind), value)
        if origin is tuple:
            return self._tuple(get_args(kind), value)
        if origin in (list, Sequence):
            return [self.decode(get_args(kind)[0], entry) for entry in value]
        if origin in (dict, Mapping):
            return {key: self.decode(get_args(kind)[1], entry) for key, entry in value.items()}
        if origin is typing.Literal:
            return _checked(value, value in get_args(kind))
        if _is_array(kind):
            return self._arrays[value[_ARRAY]]
        if kind is Estimate:
            number, error, how = value
            return Estimate(self.decode(float, number), self.decode(float, error), how)
        if isinstance(kind, type) and issubclass(kind, enum.Enum):
            return kind(value)
        if isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields"):
            hints = typing.get_type_hints(kind).values()
            return kind(*(self.decode(h, v) for h, v in zip(hints, value, strict=True)))
        if _is_named(kind):
            return kind.from_dict(value[_NAMED])
        if is_dataclass(kind):
            return self._object(typing.cast("type[Any]", kind), value[_OBJECT])
        if kind is float:
            if isinstance(value, Mapping):
                return float(value[_FLOAT])
            return float(_checked(value, type(value) in (int, float)))
        if kind in (int, str, bool, type(None)):
            return _checked(value, type(value) is kind)
        raise TypeError(f"a result file cannot hold a {kind}")

    def _one_of(self, kinds: tuple[Any, ...], value: Any) -> Any:
        if value is None:
            return _checked(None, type(None) in kinds)
        several = [kind for kind in kinds if kind is not type(None)]
        for kind in several[:-1]:
            try:
                return self.decode(kind, value)
            except (KeyError, IndexError, TypeError, ValueError):
                continue
        return self.decode(several[-1], value)

    def _tuple(self, kinds: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
        if len(kinds) == 2 and kinds[1] is Ellipsis:
            return tuple(self.decode(kinds[0], entry) for entry in value)
        return tuple(self.decode(kind, entry) for kind, entry in zip(kinds, value, strict=True))

    def _model(self, number: int) -> GenerativeModel:
        if number not in self._models:
            entry = self._stored[number]
            self._models[number] = loaded_model(entry, self._arrays, f"model/{number}", self._given)
        return self._models[number]

    def _object(self, kind: type[Any], number: int) -> Any:
        if number not in self._made:
            hints = field_types(kind)
            parts = zip(hints.items(), self._objects[number], strict=True)
            values = {name: self.decode(hint, part) for (name, hint), part in parts}
            self._made[number] = kind(**values)
        return _checked(self._made[number], isinstance(self._made[number], kind))


def field_types(kind: Any) -> dict[str, Any]:
    """Return the types of a dataclass's fields, in order."""
    hints: dict[str, Any] = {}
    names = {field.name for field in fields(kind)}
    for base in reversed(kind.__mro__):
        # A base that is no dataclass may name what its heirs have without importing the type.
        if "__dataclass_fields__" in base.__dict__:
            own = {n: a for n, a in inspect.get_annotations(base).items() if n in names}
            holder = types.SimpleNamespace(__annotations__=own)
            hints |= typing.get_type_hints(holder, vars(sys.modules[base.__module__]))
    return {field.name: hints[field.name] for field in fields(kind)}


def layout(kind: type[Any]) -> str:
    """Return a digest of the names and types of all fields that a result is made of.

    Parameters
    ----------
    kind : type
        A dataclass.

    Returns
    -------
    str
        16 hexadecimal digits, another one as soon as a field changes anywhere in the result.
    """
    lines: dict[str, str] = {}
    _describe(kind, lines)
    text = "\n".join(lines[name] for name in sorted(lines))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _describe(kind: Any, lines: dict[str, str]) -> str:
    """Return the name of a type, and a line for every dataclass and enumeration in it."""
    if get_origin(kind) is typing.Literal:
        return str(get_args(kind))
    if _is_array(kind):
        return "ndarray"
    inner = get_args(kind)
    if inner:
        return f"{_name(get_origin(kind))}[{', '.join(_describe(k, lines) for k in inner)}]"
    name = _name(kind)
    if kind is GenerativeModel or name in lines or _is_named(kind):
        return name
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        lines[name] = f"{name}: {[member.value for member in kind]}"
    elif is_dataclass(kind) or hasattr(kind, "_fields"):
        lines[name] = ""
        hints = field_types(kind) if is_dataclass(kind) else typing.get_type_hints(kind)
        parts = hints.items()
        lines[name] = f"{name}: " + ", ".join(f"{n} {_describe(k, lines)}" for n, k in parts)
    return name


def _is_array(kind: Any) -> bool:
    """Tell whether a type is that of an array, of whatever shape and dtype."""
    # The second is how jaxtyping names what its shapes are shapes of.
    return np.ndarray in (kind, get_origin(kind), getattr(kind, "array_type", None))


def _is_named(kind: Any) -> bool:
    """Tell whether values of a type say themselves of which kind they are."""
    return isinstance(kind, type) and issubclass(kind, Named)


def _name(kind: Any) -> str:
    return str(getattr(kind, "__name__", kind))


def _checked(value: Any, valid: bool) -> Any:
    if not valid:
        raise ValueError(f"an unexpected entry: {value!r}")
    return value


#: What decoding plain values that are damaged may raise, besides TheorycheckError.
DAMAGE: tuple[type[Exception], ...] = (
    KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError, OverflowError,
)  # fmt: skip
