"""The verb: what it prints, what it writes, and that its follow-up commands are taken."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import pytest

from tests.docs.test_command_lines import takes
from tests.efforts import make_searches_tiny
from theorycheck.cli import main
from theorycheck.models import benchmark

FAST = ("--rows", "60", "--splits", "2")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    _, x = benchmark("circle").sample(80, 0)
    lines = [f"{a},{b},{'up' if b > 0 else 'down'}" for a, b in x]
    path = tmp_path / "data.csv"
    path.write_text("a,b,half\n" + "\n".join(lines) + "\n")
    return path


def test_words_and_files(
    file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_searches_tiny(monkeypatch)
    out = tmp_path / "out"
    arguments = ["--label", "half", "--labelled-share", "0.5", "-o", str(out)]
    assert main(["advise", str(file), *arguments, *FAST]) == 0
    told = capfd.readouterr().out
    for words in ("standardised", "MLEO gap", "4: take a rich q", "σ², ELBO"):
        assert words in told
    entry = json.loads((out / "advice.json").read_text(encoding="utf-8"))
    assert [one["number"] for one in entry["guidelines"]] == [1, 2, 3, 4]
    assert np.loadtxt(out / "standardised.csv", delimiter=",").shape == (60, 2)
    for one in entry["guidelines"]:
        words = shlex.split(one["command"])
        assert words[0] == "theorycheck"
        if "--help" not in words:
            takes(words[1], words[2:])
    monkeypatch.chdir(out)
    variance = str(entry["noise_variance"]["exact_likelihood"]["value"])
    run = ["decompose", "elbo.csv", "--data", "exact_likelihood.csv", "--tolerance", "1e-2"]
    assert main([*run, "--noise-variance", variance]) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("no.csv",), "cannot be read"),
        (("data.csv", "--label", "halv"), "did you mean 'half'?"),
        (("data.csv",), "no numbers"),
        (("data.csv", "--label", "half", "--latents", "2"), "one latent"),
        (("data.csv", "--label", "half", "--rows", "5"), "50 rows"),
        (("data.csv", "--label", "half", "--splits", "1"), "two splits"),
        (("a.npy", "--label", "half"), "no column 'half'"),
        (("g.csv",), "--drop-missing"),
    ],
)
def test_bad_input(
    file: Path,
    arguments: tuple[str, ...],
    words: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(file.parent)
    np.save("a.npy", np.zeros((60, 2)))
    np.savetxt("g.csv", np.diag([np.nan] * 60), delimiter=",")
    assert main(["advise", *arguments]) == 2
    error = capfd.readouterr().err
    assert words in error
    assert len(error.strip().splitlines()) == 1
