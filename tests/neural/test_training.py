"""Runs: the same twice, the same after an interruption, and stopped in order when they go wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from neural import _fits as fits
from neural import _lagging as lagging
from neural import _loop as loop
from neural import _restarts as restarts
from neural._checkpoints import FORMAT, read_networks
from neural._loop import DivergenceError
from neural._run_files import streams_of
from neural._settings import TrainingSettings, chosen_device
from neural._streams import Stream, stream_seed
from neural._trainer import Trainer
from neural._training import Trained, train
from theorycheck.errors import LoadingError, SettingError, TheorycheckError
from theorycheck.models._loading import load_model

MODEL = load_model("expr:[sin(z), z]", noise_variance=[0.04, 0.09])
SAMPLE = MODEL.sample(300, 5)[1]
STEPS = 60


def settings(method: str = "vae", **given: Any) -> TrainingSettings:
    defaults = {"steps": STEPS, "restarts": 3, "from_truth": 0, "batch": 16, "hidden": (6, 6)}
    return TrainingSettings.of(method, **{**defaults, **given})


def weights(trained: Trained) -> torch.Tensor:
    return torch.cat([trained.trainer.encoder.flat, trained.trainer.decoder.flat], dim=1)


class Interrupting:
    """A reporter that presses Ctrl-C after so many advances of the steps."""

    def __init__(self, after: int) -> None:
        self.after = after
        self.titles: list[str] = []

    @contextmanager
    def task(self, description: str, total: int | None) -> Iterator[Any]:
        self.titles.append(description)

        def advance(steps: int) -> None:
            if total == STEPS and steps:
                self.after -= 1
                if self.after == 0:
                    raise KeyboardInterrupt

        yield advance


@pytest.fixture(autouse=True)
def short_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "CHUNK", 10)
    monkeypatch.setattr(loop, "_STEPS_BETWEEN", 20)
    # A fifth of the encoder steps: the rules of LIN are tested by themselves.
    monkeypatch.setattr(lagging, "MOST_STEPS", 20)


@pytest.mark.parametrize(
    ("method", "given", "sample"),
    [
        ("vae", {"learn_noise": True, "decoder_l2": 1e-3}, None),
        ("iwae", {"samples": 3, "estimator": "dreg"}, SAMPLE),
        ("lin", {"epoch": 7}, None),
    ],
)
def test_a_run_that_went_on_ends_at_the_same_weights(
    tmp_path: Path, method: str, given: dict[str, Any], sample: Any
) -> None:
    wanted = settings(method, **given)
    whole = train(MODEL, wanted, sample=sample, device="cpu", directory=tmp_path / "whole")
    again = train(MODEL, wanted, sample=sample, device="cpu")
    assert torch.equal(weights(whole), weights(again))
    progress = Interrupting(after=3)
    broken = tmp_path / "broken"
    with pytest.raises(KeyboardInterrupt):
        train(MODEL, wanted, sample=sample, device="cpu", directory=broken, progress=progress)
    assert any("best bound" in title and "left" in title for title in progress.titles)
    # Stopped at step 30, the checkpoint is that of step 20.
    held = torch.load(broken / "checkpoint.pt", weights_only=True)
    assert held["training"]["state"]["step"] == 20
    resumed = train(MODEL, wanted, sample=sample, device="cpu", directory=broken, resume=True)
    assert torch.equal(weights(whole), weights(resumed))
    assert np.array_equal(whole.objective, resumed.objective)
    lines = [json.loads(line) for line in (broken / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(10, STEPS + 1, 10))
    assert all(len(line["negative_bound"]) == 3 for line in lines)


def test_a_run_of_an_earlier_version_goes_on(tmp_path: Path) -> None:
    """It says nothing of its streams, which were seed + n, and knows its truth by values of f."""
    whole = train(MODEL, settings(streams=1), device="cpu")
    assert not torch.equal(weights(whole), weights(train(MODEL, settings(), device="cpu")))
    with pytest.raises(KeyboardInterrupt):
        train(
            MODEL, settings(streams=1), device="cpu", directory=tmp_path, progress=Interrupting(3)
        )
    file = tmp_path / "checkpoint.pt"
    content = torch.load(file, weights_only=True)
    del content["training"]["settings"]["streams"]
    values = MODEL.decoder(np.linspace(-3.0, 3.0, 13))
    content["training"]["truth"] = [*MODEL.noise_variance.tolist(), *values.ravel().tolist()]
    torch.save(content, file)
    assert streams_of(tmp_path) == 1
    resumed = train(MODEL, settings(), device="cpu", directory=tmp_path, resume=True)
    assert torch.equal(weights(whole), weights(resumed))
    assert np.array_equal(whole.objective, resumed.objective)


def test_streams_are_independent_of_each_other_and_of_other_seeds() -> None:
    seeds = [stream_seed(settings(seed=seed), stream) for seed in range(20) for stream in Stream]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 for seed in seeds)
    # As numpy spawns them.
    spawned = np.random.SeedSequence(3).spawn(2)[Stream.STEPS].generate_state(2)
    joined = (int(spawned[1]) << 32 | int(spawned[0])) >> 1
    assert stream_seed(settings(seed=3), Stream.STEPS) == joined


def test_other_seeds_end_elsewhere() -> None:
    first, second = (train(MODEL, settings(seed=seed), device="cpu") for seed in (0, 1))
    assert not torch.equal(weights(first), weights(second))


@pytest.mark.parametrize("sample", [None, SAMPLE])
def test_seeds_have_their_own_data(sample: Any) -> None:
    wanted = settings(restarts=6, from_truth=2, seeds=2)
    assert [wanted.of_seed(number) for number in range(2)] == [[0, 2, 4], [1, 3, 5]]
    assert wanted.of_seed(1, "ground_truth") == [5]
    parts = (None, None) if sample is None else (sample, sample[:50])
    batch = Trainer(MODEL, wanted, "cpu", *parts)._batch()
    assert len(batch) == 6
    assert torch.equal(batch[:2], batch[2:4])
    assert torch.equal(batch[:2], batch[4:])
    assert not torch.equal(batch[0], batch[1])
    # One seed is one stream for all: networks of earlier versions are trained alike.
    assert Trainer(MODEL, settings(), "cpu")._batch().shape == (1, 16, 2)


@pytest.mark.parametrize(("restarts", "from_truth"), [(5, 2), (6, 3)])
def test_restarts_are_dealt_out_evenly(restarts: int, from_truth: int) -> None:
    with pytest.raises(SettingError, match="dealt out evenly to 2 seeds"):
        settings(restarts=restarts, from_truth=from_truth, seeds=2)


def test_the_best_of_a_seed() -> None:
    trained = train(MODEL, settings(restarts=4, seeds=2, steps=20), device="cpu")
    for number in range(2):
        own = trained.settings.of_seed(number)
        assert trained.best(number) == min(own, key=lambda restart: trained.objective[restart])
    with pytest.raises(SettingError, match="'ground_truth'"):
        trained.best(0, "ground_truth")


@pytest.mark.parametrize("method", ["vae", "iwae", "lin"])
def test_training_helps_and_selects_the_best(method: str) -> None:
    begun = Trainer(MODEL, settings(method)).bounds()[0].numpy()
    trained = train(MODEL, settings(method, steps=150), device="cpu")
    assert (trained.objective < begun).all()
    assert trained.selected == int(np.argmin(trained.objective))
    # A bound cannot beat the entropy but for Monte-Carlo error.
    entropy = -float(np.mean(_log_density(SAMPLE)))
    assert trained.objective.min() > entropy - 0.3


def _log_density(x: Any) -> Any:
    from theorycheck.inference._marginal import log_density

    return log_density(MODEL, x).value


def test_noise_variance_is_trained_only_on_request() -> None:
    fixed = train(MODEL, settings(), device="cpu")
    assert fixed.noise_variance(0) == pytest.approx([0.04, 0.09])
    learned = train(MODEL, settings(learn_noise=True), device="cpu")
    assert learned.noise_variance(0) != pytest.approx([0.04, 0.09])
    assert learned.model(1).noise_variance.tolist() == pytest.approx(learned.noise_variance(1))


def test_lin_steps_encoder_and_decoder_apart() -> None:
    trainer = Trainer(MODEL, settings("lin"))
    phase = trainer.phase
    assert phase is not None
    phase.active[1] = False
    before = trainer.decoder_adam.count.clone(), trainer.encoder_adam.count.clone()
    trainer.step()
    decoder_steps = (trainer.decoder_adam.count - before[0])[:, 0].tolist()
    encoder_steps = (trainer.encoder_adam.count - before[1])[:, 0].tolist()
    assert decoder_steps == [1, 1, 1]
    # The one that is no longer aggressive is stepped like a VAE.
    assert encoder_steps[1] == 1
    assert all(steps % 10 == 0 and steps >= 20 for steps in (encoder_steps[0], encoder_steps[2]))


def test_penalty_is_on_decoder_weights() -> None:
    free, held = (
        train(MODEL, settings(decoder_l2=value, steps=100), device="cpu") for value in (0.0, 1.0)
    )
    mask = held.trainer.decoder.is_weight().bool()
    size = [float(run.trainer.decoder.flat[:, mask].square().sum()) for run in (free, held)]
    assert size[1] < 0.5 * size[0]


def test_a_loss_that_is_not_finite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = Trainer.step

    def poisoned(self: Trainer) -> Any:
        loss = step(self)
        if self.step_number == 37:
            loss = loss.clone()
            loss[2] = float("nan")
        return loss

    monkeypatch.setattr(Trainer, "step", poisoned)
    with pytest.raises(
        DivergenceError, match=r"restart 2 is not finite at step 37.*step 20 is kept"
    ):
        train(MODEL, settings(), device="cpu", directory=tmp_path)
    assert (
        torch.load(tmp_path / "checkpoint.pt", weights_only=True)["training"]["state"]["step"] == 20
    )
    assert read_networks(tmp_path / "checkpoint.pt").decoder.data_dim == 2


def test_a_weight_that_is_not_finite(monkeypatch: pytest.MonkeyPatch) -> None:
    step = Trainer.step

    def poisoned(self: Trainer) -> Any:
        loss = step(self)
        if self.step_number == 20:
            self.encoder.flat[1, 3] = float("inf")
        return loss

    monkeypatch.setattr(Trainer, "step", poisoned)
    with pytest.raises(DivergenceError, match="a weight of restart 1 is not finite at step 20"):
        train(MODEL, settings(), device="cpu")


def test_what_cannot_go_on(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with pytest.raises(LoadingError, match="no such file"):
        train(MODEL, settings(), device="cpu", directory=folder, resume=True)
    with pytest.raises(SettingError, match="--resume needs -o"):
        train(MODEL, settings(), device="cpu", resume=True)
    train(MODEL, settings(steps=20), device="cpu", directory=folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    other = load_model("expr:[sin(z), z]", noise_variance=0.5)
    for says, model, given, options in [
        ("already has a run", MODEL, {}, {}),
        ("has steps 20, not 40", MODEL, {"steps": 40}, {"resume": True}),
        ("another ground truth", other, {}, {"resume": True}),
        ("trained on other data", MODEL, {}, {"resume": True, "sample": SAMPLE}),
    ]:
        with pytest.raises(SettingError, match=says):
            train(
                model, settings(**{"steps": 20, **given}), device="cpu", directory=folder, **options
            )
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_damaged_and_foreign_files(tmp_path: Path) -> None:
    file = tmp_path / "checkpoint.pt"
    train(MODEL, settings(steps=10), device="cpu", directory=tmp_path)
    whole = file.read_bytes()
    held = torch.load(file, weights_only=True)

    def damaged(**changes: Any) -> dict[str, Any]:
        return {**held, **changes}

    lacking = dict(held["state_dict"])
    lacking.pop("0.bias")
    broken = {**held["state_dict"], "0.bias": torch.full((6,), float("nan"))}
    for content, says in [
        ({"format": FORMAT, "version": 1}, "damaged checkpoint, without architecture"),
        (damaged(version=2), "of version 2"),
        (damaged(state_dict=lacking), "damaged checkpoint"),
        (damaged(state_dict=broken), "not finite"),
        (damaged(architecture={"data_dim": 2}), "damaged checkpoint"),
        (damaged(architecture=None), "damaged checkpoint"),
        (damaged(noise_variance=[-1.0, 1.0]), "not positive"),
        (damaged(noise_variance="a"), "damaged checkpoint"),
        (held["state_dict"], "lacks architecture and noise_variance"),
    ]:
        torch.save(content, file)
        with pytest.raises(TheorycheckError, match=says) as caught:
            load_model(str(file))
        assert "\n" not in str(caught.value)
    file.write_bytes(whole[: len(whole) // 2])
    for read in (load_model, read_networks):
        with pytest.raises(LoadingError):
            read(str(file))
    torch.save(damaged(training={"state": 3}), file)
    with pytest.raises(LoadingError, match="damaged checkpoint"):
        train(MODEL, settings(steps=10), device="cpu", directory=tmp_path, resume=True)


def test_a_file_that_train_wrote_is_a_model(tmp_path: Path) -> None:
    trained = train(MODEL, settings(learn_noise=True), device="cpu", directory=tmp_path)
    model = load_model(str(tmp_path / "checkpoint.pt"))
    z = np.linspace(-3.0, 3.0, 50)
    selected = trained.model(trained.selected)
    assert np.array_equal(model.decoder(z), selected.decoder(z))
    assert model.noise_variance.tolist() == pytest.approx(selected.noise_variance.tolist())
    with torch.no_grad():
        own = trained.trainer.decoder(torch.from_numpy(z).float()[None, :, None])
    assert model.decoder(z) == pytest.approx(own[trained.selected].numpy(), abs=1e-5)
    x = torch.from_numpy(SAMPLE)
    saved = read_networks(tmp_path / "checkpoint.pt").encoder(x)
    assert torch.equal(saved, trained.encoder(trained.selected)(x))


def test_start_at_the_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = settings(restarts=3, from_truth=2, hidden=(16, 16))
    assert wanted.inits == ("random", "ground_truth", "ground_truth")
    trainer = Trainer(MODEL, wanted)
    first = trainer.decoder.flat[0].clone()
    monkeypatch.setattr(fits, "_STEPS", 600)
    fit = restarts.start_at_truth(trainer)
    assert fit is not None
    assert fit.decoder_error < fits.LARGEST_ERROR
    assert fit.encoder_kl < 0.05
    assert torch.equal(trainer.decoder.flat[0], first)
    z = np.linspace(-2.5, 2.5, 41)
    trained = Trained(trainer, np.zeros(3), np.zeros(3), None, 0.0)
    for restart in (1, 2):
        assert np.abs(trained.decoder(restart)(z) - MODEL.decoder(z)).max() < 0.1
    from theorycheck.inference._mean_field import MeanField

    best = MeanField(MODEL).optimal_q(SAMPLE)
    own = trained.encoder(1)(torch.from_numpy(SAMPLE)).numpy()
    assert np.median(np.abs(own[:, 0] - best.mean)) < 0.05
    assert np.median(np.abs(own[:, 1] - np.log(best.scale))) < 0.1


def test_a_truth_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fits, "_STEPS", 10)
    trainer = Trainer(MODEL, settings(restarts=2, from_truth=1, hidden=(2,)))
    with pytest.raises(fits.FittingError, match="use wider layers"):
        restarts.start_at_truth(trainer)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"restarts": 0}, "restarts must be at least 1"),
        ({"steps": 0}, "steps must be at least 1"),
        ({"from_truth": 9}, "9 of 3 restarts"),
        ({"learning_rate": 0.0}, "learning_rate must be positive"),
        ({"clip": float("nan")}, "clip must be positive"),
        ({"decoder_l2": -1.0}, "decoder_l2 must be finite"),
        ({"validation_share": 1.0}, "between 0 and 1"),
        ({"seed": -1}, "seed must be >= 0"),
        ({"samples": 0}, "at least 1, not 0"),
    ],
)
def test_bad_settings(given: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingError, match=says):
        settings(**given)


def test_rate_falls_along_a_cosine() -> None:
    wanted = settings(steps=100)
    rates = [wanted.rate(step) for step in (0, 50, 100)]
    first, last = wanted.learning_rate, wanted.final_learning_rate
    assert rates == pytest.approx([first, 0.5 * (first + last), last])
    assert TrainingSettings.from_dict(wanted.to_dict()) == wanted


def test_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert chosen_device("auto") == chosen_device("cpu") == "cpu"
    with pytest.raises(SettingError, match="finds no GPU"):
        chosen_device("cuda")
    with pytest.raises(SettingError, match="did you mean 'cuda'"):
        chosen_device("cud")
