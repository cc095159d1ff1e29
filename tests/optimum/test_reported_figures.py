"""J of the decoder that is reported, by routes other than the one that reports it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp

from tests.brute_force import negative_elbo
from theorycheck.inference._marginal import log_density
from theorycheck.inference._mean_field import MeanField
from theorycheck.models._generative import GenerativeModel
from theorycheck.objectives._decomposition import Decomposition, decompose
from theorycheck.optimum._nodes import data_nodes
from theorycheck.optimum._result import PredictedOptimum
from theorycheck.quadrature._latent_panels import latent_panels

#: Spacings of the data nodes in σ, and shifts of them.
GRIDS = [(0.3, 0.0), (0.3, 0.61), (0.15, 0.37)]
_LEGENDRE, _WEIGHTS = np.polynomial.legendre.leggauss(12)


@pytest.fixture(scope="module")
def fine(tiny_optimum: PredictedOptimum, figure8: GenerativeModel) -> Decomposition:
    return decompose(tiny_optimum.model, figure8, tolerance=1e-5)


@pytest.mark.parametrize(("step", "shift"), GRIDS)
def test_stable_when_data_nodes_are_refined_or_shifted(
    tiny_optimum: PredictedOptimum,
    figure8: GenerativeModel,
    fine: Decomposition,
    step: float,
    shift: float,
) -> None:
    """Grids that neither the search nor the evaluation used, to the 1e-4 nats that J is good for.

    KL(x) has kinks, so that a grid's own error falls like the square of its step: at 0.5 σ it is
    2e-4. The tail left out is 1e-9 of the mass.
    """
    assert abs(fine.excess.value - tiny_optimum.excess.value) <= tiny_optimum.excess.error
    nodes = data_nodes(figure8, step, shift=shift, tail=1e-9)
    best = MeanField(tiny_optimum.model).optimal_q(nodes.x).negative_elbo
    excess = float(nodes.mass @ best) - nodes.entropy
    assert excess == pytest.approx(fine.excess.value, abs=1e-4 + fine.excess.error)


def brute_log_density(model: GenerativeModel, x: NDArray[np.float64]) -> float:
    """Log p(x) by a composite rule between the kinks of f, in logarithms."""
    cuts = np.array([-10.0, *(model.decoder.breakpoints or ()), 10.0])
    edges = np.unique(np.concatenate([cuts[np.abs(cuts) <= 10.0], np.linspace(-10.0, 10.0, 801)]))
    half = 0.5 * np.diff(edges)
    z = (0.5 * (edges[:-1] + edges[1:])[:, None] + half[:, None] * _LEGENDRE).ravel()
    weight = (half[:, None] * _WEIGHTS).ravel()
    residual = (x - model.decoder(z)) ** 2 / model.noise_variance
    exponent = -0.5 * (residual.sum(axis=1) + z**2)
    constant = 0.5 * float(np.log(2.0 * np.pi * model.noise_variance).sum())
    return float(logsumexp(exponent, b=weight)) - constant - 0.5 * math.log(2.0 * math.pi)


def test_agrees_with_scipy_on_a_subsample(
    tiny_optimum: PredictedOptimum, figure8: GenerativeModel
) -> None:
    """Log p_f(x) to 1e-9, and −ELBO of the optimal q, which no run of BFGS may beat."""
    model = tiny_optimum.model
    _, points = figure8.sample(8, 5)
    found = MeanField(model).optimal_q(points)
    density = log_density(latent_panels(model), points).value
    for i, x in enumerate(points):
        assert density[i] == pytest.approx(brute_log_density(model, x), abs=1e-9)
        start = np.array([found.mean[i], math.log(found.scale[i])])
        value, gradient = negative_elbo(model, x, start[0], start[1])
        assert found.negative_elbo[i] == pytest.approx(value, abs=1e-9)
        assert np.abs(gradient).max() < 1e-5
        near = start + np.array([0.05, -0.3])
        for first in (start, near, [-1.2, -1.0], [0.0, -1.0], [1.2, -1.0]):
            ended = minimize(
                lambda q, x=x: negative_elbo(model, x, q[0], q[1]), first, jac=True, method="BFGS"
            )
            assert ended.fun >= found.negative_elbo[i] - 1e-9
        assert found.negative_elbo[i] + density[i] >= -1e-9
