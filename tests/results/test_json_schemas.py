"""Every verb's JSON follows its schema, and the schemas say what a number is."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from proofs import catalogue
from tests.efforts import make_searches_tiny
from tests.small_cohorts import small_titanic
from tests.verbs import split_verb, verbs
from theorycheck.cli import main
from theorycheck.errors import SettingError
from theorycheck.results._json_schemas import json_schema, schema_id, verbs_with_schema

jsonschema = pytest.importorskip("jsonschema")

WAVE = ("expr:sin(2*z)", "--noise-variance", "0.1")
CLASS = ("--folds", "2", "--tears", "-1", "--pieces", "1", "--tolerance", "1e-2")
NETWORK = ("expr:0.5*sin(2*z)", "--data", WAVE[0], "--data-noise-variance", "0.1")
LINE_IN_PLANE = (
    "expr:[z, 0*z]", "--noise-variance", "0.2", "--size", "64", "--epsilon", "1,2",
)  # fmt: skip
LABELLED = ("expr:[z + y]", "--noise-variance", "3")
TRAIN = (
    "--steps", "2", "--restarts", "2", "--from-truth", "0", "--batch", "8", "--hidden", "4",
)  # fmt: skip
TABLE = (
    "--steps", "2", "--restarts", "1", "--batch", "8", "--hidden", "4", "--splits", "2",
    "--labelled-share", "0.3",
)  # fmt: skip

#: Options with which a verb prints an object of its own.
OWN = {
    ("noise", "--from-loss"): "from_loss",
    ("judge", "--draws"): "judge_sample",
    ("labels", "continuous"): "labels_continuous",
    ("train-labels", "continuous"): "train-labels_continuous",
}
LABEL = ("--label", "y", "--labelled-share", "0.5", "--drop-missing")
ROUGH = ("--tolerance", "1e-2", "--gamma", "0,1", "--family", "naive_iwae", "--search", "none")

#: Real command lines, with all that is optional in what they print, and without.
RUNS = [
    ("decompose", "circle", "--tolerance", "1e-2"),
    # Above all KL one part is empty, and its mean not defined.
    ("decompose", *WAVE, "--eta", "0.1,1e9", "--certify", "2", "--iwae", "2"),
    ("decompose", *WAVE, "--tolerance", "1e-2", "--informativeness"),
    ("decompose", "expr:z1+z2", "--noise-variance", "2", "--tolerance", "1e-2", "--iwae", "2"),
    ("optimum", *WAVE),
    ("optimum", *WAVE, "--objective", "iwae", "--samples", "2", "-o", "i.npz"),
    ("optimum", *WAVE, "--steepness", "1", "--steepness", "inf"),
    ("optimum", *WAVE, "--search-latents", "2", "-o", "p.npz"),
    ("optimum", *WAVE, "--search-latents", "3", "-o", "s.npz"),
    ("optimum", *WAVE, "--objective", "iwae", "--samples", "2", "--search-latents", "2"),
    ("conditions", "circle", "--search", "none", "--tolerance", "1e-2", "--eta", "0.001"),
    ("conditions", *WAVE, *CLASS, "--eta", "0.1", "--alternative", "expr:z"),
    ("noise", "circle", "--search", "none", "--tolerance", "1e-2"),
    ("noise", *WAVE, "--tolerance", "1e-2", "--held-noise", "0.1,0.2"),
    ("decompose", *WAVE, "--tolerance", "1e-2", "--sample", "x.csv"),
    ("noise", "--from-loss", "mse + 0.5*kl", "--data-dim", "2", "--loss-value", "0.1"),
    ("judge", *NETWORK, "--tolerance", "1e-2"),
    ("judge", *NETWORK, "--tolerance", "1e-2", "--search", "none"),
    ("judge", *WAVE, "--sample", "x.csv", "--draws", "10"),
    ("train", *WAVE, "--method", "vae", *TRAIN, "--search", "none"),
    ("train", *WAVE, "--method", "vae", *TRAIN, "--search", "none", "--network-latents", "2"),
    ("train", *WAVE, "--method", "iwae", "--samples", "2", *TRAIN),
    ("report", *WAVE, "-o", "out", "--tolerance", "1e-2", "--search", "none"),
    ("dataset", "circle", "-o", "data", "--size", "4"),
    ("score", "expr:[z, 0*z]", "--on", "figure8", "--tolerance", "1e-2"),
    ("disentangle", "linear:[[1, 0.8]]", "--noise-variance", "1", "--max-nodes", "60"),
    ("labels", *LABELLED, "--gamma", "0,1", "--search", "none"),
    ("data", "fetch", "titanic", "--folder", "files"),
    ("data", "show", "titanic", "--folder", "files"),
    ("data", "show", "titanic", "--folder", "files", "--splits", "2", "--baseline"),
    ("data", "train", "titanic", "--folder", "files", "--method", "vae", *TABLE, "-o", "o"),
    ("labels", "expr:[z + y]", "--labels", "continuous", "--noise-variance", "1", *ROUGH),
    ("labels", "expr:[z^2 + y]", "--labels", "continuous", "--noise-variance", "1", *ROUGH),
    ("labels", *LABELLED, "--search", "none", "--iwae", "2"),
    ("train-labels", *LABELLED, "--method", "vae", *TRAIN, "--search", "none"),
    ("train-labels", *LABELLED, "--labels", "continuous", "--method", "vae", *TRAIN),
    ("advise", "t.csv", "--rows", "60", "--splits", "2"),
    (
        "defend",
        *LINE_IN_PLANE,
        "--search",
        "none",
        "--learned",
        "expr:[z, z^2]",
        "--pgd",
        "8",
        "--defence",
        "projection",
    ),
    ("defend", *LINE_IN_PLANE, "--defence", "density"),
    ("compress", *WAVE, "--latents", "1,3"),
    ("compress", *WAVE, "--latents", "1", "--learned", "expr:sin(3*z1) + 0.1*z2"),
    ("compress", *WAVE, "--latents", "1", "--objective", "iwae", "--samples", "2"),
    ("advise", "t.npz", "--rows", "60", "--splits", "2", *LABEL),
    ("show", "r.npz"),
    ("list",),
    ("prove", "gibbs"),
    ("prove",),
    ("cite", "figure8", "--verb", "optimum"),
]


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_searches_tiny(monkeypatch)
    small_titanic(tmp_path / "files", monkeypatch)


def schema_name(verb: str) -> str:
    return verb.replace(" ", "_")


def complaints(verb: str, entry: object) -> list[str]:
    validator = jsonschema.Draft202012Validator(json_schema(verb))
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(entry)]


@pytest.mark.parametrize("arguments", RUNS, ids=lambda a: " ".join(a)[:60])
def test_real_output(
    arguments: tuple[str, ...],
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    verb = schema_name(split_verb(list(arguments))[0])
    own = (name for (of, option), name in OWN.items() if of == verb and option in arguments)
    verb = next(own, verb)
    Path("x.csv").write_text("x\n0.1\n-0.4\n1.2\n")
    if verb == "advise":
        rows = np.random.default_rng(0).normal(size=(61, 2))
        Path("t.csv").write_text("a,b\n" + "\n".join(f"{a},{b}" for a, b in rows.tolist()))
        rows[-1, 0] = np.nan
        np.savez("t.npz", x=rows[:, :1], y=np.where(rows[:, 1] > 0.0, "up", "down"))
    if verb.startswith("train") or verb in ("data_train", "judge", "judge_sample"):
        pytest.importorskip("torch")
    if verb == "prove":
        pytest.importorskip("z3")
        # The whole list is held against the schema in tests/cli/test_prove.py.
        monkeypatch.setattr(catalogue, "NAMES", ("gibbs", "theorem1_gap"))
    if verb == "show":
        assert main(["decompose", *WAVE, "--tolerance", "1e-2", "-o", "r.npz"]) == 0
        capfd.readouterr()
    assert main([*arguments, "--json"]) == 0
    entry = json.loads(capfd.readouterr().out)
    assert entry["schema"] == schema_id(verb)
    assert complaints(verb, entry) == []
    # It is no schema that takes anything: a key more or less, or a bare number for an estimate.
    assert complaints(verb, entry | {"surprise": 1})
    assert complaints(verb, {key: value for key, value in entry.items() if key != "schema"})
    for key, value in entry.items():
        if isinstance(value, dict) and set(value) == {"value", "error", "kind"}:
            broken = copy.deepcopy(entry)
            broken[key] = value["value"]
            assert complaints(verb, broken), key
            broken[key] = value | {"kind": "guessed"}
            assert complaints(verb, broken), key


def test_claims() -> None:
    """``verify`` runs pytest: its JSON is that of a run that found nothing to check."""
    row = {"id": "C01", "claim": "c", "verdict": "verified", "rests_on": None, "evidence": []}
    entry = {"schema": schema_id("verify"), "exit_code": 0, "claims": [row]}
    assert complaints("verify", entry | {"json": None, "html": None}) == []
    assert complaints("verify", entry)


def test_every_verb_with_json_has_a_schema() -> None:
    with_json = {
        schema_name(name)
        for name, verb in verbs().items()
        if any("--json" in parameter.opts for parameter in verb.params)
    }
    # With some options a verb prints an object of its own.
    assert set(verbs_with_schema()) == with_json | set(OWN.values())
    run = {schema_name(split_verb(list(arguments))[0]) for arguments in RUNS}
    assert run | {"verify"} == with_json


@pytest.mark.parametrize("verb", verbs_with_schema())
def test_schemas_are_schemas_and_say_what_numbers_are(verb: str) -> None:
    schema = json_schema(verb)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert "common.json" not in json.dumps(schema)
    for path, node in _nodes(schema, verb):
        if path.endswith(("description", "required")):
            continue
        if "$ref" in node and node["$ref"].endswith(("/estimate", "/estimate_or_null")):
            continue
        if node.get("type") in ("number", ["number", "null"]):
            assert node.get("description"), path
    for name, node in schema["properties"].items():
        assert node.get("description") or "$ref" in node, name


def _nodes(node: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        yield path, node
        for key, entry in node.items():
            yield from _nodes(entry, f"{path}/{key}")
    elif isinstance(node, list):
        for number, entry in enumerate(node):
            yield from _nodes(entry, f"{path}/{number}")


def test_the_verb_prints_them(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "decompose"]) == 0
    assert json.loads(capfd.readouterr().out) == json_schema("decompose")
    assert main(["schema"]) == 0
    assert "urn:theorycheck:json:optimum:1" in capfd.readouterr().out
    assert main(["schema", "decompos"]) == 2
    assert "did you mean 'decompose'?" in capfd.readouterr().err
    with pytest.raises(SettingError, match="no JSON schema"):
        json_schema("common")
