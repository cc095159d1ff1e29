"""The page of advice: whole, escaped, and figures that show what they say."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from theorycheck.advise import Advice, DataTable, FitSettings, advise
from theorycheck.models import benchmark
from theorycheck.optimum import TableEffort
from theorycheck.report import (
    advice_page,
    bounds_figure,
    dimension_figure,
    fitted_curves_figure,
    noise_figure,
    shape_figure,
)

SMALL = FitSettings(splits=2, bounds=2, effort=TableEffort(starts=1, cells=16, most=2))


@cache
def of_circle(columns: int = 2) -> Advice:
    x = np.asarray(benchmark("circle").sample(80, 0)[1])
    x = np.column_stack([x, x @ [[1.0], [0.5]]])[:, :columns]
    names = ("a$b", "<b>bold</b>", "c")[:columns]
    return advise(DataTable("<i>t</i>.csv", names, x), settings=SMALL)


def test_the_page_is_whole_and_escaped() -> None:
    page = advice_page(of_circle())
    assert "<i>t</i>" not in page
    assert "&lt;i&gt;t&lt;/i&gt;.csv" in page
    # Nothing is fetched from anywhere.
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    assert page.count("<figure>") == 5
    for one in of_circle().guidelines:
        assert one.advice.split(":")[0][:30] in page
    for name in ("figure8", "circle", "clusters", "absolute_value", "none of these"):
        assert f'<th scope="row">{name}</th>' in page


def test_what_has_no_spread_is_not_called_exact() -> None:
    page = advice_page(of_circle())
    assert "in every part" in page
    assert "(exact)" not in page


def test_one_column_has_no_plane() -> None:
    page = advice_page(of_circle(1))
    assert page.count("<figure>") == 4
    axes = fitted_curves_figure(of_circle(1)).axes[0]
    assert axes.get_xlabel().startswith("latent z")


@pytest.mark.parametrize("columns", [2, 3])
def test_curves_are_drawn_where_they_are(columns: int) -> None:
    found = of_circle(columns)
    axes = fitted_curves_figure(found).axes[0]
    rows, elbo, likely = axes.get_lines()
    assert len(rows.get_xdata()) == 80
    assert [elbo.get_label(), likely.get_label()] == ["ELBO", "exact likelihood"]
    fit = found.fits.splits[0].pair.elbo
    if columns == 2:
        assert np.allclose(np.asarray(rows.get_xydata()), found.x)
        spread = np.asarray(elbo.get_xydata())
        assert np.allclose(spread[400], fit.cells.interpolate(fit.f, np.array([0.0]))[0], atol=0.1)
        assert r"a\$b" in axes.get_xlabel()
    else:
        assert "% of the variance" in axes.get_xlabel()


def test_figures_show_the_numbers() -> None:
    found = of_circle()
    for draw in (fitted_curves_figure, shape_figure, dimension_figure, bounds_figure, noise_figure):
        axes = draw(found).axes[0]
        assert axes.get_xlabel()
        assert axes.get_ylabel() or axes.get_yticklabels()
    likely = bounds_figure(found).axes[0].get_lines()[0]
    assert likely.get_ydata() == pytest.approx(
        [one.exact_likelihood.value for one in found.fits.bounds]
    )
    scales = [neighbour for neighbour, _ in found.shape.dimension]
    drawn = dimension_figure(found).axes[0].containers[0].lines[0]
    assert list(drawn.get_xdata()) == scales
    assert noise_figure(found).axes[0].containers[0].lines[0].get_xdata()[0] == pytest.approx(
        found.fits.noise_variance("exact_likelihood").value
    )


def test_without_the_elbo_under_bounds() -> None:
    fits = replace(
        of_circle().fits, bounds=tuple(replace(one, elbo=None) for one in of_circle().fits.bounds)
    )
    lines = bounds_figure(replace(of_circle(), fits=fits)).axes[0].get_lines()
    assert np.isnan(np.asarray(lines[1].get_ydata(), dtype=float)).all()
