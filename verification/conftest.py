"""Collects the evidence that the claims' checks record, and writes the table at the end.

``pytest verification/`` checks in minutes what needs neither networks nor thorough searches, prints
the table of claims at its end, and writes ``claims.json`` and ``claims.html``. What takes longer is
asked for: ``--networks small|full`` trains networks, ``--thorough`` searches on where the quick
search leaves a claim open. ``theorycheck verify`` runs the same. The run that trains nothing takes
two processes where pytest-xdist is installed; ``-n 0``, or ``THEORYCHECK_JOBS=1``, takes one.
"""

from __future__ import annotations

import atexit
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from joblib import Parallel, delayed

from theorycheck.claims import (
    HTML_NAME,
    JSON_NAME,
    Evidence,
    Ledger,
    LeftOpen,
    claim_of,
    claim_rows,
    claims_with_test,
)
from theorycheck.inference import bounds_compiled_meanwhile
from theorycheck.models import benchmark, load_model
from theorycheck.objectives import Decomposition, decompose, iwae_objective, objective_of
from theorycheck.optimum import Effort, Execution, PredictedOptimum, SearchSettings, find_optimum
from theorycheck.results import ResultCache, engine_digest

if TYPE_CHECKING:
    from neural import ClaimRuns

# One folder of results for all processes of the run, so that each search is made once; not the
# user's, unless THEORYCHECK_CACHE says so: then the searches of an earlier run are taken too.
# Workers inherit the variable of the process that starts them.
if not os.environ.get("THEORYCHECK_CACHE"):
    _folder = tempfile.mkdtemp(prefix="theorycheck-claims-")
    os.environ["THEORYCHECK_CACHE"] = _folder
    atexit.register(shutil.rmtree, _folder, ignore_errors=True)

_HERE = Path(__file__).resolve().parent
_LEDGER = pytest.StashKey[Ledger]()
#: Whether the processes of the run are ours.
_DISTRIBUTED = pytest.StashKey[bool]()
#: Processes of the plain run, so that it takes minutes on a laptop.
_PROCESSES = 2
#: What they start with: what takes longest, so that no process is left waiting; and one search
#: each, so that none is made twice at the same time.
_FIRST = ("C06", "C12", "C01", "C13", "C10", "C11")
#: Radii of the benchmarks' decompositions: of the PMO, nats, and of the residuals, relative to σ².
_TRUTH = {"tolerance": 1e-6, "residual_tolerance": 1e-4}
#: As small as a search can be: a second.
_LEAST = Effort(
    starts=2, coarse_cells=24, middle_cells=32, fine_cells=48, most_nodes=100, refined=1, hops=1,
    most=8, fine_step=0.9, tolerance=1e-3,
)  # fmt: skip


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--evidence-dir",
        type=Path,
        default=None,
        help="where to write the table of claims as JSON and HTML; if only claims are run, by "
        "default out/verification below the root",
    )
    parser.addoption(
        "--networks",
        choices=("none", "small", "full"),
        default="none",
        help="train networks for the claims that are about them: none; small: some hours of "
        "processor time; full: by the paper's protocol, ten restarts a seed and all steps",
    )
    parser.addoption(
        "--thorough",
        action="store_true",
        help="search thoroughly where the quick search leaves a claim open: tens of minutes",
    )
    parser.addoption(
        "--networks-dir",
        type=Path,
        default=None,
        help="where to keep the claims' networks, so that a later session need not train them",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Take two processes, a file of claims at a time, where nothing else is asked for.

    Networks and thorough searches are for one process: a session shares what it has trained, and
    they take all cores by themselves.
    """
    # A worker runs this hook as well, and would have workers of its own, without end.
    if "PYTEST_XDIST_WORKER" in os.environ or hasattr(config, "workerinput"):
        return
    option = config.option
    # None: pytest-xdist is there, and was not told how many.
    told = getattr(option, "numprocesses", 0) is not None or option.dist != "no" or option.tx
    cores = min(_PROCESSES, os.cpu_count() or 1)
    asked = os.environ.get("THEORYCHECK_JOBS", str(cores))
    plain = option.networks == "none" and not (option.thorough or option.usepdb)
    if told or not plain or cores < _PROCESSES or asked == "1" or not _only_claims(config):
        return
    option.numprocesses, option.dist = _PROCESSES, "loadfile"
    config.stash[_DISTRIBUTED] = True
    # Files start in the order that they are collected in, which is ours.
    option.loadscopereorder = False
    # Threads would only wait for each other: the processes have a core each.
    for variable in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(variable, "1")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_LEDGER] = Ledger()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Compile what most checks need before there are processes that would each do so.

    After an installation both would spend their first 40 s on the same kernels.
    """
    config = session.config
    if config.option.collectonly or not config.stash.get(_DISTRIBUTED, False):
        return
    wave = load_model("expr:sin(3*z)", noise_variance=0.04)
    search = SearchSettings(effort=_LEAST)
    with bounds_compiled_meanwhile(_PROCESSES):
        # Not here: numba has counted this process's threads by now.
        Parallel(_PROCESSES)(
            [
                delayed(find_optimum)(wave, search, execution=Execution(jobs=1)),
                delayed(iwae_objective)(wave, samples=2),
            ]
        )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes long and was not asked for."""
    trains = config.getoption("networks") != "none"
    thorough = config.getoption("thorough")
    left_out = []
    for item in items:
        if item.path.parent != _HERE:
            continue
        if _needs_networks(item):
            asked = trains
        else:
            asked = thorough or item.get_closest_marker("slow") is None
        if not asked:
            left_out.append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    if hasattr(config, "workerinput"):
        items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    """Return where in a distributed run a check starts: the longest files first."""
    claim = claim_of(item.path)
    return _FIRST.index(claim) if claim in _FIRST else len(_FIRST)


def _needs_networks(item: pytest.Item) -> bool:
    return "networks" in getattr(item, "fixturenames", ())


@pytest.fixture
def evidence(request: pytest.FixtureRequest) -> Callable[[Evidence], Evidence]:
    """Record one piece of evidence.

    What the exact side of a claim leaves open to networks is not open in a session that trains
    them; if their check fails there, the claim's verdict says so.
    """
    record = request.config.stash[_LEDGER].record
    networks = importlib.util.find_spec("torch") is not None

    def with_session(entry: Evidence) -> Evidence:
        open_to = entry.left_open is LeftOpen.NETWORKS
        if networks and open_to and _trains(request.session, entry.claim):
            entry = entry.closed()
        return record(entry)

    return with_session


def _trains(session: pytest.Session, claim: str) -> bool:
    """Tell whether a session has a check of this claim that trains networks."""
    return any(claim_of(item.path) == claim and _needs_networks(item) for item in session.items)


@pytest.fixture(scope="session")
def networks(request: pytest.FixtureRequest) -> ClaimRuns:
    """Train networks, each model and method once for all claims of the session."""
    pytest.importorskip("torch")
    from neural import ClaimRuns

    options = request.config
    full = options.getoption("networks") == "full"
    return ClaimRuns(full, options.getoption("networks_dir"))


@pytest.fixture(scope="session")
def jobs(request: pytest.FixtureRequest) -> int:
    """Return the processes that a search may take: one where the run is distributed already."""
    return 1 if hasattr(request.config, "workerinput") else _PROCESSES


@pytest.fixture(scope="session")
def predicted_optimum(jobs: int) -> Callable[..., PredictedOptimum]:
    """Search for a benchmark's optimum, quickly and once for all claims of the session.

    Of the ELBO, or with ``samples`` above 1 of the IWAE bound. What a worker of a distributed run
    has found, the others take from the cache.
    """
    found: dict[tuple[str, int], PredictedOptimum] = {}

    def search(name: str, samples: int = 1) -> PredictedOptimum:
        if (name, samples) not in found:
            # By default the search is the quick one of its objective.
            found[name, samples] = find_optimum(
                benchmark(name),
                SearchSettings(objective_of(samples), seed=0),
                execution=Execution(jobs=jobs, cache=ResultCache.of_user()),
            )
        return found[name, samples]

    return search


@pytest.fixture(scope="session")
def decomposed() -> Callable[[str], Decomposition]:
    """Decompose a benchmark on its own data, once for all claims of the session.

    To the sharpest radii that a claim asks for; through the cache, as the searches.
    """
    found: dict[str, Decomposition] = {}
    cache = ResultCache.of_user()

    def on_its_own_data(name: str) -> Decomposition:
        if name not in found:
            model = benchmark(name)
            depends_on = {"engine": engine_digest(), "data": model.fingerprint, **_TRUTH}
            key = ResultCache.key(depends_on)
            known = cache.read(Decomposition, key, [model])
            found[name] = known or decompose(model, **_TRUTH)
            if known is None:
                cache.write(found[name], key)
        return found[name]

    return on_its_own_data


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
    directory = _evidence_directory(session.config)
    if directory is not None and (ledger.evidence or ledger.failed):
        ledger.write(directory, with_test=claims_with_test(_HERE))


def _evidence_directory(config: pytest.Config) -> Path | None:
    """Return where the table goes: somewhere by default only if claims are all that is run."""
    given: Path | None = config.getoption("evidence_dir", None)
    if given is not None:
        return given
    return config.rootpath / "out" / "verification" if _only_claims(config) else None


def _only_claims(config: pytest.Config) -> bool:
    """Tell whether claims are all that is run."""
    asked = [Path(argument.split("::")[0]).resolve() for argument in config.args]
    return all(path == _HERE or _HERE in path.parents for path in asked)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what became of every claim, and where the evidence lies."""
    config = terminalreporter.config
    ledger = config.stash[_LEDGER]
    directory = _evidence_directory(config)
    if directory is None or not (ledger.evidence or ledger.failed):
        return
    rows = claim_rows(ledger.to_dict(), claims_with_test(_HERE))
    terminalreporter.section("the paper's claims")
    width = terminalreporter._tw.fullwidth
    for row in rows:
        line = f"{row['id']}  {row['verdict']:<16}  {row['claim']}"
        terminalreporter.write_line(line if len(line) <= width else f"{line[: width - 1]}…")
    terminalreporter.write_line("")
    if config.getoption("networks") == "none":
        terminalreporter.write_line(
            "Nothing was trained: --networks small trains the networks that some claims are about."
        )
    if not config.getoption("thorough"):
        terminalreporter.write_line(
            "Quick searches: --thorough looks further where they leave a claim open."
        )
    terminalreporter.write_line(f"Evidence: {directory / HTML_NAME}, {directory / JSON_NAME}")
