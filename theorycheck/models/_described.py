"""What every kind of model says of itself, whatever its latents are."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from theorycheck.arrays import Array, Latents, PerDimension, Points
from theorycheck.errors import ModelError


@runtime_checkable
class DescribedModel(Protocol):
    """A model of data x (D,) with Gaussian noise: x | z ~ N(f(z), diag σ²)."""

    @property
    def name(self) -> str:
        """Return what tables and reports call the model."""
        ...

    @property
    def data_dim(self) -> int:
        """Return the number of data dimensions D."""
        ...

    @property
    def latent_dim(self) -> int:
        """Return the number of latents K."""
        ...

    @property
    def noise_variance(self) -> PerDimension:
        """Return the noise variance σ², squared data units, shape (D,)."""
        ...

    @property
    def sigma(self) -> PerDimension:
        """Return the noise's standard deviation σ, data units, shape (D,)."""
        ...

    def sample(
        self, size: int, rng: np.random.Generator | int
    ) -> tuple[Latents | Float64[Array, "n K"], Points]:
        """Draw from the joint p(z, x).

        Parameters
        ----------
        size : int
            Number n of draws.
        rng : numpy.random.Generator or int
            Source of randomness, or a seed.

        Returns
        -------
        z : ndarray, shape (n,) for K = 1, else (n, K)
            Latents, drawn from N(0, 1).
        x : ndarray, shape (n, D)
            Data points, the noise included.
        """
        ...


def same_model(one: DescribedModel, other: DescribedModel) -> bool:
    """Tell whether two models are the same, whatever their names.

    Parameters
    ----------
    one, other : DescribedModel
        Models of any kind.

    Returns
    -------
    bool
        True for one object; else what the models' own ``same_as`` says, where they are of one kind
        that has it.
    """
    if one is other:
        return True
    same_as = getattr(one, "same_as", None)
    return type(one) is type(other) and same_as is not None and bool(same_as(other))


def checked_noise_variance(
    noise_variance: ArrayLike, data_dim: int, name: str
) -> Float64[Array, " {data_dim}"]:
    """Return σ² as an array of shape (D,) that nobody may write to.

    Parameters
    ----------
    noise_variance : float or sequence of D floats
        One σ² for all data dimensions, or one each.
    data_dim : int
        Number of data dimensions D.
    name : str
        What the model is called, for the error.

    Returns
    -------
    ndarray, shape (D,)

    Raises
    ------
    ModelError
        If σ² is not positive and finite, or has the wrong length.
    """
    try:
        variance = np.array(noise_variance, dtype=np.float64, ndmin=1)
    except (TypeError, ValueError) as error:
        raise ModelError(f"{name}: the noise variance must be numbers") from error
    if variance.shape == (1,):
        variance = np.repeat(variance, data_dim)
    if variance.shape != (data_dim,):
        raise ModelError(
            f"{name}: noise variance of shape {variance.shape}, but f has "
            f"{data_dim} data dimension(s): give one σ² or {data_dim}"
        )
    if not (np.all(np.isfinite(variance)) and np.all(variance > 0.0)):
        raise ModelError(
            f"{name}: noise variance must be positive and finite, not {variance.tolist()}"
        )
    variance.setflags(write=False)
    return variance
