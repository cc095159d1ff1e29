"""The PMO over the zero-MLEO class: a table of members, each with its MLEO and PMO."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from joblib import Parallel, delayed

from theorycheck.estimate import Estimate, Verdict, positive
from theorycheck.models import GenerativeModel
from theorycheck.objectives import Decomposition, Evaluated, decompose
from theorycheck.progress import NO_PROGRESS, Progress
from theorycheck.rearrangements._image_law import ImageLawCheck, same_image_law
from theorycheck.rearrangements._monotone import MonotoneRearrangement
from theorycheck.rearrangements._pieces import arranged_pieces
from theorycheck.rearrangements._rearrangement import PIECES, Member, zero_mleo_members

#: Error radius of a member's PMO, nats; the differences that matter are of hundredths.
MEMBER_TOLERANCE = 1e-4
#: Draws a repetition, of 16, to which members are screened: the second where the first do not tell.
_SCREENING = (256, 1024)


@dataclass(frozen=True, eq=False)
class EvaluatedMember(Evaluated):
    """A member of the class with its figures: its J is its PMO, as its MLEO is zero.

    Parameters
    ----------
    member : Member
        The decoder.
    decomposition : Decomposition
        Against the ground truth's p(x).
    image_law : ImageLawCheck
        That it is a member; by both routes.
    """

    member: Member
    decomposition: Decomposition
    image_law: ImageLawCheck

    @property
    def name(self) -> str:
        """Return the decoder's name."""
        return self.member.name

    def to_dict(self) -> dict[str, object]:
        """Return the row for JSON."""
        return {
            "name": self.name,
            "kind": self.member.kind,
            "continuous": self.member.continuous,
            "mleo": self.mleo.to_dict(),
            "pmo": self.pmo.to_dict(),
            "image_law": self.image_law.to_dict(),
        }


@dataclass(frozen=True, eq=False)
class ZeroMleoClass:
    """What was looked at of the zero-MLEO class.

    Parameters
    ----------
    members : tuple of EvaluatedMember
        Smallest PMO first; each has passed the test of its image law.
    left_out : tuple of EvaluatedMember
        Those that could not be resolved well enough to pass.
    monotone : MonotoneRearrangement
        What is known of the monotone one.
    folds, local_folds : tuple of int
        Branches of the folds, and numbers of parts that are folded onto themselves.
    tears, seed : int
        Number of random interval exchanges, and their seed.
    arrangements : int
        Orders and directions of the curve's natural pieces that there are.
    """

    members: tuple[EvaluatedMember, ...]
    left_out: tuple[EvaluatedMember, ...]
    monotone: MonotoneRearrangement
    folds: tuple[int, ...]
    local_folds: tuple[int, ...]
    tears: int
    seed: int
    arrangements: int

    @property
    def smallest(self) -> EvaluatedMember:
        """Return the member of smallest PMO."""
        return self.members[0]

    @property
    def continuous(self) -> tuple[EvaluatedMember, ...]:
        """Return the members that are continuous functions of z."""
        return tuple(m for m in self.members if m.member.continuous)

    @property
    def description(self) -> str:
        """Say in plain words what was looked at."""
        every = (*self.members, *self.left_out)
        folds = " and ".join(str(k) for k in self.folds)
        parts = ["the ground truth"]
        bases, base = "of it", "of it"
        if any(m.member.kind == "monotone" for m in every):
            parts.append("its monotone rearrangement")
            bases, base = "of both", "of the latter"
        if self.folds:
            parts.append(f"folds {bases} with {folds} branches and of the first and last 5 %")
        if self.local_folds:
            counts = " and ".join(str(n) for n in self.local_folds)
            parts.append(f"folds of its parts onto themselves, {counts} equal parts")
        rotations = sum(m.member.kind == "rotation" for m in every)
        if rotations:
            parts.append(f"{rotations} rotations {bases if self.tears >= 0 else ''}".strip())
        if self.tears >= 0:
            random = f" and {self.tears} random (seed {self.seed})" if self.tears else ""
            parts.append(f"2 systematic{random} tears {base}")
        pieces = sum(m.member.kind == "pieces" for m in every)
        if pieces:
            parts.append(
                f"{pieces} of the {self.arrangements:,} other orders and directions of its "
                "natural pieces"
            )
        return (
            f"{len(self.members)} rearrangements with MLEO = 0: {', '.join(parts)}, and the "
            "mirror image z → −z of each"
        )

    def to_dict(self) -> dict[str, object]:
        """Return the table for JSON."""
        return {
            "description": self.description,
            "members": [m.to_dict() for m in self.members],
            "left_out": [m.to_dict() for m in self.left_out],
            "monotone": self.monotone.to_dict(),
        }


def survey_zero_mleo(
    data: GenerativeModel,
    *,
    truth: Decomposition | None = None,
    folds: Sequence[int] = (2, 3),
    local_folds: Sequence[int] = (),
    tears: int = 4,
    pieces: int = PIECES,
    seed: int = 0,
    tolerance: float = MEMBER_TOLERANCE,
    screened: bool = False,
    jobs: int | None = None,
    progress: Progress = NO_PROGRESS,
) -> ZeroMleoClass:
    """Compute MLEO and PMO of members of the zero-MLEO class.

    Parameters
    ----------
    data : GenerativeModel
        The ground truth.
    truth : Decomposition, optional
        Decomposition of the ground truth, where there is one already.
    folds, local_folds, tears, pieces, seed
        What is surveyed, as
        :func:`theorycheck.rearrangements._rearrangement.zero_mleo_members` takes it.
    tolerance : float
        Error radius wanted for every PMO, nats.
    screened : bool
        Average over a few thousand draws, with a statistical radius, but for members that these do
        not tell from the ground truth, and those that may be the smallest. Needs `truth`.
    jobs : int, optional
        Processes; by default what ``joblib.parallel_config`` says.
    progress : Progress
        Told about every decoder.

    Returns
    -------
    ZeroMleoClass

    Raises
    ------
    SettingError
        If a setting is out of range.
    DecoderError
        If f misbehaves.
    """
    members, monotone = zero_mleo_members(
        data, folds=folds, local_folds=local_folds, tears=tears, pieces=pieces, seed=seed
    )
    found: list[EvaluatedMember] = []
    if truth is not None:
        found.append(
            EvaluatedMember(members[0], truth, same_image_law(data, data, mleo=truth.mleo))
        )
        members = members[1:]
    if screened and truth is not None:
        screen = delayed(_by_draws)
        by_draws = _evaluated([screen(m, data, truth.pmo) for m in members], jobs, progress)
        open_still = {m.name for m in by_draws if _wants_quadrature(m, by_draws, truth.pmo)}
        found += [m for m in by_draws if m.name not in open_still]
        members = tuple(m for m in members if m.name in open_still)
    exact = delayed(_by_quadrature)
    found += _evaluated([exact(m, data, tolerance) for m in members], jobs, progress)
    passed = [m for m in found if m.image_law.verdict is Verdict.HOLDS]
    left_out = [m for m in found if m.image_law.verdict is not Verdict.HOLDS]
    return ZeroMleoClass(
        members=tuple(sorted(passed, key=_order)),
        left_out=tuple(sorted(left_out, key=lambda m: m.name)),
        monotone=monotone,
        folds=tuple(folds),
        local_folds=tuple(local_folds),
        tears=tears,
        seed=seed,
        arrangements=arranged_pieces(data, 0)[1],
    )


def _order(one: EvaluatedMember) -> tuple[float, bool, str]:
    """By PMO; of those that agree to rounding the ground truth comes first."""
    return round(one.pmo.value, 9), one.member.kind != "ground truth", one.name


def _evaluated(
    tasks: Sequence[object], jobs: int | None, progress: Progress
) -> list[EvaluatedMember]:
    found: list[EvaluatedMember] = []
    with progress.task("zero-MLEO class", len(tasks)) as advance:
        for one in Parallel(n_jobs=jobs, return_as="generator_unordered")(tasks):
            found.append(one)
            advance(1)
    return found


def _by_quadrature(member: Member, data: GenerativeModel, tolerance: float) -> EvaluatedMember:
    found = decompose(member.model, data, tolerance=tolerance)
    return EvaluatedMember(member, found, same_image_law(member.model, data, mleo=found.mleo))


def _by_draws(member: Member, data: GenerativeModel, truth: Estimate) -> EvaluatedMember:
    """Evaluate a member at few draws, and at more where they leave open which PMO is larger."""
    for size in _SCREENING:
        found = decompose(member.model, data, size=size, max_nodes=1)
        if _apart(found.pmo, truth):
            break
    return EvaluatedMember(member, found, same_image_law(member.model, data, mleo=found.mleo))


def _apart(one: Estimate, other: Estimate) -> bool:
    return positive(one - other) is not Verdict.INCONCLUSIVE


def _wants_quadrature(
    one: EvaluatedMember, others: Sequence[EvaluatedMember], truth: Estimate
) -> bool:
    """Whether draws do not tell a member from the ground truth, or it may be the smallest."""
    smallest = min(truth.upper, *(other.pmo.upper for other in others))
    return not _apart(one.pmo, truth) or one.pmo.lower <= smallest
