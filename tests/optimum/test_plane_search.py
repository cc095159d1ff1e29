"""The search over decoders of two and three latents: its end, its file, the cache, its starts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import logsumexp

from tests.optimum.conftest import TINY
from theorycheck.errors import ModelError, SettingError
from theorycheck.inference import MeanFieldGrid, data_rule, exact_model
from theorycheck.models import GenerativeModel, load_model
from theorycheck.objectives import IwaeBound, decompose, objective_of
from theorycheck.optimum import (
    Effort,
    Execution,
    PredictedOptimum,
    SearchSettings,
    ascend,
    decoder_on_cells,
    find_optimum,
)
from theorycheck.optimum import _objective_search as searches
from theorycheck.optimum._nodes import data_nodes
from theorycheck.optimum._plane_e_step import PlaneEStep
from theorycheck.optimum._plane_starts import (
    _random_motion,
    _random_rotation,
    best_plane,
    padded,
    polar,
    spherical,
    transport_map,
)
from theorycheck.optimum._search_cells import cells_of_axes
from theorycheck.optimum._unused_latents import with_unused, without_unused
from theorycheck.progress import NO_PROGRESS
from theorycheck.quadrature import latent_cells
from theorycheck.quadrature._plane_cells import PlaneCells, plane_cells
from theorycheck.results import ResultCache

#: The least that a search with two latents can be and still have all its stages.
PLANE = Effort(
    starts=4, coarse_cells=144, middle_cells=256, fine_cells=400, coarse_step=1.2, middle_step=1.0,
    fine_step=0.8, most_nodes=120, refined=1, rounds=1, hops=1, most=40, tolerance=1e-2, elbo=TINY,
)  # fmt: skip


#: The same with three latents.
SPACE = replace(PLANE, coarse_cells=216, middle_cells=343, fine_cells=512, elbo=PLANE)


@pytest.fixture(scope="module")
def cheap_plane(cheap: GenerativeModel) -> PredictedOptimum:
    return find_optimum(cheap, SearchSettings(effort=PLANE, latents=2, seed=3))


@pytest.fixture(scope="module")
def cheap_space(cheap: GenerativeModel, cheap_plane: PredictedOptimum) -> PredictedOptimum:
    # The search with two latents that goes before is at hand.
    execution = Execution(known={"plane": cheap_plane})
    return find_optimum(cheap, SearchSettings(effort=SPACE, latents=3, seed=3), execution=execution)


def test_three_latents_are_never_worse_than_two(
    cheap_plane: PredictedOptimum, cheap_space: PredictedOptimum
) -> None:
    assert cheap_space.latents == 3
    assert cheap_space.model.latent_dim == 3
    assert -cheap_space.excess.error < cheap_space.excess.value <= cheap_plane.excess.value
    kinds = {start.kind for start in cheap_space.starts}
    assert {"ground truth", "optimum of two latents"} < kinds


def test_two_latents_are_never_worse_than_one(
    cheap_optimum: PredictedOptimum, cheap_plane: PredictedOptimum
) -> None:
    assert cheap_plane.latents == 2
    assert isinstance(cheap_plane.cells, PlaneCells)
    two, one = cheap_plane.excess, cheap_optimum.excess
    assert two.value <= one.value + one.error + two.error
    assert two.value > -two.error
    kinds = {start.kind for start in cheap_plane.starts}
    assert {"ground truth", "optimum of one latent"} <= kinds


def test_its_j_is_that_of_the_decoder_in_its_file(
    cheap: GenerativeModel, cheap_plane: PredictedOptimum, tmp_path: Path
) -> None:
    path = tmp_path / "plane.npz"
    cheap_plane.save(path)
    again = PredictedOptimum.load(path, [cheap])
    assert (again.latents, again.excess, again.starts) == (
        2, cheap_plane.excess, cheap_plane.starts,
    )  # fmt: skip
    assert again.settings == cheap_plane.settings
    model = load_model(str(path))
    assert model.latent_dim == 2
    z = np.random.default_rng(0).normal(size=(50, 2))
    assert np.array_equal(model.decoder(z), cheap_plane.model.decoder(z))
    anew = decompose(model, cheap, tolerance=1e-2).excess
    assert abs(anew.value - again.excess.value) <= anew.error + again.excess.error


def test_the_file_of_three_latents_is_a_model_of_the_same_j(
    cheap: GenerativeModel, cheap_space: PredictedOptimum, tmp_path: Path
) -> None:
    path = tmp_path / "space.npz"
    cheap_space.save(path)
    again = PredictedOptimum.load(path, [cheap])
    assert (again.latents, again.excess) == (3, cheap_space.excess)
    assert again.settings == cheap_space.settings
    assert again.settings.difference(SearchSettings(latents=3).resolved(cheap)) is None
    model = load_model(str(path))
    assert model.latent_dim == 3
    z = np.random.default_rng(0).normal(size=(50, 3))
    assert np.array_equal(model.decoder(z), cheap_space.model.decoder(z))
    anew = decompose(model, cheap, tolerance=1e-2).excess
    assert abs(anew.value - again.excess.value) <= anew.error + again.excess.error


def test_j_of_a_decoder_that_uses_all_three_is_that_of_draws() -> None:
    """J by boxes over x and closed forms under q, against the mean of log p/ELBO over draws."""
    truth = load_model("expr:z", noise_variance=0.5)
    axes = tuple(latent_cells(count) for count in (4, 3, 3))
    z = PlaneCells(axes).z
    f = 0.6 * z[:, :1] + 0.5 * np.tanh(z[:, 1:2]) * z[:, 2:] + 0.2 * z[:, 2:] ** 2
    model = decoder_on_cells(PlaneCells(axes), f, np.array([0.5]), "of three")
    found = decompose(model, truth, tolerance=1e-3)
    engine = exact_model(model)
    assert isinstance(engine, MeanFieldGrid)
    rule = data_rule(exact_model(truth), step=0.5, size=0, repeats=1, seed=0)
    # p_f of one Gaussian each at 200,000 latents.
    latents = np.random.default_rng(1).normal(size=(200_000, 3))
    means = model.decoder(latents)[:, 0]
    log_p = np.array([logsumexp(-((x - means) ** 2)) for x in rule.x[:, 0]])
    log_p -= np.log(len(means)) + 0.5 * np.log(np.pi)
    weight = rule.mass / rule.mass.sum()
    mleo = weight @ (rule.log_density - log_p)
    assert found.mleo.value == pytest.approx(mleo, abs=2e-3)

    # No start leads scipy below the best q, at which −ELBO is that of a mean over draws.
    def negative_elbo(q: np.ndarray, x: float) -> float:
        return float(engine.negative_elbo([[x]], q[None, :3], np.exp(q[None, 3:]))[0])

    for x in (-1.2, 1.9):
        best = engine.optimal_q([[x]])
        starts = np.random.default_rng(2).normal(scale=0.7, size=(6, 6))
        lowest = min(minimize(negative_elbo, start, args=(x,)).fun for start in starts)
        assert best.negative_elbo[0] < lowest + 1e-7
        t = np.random.default_rng(3).normal(size=(400_000, 3))
        apart = x - model.decoder(best.mean + best.scale * t)[:, 0]
        kl = (0.5 * (best.scale**2 + best.mean**2 - 1.0) - np.log(best.scale)).sum()
        value = kl + (apart**2).mean() + 0.5 * np.log(np.pi)
        assert best.negative_elbo[0] == pytest.approx(value, abs=5e-3)


@pytest.mark.parametrize("used", [(1,), (0, 2), (0, 1, 2)])
def test_a_latent_without_use_is_left_out(used: tuple[int, ...]) -> None:
    axes = tuple(latent_cells(count) for count in (5, 4, 6))
    cells = PlaneCells(axes)
    aggregate = cells.prior_mass * np.exp(0.3 * cells.z.sum(axis=1))
    aggregate /= aggregate.sum()
    f = np.stack([cells.z[:, used].sum(axis=1), np.prod(cells.z[:, used], axis=1)], axis=1)
    noise = 1e-3 * np.random.default_rng(0).normal(size=f.shape)
    kept, reduced = without_unused(axes, f + noise, aggregate, np.array([0.1, 0.2]))
    assert kept == tuple(axes[k] for k in used)
    few = cells_of_axes(kept)
    z = few.z.reshape(few.count, -1)
    assert reduced[:, 0] == pytest.approx(z.sum(axis=1), abs=5e-3)
    back, padded_f = with_unused(kept, reduced, 3)
    assert [axis.count for axis in back[len(used) :]] == [2] * (3 - len(used))
    assert np.array_equal(padded_f.reshape(few.count, -1, 2)[:, 0], reduced)


def test_what_costs_something_is_used() -> None:
    axes = (latent_cells(5), latent_cells(4), latent_cells(3))
    cells = PlaneCells(axes)
    variance = np.array([0.1])
    for size, used in ((0.9, 2), (1.1, 3)):
        # ½ E |f − mean|²/σ² along z₃, against the nats that count as nothing.
        wave = cells.z[:, 2:] - cells.prior_mass @ cells.z[:, 2:]
        wave *= np.sqrt(2.0 * size * 1e-4 * 0.1 / (cells.prior_mass @ wave**2))
        kept, _ = without_unused(
            axes, cells.z[:, :1] + cells.z[:, 1:2] + wave, cells.prior_mass, variance
        )
        assert len(kept) == used


def test_the_cache_spares_the_second_search(
    cheap: GenerativeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = replace(PLANE, starts=1, rounds=0, most=4, elbo=None)
    settings = SearchSettings(effort=small, latents=2)
    execution = Execution(cache=ResultCache(tmp_path))
    told: list[str] = []
    monkeypatch.setattr(type(NO_PROGRESS), "say", lambda _, text: told.append(text))
    first = find_optimum(cheap, settings, execution=execution)
    assert sum("takes some" in line and "Ctrl-C ends it" in line for line in told) == 1
    monkeypatch.setattr("theorycheck.optimum._global_search._search", None)
    second = find_optimum(cheap, settings, execution=execution)
    assert second.excess == first.excess
    assert np.array_equal(second.f, first.f)


def test_linear_gaussian_data_have_an_optimum_without_excess() -> None:
    """With x ~ N(0, AAᵀ + σ²I) the columns of A made orthogonal have MLEO = PMO = 0: the least."""
    truth = load_model("expr:[1.2*z1 + 0.7*z2, 0.5*z1 - 0.4*z2]", noise_variance=0.3)
    nodes = data_nodes(truth, 0.8, tail=1e-5)
    cells = plane_cells(24, 24)
    e_step = PlaneEStep(nodes, cells)
    ended = ascend(e_step, cells.average(truth.decoder), truth.noise_variance, most=60)
    found = decoder_on_cells(cells, ended.f, truth.noise_variance, "found")
    x = truth.sample(60, 0)[1]
    at_truth, at_found = (decompose(model, truth, sample=x) for model in (truth, found))
    # ½(Σ log M_ii − log det M), at every x.
    m = np.array([[1.69, 0.64], [0.64, 0.65]]) + 0.3 * np.eye(2)
    price = 0.5 * float(np.log(m[0, 0] * m[1, 1] / np.linalg.det(m)))
    assert at_truth.pmo.value == pytest.approx(price, abs=1e-8)
    assert 0.0 <= at_found.pmo.value < 0.1 * price
    assert abs(at_found.mleo.value) < 0.1 * price
    # No f constant on cells is better than the best of all, whose J is 0.
    assert ended.negative_elbo - nodes.entropy > -1e-6


def test_best_plane_is_probabilistic_pca() -> None:
    """The affine f has the mean and covariance of Gaussian data, and orthogonal columns."""
    columns = np.array([[0.9, 0.4], [0.3, -0.5]])
    truth = load_model("expr:[0.9*z1 + 0.3*z2 + 1, 0.4*z1 - 0.5*z2]", noise_variance=0.1)
    nodes = data_nodes(truth, 0.4, tail=1e-10)
    plane = best_plane(nodes.x, nodes.mass, np.full(2, 0.1))
    f = plane.decoder(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    slopes = f[1:] - f[0]
    assert f[0] == pytest.approx([1.0, 0.0], abs=1e-6)
    assert slopes.T @ slopes == pytest.approx(columns.T @ columns, abs=1e-6)
    assert slopes[0] @ slopes[1] == pytest.approx(0.0, abs=1e-6)


def test_the_transport_map_has_the_law_of_the_data() -> None:
    truth = load_model("expr:[z1 + 0.2*z2^2, 0.7*z2]", noise_variance=0.05)
    nodes = data_nodes(truth, 1.0, tail=1e-4, most=600)
    cells = plane_cells(40, 40)
    f = transport_map(PlaneEStep(nodes, cells))
    for moment in (lambda x: x, lambda x: x**2, lambda x: x[:, :1] * x[:, 1:] ** 2):
        assert cells.prior_mass @ moment(f) == pytest.approx(nodes.mass @ moment(nodes.x), abs=0.08)


def test_the_polar_map_preserves_the_prior() -> None:
    z = np.random.default_rng(0).normal(size=(40_000, 2))
    at = polar(z)
    assert np.abs(at.mean(axis=0)).max() < 0.02
    assert np.cov(at.T) == pytest.approx(np.eye(2), abs=0.02)
    assert (at**4).mean(axis=0) == pytest.approx([3.0, 3.0], abs=0.15)


def test_motions_of_three_latents_preserve_the_prior() -> None:
    z = np.random.default_rng(0).normal(size=(40_000, 3))
    rotation = _random_rotation(np.random.default_rng(1), 3)
    for at in (spherical(z), z @ rotation, *(_motion(z, seed) for seed in range(8))):
        assert np.abs(at.mean(axis=0)).max() < 0.02
        assert np.cov(at.T) == pytest.approx(np.eye(3), abs=0.025)
        assert (at**4).mean(axis=0) == pytest.approx([3.0] * 3, abs=0.2)
        assert np.abs(at - z).max(axis=0).max() > 0.5


def _motion(z: np.ndarray, seed: int) -> np.ndarray:
    at = SimpleNamespace(z=z, latents=3)
    return _random_motion(np.random.default_rng(seed), at)  # type: ignore[arg-type]


def test_what_cannot_be_is_refused(cheap: GenerativeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingError, match="1, 2 or 3 latents, not 4"):
        SearchSettings(latents=4)
    with pytest.raises(SettingError, match="how the best decoder of three latents is searched for"):
        SearchSettings(objective_of(5), latents=3)
    # An objective of which nobody has said how several latents are searched.
    bare = replace(searches._SEARCHES[IwaeBound], several={})
    monkeypatch.setitem(searches._SEARCHES, IwaeBound, bare)
    with pytest.raises(SettingError, match="how the best decoder of two latents is searched for"):
        SearchSettings(objective_of(5), latents=2)
    with pytest.raises(SettingError, match="one latent"):
        SearchSettings(latents=2, steepness=1.0)
    with pytest.raises(ModelError, match="has 2 latents"):
        find_optimum(cheap, SearchSettings(effort=TINY), given=[padded(cheap, 2)])
