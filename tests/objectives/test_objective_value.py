"""J, MLEO and PMO as one value: what has them, differences, and the way to JSON and back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from theorycheck.dataset._reference import reference
from theorycheck.estimate import Estimate, Kind
from theorycheck.models import load_model
from theorycheck.objectives._decomposition import Decomposition, decompose
from theorycheck.objectives._objective_value import Evaluated, ObjectiveValue

ONE = ObjectiveValue(
    Estimate(0.5, 0.01), Estimate(0.3, 0.002, Kind.STATISTICAL), Estimate(0.2, 0.008, Kind.PROVED)
)


@dataclass(frozen=True, eq=False)
class _Judged(Evaluated):
    decomposition: Decomposition


@dataclass(frozen=True, eq=False)
class _OfAnotherBound(Evaluated):
    decomposition: Decomposition

    @property
    def excess(self) -> Estimate:
        return Estimate(7.0, 0.5)


def test_what_has_a_decomposition_has_the_three() -> None:
    model = load_model("expr:[z, 0.5*z**2]", noise_variance=0.3)
    found = decompose(model, load_model("expr:[z, 0*z]", noise_variance=0.3), tolerance=1e-3)
    judged = _Judged(found)
    assert judged.figures == found.figures
    assert judged.figures == ObjectiveValue(found.excess, found.mleo, found.pmo)
    assert (judged.excess, judged.mleo, judged.pmo) == (found.excess, found.mleo, found.pmo)
    values = found.to_dict()
    assert {part: values[part] for part in ("excess", "mleo", "pmo")} == found.figures.to_dict()
    # An optimum of the IWAE bound has another J; its parts are those of the ELBO.
    other = _OfAnotherBound(found).figures
    assert (other.excess.value, other.mleo) == (7.0, found.mleo)


def test_to_json_and_back() -> None:
    read = ObjectiveValue.from_dict(json.loads(json.dumps({**ONE.to_dict(), "decoder": "f.npz"})))
    assert read == ONE
    with pytest.raises(KeyError):
        ObjectiveValue.from_dict({"excess": ONE.excess.to_dict()})
    card = json.loads(
        (Path(__file__).parents[2] / "theorycheck/dataset/reference_values/circle.json").read_text()
    )
    assert reference("circle").optimum == ObjectiveValue.from_dict(card["optimum"])


def test_a_difference_takes_the_weakest_kind() -> None:
    gap = ONE - ObjectiveValue(*(Estimate(0.1, 0.001, Kind.EXACT) for _ in range(3)))
    assert gap.excess.value == pytest.approx(0.4)
    assert [part.kind for part in (gap.excess, gap.mleo, gap.pmo)] == [
        Kind.ESTIMATED, Kind.STATISTICAL, Kind.PROVED,
    ]  # fmt: skip
    assert gap.mleo.error == pytest.approx(0.003)
