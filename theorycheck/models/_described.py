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
        """What tables and reports call it."""
        ...

    @property
    def data_dim(self) -> int:
        """D."""
        ...

    @property
    def latent_dim(self) -> int:
        """K."""
        ...

    @property
    def noise_variance(self) -> PerDimension:
        """σ², shape (D,)."""
        ...

    @property
    def sigma(self) -> PerDimension:
        """σ, shape (D,)."""
        ...

    def sample(
        self, size: int, rng: np.random.Generator | int
    ) -> tuple[Latents | Float64[Array, "n K"], Points]:
        """Draw from the joint p(z, x).

        Parameters
        ----------
        size : int
            Number of draws n.
        rng : numpy.random.Generator or int
            Source of randomness, or a seed.

        Returns
        -------
        z : ndarray, shape (n,) for K = 1, else (n, K)
        x : ndarray, shape (n, D)
        """
        ...
