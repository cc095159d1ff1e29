"""One decoder for the p(x) of a labelled model: the classes side by side on the latent axis.

Class y gets an interval of z of prior mass π_y, and on it f_y ∘ T with T the map of that interval
onto the whole axis that preserves N(0, 1), every other one in reverse: where the classes' ends
meet, the curve is continuous. The law of f(z) is then the mixture's, so that p(x) is the same and
MLEO = 0. A class whose f does not settle at a cut loses 1e-5 of its mass there: f that runs off to
infinity beside a cut cannot be resolved, and MLEO is small then, not 0. Where the classes have one
image, the curve runs over it again and again, and its monotone rearrangement does so once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theorycheck.arrays import Array
from theorycheck.models import Decoder, GenerativeModel, LabelledModel
from theorycheck.quadrature import latent_panels
from theorycheck.rearrangements._measure_preserving import LatentMap
from theorycheck.rearrangements._monotone import monotone_rearrangement
from theorycheck.rearrangements._rearrangement import GUARD, settles


@dataclass(frozen=True, eq=False)
class _SideBySide:
    """f_y ∘ T on the interval of class y; a class, so that it travels to other processes."""

    decoders: tuple[Decoder, ...]
    latent_map: LatentMap

    def __call__(self, z: Array) -> Array:
        owner = np.searchsorted(self.latent_map.cuts, z, side="right")
        latent = self.latent_map(z)
        result = np.empty((len(z), self.decoders[0].data_dim))
        for y, decoder in enumerate(self.decoders):
            own = owner == y
            if own.any():
                result[own] = decoder(latent[own])
        return result


def side_by_side(model: LabelledModel) -> GenerativeModel:
    """Return one decoder with the p(x) of all classes together: each on its share of the latents.

    Parameters
    ----------
    model : LabelledModel
        C classes with prior π.

    Returns
    -------
    GenerativeModel

    Raises
    ------
    DecoderError
        If an f_y misbehaves.
    """
    edges = np.concatenate([[0.0], np.cumsum(model.prior)])
    edges[-1] = 1.0
    flipped = tuple(y % 2 == 1 for y in range(model.count))
    name = f"classes of {model.name} side by side"
    targets = tuple(_target(model, y) for y in range(model.count))
    latent_map = LatentMap(name, tuple(edges.tolist()), targets, flipped, "pieces")
    decoders = tuple(one.decoder for one in model.classes)
    decoder = Decoder.from_function(
        _SideBySide(decoders, latent_map),
        name=name,
        breakpoints=sorted({float(z) for z in latent_map.cuts} | _kinks(model, latent_map)),
        resolution=min(one.resolution for one in decoders),
    )
    return GenerativeModel(decoder, model.noise_variance)


def _target(model: LabelledModel, y: int) -> tuple[float, float]:
    """Return the part of its own latents, in Φ(z), that class y keeps: all but tails at a cut."""
    one = model.classes[y]
    first, last = y > 0, y + 1 < model.count
    low, high = (last, first) if y % 2 else (first, last)
    return (
        GUARD if low and not settles(one, -1.0) else 0.0,
        1.0 - GUARD if high and not settles(one, 1.0) else 1.0,
    )


def _kinks(model: LabelledModel, latent_map: LatentMap) -> set[float]:
    """Return the latents at which T meets a breakpoint of its own class."""
    found: set[float] = set()
    ends = np.concatenate([[-np.inf], latent_map.cuts, [np.inf]])
    for y, one in enumerate(model.classes):
        known = one.decoder.breakpoints
        for point in latent_panels(one).breakpoints if known is None else known:
            latents = latent_map.preimages(point)
            found.update(z for z in latents if ends[y] < z < ends[y + 1])
    return found


def merged_classes(model: LabelledModel) -> GenerativeModel:
    """Return one decoder for all classes that keeps p(x): the classes' curve traced once.

    Parameters
    ----------
    model : LabelledModel
        C classes.

    Returns
    -------
    GenerativeModel
        The monotone rearrangement of :func:`side_by_side` where there is one, else that itself.

    Raises
    ------
    DecoderError
        If an f_y misbehaves.
    """
    beside = side_by_side(model)
    found = monotone_rearrangement(beside).model
    if found is None:
        return beside
    named = Decoder.from_function(
        found.decoder.function,
        name=f"classes of {model.name} merged",
        breakpoints=found.decoder.breakpoints,
        resolution=found.decoder.resolution,
    )
    return GenerativeModel(named, model.noise_variance)
