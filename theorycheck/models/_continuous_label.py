"""The labelled model with a continuous label: y, z ~ N(0, 1), x | y, z ~ N(f(y, z), σ²)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from theorycheck.arrays import Array, Latents, PerDimension, PerPoint, Points
from theorycheck.errors import DecoderError, TheorycheckError
from theorycheck.models._decoder import Decoder
from theorycheck.models._described import checked_noise_variance
from theorycheck.models._generative import GenerativeModel

#: Labels and latents at which a new f is tried: irrational-looking, so that shapes and NaN show.
_LABELS = np.array([-2.2361, -0.9129, 0.1777, 1.3028, 2.6458])
_LATENTS = np.array([0.6931, -1.4142, 1.6180, -0.5772, 2.7183])
#: Step and reach of the grid of (y, z) that the fingerprint looks at: 262,144 values of f.
_STEP, _REACH = 2.0**-6, 4.0
#: Distance in z at which f(y, ·) is scanned, for every y that an integral over y looks at.
_SCAN = 0.01


@dataclass(frozen=True, eq=False)
class ContinuousLabelModel:
    """A decoder f(y, z) of a label y and a latent z, both N(0, 1), with a noise variance.

    Parameters
    ----------
    function : callable
        Maps y and z, shape (n,) each, to means of shape (n, D).
    noise_variance : float or sequence of D floats
        σ², one for all data dimensions or one each.
    name : str
        What tables and reports call it.
    shared : GenerativeModel, optional
        The model of z and x where f does not depend on y; see :meth:`collapsed`.

    Raises
    ------
    DecoderError
        If f raises, is not vectorised over both, or returns NaN, inf or another shape.
    ModelError
        If σ² is not positive and finite, or has the wrong length.
    """

    function: Callable[[Latents, Latents], ArrayLike]
    noise_variance: PerDimension
    name: str
    shared: GenerativeModel | None
    data_dim: int

    def __init__(
        self,
        function: Callable[[Latents, Latents], ArrayLike],
        noise_variance: ArrayLike,
        name: str,
        shared: GenerativeModel | None = None,
    ) -> None:
        object.__setattr__(self, "shared", shared)
        object.__setattr__(self, "function", function)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "data_dim", 0)
        tried = self._values(_LABELS, _LATENTS)
        object.__setattr__(self, "data_dim", tried.shape[1])
        for k in (1, 4):
            alone = self._values(_LABELS[k : k + 1], _LATENTS[k : k + 1])
            if not np.allclose(alone[0], tried[k], rtol=1e-9, atol=1e-9):
                raise DecoderError(
                    f"{name}: f(y, z) depends on the other pairs of the batch; f must be a "
                    "deterministic function of each y and z alone"
                )
        variance = checked_noise_variance(noise_variance, self.data_dim, name)
        object.__setattr__(self, "noise_variance", variance)

    @classmethod
    def collapsed(cls, model: GenerativeModel) -> ContinuousLabelModel:
        """Return the model in which the label says nothing: f(y, z) = g(z).

        Parameters
        ----------
        model : GenerativeModel
            g and σ².

        Returns
        -------
        ContinuousLabelModel
        """
        return cls(lambda _, z: model.decoder(z), model.noise_variance, model.name, model)

    @property
    def latent_dim(self) -> int:
        """K of z; the label is not counted."""
        return 1

    @property
    def sigma(self) -> PerDimension:
        """σ, shape (D,)."""
        return np.sqrt(self.noise_variance)

    def decoder(self, y: ArrayLike, z: ArrayLike) -> Points:
        """Evaluate f at pairs of labels and latents.

        Parameters
        ----------
        y, z : array_like, shape (n,), or one number
            Labels and latents; a single one goes with all of the other.

        Returns
        -------
        ndarray, shape (n, D)

        Raises
        ------
        DecoderError
            If they do not fit together, or f misbehaves at one of the pairs.
        """
        try:
            pairs = np.broadcast_arrays(
                np.atleast_1d(np.asarray(y, dtype=np.float64)), np.asarray(z, dtype=np.float64)
            )
        except ValueError as error:
            raise DecoderError(
                f"{self.name}: y of shape {np.shape(y)} and z of shape {np.shape(z)}: one pair "
                "for each value of f"
            ) from error
        if pairs[0].ndim != 1:
            raise DecoderError(f"{self.name}: y and z must have shape (n,), not {pairs[0].shape}")
        return self._values(pairs[0].copy(), pairs[1].copy())

    def given_label(self, y: float) -> GenerativeModel:
        """Return p(x | y): the model of z and x with the label held at y."""
        if self.shared is not None:
            return self.shared
        decoder = Decoder(
            function=lambda z: self.decoder(y, z),
            data_dim=self.data_dim,
            name=f"{self.name}, y = {y:.6g}",
            resolution=_SCAN,
        )
        return GenerativeModel(decoder, self.noise_variance)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of f on a grid of (y, z), σ² and D; the name does not count."""
        head = f"theorycheck continuous label model 1, D = {self.data_dim}\n"
        digest = hashlib.sha256(head.encode())
        digest.update(np.ascontiguousarray(self.noise_variance, dtype="<f8").tobytes())
        count = round(_REACH / _STEP)
        # Half-way between round numbers, at which a formula may have a pole.
        grid = (np.arange(-count, count) + 0.5) * _STEP
        for y in grid:
            values = self.decoder(y, grid) + 0.0
            digest.update(np.ascontiguousarray(values, dtype="<f8").tobytes())
        return digest.hexdigest()

    def same_as(self, other: ContinuousLabelModel) -> bool:
        """Tell whether another model has the same f wherever it is looked at, and the same σ²."""
        return self is other or (
            self.data_dim == other.data_dim
            and np.array_equal(self.noise_variance, other.noise_variance)
            and self.fingerprint == other.fingerprint
        )

    def with_noise_variance(self, noise_variance: ArrayLike) -> ContinuousLabelModel:
        """Return the same f with another σ²."""
        shared = None if self.shared is None else self.shared.with_noise_variance(noise_variance)
        return ContinuousLabelModel(self.function, noise_variance, self.name, shared)

    def sample_labelled(
        self, size: int, rng: np.random.Generator | int
    ) -> tuple[PerPoint, Latents, Points]:
        """Draw from the joint p(y, z, x).

        Parameters
        ----------
        size : int
            Number of draws n.
        rng : numpy.random.Generator or int
            Source of randomness, or a seed.

        Returns
        -------
        y, z : ndarray, shape (n,)
        x : ndarray, shape (n, D)
        """
        generator = np.random.default_rng(rng)
        y, z = generator.standard_normal((2, size))
        noise = generator.standard_normal((size, self.data_dim)) * self.sigma
        return y, z, self.decoder(y, z) + noise

    def sample(
        self, size: int, rng: np.random.Generator | int
    ) -> tuple[Float64[Array, "n K"], Points]:
        """Draw (y, z) (n, 2) and x (n, D)."""
        y, z, x = self.sample_labelled(size, rng)
        return np.stack([y, z], axis=1), x

    def to_dict(self) -> dict[str, object]:
        """Return name, D and σ² for JSON."""
        return {
            "name": self.name,
            "data_dim": self.data_dim,
            "noise_variance": self.noise_variance.tolist(),
        }

    def _values(self, y: Array, z: Array) -> Array:
        """Call f and turn whatever it does wrong into one clear line."""
        try:
            with np.errstate(all="ignore"):
                result = np.asarray(self.function(y, z))
        except TheorycheckError:
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            raise DecoderError(
                f"{self.name}: f raised {reason}; f(y, z) takes y and z of shape (n,) each"
            ) from error
        if result.dtype.kind not in "fiu" or result.dtype in (np.float16, np.float32):
            raise DecoderError(f"{self.name}: f must return float64, not {result.dtype}")
        if result.shape == z.shape:
            result = result[:, None]
        expected = self.data_dim or (result.shape[1] if result.ndim == 2 else 0)
        if result.shape != (z.size, expected) or not expected:
            raise DecoderError(
                f"{self.name}: f returned shape {result.shape} for {z.size} pairs (y, z), "
                f"expected ({z.size}, {self.data_dim or 'D'})"
            )
        bad = np.flatnonzero(~np.isfinite(result).all(axis=1))
        if bad.size:
            raise DecoderError(
                f"{self.name}: f({y[bad[0]]:.6g}, {z[bad[0]]:.6g}) = {result[bad[0]].tolist()} is "
                "not finite; a decoder needs a finite f at every label and latent"
            )
        return np.ascontiguousarray(result, dtype=np.float64)
