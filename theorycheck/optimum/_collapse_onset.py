"""Where functional collapse sets in: the trade of the unlabelled x against the labelled ones.

Without a label term J/(1−ℓ) = A + t B with A = MLEO_x + PMO_U, B = MLEO_xy + PMO_L and

    t = ℓγ/(1−ℓ),

the weight of labelled against unlabelled x. Neither A nor B depends on γ or ℓ, so the optimum over
f_y depends on these two through t alone: the map of collapse over (γ, ℓ) is one number t* for a
family, and the curve γ = t*(1−ℓ)/ℓ. In t every f_y is a straight line and the optimum their lower
envelope, which is concave; along it B falls and A rises (docs/labels.md).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from theorycheck.errors import SettingError
from theorycheck.inference import FACTORISED, Family
from theorycheck.models import LabelledModel
from theorycheck.objectives import LabelledObjective, LabelledValue
from theorycheck.optimum._effort import LABELS_QUICK, Effort
from theorycheck.optimum._labelled_result import LabelledOptimum
from theorycheck.optimum._labelled_search import find_labelled_optimum
from theorycheck.optimum._settings import Execution

#: The labelled share that searches along t are asked at; γ = t there.
_SHARE = 0.5
#: Where t is looked for, where it begins, and by what factor it goes on until it is bracketed.
_LEAST, _MOST, _FIRST, _FACTOR = 1e-4, 1e4, 0.3, 10.0
#: What the crossing of two lines may not come nearer to either end of the bracket, in log t.
_INSIDE = 0.1


@dataclass(frozen=True, eq=False)
class CollapseOnset:
    """Between which weights of the labelled x the optimum stops to collapse.

    Parameters
    ----------
    family : Family
        What q may be.
    low : float
        The largest t = ℓγ/(1−ℓ) at which the best f_y found has lost more than half of the
        information on the label; 0 where none has down to 1e-4.
    high : float
        The smallest t from which on it has not; inf where it has up to 1e4.
    optima : tuple of LabelledOptimum
        What was found, by rising t; its objectives have ℓ = ½ and γ = t.
    """

    family: Family
    low: float
    high: float
    optima: tuple[LabelledOptimum, ...]

    def gamma(self, labelled_share: float) -> tuple[float, float]:
        """Return γ at either end for a labelled share ℓ in (0, 1)."""
        if not 0.0 < labelled_share < 1.0:
            raise SettingError(f"the labelled share must be in (0, 1), not {labelled_share}")
        scale = (1.0 - labelled_share) / labelled_share
        return scale * self.low, scale * self.high

    def best(self, gamma: float, labelled_share: float) -> LabelledValue:
        """Return the lowest of the values found at any γ and ℓ: the lower envelope there."""
        return _lowest(self.optima, LabelledObjective(gamma, 0.0, labelled_share, self.family))

    def to_dict(self) -> dict[str, object]:
        """Return the bracket and what was found at each t, for JSON."""
        return {
            "family": self.family.key,
            "low": self.low,
            "high": None if math.isinf(self.high) else self.high,
            "searches": [
                {
                    "t": one.objective.gamma,
                    "excess": one.excess.to_dict_or_null(),
                    "collapse": one.collapse.to_dict_or_null(),
                }
                for one in self.optima
            ],
        }


def _lowest(optima: Sequence[LabelledOptimum], objective: LabelledObjective) -> LabelledValue:
    """Return the lower envelope at one objective: the least J of all f_y found."""
    values = (one.value.reweighted(objective) for one in optima)
    return min(values, key=lambda value: value.excess.value)


def find_collapse_onset(
    data: LabelledModel,
    family: Family = FACTORISED,
    *,
    steps: int = 3,
    effort: Effort = LABELS_QUICK,
    seed: int = 0,
    known: Sequence[LabelledOptimum] = (),
    execution: Execution | None = None,
) -> CollapseOnset:
    """Bracket the t = ℓγ/(1−ℓ) at which the optimum of a family stops to collapse.

    Parameters
    ----------
    data : LabelledModel
        The ground truth.
    family : Family
        What q may be.
    steps : int
        Searches that narrow the bracket, once there is one: each where the lines of the two best
        f_y cross. It ends early within a fifth.
    effort, seed
        As for :func:`find_labelled_optimum`, which is called for each t.
    known : sequence of LabelledOptimum
        Optima that are there already; those of another family or with a label term are left out.
    execution : Execution, optional
        Processes, progress, cache.

    Returns
    -------
    CollapseOnset

    Raises
    ------
    SettingError
        If `steps` is negative.
    """
    if steps < 0:
        raise SettingError(f"the number of steps must not be negative, not {steps}")
    run = execution or Execution()
    found = _Envelope(family)
    for one in known:
        objective = one.objective
        if objective.family == family and not objective.alpha and 0 < objective.labelled_share < 1:
            found.add(one)

    def search(t: float) -> None:
        objective = LabelledObjective(t, 0.0, _SHARE, family)
        run.progress.say(f"{family.name}: t = {t:.3g}.")
        found.add(find_labelled_optimum(data, objective, effort=effort, seed=seed, execution=run))

    if not found.optima:
        search(_FIRST)
    while True:
        low, high = found.bracket()
        if low == 0.0 and high / _FACTOR >= _LEAST:
            search(high / _FACTOR)
        elif math.isinf(high) and low * _FACTOR <= _MOST:
            search(low * _FACTOR)
        else:
            break
    for _ in range(steps):
        low, high = found.bracket()
        if low == 0.0 or math.isinf(high) or high <= 1.2 * low:
            break
        search(found.crossing(low, high))
    low, high = found.bracket()
    return CollapseOnset(family, low, high, tuple(found.optima))


class _Envelope:
    """The optima found, each a line in t."""

    def __init__(self, family: Family) -> None:
        self.family = family
        self.optima: list[LabelledOptimum] = []

    def add(self, optimum: LabelledOptimum) -> None:
        """Take one in, told at ℓ = ½."""
        share = optimum.objective.labelled_share
        t = share * optimum.objective.gamma / (1.0 - share)
        objective = LabelledObjective(t, 0.0, _SHARE, self.family)
        told = replace(
            optimum,
            objective=objective,
            value=optimum.value.reweighted(objective),
            ground_truth=optimum.ground_truth.reweighted(objective),
        )
        self.optima = sorted([*self.optima, told], key=lambda one: one.objective.gamma)

    def best(self, t: float) -> LabelledValue:
        return _lowest(self.optima, LabelledObjective(t, 0.0, _SHARE, self.family))

    def bracket(self) -> tuple[float, float]:
        """Return the largest t with a collapsed optimum, and the smallest beyond without."""
        low, high = 0.0, math.inf
        for one in self.optima:
            t = one.objective.gamma
            if self.best(t).collapse.value > 0.5:
                low = max(low, t)
        for one in reversed(self.optima):
            if one.objective.gamma > low:
                high = one.objective.gamma
        return low, high

    def crossing(self, low: float, high: float) -> float:
        """Return where the best f_y at the two ends are equally good, kept inside the bracket."""
        one, other = self.best(low), self.best(high)
        a = other.mleo_x.value + other.pmo_u.value - one.mleo_x.value - one.pmo_u.value
        b = one.mleo_xy.value + one.pmo_l.value - other.mleo_xy.value - other.pmo_l.value
        margin = _INSIDE * math.log(high / low)
        middle = 0.5 * (math.log(low) + math.log(high))
        wanted = math.log(a / b) if a > 0.0 and b > 0.0 else middle
        return math.exp(min(max(wanted, math.log(low) + margin), math.log(high) - margin))
