"""``judge`` on a table of x: words, JSON, figures, files, and one line for bad input."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
jsonschema = pytest.importorskip("jsonschema")

from theorycheck.cli import main
from theorycheck.results import json_schema

Output = pytest.CaptureFixture[str]

#: A whole VAE of two latents with known weights: its encoder is the best q of its decoder.
VAE = """
import torch

W = torch.tensor([[1.0, 0.0], [0.0, 0.5], [0.0, 0.0]])
PRECISION = torch.tensor([1.0 + 1.0 / 0.25, 1.0 + 0.25 / 0.25])


class Encoder(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(W.clone())

    def forward(self, x):
        mean = x @ self.w / 0.25 / PRECISION.to(x)
        return mean, torch.log(1.0 / PRECISION.to(x)).expand_as(mean)


class Decoder(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(W.clone())

    def forward(self, z):
        return z @ self.w.T


class VAE(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = Encoder(), Decoder()


LATENTS = 2
vae = VAE()
number = 3


def by_hand(x):
    import numpy as np

    return np.zeros((len(x), 2)), np.ones((len(x), 2))
"""
LINE = ["judge", "vae.py:vae", "--data", "x.npz", "--noise-variance", "0.25"]
OWN = ["--encoder-returns", "log-variance"]


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("vae.py").write_text(VAE)
    rng = np.random.default_rng(0)
    z = rng.normal(size=(30, 2))
    x = z @ np.array([[1.0, 0.0, 0.0], [0.0, 0.5, 0.0]]) + 0.5 * rng.normal(size=(30, 3))
    np.savez("x.npz", x=x)
    np.savetxt("x.csv", x, delimiter=",")


def test_a_whole_vae(capsys: Output) -> None:
    assert main([*LINE, *OWN, "--draws", "5,50", "--figures", "figures", "-o", "r.npz"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    for words in (
        "vae.decoder, K = 2, σ² = 0.25, on 30 x",
        "amortisation gap: what the encoder loses",
        "how its encoder uses the latents",
        "log p(x) by importance draws from its encoder, 30 x",
        "Largest gaps between log p(x) and the ELBO",
    ):
        assert words in told, words
    written = sorted(file.name for file in Path("figures").iterdir())
    assert written == ["gaps.png", "latent-plane.png", "worst-x.png"]
    assert all(file.read_bytes()[:4] == b"\x89PNG" for file in Path("figures").iterdir())
    assert main(["show", "r.npz"]) == 0
    assert "approximation gap" in capsys.readouterr().out
    assert main(["show", "r.npz", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert main([*LINE, *OWN, "--draws", "5,50", "--json"]) == 0
    entry = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator(json_schema("judge_sample")).validate(entry)
    assert shown["result"]["log_density"] == entry["log_density"]
    # W has orthogonal columns and q is the posterior: the ELBO misses nothing, draws are exact.
    for gap in ("approximation_gap", "amortisation_gap"):
        assert abs(entry[gap]["value"]) < 1e-6
    assert entry["draws"][0]["share_off"] == 0.0


@pytest.mark.parametrize("table", [["--sample", "x.csv"], ["--data", "x.npz"]])
def test_encoders_and_tables_of_other_kinds(table: list[str], capsys: Output) -> None:
    line = ["judge", "vae.py:vae.decoder", *table, "--draws", "", "--json"]
    options = ["--noise-variance", "0.25", "--encoder", "vae.py:by_hand"]
    assert main([*line, *options, "--encoder-returns", "scale"]) == 0
    entry = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator(json_schema("judge_sample")).validate(entry)
    assert entry["encoder"] is True
    assert [one["active"] for one in entry["latent_use"]] == [False, False]
    assert entry["draws"] == []
    assert main([*line, "--fit-noise", "shared"]) == 0
    fitted = json.loads(capsys.readouterr().out)
    assert fitted["encoder"] is False
    assert fitted["noise_fit"]["converged"] is True
    assert fitted["noise_variance"][0] == pytest.approx(0.25, abs=0.12)


def test_one_latent(capsys: Output) -> None:
    line = ["judge", "expr:[z, 0.5*z, 0]", "--sample", "x.csv", "--noise-variance", "0.3"]
    assert main([*line, "--draws", "10", "--figures", "one", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["latents"] == 1
    assert [file.name for file in Path("one").iterdir()] == ["gaps.png"]


BAD = [
    (["judge", "vae.py:vae.decoder"], "--data MODEL gives the ground truth, or --sample FILE"),
    ([*LINE, "--sample", "x.csv"], "give the ground truth or a table of x"),
    ([*LINE[:-2], *OWN], "no noise variance"),
    ([*LINE, "--encoder-returns", "sigma"], "an encoder returns no 'sigma'"),
    ([*LINE, "--encoder", "vae.py:number"], "is no encoder but int"),
    ([*LINE, "--encoder", "vae.py"], "is not of the form file.py:name"),
    ([*LINE, "--draws", "many"], "--draws: 'many' is not a list of numbers"),
    ([*LINE, "--draws", "-1"], "must be positive"),
    ([*LINE, "--fit-noise", "each"], "one σ² is fitted: write shared"),
    ([*LINE, "--figures", "vae.py"], "vae.py"),
    (["judge", "expr:[z, 0]", "--sample", "x.csv", "--noise-variance", "1"], "expected"),
    (["judge", "expr:z", "--data", "circle", "--figures", "f"], "--figures is for a table of x"),
    (["judge", "expr:z", "--data", "circle", "--latents", "2"], "has 1 latent, not 2"),
]


@pytest.mark.parametrize(("words", "says"), BAD, ids=[" ".join(words)[:60] for words, _ in BAD])
def test_one_line(words: list[str], says: str, capsys: Output) -> None:
    assert main([*words, "--json"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    (line,) = told.err.splitlines()
    assert line.startswith("theorycheck: error: ")
    assert says in line, line
