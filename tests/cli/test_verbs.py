"""What each verb prints: the keys and numbers of the Python interface, alone on stdout."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from theorycheck import __version__, check_theorem1, check_theorem2, decompose, load_model
from theorycheck.cli.render import jsonable
from theorycheck.models._generative import GenerativeModel

Run = Callable[..., "subprocess.CompletedProcess[str]"]
ROOT = Path(__file__).resolve().parents[2]
LINE = "expr:[z, 2*z]"
LOOSE = ("--tolerance", "1e-3")
#: One data dimension and posteriors with two modes: an average over p(x) takes milliseconds.
FOLD = ("expr:abs(z)", "--noise-variance", "0.05")


def fold() -> GenerativeModel:
    return load_model(FOLD[0], noise_variance=0.05)


def printed(run: Run, *arguments: str, silent: bool = True) -> dict[str, Any]:
    """Run a verb with --json and return the one object on stdout."""

    def refuse(constant: str) -> float:
        raise AssertionError(f"{constant} is not JSON")

    result = run(*arguments, "--json")
    assert result.returncode == 0, result.stderr
    if silent:
        assert result.stderr == ""
    parsed = json.loads(result.stdout, parse_constant=refuse)
    assert isinstance(parsed, dict)
    # Before all else, what follows.
    assert next(iter(parsed)) == "schema"
    assert parsed.pop("schema") == f"urn:theorycheck:json:{arguments[0]}:1"
    return parsed


def is_number(entry: object) -> bool:
    return isinstance(entry, dict) and set(entry) == {"value", "error", "kind"}


def test_list(run: Run) -> None:
    found = printed(run, "list")
    rows = {row["name"]: row for row in found["benchmarks"]}
    assert len(rows) == 7
    assert rows["circle"]["noise_variance"] == 0.01
    assert rows["circle"]["formula"] == "[cos(2*pi*Phi(z)), sin(2*pi*Phi(z))]"
    assert {row["form"] for row in found["models"]} >= {"expression", "table", "Python file"}
    text = run("list").stdout
    assert all(name in text for name in rows)
    assert "2πΦ(z)" in text


def test_decompose(run: Run) -> None:
    found = printed(run, "decompose", *FOLD, "--eta", "0.1", "--eta", "0.5,50", *LOOSE)
    keys = {"model", "data", "noise_variance", "entropy", "mleo", "pmo", "excess", "eta_partition"}
    assert keys <= set(found)
    assert all(is_number(found[key]) for key in ("entropy", "mleo", "pmo", "excess"))
    assert [set(part) for part in found["eta_partition"]] == [
        {"eta", "pr_lo", "pr_hi", "d_lo", "d_hi"}
    ] * 3
    # No x has a KL above 50 nats: the mean over none of them is null, not NaN.
    assert found["eta_partition"][2]["d_hi"] == {"value": None, "error": None, "kind": "estimated"}
    expected = decompose(fold(), eta=[0.1, 0.5, 50.0], tolerance=1e-3)
    assert found == json.loads(json.dumps(jsonable(expected.to_dict())))


def test_certify(run: Run) -> None:
    result = printed(run, "decompose", *FOLD, "--certify", "5", *LOOSE)
    assert result["certificate"]["points"] == 5
    assert 0.0 <= result["certificate"]["largest_gap"] < 2e-9
    words = run("decompose", *FOLD, "--certify", "5", *LOOSE).stdout
    assert "no mean-field q beats" in words
    refused = run("decompose", *FOLD, "--certify", "-1")
    assert refused.returncode == 2
    assert "certify" in refused.stderr


def test_decompose_on_other_data(run: Run) -> None:
    arguments = ("decompose", "expr:[z, z]", "--data", LINE, "--noise-variance", "0.5,0.25")
    found = printed(run, *arguments, *LOOSE)
    model = load_model("expr:[z, z]", noise_variance=[0.5, 0.25])
    # The data take the model's σ², having none.
    data = load_model(LINE, noise_variance=[0.5, 0.25])
    expected = decompose(model, data, tolerance=1e-3)
    assert found["mleo"] == expected.mleo.to_dict()
    assert found["noise_variance"] == [0.5, 0.25]
    given = printed(run, *arguments, "--data-noise-variance", "1", *LOOSE)
    wider = decompose(model, data.with_noise_variance(1.0), tolerance=1e-3)
    assert given["entropy"] == wider.entropy.to_dict()


def test_resolution_says_what_may_be_missed(run: Run, tmp_path: Path) -> None:
    """A spike 1e-4 wide lies between two latents of the default scan; a finer one sees it."""
    (tmp_path / "spike.py").write_text(
        "import numpy as np\nNOISE_VARIANCE = 0.01\n"
        "def f(z):\n    return np.where(np.abs(z - 1.00025) < 5e-5, 9.0, 0.0)\n"
    )
    model = str(tmp_path / "spike.py:f")
    coarse = printed(run, "decompose", model, *LOOSE)
    assert coarse["verified_width"] == 5e-4
    fine = printed(run, "decompose", model, "--resolution", "5e-5", *LOOSE)
    assert fine["verified_width"] == 5e-5
    # Its prior mass m, apart from the rest: H grows by −m log m − (1 − m) log(1 − m).
    mass = 1e-4 * np.exp(-0.5 * 1.00025**2) / np.sqrt(2.0 * np.pi)
    added = -mass * np.log(mass) - (1.0 - mass) * np.log1p(-mass)
    assert fine["entropy"]["value"] - coarse["entropy"]["value"] == pytest.approx(added, rel=1e-3)
    assert (
        "scanned at latents 5e-05 apart"
        in run("decompose", model, "--resolution", "5e-5", *LOOSE).stdout
    )


@pytest.mark.parametrize("kind", ["csv", "npy", "npz"])
def test_sample(run: Run, tmp_path: Path, kind: str) -> None:
    _, x = load_model("circle").sample(40, rng=0)
    file = tmp_path / f"x.{kind}"
    if kind == "csv":
        file.write_text("first,second\n" + "\n".join(f"{a!r},{b!r}" for a, b in x.tolist()))
    elif kind == "npy":
        np.save(file, x)
    else:
        np.savez(file, x=x)
    found = printed(run, "decompose", "circle", "--sample", str(file))
    expected = decompose(load_model("circle"), sample=x)
    assert found["negative_elbo"]["value"] == pytest.approx(expected.negative_elbo.value, rel=1e-12)
    assert found["method"] == expected.method
    assert (found["entropy"], found["mleo"], found["excess"], found["data"]) == (None,) * 4


def test_conditions(run: Run) -> None:
    curve = "expr:z"
    arguments = ("--alternative", curve, "--eta", "0.1", "--search", "none", *LOOSE)
    found = printed(run, "conditions", *FOLD, *arguments)
    keys = {
        "premise", "condition_1", "condition_2", "stationarity",
        "verdict", "class_searched", "witness",
    }  # fmt: skip
    assert keys <= set(found)
    alternative = load_model(curve, noise_variance=0.05)
    expected = check_theorem1(fold(), [alternative], eta=[0.1], tolerance=1e-3)
    assert found == json.loads(json.dumps(jsonable(expected.to_dict())))


def test_noise(run: Run) -> None:
    found = printed(run, "noise", LINE, "--noise-variance", "0.5", "--search", "none", *LOOSE)
    assert {"true", "refit_at_ground_truth", "refit_at_optimum", "joint_optimum"} <= set(found)
    expected = check_theorem2(load_model(LINE, noise_variance=0.5), tolerance=1e-3)
    assert found == json.loads(json.dumps(jsonable(expected.to_dict())))


def test_tables_show_the_radius_and_plain_words(run: Run) -> None:
    model = (LINE, "--noise-variance", "0.5", *LOOSE)
    for verb, words in [
        ("decompose", "nats below the best"),
        ("conditions", "Looked at:"),
        ("noise", "At the true f"),
    ]:
        result = run(verb, *model, *(("--search", "none") if verb != "decompose" else ()))
        assert result.returncode == 0, result.stderr
        assert result.stderr == ""
        assert "±" in result.stdout
        assert words in result.stdout


def test_unresolved_f_is_said_to_be(run: Run) -> None:
    rough = ("expr:sin(1e7*z)", "--noise-variance", "1", *LOOSE)
    assert printed(run, "decompose", *rough)["resolved"] is False
    assert printed(run, "conditions", *rough)["premise_verdict"] == "inconclusive"


def test_unresolved_f_in_plain_words() -> None:
    from theorycheck.cli.decompose_words import in_words

    rough = load_model("expr:sin(1e7*z)", noise_variance=0.01)
    _, x = rough.sample(4, rng=0)
    words = in_words(decompose(rough, sample=x), 1e-6, asked=False)
    assert words.startswith("Unresolved: no radius")
    assert "prior mass of 1.0e+00 is not resolved" in words


def write_models(folder: Path) -> dict[str, list[str]]:
    """Write the same straight line in every form that a user may have it in."""
    z = np.linspace(-12.0, 12.0, 3)
    with (folder / "line.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([("z", "x", "y"), *zip(z, z, 2 * z, strict=True)])
    (folder / "net.py").write_text(
        "import torch\nNOISE_VARIANCE = 0.5\n"
        "module = torch.nn.Linear(1, 2)\n"
        "with torch.no_grad():\n"
        "    module.weight[:] = torch.tensor([[1.0], [2.0]])\n    module.bias[:] = 0.0\n"
    )
    return {
        "function": ["mine.py:line"],
        "expression": [LINE, "--noise-variance", "0.5"],
        "table": ["line.csv", "--noise-variance", "0.5"],
        "network": ["net.py:module"],
    }


@pytest.mark.parametrize("form", ["function", "expression", "table", "network"])
@pytest.mark.parametrize("verb", ["decompose", "conditions"])
def test_every_form_of_model(run: Run, mine: Path, form: str, verb: str) -> None:
    if form == "network":
        pytest.importorskip("torch")
    model = write_models(mine.parent)[form]
    # A user's file may print; that must not end up in the JSON.
    search = ("--search", "none") if verb == "conditions" else ()
    silent = form not in ("function", "network")
    found = printed(run, verb, *model, *search, *LOOSE, silent=silent)
    if verb == "decompose":
        # x ~ N(0, 0.5 I + (1, 2)(1, 2)ᵀ): H = ½ log det(2πe C), and posteriors are Gaussian.
        entropy = np.log(2 * np.pi * np.e) + 0.5 * np.log(0.5 * 5.5)
        assert found["entropy"]["value"] == pytest.approx(entropy, abs=1e-9)
        assert abs(found["pmo"]["value"]) <= found["pmo"]["error"] < 1e-3
    else:
        assert found["premise_verdict"] != "holds"
        assert found["witness"] is None


def test_vectorize_and_breakpoints(run: Run, mine: Path) -> None:
    assert mine.exists()
    arguments = ("mine.py:scalar", "--vectorize", "--breakpoints", "none", *LOOSE)
    assert printed(run, "decompose", *arguments, silent=False)["resolved"] is True


def test_a_process_of_its_own(run_process: Run, run: Run) -> None:
    """What a user's shell sees is what the other tests see in their own process."""
    assert run_process("--version").stdout == f"theorycheck {__version__}\n"
    arguments = ("decompose", *FOLD, *LOOSE, "--json")
    alone, here = run_process(*arguments), run(*arguments)
    assert (alone.returncode, alone.stderr) == (here.returncode, here.stderr) == (0, "")
    assert set(json.loads(alone.stdout)) == set(json.loads(here.stdout))
    refused = run_process("decompose", "circl", "--json")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == run("decompose", "circl", "--json").stderr


def test_version_help_and_examples(run: Run) -> None:
    assert run("--version").stdout == f"theorycheck {__version__}\n"
    assert run().stdout == run("--help").stdout
    for verb in ("list", "decompose", "conditions", "noise", "optimum", "report", "verify"):
        text = run(verb, "--help").stdout
        assert f"  theorycheck {verb}" in text.split("Example")[1]


def test_stdout_that_cannot_show_greek(run_process: Run) -> None:
    result = run_process("list", "--json", PYTHONIOENCODING="ascii")
    assert json.loads(result.stdout)["benchmarks"][1]["definition"].endswith("2πΦ(z) ).")
    assert run_process("list", PYTHONIOENCODING="ascii").returncode == 0


def test_console_script(tmp_path: Path) -> None:
    script = Path(sysconfig.get_path("scripts")) / "theorycheck"
    if not script.exists():
        pytest.skip("the console script is not installed")
    result = subprocess.run(
        [str(script), "decompose", "circl"],
        capture_output=True,
        encoding="utf-8",
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert result.returncode == 2
    assert result.stderr.startswith("theorycheck: error: ")


def test_importing_is_quick() -> None:
    code = (
        "import sys, theorycheck\n"
        "import theorycheck.cli, theorycheck.cli.app\n"
        "heavy = {'numpy', 'scipy', 'numba', 'torch', 'sympy', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "theorycheck.decompose\n"
        "assert not {'torch', 'sympy', 'matplotlib'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_public_names() -> None:
    import theorycheck

    for name in theorycheck.__all__:
        assert getattr(theorycheck, name) is not None
    assert set(theorycheck.__all__) <= set(dir(theorycheck))
    with pytest.raises(AttributeError, match="decompos"):
        theorycheck.decompos  # noqa: B018
