"""Collects the evidence that the claims' checks record, and writes the table at the end.

``pytest verification --evidence-dir DIR`` writes ``claims.json`` and ``claims.html``; without the
option nothing is written. ``theorycheck verify`` runs the same.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from theorycheck.models.benchmarks import benchmark
from theorycheck.optimum.global_search import QUICK, find_optimum
from theorycheck.optimum.result import PredictedOptimum
from theorycheck.report.evidence import Evidence, Ledger
from theorycheck.report.verification_run import claim_of, claims_with_test

_HERE = Path(__file__).resolve().parent
_LEDGER = pytest.StashKey[Ledger]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--evidence-dir",
        type=Path,
        default=None,
        help="where to write the table of claims as JSON and HTML",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_LEDGER] = Ledger()


@pytest.fixture
def evidence(request: pytest.FixtureRequest) -> Callable[[Evidence], Evidence]:
    """Record one piece of evidence."""
    return request.config.stash[_LEDGER].record


@pytest.fixture(scope="session")
def predicted_optimum() -> Callable[[str], PredictedOptimum]:
    """Search for a benchmark's optimum, quickly and once for all claims of the session."""
    found: dict[str, PredictedOptimum] = {}

    def search(name: str) -> PredictedOptimum:
        if name not in found:
            found[name] = find_optimum(benchmark(name), effort=QUICK, seed=0, jobs=2)
        return found[name]

    return search


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    report = yield
    # In a session that runs other tests too, only the claims' own failures count.
    claim = claim_of(item.path) if item.path.parent == _HERE else None
    if claim and report.failed:
        item.config.stash[_LEDGER].fail(claim, item.name)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Any:
    report = yield
    claim = claim_of(collector.path) if collector.path.parent == _HERE else None
    if claim and report.failed:
        collector.config.stash[_LEDGER].fail(claim, "cannot be imported")
    return report


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a worker of a distributed session has recorded."""
    recorded = getattr(node, "workeroutput", {}).get("theorycheck_evidence")
    if recorded:
        node.config.stash[_LEDGER].add(recorded)


def pytest_sessionfinish(session: pytest.Session) -> None:
    ledger = session.config.stash[_LEDGER]
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["theorycheck_evidence"] = ledger.to_dict()
        return
    directory = session.config.getoption("evidence_dir", None)
    if directory is not None:
        ledger.write(directory, with_test=claims_with_test(_HERE))
