"""The figure and table of docs/self_training.md.

``python docs/_ext/self_training_figure.py DIRECTORY docs/figures/self_training.svg`` runs the
rounds that the directory does not hold, all of them in a quarter of an hour on one core; draws the
figure; and prints the table's rows.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import theorycheck as tc
from theorycheck.optimum import Ties, self_train
from theorycheck.report import SERIES, UNDECIDED, new_figure, styled

#: What begins, D = 1, each at both σ², and D = 2.
_ONE = ("tanh(z)", "abs(z)", "sin(2*z)", "sign(z)", "z + 0.3*z**2", "exp(z/2)")
_TWO = (
    ("circle", 0.3),
    ("figure8", 0.3),
    ("[z, 0.3*z**2]", 0.3),
    ("circle", 0.05),
    ("figure8", 0.05),
)
_NOISE = (0.3, 0.05)
_ROUNDS = {1: 300, 2: 150}
#: Rounds whose curves are drawn, and rows of the table.
_DRAWN = (0, 10, 50, 150)
_LISTED = (0, 10, 50, -1)
_LATENTS = np.linspace(-3.0, 3.0, 241)


def run(text: str, noise: float, ties: Ties) -> dict[str, Any]:
    """Train one decoder on its own samples; return its rounds as plain numbers."""
    spec = text if text.isalnum() else f"expr:{text}"
    model = tc.load_model(spec, noise_variance=noise)
    done = self_train(model, _ROUNDS[model.data_dim], ties=ties, keep=frozenset(_DRAWN))
    return {
        "start": text,
        "noise": noise,
        "ties": ties,
        "rounds": [
            {
                "pmo": r.pmo.to_dict(),
                "gain": r.gain.to_dict(),
                "curvature": r.curvature,
                "spread": r.spread,
                "slope": r.slope.tolist(),
                "tied": r.tied_mass,
            }
            for r in done.rounds
        ],
        "curves": {str(k): m.decoder(_LATENTS).tolist() for k, m in done.models.items()},
    }


def wanted() -> list[tuple[str, float, Ties]]:
    """Return all that are shown: the even one with both ways to break its ties."""
    runs: list[tuple[str, float, Ties]] = [(s, n, "larger") for n in _NOISE for s in _ONE]
    runs += [("abs(z)", n, "both") for n in _NOISE]
    return runs + [(s, n, "larger") for s, n in _TWO]


def run_missing(store: Path) -> list[dict[str, Any]]:
    """Return all runs, each from its file in the directory; make the files that are not there."""
    store.mkdir(parents=True, exist_ok=True)
    runs = []
    for number, entry in enumerate(wanted()):
        file = store / f"{number}.json"
        if not file.exists():
            file.write_text(json.dumps(run(*entry)), encoding="utf-8")
        runs.append(json.loads(file.read_text(encoding="utf-8")))
    return runs


@styled
def draw(runs: list[dict[str, Any]]) -> Figure:
    """Draw the curvature by round, and a curve on its way."""
    figure = new_figure(6.0)
    panels = figure.subplots(2, 2)
    for axes, noise in zip(panels[0], _NOISE, strict=True):
        shown = [r for r in runs if r["noise"] == noise and len(r["rounds"][0]["slope"]) == 1]
        _bent(axes, shown)
        axes.set_title(f"D = 1, σ² = {noise}")
    across = [r for r in runs if len(r["rounds"][0]["slope"]) == 2]
    _bent(panels[1, 0], across)
    panels[1, 0].set(ylim=(1e-4, 1.5), title="D = 2")
    moved = next(r for r in across if r["start"] == "circle" and r["noise"] == min(_NOISE))
    axes = panels[1, 1]
    for colour, number in zip((UNDECIDED, *SERIES), _DRAWN, strict=False):
        curve = np.array(moved["curves"][str(number)])
        axes.plot(curve[:, 0], curve[:, 1], color=colour, label=f"round {number}")
    axes.set(aspect="equal", xlabel="x₁ (data units)", ylabel="x₂ (data units)")
    axes.set_title(f"circle, σ² = {moved['noise']}, |z| ≤ 3")
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(0.09, 0.5))
    return figure


def _bent(axes: Axes, runs: list[dict[str, Any]]) -> None:
    """Curvature in spreads of the start against the round, one line a start."""
    starts = list(dict.fromkeys(r["start"] for r in runs))
    for entry in runs:
        values = [r["curvature"] / entry["rounds"][0]["spread"] for r in entry["rounds"]]
        pairs = len({r["noise"] for r in runs}) > 1
        dashed = entry["ties"] == "both" or (pairs and entry["noise"] == min(_NOISE))
        name = entry["start"].replace("**2", "²").replace("*", "")
        name += ", both q at ties" if entry["ties"] == "both" else ""
        name += f", σ² = {entry['noise']}" if pairs else ""
        colour = SERIES[starts.index(entry["start"])]
        rounds = np.arange(len(values)) + 1
        axes.loglog(rounds, values, color=colour, linestyle="--" if dashed else "-", label=name)
    axes.set(xlabel="round + 1", ylabel="curvature / spread at the start", ylim=(1e-6, 1.5))
    axes.legend(fontsize=7.5, loc="lower left")


def rows(runs: list[dict[str, Any]]) -> list[str]:
    """Return the rows of the table: curvature in spreads of the start, and PMO, at some rounds."""
    lines = []
    for entry in runs:
        listed = [entry["rounds"][k] for k in _LISTED]
        spread = listed[0]["spread"]
        bent = " | ".join(f"{max(r['curvature'] / spread, 1e-9):.2g}" for r in listed)
        first, last = (tc.Estimate.from_dict(r["pmo"]) for r in (listed[0], listed[-1]))
        least = min(
            r["gain"]["value"] / r["pmo"]["value"]
            for r in entry["rounds"]
            if r["pmo"]["value"] > 1e-6 and r["gain"]["value"] > 2 * r["gain"]["error"]
        )
        name = f"`{entry['start']}`" + (", both q" if entry["ties"] == "both" else "")
        lines.append(
            f"| {name} | {entry['noise']} | {bent} | {listed[0]['spread']:.3f} → "
            f"{listed[-1]['spread']:.3f} | {first.value:.2g} → {max(last.value, 0.0):.1g} | "
            f"{least:.2g} |"
        )
    return lines


def main(arguments: list[str]) -> int:
    """Run what is missing, write the figure and print the table."""
    if len(arguments) != 2:
        print("usage: self_training_figure.py DIRECTORY FILE.svg", file=sys.stderr)
        return 2
    store, picture = map(Path, arguments)
    runs = run_missing(store)
    draw(runs).savefig(picture, format="svg", metadata={"Date": None})
    print("\n".join(rows(runs)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
