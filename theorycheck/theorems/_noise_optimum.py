"""σ² at the optimum of the ELBO: refitted where σ² was held, and optimised along with f and q.

Both optima were found by search and are upper bounds on the infimum of J. What is exact is the
evaluation: E_p E_q* (x_d − f_d)² of the decoder found, with an error radius. At a joint optimum it
equals σ_d²; how far it is from the σ² found, over 1 − ρ with the contraction ρ of the fit, is
therefore how far the joint optimum next to it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from theorycheck.errors import ModelError, SettingError
from theorycheck.estimate import Estimate, Kind
from theorycheck.inference import ExactModel
from theorycheck.models import DescribedModel, same_model
from theorycheck.objectives import decompose
from theorycheck.optimum import (
    SAME_OPTIMUM,
    Execution,
    NoiseFit,
    PredictedOptimum,
    SearchSettings,
    find_optimum,
)
from theorycheck.progress import NO_PROGRESS, Progress
from theorycheck.ruling import weakest
from theorycheck.theorems._em_rate import noise_contraction

#: The distance to the fixed point over its first-order estimate was 1.12 at most where it is known
#: (a line, 64 to 600 cells): the exact evaluation is of straight lines, the fit was of steps.
_SAFETY = 2.0


def mean_of(estimates: tuple[Estimate, ...]) -> Estimate:
    """Return the mean over data dimensions: the refit where they share one σ²."""
    count = len(estimates)
    return Estimate(
        sum(e.value for e in estimates) / count,
        sum(e.error for e in estimates) / count,
        weakest(e.kind for e in estimates) or Kind.EXACT,
    )


@dataclass(frozen=True, eq=False)
class NoiseAtOptimum:
    """σ² at one optimum that a search found.

    Parameters
    ----------
    found : PredictedOptimum
    refit : tuple of Estimate
        E_p E_q* (x_d − f_d)² of the decoder found, at the σ² of the decoder found.
    contraction : float
        ρ of `noise_contraction`; 0 where σ² was held.
    """

    found: PredictedOptimum
    refit: tuple[Estimate, ...]
    contraction: float

    @property
    def shared(self) -> Estimate:
        """The refit where one σ² is shared by all data dimensions."""
        return mean_of(self.refit)

    @property
    def noise_variance(self) -> tuple[Estimate, ...]:
        """σ_d² of the decoder found, and how far the fit's fixed point next to it is.

        _SAFETY times the displacement of one more step of the fit and its error radius, over
        1 − ρ. It is no bound on the distance to the σ² of a better optimum; see `spread`.
        """
        wanted = self.refit
        if self.found.fit_noise == "shared":
            wanted = (self.shared,) * len(self.refit)
        return tuple(
            Estimate(
                float(v),
                _SAFETY * (abs(e.value - float(v)) + e.error) / (1.0 - self.contraction),
                e.kind,
            )
            for v, e in zip(self.found.model.noise_variance, wanted, strict=True)
        )

    @property
    def spread(self) -> float:
        """How far σ² was from this one, relative, where other starts came as low.

        Of the starts refined on coarser data nodes and cells whose J came within SAME_OPTIMUM of
        the best of them: the largest difference in any dimension. Zero where σ² was held.
        """
        refined = [start for start in self.found.starts if start.refined is not None]
        lowest = min(start.refined for start in refined if start.refined is not None)
        here = self.found.model.noise_variance
        differences = [
            float(np.abs(np.asarray(start.noise_variance) / here - 1.0).max())
            for start in refined
            if start.refined is not None and start.refined < lowest + SAME_OPTIMUM
        ]
        return max(differences)

    def to_dict(self) -> dict[str, object]:
        """Return the figures for JSON."""
        return {
            **self.found.figures.to_dict(),
            "fit_noise": self.found.fit_noise,
            "refit": [e.to_dict() for e in self.refit],
            "refit_shared": self.shared.to_dict(),
            "contraction": self.contraction,
            "spread": self.spread,
            "starts": len(self.found.starts),
            "found": self.found.found,
            "convergence": self.found.convergence.to_dict(),
            "seed": self.found.seed,
        }


def noise_at(
    found: PredictedOptimum, *, tolerance: float = 1e-3, progress: Progress = NO_PROGRESS
) -> NoiseAtOptimum:
    """Evaluate the refit of σ² at an optimum.

    Parameters
    ----------
    found : PredictedOptimum
    tolerance : float
        Error radius wanted, relative to σ_d² of the decoder found.
    progress : Progress

    Returns
    -------
    NoiseAtOptimum

    Raises
    ------
    SettingError
        If the tolerance is not positive.
    """
    if not tolerance > 0.0:
        raise SettingError(f"the tolerance must be positive, not {tolerance}")
    refit = found.decomposition.residual_variance
    variance = found.model.noise_variance
    if any(not e.error <= tolerance * v for e, v in zip(refit, variance, strict=True)):
        # The PMO is known well enough: only the residuals are to be refined.
        refit = decompose(
            found.model,
            found.data,
            tolerance=max(1e-4, found.pmo.error),
            residual_tolerance=tolerance,
            progress=progress,
        ).residual_variance
    contraction = 0.0 if found.fit_noise == "no" else noise_contraction(found)
    return NoiseAtOptimum(found, refit, contraction)


def find_noise_optima(
    model: DescribedModel | ExactModel,
    settings: SearchSettings | None = None,
    *,
    fit: NoiseFit = "shared",
    execution: Execution | None = None,
) -> tuple[PredictedOptimum, PredictedOptimum]:
    """Find the optimum with σ² held, and the joint optimum over f, q and σ².

    Parameters
    ----------
    model : GenerativeModel, LinearGaussianModel or ExactModel
        The ground truth.
    settings : SearchSettings, optional
        As in :func:`~theorycheck.optimum.find_optimum`, for both searches; its
        ``fit_noise`` does not count.
    fit : {"shared", "each"}
        One σ² for all data dimensions, as in the paper, or one each.
    execution : Execution, optional
        For both searches; without a state file.

    Returns
    -------
    held, joint : PredictedOptimum
        The first is among the starts of the second.

    Raises
    ------
    SettingError
        If `fit` is another word.
    """
    if fit not in ("shared", "each"):
        raise SettingError(f"the fit of σ² must be shared or each, not {fit}")
    settings = settings or SearchSettings()
    held = find_optimum(model, replace(settings, fit_noise="no"), execution=execution)
    joint = find_optimum(
        model, replace(settings, fit_noise=fit), given=[held.model], execution=execution
    )
    return held, joint


def checked_optimum(
    found: PredictedOptimum | None, model: DescribedModel, *, joint: bool
) -> PredictedOptimum | None:
    """Return an optimum that is to be reported for a model, or say why it cannot be.

    Parameters
    ----------
    found : PredictedOptimum or None
    model : DescribedModel
        The ground truth that it must belong to.
    joint : bool
        True if σ² must have been optimised, false if it must have been held.

    Returns
    -------
    PredictedOptimum or None

    Raises
    ------
    ModelError
        If it belongs to other data, or σ² was held where it should not be, or the reverse.
    """
    if found is None:
        return None
    if not same_model(found.data, model):
        other = f"{found.data.name}, not of {model.name}"
        if found.data.name == model.name:
            other = f"another {model.name}: of this name, but with another f or σ²"
        raise ModelError(f"an optimum on the data of {other}")
    if joint != (found.fit_noise != "no"):
        state = "held" if joint else "optimised"
        raise ModelError(f"an optimum on the data of {model.name} at which σ² was {state}")
    return found
