"""Where batches come from: the right law, no copies lost, and bad data refused."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from neural._data import POOL, Pool, PopulationSource, SampleSource, checked_sample, split_sample
from neural._points import ShiftedPoints
from theorycheck.errors import SettingError
from theorycheck.models._benchmarks import benchmark
from theorycheck.models._loading import load_model


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_points_are_uniform_each_and_even_together() -> None:
    points = ShiftedPoints(64, 3, generator(), "cpu")
    draws = points.uniform(4000)
    assert draws.shape == (4000, 64, 3)
    # Every point by itself is uniform, in every coordinate and in pairs of them.
    for k in (0, 17, 63):
        own = draws[:, k]
        assert float((own.mean(0) - 0.5).abs().max()) < 5 * 0.289 / 4000**0.5
        correlation = np.corrcoef(own.numpy().T)
        assert np.abs(correlation - np.eye(3)).max() < 5 / 4000**0.5
    # Together each coordinate has one point in each of 64 cells, but for the shift.
    first = torch.sort((draws[0, :, 0] * 64) % 64).values
    assert torch.allclose(first.diff(), torch.ones(63, dtype=torch.float64), atol=1e-9)
    # An average over them scatters less than one over independent draws.
    averages = (draws[:, :, 1] ** 2).mean(1)
    assert float(averages.std()) < 0.5 * float((draws[:, 0, 1] ** 2).std()) / 8.0


def test_normals_are_finite_and_standard() -> None:
    normals = ShiftedPoints(512, 2, generator(), "cpu").normal(200)
    assert normals.dtype == torch.float32
    assert normals.isfinite().all()
    assert float(normals.var()) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("name", ["figure8", "clusters"])
def test_fresh_draws_have_the_law_of_the_model(name: str) -> None:
    model = benchmark(name)
    pool = Pool.of(model, "cpu")
    assert pool.values.shape == (POOL, 2)
    # Nats: far below anything that is reported.
    assert 0.0 < pool.accuracy < 1e-5
    source = PopulationSource(pool, 256, generator())
    x = torch.cat([source.draw()[0] for _ in range(400)]).double().numpy()
    _, expected = model.sample(200_000, 1)
    for power in (1, 2, 4):
        truth = (expected**power).mean(0)
        error = 5.0 * (expected**power).std(0) / np.sqrt(len(x))
        assert (np.abs((x**power).mean(0) - truth) < 2.0 * error).all()
    mixed, truth_mixed = (x[:, 0] * x[:, 1]).mean(), (expected[:, 0] * expected[:, 1]).mean()
    assert abs(mixed - truth_mixed) < 0.01
    assert not torch.equal(source.draw(), source.draw())


def test_streams_are_independent() -> None:
    source = PopulationSource(Pool.of(benchmark("figure8"), "cpu"), 64, generator())
    x = torch.stack([source.draw(3) for _ in range(400)]).double()
    assert x.shape == (400, 3, 64, 2)
    # Averages over a batch, of different streams: no correlation beyond five standard errors.
    averages = x[..., 0].square().mean(2)
    correlation = torch.corrcoef(averages.T)
    assert float((correlation - torch.eye(3)).abs().max()) < 5.0 / np.sqrt(400)


def test_pool_accuracy_is_the_mean_square_in_a_cell() -> None:
    # f = Phi(z): within a cell f moves evenly over 1/POOL, so E|Δf|² = (1/POOL)²/12.
    model = load_model("expr:Phi(z)", noise_variance=0.25)
    exact = (1.0 / POOL) ** 2 / 12.0 / (2.0 * 0.25)
    # Four midpoints of a cell see 15/16 of the variance of a uniform.
    assert Pool.of(model, "cpu").accuracy == pytest.approx(exact * 15.0 / 16.0, rel=1e-4)


def test_fixed_sample_is_gone_through_in_epochs() -> None:
    sample = np.arange(10.0)[:, None]
    source = SampleSource(sample, 3, generator(), "cpu")
    for _ in range(4):
        seen = torch.cat([source.draw()[0] for _ in range(3)])[:, 0].tolist()
        assert len(set(seen)) == 9
    assert SampleSource(sample, 64, generator(), "cpu").batch == 10
    # Streams share an epoch.
    streams = SampleSource(sample, 3, generator(), "cpu").draw(3)
    assert streams.shape == (3, 3, 1)
    assert len(set(streams.flatten().tolist())) == 9


def test_fixed_sample_goes_on_where_it_was() -> None:
    sample = np.arange(10.0)[:, None]
    first = SampleSource(sample, 3, generator(3), "cpu")
    first.draw()
    state, order = first._generator.get_state(), first.state()
    expected = [first.draw() for _ in range(5)]
    second = SampleSource(sample, 3, generator(4), "cpu")
    second._generator.set_state(state)
    second.restore(order)
    assert all(torch.equal(a, second.draw()) for a in expected)


def test_split() -> None:
    sample = np.arange(20.0)[:, None]
    training, validation = split_sample(sample, 0.2, seed=0)
    assert (len(training), len(validation)) == (16, 4)
    assert sorted(np.concatenate([training, validation])[:, 0]) == list(range(20))
    assert not np.array_equal(training, split_sample(sample, 0.2, seed=1)[0])
    for share in (1e-6, 1.0 - 1e-6):
        assert min(len(part) for part in split_sample(sample[:2], share, seed=0)) == 1


@pytest.mark.parametrize(
    ("sample", "says"),
    [
        (np.empty((0, 2)), "is empty"),
        ([], "is empty"),
        (np.ones((5, 3)), r"expected \(N, 2\)"),
        ([[1.0, 2.0], [np.nan, 1.0], [0.0, np.inf]], "NaN or inf in 2 row.*first is row 1"),
        ([[1.0, 2.0]], "at least 2"),
    ],
)
def test_bad_data_set(sample: object, says: str) -> None:
    with pytest.raises(SettingError, match=says):
        checked_sample(sample, 2)


def test_one_dimension_may_be_flat() -> None:
    assert checked_sample([1.0, 2.0, 3.0], 1).shape == (3, 1)
