"""``-o FILE.npz`` of the verbs: what is written is what was printed; and the state of a search."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.efforts import TINY, make_searches_tiny
from tests.optimum.test_global_search import Stop
from theorycheck.cli.decoder_files import state_files
from theorycheck.json_values import jsonable
from theorycheck.models._loading import load_model
from theorycheck.objectives._decomposition import Decomposition
from theorycheck.optimum._global_search import Execution, SearchSettings, find_optimum
from theorycheck.results import ResultCache, Saved, head_of
from theorycheck.theorems._theorem1_check import Theorem1Check
from theorycheck.theorems._theorem2 import Theorem2Check

WAVE = ("expr:sin(3*z)", "--noise-variance", "0.01")


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (("decompose", *WAVE, "--eta", "0.1", "--tolerance", "1e-2"), Decomposition),
        (("conditions", *WAVE, "--search", "none", "--tolerance", "1e-2"), Theorem1Check),
        (("noise", *WAVE, "--search", "none", "--tolerance", "1e-2"), Theorem2Check),
    ],
)
def test_written_and_read_back(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], kind: type[Saved]
) -> None:
    result = run(*arguments, "-o", "r.npz", "--json")
    assert result.returncode == 0, result.stderr
    printed: dict[str, Any] = json.loads(result.stdout)
    del printed["schema"]
    assert jsonable(kind.load(tmp_path / "r.npz").to_dict()) == printed  # type: ignore[attr-defined]
    data = load_model(WAVE[0], noise_variance=0.01)
    assert head_of(tmp_path / "r.npz").about["fingerprint"] == data.fingerprint


def test_a_judged_network(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from theorycheck.evaluation._prediction import Comparison

    data = ("--data", WAVE[0], "--data-noise-variance", "0.01")
    arguments = ("judge", "expr:0.5*sin(3*z)", *data, "--search", "none", "--tolerance", "1e-2")
    result = run(*arguments, "-o", "r.npz", "--json")
    assert result.returncode == 0, result.stderr
    again = Comparison.load(tmp_path / "r.npz")
    printed = json.loads(result.stdout)
    for key, value in jsonable(again.judged.to_dict() | again.to_dict()).items():
        assert printed[key] == value, key


@pytest.mark.parametrize("verb", ["decompose", "conditions", "noise"])
def test_where_it_cannot_be_written(run: Run, verb: str) -> None:
    for file, says in (("gone/a.npz", "there is no directory gone"), ("a.csv", "name it so")):
        result = run(verb, "circle", "-o", file)
        assert (result.returncode, result.stdout) == (2, "")
        (line,) = result.stderr.splitlines()
        assert says in line


def test_an_interrupted_search_goes_on_from_the_cache(
    run: Run, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without -o its state is there, under the key of its result."""
    make_searches_tiny(monkeypatch)
    effort = replace(TINY, starts=6)
    data = load_model(WAVE[0], noise_variance=0.01)
    settings = SearchSettings(effort=effort, seed=4)
    (state,) = state_files(data, settings, [], {float("inf"): None}, ResultCache.of_user()).values()
    with pytest.raises(KeyboardInterrupt):
        find_optimum(data, settings, execution=Execution(state_file=state, progress=Stop(4)))
    assert list(own_cache.iterdir()) == [state]
    before = state.read_bytes()
    arguments = ("optimum", *WAVE, "--starts", "6", "--seed", "4", "--json")
    # A search that does not resume begins anew; one that does takes what is there.
    state.write_bytes(before[:100])
    damaged = run(*arguments, "--resume")
    assert damaged.returncode == 2
    assert "damaged" in damaged.stderr
    state.write_bytes(before)
    resumed = run(*arguments, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert [path.suffix for path in own_cache.iterdir()] == [".npz"]
    whole = run(*arguments, "--no-cache")
    assert json.loads(resumed.stdout) == json.loads(whole.stdout)
