"""Adam by rows against PyTorch's own Adam on each row."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from neural._flat_adam import FlatAdam

ROWS, COLUMNS, CLIP = 3, 6, 2.0


def gradients(count: int) -> list:
    generator = torch.Generator().manual_seed(0)
    return [3.0 * torch.randn(ROWS, COLUMNS, generator=generator) for _ in range(count)]


def reference(rows_of_step: list[list[bool]], rate: float = 0.1) -> torch.Tensor:
    """Each row by itself, with torch.optim.Adam and clip_grad_norm_."""
    result = []
    for row in range(ROWS):
        parameter = torch.nn.Parameter(torch.ones(COLUMNS))
        optimiser = torch.optim.Adam([parameter], lr=rate)
        for gradient, rows in zip(gradients(len(rows_of_step)), rows_of_step, strict=True):
            if rows[row]:
                parameter.grad = gradient[row].clone()
                torch.nn.utils.clip_grad_norm_([parameter], CLIP)
                optimiser.step()
        result.append(parameter.detach())
    return torch.stack(result)


def test_all_rows() -> None:
    parameters = torch.ones(ROWS, COLUMNS)
    optimiser = FlatAdam(parameters, CLIP)
    for gradient in gradients(20):
        optimiser.step(gradient, 0.1)
    assert torch.allclose(parameters, reference([[True] * ROWS] * 20), atol=1e-5)


def test_rows_that_wait() -> None:
    pattern = [[True, False, step % 3 == 0] for step in range(20)]
    parameters = torch.ones(ROWS, COLUMNS)
    optimiser = FlatAdam(parameters, CLIP)
    for gradient, rows in zip(gradients(20), pattern, strict=True):
        # What a waiting row is given must not matter, not even if it is not finite.
        gradient[~torch.tensor(rows)] = float("nan")
        optimiser.step(gradient, 0.1, torch.tensor(rows))
    assert torch.equal(parameters[1], torch.ones(COLUMNS))
    assert torch.allclose(parameters, reference(pattern), atol=1e-5)


def test_masked_and_unmasked_agree() -> None:
    plain, masked = torch.ones(ROWS, COLUMNS), torch.ones(ROWS, COLUMNS)
    first, second = FlatAdam(plain, CLIP), FlatAdam(masked, CLIP)
    for gradient in gradients(5):
        first.step(gradient.clone(), 0.1)
        second.step(gradient, 0.1, torch.ones(ROWS, dtype=torch.bool))
    assert torch.allclose(plain, masked, atol=1e-7)


def test_state_round_trip() -> None:
    parameters = torch.ones(ROWS, COLUMNS)
    optimiser = FlatAdam(parameters, CLIP)
    for gradient in gradients(3):
        optimiser.step(gradient, 0.1)
    copy = parameters.clone()
    other = FlatAdam(copy, CLIP)
    other.restore({name: tensor.clone() for name, tensor in optimiser.state().items()})
    optimiser.step(gradients(1)[0], 0.1)
    other.step(gradients(1)[0], 0.1)
    assert torch.equal(parameters, copy)
