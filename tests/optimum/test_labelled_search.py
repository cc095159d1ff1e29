"""The optimum of a semi-supervised objective on cells: ascent, M-step, the collapse it finds."""

from __future__ import annotations

import numpy as np
import pytest

from theorycheck.errors import SettingError
from theorycheck.inference import CONDITIONAL, FACTORISED, ExactLabelled
from theorycheck.models import load_labelled_model
from theorycheck.objectives import LabelledObjective
from theorycheck.optimum import (
    Effort,
    EStep,
    Execution,
    LabelEStep,
    ascend,
    find_labelled_optimum,
    labelled_nodes,
)
from theorycheck.quadrature import latent_cells

TINY = Effort(
    starts=4, coarse_cells=24, middle_cells=32, fine_cells=40, coarse_step=0.9, middle_step=0.9,
    fine_step=0.7, most_nodes=200, refined=1, most=30, tolerance=1e-3,
)  # fmt: skip
#: Two lines that are run through in opposite directions: one q is wrong for one of them.
CROSS = load_labelled_model("expr:[(2*y - 1)*z + 1.5*y]", noise_variance=0.2)


@pytest.mark.parametrize(
    "objective",
    [
        LabelledObjective(1.0, 0.0, 0.3, CONDITIONAL),
        LabelledObjective(0.5, 0.0, 0.3, FACTORISED),
        LabelledObjective(1.0, 0.7, 0.3, CONDITIONAL),
        LabelledObjective(1.0, 0.7, 0.3, FACTORISED),
    ],
)
def test_the_ascent_never_rises_and_its_m_step_is_the_best(objective: LabelledObjective) -> None:
    nodes = labelled_nodes(ExactLabelled(CROSS), 0.9, tail=1e-4, most=150, seed=0)
    cells = latent_cells(20)
    e_step = LabelEStep(nodes, cells, objective)
    f = np.concatenate([cells.average(model.decoder) for model in CROSS.classes])
    variance = CROSS.noise_variance
    found = e_step(f, variance)
    values = [found.negative_elbo]
    for _ in range(4):
        f = found.target
        found = e_step(f, variance, found.minima)
        values.append(found.negative_elbo)
    assert (np.diff(values) < 1e-9).all()
    # At these q no small change of any cell is better: the M-step's point is stationary.
    aggregate, target = found.aggregate[:, None], found.target
    rng = np.random.default_rng(0)
    moved = target + 1e-3 * rng.normal(size=target.shape)

    def cost(g: np.ndarray) -> float:
        return float((aggregate * (g - target) ** 2).sum())

    assert cost(moved) > cost(target)
    ended = ascend(e_step, target, variance, most=40)
    assert ended.negative_elbo <= values[-1] + 1e-9


def test_without_unlabelled_x_every_class_is_its_own_elbo() -> None:
    """ℓ = 1, γ = 1: −objective = Σ_y π_y (ELBO of class y) + Σ π log π."""
    objective = LabelledObjective(1.0, 0.0, 1.0, CONDITIONAL)
    nodes = labelled_nodes(ExactLabelled(CROSS), 0.9, tail=1e-4, most=150, seed=0)
    cells = latent_cells(20)
    parts = [cells.average(model.decoder) for model in CROSS.classes]
    found = LabelEStep(nodes, cells, objective)(np.concatenate(parts), CROSS.noise_variance)
    plain = EStep(nodes.nodes, cells)
    wanted = 0.0
    for y, part in enumerate(parts):
        own = plain(part, CROSS.noise_variance)
        weight = nodes.nodes.mass * nodes.class_posterior[y]
        wanted += float(weight @ (own.minima[:, 0, 2] - nodes.log_prior[y]))
    assert found.negative_elbo == pytest.approx(wanted, abs=1e-8)


def test_collapse_is_found_where_one_q_serves_all_classes() -> None:
    run = Execution(jobs=1)
    both = {
        family: find_labelled_optimum(
            CROSS, LabelledObjective(1.0, 0.0, 0.05, family), effort=TINY, execution=run
        )
        for family in (CONDITIONAL, FACTORISED)
    }
    for found in both.values():
        assert found.excess.value <= found.ground_truth.excess.value + found.excess.error
        assert found.to_dict()["starts"]
    assert both[CONDITIONAL].collapse.upper < 0.1
    assert both[FACTORISED].collapse.lower > 0.9


def test_what_cannot_be_searched_for() -> None:
    with pytest.raises(SettingError, match="nothing is optimised"):
        find_labelled_optimum(CROSS, LabelledObjective(0.0, 0.0, 1.0))
    with pytest.raises(SettingError, match="seed"):
        find_labelled_optimum(CROSS, seed=-1)
