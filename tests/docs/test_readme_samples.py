"""What README shows as output is what the commands print, up to the last digits of a number."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
#: Blocks that begin with a command, and the Python file that one of them reads.
SAMPLES = re.findall(r"^```\n\$ theorycheck ([^\n]+)\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
SOURCE = re.findall(r"^```python\n(import numpy.*?)^```", README, re.DOTALL | re.MULTILINE)[0]
#: A number with its radius, or without. Radii and last digits depend on the machine.
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?: ± \d\.\d+e[+-]\d+)?")
CLOSE = 2e-3


def words_and_numbers(line: str) -> tuple[str, list[float]]:
    """Take a line apart: frames and columns do not count, as numbers have other widths."""
    numbers = [float(found.split(" ± ")[0]) for found in NUMBER.findall(line)]
    words = re.sub(r"[┏┓┗┛┡┩┠┨├┤│┃━─┳┻╇╈└┘┴┌┐┬\s]+", " ", NUMBER.sub("#", line)).strip()
    return words, numbers


def agree(shown: str, printed: str) -> bool:
    """Tell whether two lines differ in the last digits of their numbers only."""
    words, numbers = words_and_numbers(shown)
    others, found = words_and_numbers(printed)
    return (
        words == others
        and len(numbers) == len(found)
        and all(abs(a - b) <= CLOSE * abs(a) + 1e-9 for a, b in zip(numbers, found, strict=True))
    )


def missing(shown: list[str], printed: list[str]) -> str:
    """Return the first line shown that does not follow, in order, in what was printed."""
    rest = iter(printed)
    for line in shown:
        if line == "..." or not words_and_numbers(line)[0]:
            continue
        if not any(agree(line, other) for other in rest):
            return line
    return ""


@pytest.mark.slow
@pytest.mark.parametrize("command", [c for c, _ in SAMPLES])
def test_sample(command: str, tmp_path: Path) -> None:
    import shlex

    (tmp_path / "mine.py").write_text(SOURCE, encoding="utf-8")
    result = subprocess.run(
        [sys.executable, "-m", "theorycheck", *shlex.split(command)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=600,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    shown = dict(SAMPLES)[command].splitlines()
    assert missing(shown, result.stdout.splitlines()) == "", result.stdout


def test_there_are_samples() -> None:
    assert len(SAMPLES) == 4
    assert not agree("J is 0.0741 nats", "J is 0.0751 nats")
    assert not agree("condition (1) holds", "condition (1) fails")
    assert agree("│ J │ 0.10249966 ± 6.3e-07 │", "│ J    │ 0.102499 ± 6.4e-06 │")
    assert missing(["a", "...", "b 2.0"], ["a", "x", "b 2.0001", "c"]) == ""
    assert missing(["b", "a"], ["a", "b"]) == "a"


def test_numbers_beside_peers_are_those_of_the_speed_page() -> None:
    """Every figure of README's table against peers stands in docs/speed.md."""
    table = README.split("## Beside its peers")[1].split("\n## ")[0]
    speed = (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")
    cells = [
        c.strip() for row in re.findall(r"^\|(.*)\|$", table, re.MULTILINE) for c in row.split("|")
    ]
    figures = {f for cell in cells for f in re.findall(r"\d[\d,.]*(?:e-\d+)?(?: of 20)?", cell)}
    assert len(figures) > 12
    for figure in figures - {"3", "10", "1"}:
        assert re.search(rf"(?<![\d.,]){re.escape(figure)}(?![\d])", speed), figure
