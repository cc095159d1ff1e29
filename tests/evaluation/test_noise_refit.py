"""σ² refitted under a network's own q, and told apart from the optimal q's, by closed forms."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")

from neural._attribution import is_below
from neural._noise_attribution import attribute_noise, listed, over_seeds
from neural._settings import TrainingSettings
from neural._training import train, untrained
from theorycheck.errors import SettingError
from theorycheck.estimate import Estimate, Verdict
from theorycheck.evaluation._noise_refit import own_refit
from theorycheck.models._loading import load_model

#: f(z) = (2z, z) with one σ² for both: the posterior is Gaussian.
LINEAR = load_model("expr:[2*z, z]", noise_variance=0.5)
SMALL = {"restarts": 2, "steps": 40, "hidden": (6, 6), "learn_noise": True}


def test_the_exact_posterior_gives_back_the_noise() -> None:
    precision = 1.0 + (4.0 + 1.0) / 0.5

    def posterior(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mean = (2.0 * x[:, 0] + x[:, 1]) / 0.5 / precision
        return mean, np.full(len(x), precision**-0.5)

    refit = own_refit(LINEAR, LINEAR, posterior)
    assert all(part.contains(0.5) for part in refit)
    assert all(part.error < 1e-6 for part in refit)


@pytest.mark.parametrize("variance", [0.5, 0.125])
def test_a_q_that_ignores_x_adds_what_it_misses(variance: float) -> None:
    # x and z are then independent: E (x_d − f_d)² = Var x_d + Var f_d, whatever σ² the model has.
    model = LINEAR.with_noise_variance(variance)
    refit = own_refit(model, LINEAR, lambda x: (np.zeros(len(x)), np.ones(len(x))))
    for part, exact in zip(refit, (4.5 + 4.0, 1.5 + 1.0), strict=True):
        assert part.contains(exact)
        assert part.error < 1e-4 * exact


def test_the_parts_of_a_network_add_up() -> None:
    """Against the definitions, by draws of x and z that no quadrature of the engine shares."""
    trained = train(LINEAR, TrainingSettings.of("vae", from_truth=0, **SMALL), device="cpu")
    parts = attribute_noise(trained, 1)
    again = parts.excess + parts.amortisation
    assert again.value == pytest.approx(parts.own_excess.value, abs=1e-12)
    # The optimal q can only be better, and its refit is for the same decoder.
    assert parts.amortisation.lower > 0.0
    assert parts.noise_variance == tuple(trained.noise_variance(1))
    rng = np.random.default_rng(0)
    _, x = LINEAR.sample(40_000, rng)
    output = trained.encoder(1)(_tensor(x)).numpy()
    mean, scale = output[:, 0], np.exp(output[:, 1])
    z = mean + scale * rng.standard_normal(len(x))
    square = (x - trained.decoder(1)(z)) ** 2
    for d, part in enumerate(parts.own_refit):
        error = 5.0 * square[:, d].std() / math.sqrt(len(x))
        assert abs(square[:, d].mean() - part.value) < error + part.error
        assert part.error < 1e-2 * part.value
    widest = max(abs(math.log(v / r.value)) for v, r in zip(
        parts.noise_variance, parts.own_refit, strict=True))  # fmt: skip
    assert parts.off_fixed_point == pytest.approx(widest)


def test_the_start_of_a_run_is_the_one_it_had() -> None:
    settings = TrainingSettings.of("vae", noise_start=2.0, **SMALL)
    begin, again = (
        untrained(LINEAR, settings, device="cpu"),
        untrained(LINEAR, settings, device="cpu"),
    )
    assert begin.noise_variance(0) == pytest.approx([1.0, 1.0], rel=1e-6)
    z = np.linspace(-2.0, 2.0, 9)
    # The last half begins at the ground truth.
    assert np.abs(begin.decoder(1)(z) - LINEAR.decoder(z)).max() < 0.1
    assert np.array_equal(begin.decoder(1)(z), again.decoder(1)(z))
    trained = train(LINEAR, settings, device="cpu")
    assert trained.fit == begin.fit
    # A start that is handed on is the one that would have been fitted, but for σ².
    handed = train(LINEAR, settings, begin=begin, device="cpu")
    assert np.array_equal(handed.decoder(1)(z), trained.decoder(1)(z))
    assert handed.noise_variance(0) == trained.noise_variance(0)
    true = replace(settings, noise_start=1.0)
    assert untrained(LINEAR, true, begin=begin, device="cpu").noise_variance(0) == pytest.approx(
        [0.5, 0.5], rel=1e-6
    )
    assert not np.array_equal(trained.decoder(1)(z), begin.decoder(1)(z))
    with pytest.raises(SettingError, match="learn_noise"):
        TrainingSettings.of("vae", noise_start=2.0)
    with pytest.raises(SettingError, match="noise_start"):
        TrainingSettings.of("vae", noise_start=0.0, learn_noise=True)


def test_a_radius_over_seeds_is_students() -> None:
    # Three values: t = 4.3027 at two degrees of freedom.
    found = over_seeds([1.0, 2.0, 3.0])
    assert found.value == pytest.approx(2.0)
    assert found.error == pytest.approx(4.302653 / math.sqrt(3.0), rel=1e-6)
    assert over_seeds([1.0, 1.0]).error == 0.0
    with pytest.raises(ValueError, match="two seeds"):
        over_seeds([1.0])
    # Numbers that are known to a radius themselves: the largest is added.
    known = over_seeds([Estimate(1.0, 0.3), Estimate(2.0, 0.01), 3.0])
    assert known.value == found.value
    assert known.error == pytest.approx(found.error + 0.3, rel=1e-12)
    assert listed([Estimate(1.0, 0.25), 2.0]) == "1.00 ± 2.5e-01, 2.0000"


def test_a_run_that_ends_above_its_start_says_nothing() -> None:
    low, high = Estimate(0.1, 0.01), Estimate(0.2, 0.01)
    assert is_below(low, high) is Verdict.HOLDS
    assert is_below(high, low) is Verdict.FAILS
    assert is_below(low, Estimate(0.11, 0.01)) is Verdict.INCONCLUSIVE


def _tensor(x: np.ndarray):  # type: ignore[no-untyped-def]
    import torch

    return torch.from_numpy(x)
