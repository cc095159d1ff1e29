"""Which of the paper's examples a table is like: the rules, and nothing else.

Every threshold has a name and stands here. They were set in two steps, the second after the first
had called the S-curve Figure-8-like on seeds 1000 to 1099 (of 500 rows); draws of seeds 0 to 2 and
5000 to 5002 were in sight. Error rates are those of other seeds (docs/advise.md).
"""

from __future__ import annotations

from dataclasses import dataclass

from theorycheck.estimate import Estimate, Kind, Verdict, positive

#: Fall of log density, nats, that makes a mode. Of 1,500 draws the second mode of Clusters has 0.7
#: to 1.1, that of a uniform square 0.3 to 0.4, of an S, whose bends are smoothed unevenly, 0.6.
PROMINENT = 0.65
#: Other rows within a kernel's reach from which no mode seen means one mode: of many columns there
#: is none, and density looks flat.
COMPANY = 4.0
#: Fall from which on modes are apart: loops between them are gaps between clusters.
MODES_APART = 1.5
#: Share of the variance in the plane from which no loop in it means none: noise may hide some.
PLANE = 0.9
#: Height of the highest density above the lowest pass around a hole, at most: more is a gap.
RIM = 1.5
#: Fall into a hole that makes a loop: the deepest of a uniform square has up to 0.43.
LOOP = 0.5
#: Fall into the second hole that makes two: the second of a uniform square has up to 0.24.
SECOND_LOOP = 0.3
#: Fall into the second hole below which there is none ...
NO_SECOND_LOOP = 0.15
#: ... if there are so many rows: of fewer, Figure-8's lobes are smoothed away.
ROWS_TO_SEE_NONE = 1000
#: Fall into the only hole of what is like a circle.
HOLLOW = 1.0
#: Skewness along the leading component of what is one-sided; half a normal law has 0.995.
ONE_SIDED = 0.5
#: Share of the variance along the leading component of what is a line.
A_LINE = 0.9
#: Share of points with a partner near and far along the manifold from which strands meet.
MEETING = 0.05
#: Gride's dimension at the largest scale of a curve, at most, and of what is none, at least.
CURVE, NO_CURVE = 1.3, 1.8


@dataclass(frozen=True)
class ShapeMeasures:
    """What the rules are about; each an average over random parts of the rows.

    Parameters
    ----------
    rows : int
        Of the table.
    second_mode : Estimate
        Fall of log density to the second mode, nats.
    first_loop, second_loop : Estimate
        Fall of log density into the deepest hole and the next, nats.
    skewness : Estimate
        Along the leading principal component, without its sign.
    along_line : Estimate
        Share of the variance along it.
    largest_scale : Estimate or None
        Gride's dimension at the largest scale; None where there is none.
    plane_share : float
        Share of the variance in the plane in which loops are looked for.
    company : float
        Rows within a kernel's reach of a row, in the median.
    """

    rows: int
    second_mode: Estimate
    first_loop: Estimate
    second_loop: Estimate
    skewness: Estimate
    along_line: Estimate
    largest_scale: Estimate | None
    plane_share: float
    company: float


@dataclass(frozen=True)
class Likeness:
    """Verdicts on the shape of a table.

    Parameters
    ----------
    curve : Verdict
        Whether the rows have one dimension at the largest scale.
    several_modes, a_loop, two_loops : Verdict
    figure8_like : Verdict
        Two holes that are no gaps between clusters.
    circle_like : Verdict
        One hole, and deep.
    clusters_like : Verdict
        Several modes.
    absolute_value_like : Verdict
        A line whose density is one-sided, as that of abs(z) is.
    none_of_these : Verdict
    """

    curve: Verdict
    several_modes: Verdict
    a_loop: Verdict
    two_loops: Verdict
    figure8_like: Verdict
    circle_like: Verdict
    clusters_like: Verdict
    absolute_value_like: Verdict
    none_of_these: Verdict

    @property
    def by_example(self) -> dict[str, Verdict]:
        """Return the verdict on each of the paper's examples, by its name."""
        return {
            "figure8": self.figure8_like,
            "circle": self.circle_like,
            "clusters": self.clusters_like,
            "absolute_value": self.absolute_value_like,
        }


def likeness(found: ShapeMeasures) -> Likeness:
    """Decide what a table is like.

    Parameters
    ----------
    found : ShapeMeasures

    Returns
    -------
    Likeness
        A verdict holds if the whole interval is above its threshold, and fails if all of it is
        below; that there are not two loops is said of 1,000 rows or more, and below 0.15 nats, and
        that there are no loops where the plane has nine tenths of the variance; that there is one
        mode where a kernel reaches four other rows or more.
    """
    several_modes = above(found.second_mode, PROMINENT)
    apart = above(found.second_mode, MODES_APART)
    a_loop = above(found.first_loop, LOOP)
    two_loops = above(found.second_loop, SECOND_LOOP)
    hollow = above(found.first_loop, HOLLOW)
    absent = found.second_loop.upper < NO_SECOND_LOOP and found.rows >= ROWS_TO_SEE_NONE
    if two_loops is Verdict.FAILS and not absent:
        two_loops = Verdict.INCONCLUSIVE
    if found.plane_share < PLANE:
        a_loop, two_loops, hollow = map(_unseen, (a_loop, two_loops, hollow))
    if found.company < COMPANY:
        several_modes, apart = map(_unseen, (several_modes, apart))
    figure8 = two_loops & ~apart
    circle = hollow & ~above(found.second_loop, SECOND_LOOP)
    line = above(found.along_line, A_LINE) & above(found.skewness, ONE_SIDED)
    one_sided = line & ~several_modes & ~a_loop
    return Likeness(
        curve=_curve(found.largest_scale),
        several_modes=several_modes,
        a_loop=a_loop,
        two_loops=two_loops,
        figure8_like=figure8,
        circle_like=circle,
        clusters_like=several_modes,
        absolute_value_like=one_sided,
        none_of_these=~(figure8 | circle | several_modes | one_sided),
    )


def _unseen(verdict: Verdict) -> Verdict:
    """Return a verdict of what may be there and not be seen."""
    return Verdict.INCONCLUSIVE if verdict is Verdict.FAILS else verdict


def above(value: Estimate, threshold: float) -> Verdict:
    """Judge whether a number is above a threshold.

    Parameters
    ----------
    value : Estimate
    threshold : float

    Returns
    -------
    Verdict
    """
    return positive(value - Estimate(threshold, 0.0, Kind.EXACT))


def likeness_words(found: ShapeMeasures) -> dict[str, str]:
    """Say what each verdict on a likeness rests on.

    Parameters
    ----------
    found : ShapeMeasures

    Returns
    -------
    dict of str to str
        A sentence by example of the paper.
    """
    plane = f"In the plane of the leading components ({found.plane_share:.0%} of the variance)"
    holes = (
        f"log density falls by {found.first_loop} nats into its deepest hole and by "
        f"{found.second_loop} into the next"
    )
    modes = f"by {found.second_mode} to its second mode"
    return {
        "figure8": f"{plane} {holes} (two from {SECOND_LOOP:g}); "
        f"{modes} (holes are gaps between clusters from {MODES_APART:g}).",
        "circle": f"{plane} {holes} (hollow from {HOLLOW:g}, with no second from {SECOND_LOOP:g}).",
        "clusters": f"Log density falls {modes} (several modes from {PROMINENT:g} nats); a "
        f"kernel reaches {found.company:.2g} other rows (one mode is said from {COMPANY:g}).",
        "absolute_value": f"The leading component has {found.along_line} of the variance (a line "
        f"from {A_LINE:g}) and a skewness of {found.skewness} (one-sided from {ONE_SIDED:g}).",
    }


def _curve(dimension: Estimate | None) -> Verdict:
    if dimension is None:
        return Verdict.INCONCLUSIVE
    if dimension.upper < CURVE:
        return Verdict.HOLDS
    return Verdict.FAILS if dimension.lower > NO_CURVE else Verdict.INCONCLUSIVE
