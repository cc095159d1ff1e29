"""The page for contributors, followed: what its templates say does what it says."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from theorycheck import decompose, iwae_objective, load_model
from theorycheck.inference import ExactModel
from theorycheck.theorems import premise_at

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8")


def block(word: str) -> str:
    """The one block of Python on the page that has this word in it."""
    (found,) = [b for b in re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S) if word in b]
    return str(found)


@pytest.fixture(scope="module")
def two_points(tmp_path_factory: pytest.TempPathFactory) -> Any:
    file = tmp_path_factory.mktemp("model") / "two_points.py"
    file.write_text(block("class TwoPoints"), encoding="utf-8")
    spec = importlib.util.spec_from_file_location("two_points", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.TwoPoints


def test_a_new_kind_of_model(two_points: Any) -> None:
    model = two_points(0.25)
    assert isinstance(model, ExactModel)

    def p(x: float) -> float:
        return float(0.5 * (norm.pdf(x, -1.0, 0.5) + norm.pdf(x, 1.0, 0.5)))

    entropy = quad(lambda x: -p(x) * np.log(p(x)), -9.0, 9.0, limit=400, epsabs=1e-12)[0]
    found = decompose(model, eta=[0.1])
    assert found.entropy.error < 1e-9
    assert found.entropy.contains(entropy)
    assert found.pmo.contains(0.0)
    assert found.residual_variance[0].contains(0.25)
    # The η-partition and the premise of Theorem 1: no x has a KL above any threshold.
    assert found.eta_partition[0].pr_lo.contains(1.0)
    assert premise_at(found.eta_partition[0]).verdict != "holds"
    # As data for a decoder of the engine.
    line = load_model("expr:z", noise_variance=0.25)
    other = decompose(line, model, tolerance=1e-4)
    mleo = quad(
        lambda x: p(x) * (np.log(p(x)) - norm.logpdf(x, 0.0, np.sqrt(1.25))), -9.0, 9.0, limit=400
    )[0]
    assert other.mleo.contains(mleo)
    bound = iwae_objective(line, model, samples=1)
    assert abs(bound.excess.value - other.excess.value) <= bound.excess.error + other.excess.error


#: What the page says goes into the ledger, added from outside.
_ROW = """
from theorycheck.claims import _ledger, _table

row = _ledger.CLAIMS[0]._replace(number="C25")
_table.CLAIMS = (*_ledger.CLAIMS, row)
"""


def test_a_new_claim(tmp_path: Path) -> None:
    checks = tmp_path / "verification"
    checks.mkdir()
    conftest = (ROOT / "verification" / "conftest.py").read_text(encoding="utf-8")
    (checks / "conftest.py").write_text(conftest + _ROW, encoding="utf-8")
    (checks / "test_c25_what_it_says.py").write_text(block("C25"), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-c", str(ROOT / "pyproject.toml")]
    command += ["--rootdir", str(tmp_path), "-p", "no:cacheprovider", str(checks)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    # The plain command says at its end what became of the claims, and where the evidence lies.
    assert re.search(r"^C25  verified", done.stdout, re.M)
    evidence = tmp_path / "out" / "verification" / "claims.json"
    assert str(evidence) in done.stdout
    rows = json.loads(evidence.read_text(encoding="utf-8"))["claims"]
    (row,) = [r for r in rows if r["id"] == "C25"]
    assert row["verdict"] == "verified"
    assert row["evidence"][0]["measured"]["PMO"]["kind"] == "estimated"
