"""A VAE on a table of x: exact log p(x), and what encoder, family of q and draws each lose of it.

For every x of the table, with q* the best q of the family and q that of the encoder,

    log p(x) − ELBO(q) = KL[q* ‖ p(z|x)] + (ELBO(q*) − ELBO(q)),

the approximation gap of the family and the amortisation gap of the encoder (Cremer et al. 2018).
Both are exact of this table: no truth is needed, and none is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from theorycheck.arrays import Array, PerPoint, Points
from theorycheck.errors import ModelError, SettingError
from theorycheck.estimate import Estimate, Kind
from theorycheck.evaluation._amortisation import Encoder
from theorycheck.evaluation._given_q import negative_elbo_at
from theorycheck.evaluation._importance_draws import ImportanceDraws, importance_draws
from theorycheck.evaluation._sample_noise import FittedNoise, fit_noise_to_sample
from theorycheck.inference import MeanField, MeanFieldBoxes, as_points, density_kind, exact_model
from theorycheck.models import GenerativeModel
from theorycheck.objectives import LatentUse, latent_use
from theorycheck.progress import NO_PROGRESS, Progress
from theorycheck.results import Saved

#: x worked on between two reports of progress.
_BATCH = 256
#: Draws of z with which log p(x) is estimated by default, and x for which it is.
DRAWS, MOST_POINTS = (100, 5_000), 200


@dataclass(frozen=True, eq=False)
class SampleJudged(Saved):
    """Exact figures of a VAE on a table of n points x.

    Parameters
    ----------
    model : GenerativeModel
        Decoder and σ².
    x : ndarray, shape (n, D)
        The table.
    log_density, density_error : ndarray, shape (n,)
        log p(x) and its error radius, nats.
    best_mean, best_scale : ndarray, shape (n, K)
        μ and s of the best q.
    best_negative_elbo, gap : ndarray, shape (n,)
        −ELBO_x there, and nats by which some q could be better.
    own_mean, own_scale : ndarray, shape (n, K), or None
        μ and s of the encoder's q.
    own_negative_elbo, own_error : ndarray, shape (n,), or None
        −ELBO_x there, and its radius, nats.
    use : tuple of LatentUse
        How the encoder's q, or else the best, use each latent.
    draws : tuple of ImportanceDraws
        Estimates of log p(x) by importance averages over draws from that q.
    noise : FittedNoise or None
        How σ² was fitted, where it was.
    kind : Kind
        What the radii of log p(x) are: statistical where it is an average over random points.
    """

    schema: ClassVar[str] = "judged_sample"

    model: GenerativeModel
    x: Points
    log_density: PerPoint
    density_error: PerPoint
    best_mean: Float64[Array, "n K"]
    best_scale: Float64[Array, "n K"]
    best_negative_elbo: PerPoint
    gap: PerPoint
    own_mean: Float64[Array, "n K"] | None
    own_scale: Float64[Array, "n K"] | None
    own_negative_elbo: PerPoint | None
    own_error: PerPoint | None
    use: tuple[LatentUse, ...]
    draws: tuple[ImportanceDraws, ...]
    noise: FittedNoise | None
    kind: Kind = Kind.ESTIMATED

    @property
    def approximation_gaps(self) -> PerPoint:
        """KL[q*(z|x) ‖ p(z|x)] at each x, nats."""
        result: Array = self.best_negative_elbo + self.log_density
        return result

    @property
    def amortisation_gaps(self) -> PerPoint | None:
        """ELBO at the best q less that at the encoder's, at each x, nats."""
        if self.own_negative_elbo is None:
            return None
        result: Array = self.own_negative_elbo - self.best_negative_elbo
        return result

    @property
    def total_gaps(self) -> PerPoint:
        """Return log p(x) less the ELBO of the encoder's q, or of the best, at each x, nats."""
        own = self.own_negative_elbo
        result: Array = self.log_density + (self.best_negative_elbo if own is None else own)
        return result

    @property
    def mean_log_density(self) -> Estimate:
        """Mean of log p(x) over the table, nats."""
        return self._mean(self.log_density, self.density_error)

    @property
    def mean_approximation_gap(self) -> Estimate:
        """Mean of KL[q* ‖ p(z|x)] over the table, nats."""
        return self._mean(self.approximation_gaps, self.density_error + self.gap)

    @property
    def mean_amortisation_gap(self) -> Estimate | None:
        """Mean of what the encoder loses against the best q, nats."""
        gaps = self.amortisation_gaps
        if gaps is None or self.own_error is None:
            return None
        return self._mean(gaps, self.gap + self.own_error)

    @property
    def mean_elbo(self) -> Estimate:
        """Mean ELBO of the encoder's q, or of the best where there is none, nats."""
        own = self.own_negative_elbo
        if own is None or self.own_error is None:
            return self._mean(-self.best_negative_elbo, self.gap)
        return self._mean(-own, self.own_error)

    def _mean(self, values: PerPoint, errors: PerPoint) -> Estimate:
        error = float(errors.mean()) + 1e-13 * (1.0 + float(np.abs(values).mean()))
        return Estimate(float(values.mean()), error, self.kind)

    def worst(self, count: int) -> list[int]:
        """Return the rows of the largest gap between log p(x) and the ELBO, largest first."""
        return [int(row) for row in np.argsort(-self.total_gaps, kind="stable")[:count]]

    def _about(self) -> dict[str, Any]:
        return {"model": self.model.name, "fingerprint": self.model.fingerprint}

    def to_dict(self) -> dict[str, object]:
        """Return what ``theorycheck judge --json`` prints for a table of x."""
        amortisation, noise = self.mean_amortisation_gap, self.noise
        resolved = np.isfinite(self.density_error)
        return {
            "model": self.model.name,
            "latents": self.model.latent_dim,
            "data_dim": self.model.data_dim,
            "size": len(self.x),
            "noise_variance": self.model.noise_variance.tolist(),
            "noise_fit": None
            if noise is None
            else {"steps": noise.steps, "converged": noise.converged},
            "encoder": self.own_negative_elbo is not None,
            "log_density": self.mean_log_density.to_dict_or_null(),
            "elbo": self.mean_elbo.to_dict_or_null(),
            "approximation_gap": self.mean_approximation_gap.to_dict_or_null(),
            "amortisation_gap": None if amortisation is None else amortisation.to_dict_or_null(),
            "unresolved_points": int((~resolved).sum()),
            "latent_use": [one.to_dict() for one in self.use],
            "draws": [one.to_dict() for one in self.draws],
            "worst": [
                {
                    "row": row,
                    "log_density": float(self.log_density[row]),
                    "gap": float(self.total_gaps[row]),
                }
                for row in self.worst(10)
            ],
        }


def judge_on_sample(
    model: GenerativeModel,
    x: ArrayLike,
    encoder: Encoder | None = None,
    *,
    fit_noise: bool = False,
    draws: Sequence[int] = DRAWS,
    most_points: int = MOST_POINTS,
    seed: int = 0,
    progress: Progress = NO_PROGRESS,
) -> SampleJudged:
    """Put a VAE of one, two or three latents before the exact engine, on a table of x.

    Parameters
    ----------
    model : GenerativeModel
        Trained decoder and σ².
    x : array_like, shape (n, D)
        The table, two rows at least.
    encoder : callable, optional
        x (n, D) to μ and s, each (n, K), or (n,) for one latent.
    fit_noise : bool
        Fit one σ² to the table first, by exact likelihood at the decoder's f.
    draws : sequence of int
        Numbers S of draws with which log p(x) is estimated, to say how far off that is.
    most_points : int
        For how many of the x, chosen at random.
    seed : int
        Of that choice and the draws.
    progress : Progress
        Receives the progress.

    Returns
    -------
    SampleJudged

    Raises
    ------
    ModelError
        If x does not fit the model, or the encoder returns what is no q.
    SettingError
        If there are fewer than two x, or a number of draws is not positive.
    """
    points = as_points(x, model.data_dim)
    if len(points) < 2:
        raise SettingError(f"a table of two points or more is needed, not of {len(points)}")
    if any(count < 1 for count in draws):
        raise SettingError(f"numbers of draws must be positive, not {list(draws)}")
    noise = fit_noise_to_sample(model, points, progress) if fit_noise else None
    fitted = model if noise is None else noise.model
    engine = exact_model(fitted)
    assert isinstance(engine, MeanField | MeanFieldBoxes)
    own = None if encoder is None else _own_q(encoder, points, model.latent_dim)
    parts = []
    with progress.task("log p(x) and the best q at each x", len(points)) as advance:
        for start in range(0, len(points), _BATCH):
            parts.append(_of_some(engine, points[start : start + _BATCH]))
            advance(len(parts[-1][0]))
    density, error, mean, scale, negative, gap = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    own_value, own_error = (None, None) if own is None else negative_elbo_at(fitted, points, *own)
    of_q = (mean, scale) if own is None else own
    return SampleJudged(
        model=fitted,
        x=points,
        log_density=density,
        density_error=error,
        best_mean=mean,
        best_scale=scale,
        best_negative_elbo=negative,
        gap=gap,
        own_mean=None if own is None else own[0],
        own_scale=None if own is None else own[1],
        own_negative_elbo=own_value,
        own_error=own_error,
        use=latent_use(of_q[0], of_q[1], progress),
        draws=tuple(
            importance_draws(
                fitted, points, density, of_q[0], of_q[1], count, most=most_points, seed=seed,
                progress=progress,
            )
            for count in draws
        ),
        noise=noise,
        kind=density_kind(engine),
    )  # fmt: skip


def _of_some(engine: MeanField | MeanFieldBoxes, x: Points) -> tuple[Array, ...]:
    """Return log p, its error, and μ, s, −ELBO and its gap of the best q."""
    p, best = engine.log_density(x), engine.optimal_q(x)
    mean, scale = (_columns(part) for part in (best.mean, best.scale))
    return p.value, p.error, mean, scale, best.negative_elbo, best.gap


def _columns(values: Array) -> Array:
    return values if values.ndim == 2 else values[:, None]


def _own_q(encoder: Encoder, x: Points, latents: int) -> tuple[Array, Array]:
    mean, scale = (_columns(np.asarray(part, dtype=np.float64)) for part in encoder(x))
    expected = (len(x), latents)
    if mean.shape != expected or scale.shape != expected:
        raise ModelError(
            f"the encoder returned μ and s of shapes {mean.shape} and {scale.shape}, expected "
            f"{expected}"
        )
    if not (np.isfinite(mean).all() and np.isfinite(scale).all() and (scale > 0.0).all()):
        raise ModelError("the encoder returned a q(z|x) with NaN, inf or a scale of zero")
    return mean, scale
