"""Decoders of two and three latents: how K is told, what is refused, identity and result files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from theorycheck.errors import (
    DecoderError,
    ExpressionError,
    LoadingError,
    ModelError,
    TheorycheckError,
)
from theorycheck.models import (
    Decoder,
    GenerativeModel,
    as_generative,
    fingerprint_of,
    is_on_line,
    load_model,
    parse_expression,
)

SOURCE = """
import numpy as np
NOISE_VARIANCE = 0.1

def plane(z):
    return np.stack([z[:, 0], z[:, 0] * z[:, 1]], axis=-1)

def matrix(z):
    return z @ np.array([[1.0, 0.5], [0.2, 2.0], [0.0, 1.0]])
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(SOURCE)
    return path


def test_an_expression_names_its_latents() -> None:
    model = load_model("expr:[z1+0.3*z2, z2^2, sin(z1*z2)]", noise_variance=0.1)
    assert (model.latent_dim, model.data_dim) == (2, 3)
    z, x = model.sample(5, 0)
    assert (z.shape, x.shape) == ((5, 2), (5, 3))
    wanted = np.stack([z[:, 0] + 0.3 * z[:, 1], z[:, 1] ** 2, np.sin(z[:, 0] * z[:, 1])], axis=1)
    np.testing.assert_allclose(model.decoder(z), wanted)
    assert load_model("expr:[z3]", noise_variance=1).latent_dim == 3
    assert load_model("expr:[z1]", noise_variance=1).latent_dim == 1
    assert load_model("expr:[z1]", noise_variance=1, latents=2).latent_dim == 2
    assert parse_expression("where(z1 < z2, 1, 2)").latent_dim == 2


@pytest.mark.parametrize(
    ("text", "latents", "said"),
    [
        ("[z, z2]", None, "z and z1, z2, z3 cannot stand together"),
        ("[z4]", None, "did you mean 'z"),
        ("[z1, z2]", 1, "has 2 latents, not 1"),
        ("[z, 2*z]", 2, "has 1 latent, not 2: write z1, z2"),
        ("[z1, 1/z2]", None, "is not finite"),
    ],
)
def test_expressions_that_do_not_fit(text: str, latents: int | None, said: str) -> None:
    with pytest.raises(TheorycheckError, match=said) as caught:
        load_model(f"expr:{text}", noise_variance=0.1, latents=latents)
    assert "\n" not in str(caught.value)


def test_a_function_is_told_its_latents(file: Path) -> None:
    assert load_model(f"{file}:plane", latents=2).latent_dim == 2
    assert load_model(f"{file}:matrix", latents=3).data_dim == 2
    with pytest.raises(LoadingError, match=r"shape \(n, 2\), not \(n,\).*--latents 2") as caught:
        load_model(f"{file}:plane")
    assert "\n" not in str(caught.value)
    with pytest.raises(LoadingError, match=r"shape \(n, 3\), not \(n,\).*--latents 3"):
        load_model(f"{file}:matrix")
    with pytest.raises(DecoderError, match=r"f raised ValueError.*z of shape \(7, 2\)"):
        load_model(f"{file}:matrix", latents=2)
    with pytest.raises(DecoderError, match="K = 4, but K must be from 1 to 3"):
        load_model(f"{file}:plane", latents=4)
    file.write_text(SOURCE + "LATENTS = 2\n")
    assert load_model(f"{file}:plane").latent_dim == 2
    file.write_text(SOURCE + "LATENTS = 'two'\n")
    with pytest.raises(LoadingError, match="LATENTS must be a number of latents"):
        load_model(f"{file}:plane")


def test_a_benchmark_keeps_its_latent() -> None:
    with pytest.raises(LoadingError, match="has 1 latent, not 2"):
        load_model("circle", latents=2)


def test_what_belongs_to_a_line_is_refused() -> None:
    plane = "expr:[z1, z2]"
    with pytest.raises(LoadingError, match="breakpoints are points of a line"):
        load_model(plane, noise_variance=0.1, breakpoints=[0.5])
    with pytest.raises(LoadingError, match="leave --resolution out"):
        load_model(plane, noise_variance=0.1, resolution=1e-3)
    with pytest.raises(DecoderError, match="points of a line"):
        Decoder(lambda z: z, 2, "f", breakpoints=(0.0,), latent_dim=2)
    with pytest.raises(ExpressionError, match="points of a line"):
        parse_expression("[z1, z2]").breakpoints()
    model = load_model(plane, noise_variance=0.1)
    assert not is_on_line(model)
    with pytest.raises(ModelError, match=r"for decoders of one latent.*latents: 2"):
        as_generative(model)
    with pytest.raises(DecoderError, match=r"z must have shape \(n, 2\), not \(3,\)"):
        model.decoder(np.zeros(3))


def test_identity() -> None:
    one, again, other = (
        load_model(f"expr:{text}", noise_variance=0.1)
        for text in ("[z1, z1*z2]", "[z1, z2*z1]", "[z1, z1*z2+1e-9*z2]")
    )
    assert one.same_as(again)
    assert not one.same_as(other)
    assert one.fingerprint == fingerprint_of(again) != other.fingerprint
    line = load_model("expr:[z, 0*z]", noise_variance=0.1)
    flat = load_model("expr:[z1, 0*z1]", noise_variance=0.1, latents=2)
    assert not line.same_as(flat)
    assert line.fingerprint != flat.fingerprint


def test_neighbours_in_a_batch_and_loops() -> None:
    with pytest.raises(DecoderError, match="depends on the other latents"):
        Decoder.from_function(lambda z: z - z.mean(axis=0), latent_dim=2, name="f")
    looped = Decoder.from_function(
        lambda z: [z[0], z[0] * z[1]], latent_dim=2, name="f", vectorize=True
    )
    np.testing.assert_allclose(looped(np.array([[2.0, 3.0]])), [[2.0, 6.0]])
    assert GenerativeModel(looped, 0.1).latent_dim == 2
