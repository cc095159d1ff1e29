"""Every `theorycheck ...` line in README and docs is one that the program takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.verbs import split_verb, verbs

ROOT = Path(__file__).resolve().parents[2]
GENERATED = ("proofs", "_build", "api")
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
    + [
        page
        for page in (ROOT / "docs").rglob("*.md")
        if not set(GENERATED) & set(page.relative_to(ROOT / "docs").parts)
    ]
)
#: A word that stands for what the reader is to put there.
PLACEHOLDER = re.compile(r"^[A-Z][A-Z_]*(\.\w+)?$")


def lines_of(page: Path) -> list[str]:
    """Return the command lines: of code blocks, and between backquotes."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    inline = re.findall(r"`((?:\.venv/bin/)?theorycheck [^`\n]+)`", text)
    commands = [line.strip().removeprefix("$ ") for block in blocks for line in block.splitlines()]
    return [
        re.sub(r"\s+#.*", "", line.removeprefix(".venv/bin/"))
        for line in commands + inline
        if re.match(r"(\.venv/bin/)?theorycheck [a-z-]", line)
    ]


def takes(verb: str, words: list[str]) -> None:
    """Assert that a verb has the options and the arguments of a line."""
    options = {name: o for o in verbs()[verb].params for name in getattr(o, "opts", ())}
    options |= {"--help": None, "-h": None}
    arguments = [p for p in verbs()[verb].params if p.param_type_name == "argument"]
    given, rest = 0, iter(words)
    for word in rest:
        if word.startswith("-") and len(word) > 1:
            assert word in options, f"{verb} has no option {word}"
            option = options[word]
            if option is not None and not getattr(option, "is_flag", False):
                assert next(rest, None) is not None, f"{word} needs a value"
        else:
            given += 1
    most = None if any(a.nargs == -1 for a in arguments) else len(arguments)
    assert most is None or given <= most, f"{verb} takes {most} argument(s), not {given}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_command_lines(page: Path) -> None:
    for line in lines_of(page):
        # Brackets and dots of a synopsis: [--eta E]... is --eta E.
        plain = re.sub(r"(?<![\w:'])\[(-[^\]]*|[A-Z|]+)\](\.\.\.)?", r"\1", line)
        plain = re.sub(r"([A-Z])\.\.\.", r"\1", plain)
        words = shlex.split(plain)[1:]
        if words[0].startswith("-"):
            assert words[0] in {"--help", "-h", "--version"}, line
            continue
        if PLACEHOLDER.match(words[0]):
            continue
        verb, rest = split_verb(words)
        assert verb in verbs(), f"{line}: no verb {verb}"
        takes(verb, rest)


def test_there_is_something_to_check() -> None:
    found = [line for page in PAGES for line in lines_of(page)]
    assert len(found) > 30
    assert {split_verb(line.split()[1:])[0] for line in found} >= set(verbs()) - {"judge"}


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("theorycheck decompose circle --etta 1", "no option"),
        ("theorycheck decompose circle --eta", "needs a value"),
        ("theorycheck decompose circle figure8", "takes 1"),
    ],
)
def test_a_wrong_line_is_seen(line: str, fault: str) -> None:
    words = line.split()[1:]
    with pytest.raises(AssertionError, match=fault):
        takes(words[0], words[1:])
