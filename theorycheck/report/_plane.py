"""Draws in a data space of two dimensions (or the first two): curve, heat map, discs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection, QuadMesh
from matplotlib.colors import LinearSegmentedColormap, Normalize

from theorycheck.arrays import Array
from theorycheck.quadrature import LatentPanels
from theorycheck.report._figure_style import LATENT_COLOURS, mark_points
from theorycheck.report._figures_line import LATENT_REACH, curve_pieces
from theorycheck.report._representative_points import TellingPoint

#: Shares of the probability that the contours of p(x) enclose.
_ENCLOSED = (0.99, 0.9, 0.5)
#: Line widths at the smallest and largest z, in points.
_CURVE_WIDTHS = (6.0, 2.0)
#: Length of the curve that one bead stands for, in σ, and the area of a bead of all probability.
BEAD_LENGTH = 6.0
BEAD_AREA = 1600.0
#: Probability below which a stretch gets none.
LEAST_BEAD = 1e-3
#: The yellow end of the map is cut off: it does not show on white.
_LATENT = LinearSegmentedColormap.from_list(
    "latent", colormaps[LATENT_COLOURS](np.linspace(0.0, 0.88, 256))
)


def draw_curve(axes: Axes, panels: LatentPanels, *, thin: float = 1.0) -> ScalarMappable:
    """Draw the curve f(z), coloured by z.

    Parameters
    ----------
    axes : Axes
    panels : LatentPanels
        Panels of a decoder with D >= 2.
    thin : float
        Factor on the width of the line.

    Returns
    -------
    ScalarMappable
        The colours, for a colour bar.
    """
    pieces = [piece for piece in curve_pieces(panels) if len(piece) > 1]
    lines = np.concatenate([np.stack([p[:-1, 1:3], p[1:, 1:3]], axis=1) for p in pieces])
    latents = np.concatenate([0.5 * (p[:-1, 0] + p[1:, 0]) for p in pieces])
    # Thinner as z grows: where the curve retraces itself, both passes show.
    widths = thin * np.interp(latents, [-LATENT_REACH, LATENT_REACH], _CURVE_WIDTHS)
    # A thin white edge keeps the dark end apart from the dark of p(x).
    edge = LineCollection(list(lines), colors="white", linewidths=list(widths + 1.4), zorder=3)
    axes.add_collection(edge)
    norm = Normalize(-LATENT_REACH, LATENT_REACH)
    curve = LineCollection(
        list(lines), cmap=_LATENT, norm=norm, linewidths=list(widths), capstyle="round", zorder=4
    )
    curve.set_array(latents)
    axes.add_collection(curve)
    axes.autoscale_view()
    return curve


def draw_image(
    axes: Axes,
    plane: Sequence[Float64[Array, " _"]],
    values: Float64[Array, "n1 n2"],
    colours: str,
    low: float,
    high: float,
) -> QuadMesh:
    """Draw a heat map of values on the grid of two axes."""
    first, second = plane
    return axes.pcolormesh(
        first, second, values.T, cmap=colours, vmin=low, vmax=high, rasterized=True, zorder=0
    )


def draw_beads(axes: Axes, panels: LatentPanels) -> None:
    """Put a grey disc on every stretch of the curve, of an area in proportion to its prior mass.

    For data that are dots of a few σ on a curve of hundreds: a heat map would show nothing.
    """
    moves = np.linalg.norm(np.diff(panels.f, axis=1) / panels.model.sigma[:, None], axis=0)
    stretch = (np.concatenate([[0.0], np.cumsum(moves)]) / BEAD_LENGTH).round().astype(int)
    mass = np.exp(panels.log_weight)
    total = np.bincount(stretch, weights=mass)
    order = np.argsort(total)  # the heavy ones on top
    seen = order[total[order] > LEAST_BEAD]
    x, y = (np.bincount(stretch, weights=mass * f)[seen] / total[seen] for f in panels.f[:2])
    axes.scatter(x, y, s=BEAD_AREA * total[seen], color="#9A9A9A", edgecolors="black", zorder=2)


def draw_contours(
    axes: Axes,
    plane: Sequence[Float64[Array, " _"]],
    density: Float64[Array, "n1 n2"],
    *,
    thin: float = 1.0,
) -> None:
    """Draw the contours of p(x) that enclose given shares of the probability."""
    ordered = np.sort(density.ravel())[::-1]
    share = np.cumsum(ordered) / ordered.sum()
    index = np.minimum(np.searchsorted(share, _ENCLOSED), ordered.size - 1)
    levels = np.unique(ordered[index])
    if levels.size < len(_ENCLOSED):
        return
    # Black under white: visible on both ends of the colour map.
    first, second = plane
    for colour, width in (("black", 2.4), ("white", 1.1)):
        axes.contour(
            first, second, density.T, levels=levels, colors=colour, linewidths=thin * width
        )


def finish_plane(axes: Axes, points: Sequence[TellingPoint]) -> None:
    """Set aspect and labels, and mark the selected x."""
    axes.set_aspect("equal")
    axes.set_xlabel("x₁ (data units)")
    axes.set_ylabel("x₂ (data units)")
    mark_points(axes, points, [point.posterior.x[:2].tolist() for point in points])
