"""σ² at optima that a search found: exact refits, radii that hold, and what they are not."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.optimum.conftest import TINY
from theorycheck.errors import ModelError, SettingError
from theorycheck.models._benchmarks import benchmark
from theorycheck.models._decoder import Decoder
from theorycheck.models._expression import parse_expression
from theorycheck.models._generative import GenerativeModel
from theorycheck.objectives._decomposition import decompose
from theorycheck.optimum._global_search import find_optimum
from theorycheck.optimum._result import PredictedOptimum
from theorycheck.optimum._settings import SearchSettings
from theorycheck.theorems._em_rate import LARGEST, noise_contraction
from theorycheck.theorems._noise_optimum import find_noise_optima, noise_at
from theorycheck.theorems._theorem1 import check_theorem1
from theorycheck.theorems._theorem2 import check_theorem2

LEAST = replace(TINY, starts=3, refined=2, rounds=0, fine_cells=100, fine_step=0.8)
Optima = tuple[GenerativeModel, PredictedOptimum, PredictedOptimum]


@pytest.fixture(scope="module")
def line() -> Optima:
    """Return optima where the answer is known: a line's posteriors are Gaussian, so that J = 0."""
    model = GenerativeModel(parse_expression("[z, 2*z]").to_decoder(name="line"), 0.5)
    return model, *find_noise_optima(model, SearchSettings(effort=LEAST))


def test_at_a_line_both_are_the_true_one(line: Optima) -> None:
    model, held, joint = line
    check = check_theorem2(model, tolerance=1e-4, optimum=held, joint=joint)
    assert check.refit_at_optimum is not None
    assert check.joint_optimum is not None
    for estimate in check.refit_at_optimum:
        # Exactly evaluated, at an f that is only near the best one.
        assert estimate.value == pytest.approx(0.5, rel=1e-2)
    for estimate in check.joint_optimum:
        assert estimate.error < 0.05
        assert abs(estimate.value - 0.5) <= estimate.error


def test_the_radius_of_the_joint_optimum(line: Optima) -> None:
    """One step of the fit from it, evaluated exactly, over 1 − ρ, doubled."""
    _, _, joint = line
    at = noise_at(joint, tolerance=1e-3)
    variance = float(joint.model.noise_variance[0])
    step = abs(at.shared.value - variance) + at.shared.error
    assert at.noise_variance[0].value == variance
    assert at.noise_variance[0].error == pytest.approx(2.0 * step / (1.0 - at.contraction))
    assert 0.0 <= at.spread < 0.2


def test_contraction_at_a_line(line: Optima) -> None:
    """One of two dimensions is explained by z: σ² moved by 1 keeps about half of it."""
    _, held, joint = line
    assert noise_contraction(joint) == pytest.approx(0.5, abs=0.1)
    assert 0.0 <= noise_contraction(held) <= LARGEST


def test_the_refit_is_that_of_decompose(line: Optima) -> None:
    model, held, _ = line
    at = noise_at(held, tolerance=1e-3)
    direct = decompose(held.model, model, residual_tolerance=1e-4).residual_variance
    for ours, exact in zip(at.refit, direct, strict=True):
        assert abs(ours.value - exact.value) <= ours.error + exact.error
        assert ours.error <= 1e-3 * 0.5
    assert at.contraction == 0.0
    assert at.spread == 0.0


def test_json(line: Optima) -> None:
    model, held, joint = line
    found = check_theorem2(model, tolerance=1e-2, optimum=held, joint=joint).to_dict()
    assert isinstance(found["joint"], dict)
    assert isinstance(found["optimum"], dict)
    assert {"excess", "mleo", "refit", "spread", "contraction"} <= set(found["joint"])
    assert found["optimum"]["fit_noise"] == "no"
    assert found["joint"]["fit_noise"] == "shared"
    plain = check_theorem2(model, tolerance=1e-2).to_dict()
    assert plain["joint_optimum"] is plain["refit_at_optimum"] is plain["joint"] is None


def test_each_dimension_its_own() -> None:
    model = GenerativeModel(parse_expression("[z, sin(2*z)]").to_decoder(), [0.4, 0.2])
    held, joint = find_noise_optima(
        model, SearchSettings(effort=replace(LEAST, starts=2, refined=1)), fit="each"
    )
    first, second = joint.model.noise_variance
    assert first != second
    assert joint.excess.value <= held.excess.value + 1e-3
    assert math.isfinite(noise_at(joint, tolerance=1e-1).noise_variance[0].error)


def test_a_name_is_no_identity() -> None:
    """Two lambdas are both called <lambda>: the optimum of one is not reported for the other."""

    def of(function: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> GenerativeModel:
        return GenerativeModel(Decoder.from_function(function), 0.2)

    one, other = of(lambda z: z), of(lambda z: np.sin(2.0 * z))
    assert one.name == other.name == "<lambda>"
    found = find_optimum(one, SearchSettings(effort=LEAST))
    with pytest.raises(ModelError, match="another <lambda>: of this name"):
        check_theorem2(other, tolerance=1e-2, optimum=found)
    with pytest.raises(ModelError, match="another <lambda>: of this name"):
        check_theorem1(other, optimum=found, tolerance=1e-2)
    # The same f again, by another object, is the same model.
    again = check_theorem2(of(lambda z: z), tolerance=1e-2, optimum=found)
    assert again.optimum is not None
    assert again.optimum.found is found


def test_what_does_not_belong_is_refused(line: Optima) -> None:
    model, held, joint = line
    with pytest.raises(ModelError, match="not of circle"):
        check_theorem2(benchmark("circle"), tolerance=1e-2, optimum=held)
    with pytest.raises(ModelError, match="another line: of this name"):
        check_theorem2(model.with_noise_variance(0.4), tolerance=1e-2, optimum=held)
    with pytest.raises(ModelError, match="optimised"):
        check_theorem2(model, tolerance=1e-2, optimum=joint)
    with pytest.raises(ModelError, match="held"):
        check_theorem2(model, tolerance=1e-2, joint=held)
    with pytest.raises(SettingError, match="shared or each"):
        find_noise_optima(model, fit="no")
    with pytest.raises(SettingError, match="positive"):
        noise_at(held, tolerance=0.0)
