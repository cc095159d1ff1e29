"""``theorycheck conditions`` and ``theorycheck noise``: the two theorems."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from theorycheck.cli.options import (
    AlternativeNoiseVariance,
    Alternatives,
    AsJson,
    Breakpoints,
    Eta,
    Model,
    ModelOptions,
    NoiseVariance,
    TableKind,
    Vectorize,
    checked_alternatives,
    checked_tolerance,
    parse_eta,
)

if TYPE_CHECKING:
    from theorycheck.theorems.theorem1 import PremiseAt, Theorem1Check
    from theorycheck.theorems.theorem2 import Theorem2Check

#: Rows of the premise shown of a scan over η; --json has all.
_ROWS = 8


def conditions(
    model: Model,
    alternative: Alternatives = None,
    eta: Eta = None,
    tolerance: Annotated[
        float, typer.Option("--tolerance", metavar="T", help="Error radius of every PMO, nats.")
    ] = 1e-6,
    noise_variance: NoiseVariance = None,
    alternative_noise_variance: AlternativeNoiseVariance = None,
    vectorize: Vectorize = False,
    breakpoints: Breakpoints = None,
    table_kind: TableKind = None,
    as_json: AsJson = False,
) -> None:
    """Run the verb."""
    checked_alternatives(alternative, alternative_noise_variance)
    checked_tolerance(tolerance)
    from theorycheck.cli.progress import terminal_progress
    from theorycheck.cli.render import print_json, stdout_kept_for_result

    options = ModelOptions(noise_variance, vectorize, breakpoints, table_kind)
    thresholds = parse_eta(eta)
    with stdout_kept_for_result():
        loaded = options.load(model)
        others = options.load_alternatives(alternative, alternative_noise_variance, loaded)
        # Last, because it takes a second that a mistake above need not.
        from theorycheck.theorems.theorem1 import check_theorem1

        result = check_theorem1(
            loaded, others, eta=thresholds, tolerance=tolerance, progress=terminal_progress()
        )
    if as_json:
        print_json(result.to_dict())
    else:
        _show_theorem1(result)


def noise(
    model: Model,
    tolerance: Annotated[
        float,
        typer.Option("--tolerance", metavar="T", help="Error radius of the fit, relative to σ²."),
    ] = 1e-4,
    noise_variance: NoiseVariance = None,
    vectorize: Vectorize = False,
    breakpoints: Breakpoints = None,
    table_kind: TableKind = None,
    as_json: AsJson = False,
) -> None:
    """Run the verb."""
    checked_tolerance(tolerance)
    from theorycheck.cli.progress import terminal_progress
    from theorycheck.cli.render import print_json, stdout_kept_for_result

    options = ModelOptions(noise_variance, vectorize, breakpoints, table_kind)
    with stdout_kept_for_result():
        loaded = options.load(model)
        from theorycheck.theorems.theorem2 import check_theorem2

        result = check_theorem2(loaded, tolerance=tolerance, progress=terminal_progress())
    if as_json:
        print_json(result.to_dict())
    else:
        _show_theorem2(result)


def _show_theorem1(result: Theorem1Check) -> None:
    from theorycheck.cli.render import console, estimate_text, say, table, verdict_text

    out = console()
    rows = [
        (
            f"{part.eta:.4g}",
            estimate_text(part.high),
            estimate_text(part.low),
            estimate_text(part.margin),
            verdict_text(part.verdict),
        )
        for part in _telling(result.premise)
    ]
    title = f"Premise at {result.ground_truth.model.name}: Pr[X_Hi] D_Hi > Pr[X_Lo] D_Lo"
    if len(result.premise) > len(rows):
        title += f" ({len(rows)} of {len(result.premise)} thresholds)"
    out.print(table(title, ("η", "high side", "low side", "margin", "verdict"), rows))
    if result.alternatives:
        checks = [
            (
                check.decomposition.model.name,
                estimate_text(check.decomposition.mleo),
                estimate_text(check.decomposition.pmo),
                estimate_text(check.gain),
                verdict_text(check.prefers),
                verdict_text(check.verdict),
                "—" if check.witness_eta is None else f"{check.witness_eta:.4g}",
            )
            for check in result.alternatives
        ]
        columns = ("alternative", "MLEO", "PMO", "J_G − J_f", "preferred", "condition (1)", "at η")
        out.print(table("Alternatives", columns, checks))
    verdicts = [
        ("premise", verdict_text(result.premise_verdict)),
        ("condition (1)", verdict_text(result.condition_1)),
        ("condition (2)", verdict_text(result.condition_2)),
        ("ground truth is stationary", verdict_text(result.stationarity.verdict)),
        ("ground truth is a minimum", verdict_text(str(result.to_dict()["verdict"]))),
    ]
    out.print(table("Theorem 1", ("", "verdict"), verdicts))
    say(out, result.summary)


def _telling(premise: Sequence[PremiseAt]) -> list[PremiseAt]:
    """Pick a few rows of a scan: evenly spaced, and those on either side of a change of verdict."""
    if len(premise) <= _ROWS:
        return list(premise)
    step = (len(premise) - 1) / (_ROWS - 1)
    chosen = {round(step * k) for k in range(_ROWS)}
    for index in range(1, len(premise)):
        if premise[index].verdict is not premise[index - 1].verdict and len(chosen) < 2 * _ROWS:
            chosen |= {index - 1, index}
    return [premise[index] for index in sorted(chosen)]


def _show_theorem2(result: Theorem2Check) -> None:
    from theorycheck.cli.render import console, estimate_text, say, table, verdict_text

    out = console()
    rows = [
        (f"{d}", f"{true:g}", estimate_text(refit), estimate_text(exact))
        for d, (true, refit, exact) in enumerate(
            zip(result.true, result.refit_at_ground_truth, result.exact_posterior, strict=True),
            start=1,
        )
    ]
    columns = ("dimension", "true σ²", "fit, mean-field q", "fit, exact posterior")
    out.print(table(f"Noise variance fitted at {result.model.name}", columns, rows))
    out.print(table("Theorem 2", ("", "verdict"), [("σ² is biased", verdict_text(result.verdict))]))
    say(out, result.summary)
