"""The zero-MLEO class: decoders with the ground truth's image law (docs/theory.md).

For K = 1 these are the f∘T with T preserving N(0, 1), and other curves with the same image law. The
class is closed under reflection z → −z, which changes no PMO, so of a mirrored pair one is listed.
What is listed is a part of the class: a verdict about it holds over that part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.special import ndtri

from theorycheck.arrays import Array
from theorycheck.errors import SettingError
from theorycheck.models import Decoder, GenerativeModel
from theorycheck.quadrature import latent_panels
from theorycheck.rearrangements._interval_exchange import (
    random_exchange,
    rotation,
    systematic_exchanges,
)
from theorycheck.rearrangements._measure_preserving import (
    LatentMap,
    fold,
    local_fold,
    reflection,
    uneven_fold,
)
from theorycheck.rearrangements._monotone import (
    MonotoneRearrangement,
    Tracing,
    monotone_rearrangement,
)
from theorycheck.rearrangements._pieces import arranged_pieces

#: Tail mass that stays in place where f is unbounded: a cut at which f runs off to infinity
#: cannot be resolved in floating point. With 1e-5, |f∘T| keeps its slope below 1e4 |f′|.
GUARD = 1e-5
#: Latents in the tail between which f is compared with what double precision tells apart.
_TAIL_MASSES = 10.0 ** np.arange(-13.0, -5.0)
_VISIBLE = 1e-10
#: Gap of f at a cut, in σ, below which f∘T counts as continuous.
_CONTINUOUS = 1e-6
#: By how much Φ(z) is rotated.
_ROTATIONS = (0.25, 0.5, 0.75)
#: Mass of the short branch of an uneven fold, which is nearly f itself.
_SMALL = 0.05
#: Number of pieces of a random interval exchange.
_PIECES = (2, 3, 4, 5)
#: Orders and directions of the curve's natural pieces looked at by default; four pieces have 23
#: orders, and 191 orders and directions.
PIECES = 24


@dataclass(frozen=True, eq=False)
class Member:
    """A decoder with the ground truth's image law.

    Parameters
    ----------
    model : GenerativeModel
        The model.
    kind : str
        ``"ground truth"``, ``"monotone"``, ``"fold"``, ``"rotation"``, ``"tear"`` or ``"pieces"``.
    continuous : bool
        Whether it is a continuous function of z.
    """

    model: GenerativeModel
    kind: str
    continuous: bool

    @property
    def name(self) -> str:
        """Return the decoder's name."""
        return self.model.name


@dataclass(frozen=True, eq=False)
class _Composed:
    """f∘T; a class, so that it travels to other processes."""

    decoder: Decoder
    latent_map: LatentMap

    def __call__(self, z: Array) -> Array:
        return self.decoder(self.latent_map(z))


def rearranged(
    model: GenerativeModel, latent_map: LatentMap, *, name: str | None = None
) -> GenerativeModel:
    """Return f∘T with its breakpoints: the cuts of T and where T meets those of f.

    Parameters
    ----------
    model : GenerativeModel
        K = 1.
    latent_map : LatentMap
        T.
    name : str, optional
        What reports call the decoder; by default the name of T, and f's.

    Returns
    -------
    GenerativeModel
        The model of f ∘ T, with the image law of f.
    """
    decoder = model.decoder
    known = decoder.breakpoints
    if known is None:
        known = latent_panels(model).breakpoints
    points = {float(cut) for cut in latent_map.cuts}
    points.update(z for point in known for z in latent_map.preimages(point))
    composed = Decoder.from_function(
        _Composed(decoder, latent_map),
        name=name or f"{latent_map.name} of {model.name}",
        breakpoints=sorted(z for z in points if np.isfinite(z)),
        resolution=decoder.resolution,
    )
    return GenerativeModel(composed, model.noise_variance)


def tail_guard(model: GenerativeModel) -> float:
    """Return the tail mass that folds and exchanges leave alone: 0 where f settles in its tails.

    Parameters
    ----------
    model : GenerativeModel
        The model.

    Returns
    -------
    float
        0 or GUARD.
    """
    return 0.0 if settles(model, -1.0) and settles(model, 1.0) else GUARD


def settles(model: GenerativeModel, sign: float) -> bool:
    """Tell whether f can be cut in a tail, that is resolved beside a cut at which z is infinite.

    Parameters
    ----------
    model : GenerativeModel
        The model.
    sign : float
        1 for z → ∞, −1 for z → −∞.

    Returns
    -------
    bool
    """
    step = 1e-3
    z = [-sign * ndtri(_TAIL_MASSES * (1.0 + shift)) for shift in (0.0, step)]
    # f moves by d(mass) · df/d(mass) / step; a cut is known to one rounding error of z.
    rate = np.linalg.norm((model.decoder(z[1]) - model.decoder(z[0])) / model.sigma, axis=1)
    return bool((rate / step * 1e-16 / _TAIL_MASSES)[2:].max() <= _VISIBLE)


def is_continuous(model: GenerativeModel, latent_map: LatentMap) -> bool:
    """Whether f∘T has no jump at the cuts of T, given that f has none where it is cut."""
    meeting = latent_map.meeting_points()
    if not meeting:
        return True
    ends = np.clip(np.array(meeting), -12.0, 12.0)
    gaps = (model.decoder(ends[:, 0]) - model.decoder(ends[:, 1])) / model.sigma
    infinite = np.abs(np.array(meeting)) == np.inf
    runs_off = tail_guard(model) > 0.0 and bool(infinite.any())
    return not runs_off and bool((np.linalg.norm(gaps, axis=1) <= _CONTINUOUS).all())


def zero_mleo_members(
    data: GenerativeModel,
    *,
    folds: Sequence[int] = (2, 3),
    local_folds: Sequence[int] = (),
    tears: int = 4,
    pieces: int = PIECES,
    seed: int = 0,
) -> tuple[tuple[Member, ...], MonotoneRearrangement]:
    """List decoders with the ground truth's image law.

    Parameters
    ----------
    data : GenerativeModel
        The ground truth.
    folds : sequence of int
        Branches of the folds, each >= 2.
    local_folds : sequence of int
        Numbers n: each n-th part of the ground truth's curve is folded onto itself.
    tears : int
        Random interval exchanges besides the systematic ones; −1: nothing is torn at all.
    pieces : int
        Orders and directions of the curve's natural pieces, at most.
    seed : int
        Seed of the random ones.

    Returns
    -------
    tuple of Member
        The ground truth, its monotone rearrangement where that is another decoder; folds and
        rotations of both, interval exchanges of the latter, the former's natural pieces
        rearranged.
    MonotoneRearrangement
        What is known of it.

    Raises
    ------
    SettingError
        If a fold has fewer than 2 branches, `tears` < −1, or another setting is negative.
    DecoderError
        If f misbehaves.
    """
    if tears < -1 or seed < 0:
        raise SettingError(f"the number of tears must be >= 0, and the seed too, not {tears}")
    if pieces < 0 or any(count < 1 for count in local_folds):
        raise SettingError(
            f"pieces must be >= 0 and parts >= 1, not {pieces} and {list(local_folds)}"
        )
    monotone = monotone_rearrangement(data)
    smooth = not _jumps(data)
    members = [Member(data, "ground truth", smooth)]
    bases = [(data, smooth)]
    if monotone.model is not None and monotone.tracing is not Tracing.ONCE:
        smooth = not _jumps(monotone.model)
        members.append(Member(monotone.model, "monotone", smooth))
        bases.append((monotone.model, smooth))
    for base, smooth in bases:
        # f is itself a fold of its monotone rearrangement, whose exchanges are the simpler ones.
        maps = _maps(base, folds, tears if base is bases[-1][0] else -1, seed)
        closed = smooth and is_continuous(base, rotation(0.5))
        if closed or tears >= 0:
            guard = 0.0 if closed else tail_guard(base)
            maps += [rotation(share, guard) for share in _ROTATIONS]
        if base is data:
            guard = tail_guard(base)
            maps += [one for count in local_folds for one in _local_folds(count, guard)]
            if tears >= 0:
                maps += arranged_pieces(base, pieces, guard)[0]
        for latent_map in maps:
            model = rearranged(base, latent_map)
            joined = smooth and is_continuous(base, latent_map)
            members.append(Member(model, latent_map.kind, joined))
    return tuple(members), monotone


def reflected(model: GenerativeModel) -> GenerativeModel:
    """Return f(−z), which has the image law and every PMO of f."""
    return rearranged(model, reflection())


def _maps(base: GenerativeModel, folds: Sequence[int], tears: int, seed: int) -> list[LatentMap]:
    guard = tail_guard(base)
    maps = [fold(count, guard) for count in folds]
    if folds:
        big = 1.0 - _SMALL
        maps.append(uneven_fold("fold of the last 5 %", (big, _SMALL), guard))
        maps.append(uneven_fold("fold of the first 5 %", (_SMALL, big), guard))
    if tears < 0:
        return maps
    maps += systematic_exchanges(guard)
    rng = np.random.default_rng(seed)
    return maps + [random_exchange(rng, _PIECES[i % len(_PIECES)], guard) for i in range(tears)]


def _local_folds(count: int, guard: float) -> list[LatentMap]:
    """Fold each of so many equal parts in three, and the first and the last in two besides."""
    edges = np.linspace(0.0, 1.0, count + 1).tolist()
    maps = [local_fold(low, high, 3, guard) for low, high in pairwise(edges)]
    if count > 1:
        maps += [local_fold(low, high, 2, guard) for low, high in (edges[:2], edges[-2:])]
    return maps


def _jumps(model: GenerativeModel) -> bool:
    """Whether f jumps at one of its breakpoints."""
    known = model.decoder.breakpoints
    points = np.array(latent_panels(model).breakpoints if known is None else known)
    if points.size == 0:
        return False
    before, after = model.decoder(np.nextafter(points, -np.inf)), model.decoder(points)
    gaps = np.linalg.norm((after - before) / model.sigma, axis=1)
    return bool((gaps > _CONTINUOUS).any())
