"""How often the rules of `advise` are right on tables that are known: the table in docs/advise.md.

    python -m benchmarks.advise_error_rates --rows 500 2000 --seeds 100

Seeds begin at 6000: those before were in sight when the rules were set.
"""

from __future__ import annotations

import argparse
import sys

from theorycheck.advise import KNOWN_TABLES, QUESTIONS, call_rates

#: The first seed.
FRESH = 6000


def main() -> None:
    """Print a table of right/wrong/inconclusive calls, a line as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[500, 2000])
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--tables", nargs="+", default=list(KNOWN_TABLES), choices=KNOWN_TABLES)
    chosen = parser.parse_args()
    print("| table | rows | " + " | ".join(QUESTIONS) + " |")
    print("|---|---:|" + "---|" * len(QUESTIONS))
    for rows in chosen.rows:
        for name in chosen.tables:
            found = call_rates(name, rows=rows, seeds=range(FRESH, FRESH + chosen.seeds))
            said = {one.question: f"{one.right}/{one.wrong}/{one.inconclusive}" for one in found}
            cells = " | ".join(said.get(question, "open") for question in QUESTIONS)
            print(f"| {name} | {rows:,} | {cells} |")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
