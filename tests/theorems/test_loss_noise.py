"""Which σ² a loss assumes: by symbols, by torch's own reductions, and by the engine."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
import sympy as sp
from scipy import stats

from theorycheck import benchmark, decompose
from theorycheck.errors import SettingError
from theorycheck.estimate import Kind
from theorycheck.theorems._loss_noise import noise_from_loss

BATCH, DIM, LATENTS = 7, 5, 3
TERMS = {
    "sse": lambda s: s.sum(axis=1).mean(),
    "mse": lambda s: s.mean(),
    "mse_sum": lambda s: s.sum(),
    "kl": lambda k: k.sum(axis=1).mean(),
    "kl_mean": lambda k: k.mean(),
    "kl_sum": lambda k: k.sum(),
}


def test_derivation() -> None:
    """The loss a S + b K is b (−ELBO − (D/2) log 2πσ²) at σ² = b/2a, and at no other σ²."""
    a, b, s, k, d, v = sp.symbols("a b S K D v", positive=True)
    negative_elbo = s / (2 * v) + k + d / 2 * sp.log(2 * sp.pi * v)
    rest = sp.expand(a * s + b * k - b * (negative_elbo - d / 2 * sp.log(2 * sp.pi * v)))
    assert sp.solve(sp.diff(rest, s), v) == [b / (2 * a)]
    assert sp.simplify(rest.subs(v, b / (2 * a))) == 0
    # A Gaussian's log density is what the first term and the constant say, in each dimension.
    x, f = sp.symbols("x f", real=True)
    density = sp.exp(-((x - f) ** 2) / (2 * v)) / sp.sqrt(2 * sp.pi * v)
    stated = (x - f) ** 2 / (2 * v) + sp.log(2 * sp.pi * v) / 2
    assert sp.simplify(sp.expand_log(-sp.log(density)) - sp.expand_log(stated)) == 0
    # S and K are not negative: the constant is the floor. The noise's entropy is ½ above it.
    entropy = sp.integrate(
        sp.expand(sp.expand_log(stated * density, force=True)).subs(f, 0), (x, -sp.oo, sp.oo)
    )
    assert sp.simplify(sp.expand_log(entropy - sp.log(2 * sp.pi * v) / 2)) == sp.Rational(1, 2)
    # Without a floor once σ² is free: at S = 0, as where f meets every x, it falls without end.
    assert sp.limit(negative_elbo.subs(s, 0), v, 0, "+") == -sp.oo


@pytest.mark.parametrize(
    ("error", "kl"), list(product(("sse", "mse", "mse_sum"), ("kl", "kl_mean", "kl_sum")))
)
def test_against_the_gaussian_log_density(error: str, kl: str) -> None:
    """What a batch's loss says of −ELBO, against scipy's normal density and KL by hand."""
    rng = np.random.default_rng(5)
    x, f = rng.normal(size=(2, BATCH, DIM))
    mean, log_s = rng.normal(size=(2, BATCH, LATENTS))
    kls = 0.5 * (np.exp(2 * log_s) + mean**2 - 1.0) - log_s
    weight, beta = 3.0, 0.25
    value = weight * TERMS[error]((x - f) ** 2) + beta * TERMS[kl](kls)
    found = noise_from_loss(
        f"{weight}*{error} + {beta}*{kl}", data_dim=DIM, latent_dim=LATENTS, batch_size=BATCH
    )
    sigma = math.sqrt(found.noise_variance.value)
    exact = -stats.norm.logpdf(x, f, sigma).sum(axis=1) + kls.sum(axis=1)
    reached = found.negative_elbo(float(value))
    assert reached.kind is found.noise_variance.kind is Kind.EXACT
    assert reached.value == pytest.approx(exact.mean(), rel=1e-13)
    assert abs(reached.value - exact.mean()) <= reached.error + 1e-13 * exact.mean()


def test_torch_reduces_as_the_terms_say() -> None:
    torch = pytest.importorskip("torch")
    x, f = torch.randn(2, BATCH, DIM, generator=torch.Generator().manual_seed(0)).double()
    squares = ((x - f) ** 2).numpy()
    assert float(torch.nn.MSELoss()(f, x)) == pytest.approx(TERMS["mse"](squares))
    assert float(torch.nn.MSELoss(reduction="sum")(f, x)) == pytest.approx(
        TERMS["mse_sum"](squares)
    )


@pytest.mark.parametrize(
    ("loss", "options", "variance"),
    [
        ("sse + kl", {}, 0.5),
        ("sse/2 + kl", {}, 1.0),
        ("mse + kl", {"data_dim": 784}, 392.0),
        ("mse + 4*kl", {"data_dim": 64}, 128.0),
        ("100*mse + kl", {"data_dim": 64}, 0.32),
        ("mse_sum + kl_sum", {}, 0.5),
        ("mse + kl_sum", {"data_dim": 10, "batch_size": 128}, 640.0),
        ("mse + kl_mean", {"data_dim": 10, "latent_dim": 2}, 2.5),
        ("kl + sse / (2*0.1^2)", {}, 0.01),
        ("MSE + KL/784", {"data_dim": 784}, 0.5),
        ("2*(sse + 3*kl)", {}, 1.5),
    ],
)
def test_known_losses(loss: str, options: dict[str, int], variance: float) -> None:
    found = noise_from_loss(loss, **options)  # type: ignore[arg-type]
    assert found.noise_variance.value == pytest.approx(variance, rel=1e-14)
    assert abs(found.noise_variance.value - variance) <= found.noise_variance.error


def test_the_floors_hold_for_a_model_on_its_own_data() -> None:
    """Endless data of figure8: −ELBO >= H >= (D/2) log 2πeσ² >= (D/2) log 2πσ²."""
    model = benchmark("figure8")
    variance = float(model.noise_variance[0])
    found = noise_from_loss(f"sse/(2*{variance}) + kl", data_dim=2)
    assert found.noise_variance.value == pytest.approx(variance)
    result = decompose(model, tolerance=1e-3)
    assert found.constant is not None
    assert found.own_floor is not None
    assert result.negative_elbo.lower > result.entropy.upper > found.own_floor.value
    assert found.own_floor.value - found.constant.value == pytest.approx(1.0)
    assert found.constant.value < 0.0


REFUSED = [
    ("bce + kl", {}, "Bernoulli likelihood, which has no σ²"),
    ("l1 + kl", {}, "Laplace"),
    ("mse + kl", {}, "--data-dim"),
    ("mse + kl_mean", {"data_dim": 2}, "--latent-dim"),
    ("mse_sum + kl", {}, "depends on the batch size: give it by --batch-size"),
    ("mse", {"data_dim": 2}, "exactly one KL .*an autoencoder"),
    ("kl", {}, "exactly one squared error"),
    ("mse + sse + kl", {"data_dim": 2}, "exactly one squared error"),
    ("mse - kl", {"data_dim": 2}, "weight of kl must be positive, not -1"),
    ("sse + 0*kl", {}, "weight of kl must be positive, not 0"),
    ("sse*kl", {}, "only be multiplied or divided by a number"),
    ("sse + kl + 1", {}, "a constant is no part"),
    ("sse/0 + kl", {}, "a weight is not finite"),
    ("sse + kll", {}, "no term 'kll': did you mean 'kl'"),
    ("sse + f(kl)", {}, "only numbers, terms"),
    ("__import__('os')", {}, "only numbers, terms"),
    ("sse +", {}, "cannot be read"),
    ("", {}, "cannot be read"),
    ("sse + 9^9^9^9*kl", {}, "weight"),
    ("sse + kl", {"data_dim": 0}, "--data-dim must be at least 1"),
]


@pytest.mark.parametrize(("loss", "options", "says"), REFUSED)
def test_what_is_refused(loss: str, options: dict[str, int], says: str) -> None:
    with pytest.raises(SettingError, match=says) as caught:
        noise_from_loss(loss, **options)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_values_of_the_loss() -> None:
    found = noise_from_loss("sse + kl", data_dim=2)
    for value in (-0.1, math.nan, math.inf):
        with pytest.raises(SettingError, match="never negative"):
            found.negative_elbo(value)
    with pytest.raises(SettingError, match="--data-dim"):
        noise_from_loss("sse + kl").negative_elbo(1.0)
    with pytest.raises(SettingError, match="--batch-size"):
        noise_from_loss("mse_sum + kl_sum", data_dim=2).negative_elbo(1.0)
