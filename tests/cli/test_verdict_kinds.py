"""Every verdict that a verb prints shows the kind of the numbers that it rests on."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.cli.conftest import Run

#: Averages over x are by quadrature in the first, over draws in the second.
PLANE = ("expr:[z, sin(2*z)]", "--noise-variance", "0.3")
SPACE = ("expr:[z, sin(2*z), 0.5*z]", "--noise-variance", "0.3")
VERDICTS = {"holds", "fails", "inconclusive"}
#: Which key has the kind of a verdict that is not under "verdict".
KINDS = {"premise_verdict": "premise_rests_on", "prefers": "prefers_rests_on"}


def kinds_of(entry: Any) -> list[tuple[str, str | None]]:
    """Return every verdict of a JSON object with its kind; a span's three share theirs."""
    if isinstance(entry, list):
        return [found for one in entry for found in kinds_of(one)]
    if not isinstance(entry, dict):
        return []
    found = [
        (value, entry[KINDS.get(key, "rests_on")])
        for key, value in entry.items()
        if isinstance(value, str) and value in VERDICTS
    ]
    return found + [one for value in entry.values() for one in kinds_of(value)]


@pytest.mark.parametrize(("model", "kind"), [(PLANE, "estimated"), (SPACE, "statistical")])
def test_conditions(run: Run, model: tuple[str, ...], kind: str) -> None:
    other = "expr:[z, z]" if model is PLANE else "expr:[z, z, 0*z]"
    options = ("--search", "none", "--tolerance", "1e-2", "--alternative", other)
    result = run("conditions", *model, *options, "--json")
    assert result.returncode == 0, result.stderr
    entry = json.loads(result.stdout)
    found = kinds_of(entry)
    assert len(found) > 200
    # Nothing with MLEO = 0 was looked at, so that (2) rests on nothing.
    assert (entry["condition_2"]["verdict"], entry["condition_2"]["rests_on"]) == (
        "inconclusive",
        None,
    )
    assert {rests for _, rests in found} == {kind, None}
    assert [rests for _, rests in found].count(None) == 1
    table = run("conditions", *model, *options).stdout
    rows = re.findall(r"│ ([^│]*?) +│ ((?:holds|fails|inconclusive)[^│]*?) +│", table)
    shown = dict(rows)
    assert shown["ground truth is stationary"] == f"{entry['stationarity']['verdict']}, {kind}"
    assert shown["condition (1)"] == f"{entry['condition_1']['verdict']}, {kind}"
    assert shown["premise"] == f"{entry['premise_verdict']}, {kind}"
    assert shown["condition (2) as it stands"] == "inconclusive"
    assert f"{entry['condition_1']['alternatives'][0]['prefers']}, {kind}" in table


@pytest.mark.parametrize(("model", "kind"), [(PLANE, "estimated"), (SPACE, "statistical")])
def test_noise(run: Run, model: tuple[str, ...], kind: str) -> None:
    options = ("--search", "none", "--tolerance", "1e-2")
    result = run("noise", *model, *options, "--json")
    assert result.returncode == 0, result.stderr
    entry = json.loads(result.stdout)
    assert entry["rests_on"] == kind
    # A mean over dimensions, a difference and the exact posterior's are of the same kind.
    assert {b["kind"] for b in entry["bias"]} == {entry["refit_shared"]["kind"]} == {kind}
    assert {e["kind"] for e in entry["exact_posterior"]} == {kind}
    assert f"{entry['verdict']}, {kind}" in run("noise", *model, *options).stdout
