"""Figures as files for a paper: their size, their fonts, and that they are the same each time."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from theorycheck.errors import SettingError
from theorycheck.models._loading import load_model
from theorycheck.report._analysis import ModelAnalysis, analyse
from theorycheck.report._figure_files import PAPER_WIDTH, FigureFiles, figure_files, paper_figure
from theorycheck.report._figures import recipes_of
from theorycheck.report._html import write_report

MODEL = load_model("expr:[z, abs(z)]", noise_variance=0.2)
LINE = load_model("expr:2*z", noise_variance=0.2)


@pytest.fixture(scope="module")
def analysis() -> ModelAnalysis:
    return analyse(MODEL, tolerance=1e-2)


def drawing() -> Figure:
    figure = Figure(figsize=(7.6, 3.8), layout="constrained")
    axes = figure.add_subplot(title="title", xlabel="x", ylabel="KL, nats")
    axes.plot([0, 1], [1, 3])
    return figure


@pytest.mark.parametrize("columns", [1, 2])
def test_width(columns: int, tmp_path: Path) -> None:
    content = paper_figure(drawing(), "svg", columns)  # type: ignore[arg-type]
    width = re.search(rb'width="([\d.]+)pt"', content)
    assert width is not None
    assert float(width[1]) == pytest.approx(72.0 * PAPER_WIDTH[columns])
    file = tmp_path / "a.png"
    file.write_bytes(paper_figure(drawing(), "png", columns))  # type: ignore[arg-type]
    with Image.open(file) as image:
        assert image.width == pytest.approx(300 * PAPER_WIDTH[columns], abs=1)


def test_type_stays_readable() -> None:
    figure = drawing()
    before = float(figure.axes[0].title.get_fontsize())
    paper_figure(figure, "svg", 1)
    assert float(figure.axes[0].title.get_fontsize()) == pytest.approx(0.67 * before)
    # Once, not once for every way in which matplotlib reaches a text.
    label = figure.axes[0].get_xticklabels()[0]
    assert 6.0 < float(label.get_fontsize()) < 7.5


def test_long_titles_are_broken_where_they_would_be_cut() -> None:
    figure = Figure(figsize=(7.6, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.set_title("a title that is much longer than the plot is wide, and then some", loc="left")
    right.set_title(r"$x^2 + y^2 + z^2 + x^2 + y^2 + z^2 + x^2 + y^2 + z^2$", loc="left")
    figure.suptitle("words " * 25, x=0.01, ha="left")
    paper_figure(figure, "svg", 1)
    assert left.get_title("left").count("\n") >= 1
    assert "\n" not in right.get_title("left")
    assert figure.get_suptitle().count("\n") >= 1
    for text in (*figure.texts, *left.findobj(Text)):
        assert text.get_window_extent().x1 <= figure.bbox.x1 + 12.0


def test_fonts_are_in_the_file() -> None:
    pdf = paper_figure(drawing(), "pdf")
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    assert b"<text" not in paper_figure(drawing(), "svg")


@pytest.mark.parametrize("kind", ["svg", "pdf", "png"])
def test_the_same_each_time(kind: str) -> None:
    first, second = (paper_figure(drawing(), kind) for _ in range(2))  # type: ignore[arg-type]
    assert first == second


def test_every_figure_of_a_report(analysis: ModelAnalysis, tmp_path: Path) -> None:
    files = FigureFiles("svg", 2).render(analysis, tmp_path)
    names = {f"z_abs_z-{recipe.name}.svg" for recipe in recipes_of(analysis)}
    assert {path.name for path in files} == names
    assert all(content.startswith(b"<?xml") for content in files.values())


def test_report_writes_them(tmp_path: Path) -> None:
    write_report([LINE], tmp_path, tolerance=1e-2, figure_files=FigureFiles("pdf", 1))
    found = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert "2_z-data.pdf" in found
    assert all(name.endswith(".pdf") for name in found)


def test_choices() -> None:
    assert figure_files(None) is None
    assert figure_files("pdf", 1) == FigureFiles("pdf", 1)
    with pytest.raises(SettingError, match="no figure format 'eps'"):
        figure_files("eps")
    with pytest.raises(SettingError, match="1 or 2 columns"):
        figure_files("pdf", 3)
