"""The labelled model M2 with discrete labels: y ~ π, z ~ N(0, 1), x | y, z ~ N(f_y(z), σ²)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from theorycheck.arrays import Array, Labels, Latents, PerDimension, Points
from theorycheck.errors import ModelError
from theorycheck.models._generative import GenerativeModel

#: How far a prior given as decimals may be from a sum of 1.
_SUM = 1e-9


@dataclass(frozen=True, eq=False)
class LabelledModel:
    """A decoder for each class and a prior over the classes (section 5.2 of the paper).

    Parameters
    ----------
    classes : sequence of GenerativeModel
        p(x | y) for y = 0 … C − 1: C >= 2 decoders with one D and one σ².
    prior : array_like, shape (C,), optional
        π, positive; equal shares by default.
    name : str, optional
        What tables and reports call it; by default the names of the classes.

    Raises
    ------
    ModelError
        If there are fewer than two classes, they differ in D or σ², or the prior is none.
    """

    classes: tuple[GenerativeModel, ...]
    prior: Float64[Array, " C"]
    name: str

    def __init__(
        self,
        classes: Sequence[GenerativeModel],
        prior: ArrayLike | None = None,
        name: str | None = None,
    ) -> None:
        models = tuple(classes)
        label = name or ", ".join(model.name for model in models)
        if len(models) < 2:
            raise ModelError(f"{label}: a labelled model needs two classes or more")
        for y, model in enumerate(models):
            if model.data_dim != models[0].data_dim:
                raise ModelError(
                    f"{label}: class {y} has {model.data_dim} data dimension(s), class 0 has "
                    f"{models[0].data_dim}"
                )
            if not np.array_equal(model.noise_variance, models[0].noise_variance):
                raise ModelError(f"{label}: σ² of class {y} differs from that of class 0")
        object.__setattr__(self, "classes", models)
        object.__setattr__(self, "prior", _checked_prior(prior, len(models), label))
        object.__setattr__(self, "name", label)

    @property
    def count(self) -> int:
        """C, the number of classes."""
        return len(self.classes)

    @property
    def data_dim(self) -> int:
        """D."""
        return self.classes[0].data_dim

    @property
    def latent_dim(self) -> int:
        """K of the decoders; the label is not counted."""
        return self.classes[0].latent_dim

    @property
    def noise_variance(self) -> PerDimension:
        """σ², shape (D,)."""
        return self.classes[0].noise_variance

    @property
    def sigma(self) -> PerDimension:
        """σ, shape (D,)."""
        return self.classes[0].sigma

    @property
    def log_prior(self) -> Float64[Array, " C"]:
        """Return log π, nats, shape (C,)."""
        result: Array = np.log(self.prior)
        return result

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the classes' fingerprints and the prior; names do not count."""
        digest = hashlib.sha256(f"theorycheck labelled model 1, C = {self.count}\n".encode())
        for model in self.classes:
            digest.update(f"{model.fingerprint}\n".encode())
        digest.update(np.ascontiguousarray(self.prior, dtype="<f8").tobytes())
        return digest.hexdigest()

    def with_noise_variance(self, noise_variance: ArrayLike) -> LabelledModel:
        """Return the same decoders and prior with another σ²."""
        classes = [model.with_noise_variance(noise_variance) for model in self.classes]
        return LabelledModel(classes, self.prior, self.name)

    def sample_labelled(
        self, size: int, rng: np.random.Generator | int
    ) -> tuple[Labels, Latents, Points]:
        """Draw from the joint p(y, z, x).

        Parameters
        ----------
        size : int
            Number of draws n.
        rng : numpy.random.Generator or int
            Source of randomness, or a seed.

        Returns
        -------
        y : ndarray of int, shape (n,)
        z : ndarray, shape (n,)
        x : ndarray, shape (n, D)
        """
        generator = np.random.default_rng(rng)
        y = generator.choice(self.count, size=size, p=self.prior)
        z = generator.standard_normal(size)
        x = generator.standard_normal((size, self.data_dim)) * self.sigma
        for label, model in enumerate(self.classes):
            own = y == label
            if own.any():
                x[own] += model.decoder(z[own])
        return y.astype(np.int64), z, x

    def sample(self, size: int, rng: np.random.Generator | int) -> tuple[Latents, Points]:
        """Draw z (n,) and x (n, D) without their labels."""
        _, z, x = self.sample_labelled(size, rng)
        return z, x

    def to_dict(self) -> dict[str, object]:
        """Return name, classes, prior and σ² for JSON."""
        return {
            "name": self.name,
            "classes": [model.to_dict() for model in self.classes],
            "prior": self.prior.tolist(),
            "noise_variance": self.noise_variance.tolist(),
        }


def _checked_prior(prior: ArrayLike | None, count: int, name: str) -> Array:
    if prior is None:
        values = np.full(count, 1.0 / count)
    else:
        try:
            values = np.array(prior, dtype=np.float64, ndmin=1)
        except (TypeError, ValueError) as error:
            raise ModelError(f"{name}: the prior of the labels must be numbers") from error
        if values.shape != (count,):
            raise ModelError(f"{name}: {values.size} prior shares for {count} classes")
        if not (np.isfinite(values).all() and (values > 0.0).all()):
            raise ModelError(
                f"{name}: the prior of the labels must be positive, not {values.tolist()}"
            )
        if abs(float(values.sum()) - 1.0) > _SUM:
            raise ModelError(
                f"{name}: the prior of the labels must sum to 1, not {float(values.sum()):.12g}"
            )
        values = values / values.sum()
    values.setflags(write=False)
    return values
