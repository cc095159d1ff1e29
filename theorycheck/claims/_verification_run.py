"""Runs the checks of ``verification/`` by pytest, from a checkout or from an installed package."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import theorycheck
from theorycheck.claims._table import HTML_NAME, JSON_NAME, claim_rows
from theorycheck.errors import LoadingError, MissingExtraError

#: The file descriptor of stderr, which `sys.stderr` may have been taken away from.
_STDERR = 2
#: What pytest is told, so that an installed copy is run as strictly as a checkout.
_CONFIGURATION = """\
[pytest]
addopts = --strict-markers --strict-config
xfail_strict = true
filterwarnings = error
markers =
    slow: minutes rather than seconds
"""


@dataclass(frozen=True)
class VerificationResult:
    """Says what became of a run of the checks.

    Parameters
    ----------
    exit_code : int
        pytest's: 0 all checks passed, 1 some failed, 2 interrupted, 5 none was selected.
    claims : list of dict
        A row for each claim, see :func:`theorycheck.claims._table.claim_rows`.
    json_path, html_path : Path or None
        The tables, if they were to be written.
    """

    exit_code: int
    claims: list[dict[str, Any]]
    json_path: Path | None
    html_path: Path | None


def run_verification(
    output_directory: Path | None,
    *,
    pytest_args: Sequence[str] = (),
    verification_directory: Path | None = None,
) -> VerificationResult:
    """Run the checks and write the table of claims.

    Parameters
    ----------
    output_directory : Path or None
        Folder for ``claims.json`` and ``claims.html``; None writes nothing.
    pytest_args : sequence of str
        Added to pytest's command line, for example ``["-k", "c01"]``.
    verification_directory : Path, optional
        Folder of the checks; by default that of :func:`find_verification`.

    Returns
    -------
    VerificationResult

    Raises
    ------
    MissingExtraError
        If pytest is not installed.
    LoadingError
        If the checks are not found.
    OSError
        If the output cannot be written.
    """
    if importlib.util.find_spec("pytest") is None:
        raise MissingExtraError("pytest", "test", "theorycheck verify")
    checks = (verification_directory or find_verification()).resolve()
    with tempfile.TemporaryDirectory(prefix="theorycheck-verify-") as scratch:
        # Absolute, since pytest runs elsewhere: where no file of the user's shadows a module.
        target = Path(scratch, "out") if output_directory is None else output_directory.resolve()
        target.mkdir(parents=True, exist_ok=True)
        before = _stamp(target / JSON_NAME)
        exit_code = _run_pytest(checks, target, Path(scratch), pytest_args)
        # pytest may have ended before it wrote: an older table is then not this run's.
        written = _stamp(target / JSON_NAME) != before
        if written:
            claims = json.loads((target / JSON_NAME).read_text(encoding="utf-8"))["claims"]
        else:
            claims = claim_rows({"evidence": [], "failed": {}}, claims_with_test(checks))
    shown = written and output_directory is not None
    return VerificationResult(
        exit_code=exit_code,
        claims=claims,
        json_path=target / JSON_NAME if shown else None,
        html_path=target / HTML_NAME if shown else None,
    )


def find_verification() -> Path:
    """Return the folder of checks: inside an installed package, or beside it in a checkout.

    Returns
    -------
    Path

    Raises
    ------
    LoadingError
        If it is in neither place.
    """
    package = Path(theorycheck.__file__).resolve().parent
    for folder in (package / "verification", package.parent / "verification"):
        if (folder / "conftest.py").is_file():
            return folder
    raise LoadingError(f"the checks of verification/ are neither in nor beside {package}")


def claim_of(path: str | Path) -> str | None:
    """Return the claim that a check's file name says it is for.

    Parameters
    ----------
    path : str or Path
        ``"test_c05_figure8_meets_theorem1.py"``.

    Returns
    -------
    str or None
        ``"C05"``.
    """
    match = re.match(r"test_c(\d\d)_", Path(path).name)
    return f"C{match[1]}" if match else None


def claims_with_test(folder: Path) -> frozenset[str]:
    """Return the claims that a folder has a check for."""
    found = (claim_of(path) for path in folder.glob("test_c*.py"))
    return frozenset(claim for claim in found if claim)


def _run_pytest(checks: Path, target: Path, scratch: Path, arguments: Sequence[str]) -> int:
    configuration = scratch / "pytest.ini"
    configuration.write_text(_CONFIGURATION, encoding="utf-8")
    root = str(Path(theorycheck.__file__).resolve().parent.parent)
    environment = {k: v for k, v in os.environ.items() if k != "PYTEST_ADDOPTS"}
    # The checks must test this very copy of the package, whichever other one is installed.
    paths = [root, *filter(None, [environment.get("PYTHONPATH")])]
    environment["PYTHONPATH"] = os.pathsep.join(paths)
    command = [sys.executable, "-m", "pytest", "-c", str(configuration)]
    command += ["--rootdir", str(checks), "--import-mode=importlib", "-p", "no:cacheprovider"]
    command += ["--evidence-dir", str(target), *arguments, str(checks)]
    # stdout is the caller's, for its result: pytest talks on stderr.
    return subprocess.run(
        command, cwd=scratch, env=environment, stdout=_STDERR, check=False
    ).returncode


def _stamp(path: Path) -> tuple[int, int] | None:
    """Tell one version of a file from the next: a replaced file has another inode or time."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns
