"""EM for the likelihood of a decoder on cells: against plain mixtures, and closed forms."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import norm

from theorycheck.models import benchmark, load_model
from theorycheck.optimum import PosteriorEStep, ascend, data_nodes, table_nodes
from theorycheck.quadrature import LatentCells, latent_cells

Array = np.ndarray
many = settings(deadline=None, derandomize=True, max_examples=40)


def log_p(cells: LatentCells, x: Array, f: Array, variance: Array) -> tuple[Array, Array]:
    """Log p(x) and p(cell | x), one cell and one dimension at a time."""
    edges = np.concatenate([[-np.inf], cells.boundary, [np.inf]])
    joint = np.array(
        [
            [
                np.log(norm.cdf(b) - norm.cdf(a))
                + sum(norm.logpdf(row[d], f[j, d], variance[d] ** 0.5) for d in range(len(row)))
                for j, (a, b) in enumerate(pairwise(edges))
            ]
            for row in x
        ]
    )
    total = logsumexp(joint, axis=1)
    return total, np.exp(joint - total[:, None])


def case(seed: int) -> tuple[PosteriorEStep, Array, Array]:
    rng = np.random.default_rng(seed)
    data_dim = int(rng.integers(1, 4))
    x = rng.normal(size=(int(rng.integers(3, 9)), data_dim)) * 10.0 ** rng.uniform(-1.0, 1.0)
    e_step = PosteriorEStep(table_nodes(x, 1e-6), latent_cells(int(rng.integers(2, 7))))
    f = rng.normal(size=(e_step.cells.count, data_dim))
    return e_step, f, 10.0 ** rng.uniform(-1.5, 1.0, size=data_dim)


@many
@given(st.integers(0, 2**32 - 1))
def test_against_a_mixture_cell_by_cell(seed: int) -> None:
    e_step, f, variance = case(seed)
    x = e_step.nodes.x
    total, share = log_p(e_step.cells, x, f, variance)
    found = e_step(f, variance)
    assert found.negative_elbo == pytest.approx(-total.mean(), rel=1e-9)
    assert np.allclose(found.minima[:, 0, 2], -total, rtol=1e-9)
    assert np.allclose(found.aggregate, share.mean(axis=0), atol=1e-13)
    heavy = share.sum(axis=0) > 1e-8
    assert np.allclose(found.target[heavy], ((share.T @ x) / share.sum(axis=0)[:, None])[heavy])
    residual = np.mean(
        [share[i] @ (x[i] - f) ** 2 for i in range(len(x))],
        axis=0,
    )
    assert np.allclose(found.residual_variance(f), residual, rtol=1e-6)
    assert found.gap == 0.0


@many
@given(st.integers(0, 2**32 - 1), st.sampled_from(["no", "shared", "each"]))
def test_a_step_never_lowers_the_likelihood(seed: int, fit: str) -> None:
    """EM's law, of plain steps, judged by the plain mixture."""
    e_step, f, variance = case(seed)
    before = log_p(e_step.cells, e_step.nodes.x, f, variance)[0].mean()
    for _ in range(3):
        found = e_step(f, variance)
        f = found.target
        if fit != "no":
            variance = found.residual_variance(f)
            if fit == "shared":
                variance = np.full_like(variance, variance.mean())
            variance = np.maximum(variance, e_step.nodes.smallest_noise)
        after = log_p(e_step.cells, e_step.nodes.x, f, variance)[0].mean()
        assert after >= before - 1e-9
        before = after


@many
@given(st.integers(0, 2**32 - 1), st.sampled_from([None, 0.5, 3.0]))
def test_the_ascent_never_lowers_it(seed: int, steepness: float | None) -> None:
    e_step, f, variance = case(seed)
    ended = ascend(e_step, f, variance, fit_noise="shared", steepness=steepness, most=20)
    assert (np.diff(ended.history) <= 1e-8).all()
    assert ended.q_gap == 0.0


def test_linear_data_give_the_line_and_its_noise() -> None:
    """Under |f'| <= |w| the most likely decoder of N(b, ww' + σ²I) is the line, with its σ².

    KL[p ‖ p_f] = 0 at the line. If it is 0 anywhere, tr Cov f + σ_f² D = |w|² + σ² D, and
    tr Cov f <= E|f'|² <= |w|² (Poincaré), with equality for lines alone: no smaller σ² will do.
    Tipping and Bishop's maximum-likelihood solution is this line.
    """
    slope, noise = np.array([1.2, -0.5]), 0.3
    model = load_model("expr:[1.2*z + 0.4, -0.5*z]", noise_variance=noise)
    covariance = np.outer(slope, slope) + noise * np.eye(2)
    entropy = 0.5 * np.linalg.slogdet(2.0 * np.pi * np.e * covariance)[1]
    e_step = PosteriorEStep(data_nodes(model, 0.6), latent_cells(96))
    z = e_step.cells.z
    wave = np.stack([np.sin(z) + 0.4, 0.2 * z], axis=1)
    ended = ascend(
        e_step, wave, np.full(2, 0.5), fit_noise="shared",
        steepness=float(np.linalg.norm(slope)), most=600, tolerance=1e-9,
    )  # fmt: skip
    assert ended.negative_elbo == pytest.approx(entropy, abs=2e-4)
    # The nodes leave out 1e-6 of the mass.
    assert ended.negative_elbo >= entropy - 1e-5
    assert ended.noise_variance[0] == pytest.approx(noise, rel=2e-3)
    middle = np.abs(z) < 2.0
    sign = np.sign((ended.f[-1] - ended.f[0]) @ slope)
    line = np.array([0.4, 0.0]) + np.outer(sign * z, slope)
    assert np.abs(ended.f - line)[middle].max() < 0.05


def test_with_sigma_held_free_f_reaches_the_entropy() -> None:
    """On population data MLEO goes to 0, where the ELBO's optimum keeps some (figure8)."""
    figure8 = benchmark("figure8")
    nodes = data_nodes(figure8, 0.8, tail=1e-4)
    e_step = PosteriorEStep(nodes, latent_cells(160))
    start = e_step.cells.average(figure8.decoder) + 0.05
    ended = ascend(e_step, start, figure8.noise_variance, most=300, tolerance=1e-8)
    assert 0.0 <= ended.negative_elbo - nodes.entropy + 2e-3 < 4e-3
