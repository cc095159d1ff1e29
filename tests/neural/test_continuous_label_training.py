"""Runs with a continuous label: data, steps, starts, what is refused, and what is judged."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from neural import (
    ContinuousLabelledSample,
    LabelledSample,
    LabelSettings,
    judge_continuous_run,
    train_labelled,
)
from neural import _fits as fits
from neural import _label_restarts as restarts
from neural._label_data import LabelledSampleSource, split_labelled
from neural._label_population import LabelledPopulation, label_pool
from neural._label_trainer import LabelTrainer
from neural._label_training import LabelTrained
from neural._lagging import pair_information
from theorycheck.errors import SettingError
from theorycheck.inference import FLEXIBLE, NAIVE, NAIVE_CONDITIONAL, NAIVE_IWAE
from theorycheck.models import load_continuous_label_model, load_labelled_model
from theorycheck.objectives import ContinuousObjective, LabelledObjective

A, S2 = 0.75, 0.3
DATA = load_continuous_label_model(f"expr:[z + {A}*y]", noise_variance=S2)
SMALL = {"steps": 12, "restarts": 2, "from_truth": 0, "batch": 16, "hidden": (5,), "epoch": 4}


def settings(method: str = "vae", **given: Any) -> LabelSettings:
    objective = given.pop("objective", ContinuousObjective(1.5, 0.25, NAIVE_CONDITIONAL, 0.3))
    bound = given.pop("bound", None)
    return LabelSettings.of(method, objective, bound=bound, **{**SMALL, **given})


def test_fresh_draws_have_the_law_of_the_data() -> None:
    generator = torch.Generator().manual_seed(1)
    batch = LabelledPopulation(label_pool(DATA, "cpu"), 4096, 0.5, generator, "cpu").draw(3)
    assert batch.x.shape == batch.labelled_x.shape == (3, 4096, 1)
    for stream in range(3):
        y, x = batch.y[stream].numpy(), batch.labelled_x[stream, :, 0].numpy()
        assert y.mean() == pytest.approx(0.0, abs=0.02)
        assert y.var() == pytest.approx(1.0, abs=0.05)
        assert x.var() == pytest.approx(1.0 + A**2 + S2, abs=0.12)
        assert (x * y).mean() == pytest.approx(A, abs=0.06)
        # Given y, what is left is z and noise.
        assert (x - A * y).var() == pytest.approx(1.0 + S2, abs=0.1)


def test_a_sample_keeps_its_labels_and_is_split() -> None:
    sample = ContinuousLabelledSample.drawn(DATA, 200, 0.2, 3)
    assert sample.known.sum() == 40
    whole = DATA.sample_labelled(200, np.random.default_rng(3).spawn(2)[0])
    assert np.array_equal(sample.y[sample.known], whole[0][sample.known])
    training, validation = split_labelled(sample, 0.25, 0)
    assert isinstance(training, ContinuousLabelledSample)
    assert (validation.known.sum(), (~validation.known).sum()) == (10, 40)
    source = LabelledSampleSource(training, 10, 0.2, torch.Generator().manual_seed(0), "cpu")
    seen: dict[float, float] = {}
    for _ in range(3):
        batch = source.draw()
        seen |= zip(batch.labelled_x[0, :, 0].tolist(), batch.y[0].tolist(), strict=True)
    kept = training.known
    truth = dict(
        zip(
            training.x[kept, 0].astype(np.float32).tolist(),
            training.y[kept].astype(np.float32).tolist(),
            strict=True,
        )
    )
    assert seen == truth


@pytest.mark.parametrize(
    ("x", "y", "says"),
    [
        (np.zeros((4, 1)), [0.1, 1.0, math.inf, math.nan], "a label is infinite"),
        (np.zeros((4, 1)), [0.1, 1.0, math.nan], "3 labels for 4 observations"),
        (np.zeros((4, 1)), [0.1, *[math.nan] * 3], "1 of 4 observations are with a label"),
        (np.zeros((4, 1)), [0.1, 0.2, 0.3, math.nan], "1 of 4 observations are without a label"),
        (np.full((5, 1), np.nan), [0.1, 0.2, 0.3, math.nan, math.nan], "NaN or inf"),
    ],
)
def test_bad_samples(x: Any, y: Any, says: str) -> None:
    with pytest.raises(SettingError, match=says):
        train_labelled(DATA, settings(), sample=ContinuousLabelledSample(x, np.array(y)))


def test_what_does_not_go_together() -> None:
    classes = load_labelled_model("expr:[(2*y - 1)*z]", noise_variance=0.2)
    with pytest.raises(SettingError, match="for a continuous label"):
        train_labelled(classes, settings())
    with pytest.raises(SettingError, match="for a discrete label"):
        train_labelled(DATA, settings(objective=LabelledObjective()))
    sample = LabelledSample.drawn(classes, 40, 0.5, 0)
    with pytest.raises(SettingError, match="of another kind"):
        train_labelled(DATA, settings(), sample=sample)
    with pytest.raises(SettingError, match="limit of infinitely many draws"):
        settings(objective=ContinuousObjective(family=NAIVE_IWAE))
    with pytest.raises(SettingError, match="not one of --method vae"):
        settings(bound="pairs")


RUNS = [
    ("vae", {}),
    ("vae", {"samples": 2, "objective": ContinuousObjective(1.0, 0.2, NAIVE)}),
    ("iwae", {"samples": 3, "seeds": 2, "objective": ContinuousObjective(1.0, 0.2, FLEXIBLE)}),
    ("iwae", {"samples": 3, "bound": "pairs", "objective": ContinuousObjective(1.0, 0.2, NAIVE)}),
    ("iwae", {"samples": 3, "bound": "pairs", "objective": ContinuousObjective(1, 0.2, FLEXIBLE)}),
    ("lin", {"decoder_l2": 1e-2}),
    ("lin", {"objective": ContinuousObjective(1.0, 0.2, NAIVE)}),
    ("vae", {"objective": ContinuousObjective(1.0, 1.0)}),
    ("vae", {"objective": ContinuousObjective(1.0, 0.0, FLEXIBLE)}),
]


@pytest.mark.parametrize(("method", "given"), RUNS)
def test_a_step_depends_on_its_state_alone(
    method: str, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("neural._lagging.MOST_STEPS", 20)
    chosen = settings(method, **given)
    sample = ContinuousLabelledSample.drawn(DATA, 300, chosen.objective.labelled_share, 1)
    parts = split_labelled(sample, 0.2, 0) if method == "iwae" else (None, None)
    first, second = (LabelTrainer(DATA, chosen, "cpu", *parts) for _ in range(2))
    for _ in range(5):
        first.step()
    stream = io.BytesIO()
    torch.save(first.state(), stream)
    stream.seek(0)
    second.restore(torch.load(stream, weights_only=True))
    for trainer in (first, second):
        for _ in range(4):
            loss = trainer.step()
        assert bool(loss.isfinite().all())
    assert torch.equal(first.networks.inference.flat, second.networks.inference.flat)
    assert torch.equal(first.decoder.flat, second.decoder.flat)
    objective, error = first.bounds()
    assert bool((error > 0.0).all())
    assert torch.equal(objective, second.bounds()[0])


@pytest.mark.parametrize(
    ("method", "given"),
    [
        ("vae", {"objective": ContinuousObjective(1.5, 0.25, NAIVE_CONDITIONAL)}),
        ("iwae", {"samples": 3, "objective": ContinuousObjective(2.0, 0.4, FLEXIBLE, 0.3)}),
    ],
)
def test_steps_descend_what_validation_measures(method: str, given: dict[str, Any]) -> None:
    trainer = LabelTrainer(DATA, settings(method, batch=512, **given))
    drawn = []
    with torch.no_grad():
        for _ in range(40):
            drawn.append(trainer._loss().bound[:, 0].double().numpy())
    objective, error = (part.numpy() for part in trainer.bounds())
    values = np.array(drawn)
    allowed = 5.0 * (error + values.std(0, ddof=1) / math.sqrt(len(values)))
    assert (np.abs(values.mean(0) - objective) <= allowed).all()
    assert (allowed < 0.2 * np.abs(objective)).all()


@pytest.mark.parametrize("family", [NAIVE_CONDITIONAL, FLEXIBLE])
def test_the_label_term_is_a_log_density(family: Any) -> None:
    terms = LabelTrainer(DATA, settings(objective=ContinuousObjective(family=family))).terms
    y = torch.linspace(-6.0, 6.0, 2401)
    classifier = terms.networks.classifier
    with torch.no_grad():
        # Of a size at which [-6, 6] holds the mass of q, whatever is drawn.
        generator = torch.Generator().manual_seed(1)
        bias = 0.3 * torch.randn(classifier.weights[-1].shape, generator=generator)
        classifier.weights[-1].copy_(bias)
        x = torch.full((1, len(y), 1), 0.4)
        log_q = terms.label_term(x, y[None]).double()
        output = classifier(x[:, :1].expand(2, -1, -1))[:, 0]
    mass = torch.trapezoid(log_q.exp(), y.double(), dim=1)
    assert mass.numpy() == pytest.approx(1.0, abs=2e-3)
    if family == NAIVE_CONDITIONAL:
        scale = torch.exp(2.0 - torch.nn.functional.softplus(2.0 - output[:, 1:]))
        wanted = torch.distributions.Normal(output[:, :1], scale).log_prob(y)
        assert log_q.numpy() == pytest.approx(wanted.numpy(), rel=1e-4, abs=1e-4)


def test_from_the_truth_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line has Gaussian posteriors: with f at the truth J is 0, and the own q come near it."""
    monkeypatch.setattr(fits, "_STEPS", 400)
    monkeypatch.setattr(restarts, "_INFERENCE_STEPS", 400)
    objective = ContinuousObjective(1.0, 0.2, NAIVE_CONDITIONAL)
    chosen = settings(objective=objective, hidden=(16, 16), from_truth=1, batch=128)
    trainer = LabelTrainer(DATA, chosen)
    first = trainer.networks.inference.flat[0].clone()
    restarts.start_labelled_at_truth(trainer)
    assert torch.equal(trainer.networks.inference.flat[0], first)
    assert int(trainer.encoder_adam.count.max()) == 0
    bounds = [part.numpy() for part in trainer.bounds()]
    trained = LabelTrained(trainer, *bounds, 0.0)
    y, z = np.random.default_rng(0).standard_normal((2, 200))
    apart = trained.continuous_model(1).decoder(y, z) - DATA.decoder(y, z)
    assert np.abs(apart).max() < 0.1
    result = judge_continuous_run(trained)
    assert trained.selected == 1
    assert result.judged.value.excess.value == pytest.approx(0.0, abs=2e-3)
    assert result.judged.collapse.value == pytest.approx(0.0, abs=0.03)
    own = result.own_excess[1]
    assert own.lower < 0.03
    assert own.upper > 0.0
    # Weights that begin at random are far from it.
    assert result.own_excess[0].lower > 0.1


def test_information_of_pairs() -> None:
    """Z says as much as its own measure tells where y says nothing, and y alone where z does."""
    count = 300
    generator = torch.Generator().manual_seed(1)
    mean = torch.linspace(-3.0, 3.0, count)[None, None].expand(1, count, -1)
    scale = torch.full((1, count, count), -1.0)
    noise = torch.randn(1, count, 1, generator=generator)
    z = mean.diagonal(dim1=1, dim2=2)[..., None] + math.exp(-1.0) * noise
    zero = torch.zeros(1, count, count)
    of_z = float(pair_information(z, mean, scale, zero)[0])
    # q(z) is nearly uniform over six scales of e.
    wanted = math.log(6.0 * math.e) - 0.5 * math.log(2.0 * math.pi * math.e)
    assert of_z == pytest.approx(wanted, abs=0.2)
    assert float(pair_information(noise, zero, zero, zero)[0]) == pytest.approx(0.0, abs=1e-5)
    apart = -0.5 * ((z - mean) * math.e).square() + 1.0
    assert float(pair_information(noise, zero, zero, apart)[0]) == pytest.approx(of_z, abs=1e-4)


def test_json_has_the_restarts() -> None:
    objective = ContinuousObjective(family=FLEXIBLE)
    result = judge_continuous_run(train_labelled(DATA, settings("iwae", objective=objective)))
    entry = result.to_dict()
    assert entry["bound"] == "inside"
    assert entry["family"] == "flexible"
    assert len(entry["restarts"]) == 2  # type: ignore[arg-type]
    assert entry["judged"]["own_excess"] == result.judged.own_excess.to_dict()  # type: ignore
