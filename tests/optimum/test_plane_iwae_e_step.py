"""The IWAE bound on cells of two latents: nested sums, differences, one latent, the ascent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import logsumexp, ndtr

from theorycheck.errors import SettingError
from theorycheck.models import benchmark, load_model
from theorycheck.objectives import IwaeBound
from theorycheck.optimum import Effort, Execution, SearchSettings, find_optimum
from theorycheck.optimum._coordinate_ascent import ascend
from theorycheck.optimum._iwae_e_step import ImportanceEStep
from theorycheck.optimum._nodes import data_nodes
from theorycheck.optimum._plane_e_step import PlaneEStep
from theorycheck.optimum._plane_iwae_e_step import PlaneImportanceEStep
from theorycheck.optimum._plane_starts import padded, random_map
from theorycheck.optimum._starts import GROUND_TRUTH
from theorycheck.quadrature import PlaneCells, latent_cells
from theorycheck.quadrature.kernels import _plane_cell_iwae as kernel
from theorycheck.results import ResultCache

MODEL = load_model("expr:[z1+0.3*z2*z2, z2]", noise_variance=0.2)
CELLS = PlaneCells((latent_cells(14), latent_cells(11)))
F = CELLS.average(MODEL.decoder)
X = np.array([0.7, -0.4])
Q = np.array([0.3, -0.2, np.log(0.5), np.log(0.7)])


def bound(q: np.ndarray, samples: int, f: np.ndarray = F) -> tuple[float, np.ndarray, np.ndarray]:
    """Return L_S, its gradient and the shares of the cells."""
    one, two = (kernel.plane_line(axis.boundary, axis.prior_mass) for axis in CELLS.axes)
    work, gradient = kernel.plane_work(*CELLS.shape), np.empty(4)
    grid = (f / MODEL.sigma).reshape(*CELLS.shape, -1).transpose(0, 2, 1)
    kernel.fill_plane_likelihood(X / MODEL.sigma, np.ascontiguousarray(grid), work.log_likelihood)
    value = kernel.plane_cell_iwae(q, float(samples), one, two, work, True, gradient)[0]
    return value, gradient, work.share.ravel()


def log_weights(q: np.ndarray, f: np.ndarray = F) -> tuple[np.ndarray, np.ndarray]:
    masses = []
    for k, axis in enumerate(CELLS.axes):
        edges = np.concatenate([[-np.inf], axis.boundary, [np.inf]])
        masses.append(np.diff(ndtr((edges - q[k]) / np.exp(q[2 + k]))))
    kappa = np.outer(*masses).ravel()
    cost = 0.5 * (((X - f) / MODEL.sigma) ** 2).sum(axis=1)
    with np.errstate(divide="ignore"):
        return kappa, np.log(CELLS.prior_mass) - cost - np.log(kappa)


def nested(q: np.ndarray, f: np.ndarray = F) -> float:
    kappa, log_w = log_weights(q, f)
    drawn = kappa > 1e-12
    kappa, log_w = kappa[drawn], log_w[drawn]
    pairs = np.logaddexp(log_w[:, None], log_w[None, :]) - np.log(2.0)
    return float(kappa @ pairs @ kappa)


def test_two_samples_equal_the_nested_sum() -> None:
    kappa, log_w = log_weights(Q)
    expected = nested(Q)
    missed = logsumexp(log_w, b=kappa) - expected
    assert missed > 0.05
    # The rule at octaves leaves about 1e-6 of what L_S is below log p.
    assert bound(Q, 2)[0] == pytest.approx(expected, abs=3e-5 * missed + 1e-9)


@pytest.mark.parametrize("samples", [2, 5, 20])
def test_the_gradient_in_q_is_that_of_the_value(samples: int) -> None:
    step = 1e-4
    gradient = bound(Q, samples)[1]
    for k, unit in enumerate([*np.exp(Q[2:]), 1.0, 1.0]):
        move = np.eye(4)[k] * unit * step
        slope = (bound(Q + move, samples)[0] - bound(Q - move, samples)[0]) / (2.0 * step)
        assert gradient[k] == pytest.approx(slope, abs=2e-6)


def test_shares_are_the_slopes_in_the_log_weights() -> None:
    share, step = bound(Q, 2)[2], 1e-4
    assert share.sum() == pytest.approx(1.0, abs=1e-5)
    for cell in np.argsort(-share)[:4]:
        # Moving f changes log w of this cell alone.
        ends = []
        for sign in (1.0, -1.0):
            f = F.copy()
            f[cell, 0] += sign * step
            ends.append((nested(Q, f), log_weights(Q, f)[1][cell]))
        slope = (ends[0][0] - ends[1][0]) / (ends[0][1] - ends[1][1])
        assert share[cell] == pytest.approx(slope, rel=1e-4)


def test_the_cell_of_least_weight_has_its_share() -> None:
    """Few cells: the least log w is that of a cell with a part of q's mass."""
    cells = PlaneCells((latent_cells(3), latent_cells(2)))
    step = PlaneImportanceEStep(data_nodes(MODEL, 1.5, tail=1e-2), cells, 2)
    found = step(cells.average(MODEL.decoder), MODEL.noise_variance)
    assert found.aggregate.sum() == pytest.approx(1.0, abs=1e-5)


def test_more_samples_lie_between_fewer_and_the_evidence() -> None:
    kappa, log_w = log_weights(Q)
    elbo = float(kappa[kappa > 0] @ log_w[kappa > 0])
    values = [bound(Q, samples)[0] for samples in (2, 5, 20, 1000)]
    assert (np.diff([elbo, *values, logsumexp(log_w, b=kappa)]) > 0.0).all()


def test_an_unused_latent_is_that_of_one_latent() -> None:
    data = benchmark("figure8")
    nodes, line = data_nodes(data, 1.4, tail=1e-2), latent_cells(60)
    cells = PlaneCells((line, latent_cells(10)))
    variance = data.noise_variance
    one = ImportanceEStep(nodes, line, 5)(line.average(data.decoder), variance)
    f = cells.average(padded(data, 2).decoder)
    step = PlaneImportanceEStep(nodes, cells, 5)
    two = step.certified(f, variance, step(f, variance))
    assert two.negative_elbo == pytest.approx(one.negative_elbo, abs=2e-6)
    assert 0.0 < two.gap < 1.0
    summed = two.aggregate.reshape(cells.shape).sum(axis=1)
    assert summed == pytest.approx(one.aggregate, abs=1e-3)


def test_it_lies_between_the_elbo_and_the_evidence_and_the_ascent_falls() -> None:
    nodes = data_nodes(MODEL, 1.5, tail=1e-2)
    variance = MODEL.noise_variance
    start = random_map(np.random.default_rng(3), PlaneEStep(nodes, CELLS), 2, 1.0)
    elbo = PlaneEStep(nodes, CELLS)(start, variance)
    step = PlaneImportanceEStep(nodes, CELLS, 5)
    first = step(start, variance)
    evidence = float(nodes.mass @ step.evidence(start, variance))
    assert -evidence - 1e-9 <= first.negative_elbo < elbo.negative_elbo
    # ascend() raises where −E L_S rises.
    ended = ascend(step, start, variance, most=12, fit_noise="shared")
    assert (np.diff(ended.history) < 1e-8).all()
    assert ended.negative_elbo < first.negative_elbo - 0.05
    # No other q is better, by those that the ELBO knows of.
    assert ended.q_gap < 1.0


TINY = Effort(
    starts=2, coarse_cells=24, middle_cells=32, fine_cells=48, coarse_step=1.5, middle_step=1.2,
    fine_step=1.2, most_nodes=80, refined=1, rounds=0, most=8, tolerance=1e-2,
)  # fmt: skip
PLANE = replace(TINY, coarse_cells=100, middle_cells=144, fine_cells=196, elbo=TINY)


def test_the_search_is_never_above_that_with_one_latent(tmp_path: Path) -> None:
    data = load_model("expr:sin(2*z)", noise_variance=0.1)
    effort = replace(PLANE, elbo=replace(TINY, elbo=TINY), plane_elbo=PLANE)
    settings = SearchSettings(IwaeBound(5), effort=effort, latents=2)
    assert SearchSettings.from_dict(settings.to_dict()) == settings
    execution = Execution(jobs=1, cache=ResultCache(tmp_path))
    found = find_optimum(data, settings, execution=execution)
    # That with one latent goes before, and is kept.
    line = find_optimum(data, replace(settings, latents=1, effort=effort.elbo), execution=execution)
    assert found.latents == 2
    assert found.excess.value <= line.excess.value
    kinds = {one.kind for one in found.starts}
    assert kinds == {GROUND_TRUTH, "optimum of the ELBO", "optimum of one latent"}
    assert 0.0 <= found.evaluation.gap.value <= found.excess.value + found.excess.error


def test_the_ascent_goes_below_the_truth_and_the_elbos_optimum() -> None:
    nodes = data_nodes(MODEL, 1.5, tail=1e-2)
    variance = MODEL.noise_variance
    elbo = ascend(PlaneEStep(nodes, CELLS), F, variance, most=12)
    step = PlaneImportanceEStep(nodes, CELLS, 5)
    ends = [ascend(step, f, variance, most=8).negative_elbo for f in (F, elbo.f)]
    begun = [step(f, variance).negative_elbo for f in (F, elbo.f)]
    assert (np.array(ends) < np.array(begun) - 1e-4).all()


def test_one_sample_is_the_elbos() -> None:
    with pytest.raises(SettingError, match="S >= 2"):
        PlaneImportanceEStep(data_nodes(MODEL, 1.5, tail=1e-2), CELLS, 1)
