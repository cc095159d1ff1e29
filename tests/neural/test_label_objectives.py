"""U and L of networks with labels: gradients against plain autograd, values against quadrature.

The referees take one restart, one x, one class and one draw at a time, in float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy.special import logsumexp

torch = pytest.importorskip("torch")

from neural._label_networks import LabelNetworks
from neural._label_objectives import (
    Constants,
    checked_bound,
    label_term,
    labelled_bound,
    unlabelled_bound,
)
from neural._networks import Architecture
from theorycheck.errors import SettingError

CLASSES, DIM, RESTARTS = 3, 2, 2
PRIOR = np.array([0.2, 0.5, 0.3])
VARIANCE = np.array([0.3, 0.5])
CONSTANTS = Constants(
    torch.tensor(np.log(PRIOR), dtype=torch.float32),
    torch.tensor(np.log(VARIANCE), dtype=torch.float32),
)
X = torch.tensor([[0.4, -0.3], [-0.8, 0.1], [1.1, 0.9], [0.0, 0.6]])
Y = torch.tensor([2, 0, 1, 1])
FAMILIES = {"conditional": False, "factorised": True}
BOUNDS = ("elbo", "inside", "summed")
HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)


def networks(factorised: bool, seed: int = 4, latents: int = 1) -> LabelNetworks:
    found = LabelNetworks.begun(
        CLASSES,
        Architecture(DIM, (5, 4), "tanh", latents),
        RESTARTS,
        factorised=factorised,
        generator=torch.Generator().manual_seed(seed),
        device="cpu",
    )
    with torch.no_grad():
        # μ in the bulk of the prior, s about 1: weights of a narrow q would have no variance.
        for network in (found.encoder, found.shared):
            if network is not None:
                network.weights[-2][..., :latents] *= 0.5
                network.weights[-2][..., latents:] *= 0.2
                network.weights[-1][..., latents:] = 0.4
    return found


class Single:
    """One restart's networks as plain modules, evaluated for one x, one y and one z."""

    def __init__(self, batched: LabelNetworks, restart: int) -> None:
        self.parts = {
            name: network.module(restart).requires_grad_(True)
            for name, network in vars(batched).items()
            if name in ("decoder", "classifier", "encoder", "shared") and network is not None
        }

    def one_hot(self, y: int) -> Any:
        return torch.tensor([float(k == y) for k in range(CLASSES)], dtype=torch.float64)

    def log_r(self, x: Any) -> Any:
        logits = self.parts["classifier"](x)
        return logits - torch.logsumexp(logits, 0)

    def q(self, x: Any, y: int, unlabelled: bool) -> tuple[Any, Any]:
        if unlabelled and "shared" in self.parts:
            output = self.parts["shared"](x)
        else:
            output = self.parts["encoder"](torch.cat([x, self.one_hot(y)]))
        mean, log_scale = output.chunk(2)
        return mean, 2.0 - torch.nn.functional.softplus(2.0 - log_scale)

    def log_x(self, x: Any, y: int, z: Any) -> Any:
        f = self.parts["decoder"](torch.cat([z.reshape(-1), self.one_hot(y)]))
        normal = torch.distributions.Normal(f, torch.tensor(VARIANCE).sqrt())
        return normal.log_prob(x).sum()

    def log_w(self, x: Any, y: int, noise: Any, unlabelled: bool) -> Any:
        """Log π p(x|y, z) p(z)/q(z) at z = μ + s ε, by the densities."""
        mean, log_scale = self.q(x, y, unlabelled)
        z = mean + log_scale.exp() * noise
        q = torch.distributions.Normal(mean, log_scale.exp())
        prior = torch.distributions.Normal(0.0, 1.0)
        ratio = (prior.log_prob(z) - q.log_prob(z)).sum()
        return math.log(PRIOR[y]) + self.log_x(x, y, z) + ratio

    def elbo(self, x: Any, y: int, noise: Any, unlabelled: bool) -> Any:
        """Log π + mean log p(x|y, z) − KL, the KL in closed form."""
        mean, log_scale = self.q(x, y, unlabelled)
        scale = log_scale.exp()
        draws = [self.log_x(x, y, mean + scale * one) for one in noise]
        kl = (0.5 * (mean**2 + scale**2 - 1.0) - log_scale).sum()
        return math.log(PRIOR[y]) + sum(draws) / len(draws) - kl

    def offer(self, x: Any, y: int, noise: Any, bound: str, unlabelled: bool) -> Any:
        if bound == "elbo":
            return self.elbo(x, y, noise, unlabelled)
        weights = torch.stack([self.log_w(x, y, one, unlabelled) for one in noise])
        return torch.logsumexp(weights, 0) - math.log(len(noise))

    def u(self, x: Any, noise: Any, bound: str) -> Any:
        """U(x) for ε of shape (S, C, K)."""
        offers = [self.offer(x, y, noise[:, y], bound, True) for y in range(CLASSES)]
        if bound == "summed":
            return torch.logsumexp(torch.stack(offers), 0)
        log_r = self.log_r(x)
        return sum(log_r[y].exp() * (offers[y] - log_r[y]) for y in range(CLASSES))


def gradients_of(module: Any) -> list[np.ndarray]:
    """Weights as the batched networks have them, inputs first."""
    found = []
    for parameter in module.parameters():
        gradient = parameter.grad if parameter.grad is not None else torch.zeros_like(parameter)
        found.append((gradient.T if gradient.ndim == 2 else gradient[None]).numpy())
    return found


@pytest.mark.parametrize("latents", [1, 2])
@pytest.mark.parametrize(("family", "bound"), list(product(FAMILIES, BOUNDS)))
def test_value_and_gradient_against_plain_autograd(family: str, bound: str, latents: int) -> None:
    batched = networks(FAMILIES[family], latents=latents)
    samples = 3
    generator = torch.Generator().manual_seed(8)
    columns = 1 if FAMILIES[family] else CLASSES
    noise = torch.randn(RESTARTS, samples, columns, len(X), latents, generator=generator)
    own = torch.randn(RESTARTS, samples, len(X), latents, generator=generator)
    u = unlabelled_bound(batched, CONSTANTS, X[None], noise, bound)
    labelled = labelled_bound(batched, CONSTANTS, X[None], Y[None], own, bound)
    term = label_term(batched, X[None], Y[None])
    total = (0.9 * u + 0.3 * labelled + 0.2 * term).mean(1)
    leaves = [*batched.inference.leaves, *batched.decoder.leaves]
    found = torch.autograd.grad(total.sum(), leaves, materialize_grads=True)
    names = ["classifier", "encoder", *(["shared"] if FAMILIES[family] else []), "decoder"]
    for restart in range(RESTARTS):
        single = Single(batched, restart)
        value = torch.zeros((), dtype=torch.float64)
        for i, x in enumerate(X.double()):
            at = noise[restart, :, :, i].double().expand(-1, CLASSES, -1)
            y = int(Y[i])
            value = value + 0.9 * single.u(x, at, bound) + 0.2 * single.log_r(x)[y]
            kept = own[restart, :, i].double()
            value = value + 0.3 * single.offer(x, y, kept, bound, False)
        value = value / len(X)
        value.backward()
        assert float(total[restart].detach()) == pytest.approx(float(value.detach()), abs=2e-5)
        wanted = [part for name in names for part in gradients_of(single.parts[name])]
        assert len(wanted) == len(found)
        for mine, theirs in zip(found, wanted, strict=True):
            assert mine[restart].numpy() == pytest.approx(theirs, abs=5e-5)


def nodes(count: int = 91, reach: float = 7.5) -> tuple[np.ndarray, np.ndarray]:
    noise = np.linspace(-reach, reach, count)
    return noise, np.exp(-0.5 * noise**2) / math.sqrt(2.0 * math.pi) * (noise[1] - noise[0])


class Exact:
    """One restart and one x by sums over dense nodes, in numpy."""

    def __init__(self, batched: LabelNetworks, restart: int, x: np.ndarray) -> None:
        self.noise, self.mass = nodes()
        single = Single(batched, restart)
        with torch.no_grad():
            point = torch.tensor(x, dtype=torch.float64)
            self.log_r = single.log_r(point).numpy()
            grid = torch.tensor(self.noise)
            self.log_w = {
                unlabelled: np.array(
                    [
                        [float(single.log_w(point, y, one, unlabelled)) for one in grid]
                        for y in range(CLASSES)
                    ]
                )
                for unlabelled in (True, False)
            }
            z = torch.linspace(-9.0, 9.0, 361, dtype=torch.float64)
            log_x = np.array(
                [[float(single.log_x(point, y, one)) for one in z] for y in range(CLASSES)]
            )
        log_prior = -0.5 * z.numpy() ** 2 - HALF_LOG_2PI + math.log(float(z[1] - z[0]))
        self.log_joint = np.log(PRIOR) + logsumexp(log_x + log_prior, axis=1)
        self.log_p = float(logsumexp(self.log_joint))

    def elbo(self, unlabelled: bool = True) -> np.ndarray:
        return self.log_w[unlabelled] @ self.mass

    def pairs(self, unlabelled: bool = True) -> np.ndarray:
        """E log ½(w₁ + w₂) of every class."""
        w = self.log_w[unlabelled]
        both = np.logaddexp(w[:, :, None], w[:, None, :]) - math.log(2.0)
        return np.einsum("i,j,yij->y", self.mass, self.mass, both)

    def sum_over_classes(self, offers: np.ndarray) -> float:
        return float(np.exp(self.log_r) @ (offers - self.log_r))

    def joint_of_one_draw(self, factorised: bool) -> float:
        """E log Σ_y w(y): one ε for all classes, or one each (three nested sums)."""
        w = self.log_w[True]
        if factorised:
            return float(logsumexp(w, axis=0) @ self.mass)
        nested = np.logaddexp(
            np.logaddexp(w[0][:, None, None], w[1][None, :, None]), w[2][None, None, :]
        )
        return float(np.einsum("i,j,k,ijk->", self.mass, self.mass, self.mass, nested))


@cache
def exact(factorised: bool, restart: int, i: int) -> Exact:
    return Exact(networks(factorised), restart, X[i].numpy())


def table(factorised: bool, wanted: Callable[[Exact], float]) -> np.ndarray:
    """A number of the first two x for every restart, (R, 2)."""
    rows = [[wanted(exact(factorised, r, i)) for i in range(2)] for r in range(RESTARTS)]
    return np.array(rows)


def estimated(
    batched: LabelNetworks, factorised: bool, bound: str, samples: int, copies: int, chunks: int
) -> tuple[np.ndarray, np.ndarray]:
    """Mean of U at the first two x, (R, 2), and five standard errors."""
    generator = torch.Generator().manual_seed(2)
    columns = 1 if factorised else CLASSES
    values = []
    x = X[:2].repeat(copies, 1)[None]
    for _ in range(chunks):
        noise = torch.randn(RESTARTS, samples, columns, x.shape[1], 1, generator=generator)
        with torch.no_grad():
            u = unlabelled_bound(batched, CONSTANTS, x, noise, bound)
        values.append(u.double().reshape(RESTARTS, copies, 2).mean(1).numpy())
    stacked = np.array(values)
    return stacked.mean(0), 5.0 * stacked.std(0, ddof=1) / math.sqrt(chunks)


@pytest.mark.parametrize("family", FAMILIES)
def test_values_against_quadrature(family: str) -> None:
    factorised = FAMILIES[family]
    batched = networks(factorised)
    for bound, samples, wanted in (
        ("elbo", 1, lambda e: e.sum_over_classes(e.elbo())),
        ("inside", 1, lambda e: e.sum_over_classes(e.elbo())),
        ("inside", 2, lambda e: e.sum_over_classes(e.pairs())),
        ("summed", 1, lambda e: e.joint_of_one_draw(factorised)),
    ):
        found, error = estimated(batched, factorised, bound, samples, 1500, 12)
        target = table(factorised, wanted)
        assert (np.abs(found - target) <= error + 1e-4).all(), (bound, samples)
        assert error.max() < 0.15


@pytest.mark.parametrize("family", FAMILIES)
def test_bounds_lie_below_log_p_and_tend_to_what_they_should(family: str) -> None:
    factorised = FAMILIES[family]
    batched = networks(factorised)
    log_p = table(factorised, lambda one: one.log_p)
    inside = table(factorised, lambda one: one.sum_over_classes(one.log_joint))
    # With r of random networks the sum over y loses a good part, so that the two are told apart.
    assert (inside < log_p - 0.01).all()
    for bound, limit in (("inside", inside), ("summed", log_p)):
        found, error = estimated(batched, factorised, bound, 5, 200, 10)
        assert (found <= limit + error).all()
        many, error = estimated(batched, factorised, bound, 4000, 2, 12)
        assert (np.abs(many - limit) <= error + 0.02).all()
        assert (many > found - error).all()
    found, error = estimated(batched, factorised, "elbo", 1, 500, 10)
    assert (found <= inside + error).all()


def test_labelled_bound_against_quadrature() -> None:
    batched = networks(True)
    generator = torch.Generator().manual_seed(5)
    copies, chunks = 1500, 12
    for bound, samples in (("elbo", 1), ("inside", 2), ("summed", 2)):
        values = []
        for _ in range(chunks):
            noise = torch.randn(RESTARTS, samples, copies, 1, generator=generator)
            with torch.no_grad():
                x, y = X[:1].repeat(copies, 1)[None], Y[:1].repeat(copies)[None]
                value = labelled_bound(batched, CONSTANTS, x, y, noise, bound)
            values.append(value.double().mean(1).numpy())
        stacked = np.array(values)
        error = 5.0 * stacked.std(0, ddof=1) / math.sqrt(chunks)
        label = int(Y[0])
        for restart in range(RESTARTS):
            one = exact(True, restart, 0)
            offers = one.elbo(False) if bound == "elbo" else one.pairs(False)
            assert abs(stacked.mean(0)[restart] - offers[label]) <= error[restart] + 1e-4
            assert stacked.mean(0)[restart] <= one.log_joint[label] + error[restart]


def test_a_class_is_a_network_of_its_own() -> None:
    """The folded decoder and encoder of a class say what the batched ones say of its label."""
    from neural._networks import sequential

    batched = networks(False)
    architecture = batched.architecture
    z = torch.linspace(-2.0, 2.0, 5, dtype=torch.float64)[:, None]
    for restart, label in product(range(RESTARTS), range(CLASSES)):
        single = Single(batched, restart)
        state = batched.decoder_state(restart, label)
        folded = sequential(architecture.decoder_sizes, architecture.activation, state)
        beside = torch.cat([z, single.one_hot(label).expand(5, -1)], dim=1)
        assert folded(z).numpy() == pytest.approx(
            single.parts["decoder"](beside).detach().numpy(), abs=1e-6
        )
        state = batched.encoder_state(restart, label)
        folded = sequential(architecture.encoder_sizes, architecture.activation, state)
        points = X.double()
        beside = torch.cat([points, single.one_hot(label).expand(len(points), -1)], dim=1)
        assert folded(points).numpy() == pytest.approx(
            single.parts["encoder"](beside).detach().numpy(), abs=1e-6
        )


def test_bounds_of_methods() -> None:
    assert [checked_bound(method, None) for method in ("vae", "lin", "iwae")] == [
        "elbo", "elbo", "inside",
    ]  # fmt: skip
    assert checked_bound("iwae", "summed") == "summed"
    with pytest.raises(SettingError, match="not one of --method vae: elbo is"):
        checked_bound("vae", "summed")
    with pytest.raises(SettingError, match="did you mean 'summed'"):
        checked_bound("iwae", "sumed")
