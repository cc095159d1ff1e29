"""The rules on numbers that are laid down, strands that meet, and the count of right calls."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from theorycheck.advise import (
    KNOWN_TABLES,
    QUESTIONS,
    ShapeMeasures,
    Strands,
    call_rates,
    describe_strands,
    likeness,
    likeness_words,
    share_on_curve,
    share_on_graph,
)
from theorycheck.advise import _known_tables as known
from theorycheck.errors import DataError, SettingError
from theorycheck.estimate import Estimate, Kind, Verdict

HOLDS, FAILS, OPEN = Verdict.HOLDS, Verdict.FAILS, Verdict.INCONCLUSIVE


def near(value: float, error: float = 0.01) -> Estimate:
    return Estimate(value, error, Kind.STATISTICAL)


#: Nothing stands out.
PLAIN = ShapeMeasures(
    2000, near(0.1), near(0.05), near(0.02), near(0.1), near(0.5), near(1.5), 1.0, 9.0
)


def verdicts(**change: Any) -> list[Verdict]:
    """Figure-8, Circle, Clusters, Absolute Value, none."""
    found = likeness(replace(PLAIN, **change))
    return [*found.by_example.values(), found.none_of_these]


def test_rules() -> None:
    assert verdicts() == [FAILS, FAILS, FAILS, FAILS, HOLDS]
    two = {"first_loop": near(0.6), "second_loop": near(0.5)}
    assert verdicts(**two) == [HOLDS, FAILS, FAILS, FAILS, FAILS]
    # Holes between clusters that are apart.
    assert verdicts(**two, second_mode=near(3.0)) == [FAILS, FAILS, HOLDS, FAILS, FAILS]
    # Modes that are not apart leave the loops what they are.
    assert verdicts(**two, second_mode=near(0.8))[0] is HOLDS
    assert verdicts(first_loop=near(2.0)) == [FAILS, HOLDS, FAILS, FAILS, FAILS]
    assert verdicts(first_loop=near(2.0), second_loop=near(0.5))[:2] == [HOLDS, FAILS]
    line = {"skewness": near(0.9), "along_line": near(0.97)}
    assert verdicts(**line) == [FAILS, FAILS, FAILS, HOLDS, FAILS]
    assert verdicts(**line, second_mode=near(0.8))[3] is FAILS
    assert verdicts(**line, first_loop=near(0.6))[3] is FAILS
    assert verdicts(skewness=near(0.9))[3] is FAILS


def test_what_cannot_be_told() -> None:
    """Intervals over a threshold; and of few rows it is not said that there are no two loops."""
    assert verdicts(second_mode=near(0.6, 0.1)) == [FAILS, FAILS, OPEN, FAILS, OPEN]
    assert verdicts(second_loop=near(0.2))[0] is OPEN
    assert verdicts(rows=900)[0] is OPEN
    assert verdicts(rows=900, second_mode=near(3.0))[0] is FAILS
    assert verdicts(first_loop=near(1.0, 0.2))[1] is OPEN


def test_a_plane_with_little_of_the_variance() -> None:
    """Loops that are seen are there; those that are not may be hidden by columns of noise."""
    narrow = {"plane_share": 0.7}
    assert verdicts(**narrow) == [OPEN, OPEN, FAILS, FAILS, OPEN]
    assert verdicts(**narrow, first_loop=near(2.0))[1] is HOLDS
    two = {"first_loop": near(0.6), "second_loop": near(0.5)}
    assert verdicts(**narrow, **two)[:2] == [HOLDS, FAILS]


def test_rows_without_company() -> None:
    """Of many columns a kernel reaches nobody: that no mode is seen says nothing."""
    assert verdicts(company=0.5) == [FAILS, FAILS, OPEN, FAILS, OPEN]
    assert verdicts(company=0.5, second_mode=near(9.0))[2] is HOLDS
    two = {"first_loop": near(0.6), "second_loop": near(0.5)}
    assert verdicts(company=0.5, **two)[0] is OPEN


def test_curves() -> None:
    cases = ((1.1, HOLDS), (1.9, FAILS), (1.5, OPEN), (1.295, OPEN))
    for dimension, verdict in cases:
        assert likeness(replace(PLAIN, largest_scale=near(dimension))).curve is verdict
    assert likeness(replace(PLAIN, largest_scale=None)).curve is OPEN


def test_words_have_the_numbers() -> None:
    words = likeness_words(PLAIN)
    assert list(words) == list(QUESTIONS)
    assert str(PLAIN.second_loop) in words["figure8"]
    assert str(PLAIN.skewness) in words["absolute_value"]


def test_strands_of_parallel_lines() -> None:
    """There and back at a distance of 1: all but the turn has a partner, if σ says so."""
    along = np.linspace(0.0, 10.0, 501)
    there = np.stack([along, np.zeros(501)], axis=1)
    curve = np.concatenate([there, there[::-1] + np.array([0.0, 1.0])])
    # Near is 1.2, far 2.4: the pair at t from the turn is 2t + 1 apart along the curve; the best
    # partner is up to √(1.2² − 1²) farther on.
    start = (2.4 - 1.0 - math.sqrt(1.2**2 - 1.0)) / 2.0
    assert share_on_curve(curve, 0.6) == pytest.approx(1.0 - start / 10.0, abs=0.005)
    assert share_on_curve(curve, 0.49) == 0.0
    assert share_on_curve(there, 0.6) == 0.0
    # Rows 0.04 apart have no neighbour on the other line, those 0.1 apart have some at the ends.
    rows = curve[::2]
    assert share_on_graph(rows, 0.6) == 1.0
    assert 0.7 < share_on_graph(curve[::5], 0.6) < 0.9
    assert share_on_graph(there[::5], 0.6) == 0.0
    for share in (share_on_curve, share_on_graph):
        with pytest.raises(SettingError, match="positive"):
            share(rows, 0.0)


def test_equal_rows_are_joined() -> None:
    assert share_on_graph(np.zeros((60, 2)), 0.5) == 0.0


def test_strands_of_fits() -> None:
    """Of every split the share along its own curve; the mean over splits, with its spread."""
    curve = np.concatenate([np.linspace(0.0, 1.0, 500), np.linspace(1.0, 0.0, 500)])[:, None]
    cells = SimpleNamespace(interpolate=lambda f, _: f)
    fit = SimpleNamespace(cells=cells, f=curve, noise_variance=1e-4)
    split = SimpleNamespace(pair=SimpleNamespace(exact_likelihood=fit), graph_share=0.25)
    fits: Any = SimpleNamespace(over_splits=lambda value: value(split))
    found = describe_strands(fits)
    # Near is 0.02, far 0.04: all but 0.01 from the turn on each side, of 1.
    assert found.on_curve.value == pytest.approx(0.99, abs=0.004)
    assert found.on_graph.value == 0.25
    assert Strands.meet(found.on_curve) is HOLDS
    assert found.to_dict()["far"] == 4.0


def test_rates_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of four draws, one each of right, wrong and twice open."""
    said = iter([HOLDS, FAILS, OPEN, OPEN])
    monkeypatch.setattr(known, "measure_shape", lambda x, seed: None)  # noqa: ARG005

    def judged(_: object) -> Any:
        return SimpleNamespace(by_example=dict.fromkeys(QUESTIONS, next(said)))

    monkeypatch.setattr(known, "likeness", judged)
    rates = {one.question: one for one in call_rates("circle", rows=60, seeds=range(4))}
    one = rates["circle"]
    assert (one.right, one.wrong, one.inconclusive, one.rows) == (1, 1, 2, 60)
    assert (rates["clusters"].right, rates["clusters"].wrong) == (1, 1)
    with pytest.raises(DataError, match="did you mean 'circle'"):
        call_rates("circl", rows=60, seeds=[0])


@pytest.mark.parametrize("name", list(KNOWN_TABLES))
def test_known_tables(name: str) -> None:
    table = KNOWN_TABLES[name]
    x = table.draw(4000, np.random.default_rng(0))
    assert np.isfinite(x).all()
    assert x.shape[0] == 4000
    assert set(table.like) | set(table.open) <= set(QUESTIONS)
    again = table.draw(4000, np.random.default_rng(0))
    assert np.array_equal(x, again)


def test_known_moments() -> None:
    draw = {name: KNOWN_TABLES[name].draw(20_000, np.random.default_rng(1)) for name in
            ("circle", "discrete_semi_circle", "gaussian", "two_blobs")}  # fmt: skip
    radius = np.linalg.norm(draw["circle"], axis=1)
    assert radius.mean() == pytest.approx(1.005, abs=0.005)
    assert radius.std() == pytest.approx(0.1, abs=0.005)
    # Half a circle: x₂ below 0 by noise alone.
    assert draw["discrete_semi_circle"][:, 1].min() > -0.5
    assert np.corrcoef(draw["gaussian"].T)[0, 1] == pytest.approx(0.6, abs=0.02)
    assert (draw["two_blobs"][:, 0] > 4.0).mean() == pytest.approx(0.5, abs=0.02)


def test_calls_on_easy_tables() -> None:
    """What no rule may miss: one draw each, of few rows."""
    for name, question in (("circle", "circle"), ("two_blobs", "clusters")):
        (rate,) = (one for one in call_rates(name, rows=600, seeds=[11]) if
                   one.question == question)  # fmt: skip
        assert rate.right == 1
