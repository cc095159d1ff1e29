"""The page for contributors, followed: what its templates say does what it says."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from tests.efforts import TINY
from theorycheck import decompose, iwae_objective, load_model
from theorycheck.errors import ModelError
from theorycheck.evaluation import Comparison, judge, own_evaluation, own_excess
from theorycheck.inference import ExactModel, Family
from theorycheck.optimum import Execution, SearchSettings, find_optimum
from theorycheck.theorems import check_theorem1, check_theorem2, premise_at

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8")


def block(word: str) -> str:
    """The one block of Python on the page that has this word in it."""
    (found,) = [b for b in re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S) if word in b]
    return str(found)


def written(word: str, folder: Path, name: str) -> Any:
    """The block with this word in it, as a module."""
    file = folder / f"{name}.py"
    file.write_text(block(word), encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def two_points(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return written("class TwoPoints", tmp_path_factory.mktemp("model"), "two_points").TwoPoints


@pytest.fixture(scope="module")
def beta_elbo(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return written("class BetaElbo", tmp_path_factory.mktemp("objective"), "beta_elbo").BetaElbo


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


def test_what_else_takes_a_new_kind_of_model(two_points: Any) -> None:
    model = two_points(0.25)
    check = check_theorem2(model)
    assert check.exact_posterior[0].contains(0.25)
    assert check.verdict == "fails"  # q is free, so that σ² is not biased
    found = find_optimum(model, SearchSettings(effort=TINY), execution=Execution(jobs=1))
    assert found.first == "principal axis"
    assert (
        found.excess.upper
        < decompose(load_model("expr:z", noise_variance=0.25), model).excess.lower
    )
    with pytest.raises(ModelError, match="knows its M-step"):
        check_theorem1(model)
    with pytest.raises(ModelError, match="two points: its optimal q is known as a mean-field"):
        decompose(model, family=Family("free", "free q", "q may be anything."))


def test_a_new_objective(beta_elbo: Any, tmp_path: Path) -> None:
    """The line of σ² = ¼ on its own data: at β = 2 the best is the line of w² = C − ½."""
    beta, truth = 2.0, load_model("expr:1.5*z", noise_variance=0.25)
    objective = beta_elbo(beta)
    entropy = 0.5 * np.log(2.0 * np.pi * np.e * 2.5)
    least = objective.of(entropy, np.array([0.25])) - entropy
    best = objective.evaluate(load_model("expr:sqrt(2)*z", noise_variance=0.25), truth)
    assert best.excess.contains(least)
    assert best.excess.error < 1e-5
    assert objective.evaluate(truth, truth).excess.lower > least
    effort = replace(TINY, fine_cells=200, most=40)
    settings = SearchSettings(objective, effort=effort)
    assert SearchSettings.from_dict(settings.to_dict()) == settings
    found = find_optimum(truth, settings, execution=Execution(jobs=1))
    assert -found.excess.error <= found.excess.value - least < 2e-3
    z = np.linspace(-1.0, 1.0, 5)
    np.testing.assert_allclose(
        np.abs(found.model.decoder(z)[:, 0]), np.sqrt(2.0) * np.abs(z), atol=0.05
    )
    # Judged on it, written, read: as any other.
    judged = judge(truth, truth, details=False)
    predicted = {"unrestricted": found}
    comparison = Comparison(judged, own_evaluation(judged, predicted), predicted)
    assert comparison.to_dict()["compared_on"] == "J_β"
    assert comparison.distances["unrestricted"].excess.lower > 0.0
    found.save(tmp_path / "optimum.npz")
    assert type(found).load(tmp_path / "optimum.npz", [truth]).objective == objective
    own = own_excess(
        truth, truth, lambda x: (x[:, 0], np.full(len(x), 0.5)), judged.decomposition.entropy,
        objective=objective,
    )  # fmt: skip
    assert own.lower > comparison.evaluation.excess.upper


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
