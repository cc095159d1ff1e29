"""Writes the report: an HTML file that needs nothing else, and its numbers as JSON beside it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from theorycheck.errors import SettingError
from theorycheck.files import replace_files
from theorycheck.json_values import jsonable
from theorycheck.models import GenerativeModel, LabelledModel, is_on_line
from theorycheck.pages import page_environment
from theorycheck.progress import NO_PROGRESS, Progress
from theorycheck.report._analysis import analyse
from theorycheck.report._examined import Examined
from theorycheck.report._figure_files import FigureFiles
from theorycheck.report._figures import ReportFigure, figures_of
from theorycheck.report._follower import run_with_follower
from theorycheck.report._labels_analysis import LabelsAnalysis, analyse_labels
from theorycheck.report._numbers import shown
from theorycheck.report._page_words import VERDICT_WORDS, minimum_words
from theorycheck.report._search import ReportSearch
from theorycheck.report._several_analysis import analyse_several
from theorycheck.report._trained import TrainedRun, runs_of
from theorycheck.theorems import EXAMINED_TOLERANCE
from theorycheck.versions import versions

HTML_NAME = "report.html"
JSON_NAME = "report.json"
FIGURES_NAME = "figures"
#: The page while models are still to come: it is there from the first one on, and replaced by the
#: whole at the end. An older report is left alone until then.
GROWING_NAME = "report-so-far.html"

#: Decimals that a number is shown with where space is short.
_PLACES = 6


@dataclass(frozen=True, eq=False)
class _Section:
    """Holds a model's part of the page."""

    analysis: Examined
    figures: tuple[ReportFigure, ...]


def write_report(
    models: Sequence[GenerativeModel],
    directory: str | Path,
    *,
    alternatives: Mapping[str, Sequence[GenerativeModel]] | None = None,
    eta: Sequence[float] = (),
    tolerance: float = EXAMINED_TOLERANCE,
    search: ReportSearch | None = None,
    trained: Sequence[TrainedRun] = (),
    labelled: Sequence[LabelledModel] = (),
    figure_files: FigureFiles | None = None,
    progress: Progress = NO_PROGRESS,
) -> Path:
    """Analyse models and write ``report.html`` and ``report.json``.

    Parameters
    ----------
    models : sequence of GenerativeModel
        Ground truths to report on, in this order.
    directory : path-like
        Folder, made if missing. Reports in it are replaced at the end, never left half written.
        Until then ``report-so-far.html`` shows the models that are done.
    alternatives : mapping of str to sequence of GenerativeModel, optional
        Decoders to try in condition (1) of Theorem 1, by the name of a model.
    eta : sequence of float
        Thresholds for the η tables, nats; by default some round ones.
    tolerance : float
        Error radius wanted for every PMO, nats.
    search : ReportSearch, optional
        Search for the predicted optimum of each model; by default there is none.
    trained : sequence of TrainedRun
        Networks to show beside the ground truth that each was trained on.
    labelled : sequence of LabelledModel
        Labelled ground truths, whose sections come last.
    figure_files : FigureFiles, optional
        Write the figures as files for a paper too, into the folder ``figures``.
    progress : Progress
        Receives the progress of the report.

    Returns
    -------
    Path
        Path of the HTML file.

    Raises
    ------
    SettingError
        If there is no model, a setting is out of range, an alternative or a trained network
        belongs to no model, or the files cannot be written.
    """
    start = time.perf_counter()
    others = _checked_others(models, labelled, alternatives or {})
    networks = runs_of(models, trained)
    names = [*(model.name for model in models), *(one.name for one in labelled)]
    page = _GrowingPage(Path(directory), names, _settings(tolerance, eta, search), start, progress)

    def analysed(model: GenerativeModel) -> Examined:
        return (analyse if is_on_line(model) else analyse_several)(
            model,
            alternatives=others.get(model.name, ()),
            eta=eta,
            tolerance=tolerance,
            search=search,
            trained=networks.get(model.name, ()),
            progress=progress,
        )

    with progress.task("report", len(models)) as advance:
        run_with_follower(models, analysed, page.add, advance)
    with_labels = [
        analyse_labels(one, tolerance=tolerance, search=search, progress=progress)
        for one in labelled
    ]
    return page.finish(with_labels, figure_files)


def _checked_others(
    models: Sequence[GenerativeModel],
    labelled: Sequence[LabelledModel],
    alternatives: Mapping[str, Sequence[GenerativeModel]],
) -> dict[str, Sequence[GenerativeModel]]:
    """Return the alternatives by model, or say that there is no model, or none of a name."""
    if not models and not labelled:
        raise SettingError("a report needs at least one model")
    unknown = set(alternatives) - {model.name for model in models}
    if unknown:
        raise SettingError(f"alternatives for '{sorted(unknown)[0]}', which is not in the report")
    return dict(alternatives)


def _settings(
    tolerance: float, eta: Sequence[float], search: ReportSearch | None
) -> dict[str, object]:
    """Return what the page says it was asked for."""
    searched = (
        {"search": "none"} if search is None else {"search": search.name, "seed": search.seed}
    )
    return {"pmo_tolerance": tolerance, "eta": list(eta) or "default", **searched}


class _GrowingPage:
    """Collects the models' sections, and shows those that are done while others are to come.

    Parameters
    ----------
    folder : Path
    names : sequence of str
        Of all models, in their order.
    settings : mapping
        What was asked for.
    start : float
        When the report was begun, by `time.perf_counter`.
    progress : Progress
    """

    def __init__(
        self,
        folder: Path,
        names: Sequence[str],
        settings: Mapping[str, object],
        start: float,
        progress: Progress,
    ) -> None:
        self._folder, self._names, self._settings = folder, names, settings
        self._start, self._progress = start, progress
        self._sections: list[_Section] = []

    def _about(self, pending: Sequence[str] = ()) -> dict[str, object]:
        return {
            "versions": versions(), "settings": self._settings,
            "seconds": time.perf_counter() - self._start, "pending": list(pending),
        }  # fmt: skip

    def add(self, analysis: Examined) -> None:
        """Add a model, and replace the page so far, unless it is the last."""
        self._sections.append(_Section(analysis, figures_of(analysis)))
        pending = self._names[len(self._sections) :]
        if pending:
            so_far = self._folder / GROWING_NAME
            page = render(self._sections, self._about(pending))
            _write(self._folder, {so_far: page.encode()})
            if len(self._sections) == 1:
                self._progress.say(f"Readable as it grows: {so_far}")

    def finish(self, labelled: Sequence[LabelsAnalysis], figures: FigureFiles | None) -> Path:
        """Write the report and remove the page so far; return the path of the HTML file."""
        whole, folder = self._about(), self._folder
        numbers = {**whole, "models": [section.analysis.to_dict() for section in self._sections]}
        if labelled:
            numbers["labelled"] = [one.to_dict() for one in labelled]
        # Both texts are complete before a file is touched.
        page = render(self._sections, whole, labelled)
        text = json.dumps(jsonable(numbers), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        contents = {folder / JSON_NAME: text.encode(), folder / HTML_NAME: page.encode()}
        if figures is not None:
            for section in self._sections:
                contents |= figures.render(section.analysis, folder / FIGURES_NAME)
        _write(folder, contents)
        (folder / GROWING_NAME).unlink(missing_ok=True)
        return folder / HTML_NAME


def _write(folder: Path, contents: Mapping[Path, bytes]) -> None:
    try:
        for parent in {path.parent for path in contents}:
            parent.mkdir(parents=True, exist_ok=True)
        replace_files(contents)
    except OSError as error:
        raise SettingError(f"{folder}: cannot be written: {error.strerror or error}") from error


def render(
    sections: Sequence[_Section],
    about: Mapping[str, object],
    labelled: Sequence[LabelsAnalysis] = (),
) -> str:
    """Return the page; every text of a user's is escaped in it.

    Parameters
    ----------
    sections : sequence of _Section
    about : mapping
        versions, settings, seconds, and the names of models that are pending.
    labelled : sequence of LabelsAnalysis

    Returns
    -------
    str
    """
    environment = page_environment()
    environment.filters["short"] = lambda estimate: shown(estimate, _PLACES)
    environment.filters["full"] = shown
    environment.filters["percent"] = lambda e: shown(e.scaled(100.0), 3, " %", signed=True)
    environment.filters["share"] = lambda e: shown(e.scaled(100.0), 1, " %")
    environment.filters["g"] = lambda value: f"{value:.4g}"
    environment.globals.update(words=VERDICT_WORDS, minimum=minimum_words)
    page = environment.get_template("report.html.j2")
    return page.render(sections=sections, about=about, labelled=labelled)
