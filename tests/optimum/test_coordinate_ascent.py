"""The ascent: it never falls, ends where plain EM ends, and says honestly how far it got."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.optimum.conftest import Small
from theorycheck.errors import SettingError
from theorycheck.models._benchmarks import benchmark
from theorycheck.models._expression import parse_expression
from theorycheck.models._generative import GenerativeModel
from theorycheck.optimum._coordinate_ascent import ascend
from theorycheck.optimum._e_step import EStep
from theorycheck.optimum._nodes import data_nodes
from theorycheck.quadrature._latent_cells import latent_cells

VARIANCE = {"figure8": np.full(2, 0.02), "circle": np.full(2, 0.01)}


def truth(e_step: EStep, name: str) -> np.ndarray:
    return e_step.cells.average(benchmark(name).decoder)


@pytest.mark.parametrize("fit", ["no", "shared", "each"])
@pytest.mark.parametrize("steepness", [None, 3.0])
def test_minus_elbo_never_rises(small: Small, fit: Any, steepness: float | None) -> None:
    e_step = small()
    f, variance = truth(e_step, "figure8"), VARIANCE["figure8"]
    ended = ascend(e_step, f, variance, fit_noise=fit, steepness=steepness, most=30)
    assert (np.diff(ended.history) <= 1e-8).all()
    assert ended.history[-1] == ended.negative_elbo < ended.history[0]
    # It is what an E-step from scratch finds there.
    again = e_step(ended.f, ended.noise_variance)
    assert again.negative_elbo == pytest.approx(ended.negative_elbo, abs=1e-8)


def test_squarem_ends_where_plain_em_ends(small: Small) -> None:
    e_step = small("circle")
    f, variance = truth(e_step, "circle"), VARIANCE["circle"]
    ended = ascend(e_step, f, variance, most=400, tolerance=1e-10)
    plain = e_step(f, variance)
    count = 1
    while count < 3000:
        moved = e_step(plain.target, variance, plain.minima)
        fell = plain.negative_elbo - moved.negative_elbo
        assert fell >= -1e-10
        plain, count = moved, count + 1
        if fell < 1e-12:
            break
    assert ended.converged
    assert ended.negative_elbo == pytest.approx(plain.negative_elbo, abs=1e-7)
    assert ended.evaluations < count / 2


def test_gradient_norm_against_differences(small: Small) -> None:
    """Of −ELBO with q optimised anew at every f: the envelope theorem."""
    e_step = small(cells=16, most=60)
    f, variance = truth(e_step, "figure8"), np.array([0.02, 0.04])
    stopped = ascend(e_step, f, variance, most=1)
    assert np.array_equal(stopped.f, f)
    sigma, h = np.sqrt(variance), 1e-5
    gradient = np.zeros_like(f)
    for j in range(16):
        for d in range(2):
            move = np.zeros_like(f)
            move[j, d] = h * sigma[d]
            minima = stopped.responsibilities.minima
            up, down = e_step(f + move, variance, minima), e_step(f - move, variance, minima)
            gradient[j, d] = (up.negative_elbo - down.negative_elbo) / (2.0 * h)
    assert stopped.gradient_norm == pytest.approx(float(np.linalg.norm(gradient)), rel=1e-4)
    assert not stopped.converged


def test_gain_of_one_more_m_step(small: Small) -> None:
    """½ displacement² is what −ELBO falls by at these q, exactly."""
    e_step = small()
    variance = np.array([0.02, 0.04])
    stopped = ascend(e_step, truth(e_step, "figure8"), variance, most=1)
    r = stopped.responsibilities
    fall = (r.residual_variance(stopped.f) - r.residual_variance(r.target)) / (2.0 * variance)
    assert stopped.m_step_gain == pytest.approx(float(fall.sum()), rel=1e-10)
    # With q optimised anew it falls at least as far.
    moved = e_step(r.target, variance, r.minima)
    assert stopped.negative_elbo - moved.negative_elbo >= stopped.m_step_gain - 1e-10


def test_certificate_shrinks(small: Small) -> None:
    e_step = small("circle")
    f, variance = truth(e_step, "circle"), VARIANCE["circle"]
    early = ascend(e_step, f, variance, most=3)
    late = ascend(e_step, f, variance, most=300, tolerance=1e-10)
    assert late.converged
    assert late.gradient_norm < 0.05 * early.gradient_norm
    assert late.displacement < 0.1 * early.displacement
    assert late.m_step_gain < 1e-6


def test_noise_is_fitted(small: Small) -> None:
    """At the end σ² is the residual (Theorem 2), and each freedom lowers −ELBO further."""
    e_step = small()
    f, variance = truth(e_step, "figure8"), VARIANCE["figure8"]
    held = ascend(e_step, f, variance, tolerance=1e-9, most=400)
    shared = ascend(
        e_step, held.f, variance, fit_noise="shared", tolerance=1e-10, most=600,
        previous=held.responsibilities.minima,
    )  # fmt: skip
    each = ascend(
        e_step, shared.f, shared.noise_variance, fit_noise="each", tolerance=1e-10, most=600,
        previous=shared.responsibilities.minima,
    )  # fmt: skip
    assert np.array_equal(held.noise_variance, variance)
    assert shared.noise_variance[0] == shared.noise_variance[1]
    residual = shared.responsibilities.residual_variance(shared.f)
    assert residual.mean() == pytest.approx(shared.noise_variance[0], rel=2e-3)
    assert np.allclose(
        each.responsibilities.residual_variance(each.f), each.noise_variance, rtol=2e-3
    )
    assert each.negative_elbo < shared.negative_elbo < held.negative_elbo


def test_noise_does_not_collapse_onto_the_data_nodes() -> None:
    """D = 1, and more cells than data nodes: f could go through every node, and σ² to zero."""
    model = GenerativeModel(parse_expression("sin(3*z)").to_decoder(), 0.01)
    nodes = data_nodes(model, 0.9, tail=1e-3)
    e_step = EStep(nodes, latent_cells(120))
    f = e_step.cells.average(model.decoder)
    for fit in ("shared", "each"):
        ended = ascend(e_step, f, model.noise_variance, fit_noise=fit, most=150)  # type: ignore[arg-type]
        assert (np.diff(ended.history) <= 1e-8).all()
        assert ended.noise_variance[0] >= nodes.smallest_noise[0] * (1.0 - 1e-12)
        assert ended.negative_elbo - nodes.entropy > -1e-3


def test_a_rise_is_a_defect(small: Small) -> None:
    """An E-step that is not the best one shows up as a rise of −ELBO, and is not passed over."""
    good = small("circle")

    class Worsening(EStep):
        calls = 0

        def __call__(self, f: Any, noise_variance: Any, previous: Any = None) -> Any:
            Worsening.calls += 1
            found = super().__call__(f, noise_variance, previous)
            object.__setattr__(found, "negative_elbo", found.negative_elbo + Worsening.calls)
            return found

    bad = Worsening(good.nodes, good.cells)
    with pytest.raises(FloatingPointError, match="rose by"):
        ascend(bad, truth(bad, "circle"), VARIANCE["circle"])


@pytest.mark.parametrize("wrong", [{"most": 0}, {"tolerance": 0.0}, {"tolerance": float("nan")}])
def test_settings(small: Small, wrong: dict[str, Any]) -> None:
    e_step = small("circle")
    with pytest.raises(SettingError):
        ascend(e_step, truth(e_step, "circle"), VARIANCE["circle"], **wrong)


def test_progress_is_told(small: Small) -> None:
    e_step = small("circle")
    seen: list[tuple[int, float]] = []
    ended = ascend(
        e_step, truth(e_step, "circle"), VARIANCE["circle"], most=10,
        watch=lambda count, value: seen.append((count, value)),
    )  # fmt: skip
    assert [value for _, value in seen] == list(ended.history[1:])
    assert seen[-1][0] == ended.evaluations
