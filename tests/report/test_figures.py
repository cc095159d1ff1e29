"""Figures: labelled with units, drawn for every data dimension, and free of side effects."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Callable

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from theorycheck.models import Decoder, GenerativeModel, load_model
from theorycheck.report._analysis import ModelAnalysis, analyse
from theorycheck.report._figure_style import encode, plain
from theorycheck.report._figures import (
    condition_1_figure,
    data_figure,
    eta_figure,
    figures_of,
    kl_map_figure,
    landscape_figure,
    posterior_figure,
)

Draw = Callable[[ModelAnalysis], Figure]

#: What a label must say for its quantity to have a unit.
UNITS = ("(nats)", "(data units)", "(prior std. dev.)", "(per unit")

MODELS = {
    "D=1": ("expr:[z**2]", 0.05),
    "D=2": ("expr:[abs(z), abs(z)]", 0.2),
    "D=2, linear": ("expr:[z, 2*z]", 0.5),
    "D=3": ("expr:[z, z**2, 1]", 0.3),
}


@pytest.fixture(scope="module", params=MODELS)
def analysis(request: pytest.FixtureRequest) -> ModelAnalysis:
    formula, noise = MODELS[request.param]
    model = load_model(formula, noise_variance=noise)
    other = load_model(formula, noise_variance=1.2 * noise)
    # In three dimensions a radius of 1e-3 takes five times as long.
    return analyse(model, alternatives=[other], tolerance=1e-2 if "D=3" in request.param else 1e-3)


@pytest.mark.parametrize(
    "draw",
    [
        data_figure,
        posterior_figure,
        kl_map_figure,
        eta_figure,
        condition_1_figure,
        landscape_figure,
    ],
)
def test_axes_are_labelled_with_units(analysis: ModelAnalysis, draw: Draw) -> None:
    figure = draw(analysis)
    labels = [
        label for axes in figure.axes for label in (axes.get_xlabel(), axes.get_ylabel()) if label
    ]
    assert all(any(unit in label for unit in UNITS) for label in labels), labels
    for axes in figure.axes:
        if axes.get_label() == "<colorbar>":
            assert axes.get_ylabel()
        else:
            # Panels that share an axis label it once.
            row = [a for a in figure.axes if a.get_subplotspec() is not None]
            assert axes.get_xlabel() or axes.get_shared_x_axes().get_siblings(axes) != [axes]
            assert axes.get_ylabel() or any(a.get_ylabel() for a in row)


def test_type_is_legible(analysis: ModelAnalysis) -> None:
    figure = posterior_figure(analysis)
    sizes = [text.get_fontsize() for text in figure.findobj(mpl.text.Text) if text.get_text()]
    assert min(sizes) >= 9.0


def test_figures_are_images_of_modest_size(analysis: ModelAnalysis) -> None:
    figures = figures_of(analysis)
    assert [figure.name for figure in figures] == [
        "data",
        "posteriors",
        "kl_map",
        "eta",
        "condition_1",
        "landscape",
    ]
    for figure in figures:
        kind, _, data = figure.address.partition(";base64,")
        start = base64.b64decode(data)[:40]
        assert start.startswith(b"\x89PNG" if kind == "data:image/png" else b"<?xml")
        assert figure.caption
    assert sum(len(figure.address) for figure in figures) < 1_200_000


def test_matplotlib_is_left_as_it_was(analysis: ModelAnalysis) -> None:
    before = dict(mpl.rcParams)
    encode(eta_figure(analysis), "svg")
    assert dict(mpl.rcParams) == before


def test_same_numbers_same_file(analysis: ModelAnalysis) -> None:
    assert encode(eta_figure(analysis), "svg") == encode(eta_figure(analysis), "svg")


def test_no_line_across_a_jump() -> None:
    jump = Decoder.from_function(
        lambda z: np.stack([z, np.where(z < 0.5, -3.0, 3.0)], axis=-1),
        name="jump",
        breakpoints=(0.5,),
    )
    figure = data_figure(analyse(GenerativeModel(jump, 0.3), tolerance=1e-2))
    curves = [c for c in figure.axes[0].collections if isinstance(c, LineCollection)]
    assert curves
    for curve in curves:
        for segment in curve.get_segments():
            assert np.ptp(segment[:, 1]) < 1.0


def test_both_passes_of_a_retraced_curve_show(analysis: ModelAnalysis) -> None:
    if analysis.model.data_dim != 2:
        pytest.skip("the curve is drawn in the plane")
    figure = data_figure(analysis)
    curve = [c for c in figure.axes[0].collections if isinstance(c, LineCollection)][-1]
    widths = np.asarray(curve.get_linewidths())
    assert (np.diff(widths) <= 0.0).all()
    assert widths[0] > 2.0 * widths[-1]


def test_telling_points(analysis: ModelAnalysis) -> None:
    points = analysis.points
    assert [point.letter for point in points] == list("ABCD"[: len(points)])
    densities = [point.posterior.log_density_x.value for point in points]
    assert densities[0] == max(densities)
    for point in points:
        assert point.kl.lower <= point.kl.value <= point.kl.upper
        assert point.kl.value >= -point.kl.error


def test_user_text_is_no_markup() -> None:
    model = load_model("expr:2*z", noise_variance=0.5)
    named = Decoder.from_function(lambda z: z, name=r"$\frac{ & <b>")
    result = analyse(model, alternatives=[GenerativeModel(named, 0.5)], tolerance=1e-2)
    assert encode(condition_1_figure(result), "svg")
    assert plain("x" * 100).endswith("…")


def test_import_is_quick() -> None:
    code = "import sys, theorycheck; sys.exit(not {'matplotlib', 'jinja2'}.isdisjoint(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
