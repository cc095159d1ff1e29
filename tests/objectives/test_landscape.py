"""Landscapes and maps of the KL divergence."""

from __future__ import annotations

import numpy as np
import pytest

from theorycheck.errors import ModelError
from theorycheck.inference._marginal import log_density
from theorycheck.inference._posterior import posterior
from theorycheck.models._benchmarks import benchmark
from theorycheck.models._expression import parse_expression
from theorycheck.models._generative import GenerativeModel
from theorycheck.objectives._landscape import kl_map, pmo_landscape


def test_landscape_is_the_kl_by_its_definition() -> None:
    model = benchmark("figure8")
    x = np.array([0.1, -0.1])
    landscape = pmo_landscape(model, x, mean=[-0.5, 0.2, 1.0], scale=[0.1, 0.5])
    exact = posterior(model, x)
    for i, s in enumerate([0.1, 0.5]):
        for j, mean in enumerate([-0.5, 0.2, 1.0]):
            z = mean + s * np.linspace(-9, 9, 20_001)
            q = np.exp(-0.5 * ((z - mean) / s) ** 2) / (s * np.sqrt(2 * np.pi))
            f = model.decoder(z)
            log_joint = -0.5 * z**2 - 0.5 * np.log(2 * np.pi)
            log_joint -= ((x - f) ** 2).sum(axis=1) / 0.04 + np.log(2 * np.pi * 0.02)
            log_posterior = log_joint - exact.log_density_x.value
            kl = np.sum(q * (np.log(q + 1e-300) - log_posterior)) * (z[1] - z[0])
            assert landscape.kl[i, j] == pytest.approx(kl, abs=1e-9)


def test_optimum_is_the_floor_of_the_landscape() -> None:
    landscape = pmo_landscape(benchmark("clusters"), [0.3, 0.4])
    assert landscape.kl.min() >= landscape.optimal_kl - 1e-12
    assert landscape.kl.min() < landscape.optimal_kl + 0.05
    assert landscape.kl.shape == (landscape.scale.size, landscape.mean.size)


def test_map_is_blank_only_where_there_is_no_mass() -> None:
    surface = kl_map(benchmark("circle"), resolution=40)
    blank = np.isnan(surface.kl)
    assert surface.density[~blank].min() > surface.density[blank].max()
    assert (surface.kl[~blank] >= -1e-12).all()
    spacing = [axis[1] - axis[0] for axis in surface.axes]
    assert surface.density.sum() * spacing[0] * spacing[1] == pytest.approx(1.0, abs=0.01)


def test_map_in_one_dimension_and_on_other_data() -> None:
    line = GenerativeModel(parse_expression("z").to_decoder("line"), 0.5)
    wave = GenerativeModel(parse_expression("sin(3*z)").to_decoder("wave"), 0.1)
    surface = kl_map(wave, line, resolution=50)
    assert surface.kl.shape == (50,)
    expected = np.exp(log_density(line, surface.axes[0]).value)
    assert surface.density == pytest.approx(expected, rel=1e-12)


def test_bad_input() -> None:
    helix = GenerativeModel(parse_expression("[cos(z), sin(z), z]").to_decoder(), 0.1)
    with pytest.raises(ModelError, match="D <= 2"):
        kl_map(helix)
    with pytest.raises(ModelError, match="positive"):
        pmo_landscape(benchmark("circle"), [1.0, 0.0], scale=[0.0, 1.0])
    with pytest.raises(ModelError, match="one x"):
        pmo_landscape(benchmark("circle"), [[1.0, 0.0], [0.0, 1.0]])
