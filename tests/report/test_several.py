"""Models of two and three latents in a report: numbers, figures, page."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from theorycheck.errors import SettingError
from theorycheck.models import GenerativeModel, load_model
from theorycheck.objectives import decompose
from theorycheck.optimum import SearchSettings, effort_named
from theorycheck.report import (
    FigureFiles,
    ReportSearch,
    SeveralAnalysis,
    analyse_several,
    write_report,
)
from theorycheck.report import _html as html
from theorycheck.report._figures import recipes_of
from theorycheck.report._several_analysis import _settings

#: Columns that are not orthogonal: the posterior is a Gaussian with a correlation, the same for
#: every x, and KL(x) is ½ (Σ log M_ii − log det M) with M = I + AᵀA/σ².
LINEAR = load_model("expr:[z1 + 0.6*z2, z2]", noise_variance=0.5)
THREE = load_model("expr:[z1 + 0.3*z3, z2]", noise_variance=1.0)


@pytest.fixture(scope="module")
def linear() -> SeveralAnalysis:
    return analyse_several(LINEAR, tolerance=1e-2)


def test_the_numbers_are_those_of_the_engine(linear: SeveralAnalysis) -> None:
    slopes = np.array([[1.0, 0.6], [0.0, 1.0]])
    precision = np.eye(2) + slopes.T @ slopes / 0.5
    exact = 0.5 * (np.log(np.diag(precision)).sum() - np.linalg.slogdet(precision)[1])
    assert linear.decomposition.pmo.value == pytest.approx(exact, abs=1e-7)
    alone = decompose(LINEAR, tolerance=1e-2)
    assert linear.decomposition.entropy.value == pytest.approx(alone.entropy.value, abs=1e-12)
    assert len(linear.information.latents) == 2
    for point in linear.points:
        assert abs(point.kl.value - exact) <= point.kl.error + 1e-9
        assert point.modes == 1
        # The best q of a Gaussian posterior has its mean, and the scales of its precision.
        mean = np.linalg.solve(precision, slopes.T @ point.posterior.x / 0.5)
        np.testing.assert_allclose(point.mean, mean, atol=1e-6)
        np.testing.assert_allclose(point.scale, np.diag(precision) ** -0.5, rtol=1e-6)


def test_the_map_is_p(linear: SeveralAnalysis) -> None:
    surface = linear.density
    assert surface is not None
    first, second = surface.axes
    cell = (first[1] - first[0]) * (second[1] - second[0])
    total = float(surface.density.sum()) * cell
    assert 0.97 < total < 1.0 + 1e-9
    covariance = np.array([[1.36, 0.6], [0.6, 1.0]]) + 0.5 * np.eye(2)
    x = np.array([first[40], second[30]])
    log_p = -0.5 * x @ np.linalg.solve(covariance, x) - math.log(2.0 * math.pi)
    log_p -= 0.5 * np.linalg.slogdet(covariance)[1]
    assert math.log(surface.density[40, 30]) == pytest.approx(log_p, abs=1e-9)


def test_the_json_has_the_keys_of_one_latent(linear: SeveralAnalysis) -> None:
    found = json.loads(json.dumps(linear.to_dict()))
    assert {
        "definition", "decomposition", "converged", "conditions", "noise", "points", "landscape",
        "optimum", "trained", "tolerance", "seconds", "informativeness",
    } == set(found)  # fmt: skip
    assert found["landscape"] is None
    assert len(found["decomposition"]["eta_partition"]) == len(linear.eta)


def test_figures(linear: SeveralAnalysis) -> None:
    recipes = {recipe.name: recipe for recipe in recipes_of(linear)}
    assert list(recipes) == ["data", "kl_map", "posteriors", "eta"]
    axes = recipes["data"].draw().axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("x₁ (data units)", "x₂ (data units)")
    labels = [text.get_text() for text in recipes["posteriors"].draw().legends[0].get_texts()]
    assert labels == ["exact posterior, 50 % and 95 %", "best q, 2 std. dev."]
    assert "nats" in recipes["posteriors"].caption()


def test_a_page_with_one_latent_and_with_several(
    tmp_path: Path, linear: SeveralAnalysis, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def analysed(model: GenerativeModel, **_: object) -> SeveralAnalysis:
        asked.append(model)
        return linear

    monkeypatch.setattr(html, "analyse_several", analysed)
    line = load_model("expr:[z, 0.3*z]", noise_variance=0.5)
    figures = FigureFiles("svg")
    page = write_report([LINEAR, line], tmp_path, tolerance=1e-2, figure_files=figures).read_text()
    assert asked == [LINEAR]
    assert "K = 2 latents, D = 2 data" in page
    assert "K = 1 latent, D = 2 data" in page
    assert page.count("What each latent knows of x") == 1
    written = json.loads((tmp_path / "report.json").read_text())
    assert ["informativeness" in one for one in written["models"]] == [True, False]
    names = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert sum("posteriors" in name for name in names) == 2


def test_figures_without_a_plane(linear: SeveralAnalysis) -> None:
    three = replace(linear, model=THREE, points=(), density=None)
    recipes = {recipe.name: recipe for recipe in recipes_of(three)}
    assert list(recipes) == ["data", "kl_map", "eta"]
    lines = recipes["data"].draw().legends[0].get_texts()
    assert [text.get_text() for text in lines] == ["f along z₁", "f along z₂", "f along z₃"]
    assert "lines through z = 0" in recipes["data"].caption()
    assert recipes["kl_map"].draw().axes[0].get_ylabel() == "x₂ (data units)"


@pytest.mark.slow
def test_three_latents_have_numbers_and_no_plane() -> None:
    found = analyse_several(THREE, tolerance=0.1)
    assert (found.points, found.density) == ((), None)
    assert len(found.information.latents) == 3


def test_the_optimum_is_one_of_as_many_latents() -> None:
    search = ReportSearch(SearchSettings(seed=3), "quick")
    wanted = _settings(LINEAR, search)
    assert wanted is not None
    assert (wanted.latents, wanted.seed) == (2, 3)
    assert wanted.effort == effort_named("quick", latents=2)
    assert _settings(LINEAR, None) is None


def test_a_threshold_that_is_none(linear: SeveralAnalysis) -> None:
    with pytest.raises(SettingError, match="eta must be positive"):
        analyse_several(LINEAR, eta=[-1.0])
    assert replace(linear, eta=(0.05,)).partitions[0].eta == 0.05
