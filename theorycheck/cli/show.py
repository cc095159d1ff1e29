"""``theorycheck show``: what a result file holds, as the verb that made it printed it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from theorycheck.cli.options import AsJson
from theorycheck.errors import DecoderError, LoadingError

if TYPE_CHECKING:
    from theorycheck.objectives import Evaluation
    from theorycheck.optimum import PredictedOptimum
    from theorycheck.results import Head


@dataclass(frozen=True)
class _Shown:
    """A result as its verb prints it.

    Parameters
    ----------
    verb : str
        The verb that prints such results.
    entry : dict
        For JSON.
    tables : callable
        Prints the tables.
    schema : str or None
        The verb whose schema the entry follows; None where it is a part of what the verb prints.
    """

    verb: str
    entry: dict[str, Any]
    tables: Callable[[], None]
    schema: str | None


def show(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="What -o of a verb wrote.", show_default=False),
    ],
    as_json: AsJson = False,
) -> None:
    """Run the verb."""
    from theorycheck.cli.render import console, print_json, say, stdout_kept_for_result
    from theorycheck.results import head_of, schema_id

    with stdout_kept_for_result():
        head = head_of(file)
        makers = {
            "decomposition": _decomposition,
            "optimum": _optimum,
            "conditions": _conditions,
            "noise": _noise,
            "noise_curve": _noise_curve,
            "judged": _judged,
            "judged_sample": _judged_sample,
            "labelled_optimum": _labelled_optimum,
            "collapse_comparison": _collapse_comparison,
        }
        if head.schema not in makers:
            raise LoadingError(f"{file}: holds a result of a kind not known here: '{head.schema}'")
        shown = makers[head.schema](file)
    if as_json:
        named = {} if shown.schema is None else {"schema": schema_id(shown.schema)}
        result = {**named, **shown.entry}
        print_json(
            {
                "file": str(file),
                "verb": shown.verb,
                "provenance": {
                    "created": head.created,
                    "versions": head.versions,
                    "about": head.about,
                },
                "result": result,
            },
            "show",
        )
        return
    shown.tables()
    say(console(), _provenance(head))


def _provenance(head: Head) -> str:
    """Say which version made a result, when, and of what."""
    others = ", ".join(f"{name} {v}" for name, v in head.versions.items() if name != "theorycheck")
    about = head.about
    words = [f"By {head.made_by} ({others}), {head.created}"]
    if "fingerprint" in about:
        words.append(f"data {about.get('data', '?')}, fingerprint {about['fingerprint'][:12]}")
    if about.get("model_fingerprint", about.get("fingerprint")) != about.get("fingerprint"):
        model = about.get("model", "?")
        words.append(f"model {model}, fingerprint {about['model_fingerprint'][:12]}")
    if "seed" in about:
        words.append(f"seed {about['seed']}")
    return "; ".join(words) + "."


def _decomposition(file: Path) -> _Shown:
    from theorycheck.cli.decompose import show_decomposition
    from theorycheck.objectives import PMO_TOLERANCE, Decomposition

    result = Decomposition.load(file)
    return _Shown(
        "decompose",
        result.to_dict(),
        lambda: show_decomposition(result, PMO_TOLERANCE, [], asked=False),
        "decompose",
    )


def _optimum(file: Path) -> _Shown:
    from theorycheck.cli.optimum import entry_of
    from theorycheck.cli.optimum_tables import show as tables
    from theorycheck.optimum import PredictedOptimum

    result = PredictedOptimum.load(file)
    truth = _ground_truth(result)
    entry = entry_of(result) | {
        "decoder": str(file),
        "ground_truth": None if truth is None else truth.decomposition.to_dict() | truth.entries(),
    }
    return _Shown("optimum", entry, lambda: tables(result, file, truth), "optimum")


def _ground_truth(result: PredictedOptimum) -> Evaluation | None:
    """Evaluate the ground truth, which stands beside the optimum, anew where its f is known."""
    from theorycheck.terminal_progress import terminal_progress

    try:
        return result.objective.evaluate(
            result.data,
            result.data,
            tolerance=result.settings.chosen_effort.tolerance,
            progress=terminal_progress(),
        )
    except DecoderError:  # that of a Python function or a network is not in the file
        return None


def _conditions(file: Path) -> _Shown:
    from theorycheck.cli.conditions_tables import show as tables
    from theorycheck.theorems import Theorem1Check

    result = Theorem1Check.load(file)
    return _Shown("conditions", result.to_dict(), lambda: tables(result), "conditions")


def _noise(file: Path) -> _Shown:
    from theorycheck.cli.noise import show_noise
    from theorycheck.theorems import Theorem2Check

    result = Theorem2Check.load(file)
    return _Shown("noise", result.to_dict(), lambda: show_noise(result), "noise")


def _noise_curve(file: Path) -> _Shown:
    from theorycheck.cli.noise_curve import show_curve
    from theorycheck.theorems import NoiseCurve

    result = NoiseCurve.load(file)
    return _Shown("noise", {"curve": result.to_dict()}, lambda: show_curve(result), None)


def _labelled_optimum(file: Path) -> _Shown:
    from theorycheck.cli.labels_tables import show as tables
    from theorycheck.optimum import LabelledOptimum

    result = LabelledOptimum.load(file)
    entry = {**result.objective.to_dict(), **result.to_dict()}
    data = result.value.data
    return _Shown("labels", entry, lambda: tables(data, [(result.ground_truth, result)]), None)


def _collapse_comparison(file: Path) -> _Shown:
    from theorycheck.cli.labels_continuous import entry_of
    from theorycheck.cli.labels_continuous import show as tables
    from theorycheck.evaluation import CollapseComparison

    result = CollapseComparison.load(file)
    entry = entry_of(result)
    return _Shown("labels", entry, lambda: tables(result), "labels_continuous")


def _judged_sample(file: Path) -> _Shown:
    from theorycheck.cli.judge_sample import show_sample
    from theorycheck.evaluation import SampleJudged

    result = SampleJudged.load(file)
    return _Shown("judge", result.to_dict(), lambda: show_sample(result), "judge_sample")


def _judged(file: Path) -> _Shown:
    from theorycheck.cli.train_tables import show_judged
    from theorycheck.evaluation import Comparison

    result = Comparison.load(file)
    data = result.judged.decomposition.data.name
    entry = result.judged.to_dict() | result.to_dict()
    return _Shown("judge", entry, lambda: show_judged(result, data), "judge")
