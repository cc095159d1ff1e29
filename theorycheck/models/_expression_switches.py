"""Where an expression has a kink or a jump: the switches of its non-smooth functions.

Every switch is a root of some g(z): the argument of abs, sign and step, the difference of the two
sides of minimum, maximum and a comparison, and a(z) − m for every integer m that the argument of
floor crosses. A dense scan brackets the roots and bisection on the floats themselves pins them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from theorycheck.arrays import Array, Integers
from theorycheck.errors import ExpressionError
from theorycheck.models._expression_tree import (
    Apply,
    Node,
    Where,
    depends_on_latent,
    evaluate,
    walk,
)

MAX_SWITCHES = 10_000
#: Scan points per unit of z: two roots of one g are told apart from 1/2048 ≈ 5e-4 on. A power of
#: two puts scan points on the integers, so that exact roots there are hit exactly.
_POINTS_PER_UNIT = 2048
#: Switches nearer than this, relative to max(1, |z|), are one: rounding of two spellings of a root.
_SAME = 1e-15
#: Below this a switch is at zero.
_UNDERFLOW = 1e-300
#: A minimum of the argument of sqrt this far below its surroundings counts as touching zero.
_TOUCHING = 1e-6


def find_switches(
    components: Sequence[Node], lower: float = -40.0, upper: float = 40.0
) -> tuple[float, ...]:
    """Find the latents where abs, sign, step, floor, minimum, maximum or where switches.

    Also found: where the argument of sqrt, or of a power that is not an integer, touches zero
    (``sqrt(z**2)`` is a kink). Two roots of one and the same g nearer than 1/2048 can be missed.

    Parameters
    ----------
    components : sequence of Node
        The trees of f.
    lower, upper : float
        Ends of the stretch of latents that is searched.

    Returns
    -------
    tuple of float
        Ascending, distinct.

    Raises
    ------
    ExpressionError
        If there are more than ``MAX_SWITCHES``.
    """
    if not (np.isfinite(lower) and np.isfinite(upper) and lower < upper):
        raise ExpressionError(f"cannot look for breakpoints in [{lower}, {upper}]")
    grid = np.linspace(lower, upper, int(np.ceil((upper - lower) * _POINTS_PER_UNIT)) + 1)
    found: set[float] = set()
    for node in walk(*components):
        for argument, kind in _switching(node):
            if depends_on_latent(argument):
                found.update(_roots(argument, kind, grid, MAX_SWITCHES - len(found)))
    distinct: list[float] = []
    # floor(z/20) switches at -5e-323 in floats, by underflow: that is zero.
    for point in sorted(0.0 if abs(p) < _UNDERFLOW else p for p in found):
        if not distinct or point - distinct[-1] > _SAME * max(1.0, abs(point)):
            distinct.append(point)
    return tuple(distinct)


def _switching(node: Node) -> list[tuple[Node, str]]:
    """Return the functions g whose roots are the switches of this node, and how to look."""
    match node:
        case Apply("abs" | "sign" | "step", (argument,)):
            return [(argument, "sign")]
        case Apply("floor", (argument,)):
            return [(argument, "floor")]
        case Apply("sqrt", (argument,)):
            return [(argument, "touch")]
        case Apply("**", (base, exponent)):
            return [] if _is_whole(exponent) else [(base, "touch")]
        case Apply("minimum" | "maximum", arguments):
            return [(Apply("-", arguments), "sign")]
        case Where(condition, _, _):
            return [(Apply("-", (link.left, link.right)), "sign") for link in condition]
        case _:
            return []


def _is_whole(exponent: Node) -> bool:
    if depends_on_latent(exponent):
        return False
    return float(evaluate(exponent, np.zeros(1))).is_integer()


def _roots(argument: Node, kind: str, grid: Array, room: int) -> list[float]:
    def values(z: Array) -> Array:
        with np.errstate(all="ignore"):
            return np.asarray(evaluate(argument, z), dtype=np.float64)

    if kind == "touch":
        return _touching_zeros(values, grid)

    def state(z: Array) -> Array:
        # Rounded sums such as 0.1 + 0.2 - 0.3 make g tiny where it is zero; its sign still tells
        # which side floats take, and that is the function that is integrated.
        return np.floor(values(z)) if kind == "floor" else np.sign(values(z))

    states = state(grid)
    with np.errstate(invalid="ignore"):
        steps = np.abs(np.diff(states))
    brackets = np.flatnonzero(np.isfinite(steps) & (steps > 0))
    if kind == "sign":
        levels, starts = np.zeros(brackets.size), brackets
    else:
        # One bracket for each integer crossed between two scan points.
        crossed = steps[brackets]
        if crossed.sum() > room:
            _too_many()
        starts = np.repeat(brackets, crossed.astype(np.int64))
        lowest = np.minimum(states[brackets], states[brackets + 1])
        levels = np.concatenate(
            [low + 1 + np.arange(count) for low, count in zip(lowest, crossed, strict=True)]
            or [np.zeros(0)]
        )
    if starts.size > room:
        _too_many()
    if starts.size == 0:
        return []
    if kind == "floor":
        found = _bisect(lambda z: np.where(values(z) >= levels, 1.0, -1.0), grid, starts)
    else:
        found = _bisect(state, grid, starts)
    return [float(point) for point in found]


def _too_many() -> None:
    raise ExpressionError(
        f"f has more than {MAX_SWITCHES} kinks or jumps; it cannot be integrated panel by panel"
    )


def _bisect(state: Callable[[Array], Array], grid: Array, starts: Integers) -> Array:
    """Shrink each bracket to two adjacent floats between which the state changes."""
    low, high = _ordinal(grid[starts]), _ordinal(grid[starts + 1])
    left, right = state(_float(low)), state(_float(high))
    # Halving the ordinals of the floats, not their values, needs 64 rounds at most, also at zero.
    for _ in range(64):
        middle = low // 2 + high // 2 + (low % 2 + high % 2) // 2
        at_middle = state(_float(middle))
        stays = at_middle == left
        low, high = np.where(stays, middle, low), np.where(stays, high, middle)
        right = np.where(stays, right, at_middle)
        if np.all(high - low <= 1):
            break
    # The root itself where g is exactly zero there; else the first float on the right.
    return np.asarray(np.where(left == 0.0, _float(low), _float(high)), dtype=np.float64) + 0.0


def _ordinal(z: Array) -> Integers:
    """Number the floats in ascending order."""
    bits = (z + 0.0).view(np.int64)
    return np.where(bits >= 0, bits, np.iinfo(np.int64).min - bits)


def _float(ordinal: Integers) -> Array:
    bits = np.where(ordinal >= 0, ordinal, np.iinfo(np.int64).min - ordinal)
    return np.ascontiguousarray(bits).view(np.float64) + 0.0


def _touching_zeros(values: Callable[[Array], Array], grid: Array) -> list[float]:
    """Find interior minima where a nonnegative g comes down to zero."""
    g = values(grid)
    if g.ndim == 0 or grid.size < 3:
        return []
    with np.errstate(invalid="ignore"):
        dips = np.flatnonzero((g[1:-1] < g[:-2]) & (g[1:-1] <= g[2:]) & (g[2:] > 0.0)) + 1
    low, high = grid[dips - 1], grid[dips + 1]
    around = np.minimum(g[dips - 1], g[dips + 1])
    for _ in range(120):  # (2/3)^120 of the bracket: past the spacing of floats
        one, two = low + (high - low) / 3.0, high - (high - low) / 3.0
        smaller = values(one) <= values(two)
        low, high = np.where(smaller, low, one), np.where(smaller, two, high)
    candidates = np.stack([grid[dips], low, high, 0.5 * (low + high)])
    heights = np.stack([values(row) for row in candidates]) if dips.size else candidates
    best = np.argmin(heights, axis=0) if dips.size else np.zeros(0, dtype=np.int64)
    pick = np.arange(dips.size)
    touching = heights[best, pick] <= _TOUCHING * around
    return [float(point) for point in candidates[best, pick][touching]]
