"""Figures of the predicted optimum: for every data dimension, labelled, and small."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from tests.efforts import SMALL_CLASS, TINY
from theorycheck.models import load_model
from theorycheck.optimum._settings import SearchSettings
from theorycheck.report import _representative_points as telling_points
from theorycheck.report._analysis import ModelAnalysis, ReportSearch, analyse
from theorycheck.report._figures import (
    curves_figure,
    densities_figure,
    figures_of,
    paired_maps_figure,
    paired_posteriors_figure,
    starts_figure,
)
from theorycheck.report._figures_optimum import optimum_of

Draw = Callable[[ModelAnalysis], Figure]

#: What a label must say for its quantity to have a unit.
UNITS = ("(nats)", "(data units)", "(prior std. dev.)", "(per unit", "(no unit)", "modes of")
MODELS = {
    "D=1": ("expr:[z**2]", 0.05),
    "D=2": ("expr:[abs(z), abs(z)]", 0.2),
    "D=2, coarse": ("expr:[abs(z), z]", 0.2),
    "D=3": ("expr:[z, z**2, 1]", 0.3),
}


@pytest.fixture(scope="module", params=MODELS)
def analysis(request: pytest.FixtureRequest) -> Iterator[ModelAnalysis]:
    formula, noise = MODELS[request.param]
    model = load_model(formula, noise_variance=noise)
    with pytest.MonkeyPatch.context() as patch:
        if "coarse" in request.param:
            # As where σ is far below the size of the curve, which takes long to search.
            patch.setattr(telling_points, "_COARSE", 0.0)
        yield analyse(
            model,
            tolerance=1e-2,
            search=ReportSearch(SearchSettings(effort=TINY), "tiny", surveyed=SMALL_CLASS),
        )


@pytest.mark.parametrize(
    "draw",
    [curves_figure, densities_figure, paired_maps_figure, paired_posteriors_figure, starts_figure],
)
def test_axes_are_labelled_and_type_is_legible(analysis: ModelAnalysis, draw: Draw) -> None:
    if draw is densities_figure and analysis.model.data_dim > 2:
        with pytest.raises(ValueError, match="one and two"):
            draw(analysis)
        return
    figure = draw(analysis)
    labels = [
        label for axes in figure.axes for label in (axes.get_xlabel(), axes.get_ylabel()) if label
    ]
    assert labels
    assert all(any(unit in label for unit in UNITS) for label in labels), labels
    sizes = [text.get_fontsize() for text in figure.findobj(mpl.text.Text) if text.get_text()]
    assert min(sizes) >= 9.0


def test_figures_are_images_of_modest_size(analysis: ModelAnalysis) -> None:
    figures = figures_of(analysis)
    names = ["data", "curves", "densities", "posteriors", "maps", "starts", "eta", "condition_1"]
    if analysis.model.data_dim > 2:
        names.remove("densities")
    assert [figure.name for figure in figures] == [*names, "landscape"]
    for figure in figures:
        kind, _, data = figure.address.partition(";base64,")
        start = base64.b64decode(data)[:40]
        assert start.startswith(b"\x89PNG" if kind == "data:image/png" else b"<?xml")
        assert figure.caption
    assert sum(len(figure.address) for figure in figures) < 2_000_000


def test_both_maps_share_their_scales(analysis: ModelAnalysis) -> None:
    if analysis.model.data_dim == 1:
        pytest.skip("lines share one axis")
    panels = [a for a in paired_maps_figure(analysis).axes if a.get_label() != "<colorbar>"]
    limits = [axes.collections[0].get_clim() for axes in panels]
    assert limits[0] == limits[1]
    assert limits[2] == limits[3]


def test_every_start_and_hop_is_drawn_once(analysis: ModelAnalysis) -> None:
    predicted = optimum_of(analysis).predicted
    lines = starts_figure(analysis).axes[0].lines
    drawn = {line.get_label(): len(np.atleast_1d(line.get_xdata())) for line in lines}
    assert drawn["a start’s end"] + drawn["from the ground truth"] == len(predicted.starts)
    assert drawn["hops from the best"] == len(predicted.hops)


def test_the_pair_is_looked_at_at_the_same_x(analysis: ModelAnalysis) -> None:
    optimum = optimum_of(analysis)
    for mine, theirs in zip(analysis.points, optimum.points, strict=True):
        assert mine.letter == theirs.letter
        assert (mine.posterior.x == theirs.posterior.x).all()
    pair = optimum.pair
    assert len(pair.kl[0]) == len(pair.kl[1]) == len(pair.x)
    if pair.seen is None:
        with pytest.raises(ValueError, match="draws"):
            pair.on_grid(pair.kl[0])
    else:
        grid = pair.on_grid(pair.kl[0])
        assert np.isnan(grid[~pair.seen]).all()
        assert (grid[pair.seen] == pair.kl[0]).all()


def test_numbers_hang_together(analysis: ModelAnalysis) -> None:
    optimum = optimum_of(analysis)
    gain = analysis.decomposition.excess.value - optimum.predicted.excess.value
    assert optimum.gain.value == pytest.approx(gain, abs=1e-12)
    assert f"{optimum.predicted.excess.value:.4g}" in optimum.summary
    # Like is compared with like: both ends are those on the search's own cells and nodes.
    assert optimum.predicted.search_gain >= 0.0
    refined = [s.refined for s in optimum.predicted.starts if s.refined is not None]
    assert optimum.predicted.search_gain >= optimum.predicted.first_ascent - min(refined)
    kept = analysis.theorem1.alternatives[-1].decomposition
    assert abs(kept.excess.value - optimum.predicted.excess.value) <= (
        kept.excess.error + optimum.predicted.excess.error
    )


def test_without_a_search_there_is_no_optimum() -> None:
    model = load_model("expr:2*z", noise_variance=0.5)
    plain = analyse(model, tolerance=1e-2)
    assert plain.optimum is None
    with pytest.raises(ValueError, match="no predicted optimum"):
        curves_figure(plain)
