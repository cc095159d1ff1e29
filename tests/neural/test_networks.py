"""Batched perceptrons against single ones in plain PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from neural._networks import (
    ACTIVATIONS,
    LARGEST_LOG_SCALE,
    Architecture,
    BatchedMLP,
    EncoderModule,
    capped,
    sequential,
)
from theorycheck.errors import SettingError


def make(restarts: int = 3, seed: int = 0, extra: int = 0, activation: str = "gelu") -> BatchedMLP:
    generator = torch.Generator().manual_seed(seed)
    return BatchedMLP((2, 7, 5, 3), activation, restarts, generator=generator, extra=extra)


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_each_restart_is_a_plain_network(activation: str) -> None:
    batched = make(activation=activation)
    x = torch.randn(1, 11, 2, generator=torch.Generator().manual_seed(1))
    together = batched(x)
    assert together.shape == (3, 11, 3)
    for restart in range(3):
        plain = sequential(batched.sizes, activation, batched.state_dict(restart))
        alone = plain(x[0].double())
        assert alone.dtype == torch.float64
        assert np.allclose(together[restart].detach(), alone, atol=1e-5)
    # Restarts differ, and a restart sees its own inputs.
    assert not torch.allclose(together[0], together[1], atol=1e-2)
    own = batched(torch.stack([x[0], 2.0 * x[0], x[0]]))
    assert torch.allclose(own[0], together[0], atol=1e-5)
    assert not torch.allclose(own[1], together[1], atol=1e-2)


def test_gradients_stay_in_their_restart() -> None:
    batched = make()
    output = batched(torch.ones(1, 4, 2))
    gradients = torch.autograd.grad(output[1].sum(), batched.leaves)
    for gradient in gradients:
        assert not gradient[0].any()
        assert not gradient[2].any()
    assert all(bool(gradient[1].any()) for gradient in gradients)


def test_leaves_are_views_of_one_matrix() -> None:
    batched = make(extra=2)
    assert batched.flat.shape == (3, 3 * 7 + 8 * 5 + 6 * 3 + 2)
    assert batched.extra.shape == (3, 2)
    assert len(batched.leaves) == len(batched.weights) + 1
    batched.flat.zero_()
    assert not batched(torch.ones(1, 4, 2)).any()
    mask = batched.is_weight()
    assert int(mask.sum()) == 2 * 7 + 7 * 5 + 5 * 3
    assert mask[:14].all()
    assert not mask[14:21].any()
    assert not mask[-2:].any()


def test_seeds() -> None:
    assert torch.equal(make(seed=4).flat, make(seed=4).flat)
    assert not torch.equal(make(seed=4).flat, make(seed=5).flat)


def test_first_weights_keep_the_scale_of_their_inputs() -> None:
    wide = BatchedMLP((400, 400, 400), "tanh", 4, generator=torch.Generator().manual_seed(0))
    spread = float(wide.leaves[2].detach().std()) * 400**0.5
    assert spread == pytest.approx(1.4, rel=0.02)


def test_cap_of_log_scale() -> None:
    values = torch.tensor([-30.0, -5.0, 0.0, 50.0], dtype=torch.float64)
    held = capped(values)
    assert held[:2].tolist() == pytest.approx([-30.0, -5.0], abs=1e-3)
    assert float(held[2]) == pytest.approx(-np.log1p(np.exp(-2.0)), abs=1e-12)
    assert float(held[3]) == pytest.approx(LARGEST_LOG_SCALE)
    network = torch.nn.Linear(3, 2).double()
    x = torch.ones(4, 3, dtype=torch.float64)
    output = EncoderModule(network)(x)
    assert torch.equal(output[:, 0], network(x)[:, 0])
    assert torch.equal(output[:, 1], capped(network(x)[:, 1]))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((0, (5,)), "positive sizes"),
        ((2, ()), "positive sizes"),
        ((2, (5, 0)), "positive sizes"),
        ((2, (5,), "gelo"), "did you mean 'gelu'"),
    ],
)
def test_bad_architecture(arguments: tuple, says: str) -> None:
    with pytest.raises(SettingError, match=says):
        Architecture(*arguments)


def test_architecture_as_plain_values() -> None:
    architecture = Architecture(3, (4, 6), "tanh")
    assert (architecture.encoder_sizes, architecture.decoder_sizes) == ((3, 4, 6, 2), (1, 4, 6, 3))
    assert Architecture.from_dict(architecture.to_dict()) == architecture
