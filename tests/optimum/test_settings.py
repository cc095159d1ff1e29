"""Settings and execution of a search: checked when they are made, and told apart."""

from __future__ import annotations

import json
import math
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.efforts import TINY, make_searches_tiny
from tests.problems import PROBLEMS
from theorycheck.errors import ModelError, SettingError
from theorycheck.objectives import Elbo, IwaeBound, objective_of
from theorycheck.optimum._effort import IWAE_QUICK, IWAE_THOROUGH, QUICK
from theorycheck.optimum._settings import Execution, SearchSettings

WAVE = PROBLEMS["wave"].model


class _Unknown(Elbo):
    key = "unknown"
    name = "unknown bound"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"objective": 3}, "such as objective_of"),
        ({"objective": _Unknown()}, "nobody has said how the optimum of the unknown bound"),
        ({"seed": -1}, "the seed must not be negative"),
        ({"seed": 1.5}, "the seed must be an integer"),
        ({"seed": True}, "the seed must be an integer"),
        ({"fit_noise": "shard"}, "did you mean 'shared'"),
        ({"steepness": 0.0}, "the bound on the steepness must be positive"),
        ({"steepness": math.nan}, "the bound on the steepness must be positive"),
    ],
)
def test_what_cannot_be(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingError, match=says) as caught:
        SearchSettings(**wrong)
    assert "\n" not in str(caught.value)
    if "steepness" in wrong:
        return
    # Nor by a change of settings that are right.
    with pytest.raises(SettingError, match=says):
        replace(SearchSettings(), **wrong)


def test_they_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        SearchSettings().seed = 3  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        Execution().jobs = 3  # type: ignore[misc]


def test_the_quick_effort_of_the_objective_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert SearchSettings().chosen_effort == QUICK
    assert SearchSettings(objective_of(5)).chosen_effort == IWAE_QUICK
    assert SearchSettings(IwaeBound(5), effort=TINY).chosen_effort == TINY
    make_searches_tiny(monkeypatch)
    assert SearchSettings().chosen_effort == TINY


def test_resolved() -> None:
    found = SearchSettings(seed=np.int64(4)).resolved(WAVE)
    assert (found.effort, found.noise_variance, found.seed) == (QUICK, (0.01,), 4)
    assert type(found.seed) is int
    assert found.variance.tolist() == [0.01]
    assert SearchSettings(noise_variance=0.3).resolved(PROBLEMS["helix"].model).noise_variance == (
        0.3, 0.3, 0.3,
    )  # fmt: skip
    with pytest.raises(ModelError, match="positive"):
        SearchSettings(noise_variance=-1.0).resolved(WAVE)
    with pytest.raises(ModelError, match="shape"):
        SearchSettings(noise_variance=[0.1, 0.2]).resolved(WAVE)


def test_no_bound_is_one_thing() -> None:
    assert SearchSettings(steepness=math.inf) == SearchSettings()


def test_plain_values_and_back() -> None:
    for settings in (
        SearchSettings(),
        SearchSettings(IwaeBound(3), IWAE_THOROUGH, 7, "each", [0.1, 0.2], 2.5),
    ):
        text = json.dumps(settings.to_dict(), allow_nan=False)
        assert SearchSettings.from_dict(json.loads(text)) == settings
    # As files had it before objectives had names: S alone.
    assert SearchSettings.from_dict({"samples": 3}) == SearchSettings(IwaeBound(3))
    assert SearchSettings.from_dict({"samples": 1, "seed": 2}) == SearchSettings(seed=2)
    with pytest.raises(SettingError, match="not the settings of a search"):
        SearchSettings.from_dict({"sead": 1})
    with pytest.raises(SettingError, match="no objective 'iwea': did you mean 'iwae'"):
        SearchSettings.from_dict({"objective": "iwea", "samples": 2})


def test_what_makes_another_optimum() -> None:
    one = SearchSettings(effort=TINY).resolved(WAVE)
    same = SearchSettings(seed=5).resolved(WAVE)
    assert one.difference(same) is None
    for other, says in (
        (SearchSettings(IwaeBound(2)), "objective is the ELBO, not the IWAE bound, S = 2"),
        (SearchSettings(fit_noise="each"), "fit_noise is no, not each"),
        (SearchSettings(steepness=2.0), "steepness is not bounded, not 2.0"),
        (SearchSettings(noise_variance=0.2), r"noise_variance is (0.01,), not (0.2,)"),
    ):
        assert one.difference(other.resolved(WAVE)) == says
    # Where σ² is fitted it does not matter where that began.
    fitted = SearchSettings(fit_noise="shared", noise_variance=0.2).resolved(WAVE)
    assert fitted.difference(SearchSettings(fit_noise="shared").resolved(WAVE)) is None


def test_execution(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="processes"):
        Execution(jobs=0)
    with pytest.raises(SettingError, match="state file"):
        Execution(resume=True)
    assert Execution(state_file=tmp_path / "s", resume=True).cache is None
