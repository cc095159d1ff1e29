"""Both optima on a table: laws, a closed form, and what is known of the benchmarks."""

from __future__ import annotations

import dataclasses
import math
from functools import cache

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import norm

from theorycheck.errors import ModelError, SettingError
from theorycheck.estimate import Estimate
from theorycheck.inference import log_density
from theorycheck.models import benchmark
from theorycheck.optimum import (
    CrossValidation,
    PathPoint,
    PosteriorEStep,
    TableEffort,
    TablePair,
    bounds_for,
    cross_validate,
    decoder_on_cells,
    fit_pair,
    fit_table,
    table_nodes,
    try_bounds,
)
from theorycheck.optimum._cooling import cold_start, cooling
from theorycheck.optimum._table_path import _path
from theorycheck.quadrature import latent_cells

Array = np.ndarray
SMALL = TableEffort(starts=2, cells=64, most=40, tolerance=1e-4)


@cache
def table(name: str, size: int = 500, seed: int = 0) -> tuple[Array, Array, float]:
    """Standardised rows, as many more, and the true σ² in these units."""
    model = benchmark(name)
    _, x = model.sample(2 * size, seed)
    mean, scale = x[:size].mean(axis=0), x[:size].std(axis=0)
    z = (x - mean) / scale
    return z[:size], z[size:], float((model.noise_variance / scale**2).mean())


@cache
def pair(name: str, bound: float) -> TablePair:
    x, _, noise = table(name)
    return fit_pair(x, steepness=bound, held_noise=noise, smallest_noise=1e-4, effort=SMALL)


def plain_log_p(f: Array, z: Array, variance: float, x: Array) -> Array:
    """Log ∫ φ(z) N(x; f(z), σ²) dz of straight lines through (z, f), by a Riemann sum."""
    at = np.linspace(-8.0, 8.0, 16_001)
    curve = np.stack([np.interp(at, z, column) for column in f.T], axis=1)
    log_weight = norm.logpdf(at) + math.log(at[1] - at[0])
    squares = ((x[:, None] - curve) ** 2).sum(axis=2) / (2.0 * variance)
    constant = 0.5 * x.shape[1] * math.log(2.0 * math.pi * variance)
    return np.asarray(logsumexp(log_weight - squares, axis=1) - constant)


def test_the_value_is_that_of_a_plain_sum() -> None:
    _, held_out, _ = table("circle")
    fit = pair("circle", 3.5).exact_likelihood
    x = held_out[:50]
    plain = plain_log_p(fit.f, fit.cells.z, fit.noise_variance, x).mean()
    found = fit.log_density(x)
    assert found.value == pytest.approx(plain, abs=1e-5)
    assert found.error < 1e-9


def test_the_bound_is_obeyed() -> None:
    for fit in (pair("circle", 3.5).elbo, pair("circle", 3.5).exact_likelihood):
        length = np.linalg.norm(np.diff(fit.f, axis=0), axis=1)
        assert (length <= 3.5 * np.diff(fit.cells.z) * (1.0 + 1e-9)).all()


@pytest.mark.parametrize("name", ["circle", "figure8"])
def test_no_fit_is_less_likely_than_the_elbos(name: str) -> None:
    """At one σ² and one bound, on the rows of both: it starts there, among others."""
    x, _, noise = table(name)
    elbo = fit_table(x, "elbo", steepness=3.5, smallest_noise=1e-4, held_noise=noise, effort=SMALL)
    likely = fit_table(
        x, "exact_likelihood", steepness=3.5, smallest_noise=1e-4, held_noise=noise,
        effort=dataclasses.replace(SMALL, starts=0), given=(elbo,),
    )  # fmt: skip
    assert likely.negative_objective <= elbo.negative_objective
    assert likely.starts[0][0] == "elbo at |f'| <= 3.5"
    assert elbo.noise_variance == likely.noise_variance == noise


@pytest.mark.parametrize("name", ["circle", "clusters"])
def test_theorem_1_on_tables(name: str) -> None:
    """The ELBO's optimum pays on clusters, and not on circle, in held-out log p."""
    x, _, noise = table(name, 800)
    found = fit_pair(x, steepness=3.5, held_noise=noise, smallest_noise=1e-4, effort=SMALL)
    gap = found.mleo_gap(table(name, 800)[1]).value
    if name == "clusters":
        assert gap > 0.01
    else:
        assert abs(gap) < 0.01


def test_one_gaussian_has_nothing_to_gain() -> None:
    """A line has a Gaussian posterior: both end in the same decoder."""
    rng = np.random.default_rng(0)
    x = np.outer(rng.normal(size=400), [0.9, 0.9]) + 0.4 * rng.normal(size=(400, 2))
    found = fit_pair(x, steepness=1.0, smallest_noise=1e-4, effort=SMALL)
    values, _ = np.linalg.eigh(np.cov(x.T, bias=True))
    # Tipping and Bishop (1999): σ² is the mean of the variances that the axis leaves over.
    for fit in (found.elbo, found.exact_likelihood):
        assert fit.noise_variance == pytest.approx(values[0], rel=0.25)
    assert abs(found.mleo_gap(x).value) < 0.02


def test_the_elbo_needs_cooling() -> None:
    """Fitted from the first on, σ² grows and f is lost: a constant is a local optimum."""
    x, _, noise = table("circle")
    fit = fit_table(x, "elbo", steepness=3.5, smallest_noise=1e-4, effort=SMALL)
    assert fit.noise_variance < 3.0 * noise
    constant = 0.5 * 2 * (math.log(2.0 * math.pi) + 1.0)
    assert fit.negative_objective < constant - 0.5


def test_cross_validation_finds_sigma() -> None:
    x, _, noise = table("circle")
    found = cross_validate(x, smallest_noise=1e-4, bounds=(0.7, 3.5), starts=1)
    assert found.best.steepness == 3.5
    # Of 500 rows; the grid's steps are 20 %.
    assert found.noise_variance == pytest.approx(noise, rel=0.3)
    assert [point.steepness for point in found.best_at_each_bound()] == [0.7, 3.5]
    low, high = (point.held_out.value for point in found.best_at_each_bound())
    assert high > low + 0.1


def test_held_out_log_p_is_that_of_straight_lines() -> None:
    """To what steps an eighth of a cell wide make of them: by the engine's quadrature."""
    x, held_out, _ = table("circle")
    path = _path(x, held_out[:100], 3.5, 0.01, 1, 0)
    e_step = PosteriorEStep(table_nodes(x, 0.01), latent_cells(96))
    start = cold_start(e_step, 0, 0)[1]
    for place, stage in enumerate(cooling(e_step, start, 3.5, 0.01, steps=4)):
        if place not in path or place % 5:
            continue
        model = decoder_on_cells(e_step.cells, stage.f, stage.noise_variance, "lines")
        exact = log_density(model, held_out[:100]).value
        assert path[place][1].mean() == pytest.approx(exact.mean(), abs=2e-3)


def test_the_vertex_between_grid_points() -> None:
    def point(log_variance: float) -> PathPoint:
        return PathPoint(1.0, math.exp(log_variance), Estimate(-((log_variance + 1.1) ** 2), 0.0))

    found = CrossValidation(tuple(point(v) for v in (-0.5, -1.0, -1.5, -2.0)), 2)
    assert found.best.noise_variance == pytest.approx(math.exp(-1.0))
    assert math.log(found.noise_variance) == pytest.approx(-1.1)
    at_the_end = CrossValidation(tuple(point(v) for v in (-0.5, -1.0)), 2)
    assert at_the_end.noise_variance == pytest.approx(math.exp(-1.0))


def test_sigma_with_f_held() -> None:
    """The maximum of the likelihood in σ², against a scan; the truth lies between both kinds."""
    x, held_out, noise = table("circle")
    fit = pair("circle", 3.5).exact_likelihood
    low, high = fit.refitted_noise(x, 1e-4), fit.refitted_noise(held_out, 1e-4)
    assert low < noise < high
    assert math.sqrt(low * high) == pytest.approx(noise, rel=0.1)
    rows = held_out[:60]
    found = fit.refitted_noise(rows, 1e-4)
    at = [plain_log_p(fit.f, fit.cells.z, found * v, rows).mean() for v in (0.9, 1.0, 1.1)]
    assert at[1] > max(at[0], at[2])
    assert fit.refitted_noise(x, 0.5) == 0.5


def test_bounds_are_tried_upwards() -> None:
    x, held_out, _ = table("circle")
    effort = TableEffort(starts=1, cells=48, most=10)
    found = try_bounds(x, held_out, bounds=(3.0, 0.7), smallest_noise=0.02, effort=effort)
    assert [one.steepness for one in found] == [0.7, 3.0]
    assert found[1].exact_likelihood.value > found[0].exact_likelihood.value
    assert found[1].elbo is not None
    alone = try_bounds(
        x, held_out, bounds=(3.0,), with_elbo=False, smallest_noise=0.02, effort=effort
    )
    assert alone[0].elbo is None


def test_bounds_have_the_tables_scale() -> None:
    x, _, _ = table("circle")
    assert np.allclose(np.array(bounds_for(10.0 * x)), 10.0 * np.array(bounds_for(x)))


def test_rows_weigh_the_same_and_have_no_density() -> None:
    nodes = table_nodes(np.zeros((4, 2)), 0.3)
    assert np.allclose(nodes.mass, 0.25)
    assert np.allclose(nodes.smallest_noise, 0.3)
    assert math.isnan(nodes.entropy)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"objective": "iwae"}, "objective"),
        ({"steepness": 0.0}, "bound"),
        ({"smallest_noise": 0.0}, "σ²"),
        ({"held_noise": -1.0}, "σ²"),
        ({"seed": -1}, "seed"),
        ({"effort": TableEffort(starts=0)}, "needs a start"),
    ],
)
def test_bad_settings(change: dict[str, object], word: str) -> None:
    good: dict[str, object] = {"objective": "elbo", "smallest_noise": 0.1}
    with pytest.raises(SettingError, match=word):
        fit_table(table("circle")[0], **(good | change))  # type: ignore[arg-type]


def test_bad_tables() -> None:
    for x, word in ((np.zeros((9, 2)), "equal"), (np.full((9, 2), np.nan), "finite")):
        with pytest.raises(ModelError, match=word):
            fit_table(x, "elbo", smallest_noise=0.1)
    with pytest.raises(SettingError, match="two cells"):
        TableEffort(cells=1)
    with pytest.raises(SettingError, match="folds"):
        cross_validate(table("circle")[0], smallest_noise=0.1, folds=1)
    with pytest.raises(SettingError, match="cells"):
        fit_table(table("circle")[0], "elbo", smallest_noise=0.1, given=(pair("circle", 3.5).elbo,))
    with pytest.raises(SettingError, match="bound"):
        try_bounds(table("circle")[0], table("circle")[1], bounds=(), smallest_noise=0.1)
