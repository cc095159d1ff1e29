"""Plain values and back, type by type; what a type does not allow is refused."""

from __future__ import annotations

import enum
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from theorycheck.estimate import Estimate, Kind, Verdict
from theorycheck.models._benchmarks import benchmark
from theorycheck.models._generative import GenerativeModel
from theorycheck.results._codec import DAMAGE, Decoder, Encoder, layout


class Colour(enum.StrEnum):
    """An enumeration."""

    RED = "red"


class Pair(NamedTuple):
    """A named tuple."""

    left: float
    right: Estimate


@dataclass(frozen=True)
class Inner:
    """A dataclass within another."""

    number: float
    word: str | None = None


@dataclass(frozen=True, eq=False)
class Outer:
    """Every type that a result may have."""

    array: NDArray[np.float64]
    mask: NDArray[np.bool_] | None
    estimate: Estimate
    verdict: Verdict
    colour: Colour
    choice: Literal["a", "b"]
    pair: Pair
    either: Inner | float
    inner: tuple[Inner, ...]
    two: tuple[int, str]
    many: Sequence[bool]
    named: Mapping[str, Inner]
    model: GenerativeModel


def sample() -> Outer:
    inner = Inner(math.inf, "word")
    return Outer(
        array=np.array([[1.0, np.nan], [-np.inf, 0.1]]),
        mask=None,
        estimate=Estimate(0.1, math.inf, Kind.PROVED),
        verdict=Verdict.FAILS,
        colour=Colour.RED,
        choice="b",
        pair=Pair(0.1, Estimate(1.0, 0.0, Kind.EXACT)),
        either=inner,
        inner=(inner, inner, Inner(0.3)),
        two=(2, "x"),
        many=[True, False],
        named={"one": inner},
        model=benchmark("circle"),
    )


def there_and_back(value: Any, kind: Any) -> Any:
    encoder = Encoder()
    body = encoder.encode(value)
    text = json.dumps([body, encoder.models, encoder.objects], allow_nan=False)
    body, models, objects = json.loads(text)
    return Decoder(encoder.arrays, models, objects, ()).decode(kind, body)


def test_every_type() -> None:
    one, again = sample(), there_and_back(sample(), Outer)
    for name in vars(one):
        mine, its = getattr(one, name), getattr(again, name)
        if name == "array":
            assert np.array_equal(mine, its, equal_nan=True)
        elif name == "model":
            assert its.same_as(mine)
        else:
            assert mine == its, name
            assert type(mine) is type(its), name
    assert again.estimate.kind is Kind.PROVED
    # What is one object stays one.
    assert again.inner[0] is again.inner[1] is again.named["one"] is again.either


@given(st.floats(allow_nan=False))
def test_every_float_to_the_last_bit(number: float) -> None:
    again = there_and_back(Inner(number), Inner)
    assert math.copysign(1.0, again.number) == math.copysign(1.0, number)
    assert again.number == number


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (int, 1.5), (int, True), (str, 3), (bool, 1), (float, "1"), (float, None), (Inner, 3),
        (Inner, {"$object": 7}), (Colour, "blue"), (Verdict, None), (tuple[int, str], [1]),
        (Literal["a"], "c"), (NDArray[np.float64], {"$array": "gone"}), (Estimate, [1.0]),
        (Estimate, [1.0, -1.0, "exact"]),
        (Estimate, [1.0, 1.0, "guessed"]), (GenerativeModel, {"$model": 3}), (object, 1),
    ],
    ids=str,
)  # fmt: skip
def test_what_a_type_does_not_allow(kind: Any, value: Any) -> None:
    with pytest.raises(DAMAGE):
        Decoder({}, [], [], ()).decode(kind, value)


def test_what_no_file_can_hold() -> None:
    with pytest.raises(TypeError, match="cannot hold a function"):
        Encoder().encode(Inner(lambda: 0.0))  # type: ignore[arg-type]


def test_the_layout_follows_every_field() -> None:
    """A field more, less, of another type or name, anywhere in the result: another layout."""

    @dataclass
    class Renamed:
        digit: float
        word: str | None = None

    @dataclass
    class Retyped:
        number: float
        word: str

    @dataclass
    class Longer:
        number: float
        word: str | None = None
        more: int = 0

    variants = [Inner, Renamed, Retyped, Longer, tuple[Inner, ...], Inner | None]
    for kind in variants[1:4]:
        kind.__name__ = kind.__qualname__ = "Inner"
    layouts = [of_annotation(kind) for kind in variants]
    assert len(set(layouts)) == len(variants)
    assert of_annotation(Inner) == of_annotation(Inner)


def of_annotation(kind: Any) -> str:
    made = dataclass(type("Result", (), {"__annotations__": {"inner": kind}}))
    return layout(made)


def test_a_changed_result_is_written_anew() -> None:
    """Replacing a field makes another object, which is not mixed up with the first."""
    first = Inner(1.0)
    again = there_and_back({"a": first, "b": replace(first, number=2.0)}, dict[str, Inner])
    assert (again["a"].number, again["b"].number) == (1.0, 2.0)
