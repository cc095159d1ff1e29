"""A decoder f(y, z) with σ² and a prior of y, of one latent or two: what generates cohorts.

The decoder is known, so that log p(x), log p(x|y) and p(y|x) are integrals over z and nothing has
to be sampled: the engine for one latent does K = 1, boxes in the plane (`plane_log_density`) K = 2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike
from scipy.special import logsumexp

from theorycheck.arrays import Array, Labels, PerClass, PerDimension, PerPoint, Points
from theorycheck.errors import DecoderError, ModelError
from theorycheck.inference import ExactLabelled, as_points, plane_log_density
from theorycheck.models import Decoder, GenerativeModel, LabelledModel

#: A decoder: label and latents (m, K) to means (m, D).
LabelDecoder = Callable[[int, Float64[Array, "m K"]], ArrayLike]

#: Latents at which a decoder is tried first, a column for each of K.
_PROBE = np.array([[0.0, 0.7], [-1.3, 0.2], [2.1, -1.9]])
#: Points x that the plane is divided for at once.
_AT_ONCE = 512
#: Relative error of p(x) aimed at with two latents: far below what splits differ by.
TOLERANCE = 1e-3
#: Errors beyond this say that nothing is known; sums of them must not overflow.
_UNKNOWN = 1e300


@dataclass(frozen=True, eq=False)
class ClassDensities:
    """What a model says of x, with radii.

    Parameters
    ----------
    log_joint, joint_error : ndarray, shape (C, n)
        log p(x, y) and its radius, nats; infinite where p(x|y) is not resolved.
    log_density, density_error : ndarray, shape (n,)
        log p(x) and its radius, nats.
    class_posterior, posterior_error : ndarray, shape (C, n)
        p(y|x) and its radius.
    """

    log_joint: PerClass
    joint_error: PerClass
    log_density: PerPoint
    density_error: PerPoint
    class_posterior: PerClass
    posterior_error: PerClass


@dataclass(frozen=True, eq=False)
class CohortModel:
    """The model y ~ π, z ~ N(0, I_K), x | y, z ~ N(f(y, z), diag σ²), K = 1 or 2.

    Parameters
    ----------
    decoder : callable
        Label (an int from 0) and latents, shape (m, K), to means, shape (m, D).
    noise_variance : ndarray, shape (D,)
        σ², squared units of x.
    prior : ndarray, shape (C,)
        π, positive, of sum 1.
    latent_dim : int
        K.
    name : str

    Raises
    ------
    ModelError
        If K is not 1 or 2, σ² is not positive, or the prior is none.
    DecoderError
        If f raises, or returns the wrong shape, NaN or inf.
    """

    decoder: LabelDecoder
    noise_variance: PerDimension
    prior: Float64[Array, " C"]
    latent_dim: int = 1
    name: str = "f"

    def __post_init__(self) -> None:
        variance, prior = self.noise_variance, self.prior
        if self.latent_dim not in (1, 2):
            raise ModelError(f"{self.name}: K = {self.latent_dim}, but K = 1 and 2 are built")
        if not (variance.ndim == 1 and np.isfinite(variance).all() and (variance > 0.0).all()):
            raise ModelError(f"{self.name}: σ² must be positive and finite, one a dimension")
        if not (len(prior) > 1 and (prior > 0.0).all() and abs(float(prior.sum()) - 1.0) < 1e-9):
            raise ModelError(
                f"{self.name}: the prior of the labels must be positive and sum to 1, not "
                f"{prior.tolist()}"
            )
        for label in range(len(prior)):
            self._means(label, _PROBE[:, : self.latent_dim])

    @classmethod
    def of_labelled(cls, model: LabelledModel) -> CohortModel:
        """Return a labelled model of one latent as one that generates cohorts."""
        decoders = [one.decoder for one in model.classes]
        return cls(
            lambda label, z: decoders[label](z[:, 0]), model.noise_variance, model.prior, 1,
            model.name,
        )  # fmt: skip

    @property
    def data_dim(self) -> int:
        """Number of features D."""
        return len(self.noise_variance)

    @property
    def classes(self) -> int:
        """Number of classes C."""
        return len(self.prior)

    def _means(self, label: int, z: Array) -> Array:
        try:
            values = np.asarray(self.decoder(label, z), dtype=np.float64)
        except Exception as error:
            raise DecoderError(f"{self.name}: f({label}, z) raised {error!r}") from error
        expected = (len(z), self.data_dim)
        if values.shape != expected:
            raise DecoderError(
                f"{self.name}: f({label}, z) has shape {values.shape}, expected {expected}"
            )
        if not np.isfinite(values).all():
            raise DecoderError(f"{self.name}: f({label}, z) returned NaN or inf")
        return values

    @cached_property
    def _line(self) -> ExactLabelled:
        """The engine for one latent."""
        classes = [
            GenerativeModel(
                Decoder(partial(self._on_line, label), self.data_dim, f"{self.name}, y = {label}"),
                self.noise_variance,
            )
            for label in range(self.classes)
        ]
        return ExactLabelled(LabelledModel(classes, self.prior, self.name))

    def _on_line(self, label: int, z: Array) -> Array:
        return self._means(label, z[:, None])

    def densities(self, x: ArrayLike, *, tolerance: float = TOLERANCE) -> ClassDensities:
        """Return log p(x, y), log p(x) and p(y|x) by quadrature over z.

        Parameters
        ----------
        x : array_like, shape (n, D)
        tolerance : float
            Relative error of p(x) aimed at with two latents; with one it is 1e-9 or less anyway.

        Returns
        -------
        ClassDensities

        Raises
        ------
        ModelError
            If x has the wrong shape or is not finite.
        DecoderError
            If f misbehaves at a node.
        """
        points = as_points(x, self.data_dim)
        if self.latent_dim == 1:
            joint, relative, _ = self._line.log_joint(points)
        else:
            joint, relative = self._on_plane(points, tolerance)
        relative = np.minimum(relative, _UNKNOWN)
        density = logsumexp(joint, axis=0)
        share = np.exp(joint - density)
        # Relative error of Σ_y p(x, y); that of a share is its own less that mean.
        mean = (share * relative).sum(axis=0)
        return ClassDensities(
            log_joint=joint,
            joint_error=_of_logarithm(relative),
            log_density=density,
            density_error=_of_logarithm(mean),
            class_posterior=share,
            posterior_error=np.minimum(share * (relative + mean), 1.0) + 1e-15,
        )

    def _on_plane(self, x: Array, tolerance: float) -> tuple[Array, Array]:
        sigma = np.sqrt(self.noise_variance)
        joint, relative = np.empty((2, self.classes, len(x)))
        for label in range(self.classes):
            f = partial(self._means, label)
            for start in range(0, len(x), _AT_ONCE):
                part = slice(start, start + _AT_ONCE)
                joint[label, part], relative[label, part] = plane_log_density(
                    f, sigma, x[part], tolerance=tolerance
                )
        return joint + np.log(self.prior)[:, None], relative

    def sample(self, size: int, rng: np.random.Generator | int) -> tuple[Labels, Points]:
        """Draw a cohort.

        Parameters
        ----------
        size : int
            Number of rows n.
        rng : numpy.random.Generator or int
            Source of randomness, or a seed.

        Returns
        -------
        y : ndarray of int, shape (n,)
        x : ndarray, shape (n, D)
        """
        generator = np.random.default_rng(rng)
        y = generator.choice(self.classes, size=size, p=self.prior).astype(np.int64)
        z = generator.standard_normal((size, self.latent_dim))
        x = generator.standard_normal((size, self.data_dim)) * np.sqrt(self.noise_variance)
        for label in np.unique(y):
            x[y == label] += self._means(int(label), z[y == label])
        return y, x


def _of_logarithm(relative: Array) -> Array:
    """|log(1 + e)| for |e| up to a relative error; unknown from a half."""
    known = -np.log1p(-np.minimum(relative, 0.5))
    result: Array = np.where(relative < 0.5, known, np.inf) + 1e-13
    return result
