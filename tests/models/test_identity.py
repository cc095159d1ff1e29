"""Which models are held to be the same: f, σ², breakpoints and D count, names do not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from theorycheck.inference._mean_field import MeanField
from theorycheck.models._benchmarks import BENCHMARKS, benchmark
from theorycheck.models._decoder import Decoder
from theorycheck.models._generative import GenerativeModel
from theorycheck.models._identity import probe_latents
from theorycheck.models._loading import load_model
from theorycheck.objectives._decomposition import decompose

Array = NDArray[np.float64]
F = Callable[[Array], Array]


def model(function: F, variance: float = 0.1, **declared: tuple[float, ...]) -> GenerativeModel:
    return GenerativeModel(Decoder.from_function(function, **declared), variance)


def test_lambdas_of_one_name_are_told_apart() -> None:
    one, other = model(lambda z: np.sin(z)), model(lambda z: np.sin(1.5 * z))
    assert one.name == other.name == "<lambda>"
    assert not one.same_as(other)
    assert one.fingerprint != other.fingerprint
    assert one.same_as(model(lambda z: np.sin(z)))


def test_the_name_does_not_count() -> None:
    one = load_model("expr:sin(3*z)", noise_variance=0.1)
    named = GenerativeModel(Decoder.from_function(one.decoder.function, name="wave"), 0.1)
    named = GenerativeModel(named.decoder.with_breakpoints(one.decoder.breakpoints or ()), 0.1)
    assert named.name != one.name
    assert named.same_as(one)
    assert named.fingerprint == one.fingerprint


@pytest.mark.parametrize(
    "other",
    [
        model(lambda z: z, variance=0.2),
        model(lambda z: np.stack([z, z], axis=-1)),
        model(lambda z: z, breakpoints=(0.0,)),
        model(lambda z: z, breakpoints=()),
        # The least change of f anywhere within reach.
        model(lambda z: np.where(np.abs(z - 3.0) < 3e-4, z * (1.0 + 2e-16), z)),
    ],
    ids=["variance", "dimension", "a breakpoint", "no breakpoint", "last digit"],
)
def test_what_counts(other: GenerativeModel) -> None:
    one = model(lambda z: z)
    assert not one.same_as(other)
    assert not other.same_as(one)
    assert one.fingerprint != other.fingerprint


def test_a_bump_that_the_scan_sees_is_seen() -> None:
    """Wherever the bump lies: the latents are nearer to each other than it is wide."""
    width = 5e-4
    plain = model(lambda z: z)
    for centre in (-4.2, -0.3003, 0.00026, 1.99999):
        bumped = model(lambda z, c=centre: z + (np.abs(z - c) < 0.5 * width))
        assert not plain.same_as(bumped), centre


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_a_jump_is_looked_at_on_both_sides(side: float) -> None:
    """The least change right beside a breakpoint, where f itself need not be defined."""
    place = 0.3

    def jump(z: Array) -> Array:
        with np.errstate(invalid="ignore"):
            return (z - place) / np.abs(z - place)

    def changed(z: Array) -> Array:
        beside = z == np.nextafter(place, side * np.inf)
        return np.where(beside, 0.0, jump(z))

    one, other = (model(f, breakpoints=(place,)) for f in (jump, changed))
    assert not one.same_as(other)
    assert one.same_as(model(jump, breakpoints=(place,)))


def test_poles_at_round_numbers_are_not_hit() -> None:
    latents = probe_latents(None)
    assert not np.isin(np.arange(-6.0, 6.125, 0.125), latents).any()
    assert latents.size == 24_576


def test_zero_has_no_sign() -> None:
    assert model(lambda z: 0.0 * z).same_as(model(lambda z: -0.0 * z))


def test_the_benchmarks_differ() -> None:
    names = [name for name, entry in BENCHMARKS.items() if not entry.semi_supervised]
    assert len({benchmark(name).fingerprint for name in names}) == len(names)
    assert len(benchmark(names[0]).fingerprint) == 64


def test_a_model_on_its_own_data_by_another_object() -> None:
    """What is the same model has an MLEO of exactly zero; the least other one has not."""
    one, again = (model(lambda z: np.sin(2.0 * z)) for _ in range(2))
    result = decompose(one, again, tolerance=1e-3)
    assert (result.mleo.value, result.mleo.error, str(result.mleo.kind)) == (0.0, 0.0, "exact")
    assert result.pmo == decompose(one, tolerance=1e-3).pmo
    other = decompose(model(lambda z: np.sin(2.0 * z) + 1e-7), again, tolerance=1e-3)
    assert other.mleo.error > 0.0
    assert MeanField(one).model.same_as(again)
