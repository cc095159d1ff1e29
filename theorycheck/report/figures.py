"""All figures of one model, in the order of a report, with their captions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from matplotlib.figure import Figure

from theorycheck.report.analysis import ModelAnalysis
from theorycheck.report.figure_style import encode
from theorycheck.report.figures_data import data_figure, kl_map_figure
from theorycheck.report.figures_posterior import landscape_figure, posterior_figure
from theorycheck.report.figures_theorem import condition_1_figure, eta_figure
from theorycheck.report.numbers import shown
from theorycheck.report.telling_points import NOT_RARE, is_coarse

__all__ = [
    "ReportFigure",
    "condition_1_figure",
    "data_figure",
    "eta_figure",
    "figures_of",
    "kl_map_figure",
    "landscape_figure",
    "posterior_figure",
]


@dataclass(frozen=True)
class ReportFigure:
    """A figure ready to stand in a page.

    Parameters
    ----------
    name : str
        ``"data"``, ``"posteriors"``, ``"kl_map"``, ``"eta"``, ``"condition_1"`` or ``"landscape"``.
    address : str
        The image itself, as a ``data:`` address.
    caption : str
        What one sees.
    """

    name: str
    address: str
    caption: str


def figures_of(analysis: ModelAnalysis) -> tuple[ReportFigure, ...]:
    """Draw and encode every figure that an analysis gives rise to.

    Parameters
    ----------
    analysis : ModelAnalysis

    Returns
    -------
    tuple of ReportFigure
    """
    # Heat maps as PNG, lines as SVG.
    recipes: list[tuple[str, Callable[[ModelAnalysis], Figure], Literal["png", "svg"], str]] = [
        ("data", data_figure, "png", _data_caption(analysis)),
        ("posteriors", posterior_figure, "svg", _posterior_caption(analysis)),
        ("kl_map", kl_map_figure, "png", _kl_caption(analysis)),
        ("eta", eta_figure, "svg", _ETA),
    ]
    if analysis.theorem1.alternatives:
        recipes.append(("condition_1", condition_1_figure, "svg", _CONDITION_1))
    recipes.append(("landscape", landscape_figure, "png", _landscape_caption(analysis)))
    return tuple(
        ReportFigure(name, encode(draw(analysis), kind), caption)
        for name, draw, kind, caption in recipes
    )


_ETA = (
    "The PMO is the sum of the two curves: what x with KL(x) > η contribute (solid) and what the "
    "others do (dashed). The premise of Theorem 1 holds where the solid curve is above. As η → 0 "
    "that says no more than PMO > 0; the largest η for which it holds is the telling one. Bands "
    "are error radii, often thinner than the lines."
)
_CONDITION_1 = (
    "Condition (1) needs both margins at the same η: the first above zero, the second not below. "
    "G is the ground truth; P, H, L are Pr[X_Hi], D_Hi, D_Lo. A curve is left out where a "
    "conditional mean is not defined because its part of the data space is empty."
)


def _data_caption(analysis: ModelAnalysis) -> str:
    letters = _letters(analysis)
    dim = analysis.model.data_dim
    if dim == 1:
        return f"p(x), and z against f(z): an x that several z lead to has several modes. {letters}"
    if dim == 2 and _is_coarse(analysis):
        return (
            "σ is too small against the size of the curve for a picture of p(x): the area of a "
            "bead is the probability of its stretch of the curve. The curve is coloured by z and "
            f"drawn thinner as z grows. {letters}"
        )
    if dim == 2:
        return (
            "p(x) in grey and the curve f(z), coloured by z. Where the curve meets itself with "
            f"different colours, posteriors have several modes. It is drawn thinner as z grows, so "
            f"that both passes show where it retraces itself. {letters}"
        )
    return f"Draws from p(x) and the curve f(z) in the first two of {dim} dimensions. {letters}"


def _is_coarse(analysis: ModelAnalysis) -> bool:
    surface = analysis.kl_map
    return surface is not None and is_coarse(surface, analysis.model.sigma)


def _letters(analysis: ModelAnalysis) -> str:
    roles = "; ".join(f"{point.letter}: {point.role}" for point in analysis.points)
    rare = f" (“not rare”: at least {NOT_RARE:.0%} of its peak)" if "not rare" in roles else ""
    return f"Letters mark x — {roles}{rare}."


def _posterior_caption(analysis: ModelAnalysis) -> str:
    kls = "; ".join(f"{point.letter}: {shown(point.kl, 6)}" for point in analysis.points)
    return (
        f"The exact posterior and the Gaussian of least KL, at the marked x. KL in nats — {kls}. "
        "The radius covers log p(x) and rounding. Modes below 1 % of the mass are not counted."
    )


def _kl_caption(analysis: ModelAnalysis) -> str:
    if analysis.model.data_dim == 1:
        return "KL(x) between the best Gaussian q and the posterior, and p(x). Letters as above."
    if analysis.model.data_dim == 2 and not _is_coarse(analysis):
        return (
            "KL(x) between the best Gaussian q and the posterior. Contours enclose 50, 90 and 99 % "
            "of p(x); grey: p(x) is negligible. Sharp edges are where the best q changes modes."
        )
    return "KL(x) between the best Gaussian q and the posterior, at draws from p(x)."


def _landscape_caption(analysis: ModelAnalysis) -> str:
    return (
        "KL[N(μ, s²) ‖ p(z|x)] over all Gaussians q, at the x marked "
        f"{analysis.landscape_letter}. Star: the global minimum, the optimal q. Circles: other "
        "local minima, in which an encoder may be trapped."
    )
