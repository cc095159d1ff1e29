"""The label term with a continuous label: the best q(y|x) against scans and its own stationarity.

The referees integrate over dense nodes of y by themselves, and know nothing of the searches.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import minimize

from theorycheck.inference import (
    FLEXIBLE,
    NAIVE,
    NAIVE_CONDITIONAL,
    NAIVE_IWAE,
    ExactContinuousLabel,
    LabelPull,
)
from theorycheck.inference._descent import Local
from theorycheck.models import load_continuous_label_model

WEIGHT = 0.7


@pytest.fixture(scope="module")
def bent() -> ExactContinuousLabel:
    model = load_continuous_label_model("expr:[z + sin(1.5*y), 0.5*z*y]", noise_variance=0.2)
    return ExactContinuousLabel(model)


@pytest.fixture(scope="module")
def pull(bent: ExactContinuousLabel) -> LabelPull:
    """The p(y|x) of other data than the model's, on its rule."""
    y = bent.rule.y
    density = np.exp(-0.5 * ((y[:, None] - [0.8, -0.3, 0.1]) / [0.4, 0.7, 0.3]) ** 2)
    density += 0.5 * np.exp(-0.5 * ((y[:, None] + [1.0, 1.5, 0.9]) / 0.5) ** 2)
    mass = density * bent.rule.weight[:, None]
    return LabelPull.of(WEIGHT, mass / mass.sum(axis=0), y)


POINTS = np.array([[0.4, 0.1], [-0.7, 0.3], [1.2, -0.5]])


def gaussian(y: np.ndarray, mean: float, scale: float) -> np.ndarray:
    log_q: np.ndarray = -0.5 * ((y - mean) / scale) ** 2 - np.log(scale * np.sqrt(2.0 * np.pi))
    return log_q


@pytest.mark.parametrize("family", [NAIVE_CONDITIONAL, NAIVE_IWAE])
def test_no_scan_finds_a_better_gaussian(
    family: object, bent: ExactContinuousLabel, pull: LabelPull
) -> None:
    offers = bent.offers(POINTS)
    found = bent.bound(POINTS, family, offers, pull)  # type: ignore[arg-type]
    fine = bent.rule.split(4)
    given = offers.log_given if family == NAIVE_IWAE else offers.bound
    assert given is not None
    values, _ = bent.rule.interpolated(given, 4)
    masses, _ = bent.rule.interpolated(pull.mass / bent.rule.weight[:, None], 4)
    y, weight = fine.y, fine.weight

    def total(row: int, mean: float, log_scale: float) -> tuple[float, float]:
        log_q = gaussian(y, mean, np.exp(log_scale))
        prior = gaussian(y, 0.0, 1.0)
        q = np.exp(log_q) * weight
        u = float(q @ (values[:, row] + prior - log_q))
        return u, u + WEIGHT * float((masses[:, row] * weight) @ log_q)

    for row in range(len(POINTS)):
        mine, whole = total(row, found.mean[row], float(np.log(found.scale[row])))
        assert found.value[row] == pytest.approx(mine, abs=1e-7)
        starts = itertools.product(np.linspace(-2.0, 2.0, 5), (-1.5, -0.5))
        best = max(
            -minimize(lambda p, row=row: -total(row, *p)[1], start, method="Nelder-Mead").fun
            for start in starts
        )
        assert best <= whole + 1e-7
        log_q = found.log_mass[:, row] - np.log(bent.rule.weight)
        wanted = gaussian(bent.rule.y, found.mean[row], found.scale[row])
        assert log_q == pytest.approx(wanted, abs=1e-9)


def test_no_start_finds_a_better_product(bent: ExactContinuousLabel, pull: LabelPull) -> None:
    found = bent.bound(POINTS, NAIVE, None, pull)
    plain = bent.bound(POINTS, NAIVE)
    node, mass = np.polynomial.hermite_e.hermegauss(40)
    mass = mass / mass.sum()

    def total(row: int, m: float, t: float, mz: float, tz: float) -> tuple[float, float]:
        y, z = m + np.exp(t) * node, mz + np.exp(tz) * node
        pairs = np.stack(np.meshgrid(y, z, indexing="ij"), 2).reshape(-1, 2)
        f = bent.model.decoder(pairs[:, 0], pairs[:, 1])
        variance = bent.model.noise_variance
        log_x = (
            -0.5 * (POINTS[row] - f) ** 2 / variance - 0.5 * np.log(2.0 * np.pi * variance)
        ).sum(axis=1)
        kl = 0.5 * (np.exp(2.0 * t) + m**2 - 1.0) - t + 0.5 * (np.exp(2.0 * tz) + mz**2 - 1.0) - tz
        u = float(np.outer(mass, mass).ravel() @ log_x) - kl
        y = bent.rule.y
        return u, u + WEIGHT * float(pull.mass[:, row] @ gaussian(y, m, np.exp(t)))

    for row in range(len(POINTS)):
        at = (found.mean[row], float(np.log(found.scale[row])))
        ends = [
            minimize(lambda p, row=row: -total(row, *p)[1], (m, -0.7, mz, -0.7), method="BFGS")
            for m, mz in itertools.product((-1.5, 0.0, 1.5), (-1.0, 0.5))
        ]
        best = min(ends, key=lambda one: float(one.fun))
        assert best.x[:2] == pytest.approx(at, abs=1e-3)
        assert found.value[row] == pytest.approx(total(row, *best.x)[0], abs=1e-4)
        assert found.value[row] < plain.value[row] + 1e-9


def test_any_density_is_stationary(bent: ExactContinuousLabel, pull: LabelPull) -> None:
    offers = bent.offers(POINTS)
    found = bent.bound(POINTS, FLEXIBLE, offers, pull)
    assert offers.bound is not None
    r = np.exp(found.log_mass)
    assert r.sum(axis=0) == pytest.approx(1.0, abs=1e-10)
    a = offers.bound + bent.rule.log_weight[:, None]
    slope = a - found.log_mass + WEIGHT * pull.mass / r
    heavy = r > 1e-12
    for row in range(len(POINTS)):
        own = slope[heavy[:, row], row]
        assert own == pytest.approx(np.full(own.size, own.mean()), abs=1e-6)
    u = (r * (a - found.log_mass)).sum(axis=0)
    assert found.value == pytest.approx(u, abs=1e-9)
    plain = bent.bound(POINTS, FLEXIBLE, offers)
    assert (found.value < plain.value).all()
    # A little more of the term moves it a little; none of it is the plain bound.
    least = bent.bound(POINTS, FLEXIBLE, offers, pull._replace(weight=1e-9))
    assert least.value == pytest.approx(plain.value, abs=1e-6)


def test_derivatives_of_the_pull(pull: LabelPull) -> None:
    mean, log_scale = np.array([0.3, -0.2, 0.6]), np.array([-0.4, 0.1, -0.9])
    zero = Local(np.zeros(3), np.zeros((3, 2)), np.zeros((3, 2, 2)))
    found = pull.add(zero, mean, np.exp(log_scale), (0, 1))
    assert found.value == pytest.approx(pull.cost(mean, np.exp(log_scale)))
    scale, h = np.exp(log_scale), 1e-4

    def at(a: float, b: float) -> np.ndarray:
        result: np.ndarray = pull.cost(mean + a * scale, np.exp(log_scale + b))
        return result

    first = (at(h, 0) - at(-h, 0)) / (2 * h), (at(0, h) - at(0, -h)) / (2 * h)
    assert found.gradient == pytest.approx(np.stack(first, axis=1), abs=1e-6)
    twice = (at(h, 0) - 2 * at(0, 0) + at(-h, 0)) / h**2
    assert found.hessian[:, 0, 0] == pytest.approx(twice, abs=1e-5)
    twice = (at(0, h) - 2 * at(0, 0) + at(0, -h)) / h**2
    assert found.hessian[:, 1, 1] == pytest.approx(twice, abs=1e-4)
    mixed = (at(h, h) - at(h, -h) - at(-h, h) + at(-h, -h)) / (4 * h**2)
    assert found.hessian[:, 0, 1] == pytest.approx(mixed, abs=1e-4)
