"""Rounds of training on the own samples: what must fall, what must stay, what is refused."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from theorycheck.errors import SettingError
from theorycheck.models._expression import parse_expression
from theorycheck.models._generative import GenerativeModel
from theorycheck.optimum._self_training import distance_to_affine, self_train


def model(text: str, noise: float = 0.3) -> GenerativeModel:
    return GenerativeModel(parse_expression(text).to_decoder(), noise)


def test_distance_to_affine_in_closed_form() -> None:
    """Z + c(z² − 1)/√2 is c away from z, and has the spread √(1 + c²)."""
    slope, curvature, spread = distance_to_affine(model("[3 + z + 0.2*(z**2 - 1)/sqrt(2), 2*z]"))
    assert slope == pytest.approx([1.0, 2.0], abs=1e-6)
    assert curvature == pytest.approx(0.2, abs=1e-6)
    assert spread == pytest.approx(math.sqrt(5.04), abs=1e-6)


@pytest.mark.parametrize("text", ["tanh(z)", "sin(2*z)", "z + 0.3*z**2"])
def test_runs_towards_an_affine_decoder(text: str) -> None:
    done = self_train(model(text), 12, keep=frozenset({0, 5}))
    bent = [r.bent for r in done.rounds]
    pmo = [r.pmo for r in done.rounds]
    assert all(after.lower < before.upper for before, after in pairwise(pmo))
    assert bent[-1] < 0.4 * bent[0]
    assert sorted(done.models) == [0, 5, 12]
    assert [r.number for r in done.rounds] == list(range(13))
    # The first entry is that of the decoder given, the last that of the decoder returned.
    assert distance_to_affine(done.models[12])[1] == done.rounds[-1].curvature
    assert np.array_equal(done.rounds[0].slope, distance_to_affine(model(text))[0])


def test_the_gain_bounds_what_a_round_wins() -> None:
    """MLEO of the old p(x) under the new decoder, plus its PMO there, is below PMO − gain."""
    from theorycheck.objectives._decomposition import decompose

    done = self_train(model("tanh(z)"), 1, keep=frozenset({0}))
    j = decompose(done.models[1], done.models[0], tolerance=1e-5).excess
    assert j.lower <= (done.rounds[0].pmo - done.rounds[0].gain).upper


def test_no_round_is_refused() -> None:
    with pytest.raises(SettingError, match="at least 1 round"):
        self_train(model("z"), 0)
