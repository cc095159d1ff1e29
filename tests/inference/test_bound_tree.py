"""The tree of lower bounds: every node below what it bounds, constants above what they dominate."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.polynomial import hermite_e

from benchmarks.random_decoders import fourier_of_the_report, random_model, steps
from tests.problems import PROBLEMS
from theorycheck.inference import _bound_tree as tree_module
from theorycheck.inference._bound_tree import BoundTree
from theorycheck.inference._certificate import certify_optimal_q
from theorycheck.inference._marginal import log_density
from theorycheck.inference._mean_field import ALL_MINIMA, MeanField
from theorycheck.models._expression import parse_expression
from theorycheck.models._generative import GenerativeModel
from theorycheck.quadrature.kernels import _basins as basins
from theorycheck.quadrature.kernels import _bound_tree as kernel
from theorycheck.quadrature.kernels._affine_moments import DEGREES, least_cost

Array = np.ndarray
#: Nats by which the certificate's bound may lie below an optimum that is the global one.
CERTIFIED = 1.1e-9


def assert_global(field: MeanField, x: Array) -> None:
    optimum = field.optimal_q(x)
    size = 1.0 + np.abs(optimum.negative_elbo)
    assert (optimum.gap < 1e-11 * size).all()
    gap = certify_optimal_q(field, x, optimum, gap=1e-9).gap
    assert (gap < CERTIFIED * size).all()


def test_the_smooth_decoder_of_the_report() -> None:
    """A minimum between two table entries: the search without the bounds stopped at 2.05452."""
    field = MeanField(fourier_of_the_report())
    best = field.optimal_q([[-0.90733]])
    assert best.negative_elbo[0] == pytest.approx(2.0185935, abs=1e-6)
    assert_global(field, np.array([[-0.90733]]))


@pytest.mark.parametrize("seed", [0, 3])
def test_step_functions_with_ten_declared_jumps(seed: int) -> None:
    model = GenerativeModel(steps(np.random.default_rng(seed), 10, 1), 0.0025)
    _, x = model.sample(40, seed)
    assert_global(MeanField(model), x)


def test_a_well_in_a_thin_cell() -> None:
    """A cell 0.0016 wide holds this x; everything else is 39 nats worse, and far easier to find."""
    field = MeanField(random_model(150))
    z, x = field.model.sample(50, 150)
    x = x[np.abs(z + 0.87072664).argmin()][None]
    assert field.optimal_q(x).negative_elbo[0] == pytest.approx(9.0886613, abs=1e-6)
    assert_global(field, x)


@pytest.mark.parametrize("index", range(20))
def test_random_decoders_are_solved_globally(index: int) -> None:
    """The small version of ``benchmarks.global_q``: every kind, D = 1 to 5."""
    model = random_model(index)
    _, x = model.sample(10, index)
    assert_global(MeanField(model), x)


def test_a_local_minimum_is_left_for_the_global_one() -> None:
    """Given the worse of two minima alone, the walk finds the better one."""
    field = MeanField(fourier_of_the_report())
    given = np.array([[[-0.70053639, -3.73556595]]])
    found = field.optimal_q([[-0.90733]], given=given, use_modes=False)
    assert found.negative_elbo[0] == pytest.approx(2.0185935, abs=1e-6)
    assert found.gap[0] < 1e-11


def test_a_search_cut_short_says_how_far_it_may_be_off(monkeypatch: pytest.MonkeyPatch) -> None:
    field = MeanField(fourier_of_the_report())
    best = field.optimal_q([[-0.90733]]).negative_elbo[0]
    monkeypatch.setattr(tree_module, "_BUDGET", 40)
    given = np.array([[[-0.70053639, -3.73556595]]])
    found = field.optimal_q([[-0.90733]], given=given, use_modes=False)
    assert found.gap[0] > 1e-3
    assert found.negative_elbo[0] - found.gap[0] <= best


def test_a_full_tree_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = PROBLEMS["figure8"]
    _, x = problem.model.sample(60, 5)
    wanted = problem.mean_field.optimal_q(x)
    monkeypatch.setattr(tree_module, "_FIRST_NODES", 800)
    monkeypatch.setattr(tree_module, "_LARGEST", 1_000 * kernel.row_length(2))
    monkeypatch.setattr(tree_module, "_FEWEST", 1_000)
    field = MeanField(problem.model)
    found = field.optimal_q(x)
    assert field.bounds.size <= 1_000
    assert found.negative_elbo == pytest.approx(wanted.negative_elbo, abs=1e-11)
    assert (found.gap < 1e-11 * (1.0 + np.abs(found.negative_elbo))).all()


@pytest.mark.parametrize("name", ["figure8", "wave", "half_line", "helix", "two_gaussians"])
def test_no_q_lies_below_the_bound_of_its_node(name: str) -> None:
    """Evaluate −ELBO_x at random q of every node, for x near and far."""
    problem, rng = PROBLEMS[name], np.random.default_rng(41)
    field = MeanField(problem.model)
    field.optimal_q(problem.telling(30, seed=3))
    rows = field.bounds.rows
    rows = rows[rng.permutation(len(rows))[:800]]
    for x in problem.telling(6, seed=4):
        bound = np.array([node_bound(field, row, x) for row in rows])
        low, high = rows[:, kernel.LOW], rows[:, kernel.HIGH]
        bottom, top = rows[:, kernel.BOTTOM], rows[:, kernel.TOP]
        for _ in range(6):
            mean = low + rng.uniform(size=len(rows)) * (high - low)
            tau = bottom + rng.uniform(1e-6, 1.0, size=len(rows)) * (top - bottom)
            value = field.negative_elbo(np.tile(x, (len(rows), 1)), mean, np.sqrt(tau))
            value += field.panels.peak_log_density
            assert (value >= bound - 1e-11 * (1.0 + np.abs(value))).all()


def node_bound(field: MeanField, row: Array, x: Array) -> float:
    """The bound of one node, from its definition; 0 for parts of a fine box."""
    dim, sigma = len(x), field.model.sigma
    least = least_of(field, x)
    place = kernel.REFERENCE
    if row[kernel.KIND] == kernel.STRIP:
        near = [
            max(np.linalg.norm((x - row[place + k * dim : place + (k + 1) * dim]) / sigma) - r, 0.0)
            for k, r in enumerate((row[kernel.RADIUS_WIDE], row[kernel.RADIUS_NARROW]))
        ]
        outer, inner = (max(0.5 * v**2, least) for v in near)
        spent = kernel.WITHIN_THREE * outer + kernel.WITHIN_ONE * max(inner - outer, 0.0)
        return float(row[kernel.PRIOR] + spent)
    y = (x - row[place : place + dim]) / sigma
    table = row[place + dim :]
    if row[kernel.KIND] == kernel.WIDE:
        cost = 0.5 * y @ y - y @ table[:dim] + table[dim]
        return float(row[kernel.PRIOR] + least + row[kernel.RHO] * max(cost - least, 0.0))
    if row[kernel.KIND] != kernel.FIRST:
        return 0.0
    moments = table[: (dim + 1) * (DEGREES + 1)].reshape(dim + 1, DEGREES + 1)
    m = moments[dim] - y @ moments[:dim]
    m[0] += 0.5 * y @ y
    m[DEGREES] += 0.5 * y @ y
    tau, s_mean = row[kernel.TAU], row[kernel.S_MEAN]
    h, k = row[kernel.HALF_MEAN], row[kernel.HALF_TAU]
    a, b = (v.ravel() for v in np.meshgrid(np.linspace(-h, h, 41), np.linspace(-k, k, 41)))
    cubic = m[3] / 6 * a**3 + m[4] / 4 * a**2 * b + m[5] / 8 * a * b**2 + (m[6] - 8) / 48 * b**3
    expansion = (
        row[kernel.PRIOR] + m[0] + (s_mean + m[1]) * a + 0.5 * (tau - 1 + m[2]) * b
        + 0.5 * ((tau + m[2]) * a**2 + m[3] * a * b + (0.5 + 0.25 * m[4]) * b**2) + cubic
    )  # fmt: skip
    # The grid misses the least by its curvature; the walk takes |cubic| off everywhere instead.
    slack = 0.01 * (expansion.max() - expansion.min())
    return float(expansion.min() - slack - row[kernel.FOURTH] * max(m[DEGREES] - least, 0.0))


def least_of(field: MeanField, x: Array) -> float:
    """The engine's bound of the cost over all z, and that it is one."""
    panels, sigma = field.panels, field.model.sigma
    value = float(
        least_cost(x, 1.0 / sigma, panels.f, panels.balls, panels.blocks, field.bounds.slack)
    )
    z = np.linspace(-6.0, 6.0, 2_001)
    costs = 0.5 * (((x - field.model.decoder(z)) / sigma) ** 2).sum(axis=1)
    assert value <= costs.min() + 1e-12
    return value


def fourth_order_ratio(
    half_mean: float, half_tau: float, reach: float, points: int = 1_201
) -> float:
    """Largest −D⁴N[Δ⁴]/4! over the wider normal, N within `reach` of the box of these halves."""
    u = np.linspace(-20.0, 20.0, points)
    along = np.linspace(-1.0, 1.0, 17)
    edge = np.ones_like(along)
    a = half_mean * np.concatenate([edge, along, -edge, along])[:, None]
    b = 0.5 * half_tau * np.concatenate([along, edge, along, -edge])[:, None]
    largest = 0.0
    for tau in 1.0 + reach * half_tau * np.linspace(-1.0, 1.0, 9):
        for shift in reach * half_mean * np.linspace(0.0, 1.0, 6):
            s = math.sqrt(tau)
            t = (u - shift) / s
            he = [hermite_e.hermeval(t, np.eye(9)[k]) / s**k for k in range(9)]
            form = (
                a**4 * he[4] + 4 * a**3 * b * he[5] + 6 * a**2 * b**2 * he[6]
                + 4 * a * b**3 * he[7] + b**4 * he[8]
            )  # fmt: skip
            wide = np.exp(0.5 * (u / kernel.WIDER) ** 2 - 0.5 * t**2) * kernel.WIDER / s
            largest = max(largest, float((np.maximum(-form, 0.0) / 24.0 * wide).max()))
    return largest


def test_constants_dominate_the_fourth_derivatives() -> None:
    third = 1.0 / 3.0
    for constant, half_mean, reach in (
        (kernel.FOURTH_WIDE, kernel.FIRST_MEAN, 1.0),
        (kernel.FOURTH_NARROW, kernel.NARROW_MEAN, 1.0),
        (basins._BASIN_FOURTH, 0.25, 1.0),
        (basins._BASIN_FOURTH_HALF, 0.25, 0.5),
    ):
        ratio = fourth_order_ratio(half_mean, third, reach)
        assert 1.03 * ratio < constant < 1.1 * ratio


def test_the_tree_is_shared_by_all_x() -> None:
    field = MeanField(PROBLEMS["wave"].model)
    _, x = field.model.sample(400, 1)
    field.optimal_q(x)
    size = field.bounds.size
    field.optimal_q(x)
    assert field.bounds.size == size
    assert isinstance(field.bounds, BoundTree)


def test_log_p_caps_the_gap_and_spares_the_search() -> None:
    """Far off a line bounds alone leave nats open, though q* is the posterior, to rounding."""
    line = GenerativeModel(parse_expression("[z, z]").to_decoder(), [0.5, 0.25])
    field = MeanField(line)
    x = np.random.default_rng(0).normal(size=(200, 2)) * np.array([1.0, 4.0])
    found = field.optimal_q(x, evidence=log_density(field.panels, x))
    assert found.gap.max() < 1e-9
    # Not handed over, it is asked for where it is needed.
    assert field.optimal_q(x).gap.max() < 2e-9
    plain = field.optimal_q(x, certify=False)
    assert np.abs(found.negative_elbo - plain.negative_elbo).max() < 1e-11
    # Elsewhere the minimum is the same with and without, and so is what is known of it.
    curve = MeanField(GenerativeModel(parse_expression("[z, sin(3*z)]").to_decoder(), [0.05, 0.05]))
    _, x = curve.model.sample(50, 1)
    evidence = log_density(curve.panels, x)
    found, plain = curve.optimal_q(x, evidence=evidence), curve.optimal_q(x)
    assert np.abs(found.negative_elbo - plain.negative_elbo).max() < 1e-11
    assert np.all(found.gap <= found.negative_elbo + evidence.value + evidence.error + 1e-15)


def test_what_hardly_counts_is_not_looked_at() -> None:
    problem = PROBLEMS["figure8"]
    _, x = problem.model.sample(40, 2)
    evidence = log_density(problem.panels, x)
    full = problem.mean_field.optimal_q(x, evidence=evidence)
    kl = full.negative_elbo + evidence.value
    negligible = np.where(np.arange(40) % 2 == 0, 2.0 * kl, 0.0)
    found = problem.mean_field.optimal_q(x, evidence=evidence, negligible=negligible)
    assert found.negative_elbo == pytest.approx(full.negative_elbo, abs=1e-11)
    assert found.gap[0::2] == pytest.approx(kl[0::2], abs=1e-9)
    assert found.gap[1::2].max() < 1e-11


def test_all_minima_near_the_best_where_they_are_wanted() -> None:
    problem = PROBLEMS["clusters"]
    _, x = problem.model.sample(200, 4)
    few = problem.mean_field.optimal_q(x)
    whole = problem.mean_field.optimal_q(x, margin=ALL_MINIMA)
    assert few.negative_elbo == pytest.approx(whole.negative_elbo, abs=1e-11)
    counts = [np.isfinite(found.minima[:, :, 2]).sum(axis=1) for found in (few, whole)]
    assert (counts[1] >= counts[0]).all()
    assert counts[1].sum() > counts[0].sum() + 10
    # They are minima: −ELBO_x is higher all around.
    k, m = np.nonzero(np.isfinite(whole.minima[:, :, 2]))
    mean, log_scale, value = whole.minima[k, m].T
    for shift, factor in ((0.02, 1.0), (-0.02, 1.0), (0.0, 1.02), (0.0, 0.98)):
        scale = np.exp(log_scale)
        near = problem.mean_field.negative_elbo(x[k], mean + shift * scale, scale * factor)
        assert (near > value - 1e-10).all()
