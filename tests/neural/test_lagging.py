"""LIN's rules on losses that are written down, and the mutual information on known q."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from neural._lagging import MOST_STEPS, WINDOW, AggressivePhase, mutual_information


def test_inner_loop_stops_each_restart_by_its_own_window() -> None:
    phase = AggressivePhase(3, "cpu")
    calls: list[list[bool]] = []

    def step(rows: torch.Tensor) -> torch.Tensor:
        calls.append(rows.tolist())
        window = (len(calls) - 1) // WINDOW
        # The first falls for two windows, the second for four, the third never falls.
        return torch.tensor([max(-1.0, -float(window)), max(-3.0, -float(window)), 1.0])

    steps = phase.inner_loop(step)
    assert steps == len(calls) == 5 * WINDOW
    running = [sum(call[k] for call in calls) // WINDOW for k in range(3)]
    # A window that is no lower than the one before is the last.
    assert running == [3, 5, 2]
    assert phase.active.all()


def test_inner_loop_ends_after_a_hundred_steps() -> None:
    phase = AggressivePhase(1, "cpu")
    count = iter(range(1000))
    assert phase.inner_loop(lambda _rows: torch.tensor([-float(next(count))])) == MOST_STEPS == 100


def test_waiting_restarts_do_not_run() -> None:
    phase = AggressivePhase(2, "cpu")
    phase.end_of_epoch(torch.tensor([1.0, 1.0]))
    phase.end_of_epoch(torch.tensor([2.0, 1.0]))
    assert phase.active.tolist() == [True, False]
    seen = []

    def step(rows: torch.Tensor) -> torch.Tensor:
        seen.append(rows.tolist())
        return torch.ones(2)

    phase.inner_loop(step)
    assert seen[0] == [True, False]
    # Never to return, even if the information rises again.
    phase.end_of_epoch(torch.tensor([3.0, 9.0]))
    assert phase.active.tolist() == [True, False]


def test_state_round_trip() -> None:
    phase = AggressivePhase(2, "cpu")
    phase.end_of_epoch(torch.tensor([1.0, -math.inf]))
    other = AggressivePhase(2, "cpu")
    other.restore(phase.state())
    assert other.active.tolist() == [True, False]
    assert other.information.tolist() == [1.0, -math.inf]


def test_mutual_information() -> None:
    noise = torch.randn(1, 400, 1, generator=torch.Generator().manual_seed(0))
    count = torch.arange(400.0)
    mean = torch.stack([torch.zeros(400), 1e3 * count, 1e3 * (count % 4)])[..., None]
    scale = torch.zeros(3, 400, 1)
    found = mutual_information(mean, scale, noise)
    # No information; each x its own latent; four groups of x.
    assert found.tolist() == pytest.approx([0.0, math.log(400.0), math.log(4.0)], abs=1e-4)


@pytest.mark.parametrize("latents", [1, 2])
def test_mutual_information_of_gaussians(latents: int) -> None:
    # μ ~ N(0, 4), s = 1: I = ½ log(1 + 4) for each latent, all of them together.
    generator = torch.Generator().manual_seed(0)
    mean = 2.0 * torch.randn(1, 2000, latents, generator=generator)
    noise = torch.randn(1, 2000, latents, generator=generator)
    found = mutual_information(mean, torch.zeros(1, 2000, latents), noise)
    assert float(found[0]) == pytest.approx(0.5 * latents * math.log(5.0), abs=0.08 * latents)
