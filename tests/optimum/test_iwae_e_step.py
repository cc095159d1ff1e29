"""The IWAE objective over all decoders on cells."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import theorycheck as tc
from theorycheck.errors import SettingError
from theorycheck.objectives import IwaeBound, objective_of
from theorycheck.optimum import Effort, find_optimum
from theorycheck.optimum._coordinate_ascent import ascend
from theorycheck.optimum._e_step import EStep
from theorycheck.optimum._iwae_e_step import ImportanceEStep
from theorycheck.optimum._nodes import data_nodes
from theorycheck.optimum._objective_search import make_e_step
from theorycheck.optimum._search_state import peek
from theorycheck.optimum._settings import Execution, SearchSettings
from theorycheck.optimum._starts import anneal, random_start
from theorycheck.quadrature._latent_cells import latent_cells

MODEL = tc.benchmark("figure8")
CELLS = latent_cells(64)
NODES = data_nodes(MODEL, 1.2, tail=1e-3)
TRUTH = CELLS.average(MODEL.decoder)
TINY = Effort(
    starts=2, coarse_cells=32, middle_cells=40, fine_cells=48, coarse_step=1.5, middle_step=1.2,
    fine_step=1.2, refined=1, rounds=0, most=20, tolerance=1e-3,
)  # fmt: skip


def log_evidence(f: np.ndarray) -> np.ndarray:
    cost = 0.5 * ((NODES.x[:, None, :] - f) ** 2 / MODEL.noise_variance).sum(axis=2)
    constant = np.log(2.0 * np.pi) + np.log(MODEL.sigma).sum()
    return np.asarray(np.log(np.exp(-cost) @ CELLS.prior_mass) - constant)


def test_objective_falls_with_samples_and_stays_above_the_evidence() -> None:
    values = [
        make_e_step(NODES, CELLS, objective_of(samples))(TRUTH, MODEL.noise_variance).negative_elbo
        for samples in (1, 2, 5, 20)
    ]
    assert np.all(np.diff(values) < 0.0)
    assert values[-1] >= -float(NODES.mass @ log_evidence(TRUTH)) - 1e-9


def test_best_q_is_wider_than_that_of_the_elbo() -> None:
    elbo = EStep(NODES, CELLS)(TRUTH, MODEL.noise_variance)
    iwae = ImportanceEStep(NODES, CELLS, 20)(TRUTH, MODEL.noise_variance)
    assert NODES.mass @ np.log(iwae.scale) > NODES.mass @ np.log(elbo.scale) + 0.05


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_m_step_never_lowers_the_bound_from_any_start(seed: int) -> None:
    # ascend() raises if it does; annealed starts visit very bad q, too.
    e_step = ImportanceEStep(NODES, CELLS, 5)
    start = random_start(np.random.default_rng(seed), e_step, TRUTH)
    f, previous = anneal(e_step, start, MODEL.noise_variance)
    ended = ascend(e_step, f, MODEL.noise_variance, previous=previous, most=12)
    assert np.all(np.diff(ended.history) < 1e-8)


def test_mleo_falls_with_samples_at_the_optimum() -> None:
    mleo = []
    for samples in (2, 20):
        ended = ascend(
            make_e_step(NODES, CELLS, objective_of(samples)),
            TRUTH,
            MODEL.noise_variance,
            most=40,
            tolerance=1e-5,
        )
        mleo.append(float(NODES.mass @ (NODES.log_density - log_evidence(ended.f))))
    assert mleo[0] > 2.0 * mleo[1] > 0.0


def test_search_reports_the_exact_objective() -> None:
    result = find_optimum(
        MODEL, SearchSettings(IwaeBound(3), effort=TINY, seed=4), execution=Execution(jobs=1)
    )
    assert result.objective == IwaeBound(3)
    own = result.objective.evaluate(result.model, MODEL, decomposition=result.decomposition)
    assert (own.excess, own.gap) == (result.excess, result.evaluation.gap)
    assert result.excess.value == pytest.approx(result.mleo.value + own.gap.value, abs=1e-3)
    assert result.excess.lower < result.decomposition.excess.value
    assert result.excess.value > result.mleo.value > 0.0
    assert result.to_dict()["samples"] == 3


def test_search_begins_at_the_optimum_of_the_elbo(tmp_path: Path) -> None:
    """Random starts of the dear objective missed what the cheap one leads to; resumable as well."""
    least = replace(TINY, most_nodes=60, most=4, tolerance=1e-2)
    effort = replace(least, starts=1, elbo=replace(least, starts=2))
    state = tmp_path / "state"
    result = find_optimum(
        MODEL,
        SearchSettings(IwaeBound(3), effort=effort, seed=4),
        execution=Execution(jobs=1, state_file=state),
    )
    assert {start.kind for start in result.starts} == {"ground truth", "optimum of the ELBO"}
    seen = peek(state)
    assert seen is not None
    assert seen.starts == 2
    refined = [start.refined for start in result.starts if start.refined is not None]
    assert seen.best == min(refined)
    again = find_optimum(
        MODEL,
        SearchSettings(IwaeBound(3), effort=effort, seed=4),
        execution=Execution(jobs=1, state_file=state, resume=True),
    )
    assert again.to_dict() == result.to_dict()


@pytest.mark.parametrize("samples", [0, -1, 1])
def test_iwae_e_step_needs_two_samples(samples: int) -> None:
    with pytest.raises(SettingError, match="S >= 2"):
        ImportanceEStep(NODES, CELLS, samples)


def test_search_refuses_no_samples() -> None:
    with pytest.raises(SettingError):
        find_optimum(MODEL, SearchSettings(objective_of(0)))
