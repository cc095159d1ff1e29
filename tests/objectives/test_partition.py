"""The η-partition: its identity at every η, and its numbers against dense sampling."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest

from tests.problems import PROBLEMS
from theorycheck.errors import SettingError
from theorycheck.estimate import Estimate
from theorycheck.inference._marginal import log_density
from theorycheck.objectives._decomposition import Decomposition, decompose
from theorycheck.objectives._partition import KlDistribution

NAMES = ["absolute_value", "figure8", "wave", "ramp", "clusters"]
ETAS = [0.01, 0.05, 0.2, 0.45, 0.69, 1.5]


@cache
def _result(name: str) -> Decomposition:
    return decompose(PROBLEMS[name].model, tolerance=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_identity_at_every_eta(name: str) -> None:
    """PMO = Pr[Lo] D_Lo + Pr[Hi] D_Hi, wherever both means are defined."""
    distribution, pmo = _result(name).kl_distribution, _result(name).pmo.value
    for part in distribution.partitions(distribution.eta_range()):
        assert part.low.value + part.high.value == pytest.approx(pmo, rel=1e-14)
        assert part.pr_lo.value + part.pr_hi.value == pytest.approx(1.0, abs=1e-14)
        if math.isfinite(part.d_lo.error) and math.isfinite(part.d_hi.error):
            again = part.pr_lo.value * part.d_lo.value + part.pr_hi.value * part.d_hi.value
            # A mean that quadrature would put outside its range is set to the end of it.
            cut = part.d_lo.value in (0.0, part.eta) or part.d_hi.value == part.eta
            assert again == pytest.approx(pmo, rel=1e-12, abs=2.0 * part.low.error if cut else 0.0)
            assert part.d_lo.lower <= part.eta <= part.d_hi.upper


@pytest.mark.parametrize("name", NAMES)
def test_monotone(name: str) -> None:
    distribution = _result(name).kl_distribution
    etas = distribution.eta_range(300)
    assert (np.diff(etas) > 0.0).all()
    parts = distribution.partitions(etas)
    high = np.array([part.pr_hi.value for part in parts])
    share = np.array([part.high.value for part in parts])
    assert (np.diff(high) <= 1e-13).all()
    assert (np.diff(share) <= 1e-13).all()
    assert high[0] > 0.5
    assert high[-1] < 0.5
    assert ((high >= -1e-13) & (high <= 1.0 + 1e-13)).all()


@cache
def _sampled_kl(name: str) -> np.ndarray:
    """KL at 40,000 draws, from −ELBO and log p directly."""
    problem = PROBLEMS[name]
    _, x = problem.model.sample(40_000, 77)
    best = problem.mean_field.optimal_q(x)
    return best.negative_elbo + log_density(problem.panels, x).value


@pytest.mark.parametrize("eta", ETAS)
@pytest.mark.parametrize("name", NAMES)
def test_against_dense_sampling(name: str, eta: float) -> None:
    part, kl = _result(name).kl_distribution.partition(eta), _sampled_kl(name)
    above = kl > eta
    noise = 5.0 * math.sqrt(max(above.mean() * (1.0 - above.mean()), 1e-4) / kl.size)
    assert abs(part.pr_hi.value - above.mean()) <= part.pr_hi.error + noise
    contribution = np.where(above, kl, 0.0)
    noise = 5.0 * float(contribution.std()) / math.sqrt(kl.size) + 5e-4
    assert abs(part.high.value - contribution.mean()) <= part.high.error + noise
    if above.sum() > 400:
        spread = 5.0 * float(kl[above].std()) / math.sqrt(above.sum())
        assert abs(part.d_hi.value - kl[above].mean()) <= part.d_hi.error + spread + 1e-3


@pytest.mark.parametrize("name", ["absolute_value", "figure8"])
def test_radius_is_of_use(name: str) -> None:
    """A partition that said ± 1 would pass every honest test."""
    distribution = _result(name).kl_distribution
    errors = [distribution.partition(eta).pr_hi.error for eta in (0.05, 0.2, 0.45)]
    assert max(errors) < 2.5e-2


@pytest.mark.parametrize("name", ["figure8", "wave"])
def test_conditional_means_of_a_coarse_partition(name: str) -> None:
    """Against the same from a finer one: within both radii, and the radius says something."""
    rough = decompose(PROBLEMS[name].model, tolerance=1e-3).kl_distribution
    fine = _result(name).kl_distribution
    compared = 0
    for eta in rough.eta_range(60):
        one, other = rough.partition(float(eta)), fine.partition(float(eta))
        for a, b in ((one.d_lo, other.d_lo), (one.d_hi, other.d_hi)):
            if math.isfinite(a.error) and math.isfinite(b.error):
                assert abs(a.value - b.value) <= a.error + b.error
                compared += 1
        assert one.d_hi.error <= 0.5 * one.d_hi.value or one.pr_hi.lower < 0.01
    assert compared > 60


def test_discrete_distribution_by_hand() -> None:
    distribution = KlDistribution(
        kl=np.array([0.1, 0.2, 0.6, 1.0]), mass=np.array([0.4, 0.3, 0.2, 0.1]),
        spread=np.zeros(4), pmo=Estimate(0.32, 0.0), missing_mass=0.0, sampled=False,
    )  # fmt: skip
    part = distribution.partition(0.5)
    assert part.pr_hi.value == pytest.approx(0.3)
    assert part.high.value == pytest.approx(0.22)
    assert part.d_hi.value == pytest.approx(0.22 / 0.3)
    assert part.d_lo.value == pytest.approx(0.10 / 0.7)
    # X_Lo is where KL <= η: a value equal to η belongs to it.
    assert distribution.partition(0.6).pr_hi.value == pytest.approx(0.1)
    assert distribution.partition(0.2).pr_lo.value == pytest.approx(0.7)
    assert distribution.partition(1.0).pr_hi.value == 0.0


def test_empty_parts_have_no_mean() -> None:
    for name, eta in (("ramp", 1e6), ("linear_wide", 0.5)):
        part = decompose(PROBLEMS[name].model, tolerance=1e-3, eta=[eta]).eta_partition[0]
        assert part.pr_hi.value == 0.0
        assert math.isinf(part.d_hi.error)
        assert part.to_dict()["d_hi"] == {"value": None, "error": None, "kind": "estimated"}
        assert part.high.value == 0.0


def test_samples_carry_a_statistical_radius() -> None:
    problem = PROBLEMS["absolute_value"]
    _, x = problem.model.sample(2000, 5)
    given = decompose(problem.model, sample=x).given
    assert given is not None
    sampled = given.population.partition(0.45)
    exact = _result("absolute_value").kl_distribution.partition(0.45)
    assert sampled.pr_hi.error > 1e-3
    assert abs(sampled.pr_hi.value - exact.pr_hi.value) <= sampled.pr_hi.error + exact.pr_hi.error


@pytest.mark.parametrize("eta", [0.0, -0.1, math.inf, math.nan])
def test_bad_eta(eta: float) -> None:
    with pytest.raises(SettingError, match="eta"):
        _result("ramp").kl_distribution.partition(eta)


def test_thresholds_where_no_x_was_looked_at() -> None:
    """As of an f that is not resolved anywhere: conditions asked it for thresholds, and failed."""
    nothing = np.empty(0)
    distribution = KlDistribution(
        kl=nothing, mass=nothing, spread=nothing, pmo=Estimate(0.0, 1e2), missing_mass=1.0,
        sampled=False,
    )  # fmt: skip
    assert (np.diff(distribution.eta_range()) > 0.0).all()
