"""Advice on tables whose right answer is known, and verdicts from numbers that are laid down."""

from __future__ import annotations

import math
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from theorycheck.advise import (
    Advice,
    DataTable,
    FitSettings,
    Strands,
    advise,
    beyond,
    describe_shape,
    family_guideline,
    label_guideline,
    noise_guideline,
    regularisation_guideline,
)
from theorycheck.errors import SettingError
from theorycheck.estimate import Estimate, Kind, Verdict
from theorycheck.models import benchmark
from theorycheck.optimum import TableEffort

SMALL = FitSettings(splits=2, bounds=2, effort=TableEffort(starts=1, cells=32, most=8))
Array = np.ndarray


def draws(name: str, size: int) -> Array:
    return np.asarray(benchmark(name).sample(size, 0)[1])


@cache
def of_circle() -> Advice:
    x = draws("circle", 300)
    labels = tuple("up" if row[1] > 0.0 else "down" for row in x)
    table = DataTable("circle", ("a", "b"), x, "half", labels)
    return advise(table, settings=SMALL, labelled_share=0.5)


class Said:
    """Keeps what was said and counts what was done."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.done = self.total = 0

    def say(self, text: str) -> None:
        self.lines.append(text)

    def task(self, description: str, total: int | None) -> Any:  # noqa: ARG002
        from contextlib import contextmanager

        @contextmanager
        def opened() -> Any:
            self.total += total or 0

            def advance(steps: int) -> None:
                self.done += steps

            yield advance

        return opened()


def test_every_number_has_a_kind() -> None:
    entry = of_circle().to_dict()

    def numbers(node: object) -> list[dict[str, Any]]:
        if isinstance(node, dict):
            if Estimate.describes(node):
                return [node]
            return [found for value in node.values() for found in numbers(value)]
        if isinstance(node, list):
            return [found for value in node for found in numbers(value)]
        return []

    found = numbers(entry)
    assert len(found) > 20
    assert all(math.isfinite(one["error"]) for one in found)
    kinds = {one["kind"] for one in found}
    assert kinds <= {"statistical", "estimated"}


def test_parts_add_up() -> None:
    """−ELBO = −log p + KL, and the ELBO's optimum has the larger ELBO."""
    parts = of_circle().fits.parts
    for one in parts.values():
        total = one.negative_log_density.value + one.kl.value
        assert one.negative_elbo.value == pytest.approx(total, abs=1e-12)
        assert one.kl.value >= -one.kl.error
    assert parts["elbo"].negative_elbo.value < parts["exact_likelihood"].negative_elbo.value + 0.05


def test_circle_has_little_to_gain() -> None:
    """Gaussian posteriors but for the ends: nobody is told to leave a Gaussian q."""
    found = of_circle()
    assert found.guidelines[1].ruling.verdict is not Verdict.HOLDS
    assert found.shape.like.several_modes is not Verdict.HOLDS
    assert [one.number for one in found.guidelines] == [1, 2, 3, 4]


def test_a_label_that_a_line_tells() -> None:
    four = of_circle().guidelines[3]
    assert four.ruling.verdict is Verdict.FAILS
    assert four.numbers["balanced_accuracy"].value > 0.9
    assert "50%" in four.evidence


def test_it_says_what_it_costs_and_counts_what_it_does() -> None:
    said = Said()
    table = DataTable("t", ("a", "b"), draws("circle", 200))
    found = advise(table, settings=SMALL, most_rows=100, progress=said)
    assert "Of 200 rows 100 are drawn" in said.lines[0]
    assert "minute" in said.lines[1]
    assert said.done == said.total
    assert found.rows_used == 100
    assert found.guidelines[3].ruling.rests_on is None


def test_a_seed_gives_the_same_advice() -> None:
    table = DataTable("t", ("a", "b"), draws("circle", 100))
    one, other = (advise(table, settings=SMALL, seed=4).to_dict() for _ in range(2))
    assert one == other


def test_several_modes() -> None:
    rng = np.random.default_rng(0)
    blobs = np.concatenate([rng.normal(size=(200, 2)), rng.normal(size=(200, 2)) + 9.0])
    found = describe_shape(blobs)
    assert found.like.several_modes is Verdict.HOLDS
    assert found.modes.contains(2.0)
    assert found.measures.second_mode.value > 2.0
    one = describe_shape(rng.normal(size=(600, 2)))
    assert one.like.several_modes is not Verdict.HOLDS
    assert [neighbour for neighbour, _ in one.dimension] == [1, 4, 16, 64]


@pytest.mark.parametrize(
    ("value", "error", "verdict"),
    [
        (0.03, 0.02, "holds"),
        (0.03, 0.04, "inconclusive"),
        (0.0, 0.005, "fails"),
        (-0.5, 0.1, "fails"),
        (0.004, 0.001, "holds"),
    ],
)
def test_beyond(value: float, error: float, verdict: str) -> None:
    assert beyond(Estimate(value, error, Kind.STATISTICAL), 0.01) == verdict


def fits(ratio: float = 0.0, gap: float = 0.0, lost: float = 0.0, error: float = 1e-3) -> Any:
    def statistical(value: float) -> Estimate:
        return Estimate(value, error, Kind.STATISTICAL)

    return SimpleNamespace(
        log_noise_ratio=statistical(ratio),
        mleo_gap=statistical(gap),
        noise_variance=lambda _: statistical(0.1),
        difference=lambda *_: statistical(lost),
        splits=[SimpleNamespace(steepness=3.0)],
    )


SHAPE: Any = SimpleNamespace(
    like=SimpleNamespace(
        by_example={"figure8": Verdict.FAILS, "clusters": Verdict.INCONCLUSIVE},
        none_of_these=Verdict.INCONCLUSIVE,
    )
)
STRANDS = Strands(Estimate(0.1, 0.01), Estimate(0.0, 0.01))


def test_verdicts_of_the_guidelines() -> None:
    for value, error, verdict in ((0.5, 0.1, "holds"), (0.0, 1e-3, "fails")):
        assert noise_guideline(fits(ratio=value, error=error)).ruling.verdict == verdict
        assert noise_guideline(fits(ratio=-value, error=error)).ruling.verdict == verdict
        assert (
            family_guideline(fits(gap=value, error=error), SHAPE, STRANDS).ruling.verdict == verdict
        )
        assert regularisation_guideline(fits(lost=value, error=error)).ruling.verdict == verdict
    for found in (
        noise_guideline(fits(ratio=0.2, error=0.1)),
        family_guideline(fits(gap=0.2, error=0.3), SHAPE, STRANDS),
        regularisation_guideline(fits(lost=0.2, error=0.3)),
    ):
        assert found.ruling.verdict is Verdict.INCONCLUSIVE
        assert "cannot be told" in found.advice
        assert found.ruling.rests_on is Kind.STATISTICAL
    assert "larger" in noise_guideline(fits(ratio=0.5)).advice
    assert "smaller" in noise_guideline(fits(ratio=-0.5)).advice


def test_a_label_is_hard_below_halfway() -> None:
    for accuracy, verdict in ((0.55, "holds"), (0.95, "fails"), (0.74, "inconclusive")):
        found = label_guideline(Estimate(accuracy, 0.05, Kind.STATISTICAL), 0.5, 0.1)
        assert found.ruling.verdict == verdict


def test_bad_settings() -> None:
    table = DataTable("t", ("a", "b"), draws("circle", 100))
    for change, words in (({"most_rows": 10}, "50 rows"), ({"seed": -1}, "seed")):
        with pytest.raises(SettingError, match=words):
            advise(table, **change)
    with pytest.raises(SettingError, match="two splits"):
        FitSettings(splits=1)


def test_one_column() -> None:
    """Local components have nothing to leave over."""
    x = np.random.default_rng(1).normal(size=(80, 1))
    found = advise(DataTable("t", ("a",), x), settings=SMALL)
    entry = found.to_dict()
    assert entry["noise_variance"]["local_pca"] is None  # type: ignore[index]
