"""``theorycheck show``: a saved result as its verb printed it, and what made it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Run
from tests.efforts import make_class_small, make_searches_tiny
from tests.results.test_json_schemas import complaints
from theorycheck.models import load_model
from theorycheck.results import head_of
from theorycheck.theorems import HeldNoise, NoiseCurve

WAVE = ("expr:sin(2*z)", "--noise-variance", "0.1")
QUICK = ("--tolerance", "1e-2")
NETWORK = ("expr:0.5*sin(2*z)", "--data", WAVE[0], "--data-noise-variance", "0.1")
FINGERPRINT = load_model(WAVE[0], noise_variance=0.1).fingerprint


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    make_searches_tiny(monkeypatch)
    make_class_small(monkeypatch)


@pytest.mark.parametrize(
    "arguments",
    [
        ("decompose", *WAVE, *QUICK, "--eta", "0.1"),
        ("conditions", *WAVE, *QUICK, "--search", "none", "--folds", "2"),
        ("noise", *WAVE, *QUICK, "--search", "none"),
        ("optimum", *WAVE, "--seed", "3"),
        ("optimum", *WAVE, "--objective", "iwae", "--samples", "2"),
        ("judge", *NETWORK, *QUICK),
    ],
    ids=lambda a: f"{a[0]}{' iwae' * ('iwae' in a)}",
)
def test_it_is_what_the_verb_printed(run: Run, arguments: tuple[str, ...]) -> None:
    if arguments[0] == "judge":
        pytest.importorskip("torch")
    result = run(*arguments, "-o", "r.npz", "--json")
    assert result.returncode == 0, result.stderr
    printed = json.loads(result.stdout)
    tables = run(*arguments, "-o", "r.npz").stdout
    shown = run("show", "r.npz", "--json")
    assert shown.returncode == 0, shown.stderr
    entry = json.loads(shown.stdout)
    assert complaints("show", entry) == []
    assert entry["verb"] == arguments[0]
    assert entry["result"] == printed
    assert complaints(arguments[0], entry["result"]) == []
    assert entry["provenance"]["about"]["fingerprint"] == FINGERPRINT
    text = run("show", "r.npz").stdout
    # The tables and words, and one line more: what made them.
    lines = text.splitlines()
    assert [line for line in lines if line in tables.splitlines()] == tables.splitlines()
    head = head_of("r.npz")
    said = text[len(tables) :].replace("\n", " ")
    for words in (head.versions["theorycheck"], head.created, FINGERPRINT[:12]):
        assert words in said
    assert ("seed 3" in said) == ("--seed" in arguments)


def test_a_curve(run: Run, tmp_path: Path) -> None:
    from theorycheck.optimum import PredictedOptimum

    assert run("optimum", *WAVE, "-o", "r.npz").returncode == 0
    found = PredictedOptimum.load(tmp_path / "r.npz")
    curve = NoiseCurve(found.data, (HeldNoise(0.1, found, found, 0.0),))
    curve.save(tmp_path / "curve.npz")
    entry = json.loads(run("show", "curve.npz", "--json").stdout)
    assert entry["result"]["curve"]["lowest"] == 0.1
    assert "J*(σ²) on the data of sin(2*z)" in run("show", "curve.npz").stdout


def test_an_optimum_whose_data_are_a_function(run: Run, tmp_path: Path) -> None:
    """The f of a Python function is not in the file: all that is there is shown."""
    (tmp_path / "own.py").write_text("import numpy as np\ndef f(z):\n    return np.sin(2 * z)\n")
    made = run("optimum", "own.py:f", *WAVE[1:], "-o", "r.npz")
    assert made.returncode == 0, made.stderr
    (tmp_path / "own.py").unlink()
    shown = run("show", "r.npz")
    assert shown.returncode == 0, shown.stderr
    assert "the ground truth's f is not in the file" in shown.stdout.replace("\n", " ")
    entry = json.loads(run("show", "r.npz", "--json").stdout)
    assert entry["result"]["ground_truth"] is None
    assert entry["result"]["seed"] == 0


@pytest.mark.parametrize("kind", ["missing", "foreign", "damaged", "older", "newer", "unknown"])
def test_what_cannot_be_shown_is_one_line(run: Run, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "r.npz"
    says = {
        "missing": "no such file",
        "foreign": "not a result file",
        "damaged": "damaged",
        "older": "written by another version",
        "newer": "written by a newer version",
        "unknown": "a kind not known here",
    }[kind]
    if kind == "foreign":
        np.savez(path, x=np.zeros(3))
    elif kind != "missing":
        assert run("decompose", *WAVE, *QUICK, "-o", "r.npz").returncode == 0
        content = path.read_bytes()
        if kind == "damaged":
            path.write_bytes(content[: len(content) // 2])
        else:
            with np.load(path) as archive:
                arrays = dict(archive)
            head = json.loads(str(arrays["head"]))
            change = {
                "older": {"layout": "0" * 16},
                "newer": {"version": 99},
                "unknown": {"schema": "other"},
            }[kind]
            arrays["head"] = np.array(json.dumps(head | change))
            np.savez(path, **arrays)
    result = run("show", "r.npz")
    assert (result.returncode, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert says in line
    assert "r.npz" in line
