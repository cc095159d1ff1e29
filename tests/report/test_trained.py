"""Trained networks in a report: read back, matched with their ground truth, drawn and tabled."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from tests.efforts import SMALL_CLASS, TINY
from tests.report.conftest import Train
from theorycheck.cli import main
from theorycheck.errors import LoadingError, SettingError
from theorycheck.estimate import Estimate
from theorycheck.models import load_model
from theorycheck.models._generative import GenerativeModel
from theorycheck.optimum._settings import SearchSettings
from theorycheck.report import _representative_points as telling_points
from theorycheck.report._analysis import ModelAnalysis, ReportSearch, analyse
from theorycheck.report._figures import recipes_of, trained_figure
from theorycheck.report._figures_trained import shown_decoders
from theorycheck.report._html import write_report
from theorycheck.report._numbers import shown
from theorycheck.report._trained import TrainedRun, read_trained, runs_of

pytest.importorskip("torch")

MODELS = {
    "D=1": ("expr:[z**2]", 0.05),
    "D=2": ("expr:[abs(z), abs(z)]", 0.2),
    "D=2, coarse": ("expr:[abs(z), abs(z)]", 0.2),
    "D=3": ("expr:[z, z**2, 1]", 0.3),
}
#: One data dimension: what is not about figures is then a matter of milliseconds.
SQUARE = MODELS["D=1"]
UNITS = ("(data units)", "(prior std. dev.)", "(per unit")


@pytest.fixture(scope="module", params=MODELS)
def analysis(request: pytest.FixtureRequest, train: Train) -> Iterator[ModelAnalysis]:
    formula, noise = MODELS[request.param]
    model = load_model(formula, noise_variance=noise)
    methods = ("vae", "iwae") if request.param == "D=2" else ("vae",)
    runs = [read_trained(train(formula, noise, method)) for method in methods]
    search = (
        ReportSearch(SearchSettings(effort=TINY), "tiny", surveyed=SMALL_CLASS)
        if request.param == "D=2"
        else None
    )
    with pytest.MonkeyPatch.context() as patch:
        if "coarse" in request.param:
            patch.setattr(telling_points, "_COARSE", 0.0)
        yield analyse(model, tolerance=1e-2, search=search, trained=runs)


def panels(figure: Figure) -> list[mpl.axes.Axes]:
    return [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]


def test_every_decoder_has_its_curve_and_its_density(analysis: ModelAnalysis) -> None:
    figure = trained_figure(analysis)
    count = 1 + (analysis.optimum is not None) + len(analysis.trained)
    titles = [axes.get_title(loc="left") for axes in panels(figure)]
    assert len(titles) == 2 * count
    assert titles[0].startswith("truth\nJ = ")
    assert titles[1].strip() == "p(x)"
    for one, title in zip(analysis.trained, titles[-2 * len(analysis.trained) :: 2], strict=True):
        assert title == f"{one.run.label}\nJ = {one.decomposition.excess.value:.3g} nats"
    labels = [label for axes in figure.axes for label in (axes.get_xlabel(), axes.get_ylabel())]
    assert all(any(unit in label for unit in UNITS) for label in labels if label), labels
    for axes in panels(figure):
        assert axes.get_xlabel()
    sizes = [text.get_fontsize() for text in figure.findobj(mpl.text.Text) if text.get_text()]
    assert min(sizes) >= 9.0


def test_all_panels_show_the_same_region(analysis: ModelAnalysis) -> None:
    figure = trained_figure(analysis)
    limits = {(axes.get_xlim(), axes.get_ylim()) for axes in panels(figure)[::2]}
    assert len(limits) == 1


def test_the_figure_and_its_caption_are_in_the_report(analysis: ModelAnalysis) -> None:
    recipe = next(recipe for recipe in recipes_of(analysis) if recipe.name == "trained")
    assert len(recipe.draw().axes) >= 2 * len(shown_decoders(analysis))
    caption = recipe.caption()
    for one in analysis.trained:
        result = one.decomposition
        words = f"J = {shown(result.excess, 4)}, MLEO = {shown(result.mleo, 4)}"
        assert f"{one.run.label}: {words}" in caption
    assert ("IWAE was trained on another bound" in caption) == (len(analysis.trained) == 2)


def test_numbers(analysis: ModelAnalysis) -> None:
    for one in analysis.trained:
        # What the run says of itself, within its wider radius.
        away = abs(one.decomposition.excess.value - one.run.excess.value)
        assert away <= one.decomposition.excess.error + one.run.excess.error
        assert one.largest_slope > 0.0
        if analysis.optimum is None:
            assert one.above is None
        else:
            gap = one.decomposition.excess.value - analysis.optimum.predicted.excess.value
            assert one.above is not None
            assert one.above.value == pytest.approx(gap, abs=1e-12)
        if one.density is not None and analysis.kl_map is not None:
            axes = analysis.kl_map.axes
            total = one.density
            for axis in reversed(axes):
                total = np.trapezoid(total, axis, axis=-1)
            assert 0.5 < float(total) < 1.0 + 1e-6


def test_without_networks_there_is_no_figure() -> None:
    plain = analyse(load_model("expr:z", noise_variance=0.5), tolerance=1e-2)
    assert "trained" not in [recipe.name for recipe in recipes_of(plain)]
    with pytest.raises(ValueError, match="no trained networks"):
        trained_figure(plain)


def test_the_report_from_the_command_line(
    tmp_path: Path, train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    iwae = copied(train(*SQUARE, "iwae"), tmp_path / "iwae")
    # As of a run that was compared with the predicted optimum of its own bound.
    result = json.loads((iwae / "result.json").read_text(encoding="utf-8"))
    result["gap"] = {"value": 0.25, "error": 0.001}
    (iwae / "result.json").write_text(json.dumps(result), encoding="utf-8")
    folders = [train(*SQUARE, "vae"), iwae]
    options = ["--noise-variance", "0.05", "--tolerance", "1e-2", "--search", "none", "--json"]
    more = [text for folder in folders for text in ("--trained", str(folder))]
    capsys.readouterr()
    assert main(["report", SQUARE[0], *options, *more, "-o", str(tmp_path)]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["trained"] == [str(folder) for folder in folders]
    numbers = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    networks = numbers["models"][0]["trained"]
    # In the paper's order, whatever that of the options.
    assert [one["label"] for one in networks] == ["IWAE, S = 20", "VAE"]
    assert all(one["above_predicted"] is None for one in networks)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    text = re.sub(r"<[^>]*>", "", page)
    assert "Trained networks beside the predicted optimum" in text
    assert "No trained networks are in this report" not in text
    for one in networks:
        assert shown(Estimate(**one["excess"]), 6) in text
    assert "0.2500 ± 1.0e-03 nats above the predicted optimum of J_S" in " ".join(text.split())


def test_a_report_without_networks_says_how_to_add_them(tmp_path: Path) -> None:
    write_report([load_model("expr:z", noise_variance=0.5)], tmp_path, tolerance=1e-2)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "No trained networks are in this report" in page
    assert "theorycheck train MODEL --method vae -o DIR" in page
    assert "--trained DIR" in page


def copied(folder: Path, to: Path) -> Path:
    shutil.copytree(folder, to)
    return to


def test_folders_that_are_none(tmp_path: Path, train: Train) -> None:
    good = train(*SQUARE, "vae")
    with pytest.raises(LoadingError, match="there is no such folder"):
        read_trained(tmp_path / "gone")
    with pytest.raises(LoadingError, match=r"no result\.json in it"):
        read_trained(tmp_path)
    for name, content in [("text", b"nothing"), ("list", b"[1]"), ("part", b'{"method": "vae"}')]:
        folder = copied(good, tmp_path / name)
        (folder / "result.json").write_bytes(content)
        with pytest.raises(LoadingError, match="not what theorycheck train writes, or damaged"):
            read_trained(folder)
    folder = copied(good, tmp_path / "lost")
    (folder / "checkpoint.pt").unlink()
    with pytest.raises(LoadingError, match=r"checkpoint\.pt: no such file"):
        read_trained(folder)


def test_runs_of_other_models_are_refused(train: Train) -> None:
    run = read_trained(train(*SQUARE, "vae"))
    truth = load_model(SQUARE[0], noise_variance=SQUARE[1])
    assert runs_of([truth], [run]) == {truth.name: [run]}
    other = load_model("expr:z", noise_variance=0.05)
    with pytest.raises(SettingError, match="which is not in the report"):
        runs_of([other], [run])
    with pytest.raises(SettingError, match="another f or σ²"):
        runs_of([truth.with_noise_variance(0.3)], [run])


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path, train: Train) -> None:
    mixed = copied(train(*SQUARE, "vae"), tmp_path / "mixed")
    result = json.loads((mixed / "result.json").read_text(encoding="utf-8"))
    result["judged"]["excess"]["value"] += 0.1
    (mixed / "result.json").write_text(json.dumps(result), encoding="utf-8")
    run: TrainedRun = read_trained(mixed)
    truth: GenerativeModel = load_model(SQUARE[0], noise_variance=SQUARE[1])
    with pytest.raises(LoadingError, match="they are not of one run"):
        analyse(truth, tolerance=1e-2, trained=[run])
