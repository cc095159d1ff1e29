"""Which σ² a loss assumes that is written as weight · squared error + β · KL.

With S the squared errors and K the KL terms, both summed over a batch of B points, a loss is
a S + b K. Divided by b it is the −ELBO of the model with σ² = b/(2a), summed over the batch
and short of its constant: −ELBO = S/(2σ²) + K + B (D/2) log 2πσ². Only the ratio of the two weights
counts, so that β and σ² are one number; what each weight is depends on what is summed and averaged.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from theorycheck.errors import SettingError
from theorycheck.estimate import Estimate, Kind
from theorycheck.theorems._loss_terms import DIVERGENCES, ERRORS, only_term, read_terms

__all__ = ["AssumedNoise", "noise_from_loss"]

_EPS = 2.0**-52


@dataclass(frozen=True)
class AssumedNoise:
    """The Gaussian model whose −ELBO a loss is, but for scale and constant.

    Parameters
    ----------
    loss : str
        As it was written.
    noise_variance : Estimate
        σ², in squared units of the data, the same in all dimensions.
    scale : float
        Times −ELBO of one x, in nats and short of its constant, the loss is.
    data_dim : int or None
        D, where it is known.
    summed : bool
        True if the loss is summed over a batch of unknown size B: it is B times `scale` then.
    """

    loss: str
    noise_variance: Estimate
    scale: float
    data_dim: int | None
    summed: bool = False

    @property
    def per_dimension(self) -> Estimate:
        """½ log 2πσ², the constant of −ELBO for each data dimension, nats."""
        value = 0.5 * math.log(2.0 * math.pi * self.noise_variance.value)
        # The logarithm may be next to zero, but σ² is known to its own rounding only.
        return Estimate(value, 8.0 * _EPS * (1.0 + abs(value)), Kind.EXACT)

    @property
    def constant(self) -> Estimate | None:
        """(D/2) log 2πσ²: −ELBO of an x is never below it. Nats; None where D is unknown."""
        return None if self.data_dim is None else self.per_dimension.scaled(float(self.data_dim))

    @property
    def own_floor(self) -> Estimate | None:
        """(D/2) log 2πeσ²: the entropy of the noise. Nats; None where D is unknown.

        On endless data that a decoder with this σ² made, the average −ELBO of no model is below it.
        """
        if self.data_dim is None:
            return None
        half = _exact(0.5).scaled(float(self.data_dim))
        return self.per_dimension.scaled(float(self.data_dim)) + half

    def negative_elbo(self, value: float) -> Estimate:
        """Return −ELBO per x, in nats, at a value of the loss.

        Parameters
        ----------
        value : float
            What the training printed: the loss of a batch, or its average over batches.

        Returns
        -------
        Estimate

        Raises
        ------
        SettingError
            If the value is negative or not finite, or D or the size of the batch is unknown.
        """
        if self.summed:
            raise SettingError("a loss summed over the batch needs its size: --batch-size")
        if self.constant is None:
            raise SettingError("−ELBO of a loss needs the data dimension D: --data-dim")
        if not (math.isfinite(value) and value >= 0.0):
            raise SettingError(
                f"a loss of squared errors and KL is never negative, so it cannot be {value}: a "
                "negative one has the constant (D/2) log 2πσ² in it, or another likelihood"
            )
        return _exact(value / self.scale) + self.constant

    def to_dict(self) -> dict[str, object]:
        """Return what ``theorycheck noise --from-loss ... --json`` prints."""
        constant, floor = self.constant, self.own_floor
        return {
            "loss": self.loss,
            "noise_variance": self.noise_variance.to_dict(),
            "scale": None if self.summed else self.scale,
            "data_dim": self.data_dim,
            "constant_per_dimension": self.per_dimension.to_dict(),
            "constant": None if constant is None else constant.to_dict(),
            "floor_on_own_data": None if floor is None else floor.to_dict(),
        }


def noise_from_loss(
    loss: str,
    *,
    data_dim: int | None = None,
    latent_dim: int | None = None,
    batch_size: int | None = None,
) -> AssumedNoise:
    """Return the σ² that a loss assumes.

    Parameters
    ----------
    loss : str
        A weighted sum of a squared error and a KL, such as ``"mse + 0.5*kl"``; it is parsed, never
        run. ``sse``: summed over D, averaged over the batch; ``mse``: averaged over batch and D,
        as ``torch.nn.MSELoss()`` does; ``mse_sum``: summed over both. ``kl``: summed over the
        latents, averaged over the batch; ``kl_sum``: summed over both; ``kl_mean``: averaged over
        both.
    data_dim : int, optional
        D; needed for ``mse``.
    latent_dim : int, optional
        K; needed for ``kl_mean``.
    batch_size : int, optional
        B; needed where one term is averaged over the batch and the other summed.

    Returns
    -------
    AssumedNoise

    Raises
    ------
    SettingError
        One line, if the loss is not such a sum, is another likelihood's, or D, K or B is missing.
    """
    for name, number in (("--data-dim", data_dim), ("--latent-dim", latent_dim),
                         ("--batch-size", batch_size)):  # fmt: skip
        if number is not None and number < 1:
            raise SettingError(f"{name} must be at least 1, not {number}")
    terms = read_terms(loss)
    error, divergence = only_term(terms, ERRORS, loss), only_term(terms, DIVERGENCES, loss)
    (error_batch, over_data), (kl_batch, over_latents) = ERRORS[error], DIVERGENCES[divergence]
    if over_data and data_dim is None:
        raise SettingError(f"{error} is averaged over the data dimensions: give D by --data-dim")
    if over_latents and latent_dim is None:
        raise SettingError(f"{divergence} is averaged over the latents: give K by --latent-dim")
    if error_batch is not kl_batch and batch_size is None:
        raise SettingError(
            f"'{loss}' averages one term over the batch and sums the other, so that σ² depends on "
            "the batch size: give it by --batch-size"
        )
    # The weights a and b of S and K, times B: where both terms are averages B cancels.
    size = 1 if error_batch is kl_batch else (batch_size or 1)
    a = terms[error] / (data_dim or 1 if over_data else 1) * (1 if error_batch else size)
    b = terms[divergence] / (latent_dim or 1 if over_latents else 1) * (1 if kl_batch else size)
    summed = not error_batch and not kl_batch
    return AssumedNoise(
        loss=" ".join(loss.split()),
        noise_variance=_exact(b / (2.0 * a)),
        # A loss that is summed over the batch has to be divided by B first.
        scale=b * (batch_size or 1) if summed else b,
        data_dim=data_dim,
        summed=summed and batch_size is None,
    )


def _exact(value: float) -> Estimate:
    return Estimate(value, 8.0 * _EPS * abs(value), Kind.EXACT)
