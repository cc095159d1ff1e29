"""Theorem 2: the noise variance that minimises −ELBO, and its bias.

With θ and φ fixed, −ELBO in σ_d² is ½ log σ_d² + E_p E_q (x_d − f_d)²/(2σ_d²) + const, whence
σ̂_d² = E_p E_q (x_d − f_d(z))². At the true f it is σ_d² if q is the exact posterior, and differs
from it where q is not. At the optimum of the ELBO, where f is another one, see `noise_optimum`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from theorycheck.errors import ModelError, SettingError
from theorycheck.estimate import Estimate, Verdict, positive
from theorycheck.inference import SMOOTH_STEP, ExactModel, data_rule, described_model, exact_model
from theorycheck.models import DescribedModel, fingerprint_of, same_model
from theorycheck.objectives import Decomposition, decompose
from theorycheck.optimum import PredictedOptimum
from theorycheck.progress import NO_PROGRESS, Progress
from theorycheck.quadrature import UNRESOLVED_MASS
from theorycheck.results import Saved
from theorycheck.ruling import Ruling
from theorycheck.theorems._noise_curve import NoiseCurve
from theorycheck.theorems._noise_optimum import NoiseAtOptimum, checked_optimum, mean_of, noise_at

#: Pairs of data node and latent node looked at in all.
_MOST_PAIRS = 200_000_000
#: Mass of p(x) in the lightest nodes that are left out, and units of σ_d² that E[(x_d − f_d)² | x]
#: may have there.
_IGNORED_MASS, _LARGEST = 1e-11, 100.0


@dataclass(frozen=True)
class Theorem2Check(Saved):
    """σ² refitted at the ground truth, per data dimension.

    Parameters
    ----------
    model : DescribedModel
        The ground truth.
    true : tuple of float
        σ_d² of the model.
    refit_at_ground_truth : tuple of Estimate
        E_p E_q* (x_d − f_d)² with the optimal mean-field Gaussian q.
    exact_posterior : tuple of Estimate
        The same with q the exact posterior.
    bias : tuple of Estimate
        Refit minus true.
    verdict : Verdict
        HOLDS if the mean-field refit is biased in some dimension beyond the error radius, FAILS
        if it is unbiased in all (exactly Gaussian posteriors), else INCONCLUSIVE.
    optimum : NoiseAtOptimum or None
        The refit at the best decoder found with σ² held, if there was a search.
    joint : NoiseAtOptimum or None
        The best decoder and σ² found together.
    curve : NoiseCurve or None
        The least J found at each of several σ², if they were searched for.
    """

    schema: ClassVar[str] = "noise"

    model: DescribedModel
    true: tuple[float, ...]
    refit_at_ground_truth: tuple[Estimate, ...]
    exact_posterior: tuple[Estimate, ...]
    bias: tuple[Estimate, ...]
    verdict: Verdict
    optimum: NoiseAtOptimum | None = None
    joint: NoiseAtOptimum | None = None
    curve: NoiseCurve | None = None

    def with_curve(self, curve: NoiseCurve) -> Theorem2Check:
        """Return the check with the curve J*(σ²) on the same data beside it.

        Parameters
        ----------
        curve : NoiseCurve

        Returns
        -------
        Theorem2Check

        Raises
        ------
        ModelError
            If the curve belongs to other data.
        """
        if not same_model(curve.data, self.model):
            raise ModelError(f"the curve is of {curve.data.name}, not of {self.model.name}")
        return replace(self, curve=curve)

    @property
    def ruling(self) -> Ruling:
        """The verdict and the weakest kind of the biases' radii."""
        return Ruling.of(self.verdict, self.bias)

    @property
    def shared(self) -> Estimate:
        """The refit where one σ² is shared by all data dimensions: the mean over them."""
        return mean_of(self.refit_at_ground_truth)

    @property
    def refit_at_optimum(self) -> tuple[Estimate, ...] | None:
        """E_p E_q* (x_d − f_d)² at the best decoder found with σ² held; None without a search."""
        return None if self.optimum is None else self.optimum.refit

    @property
    def joint_optimum(self) -> tuple[Estimate, ...] | None:
        """σ_d² of the best decoder and σ² found together; None without a search.

        The radius says how well the σ² found is a fixed point of the fit, exactly evaluated. The
        optimum itself is the best that a search found: see `NoiseAtOptimum.spread`.
        """
        return None if self.joint is None else self.joint.noise_variance

    @property
    def summary(self) -> str:
        """Say in plain words what was found."""
        if not all(np.isfinite(e.error) for e in (*self.bias, *self.exact_posterior)):
            return "f is not resolved against σ: nothing can be said about the fit of σ²."
        relative = [b.value / t for b, t in zip(self.bias, self.true, strict=True)]
        worst = max(relative, key=abs)
        direction = "too large" if worst > 0 else "too small"
        if self.verdict is Verdict.HOLDS:
            return (
                f"At the true f the mean-field ELBO fits σ² {abs(worst):.2%} {direction} "
                f"in data dimension {relative.index(worst) + 1}; with the exact posterior the fit "
                "is unbiased."
            )
        if self.verdict is Verdict.FAILS:
            return "At the true f the mean-field fit of σ² is unbiased: posteriors are Gaussian."
        return "At the true f a bias of σ² is smaller than its error radius."

    def _about(self) -> dict[str, object]:
        return {"data": self.model.name, "fingerprint": fingerprint_of(self.model)}

    def to_dict(self) -> dict[str, object]:
        """Return what ``theorycheck noise --json`` prints."""
        curve = {} if self.curve is None else {"curve": self.curve.to_dict()}
        return {
            "model": self.model.name,
            "true": list(self.true),
            "refit_at_ground_truth": [e.to_dict() for e in self.refit_at_ground_truth],
            "refit_shared": self.shared.to_dict(),
            "exact_posterior": [e.to_dict() for e in self.exact_posterior],
            "bias": [e.to_dict() for e in self.bias],
            **self.ruling.to_dict(),
            "refit_at_optimum": _dicts(self.refit_at_optimum),
            "joint_optimum": _dicts(self.joint_optimum),
            "optimum": None if self.optimum is None else self.optimum.to_dict(),
            "joint": None if self.joint is None else self.joint.to_dict(),
            **curve,
        }


#: A relative bias below this counts as none: the residual is then at rounding level.
NEGLIGIBLE_BIAS = 1e-9


def check_theorem2(
    model: DescribedModel | ExactModel,
    *,
    tolerance: float = 1e-4,
    decomposition: Decomposition | None = None,
    optimum: PredictedOptimum | None = None,
    joint: PredictedOptimum | None = None,
    progress: Progress = NO_PROGRESS,
) -> Theorem2Check:
    """Refit σ² at the ground truth, with the mean-field q and with the exact posterior.

    Parameters
    ----------
    model : GenerativeModel, LinearGaussianModel or ExactModel
        The ground truth.
    tolerance : float
        Error radius wanted for the refit, relative to σ_d².
    decomposition : Decomposition, optional
        The decomposition of this model on its own data, if there is one already: its residuals are
        used as they are.
    optimum, joint : PredictedOptimum, optional
        On this model's data, with σ² held and with σ² optimised, as from `find_noise_optima`.
    progress : Progress

    Returns
    -------
    Theorem2Check

    Raises
    ------
    SettingError
        If the tolerance is not positive.
    ModelError
        If an optimum belongs to other data.
    """
    if not tolerance > 0.0:
        raise SettingError(f"the tolerance must be positive, not {tolerance}")
    described = described_model(model)
    held = checked_optimum(optimum, described, joint=False)
    together = checked_optimum(joint, described, joint=True)
    known = exact_model(model)
    result = decomposition or decompose(
        known, tolerance=1e-4, residual_tolerance=tolerance, progress=progress
    )
    true = tuple(float(v) for v in described.noise_variance)
    refit = result.residual_variance
    exact = _exact_posterior_refit(known)
    if not result.resolved:
        refit = tuple(replace(r, error=np.inf) for r in refit)
    bias = tuple(replace(r, value=r.value - t) for r, t in zip(refit, true, strict=True))
    at_optimum, at_joint = (
        None if found is None else noise_at(found, tolerance=10.0 * tolerance, progress=progress)
        for found in (held, together)
    )
    verdict = _verdict(bias, true)
    return Theorem2Check(described, true, refit, exact, bias, verdict, at_optimum, at_joint)


def _dicts(estimates: tuple[Estimate, ...] | None) -> list[dict[str, float | str]] | None:
    return None if estimates is None else [e.to_dict() for e in estimates]


def _verdict(bias: tuple[Estimate, ...], true: tuple[float, ...]) -> Verdict:
    if not all(np.isfinite(b.error) for b in bias):
        return Verdict.INCONCLUSIVE
    biased = [
        positive(Estimate(abs(b.value), b.error)) is Verdict.HOLDS
        and abs(b.value) > NEGLIGIBLE_BIAS * t
        for b, t in zip(bias, true, strict=True)
    ]
    if any(biased):
        return Verdict.HOLDS
    unbiased = all(abs(b.value) <= NEGLIGIBLE_BIAS * t for b, t in zip(bias, true, strict=True))
    return Verdict.FAILS if unbiased else Verdict.INCONCLUSIVE


def _exact_posterior_refit(model: ExactModel) -> tuple[Estimate, ...]:
    """E_p E_{p(z|x)} (x_d − f_d)², posterior by posterior: p(x) E[(x_d − f_d)² | x] is smooth."""
    variance = model.model.noise_variance
    if model.unresolved_mass > UNRESOLVED_MASS:
        return tuple(Estimate(float(v), np.inf) for v in variance)
    rule = data_rule(
        model,
        step=SMOOTH_STEP,
        ignored=_IGNORED_MASS,
        most=_MOST_PAIRS // model.latent_nodes,
        size=max(16, min(256, _MOST_PAIRS // (16 * model.latent_nodes))),
    )
    return tuple(
        rule.average(squares, unseen=_LARGEST * float(v), smooth=True)
        for squares, v in zip(model.posterior_squares(rule.x).T, variance, strict=True)
    )
