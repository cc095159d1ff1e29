"""Runs ``theorycheck train-labels`` for a continuous label, and prints what it ends with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from theorycheck.cli.labels_continuous import KEPT, PARTS
from theorycheck.cli.options import parse_numbers
from theorycheck.errors import SettingError, nearest

if TYPE_CHECKING:
    from neural import ContinuousLabelledSample, ContinuousRunResult
    from theorycheck.evaluation import CollapseComparison
    from theorycheck.models import ContinuousLabelModel
    from theorycheck.objectives import ContinuousFigures

#: Grid step over x, in σ, at which network and other f are evaluated.
_STEP = 0.7
#: The file of the selected network's f.
_DECODER = "decoder.py"


def run(
    model: str,
    method: str,
    given: Mapping[str, Any],
    *,
    family: str | None,
    gamma: float,
    alpha: float,
    labelled_share: float,
    data_size: int | None,
    device: str,
    search: str,
    noise_variance: list[str] | None,
    directory: Path | None,
    as_json: bool,
) -> None:
    """Run the verb for a continuous label; `given` are settings of the training."""
    from neural import LabelSettings, chosen_device
    from theorycheck.cli.render import print_json, stdout_kept_for_result
    from theorycheck.models import load_continuous_label_model
    from theorycheck.objectives import CONTINUOUS_FAMILIES, ContinuousObjective
    from theorycheck.terminal_progress import terminal_progress

    families = {one.key: one for one in CONTINUOUS_FAMILIES}
    key = family or "naive_conditional"
    if key not in families:
        raise SettingError(
            f"--family: there is no '{key}' where the label is continuous: {nearest(key, families)}"
        )
    objective = ContinuousObjective(gamma, labelled_share, families[key], alpha)
    settings = LabelSettings.of(method, objective, **given)
    chosen_device(device)
    with stdout_kept_for_result():
        data = load_continuous_label_model(
            model, noise_variance=parse_numbers(noise_variance, "--noise-variance")
        )
        sample = _sample(data, data_size, labelled_share, settings.training.seed)
        # Last, because it takes seconds that a mistake above need not.
        from neural import judge_continuous_run, train_labelled
        from theorycheck.evaluation import compare_with_collapse
        from theorycheck.inference import ExactContinuousLabel

        progress = terminal_progress()
        trained = train_labelled(data, settings, sample=sample, device=device, progress=progress)
        source = ExactContinuousLabel(data)
        result = judge_continuous_run(trained, source, progress=progress)
        beside = None
        if search != "none":
            compared = compare_with_collapse(
                source, [objective], KEPT[search], step=_STEP, progress=progress
            )
            beside = compared.comparison
    entry = {**result.to_dict(), "beside": None if beside is None else _compared(beside)}
    if directory is not None:
        from theorycheck.cli.train_labels_files import write_result

        files = {_DECODER: result.decoder_source()}
        write_result(directory, "train-labels_continuous", entry, files)
    if as_json:
        print_json(entry, "train-labels_continuous")
    else:
        _show(result, beside)


def _sample(
    data: ContinuousLabelModel, data_size: int | None, share: float, seed: int
) -> ContinuousLabelledSample | None:
    """Return the observations to train on; None for fresh draws."""
    if data_size is None:
        return None
    from neural import ContinuousLabelledSample
    from theorycheck.cli.train_labels_files import sample_seed

    stream = sample_seed(data_size, seed)
    return ContinuousLabelledSample.drawn(data, data_size, share, stream).checked(data, share)


def _compared(found: CollapseComparison) -> dict[str, object]:
    """Return J of the ground truth and of other f of the same p(x), for JSON."""
    kept, best = found.best(0)
    return {
        "ground_truth": found.truth[0].excess.to_dict(),
        "collapsed": found.collapsed[0].excess.to_dict() if found.collapsed else None,
        "no_counterpart": found.reason,
        "best_kept": kept,
        "best": best.excess.to_dict(),
        "best_information": best.information.to_dict(),
    }


def _show(result: ContinuousRunResult, beside: CollapseComparison | None) -> None:
    """Print all restarts, the selected one beside other f, and what they say."""
    from theorycheck.cli.render import console, say, table

    out = console()
    trained, chosen = result.trained, result.trained.chosen
    settings = chosen.training
    label = settings.method
    if settings.method == "iwae":
        label += f" ({chosen.bound}, S = {settings.samples})"
    described = chosen.objective.described()
    title = f"{label} on {trained.trainer.data.name}: {described}, {settings.steps} steps"
    rows = [
        (
            str(number),
            init.replace("_", " ") + ", selected" * (number == trained.selected),
            f"{trained.objective[number]:.4f} ± {trained.objective_error[number]:.4f}",
            str(result.own_excess[number]),
        )
        for number, init in enumerate(settings.inits)
    ]
    heads = ("", "start", "objective (validation)", "J by its own q and bound")
    out.print(table(title, heads, rows))
    columns: dict[str, ContinuousFigures] = {"selected": result.judged.value}
    if beside is not None:
        columns["ground truth"] = beside.truth[0]
        if beside.collapsed:
            columns["collapsed"] = beside.collapsed[0]
            kept, best = beside.best(0)
            if 0.0 < kept < 1.0:
                columns[f"κ = {kept:g}"] = best
    figures = [
        (text, *(str(getattr(one, name)) for one in columns.values()))
        for name, text in (("excess", "J"), *PARTS)
    ]
    out.print(table("with the best q of the family", ("nats", *columns), figures))
    for line in in_words(result, beside):
        say(out, line)
    say(
        out,
        f"Trained in {trained.seconds:.0f} s on {trained.trainer.device}, seed {settings.seed}.",
    )


def in_words(result: ContinuousRunResult, beside: CollapseComparison | None) -> list[str]:
    """Say what the selected network learned of the label, and beside which f it stands.

    Parameters
    ----------
    result : ContinuousRunResult
    beside : CollapseComparison or None
        The ground truth and other f of the same p(x).

    Returns
    -------
    list of str
    """
    from theorycheck.cli.labels_tables import amount_kept

    judged = result.judged
    lines = [f"I(x; y) of the selected network is {amount_kept(judged.collapse)} of the data's."]
    if result.trained.settings.method == "iwae":
        lines.append("J is by bounds with one draw of z, which it was not trained for.")
    if beside is None:
        lines.append("No other f was looked at (--search none).")
        return lines
    kept, best = beside.best(0)
    apart = judged.value.excess - best.excess
    which = {0.0: "the collapsed f", 1.0: "the ground truth"}.get(kept, f"that of κ = {kept:g}")
    lines.append(
        f"Of the f of the same p(x) that were looked at {which} has the smallest J; that of the "
        f"network is {apart} nats from it. No optimum over all f is known."
    )
    return lines
