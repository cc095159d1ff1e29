"""The parts of a network's J, and when a network says nothing about its objective."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from neural._attribution import Attribution, attribute
from neural._encoders import encoder_of_module
from neural._seed_networks import SeedNetwork, guarded, told_apart
from neural._settings import TrainingSettings
from neural._training import Trained, train
from theorycheck.errors import LoadingError
from theorycheck.estimate import Estimate, Verdict
from theorycheck.evaluation._amortisation import _own_bound_excess, own_negative_elbo
from theorycheck.models._loading import load_model
from theorycheck.objectives._decomposition import decompose
from theorycheck.objectives._objective import ELBO, IwaeBound

LINE = load_model("expr:2*z", noise_variance=0.5)
SMALL: dict[str, Any] = {
    "restarts": 4, "from_truth": 2, "seeds": 2, "steps": 30, "batch": 32, "hidden": (8, 8),
}  # fmt: skip


def trained(method: str = "vae", **given: Any) -> Trained:
    return train(LINE, TrainingSettings.of(method, **{**SMALL, **given}), device="cpu")


@pytest.fixture(scope="module")
def vae() -> Trained:
    return trained()


def bound_by_draws(run: Trained, restart: int, samples: int) -> tuple[float, float]:
    """−L_S by its definition with the own encoder: draws of x and z, no quadrature."""
    rng = np.random.default_rng(3)
    _, x = LINE.sample(20_000, rng)
    mean, scale = encoder_of_module(run.encoder(restart))(x)
    noise = rng.standard_normal((samples, len(x)))
    z = mean + scale * noise
    f = run.decoder(restart)(z.ravel()).reshape(samples, len(x), 1)
    log_x = -((x - f) ** 2).sum(-1) / (2.0 * 0.5) - 0.5 * np.log(2.0 * np.pi * 0.5)
    log_w = log_x - 0.5 * z**2 + 0.5 * noise**2 + np.log(scale)
    values = -np.logaddexp.reduce(log_w, axis=0) + np.log(samples)
    return float(values.mean()), 5.0 * float(values.std()) / np.sqrt(len(x))


def test_the_parts_add_up_to_the_bound_by_draws(vae: Trained) -> None:
    network = SeedNetwork(vae, vae.best(1))
    parts = network.attribution
    assert parts.objective == ELBO
    assert parts.exact == network.judged.excess
    bound, error = bound_by_draws(vae, network.restart, 1)
    entropy = network.judged.decomposition.entropy.value
    assert parts.own is not None
    assert parts.amortisation is not None
    assert abs(parts.own.value + entropy - bound) < error + parts.own.error
    assert parts.exact.value + parts.amortisation.value == pytest.approx(parts.own.value)
    # The best q can only be better, and the truth's J is 0: a linear f of one latent.
    assert parts.amortisation.lower > 0.0
    optimum: Any = SimpleNamespace(excess=Estimate(0.0, 0.0), objective=ELBO)
    told = attribute(vae, network.restart, network.judged, optimum)
    assert told.optimisation == parts.exact


def test_of_an_iwae_they_are_those_of_its_bound() -> None:
    run = trained("iwae", samples=4)
    network = SeedNetwork(run, run.best(0))
    parts = network.attribution
    assert parts.objective == IwaeBound(4)
    bound, error = bound_by_draws(run, network.restart, 4)
    entropy = network.judged.decomposition.entropy.value
    assert parts.own is not None
    assert abs(parts.own.value + entropy - bound) < error + parts.own.error
    # J falls with S, and the best q can only be better.
    assert network.judged.mleo.value <= parts.exact.value <= network.judged.excess.value + 1e-9
    assert parts.exact.lower <= parts.own.upper
    optimum: Any = SimpleNamespace(excess=Estimate(0.0, 0.0), objective=ELBO)
    with pytest.raises(ValueError, match="of the ELBO, a network of the IWAE bound, S = 4"):
        attribute(run, network.restart, network.judged, optimum)


def test_for_one_sample_the_bound_is_the_elbo(vae: Trained) -> None:
    model, encoder = vae.model(0), encoder_of_module(vae.encoder(0))
    own = own_negative_elbo(model, LINE, encoder) - decompose(LINE).entropy
    again = _own_bound_excess(model, LINE, encoder, ELBO)
    assert abs(own.value - again.value) <= own.error + again.error
    assert again.error < 1e-2


def test_the_start_is_where_the_steps_began(vae: Trained, tmp_path: Path) -> None:
    # At the ground truth a decoder began with a mean square of 1e-4 at most: J is nearly 0.
    network = SeedNetwork(vae, vae.best(0, "ground_truth"))
    start = network.attribution.start
    assert start is not None
    assert start.upper >= 0.0
    assert start.value < 1e-4 / (2.0 * 0.5) + start.error
    at_random = SeedNetwork(vae, vae.best(0, "random")).attribution
    assert at_random.start is not None
    assert at_random.start.lower > 0.1
    # A run that goes on from a checkpoint has the same start.
    wanted = TrainingSettings.of("vae", **SMALL)
    train(LINE, wanted, device="cpu", directory=tmp_path)
    again = train(LINE, wanted, device="cpu", directory=tmp_path, resume=True)
    z = np.linspace(-2.0, 2.0, 9)
    for restart in range(4):
        first, second = (run.start(restart)[0].decoder(z) for run in (vae, again))
        assert np.array_equal(first, second)
        assert not np.array_equal(first, vae.decoder(restart)(z))
    again.trainer.start = None
    assert not again.knows_start
    with pytest.raises(LoadingError, match="did not keep its start"):
        again.start(0)
    assert SeedNetwork(again, 0).attribution.below_start is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("exact", "own", "below"),
    [(0.5, 0.9, "holds"), (1.5, 0.9, "fails"), (0.5, 2.5, "fails"), (1.0, 0.9, "inconclusive")],
)
@pytest.mark.parametrize("verdict", list(Verdict))
def test_a_network_above_its_start_says_nothing(
    exact: float, own: float, below: str, verdict: Verdict
) -> None:
    parts = Attribution(
        objective=ELBO,
        exact=Estimate(exact, 0.01),
        own=Estimate(own, 0.01),
        start=Estimate(1.0, 0.01),
        own_start=Estimate(2.0, 0.01),
    )
    assert parts.below_start == below
    expected = verdict if below == "holds" else Verdict.INCONCLUSIVE
    assert parts.about_objective(verdict) is expected
    assert parts.to_dict()["below_start"] == below


def test_one_network_above_its_start_leaves_the_seeds_undecided() -> None:
    def network(below: Verdict) -> Any:
        parts = SimpleNamespace(
            about_objective=lambda verdict: verdict if below is Verdict.HOLDS else below
        )
        return SimpleNamespace(attribution=parts)

    for starts in itertools.product([Verdict.HOLDS, Verdict.INCONCLUSIVE], repeat=3):
        said = guarded([network(below) for below in starts], [Verdict.FAILS] * 3)
        assert said is (Verdict.FAILS if set(starts) == {Verdict.HOLDS} else Verdict.INCONCLUSIVE)


def test_the_table_has_a_number_for_each_seed(vae: Trained) -> None:
    networks = [SeedNetwork(vae, vae.best(seed)) for seed in range(2)]
    table = told_apart(networks, "VAE")
    assert not any("predicted" in name for name in table)
    shown = table["MLEO, VAE"].split(" (")[0].split(", ")
    for text, network in zip(shown, networks, strict=True):
        assert float(text) == pytest.approx(network.judged.mleo.value, abs=6e-5)
    assert table["began at, VAE"].split(", ") == [network.start for network in networks]
