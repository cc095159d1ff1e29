"""Does in PyTorch what one would write: Adam for q at each x, and training loops."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from theorycheck.models import GenerativeModel

Array = NDArray[np.float64]


def _figure8(z: Any) -> Any:
    u = (0.6 + 1.8 * torch.special.ndtr(z)) * math.pi
    scale = torch.cos(u) / (1.0 + torch.sin(u) ** 2)
    return torch.stack([math.sqrt(0.5) * scale, math.sqrt(2.0) * scale * torch.sin(u)], -1)


def _circle(z: Any) -> Any:
    angle = 2.0 * math.pi * torch.special.ndtr(z)
    return torch.stack([torch.cos(angle), torch.sin(angle)], -1)


def _absolute_value(z: Any) -> Any:
    return torch.stack([z.abs(), z.abs()], -1)


def _clusters(z: Any) -> Any:
    u = 2.0 * math.pi * torch.sigmoid(math.pi * z / 2.0)
    turn = torch.floor(u / 2.0)
    t = 2.0 * torch.tanh(10.0 * u - 20.0 * turn - 10.0) + 4.0 * turn + 2.0
    return torch.stack([torch.cos(t), torch.sin(t)], -1)


def _spiral_dots(z: Any) -> Any:
    u = 4.0 * math.pi * torch.sigmoid(math.pi * z / 2.0)
    turn = torch.floor(u / 2.0)
    t = torch.tanh(10.0 * u - 20.0 * turn - 10.0) + 2.0 * turn + 1.0
    return torch.stack([t * torch.cos(t), t * torch.sin(t)], -1)


#: The benchmarks' f in torch, so that gradients are exact.
DECODERS: dict[str, Callable[[Any], Any]] = {
    "figure8": _figure8,
    "circle": _circle,
    "absolute_value": _absolute_value,
    "clusters": _clusters,
    "spiral_dots": _spiral_dots,
}


#: Batches that pythae's data set holds: enough that it cannot be learned by heart.
EPOCH = 400


def adam_optimal_q(
    model: GenerativeModel, x: Array, *, steps: int = 1000, samples: int = 100, seed: int = 0
) -> tuple[Array, Array]:
    """Fit μ and s of q(z|x) for each x by Adam, as Cremer et al. (2018) do for the optimal q.

    Parameters
    ----------
    model : GenerativeModel
        A benchmark with an entry in DECODERS.
    x : ndarray, shape (n, D)
        All are fitted side by side.
    steps : int
        Steps of Adam, whose rate falls from 0.05 to 0 along half a cosine.
    samples : int
        Draws of z an x and step.
    seed : int

    Returns
    -------
    mean, scale : ndarray, shape (n,)
    """
    f = DECODERS[model.name]
    generator = torch.Generator().manual_seed(seed)
    points = torch.from_numpy(x / model.sigma)[:, None, :]
    sigma = torch.from_numpy(model.sigma.copy())
    q = torch.zeros(2, len(x), dtype=torch.float64)
    q[0] = torch.randn(len(x), generator=generator, dtype=torch.float64)
    q[1] = math.log(0.3)
    q.requires_grad_(True)
    adam = torch.optim.Adam([q], lr=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    for _ in range(steps):
        noise = torch.randn(len(x), samples, generator=generator, dtype=torch.float64)
        z = q[0, :, None] + q[1, :, None].exp() * noise
        cost = 0.5 * ((points - f(z) / sigma) ** 2).sum(-1).mean(1)
        loss = (cost + 0.5 * (q[0] ** 2 + (2.0 * q[1]).exp()) - q[1]).sum()
        adam.zero_grad()
        loss.backward()
        adam.step()
        schedule.step()
    mean, log_scale = q.detach().numpy()
    return mean.copy(), np.exp(log_scale)


@contextlib.contextmanager
def torch_threads(count: int) -> Any:
    """Keep PyTorch on one thread: networks this small are fastest there."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def network(inputs: int, outputs: int, width: int = 50) -> Any:
    """Make a network of three hidden layers, like those of `neural`."""
    layers: list[Any] = []
    for a, b in zip((inputs, width, width), (width, width, width), strict=True):
        layers += [torch.nn.Linear(a, b), torch.nn.GELU()]
    return torch.nn.Sequential(*layers, torch.nn.Linear(width, outputs))


def plain_training(
    model: GenerativeModel, *, steps: int, batch: int = 128, rate: float = 1e-2, seed: int = 0
) -> Any:
    """Train one VAE with known σ² by a loop as one writes it: fresh data, Adam, falling rate.

    Parameters
    ----------
    model : GenerativeModel
        Ground truth.
    steps, batch, rate, seed

    Returns
    -------
    torch.nn.Module
        The decoder.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    dim = model.data_dim
    encoder, decoder = network(dim, 2), network(1, dim)
    adam = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    precision = torch.from_numpy(1.0 / model.noise_variance).float()
    data = torch.from_numpy(model.sample(200_000, rng)[1]).float()
    for _ in range(steps):
        x = data[torch.randint(len(data), (batch,))]
        mean, log_scale = encoder(x).unbind(-1)
        z = mean + log_scale.exp() * torch.randn(batch)
        misfit = 0.5 * ((x - decoder(z[:, None])) ** 2 * precision).sum(-1)
        divergence = 0.5 * (mean**2 + (2.0 * log_scale).exp() - 1.0) - log_scale
        loss = (misfit + divergence).mean()
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([*encoder.parameters(), *decoder.parameters()], 10.0)
        adam.step()
        schedule.step()
    return decoder


def pythae_training(
    model: GenerativeModel, *, steps: int, folder: str, batch: int = 128, rate: float = 1e-2,
    seed: int = 0,
) -> Any:  # fmt: skip
    """Train a VAE by pythae, where it is installed; x is given in σ, because its noise is 1.

    Parameters
    ----------
    model : GenerativeModel
        Ground truth.
    steps : int
        Batches, rounded up to whole epochs.
    folder : str
        Folder that pythae writes into.
    batch, rate, seed

    Returns
    -------
    torch.nn.Module
        The decoder, in x's own units.
    """
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    dim = model.data_dim

    class Encoder(BaseEncoder):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.body = network(dim, 2)

        def forward(self, x: Any) -> Any:
            mean, log_scale = self.body(x).split(1, -1)
            return ModelOutput(embedding=mean, log_covariance=2.0 * log_scale)

    class Decoder(BaseDecoder):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.body = network(1, dim)

        def forward(self, z: Any) -> Any:
            return ModelOutput(reconstruction=self.body(z))

    torch.manual_seed(seed)
    _, x = model.sample(EPOCH * batch, seed)
    data = BaseDataset(torch.from_numpy(x / model.sigma).float(), torch.zeros(len(x)))
    epochs = math.ceil(steps / EPOCH)
    vae = VAE(
        VAEConfig(input_dim=(dim,), latent_dim=1, reconstruction_loss="mse"), Encoder(), Decoder()
    )
    settings = BaseTrainerConfig(
        output_dir=folder, num_epochs=epochs, learning_rate=rate, no_cuda=True, seed=seed,
        per_device_train_batch_size=batch, scheduler_cls="CosineAnnealingLR",
        scheduler_params={"T_max": epochs}, keep_best_on_train=False,
    )  # fmt: skip
    trainer = BaseTrainer(model=vae, train_dataset=data, training_config=settings)
    trainer.train()
    sigma = torch.from_numpy(model.sigma.copy()).float()

    class InUnits(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.body = vae.decoder.body
            self.register_buffer("sigma", sigma)

        def forward(self, z: Any) -> Any:
            return self.body(z) * self.sigma

    return InUnits()
