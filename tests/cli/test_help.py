"""Every verb's help reads alone: sentences, examples that the verb takes, one wording an option."""

from __future__ import annotations

import re
import shlex
from collections import defaultdict
from typing import Any

import pytest

from tests.docs.test_command_lines import takes
from tests.verbs import split_verb, verbs

VERBS: dict[str, Any] = verbs()
#: Fragments that need the name to their left, and words that only this project has.
FRAGMENT = re.compile(r"^(Of|Whose|Whether|Where|How|What|Which|As|By)\b")
PRIVATE = re.compile(r"\b(torn|telling|judge[ds]?|so many|own refit)\b", re.IGNORECASE)
#: Options that do another thing in each verb that has them.
DIFFERENT = {
    "--search", "--data", "--samples", "--sample", "--output", "--tolerance", "--resume",
    # What is drawn.
    "--figures",
    # K of a MODEL that is there, or of networks that are to be trained on a table.
    "--latents",
    # Several of them in labels, one where networks are trained.
    "--family", "--gamma",
    # Put into defences, or measured beside the optima.
    "--learned",
    # Of a curve over σ², which other options ask for, and of J along angles.
    "--figure",
}  # fmt: skip


def options() -> list[tuple[str, str, str]]:
    """Return verb, option and help of every option."""
    return [
        (verb, option.opts[-1], option.help or "")
        for verb, found in VERBS.items()
        for option in found.params
        if option.param_type_name == "option"
    ]


@pytest.mark.parametrize("verb", VERBS)
def test_the_verb_says_what_it_does(verb: str) -> None:
    found = VERBS[verb]
    first = found.help.strip("\b\n").splitlines()[0]
    assert re.match(r"[A-Z][a-z]+ ", first), first
    assert first.endswith((".", "?")), first
    assert re.match(r"[a-z]+ ", found.short_help), found.short_help
    # A verb and a file are called so.
    told = re.sub(r"theorycheck judge|or judge wrote|judged\.npz", "", found.help)
    assert not PRIVATE.search(told)


@pytest.mark.parametrize("verb", VERBS)
def test_its_examples_are_taken(verb: str) -> None:
    lines = [line.strip() for line in VERBS[verb].epilog.splitlines() if "theorycheck" in line]
    assert lines
    for line in lines:
        words = shlex.split(line)
        assert words[0] == "theorycheck"
        named, rest = split_verb(words[1:])
        assert named == verb
        takes(verb, rest)


@pytest.mark.parametrize(("verb", "option", "text"), options())
def test_an_option_is_a_sentence(verb: str, option: str, text: str) -> None:
    assert re.match(r"[A-Z]", text), (verb, option)
    assert text.endswith("."), (verb, option)
    assert not FRAGMENT.match(text), (verb, option)
    assert not PRIVATE.search(text.replace("judged.npz", "")), (verb, option)


def test_an_option_has_one_wording() -> None:
    wordings = defaultdict(set)
    for _, option, text in options():
        wordings[option].add(text)
    several = {option for option, texts in wordings.items() if len(texts) > 1}
    assert several <= DIFFERENT, several - DIFFERENT
