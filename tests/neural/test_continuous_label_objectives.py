"""U and L of networks with a continuous label, against sums over dense nodes in numpy.

The networks' estimates are averaged over nodes and weights of their noise; the referee knows
densities only: it integrates over y and z with q(y|x) and q(z|x, y) as weights.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any

import numpy as np
import pytest
from scipy.special import logsumexp, ndtr, ndtri

torch = pytest.importorskip("torch")

from neural._continuous_label_objectives import (
    continuous_labelled_bound,
    continuous_unlabelled_bound,
)
from neural._label_networks import LabelNetworks
from neural._label_objectives import Constants
from neural._label_posteriors import CELLS, GaussianLabel, TableLabel
from neural._networks import Architecture

VARIANCE = np.array([0.3, 0.5])
CONSTANTS = Constants(torch.zeros(0), torch.tensor(np.log(VARIANCE), dtype=torch.float32))
X = np.array([0.4, -0.3])
POSTERIORS = {"gaussian": GaussianLabel(), "table": TableLabel()}
HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)
BOUNDS = ("elbo", "inside", "pairs")


def networks(posterior: Any, shared: bool = False, seed: int = 3) -> LabelNetworks:
    found = LabelNetworks.begun(
        1, Architecture(2, (5, 4), "tanh"), 1, factorised=shared, outputs=posterior.outputs,
        generator=torch.Generator().manual_seed(seed), device="cpu",
    )  # fmt: skip
    with torch.no_grad():
        # μ in the bulk of the prior, s about 1: weights of a narrow q would have no variance.
        for network in (found.encoder, found.shared):
            if network is not None:
                network.weights[-2][..., 0] *= 0.5
                network.weights[-2][..., 1] *= 0.2
                network.weights[-1][..., 1] = 0.4
        found.classifier.weights[-2].mul_(0.6)
        if isinstance(posterior, TableLabel):
            # No more of a table than nodes can follow: ends of cells that differ by a tenth.
            found.classifier.weights[-2].mul_(0.1)
            end = torch.arange(CELLS + 1) / CELLS
            found.classifier.weights[-1][0, 0] = torch.sin(5.0 * end) + 0.5 * end
    return found


def nodes(count: int, reach: float) -> tuple[np.ndarray, np.ndarray]:
    grid = np.linspace(-reach, reach, count)
    mass = np.exp(-0.5 * grid**2)
    return grid, mass / mass.sum()


class Referee:
    """Densities of one restart's networks, in float64, at one x."""

    def __init__(self, batched: LabelNetworks, posterior: Any) -> None:
        self.parts = {
            name: network.module(0)
            for name, network in vars(batched).items()
            if name in ("decoder", "classifier", "encoder", "shared") and network is not None
        }
        self.y = np.linspace(-7.0, 7.0, 1401)
        self.output = self.applied("classifier", X[None])[0]
        self.q = self.density(posterior)
        self.weight = self.q / self.q.sum()
        self.noise, self.mass = nodes(81, 7.0)
        self.log_w = self.log_weights()
        prior = -0.5 * self.y**2 - HALF_LOG_2PI
        self.log_ratio = prior - np.log(np.maximum(self.q, 1e-300))
        # Far out the density is nothing and the ratio means nothing.
        self.log_ratio[self.weight == 0.0] = 0.0

    def applied(self, name: str, inputs: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            result: np.ndarray = self.parts[name](torch.tensor(inputs)).numpy()
        return result

    def density(self, posterior: Any) -> np.ndarray:
        if isinstance(posterior, GaussianLabel):
            mean, scale = self.output[0], math.exp(capped(self.output[1]))
            t = (self.y - mean) / scale
            return np.exp(-0.5 * t**2) / (scale * math.sqrt(2.0 * math.pi))
        ends = np.exp(self.output)
        line = np.interp(ndtr(self.y), np.arange(CELLS + 1) / CELLS, ends)
        phi = np.exp(-0.5 * self.y**2) / math.sqrt(2.0 * math.pi)
        return line * phi / np.trapezoid(ends, dx=1.0 / CELLS)

    def q_of_z(self, y: np.ndarray, labelled: bool = False) -> tuple[np.ndarray, np.ndarray]:
        if "shared" in self.parts and not labelled:
            both = np.repeat(self.applied("shared", X[None]), y.size, axis=0)
        else:
            both = self.applied("encoder", np.column_stack([np.tile(X, (y.size, 1)), y]))
        return both[:, 0], np.exp([capped(one) for one in both[:, 1]])

    def log_weights(self, labelled: bool = False, y: np.ndarray | None = None) -> np.ndarray:
        """Log p(x|y, z) p(z)/q(z|x, y) for every y and every z of q's nodes, (Y, Z)."""
        y = self.y if y is None else y
        mean, scale = self.q_of_z(y, labelled)
        z = mean[:, None] + scale[:, None] * self.noise
        pairs = np.column_stack([z.ravel(), np.repeat(y, self.noise.size)])
        f = self.applied("decoder", pairs).reshape(*z.shape, 2)
        log_x = (-0.5 * (X - f) ** 2 / VARIANCE - 0.5 * np.log(VARIANCE) - HALF_LOG_2PI).sum(2)
        log_prior = -0.5 * z**2 - HALF_LOG_2PI
        log_q = -0.5 * self.noise**2 - HALF_LOG_2PI - np.log(scale)[:, None]
        return log_x + log_prior - log_q

    def u(self, bound: str) -> float:
        """U with two draws."""
        if bound == "elbo":
            return float(self.weight @ (self.log_w @ self.mass + self.log_ratio))
        if bound == "inside":
            return float(self.weight @ (self.two(self.log_w) + self.log_ratio))
        every = slice(0, None, 10)
        w = (self.log_w[every, ::2] + self.log_ratio[every, None]).ravel()
        mass = np.outer(self.weight[every], self.mass[::2]).ravel()
        mass /= mass.sum()
        kept = mass > 1e-9
        pairs = np.logaddexp(w[kept, None], w[kept]) - math.log(2.0)
        return float(mass[kept] @ pairs @ mass[kept])

    def two(self, log_w: np.ndarray) -> np.ndarray:
        """E log (w + w')/2 of two independent draws, for every row."""
        pairs = np.logaddexp(log_w[:, :, None], log_w[:, None, :]) - math.log(2.0)
        result: np.ndarray = np.einsum("i,yij,j->y", self.mass, pairs, self.mass)
        return result

    def labelled(self, bound: str, y: float) -> float:
        log_w = self.log_weights(True, np.array([y]))
        offer = log_w @ self.mass if bound == "elbo" else self.two(log_w)
        return float(offer[0]) - 0.5 * y**2 - HALF_LOG_2PI


def capped(value: float) -> float:
    return 2.0 - math.log1p(math.exp(2.0 - value))


def averaged(found: LabelNetworks, posterior: Any, bound: str) -> Any:
    """The networks' U, averaged over nodes of all noise that it takes, two draws each."""
    of_y, of_z = {"elbo": (144, 31), "inside": (144, 21), "pairs": (48, 23)}[bound]
    # Equal shares of the noise of y, cells of a table as they are.
    level = (np.arange(of_y) + 0.5) / of_y
    y, y_mass = ndtri(level), np.full(of_y, 1.0 / of_y)
    if isinstance(posterior, GaussianLabel):
        y, y_mass = nodes(of_z, 5.5)
    elif bound == "pairs":
        of_z = 17
    z, z_mass = nodes(of_z, 5.5)
    # y, z of the first draw, then z and y of the second.
    grids = [(y, y_mass), (z, z_mass), (z, z_mass), (y, y_mass)]
    grids = grids[: {"elbo": 2, "inside": 3, "pairs": 4}[bound]]
    every = np.stack(np.meshgrid(*(one for one, _ in grids), indexing="ij"), -1)
    every = every.reshape(-1, len(grids))
    weight = functools.reduce(np.multiply.outer, [mass for _, mass in grids]).ravel()
    kept = weight > 1e-9
    every, weight = every[kept], weight[kept] / weight[kept].sum()
    noise = np.zeros((1, 2, 2, len(every)))
    noise[0, :, 0], noise[0, :, 1] = every[:, 0], every[:, 1]
    if every.shape[1] > 2:
        noise[0, 1, 1] = every[:, 2]
    if every.shape[1] > 3:
        noise[0, 1, 0] = every[:, 3]
    x = torch.tensor(X, dtype=torch.float32).expand(1, len(every), 2)
    u = continuous_unlabelled_bound(
        found, posterior, CONSTANTS, x, torch.tensor(noise).float(), bound
    )
    return u[0] @ torch.tensor(weight).float()


@pytest.mark.parametrize(("name", "bound"), list(itertools.product(POSTERIORS, BOUNDS)))
def test_u_against_quadrature(name: str, bound: str) -> None:
    posterior = POSTERIORS[name]
    found = networks(posterior)
    referee = Referee(found, posterior)
    # A table has kinks, at which sums over nodes converge slowly.
    allowed = 5e-5 if name == "gaussian" else 2e-3
    with torch.no_grad():
        mine = float(averaged(found, posterior, bound))
    assert mine == pytest.approx(referee.u(bound), abs=allowed)


def test_one_q_of_z_for_all_labels() -> None:
    posterior = POSTERIORS["gaussian"]
    found = networks(posterior, shared=True)
    referee = Referee(found, posterior)
    with torch.no_grad():
        for bound in BOUNDS:
            mine = float(averaged(found, posterior, bound))
            assert mine == pytest.approx(referee.u(bound), abs=5e-5)


@pytest.mark.parametrize("bound", BOUNDS)
def test_l_against_quadrature(bound: str) -> None:
    found = networks(POSTERIORS["gaussian"], shared=True)
    referee = Referee(found, POSTERIORS["gaussian"])
    grid, mass = nodes(41, 6.5)
    pairs = np.array(list(itertools.product(grid, repeat=2)))
    weight = torch.tensor(np.outer(mass, mass).ravel()).float()
    noise = torch.tensor(pairs.T[None]).float()
    for y in (-1.2, 0.7):
        given = torch.full((1, len(pairs)), y)
        x = torch.tensor(X, dtype=torch.float32).expand(1, len(pairs), 2)
        with torch.no_grad():
            value = continuous_labelled_bound(found, CONSTANTS, x, given, noise[..., None], bound)
        assert float(value[0] @ weight) == pytest.approx(referee.labelled(bound, y), abs=2e-5)


@pytest.mark.parametrize(("name", "bound"), list(itertools.product(POSTERIORS, BOUNDS)))
def test_gradients_of_q_are_those_of_the_bound(name: str, bound: str) -> None:
    """Draws by quantiles of a table move with its weights: no part of the gradient is lost."""
    posterior = POSTERIORS[name]
    found = networks(posterior)
    bias = found.classifier.weights[-1]
    gradient = torch.autograd.grad(averaged(found, posterior, bound), bias)[0][0, 0].numpy()
    step = 1e-3
    for output in (0, 1) if name == "gaussian" else (2, 9, 17):
        values = []
        for side in (1.0, -1.0):
            with torch.no_grad():
                bias[0, 0, output] += side * step
                values.append(Referee(found, posterior).u(bound))
                bias[0, 0, output] -= side * step
        wanted = (values[0] - values[1]) / (2.0 * step)
        allowed = 3e-3 if bound == "pairs" else 1.2e-3
        assert gradient[output] == pytest.approx(wanted, abs=allowed)
    assert np.abs(gradient).max() > 0.01


@pytest.mark.parametrize("name", POSTERIORS)
def test_draws_have_the_density(name: str) -> None:
    posterior = POSTERIORS[name]
    referee = Referee(networks(posterior), posterior)
    output = torch.tensor(referee.output, dtype=torch.float32).expand(1, 4001, -1)
    uniform = (torch.arange(4001) + 0.5) / 4001
    y, ratio = posterior.drawn(output, torch.special.ndtri(uniform)[None, None])
    share = np.cumsum(referee.weight) - 0.5 * referee.weight
    drawn = y[0, 0].numpy()
    assert np.interp(drawn, referee.y, share) == pytest.approx(uniform.numpy(), abs=4e-3)
    assert (np.diff(drawn) >= 0.0).all()
    again = posterior.log_ratio(output, y)
    assert again.numpy() == pytest.approx(ratio.numpy(), abs=2e-4)
    inner = np.abs(drawn) < 3.0
    wanted = np.interp(drawn, referee.y, referee.log_ratio)
    # Between two y the referee draws lines, too, but not those of a table in Φ(y).
    assert ratio[0, 0].numpy()[inner] == pytest.approx(wanted[inner], abs=1e-2)


def test_more_draws_raise_an_iwae_bound_and_no_bound_is_above_log_p() -> None:
    for posterior in POSTERIORS.values():
        referee = Referee(networks(posterior), posterior)
        log_mass = np.log(referee.weight.clip(1e-300))[:, None] + np.log(referee.mass)
        log_p = logsumexp(log_mass + referee.log_w + referee.log_ratio[:, None])
        elbo, inside, pairs = (referee.u(bound) for bound in BOUNDS)
        assert elbo < inside < log_p
        assert elbo < pairs < log_p
