"""Runs ``theorycheck labels`` for a continuous label: the ground truth against the collapsed f."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from theorycheck.cli.options import parse_numbers
from theorycheck.errors import ModelError, SettingError, nearest
from theorycheck.estimate import Estimate, Verdict, positive

if TYPE_CHECKING:
    from theorycheck.objectives import ContinuousObjective, ContinuousValue
    from theorycheck.progress import Progress

KINDS = ("discrete", "continuous")
#: Grid steps over x, in σ, by the radius that is asked for: measured on the benchmark.
_STEPS = ((1e-3, 0.7), (1e-4, 0.5), (0.0, 0.35))
_PARTS = (
    ("mleo_x", "MLEO_x = KL[p(x) ‖ p_f(x)]"),
    ("mleo_xy", "MLEO_xy = KL[p(x, y) ‖ p_f(x, y)]"),
    ("pmo_u", "PMO_U, x without a label"),
    ("pmo_l", "PMO_L, x with a label"),
    ("information", "I(x; y)"),
)
_PREFERS = {
    Verdict.HOLDS: "collapsed",
    Verdict.FAILS: "ground_truth",
    Verdict.INCONCLUSIVE: "inconclusive",
}


def is_continuous(model: str, kind: str | None) -> bool:
    """Tell whether the label is continuous: because it is said, or the benchmark's is.

    Raises
    ------
    SettingError
        If there is no such kind of label.
    """
    if kind is not None and kind not in KINDS:
        raise SettingError(f"--labels: there is no '{kind}': {nearest(kind, KINDS)}")
    from theorycheck.models import CONTINUOUS_BENCHMARK

    return kind == "continuous" or (kind is None and model.strip() == CONTINUOUS_BENCHMARK)


def refuse_discrete(given: dict[str, object]) -> None:
    """Refuse options that mean nothing for a continuous label.

    Parameters
    ----------
    given : dict
        Options by their names, None or 0 where they were not given.

    Raises
    ------
    SettingError
        If one of them was given.
    """
    for name, value in given.items():
        if value:
            raise SettingError(f"{name} is for labels y = 0 to C - 1, and this label is continuous")


def run(
    model: str,
    *,
    gamma: list[str] | None,
    labelled_share: float,
    family: str,
    tolerance: float,
    noise_variance: list[str] | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Run the verb for a continuous label."""
    from theorycheck.cli.render import print_json, stdout_kept_for_result
    from theorycheck.terminal_progress import terminal_progress

    with stdout_kept_for_result():
        from theorycheck.models import load_continuous_label_model
        from theorycheck.objectives import CONTINUOUS_FAMILIES, ContinuousObjective

        keys = [one.key for one in CONTINUOUS_FAMILIES]
        if family not in (*keys, "both", "all"):
            raise SettingError(
                f"--family: there is no '{family}' where the label is continuous: "
                f"{nearest(family, (*keys, 'all'))}"
            )
        gammas = parse_numbers(gamma, "--gamma") or [1.0]
        wanted = [one for one in CONTINUOUS_FAMILIES if family in ("both", "all", one.key)]
        objectives = [ContinuousObjective(g, labelled_share, one) for one in wanted for g in gammas]
        data = load_continuous_label_model(
            model, noise_variance=parse_numbers(noise_variance, "--noise-variance")
        )
        step = next(step for least, step in _STEPS if tolerance >= least)
        truth, collapsed, reason = _found(data, objectives, step, terminal_progress())
        entry = _entry(truth, collapsed, reason)
    if as_json:
        print_json(entry, "labels_continuous")
    else:
        _show(truth, collapsed, reason)
    if output is not None:
        from theorycheck.cli.labels_files import write_figure
        from theorycheck.report import continuous_labels_figure

        figure = continuous_labels_figure(truth, collapsed)
        write_figure(output, figure, "labels_continuous", entry)


def _found(
    data: object, objectives: Sequence[ContinuousObjective], step: float, progress: Progress
) -> tuple[list[ContinuousValue], list[ContinuousValue], str | None]:
    """Evaluate the ground truth and its collapsed counterpart, or say why there is none."""
    from theorycheck.inference import ExactContinuousLabel
    from theorycheck.models import ContinuousLabelModel
    from theorycheck.objectives import continuous_label_values
    from theorycheck.rearrangements import collapsed_counterpart

    assert isinstance(data, ContinuousLabelModel)
    source = ExactContinuousLabel(data)
    truth = continuous_label_values(source, source, objectives, step=step, progress=progress)
    try:
        counterpart = collapsed_counterpart(data, source.rule)
    except ModelError as error:
        return truth, [], str(error)
    values = continuous_label_values(counterpart, source, objectives, step=step, progress=progress)
    return truth, values, None


def _entry(
    truth: list[ContinuousValue], collapsed: list[ContinuousValue], reason: str | None
) -> dict[str, object]:
    """Return the object that --json prints."""
    data = truth[0].data
    families: dict[str, dict[str, object]] = {}
    for number, value in enumerate(truth):
        other = collapsed[number] if collapsed else None
        row = families.setdefault(value.objective.family.key, _family(value, other))
        at = row["against_gamma"]
        assert isinstance(at, list)
        at.append(
            {
                "gamma": value.objective.gamma,
                "ground_truth": value.excess.to_dict(),
                "collapsed": None if other is None else other.excess.to_dict(),
                "prefers": None if other is None else _prefers(value, other),
            }
        )
    return {
        "model": data.name,
        "noise_variance": data.noise_variance.tolist(),
        "labelled_share": truth[0].objective.labelled_share,
        "data_information": truth[0].data_information.to_dict(),
        "families": list(families.values()),
        "no_counterpart": reason,
    }


def _family(value: ContinuousValue, other: ContinuousValue | None) -> dict[str, object]:
    from theorycheck.objectives import break_even_gamma

    def parts(one: ContinuousValue) -> dict[str, object]:
        return {key: entry for key, entry in one.to_dict().items() if key != "excess"}

    even = None if other is None else break_even_gamma(value, other)
    return {
        "family": value.objective.family.key,
        "ground_truth": parts(value),
        "collapsed": None if other is None else parts(other),
        "break_even_gamma": None if even is None else even.to_dict(),
        "against_gamma": [],
    }


def _prefers(value: ContinuousValue, other: ContinuousValue) -> str:
    return _PREFERS[positive(value.excess - other.excess)]


def _show(
    truth: list[ContinuousValue], collapsed: list[ContinuousValue], reason: str | None
) -> None:
    """Print a table for every family, and what they say."""
    from theorycheck.cli.render import console, say, table

    out = console()
    columns = ("nats", "ground truth", *(("collapsed",) if collapsed else ()))
    pairs = [(value, [value, *collapsed[k : k + 1]]) for k, value in enumerate(truth)]
    families = dict.fromkeys(value.objective.family for value in truth)
    for family in families:
        mine = [pair for pair in pairs if pair[0].objective.family == family]
        first, both = mine[0]
        rows = [
            (f"J at γ = {value.objective.gamma:g}", *(str(one.excess) for one in each))
            for value, each in mine
        ]
        rows += [(text, *(str(getattr(one, name)) for one in both)) for name, text in _PARTS]
        title = (
            f"{first.data.name}: {family.name}, {first.objective.labelled_share:.3g} of the x "
            "labelled"
        )
        out.print(table(title, columns, rows))
        say(out, in_words([each for _, each in mine], reason))


def in_words(pairs: list[list[ContinuousValue]], reason: str | None) -> str:
    """Say which f a family prefers, and for which γ.

    Parameters
    ----------
    pairs : list of list of ContinuousValue
        The ground truth and its collapsed counterpart for every γ.
    reason : str or None
        Why there is no counterpart.

    Returns
    -------
    str
        One sentence or two.
    """
    from theorycheck.objectives import break_even_gamma

    if reason is not None:
        return f"No collapsed f with the same p(x) is known to compare with: {reason}."
    told = {
        "collapsed": "the collapsed f",
        "ground_truth": "the ground truth",
        "inconclusive": "neither, within the radii,",
    }
    said: dict[str, list[str]] = {}
    for value, other in pairs:
        said.setdefault(_prefers(value, other), []).append(f"{value.objective.gamma:g}")
    parts = [f"{told[which]} at γ = {', '.join(gammas)}" for which, gammas in said.items()]
    text = (
        "In the collapsed f, which has the same p(x), the label says nothing of x. J prefers "
        f"{'; '.join(parts)}."
    )
    return f"{text} {_even(break_even_gamma(*pairs[0]))}".strip()


def _even(even: Estimate | None) -> str:
    if even is None:
        return ""
    if even.upper <= 0.0:
        return "The ground truth is preferred for every γ."
    return f"Both are worth the same at γ = {even}."
