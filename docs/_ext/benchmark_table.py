"""The numbers of the benchmarks' page: ``python docs/_ext/benchmark_table.py docs/benchmarks.md``.

What ``theorycheck decompose``, ``conditions --search none`` and ``noise --search none`` print of
the ground truths, gathered in two tables between two comments of the page.
"""

from __future__ import annotations

import sys
from pathlib import Path

import theorycheck as tc
from theorycheck.files import replace_files

_NAMES = (
    *("figure8", "circle", "absolute_value", "clusters", "spiral_dots"),
    *("discrete_semi_circle:y=0", "discrete_semi_circle:y=1"),
)
_START = "<!-- made by docs/_ext/benchmark_table.py -->"
_END = "<!-- end -->"
_HEAD = "| name | H | PMO | premise up to η | one M-step lowers −ELBO by |\n|---|---|---|---|---|"
_NOISE = "| name | true σ² | fitted σ², dimension 1 | fitted σ², dimension 2 |\n|---|---|---|---|"


def tables() -> str:
    """Compute both tables."""
    first, second = [_HEAD], [_NOISE]
    for name in _NAMES:
        model = tc.load_model(name)
        result = tc.decompose(model)
        check = tc.check_theorem1(model)
        holding = [at.eta for at in check.premise if at.verdict == "holds"]
        gain = check.stationarity.m_step_gain
        noise = tc.check_theorem2(model)
        first.append(f"| {name} | {result.entropy} | {result.pmo} | {max(holding):.3g} | {gain} |")
        fitted = " | ".join(map(str, noise.refit_at_ground_truth))
        second.append(f"| {name} | {noise.true[0]:g} | {fitted} |")
        print(first[-1], second[-1], sep="\n", flush=True)
    return "\n".join([*first, "", *second])


def main(arguments: list[str]) -> int:
    """Write them into the page."""
    if len(arguments) != 1:
        print("usage: benchmark_table.py docs/benchmarks.md", file=sys.stderr)
        return 2
    page = Path(arguments[0])
    text = page.read_text(encoding="utf-8")
    head, _, rest = text.partition(_START)
    _, _, tail = rest.partition(_END)
    if not rest:
        print(f"{page} has no line {_START}", file=sys.stderr)
        return 2
    replace_files({page: f"{head}{_START}\n\n{tables()}\n\n{_END}{tail}".encode()})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
