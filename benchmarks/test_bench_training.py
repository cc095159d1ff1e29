"""Times one step of ten restarts as one batch, and of ten plain networks in turn.

The plain loop is what one would write: ``nn.Sequential``, ``torch.optim.Adam``, the same sizes,
batch, clipping and loss. Its time is that of one network; ten take ten times as long. Run with as
many threads for both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from neural import Trainer, TrainingSettings
from theorycheck.models import benchmark as model_of

STEPS, BATCH = 50, 128


def batched(method: str, **given: Any) -> Callable[[], None]:
    """Return a function that takes STEPS steps of ten restarts."""
    settings = TrainingSettings.of(method, restarts=10, **given)
    trainer = Trainer(model_of("figure8"), settings)

    def run() -> None:
        for _ in range(STEPS):
            trainer.step()

    return run


def plain(batch: int = BATCH, seed: int = 0) -> Callable[[], None]:
    """Return a function that takes STEPS steps of one network, written the usual way."""
    torch.manual_seed(seed)
    variance = 0.02

    def perceptron(inputs: int, outputs: int) -> nn.Sequential:
        layers: list[nn.Module] = []
        for width in (50, 50, 50):
            layers += [nn.Linear(inputs, width), nn.GELU()]
            inputs = width
        return nn.Sequential(*layers, nn.Linear(inputs, outputs))

    encoder, decoder = perceptron(2, 2), perceptron(1, 2)
    parameters = [*encoder.parameters(), *decoder.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=1e-3)
    _, sample = model_of("figure8").sample(10_000, seed)
    data = torch.from_numpy(sample).float()

    def run() -> None:
        for _ in range(STEPS):
            x = data[torch.randint(len(data), (batch,))]
            mean, log_scale = encoder(x).chunk(2, dim=1)
            z = mean + log_scale.exp() * torch.randn_like(mean)
            kl = 0.5 * (mean**2 + (2.0 * log_scale).exp() - 1.0) - log_scale
            square = ((x - decoder(z)) ** 2).sum(1)
            loss = kl.sum(1).mean() + 0.5 * square.mean() / variance
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, 10.0)
            optimiser.step()

    return run


@pytest.mark.parametrize("method", ["vae", "iwae"])
def test_ten_restarts(benchmark: Any, method: str) -> None:
    run = batched(method)
    benchmark.pedantic(run, rounds=5, warmup_rounds=1)


def test_ten_restarts_batch_256(benchmark: Any) -> None:
    benchmark.pedantic(batched("vae", batch=256), rounds=5, warmup_rounds=1)


@pytest.mark.parametrize("batch", [128, 256])
def test_one_plain_network(benchmark: Any, batch: int) -> None:
    benchmark.pedantic(plain(batch), rounds=5, warmup_rounds=1)
