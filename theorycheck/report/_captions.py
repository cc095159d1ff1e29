"""Says in words what one sees in each figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from theorycheck.optimum import SAME_OPTIMUM
from theorycheck.report._analysis import ModelAnalysis
from theorycheck.report._examined import Examined
from theorycheck.report._figures_optimum import coarse, optimum_of
from theorycheck.report._numbers import shown
from theorycheck.report._representative_points import NOT_RARE

ETA = (
    "The PMO is the sum of the two curves: what x with KL(x) > η contribute (solid) and what the "
    "others do (dashed). The premise of Theorem 1 holds where the solid curve is above. As η → 0 "
    "that says no more than PMO > 0; the largest η for which it holds says more. Bands "
    "are error radii, often thinner than the lines."
)
CONDITION_1 = (
    "Condition (1) needs both margins at the same η: the first above zero, the second not below; "
    "and the theorem needs the premise there too, which holds up to the dotted line. "
    "G is the ground truth; P, H, L are Pr[X_Hi], D_Hi, D_Lo. A curve is left out where a "
    "conditional mean is not defined because its part of the data space is empty."
)


def data_caption(analysis: ModelAnalysis) -> str:
    """Say what the figure of the data shows."""
    marked = letters(analysis.points)
    dim = analysis.model.data_dim
    if dim == 1:
        return f"p(x), and z against f(z): an x that several z lead to has several modes. {marked}"
    if dim == 2 and coarse(analysis):
        return (
            "σ is too small against the size of the curve for a picture of p(x): the area of a "
            "disc is the probability of its stretch of the curve. The curve is coloured by z and "
            f"drawn thinner as z grows. {marked}"
        )
    if dim == 2:
        return (
            "p(x) in grey and the curve f(z), coloured by z. Where the curve meets itself with "
            f"different colours, posteriors have several modes. It is drawn thinner as z grows, so "
            f"that both passes show where it retraces itself. {marked}"
        )
    return f"Draws from p(x) and the curve f(z) in the first two of {dim} dimensions. {marked}"


class _Marked(Protocol):
    @property
    def letter(self) -> str: ...

    @property
    def role(self) -> str: ...


def letters(points: Sequence[_Marked]) -> str:
    """Say why each marked x was chosen."""
    roles = "; ".join(f"{point.letter}: {point.role}" for point in points)
    rare = f" (“not rare”: at least {NOT_RARE:.0%} of its peak)" if "not rare" in roles else ""
    return f"Letters mark x — {roles}{rare}."


def posterior_caption(analysis: ModelAnalysis) -> str:
    """Say what the figure of the posteriors shows, with every KL."""
    kls = "; ".join(f"{point.letter}: {shown(point.kl, 6)}" for point in analysis.points)
    return (
        f"The exact posterior and the Gaussian of least KL, at the marked x. KL in nats — {kls}. "
        "The radius covers log p(x) and rounding. Modes below 1 % of the mass are not counted."
    )


def kl_caption(analysis: ModelAnalysis) -> str:
    """Say what the map of KL(x) shows."""
    if analysis.model.data_dim == 1:
        return "KL(x) between the best Gaussian q and the posterior, and p(x). Letters as above."
    if analysis.model.data_dim == 2 and not coarse(analysis):
        return (
            "KL(x) between the best Gaussian q and the posterior. Contours enclose 50, 90 and 99 % "
            "of p(x); grey: p(x) is negligible. Sharp edges are where the best q changes modes."
        )
    return "KL(x) between the best Gaussian q and the posterior, at draws from p(x)."


def landscape_caption(analysis: ModelAnalysis) -> str:
    """Say what the landscape shows."""
    return (
        "KL[N(μ, s²) ‖ p(z|x)] over all Gaussians q, at the x marked "
        f"{analysis.landscape_letter}. Star: the global minimum, the optimal q. Circles: other "
        "local minima, in which an encoder may be trapped."
    )


def curves_caption(analysis: ModelAnalysis) -> str:
    """Say what the figure of both curves shows."""
    slope = optimum_of(analysis).predicted.largest_slope
    return (
        "The curve f(z) of the ground truth and of the predicted optimum, coloured by z, over the "
        "same data. Where the learned curve leaves the data MLEO rises; where it no longer "
        "passes the same x twice PMO falls. Its steepest piece has |f′| = "
        f"{slope:.3g} data units per unit of z."
    )


def densities_caption(analysis: ModelAnalysis) -> str:
    """Say what the figure of both densities shows."""
    if coarse(analysis):
        return (
            "The area of a disc is the probability of a cell of 6 σ. Right: learned minus true; "
            "orange is too much, blue too little. Less than 0.1 % is not drawn."
        )
    if analysis.model.data_dim == 1:
        return "p(x) of the data and of the predicted optimum, and their difference."
    return (
        "p(x) of the data and p_f(x) of the predicted optimum, on one scale, and their difference: "
        "orange is too much, violet too little."
    )


def trained_caption(analysis: ModelAnalysis) -> str:
    """Say what the figure of the trained networks shows, with every J and MLEO."""
    dim = analysis.model.data_dim
    truth = analysis.decomposition
    named = [("truth", truth)]
    if analysis.optimum is not None:
        named.append(("predicted optimum", analysis.optimum.predicted.decomposition))
    named += [(one.run.label, one.decomposition) for one in analysis.trained]
    numbers = "; ".join(
        f"{label}: J = {shown(result.excess, 4)}, MLEO = {shown(result.mleo, 4)}"
        for label, result in named
    )
    if dim == 1:
        panels = "Above: z against f(z), the truth’s in grey. Below: p_f(x) over p(x) in grey."
    elif dim == 2 and coarse(analysis):
        panels = (
            "Above: f(z), coloured by z, over discs for p(x). Below: the same discs for each "
            "decoder’s p_f(x); their area is probability."
        )
    elif dim == 2:
        panels = (
            "Above: f(z), coloured by z, over p(x) in grey. Below: each decoder’s p_f(x), on "
            "one scale."
        )
    else:
        panels = (
            "Above: f(z) over draws from p(x). Below: draws of each decoder. Two of {dim} axes."
        )
        panels = panels.format(dim=dim)
    own = ""
    if any(one.run.method == "iwae" for one in analysis.trained):
        own = " J is the ELBO’s, at the best q of each decoder; IWAE was trained on another bound."
    return f"{panels} In nats — {numbers}.{own} Curves far outside the data are cut off."


def paired_posteriors_caption(analysis: ModelAnalysis) -> str:
    """Say what the figure of both decoders' posteriors shows, with every KL."""
    optimum = optimum_of(analysis)
    kls = "; ".join(
        f"{a.letter}: {shown(a.kl, 6)} against {shown(b.kl, 6)}"
        for a, b in zip(analysis.points, optimum.points, strict=True)
    )
    return (
        "The exact posterior and the Gaussian of least KL at the marked x, for the ground truth "
        f"(left) and the predicted optimum (right). KL in nats — {kls}. The radius covers log p(x) "
        f"and rounding. Modes below 1 % of the mass are not counted. {letters(analysis.points)}"
    )


def paired_maps_caption(analysis: ModelAnalysis) -> str:
    """Say what the maps of both decoders show."""
    comparison = optimum_of(analysis).comparison
    words = {"holds": "simpler", "fails": "not simpler", "inconclusive": "not clearly simpler"}
    verdict = words[comparison.simpler_where_high.value]
    contours = ""
    if analysis.model.data_dim == 2 and not coarse(analysis):
        contours = " Contours enclose 50, 90 and 99 % of p(x); grey: p(x) is negligible."
    return (
        "KL(x) and the number of modes of the posterior (of at least 5 % of its mass), for the "
        f"ground truth and the predicted optimum, on the same scales.{contours} Where p(x) is high "
        f"the learned posteriors are {verdict}; the table has the averages."
    )


def starts_caption(analysis: Examined) -> str:
    """Say what the figure of the search shows."""
    predicted = analysis.found_optimum.predicted
    return (
        "J at the end of every coarse ascent, lowest first; the best are refined on finer cells, "
        "which lowers J, and the best of those is cut and rearranged, and ascended again (basin "
        "hopping). These J are those on the search’s "
        f"own data nodes, without radius; “found” means within {SAME_OPTIMUM:g} nats of the best "
        "start. The reported J is evaluated on nodes that the search never saw: "
        f"{shown(predicted.excess)} nats."
    )
