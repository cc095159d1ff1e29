"""Writes the report: an HTML file that needs nothing else, and its numbers as JSON beside it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from theorycheck.errors import SettingError
from theorycheck.estimate import Verdict, positive
from theorycheck.files import replace_files
from theorycheck.json_values import jsonable
from theorycheck.models import GenerativeModel, LabelledModel
from theorycheck.pages import page_environment
from theorycheck.progress import NO_PROGRESS, Progress
from theorycheck.report._analysis import ModelAnalysis, analyse
from theorycheck.report._figure_files import FigureFiles
from theorycheck.report._figures import ReportFigure, figures_of
from theorycheck.report._follower import run_with_follower
from theorycheck.report._labels_analysis import LabelsAnalysis, analyse_labels
from theorycheck.report._numbers import shown
from theorycheck.report._search import ReportSearch
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

    analysis: ModelAnalysis
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
    others = dict(alternatives or {})
    if not models and not labelled:
        raise SettingError("a report needs at least one model")
    unknown = set(others) - {model.name for model in models}
    if unknown:
        raise SettingError(f"alternatives for '{sorted(unknown)[0]}', which is not in the report")
    networks = runs_of(models, trained)
    folder = Path(directory)
    settings: dict[str, object] = {"pmo_tolerance": tolerance, "eta": list(eta) or "default"}
    settings |= (
        {"search": "none"} if search is None else {"search": search.name, "seed": search.seed}
    )
    sections: list[_Section] = []

    def about(pending: Sequence[str] = ()) -> dict[str, object]:
        seconds = time.perf_counter() - start
        return {
            "versions": versions(), "settings": settings, "seconds": seconds,
            "pending": list(pending),
        }  # fmt: skip

    names = [*(model.name for model in models), *(one.name for one in labelled)]

    def analysed(model: GenerativeModel) -> ModelAnalysis:
        return analyse(
            model,
            alternatives=others.get(model.name, ()),
            eta=eta,
            tolerance=tolerance,
            search=search,
            trained=networks.get(model.name, ()),
            progress=progress,
        )

    def add_section(analysis: ModelAnalysis) -> None:
        sections.append(_Section(analysis, figures_of(analysis)))
        pending = names[len(sections) :]
        if pending:
            _write(folder, {folder / GROWING_NAME: render(sections, about(pending)).encode()})
            if len(sections) == 1:
                progress.say(f"Readable as it grows: {folder / GROWING_NAME}")

    with progress.task("report", len(models)) as advance:
        run_with_follower(models, analysed, add_section, advance)
    with_labels = [
        analyse_labels(one, tolerance=tolerance, search=search, progress=progress)
        for one in labelled
    ]
    whole = about()
    numbers = {**whole, "models": [section.analysis.to_dict() for section in sections]}
    if labelled:
        numbers["labelled"] = [one.to_dict() for one in with_labels]
    # Both texts are complete before a file is touched.
    page = render(sections, whole, with_labels)
    text = json.dumps(jsonable(numbers), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    contents = {folder / JSON_NAME: text.encode(), folder / HTML_NAME: page.encode()}
    if figure_files is not None:
        for section in sections:
            contents |= figure_files.render(section.analysis, folder / FIGURES_NAME)
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
    environment.globals.update(words=_WORDS, minimum=_minimum_words)
    page = environment.get_template("report.html.j2")
    return page.render(sections=sections, about=about, labelled=labelled)


#: Words and sign on a badge, per question and verdict. Signs, since colours may not be seen.
_WORDS: Mapping[str, Mapping[Verdict, str]] = {
    "plain": {
        Verdict.HOLDS: "✓ holds",
        Verdict.FAILS: "✗ fails",
        Verdict.INCONCLUSIVE: "? inconclusive",
    },
    "bias": {
        Verdict.HOLDS: "✗ biased",
        Verdict.FAILS: "✓ unbiased",
        Verdict.INCONCLUSIVE: "? inconclusive",
    },
    "minimum": {
        Verdict.HOLDS: "✓ yes",
        Verdict.FAILS: "✗ no",
        Verdict.INCONCLUSIVE: "? not decided",
    },
    "stationary": {
        Verdict.HOLDS: "✓ stationary",
        Verdict.FAILS: "✗ moves",
        Verdict.INCONCLUSIVE: "? inconclusive",
    },
    "simpler": {
        Verdict.HOLDS: "✓ simpler",
        Verdict.FAILS: "✗ not simpler",
        Verdict.INCONCLUSIVE: "? inconclusive",
    },
    "prefers": {
        Verdict.HOLDS: "✓ preferred",
        Verdict.FAILS: "✗ not preferred",
        Verdict.INCONCLUSIVE: "? inconclusive",
    },
}


def _minimum_words(analysis: ModelAnalysis) -> str:
    """Say first what a reader wants to know, whether the ELBO keeps the ground truth."""
    theorem1 = analysis.theorem1
    if not analysis.decomposition.resolved:
        return (
            "Unresolved: the error radius is too large for a conclusion. f is probably too steep "
            "or too rough for the quadrature at this noise variance."
        )
    if analysis.optimum is not None and positive(analysis.optimum.gain) is Verdict.HOLDS:
        found = analysis.optimum.predicted
        return (
            f"The ELBO prefers another decoder: J = {found.excess.value:.3g} nats against the "
            f"ground truth’s {analysis.decomposition.excess.value:.3g}. That decoder has another "
            f"p(x), MLEO = {found.mleo.value:.2g} nats, and posteriors nearer to Gaussians, PMO = "
            f"{found.pmo.value:.2g} instead of {analysis.decomposition.pmo.value:.3g}."
        )
    if theorem1.ground_truth_is_minimum is Verdict.FAILS:
        return (
            "The ground truth is not the optimum of the ELBO: there are decoders that it "
            "prefers, so training that does its job learns another one."
        )
    if theorem1.stationarity.verdict is Verdict.HOLDS:
        return (
            "The ground truth is stationary for the ELBO, and nothing better was found among "
            "what was looked at. That does not prove it the optimum."
        )
    return "Whether the ground truth is the optimum of the ELBO is not decided by these numbers."
