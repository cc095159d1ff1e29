"""Runs ``theorycheck labels`` for a continuous label: the ground truth against the collapsed f."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from theorycheck.cli.options import parse_numbers
from theorycheck.errors import SettingError, nearest
from theorycheck.estimate import Estimate, Verdict, positive

if TYPE_CHECKING:
    from theorycheck.evaluation import CollapseComparison
    from theorycheck.objectives import ContinuousFigures

KINDS = ("discrete", "continuous")
#: The file of all figures that `theorycheck show` reads.
RESULT = "comparison.npz"
#: Grid steps over x, in σ, by the radius that is asked for: measured on the benchmark.
_STEPS = ((1e-3, 0.7), (1e-4, 0.5), (0.0, 0.35))
#: Parts of the label that are tried between all of it and none of it.
KEPT = {
    "none": (),
    "quick": (0.5, 0.7, 0.8, 0.9, 0.97),
    "thorough": (0.3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.94, 0.97),
}
PARTS = (
    ("mleo_x", "MLEO_x = KL[p(x) ‖ p_f(x)]"),
    ("mleo_xy", "MLEO_xy = KL[p(x, y) ‖ p_f(x, y)]"),
    ("pmo_u", "PMO_U, x without a label"),
    ("pmo_l", "PMO_L, x with a label"),
    ("label_kl", "E KL[p(y|x) ‖ q(y|x)]"),
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
    alpha: float,
    labelled_share: float,
    family: str,
    search: str,
    seed: int,
    tolerance: float,
    noise_variance: list[str] | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Run the verb for a continuous label."""
    from theorycheck.cli.render import print_json, stdout_kept_for_result
    from theorycheck.terminal_progress import terminal_progress

    with stdout_kept_for_result():
        from theorycheck.evaluation import compare_with_collapse
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
        objectives = [
            ContinuousObjective(g, labelled_share, one, alpha) for one in wanted for g in gammas
        ]
        data = load_continuous_label_model(
            model, noise_variance=parse_numbers(noise_variance, "--noise-variance")
        )
        step = next(step for least, step in _STEPS if tolerance >= least)
        progress = terminal_progress()
        compared = compare_with_collapse(
            data, objectives, KEPT[search], step=step, seed=seed, progress=progress
        )
        found = compared.comparison
        entry = entry_of(found)
    if as_json:
        print_json(entry, "labels_continuous")
    else:
        show(found)
    if output is not None:
        from theorycheck.cli.labels_files import write_figure
        from theorycheck.report import continuous_labels_figure

        figure = continuous_labels_figure(compared.truth, compared.collapsed)
        write_figure(output, figure, "labels_continuous", entry)
        found.save(output / RESULT)


def entry_of(found: CollapseComparison) -> dict[str, object]:
    """Return the object that ``labels --labels continuous --json`` prints."""
    families: dict[str, dict[str, object]] = {}
    rows: dict[str, list[dict[str, object]]] = {}
    for number, value in enumerate(found.truth):
        key = value.objective.family.key
        if key not in families:
            rows[key] = []
            families[key] = _family(found, number) | {"against_gamma": rows[key]}
        other = found.collapsed[number] if found.collapsed else None
        kept, best = found.best(number)
        rows[key].append(
            {
                "gamma": value.objective.gamma,
                "ground_truth": value.excess.to_dict(),
                "collapsed": None if other is None else other.excess.to_dict(),
                "prefers": None if other is None else _prefers(value, other),
                "best_kept": kept,
                "best": best.excess.to_dict(),
                "best_information": best.information.to_dict(),
            }
        )
    return {
        "model": found.name,
        "noise_variance": found.noise_variance.tolist(),
        "labelled_share": found.truth[0].objective.labelled_share,
        "alpha": found.truth[0].objective.alpha,
        "data_information": found.truth[0].data_information.to_dict(),
        "families": list(families.values()),
        "no_counterpart": found.reason,
    }


def _family(found: CollapseComparison, number: int) -> dict[str, object]:
    from theorycheck.objectives import break_even_gamma

    def parts(one: ContinuousFigures) -> dict[str, object]:
        return {key: entry for key, entry in one.to_dict().items() if key != "excess"}

    value = found.truth[number]
    other = found.collapsed[number] if found.collapsed else None
    even = None if other is None else break_even_gamma(value, other)
    return {
        "family": value.objective.family.key,
        "ground_truth": parts(value),
        "collapsed": None if other is None else parts(other),
        "between": [
            {"kept": part.kept, **parts(part.figures[number])} for part in found.parts if part.kept
        ],
        "break_even_gamma": None if even is None else even.to_dict(),
    }


def _prefers(value: ContinuousFigures, other: ContinuousFigures) -> str:
    return _PREFERS[positive(value.excess - other.excess)]


def show(found: CollapseComparison) -> None:
    """Print a table for every family, and what they say.

    Parameters
    ----------
    found : CollapseComparison
    """
    from theorycheck.cli.render import console, say, table

    out = console()
    others = [part.figures for part in reversed(found.parts)]
    kept = [part.kept for part in reversed(found.parts)]
    heads = {0.0: "collapsed"}
    columns = ("nats", "ground truth", *(heads.get(one, f"κ = {one:g}") for one in kept))
    families = dict.fromkeys(value.objective.family for value in found.truth)
    for family in families:
        own = [k for k, one in enumerate(found.truth) if one.objective.family == family]
        rows = []
        for number in own:
            each = [one[number] for one in (found.truth, *others)]
            gamma = each[0].objective.gamma
            rows.append((f"J at γ = {gamma:g}", *(str(one.excess) for one in each)))
        each = [one[own[0]] for one in (found.truth, *others)]
        rows += [(text, *(str(getattr(one, name)) for one in each)) for name, text in PARTS]
        first = each[0]
        weight = f", α = {first.objective.alpha:g}" if first.objective.alpha else ""
        title = (
            f"{found.name}: {family.name}{weight}, {first.objective.labelled_share:.3g} of "
            "the x labelled"
        )
        out.print(table(title, columns, rows))
        say(out, in_words(found, own))


def in_words(found: CollapseComparison, own: Sequence[int]) -> str:
    """Say which f a family prefers, and for which γ.

    Parameters
    ----------
    found : CollapseComparison
        What was evaluated.
    own : sequence of int
        Numbers of the family's objectives.

    Returns
    -------
    str
        Two sentences or three.
    """
    from theorycheck.objectives import break_even_gamma

    if found.reason is not None:
        return f"No collapsed f with the same p(x) is known to compare with: {found.reason}."
    told = {
        "collapsed": "the collapsed f",
        "ground_truth": "the ground truth",
        "inconclusive": "neither, within the radii,",
    }
    said: dict[str, list[str]] = {}
    for number in own:
        value, other = found.truth[number], found.collapsed[number]
        said.setdefault(_prefers(value, other), []).append(f"{value.objective.gamma:g}")
    parts = [f"{told[which]} at γ = {', '.join(gammas)}" for which, gammas in said.items()]
    text = (
        "In the collapsed f, which has the same p(x), the label says nothing of x. Of the two J "
        f"prefers {'; '.join(parts)}."
    )
    even = _even(break_even_gamma(found.truth[own[0]], found.collapsed[own[0]]))
    return " ".join(part for part in (text, even, _between(found, own)) if part)


def _between(found: CollapseComparison, own: Sequence[int]) -> str:
    """Say how much of the information the best of all f keeps."""
    if len(found.parts) < 2:
        return ""
    parts = []
    for number in own:
        kept, best = found.best(number)
        share = 100.0 * best.information.value / max(best.data_information.value, 1e-300)
        parts.append(f"{share:.3g} % at γ = {best.objective.gamma:g} (κ = {kept:g})")
    return (
        "Of all f looked at, which take a label of correlation κ with y for y, the one of smallest "
        f"J keeps of I(x; y): {', '.join(parts)}."
    )


def _even(even: Estimate | None) -> str:
    if even is None:
        return ""
    if even.upper <= 0.0:
        return "The ground truth is preferred for every γ."
    return f"Both are worth the same at γ = {even}."
