"""Says in words what one sees in each figure of a model of two or three latents."""

from __future__ import annotations

from theorycheck.report._captions import letters
from theorycheck.report._numbers import shown
from theorycheck.report._several_analysis import SeveralAnalysis


def grid_caption(analysis: SeveralAnalysis) -> str:
    """Say what the figure of the bent grid shows."""
    latents, dim = analysis.model.latent_dim, analysis.model.data_dim
    lines = (
        "lines of constant z₁ and z₂ at −2, −1, 0, 1, 2 (thick: through 0)"
        if latents == 2
        else "lines through z = 0 along each latent"
    )
    where = "p(x) in grey" if analysis.density is not None else "Draws from p(x) in grey"
    axes = "" if dim == 2 else f" The first two of {dim} dimensions."
    return (
        f"{where}, and the images under f of {lines}. Where the grid lies on itself, posteriors "
        f"have several modes; where its lines do not cross at right angles, z₁ and z₂ are "
        f"correlated given x, which no mean-field q is.{axes} {_letters(analysis)}"
    )


def kl_caption(analysis: SeveralAnalysis) -> str:
    """Say what the figure of KL(x) shows."""
    return (
        "KL(x) between the best product of Gaussians and the posterior, at draws from p(x). "
        f"{_letters(analysis)}"
    )


def posteriors_caption(analysis: SeveralAnalysis) -> str:
    """Say what the figure of the posteriors shows, with every KL."""
    kls = "; ".join(
        f"{point.letter}: {shown(point.kl, 6)}, {point.modes} mode{'s' * (point.modes != 1)}"
        for point in analysis.points
    )
    return (
        "The exact posterior over both latents and the product of Gaussians of least KL, at the "
        f"marked x. KL in nats — {kls}. Modes count from a hundredth of the highest."
    )


def _letters(analysis: SeveralAnalysis) -> str:
    return letters(analysis.points) if analysis.points else ""
