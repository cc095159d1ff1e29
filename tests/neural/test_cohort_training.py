"""Networks on the splits of a table: streams, σ² and its floor, early stopping, measures."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from neural import cohort_settings, measure_cohort_run, train_on_splits
from neural._cohort_data import CohortSource, CohortSplits
from neural._cohort_trainer import CohortTrainer
from neural._kept_best import KeptBest
from neural._label_data import UNKNOWN
from neural._label_settings import LabelSettings
from theorycheck.cohorts import Cohort, Split, linear_decoder, split_cohort
from theorycheck.errors import ModelError, SettingError
from theorycheck.objectives import LabelledObjective

SMALL: dict[str, Any] = {"steps": 12, "batch": 16, "hidden": (5,), "restarts": 2, "epoch": 4}


def table(rows: int = 400, dim: int = 3, noise: float = 0.5, seed: int = 0) -> Cohort:
    """Two classes, each a line in R^D: what a linear decoder of one latent has made."""
    rng = np.random.default_rng(seed)
    y = (rng.random(rows) < 0.4).astype(np.int64)
    ways, middles = rng.standard_normal((2, dim)), rng.standard_normal((2, dim))
    z = rng.standard_normal((rows, 1))
    x = 1.5 * z * ways[y] + middles[y] + noise * rng.standard_normal((rows, dim))
    return Cohort("lines", tuple("abcdefgh"[:dim]), ("no", "yes"), x, y)


@pytest.fixture(scope="module")
def splits() -> tuple[Split, ...]:
    return split_cohort(table(), count=3, labelled_share=0.2)


def test_every_split_keeps_to_its_own_rows(splits: tuple[Split, ...]) -> None:
    data = CohortSplits.of(splits, 1, 0.25, 0)
    assert (data.name, data.count, data.data_dim) == ("lines", 2, 3)
    for split, training, validation in zip(splits, data.training, data.validation, strict=True):
        rows = np.concatenate([training.x, validation.x])
        # Every training row once, none that is held out.
        assert np.array_equal(np.sort(rows, axis=0), np.sort(split.x, axis=0))
        labels = {tuple(x): label for x, label in zip(split.x, split.y, strict=True)}
        seen = dict(zip(map(tuple, split.x), split.observed, strict=True))
        for part in (training, validation):
            for x, label in zip(part.x, part.y, strict=True):
                known = seen[tuple(x)]
                assert label == (labels[tuple(x)] if known else UNKNOWN)
        for label in (UNKNOWN, 0, 1):
            assert (validation.y == label).sum() > 0
    assert np.exp(data.log_prior).sum(axis=1) == pytest.approx(1.0)
    assert data.noise_floor[:, 0] == pytest.approx([one.floor.shared for one in splits])
    start = [linear_decoder(one, 1).noise_variance[0] for one in splits]
    assert data.noise_variance[:, 0] == pytest.approx(start)
    source = CohortSource(data.training, 8, 0.2, torch.Generator().manual_seed(0), "cpu")
    batch = source.draw(3)
    assert batch.x.shape == batch.labelled_x.shape == (3, 8, 3)
    for number, training in enumerate(data.training):
        known = {tuple(x) for x in training.x.astype(np.float32).tolist()}
        assert {tuple(x) for x in batch.x[number].tolist()} <= known
        assert {tuple(x) for x in batch.labelled_x[number].tolist()} <= known
    with pytest.raises(SettingError, match="2 streams of data, but 3 splits"):
        source.draw(2)


def settings(splits: tuple[Split, ...], method: str = "vae", **given: Any) -> LabelSettings:
    return cohort_settings(method, splits, **{**SMALL, **given})


@pytest.mark.parametrize(
    ("method", "given"),
    [
        ("vae", {"latents": 2}),
        ("iwae", {"samples": 3}),
        ("iwae", {"samples": 2, "bound": "summed", "latents": 2}),
        ("lin", {"latents": 2}),
    ],
)
def test_a_step_depends_on_its_state_alone(
    method: str, given: dict[str, Any], splits: tuple[Split, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("neural._lagging.MOST_STEPS", 20)
    chosen = settings(splits, method, **given)
    data = CohortSplits.of(splits, chosen.latents, 0.25, 0)
    first, second = (CohortTrainer(data, chosen, "cpu") for _ in range(2))
    for _ in range(5):
        first.step()
    first.look()
    file = io.BytesIO()
    torch.save(first.state(), file)
    file.seek(0)
    second.restore(torch.load(file, weights_only=True))
    for trainer in (first, second):
        for _ in range(4):
            loss = trainer.step()
        assert loss.shape == (6,)
        assert bool(loss.isfinite().all())
    assert torch.equal(first.decoder.flat, second.decoder.flat)
    for trainer in (first, second):
        trainer.take_best()
    assert torch.equal(first.decoder.flat, second.decoder.flat)


def test_noise_variance_stays_above_the_floor(splits: tuple[Split, ...]) -> None:
    high = [replace(one.floor, shared=3.0 + number) for number, one in enumerate(splits)]
    raised = tuple(replace(one, floor=floor) for one, floor in zip(splits, high, strict=True))
    trained = train_on_splits(raised, settings(raised, steps=100), device="cpu")
    for restart in range(6):
        # σ² of a linear fit is below 1: training goes down to the floor of the restart's split.
        found = trained.trainer.noise_variance(restart)
        floor = 3.0 + restart % 3
        assert (found >= floor * (1.0 - 1e-6)).all()
        assert (found < floor + 0.3).all()
        assert trained.model(restart).noise_variance == pytest.approx(found)
    free = train_on_splits(splits, settings(splits, steps=100), device="cpu")
    variances = {float(free.trainer.noise_variance(restart)[0]) for restart in range(6)}
    assert len(variances) == 6
    assert max(variances) < 2.0


def test_each_restart_is_kept_at_its_best() -> None:
    first, second = torch.zeros(3, 2), torch.zeros(3, 1)
    kept = KeptBest([first, second])
    kept.put_back()
    for step, objective in enumerate([[3.0, 1.0, 2.0], [2.0, 2.0, 2.5], [4.0, 0.5, 3.0]]):
        first[:], second[:] = step + 1.0, 10.0 * (step + 1.0)
        kept.look(torch.tensor(objective, dtype=torch.float64))
    first[:] = second[:] = -1.0
    kept.put_back()
    assert first[:, 0].tolist() == [2.0, 3.0, 1.0]
    assert second[:, 0].tolist() == [20.0, 30.0, 10.0]


def test_a_run_ends_with_the_lowest_objective_that_it_saw(
    splits: tuple[Split, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    bounds = CohortTrainer.bounds

    def recorded(self: CohortTrainer) -> Any:
        found = bounds(self)
        seen.append(found[0].numpy())
        return found

    monkeypatch.setattr(CohortTrainer, "bounds", recorded)
    # A learning rate at which the objective goes up and down.
    chosen = settings(splits, steps=300, learning_rate=0.1)
    trained = train_on_splits(splits, chosen, device="cpu")
    looks = np.array(seen[:-1])
    assert len(looks) == 6
    assert (looks.argmin(axis=0) < 5).any()
    assert trained.objective == pytest.approx(looks.min(axis=0), rel=1e-5)


def test_a_restart_sees_the_split_of_its_stream(splits: tuple[Split, ...]) -> None:
    """One split's rows moved far away: the restarts of that stream go there, no other does."""
    far = replace(splits[1], x=splits[1].x + 50.0, test_x=splits[1].test_x + 50.0)
    moved = (splits[0], far, splits[2])
    trained = train_on_splits(moved, settings(moved, steps=200), device="cpu")
    for restart in range(6):
        mean = trained.model(restart).sample(500, 0)[1].mean()
        assert bool(mean > 2.5) is (restart % 3 == 1)


def test_the_measured_model_is_the_network(splits: tuple[Split, ...]) -> None:
    trained = train_on_splits(splits, settings(splits, latents=2), device="cpu")
    networks = trained.trainer.networks
    z = np.random.default_rng(0).standard_normal((7, 2))
    for restart in (0, 4):
        model = trained.model(restart)
        assert model.prior == pytest.approx(splits[restart % 3].prior)
        for label in (0, 1):
            hot = np.tile(np.eye(2)[label], (7, 1))
            inputs = torch.from_numpy(np.concatenate([z, hot], axis=1)).float()
            with torch.no_grad():
                batched = networks.decoder(inputs[None])[restart].numpy()
            assert model.decoder(label, z) == pytest.approx(batched, abs=1e-5)


def test_networks_come_near_the_law_that_made_the_table() -> None:
    """The linear decoders of all labels have the right form: networks reach them, about."""
    divided = split_cohort(table(1500), count=2, labelled_share=0.3)
    objective = LabelledObjective(labelled_share=0.3)
    chosen = cohort_settings("vae", divided, objective, steps=600, hidden=(12,))
    result = measure_cohort_run(train_on_splits(divided, chosen, device="cpu"), draws=200)
    assert [result.trained.settings.of_seed(k)[0] % 2 for k in (0, 1)] == [0, 1]
    for split, found in zip(divided, result.held_out, strict=True):
        wanted = linear_decoder(split, 1, all_labels=True).densities(split.test_x)
        assert abs(found.log_density.value - wanted.log_density.mean()) < 0.15
        assert found.balanced_accuracy.value > 0.6
    entry = result.to_dict()
    assert entry["method"] == "vae"
    assert set(entry["spread"]) >= {"log_density", "two_sample"}  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"seeds": 1, "restarts": 2}, SettingError, "3 splits need as many seeds, not 1"),
        ({"from_truth": 3}, SettingError, "no ground truth"),
    ],
)
def test_settings_that_do_not_fit(
    change: dict[str, Any], error: type[Exception], says: str, splits: tuple[Split, ...]
) -> None:
    chosen = settings(splits)
    training = replace(chosen.training, **change)
    with pytest.raises(error, match=says):
        train_on_splits(splits, replace(chosen, training=training), device="cpu")


def test_tables_that_do_not_serve(splits: tuple[Split, ...]) -> None:
    with pytest.raises(SettingError, match="no split"):
        CohortSplits.of((), 1, 0.2, 0)
    other = split_cohort(table(300), count=1, labelled_share=0.2)
    with pytest.raises(SettingError, match="one cohort and size"):
        CohortSplits.of((*splits, *other), 1, 0.2, 0)
    few = split_cohort(table(), count=1, labelled_share=0.005)
    with pytest.raises(SettingError, match="has 1 row"):
        CohortSplits.of(few, 1, 0.2, 0)
    with pytest.raises(SettingError, match="3 columns bear 1 to 2 latents, not 3"):
        CohortSplits.of(splits, 3, 0.2, 0)
    wide = split_cohort(table(dim=5), count=1, labelled_share=0.2)
    with pytest.raises(ModelError, match="K = 3, but K = 1 and 2 are built"):
        CohortSplits.of(wide, 3, 0.2, 0)
