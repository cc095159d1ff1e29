"""Draws manifold defences: attacked accuracy over ε, and what each decides in the plane."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from theorycheck.downstream import (
    REJECTED,
    TRUTH,
    UNDEFENDED,
    BayesClassifier,
    DefenceReport,
    DefenceSettings,
    LatentClasses,
    attacked_classifier,
    defence,
)
from theorycheck.report._figure_files import write_png_figures
from theorycheck.report._figure_style import SERIES, headline, new_figure, plain, styled

#: Points each way of a picture of decisions, and σ around the data that it shows.
_PIXELS, _AROUND = 90, 4.0
#: Draws that the pictures' limits and thresholds are taken from.
_DRAWS = 2_000
#: Class 0, class 1, refused.
_COLOURS = ("#9ecae1", "#fdd0a2", "#bdbdbd")
_MODELS_SHOWN = 3


def write_defence_figures(report: DefenceReport, directory: Path) -> list[Path]:
    """Write the figures of a comparison of defences as PNG files.

    Parameters
    ----------
    report : DefenceReport
    directory : Path
        Made where it is not there.

    Returns
    -------
    list of Path

    Raises
    ------
    SettingError
        If they cannot be written.
    """
    figures = {
        "attacked-accuracy.png": attacked_figure(report),
        "decisions.png": decisions_figure(report),
    }
    return write_png_figures(figures, directory)


def _defences(report: DefenceReport) -> list[str]:
    return [one.defence for one in report.outcomes if one.model == TRUTH][1:]


@styled
def attacked_figure(report: DefenceReport) -> Figure:
    """Draw the attacked accuracy over ε, a panel for each defence and a line for each model.

    Parameters
    ----------
    report : DefenceReport

    Returns
    -------
    Figure
    """
    names = _defences(report)
    columns = min(2, len(names))
    rows = -(-len(names) // columns)
    figure = new_figure(0.8 + 2.6 * rows)
    epsilons = (0.0, *report.settings.epsilons)
    undefended = report.outcome(TRUTH, UNDEFENDED)
    for place, name in enumerate(names):
        axes = figure.add_subplot(rows, columns, place + 1)
        values = [one.value for one in (undefended.clean, *undefended.attacked)]
        axes.plot(epsilons, values, color="0.5", linestyle="--", label="no defence")
        for number, model in enumerate(report.models):
            colour, mark = SERIES[number % len(SERIES)], "osv^D*xp"[number % 8]
            one = report.outcome(model, name)
            found = (one.clean, *one.attacked)
            # Side by side, since lines that coincide hide each other.
            beside = [epsilon + 0.02 * epsilons[-1] * number for epsilon in epsilons]
            axes.errorbar(
                beside, [value.value for value in found],
                yerr=[value.error for value in found], color=colour, marker=mark, markersize=4,
                capsize=2, linewidth=1.3, label=plain(model),
            )  # fmt: skip
        axes.set_ylim(0.0, 1.02)
        axes.set_title(name)
        if place % columns == 0:
            axes.set_ylabel("right under attack")
        if place >= len(names) - columns:
            axes.set_xlabel("ε (σ of the ground truth)")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=2)
    headline(figure, f"{plain(report.truth.name)}: share of x that are right, whatever x′ within ε")
    return figure


@styled
def decisions_figure(report: DefenceReport) -> Figure:
    """Draw what each defence decides in the plane, a row for each of the first models.

    Parameters
    ----------
    report : DefenceReport

    Returns
    -------
    Figure
    """
    truth, names = report.truth, _defences(report)
    models = list(report.models.items())[:_MODELS_SHOWN]
    bayes = BayesClassifier(truth, LatentClasses(report.settings.splits))
    _, clean = truth.sample(_DRAWS, report.settings.seed)
    classifier = attacked_classifier(bayes, bayes.log_joint(clean)[0], report.settings)
    margin = _AROUND * truth.sigma
    low, high = clean.min(axis=0) - margin, clean.max(axis=0) + margin
    axis = [np.linspace(a, b, _PIXELS) for a, b in zip(low, high, strict=True)]
    points = np.stack(np.meshgrid(*axis), axis=-1).reshape(-1, 2)
    figure = new_figure(0.7 + 1.9 * len(models))
    colours = ListedColormap(_COLOURS)
    settings = DefenceSettings(report.settings.false_rejections, report.settings.reach)
    z = np.linspace(-report.settings.reach, report.settings.reach, 4_000)
    for row, (model_name, model) in enumerate(models):
        for column, name in enumerate(names):
            axes = figure.add_subplot(len(models), len(names), row * len(names) + column + 1)
            decided = defence(name, model, classifier, clean, settings).decide(points)
            axes.pcolormesh(
                *axis, decided.reshape(_PIXELS, _PIXELS), cmap=colours, vmin=0, vmax=REJECTED,
                rasterized=True,
            )  # fmt: skip
            if model.latent_dim == 1:
                curve = model.decoder(z)
                axes.plot(curve[:, 0], curve[:, 1], color="black", linewidth=0.8)
            axes.set_aspect("equal")
            axes.set_xlim(low[0], high[0])
            axes.set_ylim(low[1], high[1])
            axes.set_xticks([])
            axes.set_yticks([])
            if row == 0:
                axes.set_title(name)
            if column == 0:
                axes.set_ylabel(plain(model_name, 24), fontsize=8)
    headline(
        figure,
        f"{plain(truth.name)}: what is decided at each x. Blue: class 0; orange: class 1; grey: "
        "refused.\nBlack: f of the model in the defence.",
    )
    return figure
