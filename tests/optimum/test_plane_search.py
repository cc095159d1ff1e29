"""The search over decoders of two latents: what is known of its end, its file, the cache."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.optimum.conftest import TINY
from theorycheck.errors import ModelError, SettingError
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
from theorycheck.optimum._plane_starts import best_plane, padded, polar, transport_map
from theorycheck.progress import NO_PROGRESS
from theorycheck.quadrature._plane_cells import PlaneCells, plane_cells
from theorycheck.results import ResultCache

#: The least that a search with two latents can be and still have all its stages.
PLANE = Effort(
    starts=4, coarse_cells=144, middle_cells=256, fine_cells=400, coarse_step=1.2, middle_step=1.0,
    fine_step=0.8, most_nodes=120, refined=1, rounds=1, hops=1, most=40, tolerance=1e-2, elbo=TINY,
)  # fmt: skip


@pytest.fixture(scope="module")
def cheap_plane(cheap: GenerativeModel) -> PredictedOptimum:
    return find_optimum(cheap, SearchSettings(effort=PLANE, latents=2, seed=3))


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


def test_what_cannot_be_is_refused(cheap: GenerativeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingError, match="1 or 2 latents, not 3"):
        SearchSettings(latents=3)
    # An objective of which nobody has said how two latents are searched.
    bare = replace(searches._SEARCHES[IwaeBound], plane=None)
    monkeypatch.setitem(searches._SEARCHES, IwaeBound, bare)
    with pytest.raises(SettingError, match="under the ELBO and the IWAE bound, not under"):
        SearchSettings(objective_of(5), latents=2)
    with pytest.raises(SettingError, match="one latent"):
        SearchSettings(latents=2, steepness=1.0)
    with pytest.raises(ModelError, match="has 2 latents"):
        find_optimum(cheap, SearchSettings(effort=TINY), given=[padded(cheap)])
