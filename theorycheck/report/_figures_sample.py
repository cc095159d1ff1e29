"""Draws a VAE on a table of x: its latent plane, its worst x, and where log p(x) is lost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse

from theorycheck.evaluation import SampleJudged
from theorycheck.inference import MeanFieldBoxes, posterior_on_boxes
from theorycheck.report._figure_files import write_png_figures
from theorycheck.report._figure_style import GAUSSIAN, SERIES, new_figure, number, styled
from theorycheck.report._latent_contours import DrawnGaussian, draw_posterior

#: x of which posteriors are drawn, and x drawn in the plane at most.
_WORST, _MOST = 6, 3_000


def write_sample_figures(result: SampleJudged, directory: Path) -> list[Path]:
    """Write the figures of a VAE on a table of x as PNG files.

    Parameters
    ----------
    result : SampleJudged
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
    figures = {"gaps.png": gaps_figure(result)}
    if result.model.latent_dim == 2:
        figures["latent-plane.png"] = latent_plane_figure(result)
        figures["worst-x.png"] = worst_figure(result)
    return write_png_figures(figures, directory)


@styled
def latent_plane_figure(result: SampleJudged) -> Figure:
    """Draw the means of q over the latent plane, coloured by what the ELBO misses at each x.

    Parameters
    ----------
    result : SampleJudged
        Of two latents.

    Returns
    -------
    Figure
    """
    figure = new_figure(5.4)
    axes = figure.add_subplot(1, 1, 1)
    mean = result.best_mean if result.own_mean is None else result.own_mean
    gaps = result.total_gaps
    rows = np.argsort(gaps)[-_MOST:]
    ceiling = float(np.quantile(gaps, 0.98))
    dots = axes.scatter(
        mean[rows, 0], mean[rows, 1], c=np.clip(gaps[rows], 0.0, ceiling), s=14, cmap="viridis_r",
        linewidths=0,
    )  # fmt: skip
    for radius in (1.0, 2.0, 3.0):
        circle = Ellipse(
            (0.0, 0.0), 2 * radius, 2 * radius, fill=False, edgecolor="0.6", linewidth=0.8
        )
        axes.add_patch(circle)
        axes.annotate(
            f"{radius:g}", (0.0, radius), fontsize=8, color="0.4", ha="center", va="bottom"
        )
    for place, row in enumerate(result.worst(_WORST)):
        axes.annotate(
            "ABCDEF"[place], (mean[row, 0], mean[row, 1]), xytext=(5, 5),
            textcoords="offset points", fontweight="bold", fontsize=11,
        )  # fmt: skip
    axes.set_aspect("equal")
    axes.autoscale_view()
    axes.set_xlabel("z₁ (prior std. dev.)")
    axes.set_ylabel("z₂ (prior std. dev.)")
    whose = "encoder's q" if result.own_mean is not None else "best q"
    figure.suptitle(
        f"Means of the {whose} at {len(rows):,} x. Circles: 1, 2 and 3 standard deviations of the "
        "prior.\nA to F: the x at which the ELBO misses most of log p(x).",
        x=0.01, ha="left", fontsize=10.5,
    )  # fmt: skip
    figure.colorbar(dots, ax=axes, label="log p(x) − ELBO, nats", extend="max")
    return figure


@styled
def worst_figure(result: SampleJudged) -> Figure:
    """Draw the exact posteriors of the worst x in the latent plane, with both Gaussians.

    Parameters
    ----------
    result : SampleJudged
        Of two latents.

    Returns
    -------
    Figure
    """
    engine = MeanFieldBoxes(result.model)
    rows = result.worst(_WORST)
    figure = new_figure(6.4)
    for place, row in enumerate(rows):
        axes = figure.add_subplot(2, 3, place + 1)
        _posterior_panel(axes, result, engine, row)
        axes.set_title(
            f"{'ABCDEF'[place]}: row {row}, {number(float(result.total_gaps[row]))} nats",
            loc="left", fontsize=10,
        )  # fmt: skip
        if place % 3 == 0:
            axes.set_ylabel("z₂")
        if place >= len(rows) - 3:
            axes.set_xlabel("z₁")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=3)
    return figure


def _posterior_panel(axes: Axes, result: SampleJudged, engine: MeanFieldBoxes, row: int) -> None:
    best = (result.best_mean[row], result.best_scale[row])
    gaussians = [DrawnGaussian(*best, GAUSSIAN, "-", "best q, 2 std. dev.")]
    if result.own_mean is not None and result.own_scale is not None:
        own = (result.own_mean[row], result.own_scale[row])
        gaussians.append(DrawnGaussian(*own, SERIES[2], "--", "the encoder's q, 2 std. dev."))
    posterior = posterior_on_boxes(engine.boxes, result.x[row])
    draw_posterior(axes, result.model, posterior, gaussians)


@styled
def gaps_figure(result: SampleJudged) -> Figure:
    """Draw what is lost of log p(x), x by x: by the family, the encoder, and importance draws.

    Parameters
    ----------
    result : SampleJudged

    Returns
    -------
    Figure
    """
    figure = new_figure(3.6)
    axes = figure.add_subplot(1, 2 if result.draws else 1, 1)
    share = np.linspace(0.0, 100.0, len(result.x))
    pairs = [("family of q: log p(x) − ELBO(best q)", result.approximation_gaps, GAUSSIAN)]
    if result.amortisation_gaps is not None:
        pairs.append(("encoder: ELBO(best q) − ELBO", result.amortisation_gaps, SERIES[2]))
    for label, values, colour in pairs:
        axes.plot(share, np.sort(np.maximum(values, 1e-6)), color=colour, label=label)
    axes.set_yscale("log")
    axes.set_xlabel("share of the x below, %")
    axes.set_ylabel("nats")
    axes.set_title("What the ELBO misses of log p(x)", loc="left")
    axes.legend()
    if result.draws:
        axes = figure.add_subplot(1, 2, 2)
        for one, colour in zip(result.draws, (SERIES[0], SERIES[1], SERIES[3]), strict=False):
            part = np.linspace(0.0, 100.0, len(one.error))
            axes.plot(part, np.sort(one.error), color=colour, label=f"{one.samples:,} draws")
        axes.axhline(0.0, color="0.5", linewidth=0.8)
        axes.set_xlabel("share of the x below, %")
        axes.set_ylabel("estimate − log p(x), nats")
        axes.set_title("log p(x) by importance draws", loc="left")
        axes.legend()
    return figure
