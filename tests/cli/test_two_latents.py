"""Decoders of two latents on the command line: figures, keys, files, and what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from tests.cli.conftest import Run
from theorycheck.objectives import Decomposition
from theorycheck.results import json_schema

LINE, NOISE = "expr:[z1+0.3*z2, z2-0.2*z1]", ("--noise-variance", "0.5")


def test_a_linear_decoder_in_closed_form(run: Run, tmp_path: Path) -> None:
    done = run("decompose", LINE, *NOISE, "--eta", "0.001", "--json", "-o", "d.npz")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    jsonschema.Draft202012Validator(json_schema("decompose")).validate(found)
    a = np.array([[1.0, 0.3], [-0.2, 1.0]])
    m = a.T @ a + 0.5 * np.eye(2)
    exact = 0.5 * (math.log(m[0, 0] * m[1, 1]) - math.log(np.linalg.det(m)))
    assert abs(found["pmo"]["value"] - exact) <= found["pmo"]["error"] < 1e-6
    assert abs(found["pmo"]["value"] - exact) < 1e-10
    entropy = 0.5 * math.log(np.linalg.det(2.0 * math.pi * math.e * (a @ a.T + 0.5 * np.eye(2))))
    assert abs(found["entropy"]["value"] - entropy) <= found["entropy"]["error"] < 1e-6
    assert (found["converged"], found["verified_width"]) == (True, None)
    assert found["eta_partition"][0]["pr_hi"]["value"] == pytest.approx(1.0, abs=1e-6)
    one = json.loads(run("decompose", "expr:[z, 0*z]", *NOISE, "--json").stdout)
    assert set(one) == set(found)
    read = Decomposition.load(tmp_path / "d.npz")
    assert read.model.latent_dim == 2
    assert read.pmo.value == found["pmo"]["value"]
    assert "z1+0.3*z2" in run("show", "d.npz").stdout


def test_a_table_of_x_in_three_dimensions(run: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    w = np.array([[1.0, 0.5], [0.0, 1.0], [0.3, 0.3]])
    x = rng.normal(size=(40, 2)) @ w.T + math.sqrt(0.5) * rng.normal(size=(40, 3))
    np.save(tmp_path / "x.npy", x)
    text = "[z1+0.5*z2, z2, 0.3*z1+0.3*z2]"
    done = run("decompose", f"expr:{text}", *NOISE, "--sample", "x.npy", "--json")
    found = json.loads(done.stdout)
    m = w.T @ w + 0.5 * np.eye(2)
    exact = 0.5 * (math.log(m[0, 0] * m[1, 1]) - math.log(np.linalg.det(m)))
    assert abs(found["pmo"]["value"] - exact) < 1e-10


def test_noise_at_the_true_f(run: Run) -> None:
    done = run("noise", LINE, "--noise-variance", "0.8", "--search", "none", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    exact = found["exact_posterior"][0]
    assert abs(exact["value"] - 0.8) <= exact["error"]


def test_a_function_is_told_its_latents(run: Run, mine: Path) -> None:
    assert mine.exists()
    done = run("decompose", "mine.py:two_latents", "--latents", "2", "--json")
    assert done.returncode == 0, done.stderr
    # x = z1 + z2 + noise: the columns of A are as parallel as can be, M = [[1.5, 1], [1, 1.5]].
    exact = 0.5 * math.log(1.5**2 / (1.5**2 - 1.0))
    assert abs(json.loads(done.stdout)["pmo"]["value"] - exact) < 1e-9
    done = run("decompose", "mine.py:two_latents", "--latents", "4")
    assert done.returncode == 2
    assert "K must be from 1 to 3" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["decompose", LINE, "--latents", "1"], "has 2 latents, not 1"),
        (["decompose", LINE, "--certify", "2"], "only the q of one latent can be certified"),
        (["decompose", "expr:[z1+z3, z2]", "--iwae", "5"], "of one latent and of two"),
        (["optimum", "expr:[z1+z3, z2]", "--objective", "iwae"], "of one latent and of two"),
        (["decompose", LINE, "--resolution", "0.01"], "leave --resolution out"),
        (["decompose", LINE, "--breakpoints", "0"], "points of a line"),
        (["decompose", "expr:[z1, z4]"], "this name is not allowed: 'z4'"),
        (["decompose", "expr:[z1, z]"], "cannot stand together"),
        (["decompose", "circle", "--latents", "2"], "has 1 latent, not 2"),
    ],
)
def test_one_clear_line(run: Run, arguments: list[str], said: str) -> None:
    done = run(*arguments, *NOISE)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
