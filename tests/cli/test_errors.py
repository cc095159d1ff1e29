"""Every mistake: one line on stderr, exit code 2, nothing on stdout, nothing written."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]

BAD = [
    # f misbehaves
    (["mine.py:not_a_number"], "is not finite"),
    (["mine.py:infinite"], "is not finite"),
    (["mine.py:transposed"], "return the transpose"),
    (["mine.py:text"], "must return real floats"),
    (["mine.py:half"], "needs float64"),
    (["mine.py:complex_valued"], "must return real floats"),
    (["mine.py:scalar"], "--vectorize"),
    (["mine.py:raises"], "RuntimeError: two"),
    (["mine.py:two_latents"], "--latents 2"),
    (["two.py:f"], "K must be from 1 to 3"),
    (["expr:[tan(z)]", "--noise-variance", "1"], "f has a pole at z = 1.5708"),
    (["expr:1/z", "--noise-variance", "1"], "f(0) = [inf] is not finite"),
    # there is no such model
    (["circl"], "did you mean 'circle'"),
    (["gone.py:f"], "gone.py: no such file"),
    (["gone.csv"], "gone.csv: no such file"),
    (["mine.py:lin"], "did you mean 'line'"),
    (["mine.py:number"], "is not a function but int"),
    (["mine.py"], "needs a function"),
    (["discrete_semi_circle"], "write "),
    (["expr:__import__('os')", "--noise-variance", "1"], "__import__"),
    (["expr:z.real", "--noise-variance", "1"], "z"),
    (["expr:[z, ", "--noise-variance", "1"], "expr"),
    (["expr:sn(z)", "--noise-variance", "1"], "did you mean 'sin'"),
    # σ²
    (["expr:z"], "--noise-variance"),
    (["circle", "--noise-variance", "0"], "must be positive"),
    (["circle", "--noise-variance", "-1"], "must be positive"),
    (["circle", "--noise-variance", "nan"], "must be positive"),
    (["circle", "--noise-variance", "1,2,3"], "give one σ² or 2"),
    (["circle", "--noise-variance", "1", "--noise-variance", "x"], "'x' is not a number"),
    # options
    (["circle", "--eta", "-1"], "eta must be positive"),
    (["circle", "--eta", "0.1,inf"], "eta must be positive"),
    (["circle", "--eta", "much"], "'much' is not a number"),
    (["circle", "--tolerance", "0"], "--tolerance must be positive"),
    (["circle", "--tolerance", "inf"], "--tolerance must be positive"),
    (["circle", "--table-kind", "cubi"], "did you mean 'cubic'"),
    (["circle", "--breakpoints", "0,a"], "'a' is not a number"),
    (["circle", "--breakpoints", "nan"], "breakpoints must be finite"),
    (["circle", "--resolution", "0"], "resolution must be at least 1e-06"),
    (["circle", "--resolution", "nan"], "resolution must be at least 1e-06"),
    (["circle", "--resolution", "fine"], "Invalid value for '--resolution'"),
    (["circle", "--data", "expr:z"], "2 data dimensions"),
    (["circle", "--data", "figure9"], "did you mean 'figure8'"),
    (["circle", "--data-noise-variance", "1"], "--data, which is not given"),
    (["circle", "--sample", "gone.csv"], "gone.csv: no such file"),
    (["circle", "--sample", "three.csv"], "expected (n, 2)"),
    (["circle", "--sample", "nan.csv"], "NaN or inf"),
    (["circle", "--sample", "ragged.csv"], "ragged.csv: line 2 has 1 columns"),
    (["circle", "--sample", "broken.npy"], "broken.npy: not a sample"),
    (["circle", "--sample", "mine.py"], "a sample is a .csv, .tsv"),
    (["circle", "--jsn"], "--json"),
    (["circle", "circle"], "unexpected extra argument"),
    ([], "Missing argument 'MODEL'"),
]


@pytest.fixture(autouse=True)
def _files(mine: Path) -> None:
    folder = mine.parent
    (folder / "two.py").write_text(
        "from theorycheck import Decoder\nf = Decoder(lambda z: z, 1, 'f', latent_dim=4)\n"
    )
    (folder / "three.csv").write_text("a,b,c\n1,2,3\n")
    (folder / "nan.csv").write_text("1,nan\n1,2\n")
    (folder / "ragged.csv").write_text("1,2\n3\n")
    (folder / "broken.npy").write_bytes(b"not an array")


def check_one_line(run: Run, folder: Path, arguments: list[str], says: str) -> None:
    before = sorted(folder.rglob("*"))
    result = run(*arguments)
    lines = result.stderr.splitlines()
    # What a user's own file prints is not ours to remove.
    errors = [line for line in lines if "a user's" not in line]
    assert result.returncode == 2, result.stderr
    assert result.stdout == ""
    assert len(errors) == 1, result.stderr
    assert errors[0].startswith("theorycheck: error: ")
    assert says in errors[0]
    assert "Traceback" not in result.stderr
    assert sorted(folder.rglob("*")) == before


def _label(entry: list[str] | str) -> str:
    return entry[:40] if isinstance(entry, str) else " ".join(entry)[:40] or "nothing"


@pytest.mark.parametrize(("arguments", "says"), BAD, ids=_label)
def test_decompose(run: Run, tmp_path: Path, arguments: list[str], says: str) -> None:
    check_one_line(run, tmp_path, ["decompose", *arguments, "--json"], says)


OTHER_VERBS = [
    (["conditions", "circle", "--alternative", "expr:z"], "data dimensions"),
    (["conditions", "circle", "--alternative", "expr:zz"], "zz"),
    (["conditions", "circle", "--eta", "-1"], "eta must be positive"),
    (["conditions", "circle", "--alternative-noise-variance", "1"], "which is not given"),
    (["conditions"], "Missing argument 'MODEL'"),
    (["noise", "circl"], "did you mean 'circle'"),
    (["noise", "circle", "--tolerance", "-1"], "--tolerance must be positive"),
    (["report", "circle"], "Missing option '-o'"),
    (["report", "circle", "-o", "out", "--tolerance", "0"], "--tolerance must be positive"),
    (["report", "circle", "-o", "out", "--alternative", "expr:z"], "data dimensions"),
    (["report", "-o", "out"], "Missing argument 'MODEL"),
    (["report", "circle", "-o", "three.csv"], "three.csv is not a directory"),
    (["report", "circle", "-o", "three.csv/out"], "three.csv is not a directory"),
    (["report", "circle", "circl", "-o", "out"], "did you mean 'circle'"),
    (["verify", "-o", "three.csv/out"], "three.csv is not a directory"),
    (["verify", "--networks", "ful"], "did you mean 'full'"),
    (["list", "circle"], "unexpected extra argument"),
    (["decomp", "circle"], "did you mean 'decompose'"),
    (["xyz"], "known: list, decompose"),
    (["--jsn"], "No such option"),
]


@pytest.mark.parametrize(("arguments", "says"), OTHER_VERBS, ids=_label)
def test_other_verbs(run: Run, tmp_path: Path, arguments: list[str], says: str) -> None:
    check_one_line(run, tmp_path, arguments, says)


def test_our_own_defects_keep_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    from theorycheck import models
    from theorycheck.cli import main

    def broken(*_args: object, **_options: object) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(models, "load_model", broken)
    with pytest.raises(ZeroDivisionError, match="a defect"):
        main(["decompose", "circle"])


def test_interrupt(run: Run, tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text("raise KeyboardInterrupt\n")
    result = run("decompose", "slow.py:f", "--json")
    assert (result.returncode, result.stdout) == (130, "")
    assert result.stderr == "theorycheck: interrupted\n"
