"""Members of the zero-MLEO class that a few draws tell from the ground truth are left to them."""

from __future__ import annotations

import pytest

from theorycheck.estimate import Estimate, Kind, Verdict
from theorycheck.models import load_model
from theorycheck.objectives import decompose
from theorycheck.rearrangements import ZeroMleoClass, survey_zero_mleo
from theorycheck.rearrangements._zero_mleo_class import EvaluatedMember


@pytest.fixture(scope="module", params=["abs(z)", "z + 0.4*sin(2*z)"])
def both(request: pytest.FixtureRequest) -> tuple[ZeroMleoClass, ZeroMleoClass, Estimate]:
    """The class by draws and by quadrature: with smaller PMO than the truth's, and with larger."""
    data = load_model(f"expr:{request.param}", noise_variance=0.2)
    truth = decompose(data, tolerance=1e-4)
    options = {"truth": truth, "folds": (2,), "tears": 0, "pieces": 0, "tolerance": 1e-3, "jobs": 1}
    screened = survey_zero_mleo(data, **options, screened=True)  # type: ignore[arg-type]
    return screened, survey_zero_mleo(data, **options), truth.pmo  # type: ignore[arg-type]


def test_draws_and_quadrature_agree(
    both: tuple[ZeroMleoClass, ZeroMleoClass, Estimate],
) -> None:
    screened, exact, _ = both
    by_name = {member.name: member for member in exact.members}
    assert {member.name for member in screened.members} == set(by_name)
    assert not screened.left_out
    for member in screened.members:
        difference = member.pmo - by_name[member.name].pmo
        assert difference.contains(0.0), member.name
        assert member.image_law.verdict is Verdict.HOLDS
    kinds = {member.pmo.kind for member in screened.members}
    assert kinds == {Kind.ESTIMATED, Kind.STATISTICAL}
    assert {member.pmo.kind for member in exact.members} == {Kind.ESTIMATED}


def test_what_draws_leave_open_is_by_quadrature(
    both: tuple[ZeroMleoClass, ZeroMleoClass, Estimate],
) -> None:
    screened, exact, truth = both

    def by_draws(member: EvaluatedMember) -> bool:
        return member.pmo.kind is Kind.STATISTICAL

    # The smallest is the same, and none by draws may be smaller, or as small as the ground truth.
    assert screened.smallest.name == exact.smallest.name
    assert not by_draws(screened.smallest)
    for member in filter(by_draws, screened.members):
        assert not (member.pmo - truth).contains(0.0), member.name
        assert member.pmo.lower > screened.smallest.pmo.value
