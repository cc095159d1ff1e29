"""The IWAE bound on cells against nested sums, finite differences and the exact bound."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import logsumexp, ndtr

import theorycheck as tc
from theorycheck.inference._iwae_bound import iwae_bound
from theorycheck.models._generative import GenerativeModel
from theorycheck.models._table import decoder_from_table
from theorycheck.quadrature._latent_cells import latent_cells
from theorycheck.quadrature.kernels._cell_iwae import ROWS, cell_iwae, fill_likelihood

Array = NDArray[np.float64]

MODEL = tc.benchmark("figure8")
CELLS = latent_cells(60)
F = CELLS.average(MODEL.decoder)
SHARE, LIKELIHOOD = 7, 8
POINTS = [((0.3, 0.2), 0.4, 0.25), ((-0.6, 0.5), -0.8, 0.3), ((0.02, 0.0), 0.0, 0.9)]


def bound(x: Array, mean: float, scale: float, samples: int, f: Array = F) -> tuple[float, ...]:
    work = np.zeros((ROWS, CELLS.count))
    top = fill_likelihood(x, 1.0 / MODEL.sigma, np.ascontiguousarray(f.T), work)
    value, by_mean, by_scale, _first, _last = cell_iwae(
        mean, np.log(scale), float(samples), CELLS.boundary, CELLS.prior_mass, top, work
    )
    return value, by_mean, by_scale, work[SHARE].copy()  # type: ignore[return-value]


def log_weights(x: Array, mean: float, scale: float, f: Array = F) -> tuple[Array, Array]:
    edges = np.concatenate([[-np.inf], CELLS.boundary, [np.inf]])
    kappa = np.diff(ndtr((edges - mean) / scale))
    cost = 0.5 * (((x - f) / MODEL.sigma) ** 2).sum(axis=1)
    with np.errstate(divide="ignore"):
        return kappa, np.log(CELLS.prior_mass) - cost - np.log(kappa)


@pytest.mark.parametrize(("x", "mean", "scale"), POINTS)
def test_two_samples_equal_the_nested_sum(x: tuple[float, ...], mean: float, scale: float) -> None:
    kappa, log_w = log_weights(np.array(x), mean, scale)
    drawn = kappa > 1e-12
    kappa, log_w = kappa[drawn], log_w[drawn]
    pairs = np.logaddexp(log_w[:, None], log_w[None, :]) - np.log(2.0)
    expected = kappa @ pairs @ kappa
    log_p = logsumexp(log_w, b=kappa)
    # The rule at octaves leaves about 1e-5 of what L_S is below log p.
    assert bound(np.array(x), mean, scale, 2)[0] == pytest.approx(
        expected, abs=3e-5 * (log_p - expected) + 1e-9
    )


@pytest.mark.parametrize("samples", [2, 5, 20])
@pytest.mark.parametrize(("x", "mean", "scale"), POINTS)
def test_gradient_in_q_matches_finite_differences(
    x: tuple[float, ...], mean: float, scale: float, samples: int
) -> None:
    point, h = np.array(x), 1e-5
    _, by_mean, by_scale, _ = bound(point, mean, scale, samples)
    up = bound(point, mean + h * scale, scale, samples)[0]
    down = bound(point, mean - h * scale, scale, samples)[0]
    assert by_mean == pytest.approx((up - down) / (2.0 * h), abs=2e-5)
    wide = bound(point, mean, scale * np.exp(h), samples)[0]
    narrow = bound(point, mean, scale * np.exp(-h), samples)[0]
    assert by_scale == pytest.approx((wide - narrow) / (2.0 * h), abs=2e-5)


@pytest.mark.parametrize("samples", [2, 20])
@pytest.mark.parametrize(("x", "mean", "scale"), POINTS)
def test_responsibilities_are_the_slopes_and_add_up_to_one(
    x: tuple[float, ...], mean: float, scale: float, samples: int
) -> None:
    point, h = np.array(x), 1e-5
    share = np.asarray(bound(point, mean, scale, samples)[3])
    assert share.min() >= 0.0
    assert share.sum() == pytest.approx(1.0, abs=2e-4)
    for j in np.argsort(-share)[:3]:
        values = []
        for sign in (1.0, -1.0):
            f = F.copy()
            f[j, 0] += sign * h
            values.append(bound(point, mean, scale, samples, f)[0])
        slope = (values[0] - values[1]) / (2.0 * h)
        expected = share[j] * (point[0] - F[j, 0]) / MODEL.noise_variance[0]
        assert slope == pytest.approx(expected, abs=3e-4)


def test_a_cell_that_hardly_counts_does_not_blow_up_the_others() -> None:
    # Weights over 200 orders of magnitude: rounding must not leave 1e-16 for ever.
    f = np.full((CELLS.count, 2), 3.0)
    f[10:20] = 0.0
    share = np.asarray(bound(np.zeros(2), 0.0, 2.0, 5, f)[3])
    assert share.sum() == pytest.approx(1.0, abs=1e-3)


def test_cells_beyond_the_range_of_numbers_have_no_slope() -> None:
    f = np.full((CELLS.count, 2), 50.0)
    f[10:20] = 0.0
    value, *_, share = bound(np.zeros(2), 0.0, 2.0, 5, f)
    assert np.isfinite(value)
    assert np.all(np.asarray(share)[20:] == 0.0)


@pytest.mark.parametrize("samples", [2, 5, 50])
def test_bound_lies_between_the_exact_one_and_the_evidence(samples: int) -> None:
    # Jensen within cells: the bound of the discrete latent is above that of q, and below log p.
    decoder = decoder_from_table(CELLS.boundary, F, kind="cells")
    model = GenerativeModel(decoder, MODEL.noise_variance)
    constant = np.log(2.0 * np.pi) + np.log(MODEL.sigma).sum()
    for x, mean, scale in POINTS:
        exact = iwae_bound(model, np.array([x]), mean, scale, samples)
        on_cells = bound(np.array(x), mean, scale, samples)[0] - constant
        log_p = tc.log_density(model, np.array([x])).value[0]
        assert exact.value[0] - 1e-5 <= on_cells <= log_p + 1e-9
