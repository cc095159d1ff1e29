"""Evaluates trained networks where the ground truth was: J, MLEO, and p_f on the same grid."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from jaxtyping import Float64

from theorycheck.arrays import Array
from theorycheck.errors import LoadingError
from theorycheck.estimate import Estimate
from theorycheck.models import as_generative, is_on_line
from theorycheck.objectives import Decomposition, Evaluated, KlMap, decompose
from theorycheck.optimum import PredictedOptimum
from theorycheck.progress import NO_PROGRESS, Progress
from theorycheck.quadrature import LatentPanels, largest_slope, latent_panels
from theorycheck.report._trained import RESULT, TrainedRun

#: Error radius of a network's PMO, nats: networks differ by hundredths.
_TOLERANCE = 1e-4
#: Nats by which J may differ from what the run says of itself, beyond both radii.
_SAME_NETWORK = 1e-3


@dataclass(frozen=True, eq=False)
class TrainedAnalysis(Evaluated):
    """Holds one trained network beside the ground truth and the predicted optimum.

    Parameters
    ----------
    run : TrainedRun
    decomposition : Decomposition
        Decomposition of the network on the ground truth's data, evaluated anew.
    above : Estimate or None
        J − J(predicted optimum of the report), nats; None where there was no search.
    density : ndarray or None
        p_f(x) on the axes of the ground truth's map; None where D > 2 or there is none.
    panels : LatentPanels or None
        f at its nodes; None of more latents than one.
    """

    run: TrainedRun
    decomposition: Decomposition
    above: Estimate | None
    density: Float64[Array, "*grid"] | None
    panels: LatentPanels | None = field(repr=False)

    @cached_property
    def largest_slope(self) -> float | None:
        """Return the largest |f′(z)| for |z| <= 4; None of more latents than one."""
        return None if self.panels is None else largest_slope(self.panels)

    def to_dict(self) -> dict[str, object]:
        """Return the figures for JSON."""
        return {
            "label": self.run.label,
            "method": self.run.method,
            "samples": self.run.samples,
            "restarts": self.run.restarts,
            **self.figures.to_dict(),
            "noise_variance": self.decomposition.model.noise_variance.tolist(),
            "above_predicted": None if self.above is None else self.above.to_dict(),
            "own_gap": None if self.run.gap is None else self.run.gap.to_dict(),
            "largest_slope": self.largest_slope,
        }


def analyse_trained(
    run: TrainedRun,
    truth: Decomposition,
    surface: KlMap | None,
    predicted: PredictedOptimum | None,
    progress: Progress = NO_PROGRESS,
) -> TrainedAnalysis:
    """Judge a trained network on the ground truth's data.

    Parameters
    ----------
    run : TrainedRun
    truth : Decomposition
        Decomposition at the ground truth.
    surface : KlMap or None
        KL(x) of the ground truth over the data space; None where D > 2 or it has several latents.
    predicted : PredictedOptimum or None
    progress : Progress

    Returns
    -------
    TrainedAnalysis

    Raises
    ------
    LoadingError
        If J is not what the run says of itself: its checkpoint is of another run.
    """
    panels = latent_panels(run.model) if is_on_line(run.model) else None
    result = decompose(
        run.model, as_generative(truth.data), tolerance=_TOLERANCE, progress=progress
    )
    difference = abs(result.excess.value - run.excess.value)
    if not difference <= result.excess.error + run.excess.error + _SAME_NETWORK:
        raise LoadingError(
            f"--trained {run.directory}: J of its checkpoint is {result.excess}, but {RESULT} says "
            f"{run.excess}: they are not of one run"
        )
    density = None if surface is None or panels is None else surface.density_of(panels)
    # Of fewer latents than the network has, an optimum says nothing of how far it is off.
    above = None
    if predicted is not None and predicted.latents >= run.model.latent_dim:
        above = result.excess - predicted.decomposition.excess
    return TrainedAnalysis(run, result, above, density, panels)
