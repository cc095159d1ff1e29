"""A cohort, what in it is no density, where σ² must stop, and how it is split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from tests.small_cohorts import SHARED, needs_files, small_titanic
from theorycheck.cohorts import (
    Cohort,
    cohort_of_file,
    label_baseline,
    load_cohort,
    noise_floor,
    split_cohort,
)
from theorycheck.errors import DataError, SettingError


def made(size: int = 400, seed: int = 0) -> Cohort:
    """A continuous column, one with an atom, one of three values, and a constant one."""
    rng = np.random.default_rng(seed)
    y = (rng.random(size) < 0.3).astype(np.int64)
    x = rng.normal(size=(size, 4)) + y[:, None]
    x[: size // 4, 1] = 7.0
    x[:, 2] = rng.choice([0.0, 1.0, 5.0], size)
    x[:, 3] = 0.1
    return Cohort("made", ("a", "b", "c", "d"), ("no", "yes"), x, y)


def test_what_is_discrete() -> None:
    cohort = made()
    assert [(c.name, c.values) for c in cohort.discrete] == [("c", (0.0, 1.0, 5.0)), ("d", (0.1,))]
    assert cohort.distinct_rows == 400
    assert cohort.class_counts == tuple(np.bincount(cohort.y))
    assert cohort.largest_accuracy == 1.0


def test_repeated_rows_against_a_dictionary() -> None:
    rng = np.random.default_rng(1)
    x = rng.integers(0, 3, (200, 2)).astype(float)
    y = rng.integers(0, 3, 200)
    cohort = Cohort("small", ("a", "b"), ("0", "1", "2"), x, y)
    counts: dict[tuple[float, ...], list[int]] = {}
    for row, label in zip(x.tolist(), y.tolist(), strict=True):
        counts.setdefault(tuple(row), [0, 0, 0])[label] += 1
    assert cohort.distinct_rows == len(counts) == 9
    assert cohort.duplicate_rows == 191
    assert cohort.largest_accuracy == sum(max(c) for c in counts.values()) / 200


def test_the_floor() -> None:
    cohort = made()
    floor = noise_floor(cohort)
    variance = cohort.x.var(axis=0)
    np.testing.assert_allclose(floor.each[:2], 1e-4 * variance[:2])
    # Values 1 apart are told apart in all but one draw of a thousand.
    sigma = np.sqrt(floor.each[2])
    assert norm.cdf(0.5, scale=sigma) == pytest.approx(0.999, abs=1e-12)
    assert (floor.each > 0.0).all()
    assert floor.reasons == ("c has 3 values", "d has 1 values", "b is 7 in 25% of the rows")
    # In other units of x it is another number: σ is a length.
    scaled = noise_floor(cohort, cohort.x * np.array([2.0, 3.0, 4.0, 1.0]))
    np.testing.assert_allclose(scaled.each[:3] / floor.each[:3], [4.0, 9.0, 16.0])


def test_the_floor_is_no_more_than_the_variance() -> None:
    x = np.zeros((200, 1))
    x[:2] = 1.0
    cohort = Cohort("rare", ("a",), ("0", "1"), x, np.arange(200) % 2)
    floor = noise_floor(cohort)
    assert floor.each[0] == pytest.approx(x.var())
    assert floor.shared == floor.each[0]
    assert floor.reasons[1] == "every column is discrete"
    assert floor.reasons[2].startswith("only 2 distinct x in 200 rows")


def test_without_a_floor_the_likelihood_has_no_maximum() -> None:
    """What the floor is for: on atoms every smaller σ² is better, beyond it by a constant only."""
    values = np.array([0.0, 1.0, 5.0])
    cohort = made()
    column = cohort.x[:, 2]
    share = np.array([(column == v).mean() for v in values])

    def per_row(variance: float) -> float:
        density = norm.pdf(column[:, None], values, np.sqrt(variance)) @ share
        return float(np.log(density).mean())

    floor = noise_floor(cohort).each[2]
    gains = [per_row(floor / 4.0**k) - per_row(floor / 4.0 ** (k - 1)) for k in (1, 2, 3)]
    np.testing.assert_allclose(gains, np.log(2.0), atol=1e-3)


BAD = [
    ({"y": np.array([0, 1, 2, 0])}, "label 2 is none of 0 to 1"),
    ({"y": np.array([0, 1, -1, 0])}, "label -1 is none"),
    ({"y": np.array([0, 0, 0, 0])}, r"class 1 \(b\) has no rows"),
    ({"x": np.array([[0.0], [1.0], [np.nan], [2.0]])}, "NaN or inf"),
    ({"features": ("a", "b")}, "features"),
]


@pytest.mark.parametrize(("changed", "says"), BAD)
def test_a_bad_cohort(changed: dict[str, object], says: str) -> None:
    parts = {
        "name": "bad", "features": ("a",), "classes": ("a", "b"),
        "x": np.array([[0.0], [1.0], [3.0], [2.0]]), "y": np.array([0, 1, 1, 0]),
    }  # fmt: skip
    Cohort(**parts)
    with pytest.raises(DataError, match=says):
        Cohort(**(parts | changed))


def test_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = small_titanic(tmp_path, monkeypatch)
    cohort = load_cohort("titanic", folder=tmp_path)
    assert cohort.features == ("Class", "Age", "Sex")
    assert cohort.classes == ("died", "survived")
    assert (cohort.size, cohort.data_dim) == (120, 3)
    first = (tmp_path / "titanic.dat").read_text().splitlines()[8].split(",")
    np.testing.assert_array_equal(cohort.x[0], [float(cell) for cell in first[:3]])
    assert cohort.y[0] == (first[3] == "1.0")
    (tmp_path / "other.dat").write_text("@attribute a real\n@attribute b {1}\n@data\n1,1\n")
    with pytest.raises(DataError, match="no attribute 'Survived'"):
        cohort_of_file(source, tmp_path / "other.dat")


def test_splits() -> None:
    cohort = made()
    splits = split_cohort(cohort, count=4, seed=3)
    rows = {tuple(row) for row in cohort.x}
    for split in splits:
        np.testing.assert_allclose(split.x[:, :3].mean(axis=0), 0.0, atol=1e-12)
        np.testing.assert_allclose(split.x[:, :3].std(axis=0), 1.0)
        assert split.constant == ("d",)
        assert split.scale[3] == 1.0
        # Every row is in one part, and is what it was.
        parts = np.concatenate([split.x, split.test_x]) * split.scale + split.mean
        assert len(parts) == 400
        near = np.array(sorted(rows))
        np.testing.assert_allclose(parts[np.lexsort(parts.T[::-1])], near, atol=1e-9)
        # The classes' shares, in the test part and among the labels.
        for part, whole, share in (
            (split.test_y, cohort.y, 0.2),
            (split.y[split.observed], split.y, 0.1),
        ):
            wanted = share * np.bincount(whole)
            assert np.abs(np.bincount(part) - wanted).max() < 1.0
        assert len(split.test_y) == 80
        assert split.observed.sum() == 32
        np.testing.assert_allclose(split.prior, np.bincount(split.y[split.observed]) / 32)
        np.testing.assert_allclose(split.floor.each, noise_floor(cohort, split.x).each)
    # Splits differ, more of them keep the first, and another seed has others.
    again = split_cohort(cohort, count=5, seed=3)
    for one, two in zip(splits, again, strict=False):
        np.testing.assert_array_equal(one.test_x, two.test_x)
        np.testing.assert_array_equal(one.observed, two.observed)
    firsts = [s.test_x[0, 0] for s in (*again, *split_cohort(cohort, count=5, seed=4))]
    assert len(set(firsts)) == 10


def test_nothing_of_the_test_part_is_in_the_scale() -> None:
    cohort = made()
    split = split_cohort(cohort, count=1)[0]
    held_out = split.test_x[:, 0] * split.scale[0] + split.mean[0]
    far = np.where(np.isin(np.round(cohort.x[:, 0], 9), np.round(held_out, 9)), 1e6, 0.0)
    moved = Cohort("m", cohort.features, cohort.classes, cohort.x + far[:, None], cohort.y)
    again = split_cohort(moved, count=1)[0]
    np.testing.assert_array_equal(again.scale[:3], split.scale[:3])
    np.testing.assert_array_equal(again.x[:, :3], split.x[:, :3])


def test_all_labels_may_be_observed() -> None:
    assert split_cohort(made(), count=1, labelled_share=1.0)[0].observed.all()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"count": 0}, "at least one split"),
        ({"seed": -1}, "must not be negative"),
        ({"test_share": 0.0}, "test rows must be in"),
        ({"test_share": 1.0}, "test rows must be in"),
        ({"labelled_share": 0.0}, "leaves no label"),
        ({"labelled_share": 1.1}, "must be in"),
        ({"labelled_share": float("nan")}, "must be in"),
    ],
)
def test_bad_settings(given: dict[str, float], says: str) -> None:
    with pytest.raises(SettingError, match=says):
        split_cohort(made(), **given)  # type: ignore[arg-type]


def test_a_class_of_one_row() -> None:
    y = np.zeros(50, dtype=np.int64)
    y[7] = 1
    x = np.random.default_rng(0).normal(size=(50, 1))
    with pytest.raises(SettingError, match=r"a class of 1 row\(s\)"):
        split_cohort(Cohort("few", ("a",), ("0", "1"), x, y))


#: Rows, features, rows of the classes, distinct x, and balanced accuracy of logistic regression on
#: 10 % of the labels over 20 splits, mean and deviation, by scikit-learn on splits of its own.
PUBLISHED = {
    "debrecen": (1151, 19, (540, 611), 1146, (0.648, 0.037)),
    "contraceptive": (1473, 9, (629, 333, 511), 1358, (0.468, 0.032)),
    "titanic": (2201, 3, (1490, 711), 14, (0.707, 0.017)),
}


@needs_files
@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_sets(name: str) -> None:
    rows, features, counts, distinct, (mean, deviation) = PUBLISHED[name]
    cohort = load_cohort(name, folder=SHARED)
    assert (cohort.size, cohort.data_dim, cohort.class_counts) == (rows, features, counts)
    assert cohort.distinct_rows == distinct
    found = label_baseline(split_cohort(cohort, count=20)).labelled
    # Both means are of 20 splits, which share rows: five standard errors as if they did not.
    assert abs(found.mean - mean) < 5.0 * np.hypot(found.deviation, deviation) / np.sqrt(20.0)


@needs_files
def test_titanic_is_all_atoms() -> None:
    cohort = load_cohort("titanic", folder=SHARED)
    assert round(cohort.largest_accuracy, 4) == 0.7905
    floor = split_cohort(cohort, count=1)[0].floor
    assert floor.reasons[-1].startswith("only 14 distinct x in 2,201 rows")
    assert floor.shared == floor.each.min() > 0.02
