"""The parts of a multi-start descent, threads and borrowed arrays: against plain definitions."""

from __future__ import annotations

import math

import numba
import numpy as np
import pytest

from tests.problems import PROBLEMS
from theorycheck.inference._mean_field import ALL_MINIMA
from theorycheck.quadrature._scan_table import ScanTable
from theorycheck.quadrature.kernels import _multistart as multistart
from theorycheck.quadrature.kernels._borrowed import borrowed
from theorycheck.quadrature.kernels._jit import batch_kernel, scalar_kernel
from theorycheck.quadrature.kernels._layouts import Balls, Matrix, Vector


@pytest.mark.parametrize("seed", range(5))
def test_newton_step_of_a_convex_quadratic_ends_at_its_minimum(seed: int) -> None:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(2, 2))
    hessian = root @ root.T + 0.1 * np.eye(2)
    gradient = rng.normal(size=2)
    found = multistart.newton_step(*gradient, *hessian[np.triu_indices(2)], 1e-3)
    exact = -np.linalg.solve(hessian, gradient)
    assert found[:2] == pytest.approx(exact, rel=1e-11, abs=1e-12)
    assert found[2] == pytest.approx(-gradient @ exact, rel=1e-11)


def test_newton_step_goes_down_on_a_saddle() -> None:
    """The modulus of an eigenvalue, and never less than the least curvature, stands for it."""
    step1, step2, decrement = multistart.newton_step(1.0, -2.0, -4.0, 0.0, 1e-9, 1e-3)
    assert (step1, step2) == pytest.approx((-0.25, 2000.0), rel=1e-12)
    assert decrement == pytest.approx(0.25 + 4000.0, rel=1e-12)


def test_known_is_in_units_of_the_minimum_that_is_known() -> None:
    minima = np.array([[1.0, math.log(0.1), -5.0], [np.nan] * 3])
    for mean, log_scale, expected in (
        (1.009, math.log(0.1), True), (1.011, math.log(0.1), False),
        (1.0, math.log(0.1) + 0.09, True), (1.0, math.log(0.1) - 0.11, False),
    ):  # fmt: skip
        assert multistart.known(mean, log_scale, minima, 1, 0.1) is expected
        # From above by less than the rise, or not at all.
        for value, near in ((-5.0, True), (-4.9, True), (-4.0, False), (-5.1, False)):
            found = multistart.arriving(mean, log_scale, value, minima, 1, 0.1, 0.5)
            assert found is (expected and near)
    assert not multistart.known(1.0, math.log(0.1), minima, 0, 0.1)


def test_starts_come_lowest_first_and_only_where_they_may_matter() -> None:
    starts = np.array(
        [[0.0, 0.0, 3.0], [4.0, 0.0, 1.0], [0.05, 0.0, 1.2], [8.0, 0.0, 9.0], [1.0, 0.0, np.inf]]
    )
    minima = np.full((3, 3), np.nan)
    kept = multistart.cleared(minima)
    assert multistart.next_start(starts, 5, minima, kept, 4.0, 0.1) == 1
    kept = multistart.keep(0.0, 0.0, 0.5, minima, kept, 0.1)
    # Start 2 and start 0 are near the minimum, start 3 is too high, and 4 is none.
    assert multistart.next_start(starts, 5, minima, kept, 4.0, 0.1) == -1
    assert np.isinf(starts[[0, 1, 2], 2]).all()


def test_kept_are_the_lowest_distinct_minima_in_ascending_order() -> None:
    rng = np.random.default_rng(3)
    for distance in (0.0, 0.5):
        ends = np.stack(
            [rng.integers(0, 6, 40) + 0.01 * rng.normal(size=40), np.zeros(40), rng.normal(size=40)]
        ).T
        minima = np.empty((9, 3))
        kept = multistart.cleared(minima)
        for end in ends:
            kept = multistart.keep(*end, minima, kept, distance)
        values = ends[:, 2]
        if distance:
            cell = np.rint(ends[:, 0])
            values = np.array([values[cell == c].min() for c in range(6)])
        assert minima[:kept, 2] == pytest.approx(np.sort(np.sort(values)[:9])[:kept], abs=0.0)
        assert kept == min(len(values), 9)


def test_of_ties_the_one_of_largest_mean_comes_first() -> None:
    minima = np.array([[-1.0, 0.0, 2.0], [1.0, 0.0, 2.0 + 1e-12], [3.0, 0.0, 2.1]])
    multistart.put_best_first(minima, 3, 1e-11)
    assert minima[:, 0].tolist() == [1.0, -1.0, 3.0]


@pytest.mark.parametrize("name", ["figure8", "clusters", "spiral_dots"])
def test_no_start_left_out_holds_a_lower_minimum(name: str) -> None:
    """One rule of nearness serves all searches: nothing is lost against descents from all starts.

    Wider margins follow more starts, and what they find is not lower; without the bounds, so that
    no walk can mend it.
    """
    problem = PROBLEMS[name]
    _, x = problem.model.sample(300, 8)
    few = problem.mean_field.optimal_q(x, margin=ALL_MINIMA, certify=False)
    many = problem.mean_field.optimal_q(x, margin=50.0, certify=False)
    assert (few.negative_elbo <= many.negative_elbo + 1e-10).all()


@batch_kernel
def _double(part: int, parts: int, x: Matrix, balls: Balls, out: Vector, by: Vector) -> None:
    x, balls = borrowed((x, balls))
    for k in range(part, x.shape[0], parts):
        out[k] += _sum(x[k], balls)
        by[k] = part


@scalar_kernel
def _sum(x: Vector, balls: Balls) -> float:
    total = 0.0
    for d in range(x.shape[0]):
        total += x[d] * balls.centre[0, d] + balls.radius[0]
    return total


@pytest.mark.parametrize("count", [1, 15, 16, 33, 500])
def test_every_x_is_worked_on_once_and_by_every_thread(count: int) -> None:
    rng = np.random.default_rng(count)
    x = rng.normal(size=(count, 3))
    balls = Balls(rng.normal(size=(1, 3)), np.array([0.5]), np.zeros(1))
    out, by = np.zeros(count), np.full(count, -1.0)
    _double(x, balls, out, by)
    assert out == pytest.approx(x @ balls.centre[0] + 1.5, abs=1e-14)
    assert set(by) == set(range(min(numba.get_num_threads(), max(count // 16, 1))))


def test_results_do_not_depend_on_the_number_of_parts() -> None:
    rng = np.random.default_rng(1)
    x, balls = rng.normal(size=(40, 3)), Balls(rng.normal(size=(1, 3)), np.ones(1), np.zeros(1))
    whole, by = np.zeros(40), np.zeros(40)
    _double(x, balls, whole, by)
    pieces = np.zeros(40)
    for part in range(3):
        _double.py_func(part, 3, x, balls, pieces, by)
    assert pieces == pytest.approx(whole, abs=1e-14)
    assert by.tolist() == [k % 3 for k in range(40)]


def test_scan_tables() -> None:
    table = ScanTable(reach=6.0, widest=1.8, log_step=0.4, mean_step=0.7, largest=12_000)
    means, log_scales, complete = table.rows(0.05)
    assert complete
    assert log_scales[0] == math.log(1.8)
    assert np.diff(log_scales) == pytest.approx(-0.4)
    assert math.exp(log_scales[-1]) < 0.05 <= math.exp(log_scales[-2])
    for row, log_scale in zip(means, log_scales, strict=True):
        assert (row[0], row[-1]) == (-6.0, 6.0)
        # About one a step, a basin of −ELBO being one s wide.
        assert np.diff(row).max() < 0.7 * math.exp(log_scale) * row.size / (row.size - 1.0)
    joined = table.joined(means, log_scales)
    assert joined[0].size == joined[1].size == sum(row.size for row in means)
    assert not table.rows(1e-6)[2]
    assert sum(row.size for row in table.rows(1e-6)[0]) <= 12_000
