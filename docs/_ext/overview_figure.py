"""The figure of the README: ``python docs/_ext/overview_figure.py docs/_static/figure8.png``.

True curve over p(x), learned curve over p_f(x), and the difference of the two densities. The
learned decoder is the one that ``theorycheck optimum figure8`` finds, as the notebooks store it.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

import theorycheck as tc
from theorycheck.files import replace_files
from theorycheck.objectives import total_variation
from theorycheck.report import draw_curve, draw_image, new_figure, styled

_ROOT = Path(__file__).resolve().parents[2]
_LEARNED = _ROOT / "notebooks" / "decoders" / "figure8_elbo.npz"
#: Points a side of the densities' grid, about one for two pixels.
_RESOLUTION = 220
#: How far the picture reaches, data units: 99.9 % of p(x).
_REACH = (1.12, 0.92)
_DPI = 160


@styled
def overview() -> Figure:
    """Draw it."""
    truth = tc.benchmark("figure8")
    learned = tc.load_model(str(_LEARNED))
    plane = [np.linspace(-reach, reach, _RESOLUTION) for reach in _REACH]
    points = np.stack(np.meshgrid(*plane, indexing="ij"), axis=-1).reshape(-1, 2)
    shape = (_RESOLUTION, _RESOLUTION)
    density = [np.exp(tc.log_density(m, points).value).reshape(shape) for m in (truth, learned)]
    found = [tc.decompose(truth), tc.decompose(learned, truth)]
    misplaced = total_variation(learned, truth)

    figure = new_figure(3.35)
    panels = figure.subplots(1, 3, sharex=True, sharey=True)
    top = 1.25 * max(float(values.max()) for values in density)
    parts = zip(panels, (truth, learned), density, found, ("true", "learned"), strict=False)
    for axes, model, values, result, name in parts:
        shades = draw_image(axes, plane, values, "Greys", 0.0, top)
        curve = draw_curve(axes, tc.latent_panels(model), thin=0.6)
        axes.set_title(
            f"{name}: J = {result.excess.value:.4f} nats\n"
            f"= MLEO {result.mleo.value:.4f} + PMO {result.pmo.value:.4f}".replace("0.0000", "0")
        )
    difference = density[1] - density[0]
    largest = float(np.abs(difference).max())
    signed = draw_image(panels[2], plane, difference, "PuOr_r", -largest, largest)
    panels[2].set_title(f"learned − true:\n{100 * misplaced.value:.1f} % of p(x) misplaced")
    for axes in panels:
        axes.set(aspect="equal", xlabel="x₁ (data units)", xlim=(-1.12, 1.12), ylim=(-0.92, 0.92))
    panels[0].set_ylabel("x₂ (data units)")
    for axes, image, label in (
        (panels[0], curve, "z along f(z) (prior std. dev.)"),
        (panels[1], shades, "p(x), p_f(x) (per unit area)"),
        (panels[2], signed, "p_f(x) − p(x) (per unit area)"),
    ):
        bar = figure.colorbar(image, ax=axes, location="bottom", pad=0.03, aspect=25)
        bar.set_label(label)
        bar.ax.locator_params(nbins=5)
    return figure


def main(arguments: list[str]) -> int:
    """Write the picture."""
    if len(arguments) != 1:
        print("usage: overview_figure.py FILE.png", file=sys.stderr)
        return 2
    drawn, packed = io.BytesIO(), io.BytesIO()
    overview().savefig(drawn, format="png", dpi=_DPI)
    with Image.open(drawn) as picture:
        picture.convert("RGB").save(packed, format="png", optimize=True)
    replace_files({Path(arguments[0]): packed.getvalue()})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
