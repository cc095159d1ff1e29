"""A classifier two-sample test: how well a generated cohort can be told from a real one.

A logistic regression on (x, y), their squares and products learns on one half of both samples and
is asked about the other half, then the other way round. If both samples have one law, each answer
is right with probability ½ on average over the two samples, whatever was learnt, so that the number
of right answers in a half spreads no more than a binomial one (Hoeffding 1956): a test whose size
is at most what it says, without an asymptotic argument. A classifier that fails says nothing: a
difference that these features do not show is not seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64
from scipy.special import bdtrc

from theorycheck.arrays import Array, Booleans, Integers, Labels, Points
from theorycheck.cohorts._logistic import fit_logistic
from theorycheck.errors import ModelError
from theorycheck.estimate import Estimate, Kind
from theorycheck.quadrature import STANDARD_ERRORS

#: Rows of each sample at least.
_FEWEST = 8


@dataclass(frozen=True)
class TwoSampleTest:
    """Outcome of the test.

    Parameters
    ----------
    accuracy : Estimate
        Share of right answers, the mean of both halves; ½ where the samples cannot be told apart.
        Its radius is five standard errors of one half.
    p_value : float
        Bound on the probability of so many right answers if both samples have one law.
    rows : int
        Rows of each sample that were used.
    """

    accuracy: Estimate
    p_value: float
    rows: int

    def to_dict(self) -> dict[str, object]:
        """Return accuracy, p-value and rows for JSON."""
        return {
            "accuracy": self.accuracy.to_dict(), "p_value": self.p_value, "rows": self.rows,
        }  # fmt: skip


def two_sample_test(
    x: Points,
    y: Labels,
    other_x: Float64[Array, "m D"],
    other_y: Int64[Integers, " m"],
    *,
    classes: int,
    seed: int = 0,
) -> TwoSampleTest:
    """Test whether two cohorts have one law.

    Parameters
    ----------
    x, y : ndarray, shape (n, D) and (n,)
        One sample, independent rows.
    other_x, other_y : ndarray, shape (m, D) and (m,)
        The other; of the larger one as many rows as the smaller has are used.
    classes : int
        C.
    seed : int
        Of the halves.

    Returns
    -------
    TwoSampleTest

    Raises
    ------
    ModelError
        If a sample has fewer than eight rows, or the two differ in D.
    """
    rows = min(len(y), len(other_y))
    if rows < _FEWEST:
        raise ModelError(f"a two-sample test needs {_FEWEST} rows of each sample, not {rows}")
    if x.shape[1] != other_x.shape[1]:
        raise ModelError(f"samples of {x.shape[1]} and of {other_x.shape[1]} dimensions")
    rng = np.random.default_rng(seed)
    chosen, other = rng.permutation(len(y))[:rows], rng.permutation(len(other_y))[:rows]
    one = _features(x[chosen], y[chosen], classes)
    two = _features(other_x[other], other_y[other], classes)
    features = np.concatenate([one, two])
    origin = np.repeat(np.array([0, 1]), rows)
    # As many of either sample in each half, or the answer "always the same" would be informed.
    half = np.tile(np.arange(rows) < rows // 2, 2)
    right = [_right_answers(features, origin, learnt) for learnt in (half, ~half)]
    sizes = [int((~learnt).sum()) for learnt in (half, ~half)]
    shares = [count / size for count, size in zip(right, sizes, strict=True)]
    tails = [float(bdtrc(k - 1, n, 0.5)) if k else 1.0 for k, n in zip(right, sizes, strict=True)]
    # The halves' answers depend on each other: both spread like one, and either may be the luckier.
    deviation = math.sqrt(0.25 / min(sizes))
    return TwoSampleTest(
        accuracy=Estimate(float(np.mean(shares)), STANDARD_ERRORS * deviation, Kind.STATISTICAL),
        p_value=min(1.0, 2.0 * min(tails)),
        rows=rows,
    )


def _right_answers(features: Array, origin: Integers, learnt: Booleans) -> int:
    """Learn on some rows, and count the right answers about the others."""
    mean, scale = features[learnt].mean(axis=0), features[learnt].std(axis=0)
    scale[scale == 0.0] = 1.0
    standard = (features - mean) / scale
    found = fit_logistic(standard[learnt], origin[learnt], 2)
    answer = found.class_posterior(standard[~learnt]).argmax(axis=0)
    return int((answer == origin[~learnt]).sum())


def _features(x: Array, y: Labels, classes: int) -> Array:
    """Return x and y, the squares and products of x, and x in each class."""
    hot = np.eye(classes)[y]
    first, second = np.triu_indices(x.shape[1])
    by_class = (hot[:, :, None] * x[:, None, :]).reshape(len(x), -1)
    return np.concatenate([x, hot, x[:, first] * x[:, second], by_class], axis=1)
