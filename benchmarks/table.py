"""Makes all of ``docs/speed.md`` in one run: ``python -m benchmarks.table --write``.

Without ``--write`` the Markdown is printed and nothing is changed. ``--small`` is a rehearsal: it
runs every part at a size at which the numbers mean nothing, and never writes.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import matplotlib as mpl
import numba
import numpy as np
from matplotlib.figure import Figure

from benchmarks import scaling
from benchmarks.log_density_table import Timed, log_density_figure, timed_log_densities
from benchmarks.optimal_q_table import optimal_q_row
from benchmarks.roofline import measure
from benchmarks.timing import FULL, SMALL, Size, seconds
from benchmarks.training_table import training_rows
from theorycheck.models import benchmark
from theorycheck.objectives import decompose

DOCS = Path(__file__).parent.parent / "docs"
#: The lines of docs/speed.md between which the tables stand.
BEGIN, END = "<!-- made by `python -m benchmarks.table --write` -->", "<!-- end -->"
_STARTED = time.perf_counter()


def note(text: str) -> None:
    """Tell on stderr what is being timed."""
    print(f"{time.perf_counter() - _STARTED:4.0f} s  {text}", file=sys.stderr, flush=True)


def log_density_section(size: Size, figures: dict[str, Figure]) -> list[str]:
    """Compare log p."""
    lines = [
        "## log p(x)", "",
        "| benchmark | log p by | points | µs a point | ratio | error (nats) |",
        "|---|---|---:|---:|---:|---:|",
    ]  # fmt: skip
    first: list[Timed] = []
    for name in size.names:
        note(f"log p: {name}")
        timed = timed_log_densities(name, size)
        first = first or timed
        lines += [one.row(timed[0].time) for one in timed]
    figures["speed_log_density"] = log_density_figure(first)
    return [*lines, "", "![Error against time](figures/speed_log_density.svg)"]


def optimal_q_section(size: Size) -> list[str]:
    """Compare the optimal q."""
    lines = [
        "## The optimal q", "",
        "| benchmark | theorycheck, µs a point | 10 x L-BFGS, µs | ratio | missed it | "
        f"Adam, {size.adam_steps:,} steps, µs | ratio | missed it |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]  # fmt: skip
    for name in size.names:
        note(f"optimal q: {name}")
        lines.append(optimal_q_row(name, size))
    return lines


def optimum_section(size: Size) -> list[str]:
    """Compare the predicted optimum with training."""
    note("the optimum against training")
    return [
        "## The predicted optimum against training, figure8", "",
        "| by | seconds | best J (nats) | above the prediction | median J |",
        "|---|---:|---:|---:|---:|",
        *training_rows(size, note),
    ]  # fmt: skip


def decompose_section(size: Size) -> list[str]:
    """Time the main verb, and the import."""
    lines = ["## decompose", "", "| what | seconds |", "|---|---:|"]
    for name in size.names:
        note(f"decompose: {name}")
        model = benchmark(name)
        spent = seconds(lambda model=model: decompose(model), 1)
        lines.append(f"| decompose {name}, to 1e-6 nats | {spent:.2f} |")
    command = [sys.executable, "-c", "import theorycheck"]
    spent = seconds(lambda: subprocess.run(command, check=True), 5)
    what = "import theorycheck in a fresh process, Python's start included"
    return [*lines, f"| {what} | {spent:.2f} |"]


def scaling_section(size: Size, figures: dict[str, Figure]) -> list[str]:
    """Show how the cost grows, and how near the machine's limit it is."""
    note("scaling")
    nodes, noise = scaling.over_data_nodes(size), scaling.over_noise(size)
    cells, threads = scaling.over_cells(size), scaling.over_threads(size)
    figures["speed_scaling"] = scaling.scaling_figure(nodes, noise, cells, threads)
    curves = [nodes, noise, scaling.over_tolerance(size), cells, *threads]
    note("exponentials")
    line = measure(size.rounds)
    return [
        "## How cost grows", "",
        "| what | at | milliseconds |", "|---|---|---:|",
        *(row for curve in curves for row in curve.rows()), "",
        "![Scaling](figures/speed_scaling.svg)", "",
        f"Roofline, one thread: log p(x) takes {line.log_density:.2f} · 10⁹ exponentials a second, "
        "with the squares before and the seven sums after each. The best loop that does nothing "
        f"but exponentials reaches {max(line.own_loop, line.numpy_loop):.2f} · 10⁹ (the "
        f"project's own {line.own_loop:.2f}, numpy's {line.numpy_loop:.2f}): "
        f"{line.share:.0%} of it.",
    ]  # fmt: skip


def document(size: Size) -> tuple[str, dict[str, Figure]]:
    """Time everything and return the Markdown, and the figures by name."""
    figures: dict[str, Figure] = {}
    machine = (
        f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores, "
        f"{numba.config.NUMBA_NUM_THREADS} numba threads, one BLAS thread, numpy {np.__version__}, "
        f"numba {numba.__version__}."
    )
    parts = [
        [machine],
        log_density_section(size, figures),
        optimal_q_section(size),
        optimum_section(size),
        decompose_section(size),
        scaling_section(size, figures),
    ]
    note("done")
    return "\n\n".join("\n".join(part) for part in parts), figures


def write(text: str, figures: dict[str, Figure]) -> None:
    """Put tables and figures into the documentation."""
    page = DOCS / "speed.md"
    old = page.read_text(encoding="utf-8")
    head, begin, rest = old.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"{page} lacks the lines {BEGIN} and {END}")
    page.write_text(f"{head}{BEGIN}\n\n{text}\n\n{END}{tail}", encoding="utf-8")
    (DOCS / "figures").mkdir(exist_ok=True)
    for name, figure in figures.items():
        with mpl.rc_context({"svg.hashsalt": "theorycheck"}):
            figure.savefig(DOCS / "figures" / f"{name}.svg", metadata={"Date": None})


def main() -> None:
    """Print the tables, or write them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.table", description=__doc__)
    parser.add_argument("--write", action="store_true", help="into docs/speed.md and docs/figures")
    parser.add_argument("--small", action="store_true", help="a rehearsal; never writes")
    options = parser.parse_args()
    if options.write and options.small:
        parser.error("--small never writes")
    text, figures = document(SMALL if options.small else FULL)
    if options.write:
        write(text, figures)
    else:
        print(text)


if __name__ == "__main__":
    main()
