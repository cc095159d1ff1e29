"""Maps T of two latents that preserve N(0, I): f∘T has the same p(x), and other latents.

Rotations; twists, which turn each circle around the origin by an angle of its own; and maps of each
latent by itself. Swaps of the latents and reflections change nothing but names and signs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, Latents
from theorycheck.errors import SettingError
from theorycheck.models import Decoder, GenerativeModel
from theorycheck.rearrangements import turned


@dataclass(frozen=True)
class PlaneMap:
    """A map T of the plane of two latents that preserves N(0, I).

    Parameters
    ----------
    name : str
        What reports call it.
    function : callable
        Maps latents (n, 2) to latents (n, 2).
    """

    name: str
    function: Callable[[Float64[Array, "n 2"]], Float64[Array, "n 2"]] = field(repr=False)

    def __call__(self, z: Float64[Array, "n 2"]) -> Float64[Array, "n 2"]:
        """Apply T to latents (n, 2)."""
        return self.function(z)

    def then(self, other: PlaneMap) -> PlaneMap:
        """Return the map that applies this one first, and the other to what comes out."""
        return PlaneMap(f"{self.name}, then {other.name}", lambda z: other(self(z)))

    def applied(self, model: GenerativeModel) -> GenerativeModel:
        """Return the model with the decoder f∘T.

        Parameters
        ----------
        model : GenerativeModel
            A model of two latents.

        Returns
        -------
        GenerativeModel
        """
        # The bare function: what it returns is checked once, by the new decoder.
        f = model.decoder.function
        name = f"{model.name} after {self.name}"
        decoder = Decoder.from_function(lambda z: f(self(z)), latent_dim=2, name=name)
        return GenerativeModel(decoder, model.noise_variance)


def rotation(angle: float) -> PlaneMap:
    """Return the rotation by an angle.

    Parameters
    ----------
    angle : float
        Radians, counterclockwise.

    Returns
    -------
    PlaneMap
    """
    _checked(angle)
    cosine, sine = math.cos(angle), math.sin(angle)
    matrix = np.array([[cosine, sine], [-sine, cosine]])
    return PlaneMap(f"a rotation by {math.degrees(angle):.4g}°", lambda z: z @ matrix)


def twist(angle: float, centre: float = 0.0) -> PlaneMap:
    """Return the map z ↦ R_a(|z|) z with a(r) = centre + angle · (1 − e^(−r²/2)).

    It turns every circle around the origin by an angle of its own, so that its determinant is 1 and
    |z| stays: N(0, I) is preserved, whatever a is. This a is smooth at the origin too.

    Parameters
    ----------
    angle : float
        How much more z is turned far out than in the centre, radians.
    centre : float
        How much it is turned there, radians.

    Returns
    -------
    PlaneMap
    """
    _checked(angle)
    _checked(centre)

    def of(z: Float64[Array, "n 2"]) -> Float64[Array, "n 2"]:
        return turned(z, centre - angle * np.expm1(-0.5 * (z**2).sum(axis=1)))

    return PlaneMap(f"a twist by {math.degrees(angle):.4g}°", of)


def coordinatewise(
    first: Callable[[Latents], Latents] | None = None,
    second: Callable[[Latents], Latents] | None = None,
) -> PlaneMap:
    """Return the map of each latent by itself.

    Parameters
    ----------
    first, second : callable, optional
        Maps of one latent, (n,) to (n,), that preserve N(0, 1), such as a
        :class:`theorycheck.rearrangements.LatentMap`; by default the latent stays.

    Returns
    -------
    PlaneMap
    """

    def of(z: Float64[Array, "n 2"]) -> Float64[Array, "n 2"]:
        parts = [
            z[:, k] if each is None else each(np.ascontiguousarray(z[:, k]))
            for k, each in enumerate((first, second))
        ]
        return np.stack(parts, axis=1)

    names = [getattr(each, "name", "a map") for each in (first, second) if each is not None]
    return PlaneMap("each latent by " + " and ".join(names or ["itself"]), of)


def _checked(angle: float) -> None:
    if not math.isfinite(angle):
        raise SettingError(f"an angle must be a finite number of radians, not {angle}")
