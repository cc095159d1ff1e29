"""Runs with labels: data, steps, starts, and what is refused; the gap of own q, exactly."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from neural import LabelledSample, LabelSettings, train_labelled
from neural import _fits as fits
from neural._label_data import LabelledSampleSource, split_labelled
from neural._label_population import LabelledPopulation, label_pool
from neural._label_restarts import start_labelled_at_truth
from neural._label_results import judge_label_run
from neural._label_trainer import LabelTrainer
from neural._label_training import LabelTrained
from neural._lagging import label_information, mutual_information
from theorycheck.errors import SettingError
from theorycheck.inference import CONDITIONAL, FACTORISED, ExactLabelled
from theorycheck.models import LabelledModel, load_labelled_model
from theorycheck.objectives import LabelledObjective

DATA = load_labelled_model("expr:[(2*y - 1)*z + 0.5*y]", prior=[0.3, 0.7], noise_variance=0.2)
SMALL = {"steps": 12, "restarts": 2, "from_truth": 0, "batch": 16, "hidden": (5,), "epoch": 4}


def settings(method: str = "vae", **given: Any) -> LabelSettings:
    objective = given.pop("objective", LabelledObjective(1.5, 0.3, 0.25, CONDITIONAL))
    bound = given.pop("bound", None)
    return LabelSettings.of(method, objective, bound=bound, **{**SMALL, **given})


def test_fresh_draws_have_the_law_of_the_data() -> None:
    generator = torch.Generator().manual_seed(0)
    source = LabelledPopulation(label_pool(DATA, "cpu"), 4096, 0.5, generator, "cpu")
    batch = source.draw(3)
    assert batch.x.shape == batch.labelled_x.shape == (3, 4096, 1)
    assert batch.y.shape == (3, 4096)
    for stream in range(3):
        y = batch.y[stream].numpy()
        x = batch.labelled_x[stream, :, 0].numpy()
        assert (y == 1).mean() == pytest.approx(0.7, abs=2e-3)
        # y = 0: N(0, 1.2), y = 1: N(0.5, 1.2).
        for label in (0, 1):
            assert x[y == label].mean() == pytest.approx(0.5 * label, abs=0.1)
            assert x[y == label].var() == pytest.approx(1.2, abs=0.15)
        pooled = batch.x[stream, :, 0].numpy()
        assert pooled.mean() == pytest.approx(0.35, abs=0.1)
    assert not torch.equal(batch.x[0], batch.x[1])
    nothing = LabelledPopulation(label_pool(DATA, "cpu"), 8, 0.0, generator, "cpu").draw()
    assert nothing.labelled_x is None
    assert LabelledPopulation(label_pool(DATA, "cpu"), 8, 1.0, generator, "cpu").draw().x is None


def test_a_sample_keeps_its_labels_and_passes_through() -> None:
    sample = LabelledSample.drawn(DATA, 200, 0.2, 3)
    known = sample.y >= 0
    assert known.sum() == 40
    again = LabelledSample.drawn(DATA, 200, 0.2, 3)
    assert np.array_equal(sample.x, again.x)
    assert np.array_equal(sample.y, again.y)
    whole = DATA.sample_labelled(200, np.random.default_rng(3).spawn(2)[0])
    assert np.array_equal(sample.y[known], whole[0][known])
    training, validation = split_labelled(sample, 0.25, 0)
    assert len(training.x) + len(validation.x) == 200
    for label in (-1, 0, 1):
        assert (validation.y == label).sum() == (sample.y == label).sum() // 4
    source = LabelledSampleSource(training, 10, 0.2, torch.Generator().manual_seed(0), "cpu")
    seen: dict[float, int] = {}
    for _ in range((training.y >= 0).sum() // 10):
        batch = source.draw()
        seen |= zip(batch.labelled_x[0, :, 0].tolist(), batch.y[0].tolist(), strict=True)
    truth = dict(zip(training.x[:, 0].astype(np.float32).tolist(), training.y, strict=True))
    assert len(seen) == (training.y >= 0).sum() // 10 * 10
    assert all(truth[x] == y for x, y in seen.items())


@pytest.mark.parametrize(
    ("x", "y", "says"),
    [
        (np.zeros((4, 1)), [0, 1, 2, -1], "a label is 2: labels are 0 to 1"),
        (np.zeros((4, 1)), [0, 1, 0.5, -1], "a label is 0.5"),
        (np.zeros((4, 1)), [0, 1, math.nan, -1], "a label is nan"),
        (np.zeros((4, 1)), [0, 1, 0], "3 labels for 4 observations"),
        (np.zeros((5, 1)), [0, 0, 1, -1, -1], "class 1 has 1 labelled"),
        (np.zeros((5, 1)), [0, 0, 1, 1, -1], "without a label"),
        (np.full((5, 1), np.nan), [0, 0, 1, 1, -1], "NaN or inf"),
        (np.zeros((5, 2)), [0, 0, 1, 1, -1], r"expected \(N, 1\)"),
    ],
)
def test_bad_samples(x: Any, y: Any, says: str) -> None:
    with pytest.raises(SettingError, match=says):
        train_labelled(DATA, settings(), sample=LabelledSample(x, np.array(y)), device="cpu")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"latents": 0}, "1 to 3 latents are trained, not of 0"),
        ({"method": "iwae", "estimator": "dreg"}, "not by dreg"),
        ({"bound": "summed"}, "not one of --method vae"),
        ({"objective": LabelledObjective(0.0, 0.0, 1.0)}, "nothing is trained"),
    ],
)
def test_bad_settings(given: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingError, match=says):
        settings(given.pop("method", "vae"), **given)


@pytest.mark.parametrize(
    ("given", "says"), [({"learn_noise": True}, "hold σ²"), ({"latents": 2}, "one latent")]
)
def test_settings_that_a_model_does_not_bear(given: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingError, match=says):
        train_labelled(DATA, settings(**given), device="cpu")


RUNS = [
    ("vae", {}),
    ("vae", {"samples": 2, "objective": LabelledObjective(1.0, 0.0, 0.2, FACTORISED)}),
    ("iwae", {"samples": 3, "seeds": 2, "objective": LabelledObjective(1.0, 0.0, 0.2, FACTORISED)}),
    ("iwae", {"samples": 3, "bound": "summed", "objective": LabelledObjective(1.0, 0.0, 0.2)}),
    ("lin", {"decoder_l2": 1e-2}),
    ("vae", {"objective": LabelledObjective(1.0, 0.0, 1.0)}),
    ("vae", {"objective": LabelledObjective(1.0, 0.0, 0.0, FACTORISED)}),
]


@pytest.mark.parametrize(("method", "given"), RUNS)
def test_a_step_depends_on_its_state_alone(
    method: str, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("neural._lagging.MOST_STEPS", 20)
    chosen = settings(method, **given)
    sample = LabelledSample.drawn(DATA, 300, chosen.objective.labelled_share, 1)
    parts = split_labelled(sample, 0.2, 0) if method == "iwae" else (None, None)
    first, second = (LabelTrainer(DATA, chosen, "cpu", *parts) for _ in range(2))
    for _ in range(5):
        first.step()
    state = torch.load(_saved(first.state()), weights_only=True)
    second.restore(state)
    for trainer in (first, second):
        for _ in range(4):
            loss = trainer.step()
        assert bool(loss.isfinite().all())
    assert torch.equal(first.networks.inference.flat, second.networks.inference.flat)
    assert torch.equal(first.decoder.flat, second.decoder.flat)
    objective, error = first.bounds()
    assert bool((error > 0.0).all())
    assert torch.equal(objective, second.bounds()[0])


def _saved(state: Any) -> Any:
    import io

    stream = io.BytesIO()
    torch.save(state, stream)
    stream.seek(0)
    return stream


@pytest.mark.parametrize(
    ("method", "given"),
    [
        ("vae", {}),
        ("iwae", {"samples": 3, "objective": LabelledObjective(2.0, 0.3, 0.4, FACTORISED)}),
    ],
)
def test_steps_descend_what_validation_measures(method: str, given: dict[str, Any]) -> None:
    trainer = LabelTrainer(DATA, settings(method, batch=512, **given))
    drawn = []
    with torch.no_grad():
        for _ in range(40):
            loss = trainer._loss()
            assert torch.equal(loss.surrogate, loss.bound)
            drawn.append(loss.bound[:, 0].double().numpy())
    objective, error = (part.numpy() for part in trainer.bounds())
    values = np.array(drawn)
    allowed = 5.0 * (error + values.std(0, ddof=1) / math.sqrt(len(values)))
    assert (np.abs(values.mean(0) - objective) <= allowed).all()
    assert (allowed < 0.2 * np.abs(objective)).all()


def test_validation_is_the_objective() -> None:
    """Objective on validation data = own J + entropies, within its standard error."""
    for family in (CONDITIONAL, FACTORISED):
        chosen = settings(objective=LabelledObjective(1.5, 0.3, 0.25, family), steps=30)
        result = judge_label_run(train_labelled(DATA, chosen, device="cpu"), tolerance=1e-2)
        exact = ExactLabelled(DATA)
        x = np.linspace(-12.0, 12.0, 4001)[:, None]
        log_p = exact.log_density(x).value
        share = exact.class_posterior(x)[0]
        p = np.exp(log_p) * (x[1, 0] - x[0, 0])
        entropy = -float(p @ log_p)
        of_label = -float(p @ (share * np.log(share)).sum(axis=0))
        unlabelled, labelled, label = chosen.objective.weights
        offset = unlabelled * entropy + labelled * (entropy + of_label) + label * of_label
        for number, own in enumerate(result.own_excess):
            error = 5.0 * result.trained.objective_error[number]
            assert result.trained.objective[number] == pytest.approx(own.value + offset, abs=error)
        assert result.judged.own_excess == result.own_excess[result.trained.selected]
        gap = result.judged.amortisation_gap
        assert gap is not None
        assert gap.value > -gap.error
        assert result.distance is None


def test_a_label_network_that_nothing_trains_stays() -> None:
    chosen = settings("iwae", samples=2, bound="summed", objective=LabelledObjective(1.0, 0.0, 0.2))
    assert not chosen.trains_classifier
    trained = train_labelled(DATA, chosen, device="cpu")
    start = trained.trainer.start
    assert start is not None
    size = trained.trainer.networks.classifier.flat.shape[1]
    now = trained.trainer.networks.inference.flat
    assert torch.equal(now[:, :size], start[0][:, :size])
    assert not torch.equal(now[:, size:], start[0][:, size:])
    # The best q(y|x) for its q(z|x, y) stands in where J with the own q is asked for.
    assert trained.encoder(0).log_class_posterior is None
    judge_label_run(trained, tolerance=1e-2)


@pytest.mark.parametrize("family", [CONDITIONAL, FACTORISED])
def test_start_at_the_truth(family: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fits, "_STEPS", 400)
    objective = LabelledObjective(1.0, 0.0, 0.2, family)
    chosen = settings(objective=objective, hidden=(16, 16), from_truth=1)
    trainer = LabelTrainer(DATA, chosen)
    first = trainer.networks.inference.flat[0].clone()
    start_labelled_at_truth(trainer)
    assert torch.equal(trainer.networks.inference.flat[0], first)
    trained = LabelTrained(trainer, np.zeros(2), np.zeros(2), 0.0)
    z = np.linspace(-2.5, 2.5, 21)
    for mine, truth in zip(trained.model(1).classes, DATA.classes, strict=True):
        assert np.abs(mine.decoder(z) - truth.decoder(z)).max() < 0.1
    encoder = trained.encoder(1)
    x = DATA.sample(300, 0)[1]
    best = objective.exact(DATA).bound(x, family)
    own = encoder.unlabelled(x)
    # The best q jumps where the classes cross, which no network does: most x, not all.
    assert np.median(np.abs(own[0] - best.mean)) < 0.05
    assert np.median(np.abs(np.log(own[1] / best.scale))) < 0.1
    assert encoder.log_class_posterior is not None
    shares = np.exp(encoder.log_class_posterior(x))
    assert np.median(np.abs(shares - best.class_posterior)) < 0.05
    labelled = objective.exact(DATA).bound(x, CONDITIONAL)
    assert np.median(np.abs(encoder.labelled(x)[0] - labelled.mean)) < 0.05


def test_more_penalty_smaller_weights() -> None:
    sizes = []
    for penalty in (0.0, 1.0):
        run = train_labelled(DATA, settings(decoder_l2=penalty, steps=100), device="cpu")
        mask = run.trainer.decoder.is_weight().bool()
        sizes.append(float(run.trainer.decoder.flat[:, mask].square().sum()))
    assert sizes[1] < 0.5 * sizes[0]


def test_information_of_y_and_z() -> None:
    noise = torch.randn(1, 2, 400, 1, generator=torch.Generator().manual_seed(0))
    mean = torch.randn(1, 1, 400, 1, generator=torch.Generator().manual_seed(1))
    scale = torch.zeros(1, 1, 400, 1)
    plain = mutual_information(mean[:, 0], scale[:, 0], noise[:, 0])
    found = label_information(mean, scale, torch.zeros(1, 1, 400), noise[:, :1])
    assert found == pytest.approx(plain)
    # z says nothing of x; y tells two groups apart, or nothing.
    certain = torch.tensor([0.0, -60.0]).repeat(200)
    log_r = torch.stack([certain, certain.flip(0)])[None]
    zeros = torch.zeros(1, 2, 400, 1)
    told = label_information(zeros, zeros, log_r, noise)
    assert float(told[0]) == pytest.approx(math.log(2.0), abs=1e-5)
    half = torch.full((1, 2, 400), -math.log(2.0))
    assert float(label_information(zeros, zeros, half, noise)[0]) == pytest.approx(0.0, abs=1e-5)
    # A second latent on which q does not depend on x adds nothing; one that repeats the first
    # with its own noise adds as another look at it does: I <= twice the first.
    idle = torch.cat([mean, torch.zeros_like(mean)], dim=3)
    both = torch.randn(1, 1, 400, 2, generator=torch.Generator().manual_seed(2))
    both[..., 0] = noise[:, :1, :, 0]
    none = torch.zeros(1, 1, 400)
    assert label_information(idle, torch.zeros_like(idle), none, both) == pytest.approx(plain)
    twice = label_information(mean.expand(-1, -1, -1, 2), torch.zeros_like(idle), none, both)
    assert float(plain[0]) + 0.05 < float(twice[0]) < 2.0 * float(plain[0])


def test_classes_are_written_as_a_labelled_model(tmp_path: Any) -> None:
    trained = train_labelled(DATA, settings(), device="cpu")
    result = judge_label_run(trained, tolerance=1e-2)
    paths = result.write_networks(tmp_path / "run")
    read = load_labelled_model("+".join(str(path) for path in paths), prior=DATA.prior)
    assert isinstance(read, LabelledModel)
    z = np.linspace(-2.0, 2.0, 9)
    for one, other in zip(read.classes, trained.model(trained.selected).classes, strict=True):
        assert np.array_equal(one.decoder(z), other.decoder(z))
        assert one.noise_variance == pytest.approx(0.2)
