"""A sample of unknown origin: exact of itself, statistical of a population, silent on H, MLEO."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import optimize, special

from theorycheck import decompose, iwae_objective
from theorycheck.estimate import Kind
from theorycheck.models._decoder import Decoder
from theorycheck.models._generative import GenerativeModel

Array = NDArray[np.float64]
PIXELS, SIZE, VARIANCE = 64, 30, 0.05


def images(z: Array) -> Array:
    """Decode as a network 1 -> 64 does: two layers of tanh, sigmoid at the end, fixed weights."""
    rng = np.random.default_rng(64)
    hidden = np.tanh(np.outer(z, rng.normal(size=12)) + rng.normal(size=12))
    hidden = np.tanh(hidden @ rng.normal(size=(12, 12)) * 0.5 + rng.normal(size=12))
    result: Array = special.expit(hidden @ rng.normal(size=(12, PIXELS)))
    return result


MODEL = GenerativeModel(Decoder.from_function(images), VARIANCE)


@pytest.fixture(scope="module")
def x() -> Array:
    """Images that the model did not make: near its curve, with another noise."""
    rng = np.random.default_rng(1)
    z = rng.uniform(-2.0, 2.0, size=SIZE)
    result: Array = images(z) + rng.laplace(scale=0.2, size=(SIZE, PIXELS))
    return result


@pytest.fixture(scope="module")
def result(x: Array) -> Any:
    return decompose(MODEL, sample=x, eta=[0.005])


def by_brute_force(x: Array) -> tuple[Array, Array]:
    """Return log p_f and −ELBO at the best q of a scan and a simplex, on a plain grid in z."""
    z = np.linspace(-9.0, 9.0, 20_001)
    step, f = z[1] - z[0], images(z)
    peak = -0.5 * PIXELS * math.log(2.0 * math.pi * VARIANCE)
    cost = 0.5 * ((x[:, None, :] - f[None]) ** 2).sum(axis=2) / VARIANCE
    log_prior = -0.5 * z**2 - 0.5 * math.log(2.0 * math.pi)
    log_p = special.logsumexp(log_prior - cost, axis=1) + math.log(step) + peak

    def loss(q: Array, c: Array) -> float:
        mean, log_s = q
        s = math.exp(log_s)
        weight = np.exp(-0.5 * ((z - mean) / s) ** 2) / (s * math.sqrt(2.0 * math.pi))
        prior = 0.5 * (s * s + mean * mean - 1.0) - log_s
        return float(prior + step * (weight @ c) - peak)

    best = []
    for c in cost:
        scan = [(loss(np.array([m, t]), c), m, t) for m in np.linspace(-3, 3, 61)
                for t in np.log([0.03, 0.06, 0.12, 0.25, 0.5])]  # fmt: skip
        ends = [
            optimize.minimize(loss, [m, t], (c,), "Nelder-Mead", tol=1e-10).fun
            for _, m, t in sorted(scan)[:3]
        ]
        best.append(min(ends))
    return log_p, np.array(best)


def test_the_averages_are_those_of_the_sample(x: Array, result: Any) -> None:
    """Exact of this table: converged and honest against a plain grid."""
    log_p, negative_elbo = by_brute_force(x)
    given = result.given
    for found, exact in [
        (given.log_density, log_p.mean()),
        (given.negative_elbo, negative_elbo.mean()),
        (result.pmo, (log_p + negative_elbo).mean()),
    ]:
        assert found.kind is Kind.ESTIMATED
        assert found.error < 1e-9
        assert abs(found.value - exact) <= found.error + 1e-8
    assert result.negative_elbo is given.negative_elbo
    assert result.resolved
    assert result.converged
    kl = log_p + negative_elbo
    part = result.eta_partition[0]
    assert part.pr_hi.value == pytest.approx(np.mean(kl > 0.005), abs=1e-12)
    assert 0.0 < part.pr_hi.value < 1.0
    assert part.pr_hi.error < 1e-9


def test_of_a_population_it_is_an_estimate(x: Array, result: Any) -> None:
    given = result.given
    log_p, negative_elbo = by_brute_force(x[:4])
    few = decompose(MODEL, sample=x[:4]).given
    assert few is not None
    for found, values in [
        (few.population_log_density, log_p),
        (few.population_negative_elbo, negative_elbo),
        (few.population_pmo, log_p + negative_elbo),
    ]:
        assert found.kind is Kind.STATISTICAL
        assert found.error == pytest.approx(5.0 * values.std(ddof=1) / 2.0, rel=1e-5, abs=1e-8)
    assert given.population.partition(0.005).pr_hi.error > 0.1
    one = decompose(MODEL, sample=x[:1]).given
    assert one is not None
    assert math.isinf(one.population_pmo.error)
    assert one.to_dict()["population"]["pmo"]["value"] is None  # type: ignore[index]


def test_entropy_and_mleo_are_unknown(result: Any) -> None:
    assert math.isnan(result.entropy.value)
    assert math.isnan(result.mleo.value)
    assert math.isnan(result.excess.value)
    printed = result.to_dict()
    for key in ("entropy", "mleo", "excess", "data"):
        assert printed[key] is None
    assert printed["pmo"] == result.pmo.to_dict()
    assert printed["sample"]["size"] == SIZE
    assert printed["sample"]["log_density"] == result.given.log_density.to_dict()


def test_a_truth_that_is_named() -> None:
    """Then H and MLEO are estimated; here both are closed forms of a straight line."""
    truth = GenerativeModel(Decoder.from_function(lambda z: 2.0 * z), 0.5)
    model = GenerativeModel(Decoder.from_function(lambda z: z), 0.5)
    _, x = truth.sample(4000, 3)
    known = decompose(model, truth, sample=x)
    entropy = 0.5 * math.log(2.0 * math.pi * math.e * 4.5)
    mleo = 0.5 * (4.5 / 1.5 - 1.0 - math.log(4.5 / 1.5))
    assert known.entropy.kind is known.mleo.kind is known.excess.kind is Kind.STATISTICAL
    assert known.entropy.contains(entropy)
    assert known.mleo.contains(mleo)
    assert known.mleo.error < 0.2
    assert known.to_dict()["entropy"] == known.entropy.to_dict()
    # −ELBO of the table is the sum of the table's averages.
    total = known.entropy.value + known.mleo.value + known.pmo.value
    assert known.negative_elbo.value == pytest.approx(total, abs=1e-9)
    own = decompose(model, model, sample=x)
    assert (own.mleo.value, own.mleo.error) == (0.0, 0.0)


@pytest.mark.parametrize("samples", [1, 4])
def test_the_iwae_objective_of_a_sample(samples: int) -> None:
    line = GenerativeModel(Decoder.from_function(lambda z: np.sin(3.0 * z)), 0.1)
    _, x = line.sample(60, 1)
    alone = iwae_objective(line, samples=samples, sample=x)
    assert math.isnan(alone.excess.value)
    assert alone.to_dict()["excess"] is None
    assert alone.gap.kind is Kind.ESTIMATED
    named = iwae_objective(line, line, samples=samples, sample=x)
    assert named.gap == alone.gap
    assert named.excess.kind is Kind.STATISTICAL
    assert named.excess.value == pytest.approx(alone.gap.value, abs=1e-9)
    assert named.excess.error > 1e-3 > alone.gap.error
    if samples == 1:
        found = decompose(line, sample=x, certify=2)
        pmo, certificate = found.pmo, found.certificate
        assert certificate is not None
        assert (certificate.points, certificate.largest_gap < 1e-8) == (2, True)
        assert abs(alone.gap.value - pmo.value) <= alone.gap.error + pmo.error + 1e-12
