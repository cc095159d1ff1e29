"""Results read back from their files: nothing lost, and one clear line where that cannot be."""

from __future__ import annotations

import contextlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.efforts import TINY
from tests.problems import PROBLEMS
from theorycheck.errors import DecoderError, LoadingError, SettingError
from theorycheck.models._decoder import Decoder
from theorycheck.models._generative import GenerativeModel
from theorycheck.models._loading import load_model
from theorycheck.objectives._decomposition import Decomposition, decompose
from theorycheck.optimum._global_search import SearchSettings, find_optimum
from theorycheck.optimum._result import PredictedOptimum
from theorycheck.rearrangements._zero_mleo_class import survey_zero_mleo
from theorycheck.results import Saved, head_of
from theorycheck.results import _head as heads
from theorycheck.theorems._noise_curve import NoiseCurve, noise_curve
from theorycheck.theorems._noise_optimum import find_noise_optima
from theorycheck.theorems._theorem1 import check_theorem1
from theorycheck.theorems._theorem1_check import Theorem1Check
from theorycheck.theorems._theorem2 import Theorem2Check, check_theorem2

SETTINGS = SearchSettings(effort=TINY, seed=2)


@pytest.fixture(scope="session")
def wave() -> GenerativeModel:
    return PROBLEMS["wave"].model


@pytest.fixture(scope="session")
def optimum(wave: GenerativeModel) -> PredictedOptimum:
    return find_optimum(wave, SETTINGS)


@pytest.fixture
def file(optimum: PredictedOptimum, tmp_path: Path) -> Path:
    path = tmp_path / "optimum.npz"
    optimum.save(path)
    return path


def conditions(optimum: PredictedOptimum) -> Theorem1Check:
    members = survey_zero_mleo(optimum.data, folds=(2,), tears=0, pieces=1, jobs=1)
    given = [optimum.model]
    return check_theorem1(
        optimum.data, given, optimum=optimum, zero_mleo=members, tolerance=1e-3, eta=[0.05, 0.1]
    )


def noise(optimum: PredictedOptimum) -> Theorem2Check:
    held, joint = find_noise_optima(optimum.data, SETTINGS)
    return check_theorem2(optimum.data, tolerance=1e-3, optimum=held, joint=joint)


MAKERS: list[tuple[type[Saved], Callable[[PredictedOptimum], Any]]] = [
    (PredictedOptimum, lambda optimum: optimum),
    (Decomposition, lambda optimum: decompose(optimum.model, optimum.data, eta=[0.1])),
    (Theorem1Check, conditions),
    (Theorem2Check, noise),
    (NoiseCurve, lambda optimum: noise_curve(optimum.data, [0.01, 0.02], SETTINGS)),
]


@pytest.mark.parametrize(("kind", "make"), MAKERS, ids=[kind.__name__ for kind, _ in MAKERS])
def test_read_back(
    kind: type[Saved],
    make: Callable[[PredictedOptimum], Any],
    optimum: PredictedOptimum,
    tmp_path: Path,
) -> None:
    """From the file, and from one JSON object: what is printed is the same to the last digit."""
    result = make(optimum)
    result.save(tmp_path / "a.npz")
    document = json.loads(json.dumps(result.to_document(), allow_nan=False))
    for again in (kind.load(tmp_path / "a.npz"), kind.from_document(document)):
        assert type(again) is kind
        assert again.to_dict() == result.to_dict()  # type: ignore[attr-defined]
        for words in ("summary", "findings"):
            assert getattr(again, words, None) == getattr(result, words, None)
    head = head_of(tmp_path / "a.npz")
    assert head.schema == kind.schema
    assert head.about["fingerprint"] == optimum.data.fingerprint
    assert set(head.versions) == {"theorycheck", "numpy", "scipy", "numba"}


def test_every_bit_of_an_optimum_is_there(optimum: PredictedOptimum, file: Path) -> None:
    again = PredictedOptimum.load(file)
    assert np.array_equal(again.f, optimum.f)
    assert np.array_equal(again.cells.boundary, optimum.cells.boundary)
    assert again.settings == optimum.settings
    assert again.starts == optimum.starts
    assert again.model.same_as(optimum.model)
    assert again.data.same_as(optimum.data)
    mine, its = optimum.decomposition.averages, again.decomposition.averages
    assert np.array_equal(mine.kl, its.kl)
    assert head_of(file).about["settings"]["seed"] == 2


def test_the_file_is_a_model(optimum: PredictedOptimum, file: Path) -> None:
    again = decompose(load_model(str(file)), optimum.data, tolerance=TINY.tolerance)
    assert again.excess == optimum.excess


def test_a_function_is_not_in_the_file(tmp_path: Path) -> None:
    """All figures are there; f itself only if the model is given again."""
    data = GenerativeModel(Decoder.from_function(lambda z: np.sin(3.0 * z)), 0.1)
    decompose(data, eta=[0.1], tolerance=1e-3).save(tmp_path / "d.npz")
    again = Decomposition.load(tmp_path / "d.npz")
    assert again.data.same_as(data)
    assert again.resolved
    with pytest.raises(DecoderError, match="the result file does not hold its f"):
        decompose(again.data)
    given = Decomposition.load(tmp_path / "d.npz", [data])
    assert given.data is data
    # Another function of the same name is not taken for it.
    other = GenerativeModel(Decoder.from_function(lambda z: np.sin(2.0 * z)), 0.1)
    assert Decomposition.load(tmp_path / "d.npz", [other]).data is not other


def changed(file: Path, **entries: object) -> None:
    """Write the file anew with other entries in its head."""
    with np.load(file) as archive:
        arrays = {name: archive[name] for name in archive.files}
    head = json.loads(str(arrays["head"].item())) | entries
    arrays["head"] = np.array(json.dumps(head))
    np.savez(file, **arrays)


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ({"format": "other"}, "not a result file of theorycheck"),
        ({"version": heads.FORMAT_VERSION + 1}, "written by a newer version"),
        ({"version": 0}, "written by another version"),
        ({"layout": "0123"}, "written by another version"),
        ({"schema": "noise"}, "holds a check of Theorem 2, not a predicted optimum"),
        ({"versions": None}, "damaged result file"),
        ({"body": {"$object": 99}}, "damaged result file"),
        ({"objects": []}, "damaged result file"),
        ({"models": [{}]}, "damaged result file"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_files_of_another_kind(file: Path, entries: dict[str, object], says: str) -> None:
    changed(file, **entries)
    with pytest.raises(LoadingError, match=says) as caught:
        PredictedOptimum.load(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("cut", [0, 1, 100, -1, -1000])
def test_a_file_cut_short(file: Path, cut: int) -> None:
    content = file.read_bytes()
    file.write_bytes(content[:cut])
    with pytest.raises(LoadingError, match="damaged"):
        PredictedOptimum.load(file)


def test_flipped_bits_never_go_unnoticed(file: Path, optimum: PredictedOptimum) -> None:
    """Each is an error in one line, or changes nothing that is read."""
    content = bytearray(file.read_bytes())
    rng = np.random.default_rng(5)
    for place in rng.choice(len(content), 60, replace=False):
        damaged = bytearray(content)
        damaged[place] ^= 0x10
        file.write_bytes(bytes(damaged))
        with contextlib.suppress(LoadingError):
            assert PredictedOptimum.load(file).to_dict() == optimum.to_dict()


def test_no_code_is_run(tmp_path: Path, file: Path) -> None:
    """A pickled object in the archive is refused, not loaded."""
    with np.load(file) as archive:
        arrays = {name: archive[name] for name in archive.files}
    arrays["array/0"] = np.array([{"a": 1}], dtype=object)
    np.savez(tmp_path / "evil.npz", allow_pickle=True, **arrays)
    with pytest.raises(LoadingError, match="damaged"):
        PredictedOptimum.load(tmp_path / "evil.npz")


def test_what_is_no_result(tmp_path: Path) -> None:
    table = tmp_path / "table.npz"
    np.savez(table, z=np.arange(3.0), f=np.arange(3.0))
    text = tmp_path / "text.npz"
    text.write_text("z, f")
    archive = tmp_path / "zip.npz"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("a.txt", "b")
    for path in (table, text, archive):
        with pytest.raises(LoadingError, match="not a result file"):
            PredictedOptimum.load(path)
    with pytest.raises(LoadingError, match="no such file"):
        PredictedOptimum.load(tmp_path / "gone.npz")
    with pytest.raises(LoadingError, match="not a result"):
        PredictedOptimum.from_document({"arrays": 3})


def test_where_it_cannot_be_written(optimum: PredictedOptimum, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="cannot be written"):
        optimum.save(tmp_path / "gone" / "a.npz")
