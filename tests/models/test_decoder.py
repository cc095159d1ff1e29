"""Decoders are checked before anything is computed with them, and say what is wrong in one line."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from theorycheck.errors import DecoderError
from theorycheck.models._decoder import Decoder


def _plane(z: np.ndarray) -> np.ndarray:
    return np.stack([z, z**2], axis=-1)


def _of_one(z: float) -> list[float]:
    return [math.sin(z), z]


def test_data_dimension_and_shapes() -> None:
    assert Decoder.from_function(np.sin).data_dim == 1
    decoder = Decoder.from_function(_plane)
    assert (decoder.data_dim, decoder.name, decoder.breakpoints) == (2, "_plane", None)
    z = np.linspace(-1.0, 1.0, 5)
    for form in (z, z[:, None], z.tolist()):
        assert np.array_equal(decoder(form), _plane(z))
    assert decoder(np.array([2.0])).shape == (1, 2)
    assert decoder(np.empty(0)).shape == (0, 2)
    assert decoder(z).dtype == np.float64
    assert decoder(z).flags.c_contiguous


def test_integers_become_floats() -> None:
    assert Decoder.from_function(lambda z: np.sign(z).astype(int))([0.5]).dtype == np.float64


def test_scalar_code_with_vectorize() -> None:
    decoder = Decoder.from_function(_of_one, vectorize=True)
    assert decoder([0.5, 1.0]) == pytest.approx(
        np.array([[math.sin(0.5), 0.5], [math.sin(1.0), 1.0]])
    )


BAD: dict[str, tuple[Callable[..., object], str]] = {
    "NaN": (lambda z: np.where(z > 1.0, np.nan, z), r"f\(1\.618\) = \[nan\] is not finite"),
    "inf": (lambda z: 1.0 / z, r"f\(0\) = \[inf\] is not finite"),
    "log of a negative": (np.log, "is not finite"),
    "transposed": (lambda z: np.stack([z, z]), "return the transpose"),
    "a scalar": (lambda z: 1.0, "vectorised"),  # noqa: ARG005
    "one row": (lambda z: np.zeros(3), "vectorised"),  # noqa: ARG005
    "three axes": (lambda z: np.zeros((z.size, 2, 2)), r"expected \(7, D\); flatten"),
    "half precision": (lambda z: z.astype(np.float16), "float16; the engine needs float64"),
    "a list of lists": (lambda z: [[0.0]] * 3 + [[0.0, 1.0]] * (len(z) - 3), "which is no array"),
    "complex": (lambda z: z + 1j, "complex128"),
    "text": (lambda z: np.array(["a"] * z.size), "dtype"),
    "objects": (lambda z: np.array([object()] * z.size), "dtype"),
    "scalar code": (_of_one, "not vectorised: it works for one latent"),
    "raises": (lambda z: z / {}["no such key"], "f raised KeyError"),
    "needs two": (lambda y, z: z, "f raised TypeError"),  # noqa: ARG005
    "depends on the batch": (lambda z: z - z.mean(), "depends on the other latents"),
    "random": (lambda z: np.random.default_rng().normal(size=z.size), "deterministic"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_functions(name: str) -> None:
    function, said = BAD[name]
    with pytest.raises(DecoderError, match=said) as caught:
        Decoder.from_function(function, name="f")  # type: ignore[arg-type]
    assert str(caught.value).startswith("f: ")
    assert "\n" not in str(caught.value)


def test_trouble_away_from_the_probed_latents_shows_later() -> None:
    decoder = Decoder.from_function(lambda z: np.where(np.abs(z) > 5.0, np.inf, z), name="f")
    with pytest.raises(DecoderError, match=r"f\(6\) = \[inf\]"):
        decoder(np.array([1.0, 6.0]))
    changing = Decoder.from_function(
        lambda z: np.zeros((z.size, 2 if np.abs(z).max() < 5.0 else 3)), name="f"
    )
    with pytest.raises(DecoderError, match="3 data dimensions, earlier 2"):
        changing([6.0])


@pytest.mark.parametrize("z", [np.zeros((3, 2)), np.zeros((2, 1, 1)), 0.5])
def test_bad_latents(z: object) -> None:
    with pytest.raises(DecoderError, match="z must have shape"):
        Decoder.from_function(_plane)(z)  # type: ignore[arg-type]


def test_single_precision_is_taken_as_such() -> None:
    """What JAX and TensorFlow return; float64 values of a decoder that says that it is rounded."""
    decoder = Decoder.from_function(lambda z: np.sin(z.astype(np.float32)))
    assert decoder.single
    assert decoder([0.3]).dtype == np.float64
    assert decoder([0.3])[0, 0] == float(np.sin(np.float32(0.3)))
    assert decoder.with_breakpoints([0.0]).single
    assert not Decoder.from_function(np.sin).single
    looped = Decoder.from_function(lambda z: [np.float32(z)], vectorize=True)
    assert looped.single
    changing = Decoder.from_function(
        lambda z: np.sin(z.astype(np.float32 if np.abs(z).max() > 5.0 else np.float64))
    )
    with pytest.raises(DecoderError, match="float64, or float32 throughout"):
        changing([6.0])


def test_tensors_are_detached() -> None:
    torch = pytest.importorskip("torch")
    network = torch.nn.Linear(1, 2).double()
    decoder = Decoder.from_function(lambda z: network(torch.from_numpy(z)[:, None]), name="f")
    assert (decoder.data_dim, decoder.single) == (2, False)
    assert Decoder.from_function(lambda z: torch.from_numpy(z).float().requires_grad_()).single


def test_latent_dimensions() -> None:
    with pytest.raises(DecoderError, match="K = 4, but K must be from 1 to 3"):
        Decoder(_plane, 2, "f", latent_dim=4)
    with pytest.raises(DecoderError, match="at least 1"):
        Decoder(_plane, 0, "f")


def test_breakpoints_are_sorted_and_finite() -> None:
    decoder = Decoder.from_function(np.abs, breakpoints=[1.0, -2.0, 1.0])
    assert decoder.breakpoints == (-2.0, 1.0)
    assert decoder.with_breakpoints([0.0]).breakpoints == (0.0,)
    assert Decoder.from_function(np.abs, breakpoints=[]).breakpoints == ()
    for bad in (math.nan, math.inf):
        with pytest.raises(DecoderError, match="finite"):
            decoder.with_breakpoints([bad])


def test_numpy_warnings_stay_inside() -> None:
    """A harmless overflow inside f is f's own business."""
    decoder = Decoder.from_function(lambda z: 1.0 / (1.0 + np.exp(-1000.0 * z)))
    assert decoder([-5.0, 5.0]).tolist() == [[0.0], [1.0]]
