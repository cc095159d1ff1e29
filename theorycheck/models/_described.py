"""What every kind of model says of itself, whatever its latents are."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, Latents, PerDimension, Points


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
