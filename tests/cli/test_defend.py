"""``theorycheck defend``: its tables, figures and refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from theorycheck.cli import defend, main
from theorycheck.downstream import CLASSIFIERS, DEFENCES

LINE = ("expr:[z, 0*z]", "--noise-variance", "0.2", "--size", "64", "--search", "none")


def test_the_options_name_what_there_is() -> None:
    assert defend._DEFENCES == DEFENCES
    assert defend._CLASSIFIERS == CLASSIFIERS


def test_tables_and_figures(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code = main(
        ["defend", *LINE, "--defence", "projection,distance", "--epsilon", "1", "--figures", "out",
         "--learned", "expr:[z, 0.5*z]"]
    )  # fmt: skip
    shown = capfd.readouterr()
    assert code == 0, shown.err
    assert "learned: [z, 0.5*z]" in shown.out
    assert "right at ε = 1 σ" in shown.out
    assert "reconstruction" not in shown.out
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"attacked-accuracy.png", "decisions.png"}
    assert all(path.stat().st_size > 5_000 for path in (tmp_path / "out").iterdir())


def test_what_it_attacks_is_what_it_says(capfd: pytest.CaptureFixture[str]) -> None:
    code = main(["defend", *LINE, "--defence", "density", "--epsilon", "2,1", "--json"])
    shown = capfd.readouterr()
    assert code == 0, shown.err
    found = json.loads(shown.out)
    assert found["epsilons"] == [1.0, 2.0]
    assert [one["defence"] for one in found["outcomes"]] == ["none", "density", "density"]
    attacked = [one["value"] for one in found["outcomes"][1]["attacked"]]
    assert found["outcomes"][1]["clean"]["value"] >= attacked[0] >= attacked[1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--defence", "projektion"), "projection"),
        (("--classifier", "bays"), "bayes"),
        (("--epsilon", "-1"), "ε"),
        (("--class-splits", "1,0"), "ascend"),
        (("--size", "3"), "--size"),
        (("--reach", "20"), "reach"),
        (("--false-rejections", "2"), "false rejections"),
    ],
)
def test_bad_options(
    options: tuple[str, ...], words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["defend", *LINE, *options]) == 2
    assert words in capfd.readouterr().err


def test_models_that_it_is_not_for(capfd: pytest.CaptureFixture[str]) -> None:
    options = ("--noise-variance", "1", "--search", "none", "--size", "64")
    assert main(["defend", "expr:[z1, z2]", *options]) == 2
    assert "one latent" in capfd.readouterr().err
    assert main(["defend", "expr:[z, z, z]", *options]) == 2
    assert "D = 3" in capfd.readouterr().err
