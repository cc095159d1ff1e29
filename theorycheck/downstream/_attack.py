"""Attacks on a classifier behind a defence: the worst x′ in a ball, and projected gradients.

An attack on (x, y) succeeds at ε where some x′ within ε of x is accepted and gets the other class.
ε is in units of σ of the ground truth, and the ball that of |(x′ − x)/σ|: with one σ² for all
dimensions the Euclidean ball of radius ε σ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theorycheck.arrays import (
    Array,
    Counts,
    Flags,
    PerDimension,
    PerPoint,
    Points,
)
from theorycheck.downstream._decision_map import DecisionMap
from theorycheck.downstream._defences import Defended
from theorycheck.errors import SettingError

#: Step of the central differences of attacks by gradients, in σ.
_DIFFERENCE = 1e-3


@dataclass(frozen=True, eq=False)
class WorstCase:
    """How far each x is from the nearest x′ that is accepted with the wrong class.

    Parameters
    ----------
    decision : ndarray of int, shape (n,)
        The decision on x itself.
    distance : ndarray, shape (n,)
        The distance, in σ, of an x′ that was seen to be accepted with the wrong class; 0 where x is
        itself. The nearest is at most that far away.
    width : float
        How much nearer, in σ, it could be: the width of the map's last cells.
    """

    decision: Counts
    distance: PerPoint
    width: float

    def withstood(self, labels: Counts, epsilon: float) -> tuple[Flags, Flags]:
        """Tell for which x the right class is given, and no x′ within ε gets the other.

        Parameters
        ----------
        labels : ndarray of int, shape (n,)
            The right classes.
        epsilon : float
            Radius of the ball, σ.

        Returns
        -------
        surely, perhaps : ndarray of bool, shape (n,)
            Where that is known to hold up to features that a map misses, and where no x′ that was
            looked at contradicts it.
        """
        right = self.decision == labels
        return right & (self.distance - self.width > epsilon), right & (self.distance > epsilon)


def worst_case(decisions: DecisionMap, defended: Defended, x: Points, labels: Counts) -> WorstCase:
    """Find the nearest x′ that is accepted with the wrong class, for every x.

    Parameters
    ----------
    decisions : DecisionMap
        The map of the same defended classifier.
    defended : Defended
        Asked for the decision on each x.
    x : ndarray, shape (n, 2)
        Data points.
    labels : ndarray of int, shape (n,)
        Their classes, 0 or 1.

    Returns
    -------
    WorstCase
    """
    decision = defended.decide(x)
    distance = np.empty(len(x))
    for label in (0, 1):
        mine = labels == label
        distance[mine] = decisions.distance(x[mine], 1 - label)
    # On the map's own points only; x itself may be wrong between them.
    distance[decision == 1 - labels] = 0.0
    return WorstCase(decision, distance, decisions.width)


@dataclass(frozen=True)
class PgdSettings:
    """How projected gradient descent attacks.

    Parameters
    ----------
    steps : int
        Steps of one attack, at least 1.
    restarts : int
        Starts: x itself, then random points of the ball; at least 1.
    relative_step : float
        Length of a step, times ε / steps.
    seed : int
        Seed of the random starts.

    Raises
    ------
    SettingError
        If a number is out of range.
    """

    steps: int = 40
    restarts: int = 2
    relative_step: float = 2.5
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1 or self.restarts < 1 or not self.relative_step > 0.0:
            raise SettingError("an attack needs at least one step, one start and a positive step")


def pgd_attack(
    defended: Defended,
    x: Points,
    labels: Counts,
    epsilon: float,
    sigma: PerDimension,
    settings: PgdSettings | None = None,
) -> Flags:
    """Attack by projected gradients through the whole defence, not around it.

    Parameters
    ----------
    defended : Defended
        Classifier and defence.
    x : ndarray, shape (n, D)
        Data points, any D.
    labels : ndarray of int, shape (n,)
        Their classes, 0 or 1.
    epsilon : float
        Radius of the ball, σ.
    sigma : ndarray, shape (D,)
        σ of the ground truth.
    settings : PgdSettings, optional
        Steps and restarts.

    Returns
    -------
    ndarray of bool, shape (n,)
        Where some iterate is accepted with the wrong class.

    Notes
    -----
    What rises is the smaller of the wrong class's margin and the slack of the refusal, by central
    differences, which see through projections and optimal q's. The steps have one length, as is
    usual for balls of this kind (Madry et al. 2018).
    """
    chosen = settings or PgdSettings()
    rng = np.random.default_rng(chosen.seed)
    # All starts of all x move together: a defence's price is mostly by the call.
    count = len(x)
    offset = _in_ball(rng, (chosen.restarts * count, x.shape[1]), epsilon)
    offset[:count] = 0.0
    row = np.tile(np.arange(count), chosen.restarts)
    broken = np.zeros(count, dtype=bool)
    length = chosen.relative_step * epsilon / chosen.steps
    for _ in range(chosen.steps + 1):
        decision = defended.decide(x[row] + offset * sigma)
        broken[row[decision == 1 - labels[row]]] = True
        left = ~broken[row]
        row, offset = row[left], offset[left]
        if not row.size:
            break
        step = _ascent(defended, x[row], labels[row], offset, sigma)
        offset = _onto_ball(offset + length * step, epsilon)
    return broken


def _in_ball(rng: np.random.Generator, shape: tuple[int, ...], epsilon: float) -> Array:
    direction = rng.standard_normal(shape)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    radius = rng.random((shape[0], 1)) ** (1.0 / shape[1])
    inside: Array = epsilon * radius * direction
    return inside


def _onto_ball(offset: Array, epsilon: float) -> Array:
    length = np.linalg.norm(offset, axis=1, keepdims=True)
    inside: Array = offset * np.minimum(1.0, epsilon / np.maximum(length, 1e-300))
    return inside


def _ascent(
    defended: Defended, x: Points, labels: Counts, offset: Array, sigma: PerDimension
) -> Array:
    """Return the direction in which an attack gains most, of length 1; 0 where it is flat."""
    dim = x.shape[1]
    steps = _DIFFERENCE * np.concatenate([np.eye(dim), -np.eye(dim)])
    moved = x + (offset + steps[:, None, :]) * sigma
    points = moved.reshape(-1, dim)
    wrong = np.tile(np.where(labels == 1, -1.0, 1.0), 2 * dim) * defended.margin(points)
    gain = np.minimum(wrong, defended.slack(points)).reshape(2 * dim, len(x))
    slope = (gain[:dim] - gain[dim:]).T
    size = np.linalg.norm(slope, axis=1, keepdims=True)
    direction: Array = np.where(size > 0.0, slope / np.where(size > 0.0, size, 1.0), 0.0)
    return direction
