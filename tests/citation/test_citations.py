"""What `cite` prints: well-formed BibTeX of what a run used."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from theorycheck import __version__
from theorycheck.citation._citations import VERB_PARTS, parts_of, references_for, software_bibtex
from theorycheck.citation._references import REFERENCES
from theorycheck.cli.app import command
from theorycheck.errors import LoadingError

ENTRY = re.compile(r"@(\w+)\{(\w+),\n((?:  \w+ = \{.*\},\n)+)\}\n")


def keys(parts: set[str] | frozenset[str]) -> set[str]:
    return {reference.key for reference in references_for(parts)}


@pytest.mark.parametrize("reference", REFERENCES, ids=lambda reference: reference.key)
def test_entries_are_well_formed(reference: object) -> None:
    text = reference.bibtex()  # type: ignore[attr-defined]
    match = ENTRY.fullmatch(text)
    assert match is not None
    assert text.count("{") == text.count("}")
    fields = dict(re.findall(r"  (\w+) = \{(.*)\},", match[3]))
    needed = {"article": "journal", "inproceedings": "booktitle", "misc": "eprint"}
    assert {"author", "title", "year", needed[match[1]]} <= set(fields)
    # The year of a key and of its entry.
    assert fields["year"] in match[2]


def test_software() -> None:
    text = software_bibtex()
    assert ENTRY.fullmatch(text) is not None
    assert f"version = {{{__version__}}}" in text
    assert "The theorycheck developers" in text
    assert "Yacoby" not in text


def test_every_part_and_verb_is_known() -> None:
    used = frozenset().union(*(reference.used_by for reference in REFERENCES))
    assert frozenset().union(*VERB_PARTS.values()) <= used
    assert set(VERB_PARTS) <= set(command().commands)


def test_parts_of_models() -> None:
    assert keys(parts_of("figure8")) == {"yacoby2020failure", "kingma2014auto"}
    assert "kingma2014semi" in keys(parts_of("discrete_semi_circle:y=1"))
    assert parts_of("expr:[z, z]") == frozenset()
    with pytest.raises(LoadingError, match="there is no 'figur8'"):
        parts_of("figur8")


@pytest.mark.parametrize(
    ("result", "used", "not_used"),
    [
        ({"settings": {"search": "quick"}, "models": []}, "varadhan2008simple", "burda2016"),
        ({"settings": {"search": "none"}, "models": []}, "trefethen2014exponentially", "varadhan"),
        ({"method": "lin", "restarts": [], "settings": {}}, "he2019lagging", "varadhan"),
        (
            {"method": "iwae", "restarts": [], "settings": {"estimator": "dreg"}},
            "tucker2019doubly",
            "bornschein",
        ),
        ({"starts": [], "samples": 20}, "burda2016importance", "kingma2015adam"),
        ({"starts": [], "samples": 1}, "varadhan2008simple", "burda"),
        ({"labelled_share": 0.1, "restarts": []}, "kingma2014semi", "burda"),
        ({"true": [0.1], "curve": {}}, "lindsay1983geometry", "burda"),
    ],
)
def test_parts_of_runs(result: dict[str, object], used: str, not_used: str, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    file.write_text(json.dumps(result))
    for what in (str(file), str(tmp_path)):
        found = keys(parts_of(what))
        assert used in found
        assert not any(key.startswith(not_used) for key in found)


@pytest.mark.parametrize("text", ["", "[1]", "{"])
def test_a_file_that_is_no_result(text: str, tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text(text)
    with pytest.raises(LoadingError, match="not a JSON"):
        parts_of(str(file))
