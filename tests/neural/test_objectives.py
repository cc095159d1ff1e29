"""The losses against exact bounds and their exact gradients, within Monte-Carlo error.

The referees are sums over dense nodes in ε, differentiated in float64. They share with the losses
only the two small networks; S = 2 is a nested sum, larger S the integral of docs/theory.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from neural._networks import capped
from neural._objectives import Loss, checked_objective, negative_elbo, negative_iwae, reconstruction
from theorycheck.errors import SettingError
from theorycheck.inference._mean_field import MeanField
from theorycheck.models._decoder import Decoder
from theorycheck.models._generative import GenerativeModel

X = torch.tensor([[0.3, -0.4], [-0.6, 0.2], [1.0, 0.9]], dtype=torch.float64)
#: Standard errors allowed, and repetitions of the batch that give one.
ERRORS, CHUNKS, COPIES = 5.0, 25, 400


class Small:
    """A VAE with few parameters, float64: encoder affine, decoder one hidden layer of tanh."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(3)

        def draw(*shape: int) -> torch.Tensor:
            values = torch.randn(*shape, generator=generator, dtype=torch.float64)
            return values.requires_grad_()

        self.slope, self.offset = draw(1, 2, 2), draw(1, 1, 2)
        self.inner, self.bias, self.outer = draw(1, 1, 4), draw(1, 1, 4), draw(1, 4, 2)
        self.log_variance = torch.tensor([[-1.2, -0.7]], dtype=torch.float64, requires_grad=True)
        self.theta = [self.inner, self.bias, self.outer, self.log_variance]
        self.phi = [self.slope, self.offset]

    def encoder(self, x: torch.Tensor) -> torch.Tensor:
        return 0.5 * (x @ self.slope + self.offset) - torch.tensor([0.0, 1.0], dtype=torch.float64)

    def decoder(self, z: torch.Tensor) -> torch.Tensor:
        return torch.tanh(z * self.inner + self.bias) @ self.outer

    def model(self) -> GenerativeModel:
        def function(z: np.ndarray) -> np.ndarray:
            with torch.no_grad():
                return self.decoder(torch.from_numpy(z)[None, :, None])[0].numpy()

        variance = self.log_variance.detach().exp()[0].numpy()
        return GenerativeModel(Decoder.from_function(function, name="small"), variance)


def nodes(count: int = 201, reach: float = 8.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ε and its masses: the trapezoid rule, exact to rounding for what is smooth."""
    noise = torch.linspace(-reach, reach, count, dtype=torch.float64)
    mass = torch.exp(-0.5 * noise**2) / math.sqrt(2.0 * math.pi) * (noise[1] - noise[0])
    return noise, mass


def log_weights(vae: Small, noise: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Log w at μ + s ε, shape (B, n), by definition; log p(x, z); log q(z) of fixed z."""
    output = vae.encoder(X[None])[0]
    mean, log_scale = output[:, :1], capped(output[:, 1:])
    z = mean + log_scale.exp() * noise
    log_joint = -0.5 * z**2 - 0.5 * math.log(2.0 * math.pi)
    f = vae.decoder(z.reshape(1, -1, 1))[0].reshape(*z.shape, 2)
    variance = vae.log_variance[0].exp()
    terms = (X[:, None] - f) ** 2 / variance + torch.log(2.0 * math.pi * variance)
    log_joint = log_joint - 0.5 * terms.sum(-1)
    fixed = z.detach()
    log_q = -0.5 * ((fixed - mean) / log_scale.exp()) ** 2 - log_scale
    log_q = log_q - 0.5 * math.log(2.0 * math.pi)
    own = -0.5 * noise**2 - log_scale - 0.5 * math.log(2.0 * math.pi)
    return log_joint - own, log_joint, log_q


def exact_elbo(vae: Small) -> torch.Tensor:
    noise, mass = nodes()
    return -(log_weights(vae, noise)[0] @ mass)


def exact_pairs(vae: Small) -> torch.Tensor:
    """−L_2 by a nested sum."""
    noise, mass = nodes()
    log_w = log_weights(vae, noise)[0]
    pairs = torch.logaddexp(log_w[:, :, None], log_w[:, None, :]) - math.log(2.0)
    return -torch.einsum("i,j,bij->b", mass, mass, pairs)


def exact_many(vae: Small, samples: int) -> torch.Tensor:
    """−L_S by ∫ (e^{−t} − φ(t/S)^S) dt/t, in log t."""
    noise, mass = nodes()
    log_w = log_weights(vae, noise)[0]
    shift = log_w.max(1, keepdim=True).values.detach()
    w = torch.exp(log_w - shift)
    u = torch.linspace(-40.0, 40.0, 1201, dtype=torch.float64)
    t = torch.exp(u)
    phi = torch.einsum("i,bit->bt", mass, torch.exp(-t / samples * w[:, :, None]))
    value = (torch.exp(-t) - phi**samples).sum(1) * (u[1] - u[0])
    return -(value + shift[:, 0])


def mean_gradient(
    vae: Small, objective: Callable[[torch.Tensor, torch.Tensor], Loss], samples: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Bound at each x and gradient of the batch mean, each with its standard error."""
    generator = torch.Generator().manual_seed(1)
    x = X.repeat(COPIES, 1)[None]
    bounds, gradients = [], []
    for _ in range(CHUNKS):
        shape = (1, samples, x.shape[1], 1)
        noise = torch.randn(shape, generator=generator, dtype=torch.float64)
        loss = objective(x, noise)
        parts = torch.autograd.grad(loss.surrogate.mean(1).sum(), [*vae.theta, *vae.phi])
        gradients.append(torch.cat([part.flatten() for part in parts]).numpy())
        bounds.append(loss.bound.reshape(COPIES, 3).mean(0).numpy())
    bound, gradient = np.array(bounds), np.array(gradients)
    scale = ERRORS / math.sqrt(CHUNKS)
    return (
        bound.mean(0),
        scale * bound.std(0, ddof=1),
        gradient.mean(0),
        scale * gradient.std(0, ddof=1),
    )


def exact_gradient(vae: Small, value: torch.Tensor) -> np.ndarray:
    parts = torch.autograd.grad(value.mean(), [*vae.theta, *vae.phi])
    return torch.cat([part.flatten() for part in parts]).numpy()


def close(value: np.ndarray, exact: np.ndarray, error: np.ndarray, largest: float) -> bool:
    """Within the error, and the error small enough to mean something."""
    return bool((np.abs(value - exact) <= error + 1e-12).all() and error.max() < largest)


def test_referees_agree_with_the_engine_and_each_other() -> None:
    vae = Small()
    field = MeanField(vae.model())
    output = vae.encoder(X[None])[0].detach()
    scale = capped(output[:, 1]).exp()
    engine = field.negative_elbo(X.numpy(), output[:, 0].numpy(), scale.numpy())
    assert exact_elbo(vae).detach().numpy() == pytest.approx(engine, abs=1e-10)
    assert exact_many(vae, 1).detach().numpy() == pytest.approx(engine, abs=1e-9)
    pairs = exact_pairs(vae).detach().numpy()
    assert exact_many(vae, 2).detach().numpy() == pytest.approx(pairs, abs=1e-9)
    assert (pairs < engine).all()


@pytest.mark.parametrize("samples", [1, 4])
def test_elbo(samples: int) -> None:
    vae = Small()
    bound, bound_error, gradient, error = mean_gradient(
        vae,
        lambda x, noise: negative_elbo(vae.encoder, vae.decoder, vae.log_variance, x, noise),
        samples,
    )
    assert close(bound, exact_elbo(vae).detach().numpy(), bound_error, 0.2)
    assert close(gradient, exact_gradient(vae, exact_elbo(vae)), error, 0.3)


@pytest.mark.parametrize("estimator", ["reparametrised", "dreg"])
@pytest.mark.parametrize("samples", [2, 5])
def test_iwae(estimator: str, samples: int) -> None:
    vae = Small()
    bound, bound_error, gradient, error = mean_gradient(
        vae,
        lambda x, noise: negative_iwae(
            vae.encoder, vae.decoder, vae.log_variance, x, noise, estimator
        ),
        samples,
    )
    exact = exact_pairs(vae) if samples == 2 else exact_many(vae, samples)
    assert close(bound, exact.detach().numpy(), bound_error, 0.2)
    assert close(gradient, exact_gradient(vae, exact), error, 0.3)


def test_dreg_has_no_noise_where_q_is_the_posterior() -> None:
    # f = 2 z, sigma^2 = 1/2: the posterior is N(4/9 x, 1/9).
    mean = torch.tensor(4.0 / 9.0, requires_grad=True)
    log_scale = torch.tensor(-0.5 * math.log(9.0), requires_grad=True)
    x = torch.linspace(-2.0, 2.0, 50)[None, :, None]

    def encoder(points: torch.Tensor) -> torch.Tensor:
        # Undo the cap, so that s is exactly what is meant.
        raw = 2.0 - torch.log(torch.expm1(2.0 - log_scale))
        return torch.cat([mean * points, raw.expand_as(points)], dim=2)

    noise = torch.randn(1, 20, 50, 1, generator=torch.Generator().manual_seed(0))
    size = {}
    for estimator in ("reparametrised", "dreg"):
        log_variance = torch.full((1, 1), math.log(0.5))
        loss = negative_iwae(encoder, lambda z: 2.0 * z, log_variance, x, noise, estimator)
        gradient = torch.autograd.grad(loss.surrogate.sum(), [mean, log_scale])
        size[estimator] = max(abs(float(part)) for part in gradient)
    assert size["dreg"] < 1e-3
    assert size["reparametrised"] > 0.1


def test_rws() -> None:
    """θ as in IWAE; φ by the self-normalised inclusive KL, whose mean for S = 2 is a nested sum."""
    vae = Small()
    bound, bound_error, gradient, error = mean_gradient(
        vae,
        lambda x, noise: negative_iwae(vae.encoder, vae.decoder, vae.log_variance, x, noise, "rws"),
        2,
    )
    noise, mass = nodes()
    log_w, _, log_q = log_weights(vae, noise)
    share = torch.sigmoid(log_w[:, :, None] - log_w[:, None, :]).detach()
    # Both draws of a pair have the same expectation, hence the factor two.
    inclusive = -2.0 * torch.einsum("i,j,bij,bi->b", mass, mass, share, log_q)
    phi = torch.autograd.grad(inclusive.mean(), vae.phi, retain_graph=True)
    expected = exact_gradient(vae, exact_pairs(vae))
    expected[-6:] = torch.cat([part.flatten() for part in phi]).numpy()
    assert close(bound, exact_pairs(vae).detach().numpy(), bound_error, 0.2)
    assert close(gradient, expected, error, 0.3)


def test_restarts_and_samples_are_not_mixed_up() -> None:
    """−log p(x|z) of every restart, sample and x against a loop."""
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(2, 3, 4, 1, generator=generator)
    x = torch.randn(1, 4, 2, generator=generator)
    log_variance = torch.randn(2, 2, generator=generator)
    factor = torch.tensor([1.0, -2.0])[:, None, None]

    def decoder(latents: torch.Tensor) -> torch.Tensor:
        return torch.cat([latents, latents**2], dim=2) * factor

    found = reconstruction(decoder, log_variance, x, z)
    for r, s, b in np.ndindex(2, 3, 4):
        value = float(z[r, s, b, 0])
        f = torch.tensor([value, value**2]) * float(factor[r])
        normal = torch.distributions.Normal(f, torch.exp(0.5 * log_variance[r]))
        assert float(found[r, s, b]) == pytest.approx(
            -float(normal.log_prob(x[0, b]).sum()), rel=1e-4
        )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("vea", 1, "reparametrised"), "did you mean 'vae'"),
        (("vae", 0, "reparametrised"), "at least 1, not 0"),
        (("iwae", 5, "dregg"), "did you mean 'dreg'"),
        (("vae", 5, "dreg"), "is for --method iwae"),
    ],
)
def test_bad_objective(arguments: tuple, says: str) -> None:
    with pytest.raises(SettingError, match=says):
        checked_objective(*arguments)
