"""A pole of f is named by one line; spikes, kinks, jumps and steep places are none."""

from __future__ import annotations

import time

import numpy as np
import pytest

from theorycheck import latent_panels, load_model
from theorycheck.errors import DecoderError
from theorycheck.models._decoder import Decoder
from theorycheck.models._generative import GenerativeModel

POLES = {
    "tan(z)": 1.5707963,
    "1/(z - 0.3)": 0.3,
    "5 + 1e-6/(z - 0.31)": 0.31,
    "[sin(z), 1/(z + 1.234)^2]": -1.234,
    "1/sqrt(abs(z - 0.1234567))": 0.1234567,
    "1/cos(3*z)": 0.5235988,
    "tan(z)/1e9": 1.5707963,
    "z/(z^2 - 2) + sign(z)*100": 1.4142136,
    "sinh(z)/(z - 7.77)": 7.77,
}


@pytest.mark.parametrize("text", POLES)
def test_a_pole_is_named(text: str) -> None:
    model = load_model(f"expr:{text}", noise_variance=0.1)
    began = time.perf_counter()
    with pytest.raises(DecoderError, match="f has a pole at z = ") as caught:
        latent_panels(model)
    assert time.perf_counter() - began < 60.0
    message = str(caught.value)
    assert "\n" not in message
    place = float(message.split("z = ")[1].split(":")[0])
    # 1/cos and z/(z² − 2) have a mirror image.
    assert min(abs(place - POLES[text]), abs(place + POLES[text])) < 1e-5


@pytest.mark.parametrize("text", ["1/z", "log(z)", "log(abs(z - 0.1))", "1/abs(z)", "z^-0.5"])
def test_what_is_not_finite_at_a_latent_is_named(text: str) -> None:
    with pytest.raises(DecoderError, match=r"f\(.*\) = \[.*\] is not finite; a decoder needs"):
        latent_panels(load_model(f"expr:{text}", noise_variance=0.1))


NO_POLES = [
    "1/(z^2 + 1e-4)",
    "floor(50*z)",
    "abs(sin(200*z))",
    "1e6*sign(z - 0.3)",
    "where(abs(z - 0.1) < 1e-4, 1e9, 0)",
    "sqrt(abs(z - 0.1))",
    "tanh(1e5*(z - 0.01))",
    "sinh(z)/(1e-3 + z^2)",
    "log(1e-30 + (z - 0.1)^2)",
    "minimum(9, maximum(-9, tan(z)))",
    "exp(3*z)",
]


@pytest.mark.parametrize("text", NO_POLES)
def test_what_only_looks_like_a_pole(text: str) -> None:
    latent_panels(load_model(f"expr:{text}", noise_variance=0.1))


def test_functions_and_single_precision() -> None:
    def plain(z: np.ndarray) -> np.ndarray:
        return np.stack([z, np.tan(0.9 * z)], axis=-1)

    for function in (plain, lambda z: plain(z.astype(np.float32))):
        decoder = Decoder.from_function(function, name="mine")
        with pytest.raises(DecoderError, match=r"mine: f has a pole at z = -?1\.7453"):
            latent_panels(GenerativeModel(decoder, 0.1))
