"""Prints the tables and sentences of ``theorycheck conditions``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from theorycheck.cli.render import console, estimate_text, ruling_text, say, table

if TYPE_CHECKING:
    from rich.console import Console

    from theorycheck.rearrangements import ZeroMleoClass
    from theorycheck.theorems import PremiseAt, Theorem1Check

#: Rows of the premise shown of a scan over η; --json has all.
_ROWS = 8


def show(result: Theorem1Check) -> None:
    """Print the tables, the verdicts and what they say."""
    out = console()
    rows = [
        (
            f"{part.eta:.4g}",
            estimate_text(part.high),
            estimate_text(part.low),
            estimate_text(part.margin),
            ruling_text(part.ruling),
        )
        for part in _telling(result.premise)
    ]
    title = f"Premise at {result.ground_truth.model.name}: Pr[X_Hi] D_Hi > Pr[X_Lo] D_Lo"
    if len(result.premise) > len(rows):
        title += f" ({len(rows)} of {len(result.premise)} thresholds)"
    out.print(table(title, ("η", "Pr[X_Hi] D_Hi", "Pr[X_Lo] D_Lo", "difference", "verdict"), rows))
    if result.alternatives:
        checks = [
            (
                check.decomposition.model.name,
                estimate_text(check.decomposition.mleo),
                estimate_text(check.decomposition.pmo),
                estimate_text(check.gain),
                ruling_text(check.preferred),
                ruling_text(check.ruling),
                "—" if check.witness_eta is None else f"{check.witness_eta:.4g}",
            )
            for check in result.alternatives
        ]
        columns = ("alternative", "MLEO", "PMO", "J_G − J_f", "preferred", "condition (1)", "at η")
        out.print(table("Alternatives", columns, checks))
    if result.zero_mleo is not None:
        _show_class(out, result.zero_mleo)
    joint = result.joint
    verdicts = [
        ("ground truth is stationary", ruling_text(result.stationarity.ruling), ""),
        ("ground truth is a minimum", ruling_text(result.minimum_ruling), ""),
        ("condition (2′)", ruling_text(result.repaired.ruling), "needs no η"),
        (
            "premise",
            ruling_text(result.premise_ruling),
            joint.where("premise"),
        ),
        (
            "condition (1)",
            ruling_text(result.condition_1_ruling),
            joint.where("condition_1"),
        ),
        (
            "condition (2) as it stands",
            ruling_text(result.condition_2_check.ruling),
            joint.where("condition_2"),
        ),
        (
            "premise, (1) and (2) at one η",
            ruling_text(joint.ruling),
            joint.where("verdict"),
        ),
    ]
    out.print(table("Theorem 1", ("", "verdict", "holds at η"), verdicts))
    # A sentence a line: each is a finding of its own.
    for sentence in result.findings:
        say(out, sentence)


def _show_class(out: Console, found: ZeroMleoClass) -> None:
    rows = [
        (
            one.name,
            one.member.kind,
            "yes" if one.member.continuous else "no",
            estimate_text(one.mleo),
            estimate_text(one.pmo),
        )
        for one in (*found.members, *found.left_out)
    ]
    columns = ("decoder with MLEO = 0", "kind", "continuous", "MLEO", "PMO")
    title = "Zero-MLEO class: decoders with the p(x) of the ground truth, smallest PMO first"
    if found.left_out:
        title += f"; the last {len(found.left_out)} could not be resolved and do not count"
    out.print(table(title, columns, rows))


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
