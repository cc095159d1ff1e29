"""σ² refitted under a network's own q, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from neural.noise_refit import own_refit, refit_of_restart
from neural.settings import TrainingSettings
from neural.training import train
from theorycheck.models.loading import load_model

#: f(z) = (2z, z) with one σ² for both: the posterior is Gaussian.
LINEAR = load_model("expr:[2*z, z]", noise_variance=0.5)


def test_the_exact_posterior_gives_back_the_noise() -> None:
    precision = 1.0 + (4.0 + 1.0) / 0.5

    def posterior(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mean = (2.0 * x[:, 0] + x[:, 1]) / 0.5 / precision
        return mean, np.full(len(x), precision**-0.5)

    refit = own_refit(LINEAR, LINEAR, posterior)
    assert all(part.contains(0.5) for part in refit)
    assert all(part.error < 0.03 for part in refit)


def test_a_q_that_ignores_x_adds_what_it_misses() -> None:
    # x and z are then independent: E (x_d − f_d)² = Var x_d + Var f_d.
    refit = own_refit(LINEAR, LINEAR, lambda x: (np.zeros(len(x)), np.ones(len(x))))
    assert refit[0].contains(4.5 + 4.0)
    assert refit[1].contains(1.5 + 1.0)


def test_of_a_restart_it_is_one_number() -> None:
    settings = TrainingSettings.of("vae", restarts=2, from_truth=0, steps=40, hidden=(6, 6))
    trained = train(LINEAR, settings, device="cpu")
    first, again = refit_of_restart(trained, 1), refit_of_restart(trained, 1)
    assert first == again
    assert first.value > 0.0
