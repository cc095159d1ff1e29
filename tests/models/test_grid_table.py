"""Tables on a grid of two or three latents: what they mean between points, files, bad ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator

from theorycheck.errors import LoadingError
from theorycheck.models import (
    GridTable,
    checked_grid_table,
    decoder_from_grid_table,
    load_model,
    read_table,
)
from theorycheck.objectives import decompose

Z1, Z2 = np.array([-2.0, -0.5, 0.25, 1.0]), np.array([-1.0, 0.0, 2.0])
VALUES = np.random.default_rng(0).normal(size=(4, 3, 2))


def test_it_is_bilinear_and_flat_beyond() -> None:
    f = decoder_from_grid_table([Z1, Z2], VALUES, name="t")
    z = np.random.default_rng(1).normal(scale=2.0, size=(200, 2))
    held = np.stack([np.clip(z[:, 0], -2.0, 1.0), np.clip(z[:, 1], -1.0, 2.0)], axis=1)
    expected = RegularGridInterpolator((Z1, Z2), VALUES)(held)
    assert f(z) == pytest.approx(expected, abs=1e-14)
    assert (f.latent_dim, f.data_dim) == (2, 2)
    corners = np.array(np.meshgrid(Z1, Z2, indexing="ij")).reshape(2, -1).T
    assert np.array_equal(f(corners), VALUES.reshape(-1, 2))


def test_of_three_latents_it_is_trilinear_and_a_file_is_a_model(tmp_path: Path) -> None:
    axes = (Z1, Z2, np.array([-1.0, 0.5]))
    values = np.random.default_rng(2).normal(size=(4, 3, 2, 2))
    f = decoder_from_grid_table(axes, values)
    z = np.random.default_rng(1).normal(scale=2.0, size=(200, 3))
    held = np.stack([np.clip(z[:, k], axis[0], axis[-1]) for k, axis in enumerate(axes)], axis=1)
    assert f(z) == pytest.approx(RegularGridInterpolator(axes, values)(held), abs=1e-14)
    path = tmp_path / "map.npz"
    np.savez(path, z1=axes[0], z2=axes[1], z3=axes[2], f=values, noise_variance=np.array([0.5]))
    model = load_model(str(path))
    assert model.latent_dim == 3
    assert np.array_equal(model.decoder(z), f(z))
    found = decompose(model, sample=np.array([[0.1, 0.2], [0.5, -1.0]]))
    found.save(tmp_path / "r.npz")
    again = type(found).load(tmp_path / "r.npz")
    assert again.pmo == found.pmo
    assert np.array_equal(again.model.decoder(z), f(z))  # type: ignore[union-attr]


def test_latents_in_use_are_those_along_which_f_moves() -> None:
    values = np.zeros((3, 2, 4, 2))
    axes = ([0, 1, 2], [0, 1], [0, 1, 2, 3])
    assert checked_grid_table(axes, values, kind="linear", name="t").used == ()
    values[..., 1] += np.arange(4.0)
    values[2] += 1.0
    assert checked_grid_table(axes, values, kind="linear", name="t").used == (0, 2)


def test_axes_are_sorted() -> None:
    f = decoder_from_grid_table([Z1[::-1], Z2[[1, 0, 2]]], VALUES[::-1][:, [1, 0, 2]])
    z = np.array([[0.1, 0.3], [-1.0, -0.4]])
    assert np.array_equal(f(z), decoder_from_grid_table([Z1, Z2], VALUES)(z))


def test_a_file_is_a_model_of_two_latents(tmp_path: Path) -> None:
    path = tmp_path / "map.npz"
    np.savez(path, z1=Z1, z2=Z2, f=VALUES, noise_variance=np.array([0.5]))
    assert isinstance(read_table(path), GridTable)
    model = load_model(str(path))
    assert model.latent_dim == 2
    assert model.noise_variance.tolist() == [0.5, 0.5]
    found = decompose(model, sample=np.array([[0.1, 0.2], [0.5, -1.0]]))
    assert found.pmo.value > 0.0
    found.save(tmp_path / "r.npz")
    again = type(found).load(tmp_path / "r.npz")
    assert again.model.name == model.name
    assert again.pmo == found.pmo


@pytest.mark.parametrize(
    ("z1", "z2", "values", "kind", "says"),
    [
        ([0, 1], [0, 1], np.zeros((2, 2)), "cubic", "linear between its points, not cubic"),
        ([0, 0], [0, 1], np.zeros((2, 2)), "linear", "z1 = 0 occurs more than once"),
        ([0, 1], [0, 1, 1], np.zeros((2, 3)), "linear", "z2 = 1 occurs more than once"),
        ([0], [0, 1], np.zeros((1, 2)), "linear", "at least 2 latents"),
        ([0, np.nan], [0, 1], np.zeros((2, 2)), "linear", "NaN"),
        ([0, 1], [0, 1], np.zeros((3, 2)), "linear", r"need f of shape \(2, 2, D\)"),
        ([[0, 1]], [0, 1], np.zeros((2, 2)), "linear", "must have shapes"),
        ("x", [0, 1], np.zeros((2, 2)), "linear", "numbers on a grid"),
    ],
)
def test_bad_tables_say_what_is_wrong(
    z1: object, z2: object, values: np.ndarray, kind: str, says: str
) -> None:
    with pytest.raises(LoadingError, match=says):
        decoder_from_grid_table([z1, z2], values, kind=kind, name="t")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("axes", "shape", "says"),
    [
        ([[0, 1]], (2,), "of two or three latents, not 1"),
        ([[0, 1]] * 4, (2, 2, 2, 2), "of two or three latents, not 4"),
        ([[0, 1], [0, 1], [1, 1]], (2, 2, 2), "z3 = 1 occurs more than once"),
        ([[0, 1], [0, 1], [0, 1]], (2, 2, 3), r"2 z1, 2 z2 and 2 z3 need f of shape \(2, 2, 2, D"),
        (
            [[0, 1], [0, 1], [[0]]],
            (2, 2, 1),
            r"z1, z2 and z3 must have shapes \(n1,\), ",
        ),
    ],
)
def test_bad_tables_of_other_numbers_of_latents_say_what_is_wrong(
    axes: list[object], shape: tuple[int, ...], says: str
) -> None:
    with pytest.raises(LoadingError, match=says):
        decoder_from_grid_table(axes, np.zeros(shape), name="t")  # type: ignore[arg-type]
