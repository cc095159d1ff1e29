"""Networks for the claims: trained once, kept where asked for, and read off by start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from neural.claim_runs import (
    FEWER_RESTARTS,
    RESTARTS,
    SHORTER,
    ClaimRuns,
    best_from,
    figures,
    protocol,
    spread,
)
from neural.settings import STEPS
from theorycheck.errors import SettingError

SMALL: dict[str, Any] = {
    "restarts": 2, "from_truth": 0, "steps": 20, "batch": 16, "hidden": (6, 6),
}  # fmt: skip


@pytest.mark.parametrize("method", ["vae", "iwae", "lin"])
def test_full_runs_follow_the_protocol(method: str) -> None:
    full, small = ClaimRuns(full=True).settings(method), ClaimRuns().settings(method)
    assert (full.restarts, full.truth_starts, full.steps) == (RESTARTS, 5, STEPS[method])
    assert (small.restarts, small.steps) == (FEWER_RESTARTS, STEPS[method] // SHORTER[method])
    # Both kinds of start are there either way: a claim compares them.
    assert set(small.inits) == {"random", "ground_truth"}


def test_a_run_is_trained_once(tmp_path: Path) -> None:
    runs = ClaimRuns(directory=tmp_path)
    trained = runs.trained("clusters", **SMALL)
    assert runs.trained("clusters", **SMALL) is trained
    assert runs.trained("clusters", **{**SMALL, "seed": 1}) is not trained
    again = ClaimRuns(directory=tmp_path).trained("clusters", **SMALL)
    assert again.objective.tolist() == trained.objective.tolist()


def test_figures_are_those_of_the_selected() -> None:
    runs = ClaimRuns()
    run = runs.run("clusters", **SMALL)
    assert runs.run("clusters", **SMALL) is run
    assert run.trained is runs.trained("clusters", **SMALL)
    best = best_from(run, "random")
    assert best is run.restarts[run.trained.selected]
    assert figures(run, "VAE")["J, VAE"] == best.excess
    low, high = (float(part) for part in spread(run, "excess").split(" to "))
    assert low <= high
    assert low - 1e-4 <= best.excess.value <= high + 1e-4
    with pytest.raises(SettingError, match="ground_truth"):
        best_from(run, "ground_truth")
    assert "2 restarts (random)" in protocol(run.trained)
