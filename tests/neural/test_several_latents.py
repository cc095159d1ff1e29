"""Networks of K latents: losses against numpy, starts, files, and where training ends."""

from __future__ import annotations

import json
import math
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch")

from neural import _fits as fits
from neural import _restarts as restarts
from neural._checkpoints import read_networks
from neural._data import DecoderSource
from neural._encoders import encoder_of_module
from neural._networks import capped
from neural._objectives import negative_elbo, negative_iwae, reconstruction
from neural._results import judge_run
from neural._settings import TrainingSettings
from neural._trainer import Trainer
from neural._training import train
from theorycheck.cli import main
from theorycheck.cli.search_options import network_search, searched_optima
from theorycheck.errors import SettingError
from theorycheck.evaluation import _judging as judging
from theorycheck.evaluation import _prediction as prediction
from theorycheck.evaluation._amortisation import own_negative_elbo, paired_gap
from theorycheck.models import GenerativeModel, load_model
from theorycheck.objectives import ELBO, decompose
from theorycheck.optimum import Execution, SearchSettings, effort_named
from theorycheck.results import json_schema

Array = NDArray[np.float64]

#: x = A z + b + noise, the columns of A not orthogonal.
PLANE = load_model("expr:[z1+0.3*z2, z2-0.2*z1]", noise_variance=[0.1, 0.2])
LINE = load_model("expr:[sin(z), z]", noise_variance=[0.04, 0.09])
X = np.array([[0.3, -0.4], [-0.6, 0.2], [1.0, 0.9]])
K, HIDDEN = 2, 4


def settings(**given: Any) -> TrainingSettings:
    defaults = {"steps": 30, "restarts": 2, "from_truth": 0, "batch": 16, "hidden": (6, 6)}
    return TrainingSettings.of("vae", **{**defaults, "latents": K, **given})


def parameters(seed: int = 0) -> list[Array]:
    """Return slope and offset of an affine encoder, two layers of a decoder, log σ²."""
    rng = np.random.default_rng(seed)
    return [
        0.5 * rng.normal(size=(2, 2 * K)), rng.normal(size=2 * K) - 0.5,
        rng.normal(size=(K, HIDDEN)), rng.normal(size=HIDDEN), rng.normal(size=(HIDDEN, 2)),
        np.array([-1.2, -0.7]),
    ]  # fmt: skip


def by_torch(values: list[Array]) -> tuple[Any, Any, Any, list[Any]]:
    leaves = [torch.tensor(value, requires_grad=True) for value in values]
    slope, offset, inner, bias, outer, log_variance = leaves
    return (
        lambda x: x @ slope + offset,
        lambda z: torch.tanh(z @ inner + bias) @ outer,
        log_variance[None],
        leaves,
    )


def log_weights(values: list[Array], noise: Array, fixed: list[Array] | None = None) -> Array:
    """Return log p(x, z)/q(z|x) at z = μ + s ε, (S, B), by definition; q that of `fixed`."""
    inner, bias, outer, log_variance = values[2:]

    def gaussian(of: list[Array]) -> tuple[Array, Array]:
        output = X @ of[0] + of[1]
        return output[:, :K], 2.0 - np.log1p(np.exp(2.0 - output[:, K:]))

    mean, log_scale = gaussian(values)
    z = mean + np.exp(log_scale) * noise
    f = np.tanh(z @ inner + bias) @ outer
    variance = np.exp(log_variance)
    log_x = -0.5 * ((X - f) ** 2 / variance + np.log(2.0 * np.pi * variance)).sum(axis=-1)
    log_prior = -0.5 * (z**2 + math.log(2.0 * math.pi)).sum(axis=-1)
    m, t = (mean, log_scale) if fixed is None else gaussian(fixed)
    log_q = (-0.5 * (((z - m) / np.exp(t)) ** 2 + math.log(2.0 * math.pi)) - t).sum(axis=-1)
    return log_prior + log_x - log_q


def elbo_by_numpy(values: list[Array], noise: Array) -> float:
    """Return the mean over x of KL + mean over draws of −log p(x|z), K latents."""
    slope, offset, inner, bias, outer, log_variance = values
    output = X @ slope + offset
    mean, log_scale = output[:, :K], 2.0 - np.log1p(np.exp(2.0 - output[:, K:]))
    f = np.tanh((mean + np.exp(log_scale) * noise) @ inner + bias) @ outer
    variance = np.exp(log_variance)
    cost = 0.5 * ((X - f) ** 2 / variance + np.log(2.0 * np.pi * variance)).sum(axis=-1)
    kl = 0.5 * (mean**2 + np.exp(2.0 * log_scale) - 1.0 - 2.0 * log_scale)
    return float((kl.sum(axis=1) + cost.mean(axis=0)).mean())


def differences(function: Any, values: list[Array], step: float = 1e-5) -> list[Array]:
    found = []
    for number, value in enumerate(values):
        slope = np.empty_like(value)
        for place in np.ndindex(value.shape):
            ends = []
            for sign in (1.0, -1.0):
                moved = [one.copy() for one in values]
                moved[number][place] += sign * step
                ends.append(function(moved))
            slope[place] = (ends[0] - ends[1]) / (2.0 * step)
        found.append(slope)
    return found


@pytest.mark.parametrize("samples", [1, 3])
def test_gradient_of_the_elbo(samples: int) -> None:
    values, noise = parameters(), np.random.default_rng(1).normal(size=(samples, len(X), K))
    encoder, decoder, log_variance, leaves = by_torch(values)
    loss = negative_elbo(
        encoder, decoder, log_variance, torch.tensor(X)[None], torch.tensor(noise)[None]
    )
    assert float(loss.bound.mean()) == pytest.approx(elbo_by_numpy(values, noise), abs=1e-12)
    found = torch.autograd.grad(loss.surrogate.mean(), leaves)
    wanted = differences(lambda moved: elbo_by_numpy(moved, noise), values)
    for mine, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(mine.numpy(), theirs, atol=1e-8)


@pytest.mark.parametrize("estimator", ["reparametrised", "dreg", "rws"])
def test_gradient_of_iwae(estimator: str) -> None:
    """All of them at held draws: Σ w̄ ∂log w; for φ Σ w̄² ∂_z log w ∂_φ z; −Σ w̄ ∂log q."""
    values, noise = parameters(2), np.random.default_rng(3).normal(size=(4, len(X), K))
    log_w = log_weights(values, noise)
    share = np.exp(log_w - log_w.max(axis=0))
    share /= share.sum(axis=0)

    def bound(moved: list[Array]) -> float:
        each = log_weights(moved, noise)
        top = each.max(axis=0)
        return -float((np.log(np.exp(each - top).mean(axis=0)) + top).mean())

    def squared(moved: list[Array]) -> float:
        # The q in the weights is held, so that what moves is z alone.
        return -float((share**2 * log_weights(moved, noise, values)).sum(axis=0).mean())

    def inclusive(moved: list[Array]) -> float:
        # z is held: the noise that leads there moves.
        output, own = X @ moved[0] + moved[1], X @ values[0] + values[1]
        m, t = output[:, :K], 2.0 - np.log1p(np.exp(2.0 - output[:, K:]))
        scale = np.exp(2.0 - np.log1p(np.exp(2.0 - own[:, K:])))
        z = own[:, :K] + scale * noise
        log_q = (-0.5 * ((z - m) / np.exp(t)) ** 2 - t).sum(axis=-1)
        return -float((share * log_q).sum(axis=0).mean())

    wanted = differences(bound, values)
    if estimator != "reparametrised":
        wanted[:2] = differences(squared if estimator == "dreg" else inclusive, values)[:2]
    encoder, decoder, log_variance, leaves = by_torch(values)
    loss = negative_iwae(
        encoder, decoder, log_variance, torch.tensor(X)[None], torch.tensor(noise)[None], estimator
    )
    assert float(loss.bound.mean()) == pytest.approx(bound(values), abs=1e-12)
    found = torch.autograd.grad(loss.surrogate.mean(), leaves)
    for mine, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(mine.numpy(), theirs, atol=1e-8)


def test_one_latent_is_what_it_was_to_the_bit() -> None:
    """The formulas of one latent, as they stood without a dimension for it."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(3, 4, 5, generator=generator)
    output, x = torch.randn(3, 5, 2, generator=generator), torch.randn(1, 5, 2, generator=generator)
    log_variance = torch.randn(3, 2, generator=generator)

    def decoder(z: Any) -> Any:
        return torch.cat([torch.sin(z), z * z], dim=2)

    mean, log_scale = output[..., 0], capped(output[..., 1])
    scale = log_scale.exp()
    z = torch.addcmul(mean[:, None], scale[:, None], noise)
    cost = reconstruction(decoder, log_variance, x, z[..., None])
    kl = 0.5 * (mean.square() + scale.square() - 1.0) - log_scale
    parts = (lambda _: output, decoder, log_variance, x, noise[..., None])
    assert torch.equal(negative_elbo(*parts).bound, kl + cost.mean(1))
    two_pi = math.log(2.0 * math.pi)
    log_q = -0.5 * (noise.square() + two_pi) - log_scale[:, None]
    log_w = -0.5 * (z.square() + two_pi) - cost - log_q
    bound = math.log(4) - torch.logsumexp(log_w, dim=1)
    assert torch.equal(negative_iwae(*parts).bound, bound)


@pytest.mark.slow
def test_a_linear_problem_reaches_its_optimum() -> None:
    """J = 0 is reached by an f with orthogonal columns; the ground truth is 0.5 nats above."""
    skew = load_model("expr:[z1+0.8*z2, 0.2*z1+0.6*z2]", noise_variance=0.1)
    trained = train(skew, settings(steps=2000, batch=128, hidden=(16,)), device="cpu")
    found = judge_run(trained, details=False).selected
    a = np.array([[1.0, 0.8], [0.2, 0.6]])
    m = a.T @ a + 0.1 * np.eye(2)
    truth = 0.5 * (np.log(np.diag(m)).sum() - np.linalg.slogdet(m)[1])
    assert truth > 0.5
    for part in (found.excess, found.mleo, found.pmo):
        assert part.value > -part.error
    assert found.excess.value < 0.03 < truth
    assert found.excess.error < 0.02
    assert found.amortisation_gap is not None
    gap = found.amortisation_gap
    assert -gap.error < gap.value < 0.05
    assert gap.error < 0.02
    assert (found.steepness, found.posteriors) == (None, None)


def test_what_the_encoder_loses_in_closed_form() -> None:
    """A q of the optimal widths and means moved by d: Σ d_k² M_kk / 2 above the best."""
    a, variance = np.array([[1.0, 0.3], [-0.2, 1.0]]), np.array([0.1, 0.2])
    m = a.T @ (a / variance[:, None]) + np.eye(2)
    moved = np.array([0.3, -0.2])

    def encoder(x: Array) -> tuple[Array, Array]:
        mean = np.linalg.solve(m, a.T @ (x / variance).T).T
        return mean + moved * np.tanh(x[:, :1]), np.ones_like(mean) / np.sqrt(np.diag(m))

    found = decompose(PLANE, size=16, max_nodes=256, tolerance=1e-3)
    assert found.averages.sampled
    lost = paired_gap(PLANE, encoder, found.averages, 16)
    shift = np.tanh(found.averages.x[:, :1]) * moved
    wanted = 0.5 * np.einsum("ni,ij,nj->n", shift, m, shift).mean()
    assert abs(lost.value - wanted) < 1e-8 < lost.error < 0.05
    one = load_model("expr:[z1+0.3*z2]", noise_variance=0.1)
    own = own_negative_elbo(one, one, lambda x: (0.0 * x + np.zeros(2), np.ones((len(x), 2))))
    # At q = prior: E |x - f|² = 2 (0.1 + 1.09) - 0.1 in all.
    exact = (2.0 * 1.19 - 0.1) / 0.2 + 0.5 * math.log(0.2 * math.pi)
    assert abs(own.value - exact) <= own.error < 1e-6


def test_files_and_resumption(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "_FEW", partial(decompose, size=4, max_nodes=64))
    wanted = settings(learn_noise=True)
    whole = train(PLANE, wanted, device="cpu")
    trained = train(PLANE, wanted, device="cpu", directory=tmp_path)
    assert torch.equal(whole.trainer.decoder.flat, trained.trainer.decoder.flat)
    file = tmp_path / "checkpoint.pt"
    saved = read_networks(file)
    assert saved.decoder.latent_dim == K
    z = np.random.default_rng(0).normal(size=(9, K))
    selected = trained.model(trained.selected)
    assert np.array_equal(saved.decoder(z), selected.decoder(z))
    mean, scale = encoder_of_module(saved.encoder, latents=K)(X)
    own = trained.encoder(trained.selected)(torch.tensor(X)).numpy()
    assert np.array_equal(np.concatenate([mean, np.log(scale)], axis=1), np.concatenate(
        [own[:, :K], np.log(np.exp(own[:, K:]))], axis=1))  # fmt: skip
    with pytest.raises(SettingError, match="that run has latents 2, not 1"):
        train(PLANE, settings(latents=1, learn_noise=True), device="cpu", directory=tmp_path,
            resume=True)  # fmt: skip
    resumed = train(PLANE, wanted, device="cpu", directory=tmp_path, resume=True)
    assert torch.equal(whole.trainer.encoder.flat, resumed.trainer.encoder.flat)
    data = ["--data", "expr:[z1+0.3*z2, z2-0.2*z1]", "--data-noise-variance", "0.1,0.2"]
    assert main(["judge", str(file), *data, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["predicted"], found["steepness"]) == (None, None)
    assert found["excess"]["value"] > 0.0 < found["amortisation_gap"]["value"]


def test_fresh_draws_of_two_latents() -> None:
    source = DecoderSource(PLANE, 64, torch.Generator().manual_seed(0), "cpu")
    x = torch.cat([source.draw(3) for _ in range(300)], dim=1).double().numpy()
    a = np.array([[1.0, 0.3], [-0.2, 1.0]])
    wanted = a @ a.T + np.diag([0.1, 0.2])
    for stream in x:
        np.testing.assert_allclose(np.cov(stream.T), wanted, atol=0.05)
        np.testing.assert_allclose(stream.mean(axis=0), 0.0, atol=0.03)
    assert not np.array_equal(x[0], x[1])


@pytest.mark.parametrize(("model", "latents"), [(LINE, 2), (PLANE, 3)])
def test_starts_at_the_truth(
    monkeypatch: pytest.MonkeyPatch, model: GenerativeModel, latents: int
) -> None:
    """Latents beyond those of the ground truth do nothing, and have the prior for their q."""
    monkeypatch.setattr(fits, "_STEPS", 500)
    monkeypatch.setattr(restarts, "POOL", 1024)
    trainer = Trainer(model, settings(latents=latents, from_truth=1, hidden=(16, 16)))
    fit = restarts.start_at_truth(trainer)
    assert fit is not None
    assert fit.decoder_error < fits.LARGEST_ERROR
    assert fit.encoder_kl < 0.1
    z = np.random.default_rng(0).normal(size=(200, latents)).clip(-2.5, 2.5)
    own = model.latent_dim
    f = model.decoder(z[:, :own] if own > 1 else z[:, 0])
    with torch.no_grad():
        found = trainer.decoder(torch.from_numpy(z).float()[None])[1].double().numpy()
    assert np.abs(found - f).max() < 0.1


def test_a_truth_of_more_latents_than_the_network() -> None:
    trainer = Trainer(PLANE, settings(latents=1, from_truth=1))
    with pytest.raises(SettingError, match="has 2 latents, and networks of 1 cannot begin there"):
        restarts.start_at_truth(trainer)


@pytest.mark.parametrize("latents", [0, 4])
def test_how_many_latents(latents: int) -> None:
    with pytest.raises(SettingError, match="networks of 1 to 3 latents"):
        settings(latents=latents)


def test_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "_FEW", partial(decompose, size=4, max_nodes=64))
    arguments = [
        "train", "expr:[z, 0.3*z]", "--noise-variance", "0.25", "--method", "lin",
        "--network-latents", "2", "--steps", "8", "--restarts", "1", "--batch", "16",
        "--hidden", "4", "--from-truth", "0",
    ]  # fmt: skip
    assert main([*arguments, "-o", str(tmp_path / "run")]) == 0
    said = capsys.readouterr().out
    assert "lin, K = 2 on" in said
    assert "J >= 0" in said
    found = json.loads((tmp_path / "run" / "result.json").read_text())
    schema = {**json_schema("train"), "required": []}
    jsonschema.Draft202012Validator(schema).validate(found)
    assert (found["latents"], found["settings"]["latents"]) == (2, 2)
    assert found["predicted"] is None


def test_the_optimum_beside_a_network_is_one_of_as_many_latents(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[SearchSettings] = []

    def found(_: object, settings: SearchSettings, **__: object) -> str:
        asked.append(settings)
        return "the optimum"

    monkeypatch.setattr(prediction, "find_optimum", found)
    execution = Execution(jobs=1)
    files = [Path("optimum.npz")]
    assert network_search(None, 2, []) == "none"
    assert searched_optima("none", PLANE, PLANE, ELBO, 0, execution) == {}
    how = network_search(None, 2, files)
    assert searched_optima(how, PLANE, PLANE, ELBO, 0, execution) == {"unrestricted": "the optimum"}
    (settings,) = asked
    assert (settings.latents, settings.effort) == (2, effort_named("quick", ELBO, 2))


def test_an_optimum_of_fewer_latents_is_no_bound() -> None:
    from types import SimpleNamespace

    from theorycheck.evaluation import checked_optima

    one: Any = SimpleNamespace(decomposition=SimpleNamespace(model=LINE))
    two: Any = SimpleNamespace(decomposition=SimpleNamespace(model=PLANE))
    assert checked_optima({"unrestricted": one}, 1) == {"unrestricted": one}
    assert checked_optima({"unrestricted": two}, 2) == {"unrestricted": two}
    with pytest.raises(SettingError, match="over decoders of 1 latent, and a network of 2"):
        checked_optima({"unrestricted": one}, 2)
