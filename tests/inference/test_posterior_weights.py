"""Posterior weights on nodes: closed forms, log p(x) by another route, chunks, bad input."""

from __future__ import annotations

import numpy as np
import pytest

from tests.problems import PROBLEMS
from theorycheck.errors import ModelError
from theorycheck.inference import _posterior_weights as module
from theorycheck.inference._marginal import log_density
from theorycheck.inference._posterior_weights import posterior_moments, posterior_weights
from theorycheck.models import benchmark


@pytest.mark.parametrize("name", ["ramp", "half_line", "linear_plane"])
def test_moments(name: str) -> None:
    problem = PROBLEMS[name]
    x = problem.model.sample(30, 72)[1]
    mean, scale = posterior_moments(problem.panels, x)
    assert mean == pytest.approx(problem.posterior_mean(x), abs=1e-11)
    if name == "linear_plane":
        assert scale == pytest.approx(
            problem.pieces[0].moments(x, np.array(problem.noise_variance))[1], rel=1e-10
        )


def test_log_joint_integrates_to_the_density() -> None:
    model = benchmark("figure8")
    x = model.sample(40, 5)[1]
    (chunk,) = posterior_weights(model, x)
    exact = log_density(model, x)
    ratio = np.exp(chunk.log_joint - exact.value[:, None])
    weight = chunk.weight / np.where(ratio > 0.0, ratio, 1.0)
    # weight = rule weight · p(z|x): the same rule weights for every x, which sum to an interval.
    assert np.ptp(np.where(ratio > 1e-200, weight, np.nan), axis=0)[ratio.min(axis=0) > 1e-200] == (
        pytest.approx(0.0, abs=1e-11)
    )
    # E[f|x] by the kernel of log p.
    f = model.decoder(np.asarray(module.as_panels(model).z))
    assert chunk.weight @ f == pytest.approx(exact.posterior_mean_f, abs=1e-11)


def test_chunks_are_one_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    model = benchmark("circle")
    x = model.sample(25, 6)[1]
    whole = posterior_moments(model, x)
    monkeypatch.setattr(module, "_PAIRS_AT_ONCE", 4 * module.as_panels(model).z.size)
    assert [c.rows for c in posterior_weights(model, x)][-1] == slice(24, 25)
    for one, other in zip(whole, posterior_moments(model, x), strict=True):
        assert one.tolist() == pytest.approx(other.tolist(), rel=1e-13)


def test_no_x_and_bad_input() -> None:
    model = benchmark("circle")
    assert list(posterior_weights(model, np.zeros((0, 2)))) == []
    with pytest.raises(ModelError, match="shape"):
        list(posterior_weights(model, np.zeros((1, 3))))
    with pytest.raises(ModelError, match="NaN"):
        posterior_moments(model, [[np.nan, 0.0]])
