"""The generative model: z ~ N(0, I_K), x | z ~ N(f_θ(z), diag σ²)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeGuard

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from theorycheck.arrays import Array, PerDimension
from theorycheck.errors import ModelError
from theorycheck.models._decoder import Decoder
from theorycheck.models._described import DescribedModel, checked_noise_variance
from theorycheck.models._identity import differ_at_once, fingerprint


@dataclass(frozen=True, eq=False)
class GenerativeModel:
    """A decoder with a noise variance (section 2 of the paper).

    Parameters
    ----------
    decoder : Decoder
        The decoder mean f_θ.
    noise_variance : float or sequence of D floats
        The noise variance σ², one for all data dimensions or one each; stored as an array of
        shape (D,).

    Raises
    ------
    ModelError
        If σ² is not positive and finite, or has the wrong length.
    """

    decoder: Decoder
    noise_variance: PerDimension

    def __init__(self, decoder: Decoder, noise_variance: ArrayLike) -> None:
        variance = checked_noise_variance(noise_variance, decoder.data_dim, decoder.name)
        object.__setattr__(self, "decoder", decoder)
        object.__setattr__(self, "noise_variance", variance)

    @property
    def name(self) -> str:
        """Return the decoder's name."""
        return self.decoder.name

    @property
    def data_dim(self) -> int:
        """Return the number of data dimensions D."""
        return self.decoder.data_dim

    @property
    def latent_dim(self) -> int:
        """Return the number of latents K."""
        return self.decoder.latent_dim

    @property
    def sigma(self) -> Float64[Array, " {self.data_dim}"]:
        """Return the noise's standard deviation σ, data units, shape (D,)."""
        return np.sqrt(self.noise_variance)

    @cached_property
    def fingerprint(self) -> str:
        """Return the SHA-256 of f at fixed latents, of σ², breakpoints and D; no name counts."""
        return fingerprint(self.decoder, self.noise_variance)

    def same_as(self, other: GenerativeModel) -> bool:
        """Tell whether another model is this one: the same f, σ² and breakpoints.

        Parameters
        ----------
        other : GenerativeModel
            The model to compare with; its name may be another.

        Returns
        -------
        bool

        Raises
        ------
        DecoderError
            If f misbehaves at a latent where it is looked at.
        """
        if self is other:
            return True
        if (
            self.data_dim != other.data_dim
            or self.latent_dim != other.latent_dim
            or self.decoder.breakpoints != other.decoder.breakpoints
            or not np.array_equal(self.noise_variance, other.noise_variance)
        ):
            return False
        # Whoever has its fingerprint already may have come out of a file, without an f.
        known = "fingerprint" in vars(self) or "fingerprint" in vars(other)
        if not known and differ_at_once(self.decoder, other.decoder):
            return False
        return self.fingerprint == other.fingerprint

    def with_noise_variance(self, noise_variance: ArrayLike) -> GenerativeModel:
        """Return the same decoder with another σ²."""
        return GenerativeModel(self.decoder, noise_variance)

    def with_resolution(self, resolution: float) -> GenerativeModel:
        """Return the same model, its f to be scanned for whatever is wider than this in z."""
        return GenerativeModel(self.decoder.with_resolution(resolution), self.noise_variance)

    def sample(
        self, size: int, rng: np.random.Generator | int
    ) -> tuple[
        Float64[Array, " {size}"] | Float64[Array, "{size} {self.latent_dim}"],
        Float64[Array, "{size} {self.data_dim}"],
    ]:
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
            Latents, drawn from N(0, I).
        x : ndarray, shape (n, D)
            Data points, the noise included.
        """
        generator = np.random.default_rng(rng)
        one = self.latent_dim == 1
        z = generator.standard_normal(size if one else (size, self.latent_dim))
        noise = generator.standard_normal((size, self.data_dim)) * self.sigma
        return z, self.decoder(z) + noise

    def to_dict(self) -> dict[str, object]:
        """Return name, formula and σ² for JSON."""
        return {
            "name": self.name,
            "formula": self.decoder.formula,
            "data_dim": self.data_dim,
            "noise_variance": self.noise_variance.tolist(),
        }


def is_on_line(model: DescribedModel) -> TypeGuard[GenerativeModel]:
    """Tell whether a model has a decoder of one latent: f on the line.

    Parameters
    ----------
    model : DescribedModel
        A model of any kind.

    Returns
    -------
    bool
    """
    return isinstance(model, GenerativeModel) and model.latent_dim == 1


def fingerprint_of(model: DescribedModel) -> str:
    """Return the fingerprint of a model with a decoder, whatever its number of latents.

    Parameters
    ----------
    model : DescribedModel
        A model of any kind.

    Returns
    -------
    str

    Raises
    ------
    ModelError
        If it has no decoder.
    """
    if not isinstance(model, GenerativeModel):
        raise ModelError(f"{model.name}: has no decoder, so that nothing of it is kept in files")
    return model.fingerprint


def as_generative(model: DescribedModel) -> GenerativeModel:
    """Return a model as one with a decoder of one latent.

    Parameters
    ----------
    model : DescribedModel
        A model of any kind.

    Returns
    -------
    GenerativeModel

    Raises
    ------
    ModelError
        If it is another kind of model: some questions, such as what one M-step does to f on the
        line, are asked of one latent only.
    """
    if not is_on_line(model):
        raise ModelError(
            f"{model.name}: this is computed for decoders of one latent, f on the line, and it is "
            f"another kind of model (latents: {model.latent_dim})"
        )
    return model
