"""Train all methods on all benchmarks and write one table: ``python -m neural.train_all -o DIR``.

Meant for a machine with a GPU, and the same on one without. What is done is skipped when it is run
again, and an interrupted run goes on from its checkpoint.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neural._results import judge_run
from neural._run_files import CHECKPOINT
from neural._settings import TrainingSettings
from neural._training import train
from theorycheck.errors import TheorycheckError
from theorycheck.files import replace_files
from theorycheck.json_values import jsonable
from theorycheck.models import load_model
from theorycheck.terminal_progress import terminal_progress

MODELS = ("figure8", "circle", "absolute_value", "clusters", "spiral_dots")
METHODS = ("vae", "iwae", "lin")
_COLUMNS = ("model", "method", "J", "MLEO", "PMO", "start", "spread of J", "seconds", "device")


def run_one(model: str, method: str, directory: Path, device: str, **given: Any) -> dict[str, Any]:
    """Train and judge one method on one model, unless its result is there already.

    Parameters
    ----------
    model, method : str
    directory : Path
        Folder of this one run.
    device : {"auto", "cpu", "cuda"}
    given
        Settings in place of the method's defaults.

    Returns
    -------
    dict
        What ``theorycheck train --json`` prints.
    """
    done = directory / "result.json"
    if done.is_file():
        return dict(json.loads(done.read_text(encoding="utf-8")))
    progress = terminal_progress()
    trained = train(
        load_model(model),
        TrainingSettings.of(method, **given),
        device=device,
        directory=directory,
        resume=(directory / CHECKPOINT).is_file(),
        progress=progress,
    )
    result: dict[str, Any] = jsonable(judge_run(trained, progress=progress).to_dict())
    replace_files({done: (json.dumps(result, indent=2) + "\n").encode()})
    return result


def table(results: Sequence[dict[str, Any]]) -> str:
    """Return a Markdown table, a row a run: the selected restart and the spread over all."""
    lines = ["| " + " | ".join(_COLUMNS) + " |", "|" + " --- |" * len(_COLUMNS)]
    for result in results:
        chosen = result["restarts"][result["selected"]]
        values = [restart["excess"]["value"] for restart in result["restarts"]]
        cells = [
            result["model"],
            result["method"],
            *(f"{chosen[part]['value']:.4f}" for part in ("excess", "mleo", "pmo")),
            chosen["init"].replace("_", " "),
            f"{min(values):.4f} to {max(values):.4f}",
            f"{result['seconds']:.0f}",
            result["device"],
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script; 2 for bad input, with one line."""
    parser = argparse.ArgumentParser(prog="python -m neural.train_all", description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    parser.add_argument("--models", nargs="+", default=MODELS, metavar="MODEL")
    parser.add_argument("--methods", nargs="+", default=METHODS, metavar="METHOD")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--restarts", type=int)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--seed", type=int)
    options = parser.parse_args(arguments)
    given = {name: getattr(options, name) for name in ("steps", "restarts", "batch", "seed")}
    results = []
    try:
        for model in options.models:
            for method in options.methods:
                directory = options.output / f"{model}-{method}"
                results.append(run_one(model, method, directory, options.device, **given))
                # After every run, so that an interruption loses no row.
                replace_files(
                    {
                        options.output / "results.md": table(results).encode(),
                        options.output / "results.json": json.dumps(results, indent=2).encode(),
                    }
                )
                print(table(results[-1:]).splitlines()[-1], flush=True)
    except TheorycheckError as error:
        print(f"train_all: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
