"""Networks for the claims: trained once, kept where asked for, and read off by seed and start."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from neural._claim_runs import FEWER_RESTARTS, RESTARTS, SEEDS, SHORTER, ClaimRuns, protocol
from neural._settings import STEPS
from theorycheck.errors import SettingError

SMALL: dict[str, Any] = {
    "restarts": 4, "from_truth": 0, "seeds": 2, "steps": 20, "batch": 16, "hidden": (6, 6),
}  # fmt: skip


@pytest.mark.parametrize("method", ["vae", "iwae", "lin"])
def test_every_run_has_three_seeds(method: str) -> None:
    full, small = ClaimRuns(full=True).settings(method), ClaimRuns().settings(method)
    assert full.seeds == small.seeds == SEEDS >= 3
    assert (full.restarts, full.truth_starts, full.steps) == (3 * RESTARTS, 15, STEPS[method])
    assert (small.restarts, small.steps) == (3 * FEWER_RESTARTS, STEPS[method] // SHORTER[method])
    # Both kinds of start are there for every seed: a claim compares them.
    for settings, number in itertools.product((full, small), range(SEEDS)):
        inits = [settings.inits[k] for k in settings.of_seed(number)]
        assert inits.count("random") == inits.count("ground_truth") > 0


def test_restarts_that_are_given_are_of_one_seed() -> None:
    settings = ClaimRuns().settings("vae", restarts=2, from_truth=2)
    assert (settings.seeds, settings.restarts) == (1, 2)
    assert ClaimRuns().settings("vae", seeds=2).restarts == 2 * FEWER_RESTARTS


def test_a_run_is_trained_once(tmp_path: Path) -> None:
    runs = ClaimRuns(directory=tmp_path)
    trained = runs.trained("clusters", **SMALL)
    assert runs.trained("clusters", **SMALL) is trained
    assert runs.trained("clusters", **{**SMALL, "seed": 1}) is not trained
    again = ClaimRuns(directory=tmp_path).trained("clusters", **SMALL)
    assert again.objective.tolist() == trained.objective.tolist()


def test_of_each_seed_the_best_objective_counts() -> None:
    runs = ClaimRuns()
    networks = runs.seeds("clusters", **SMALL)
    trained = runs.trained("clusters", **SMALL)
    assert len(networks) == 2
    for number, network in enumerate(networks):
        own = trained.settings.of_seed(number)
        assert network.restart in own
        assert all(trained.objective[network.restart] <= trained.objective[k] for k in own)
    assert trained.selected in [network.restart for network in networks]
    # Judged once, whoever asks.
    assert runs.seeds("clusters", init="random", **SMALL)[0] is networks[0]
    with pytest.raises(SettingError, match="ground_truth"):
        runs.seeds("clusters", init="ground_truth", **SMALL)
    assert "2 seeds of 2 restarts (random)" in protocol(trained)
