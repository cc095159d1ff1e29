"""Runs ``theorycheck labels``: what a semi-supervised VAE learns, and whether its classes merge."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from theorycheck.cli import labels_continuous
from theorycheck.cli.known_optima import NoCache, chosen_execution
from theorycheck.cli.label_options import (
    Alpha,
    Classes,
    LabelledModelName,
    LabelledShare,
    LabelsAre,
    Prior,
)
from theorycheck.cli.options import (
    AsJson,
    Breakpoints,
    Certify,
    IwaeSamples,
    NoiseVariance,
    PmoTolerance,
    Resolution,
    TableKind,
    checked_directory,
    checked_tolerance,
    parse_breakpoints,
    parse_numbers,
    parse_samples,
)
from theorycheck.cli.search_options import (
    FitNoise,
    Jobs,
    Seed,
    checked_fit_noise,
    checked_search,
    checked_search_name,
)
from theorycheck.errors import SettingError, nearest

if TYPE_CHECKING:
    from theorycheck.models import LabelledModel
    from theorycheck.objectives import LabelledValue
    from theorycheck.optimum import CollapseOnset, LabelledOptimum

_FAMILIES = ("conditional", "factorised", "both")


def labels(
    model: LabelledModelName,
    gamma: Annotated[
        list[str] | None,
        typer.Option(
            "--gamma",
            metavar="G",
            help="Weigh the bound of labelled x by γ = G, 0 or more; repeatable, or several "
            "numbers separated by commas. By default 1.",
        ),
    ] = None,
    alpha: Alpha = 0.0,
    labelled_share: LabelledShare = 0.1,
    family: Annotated[
        str,
        typer.Option(
            "--family",
            metavar="F",
            help="Let q be conditional, q(y|x) q(z|x, y), or factorised, q(y|x) q(z|x), or take "
            "both in turn. For a continuous y: naive, naive_conditional, flexible, naive_iwae or "
            "all.",
        ),
    ] = "both",
    prior: Prior = None,
    classes: Classes = None,
    labels_are: LabelsAre = None,
    search: Annotated[
        str,
        typer.Option(
            "--search",
            metavar="HOW",
            help="Search for the decoders that the objective prefers: quick (half a minute), "
            "thorough (tens of minutes) or none; one search for each γ and family. For a "
            "continuous y: look at 5, 12 or no f of the same p(x) that keep a part of the label.",
        ),
    ] = "quick",
    onset: Annotated[
        bool,
        typer.Option(
            "--onset",
            help="Search for the weight of the labelled x at which functional collapse sets in, "
            "some five searches more for each family, and compute below which γ one decoder for "
            "all classes beats the ground truth. Needs alpha = 0.",
        ),
    ] = False,
    fit_noise: FitNoise = "no",
    certify: Certify = 0,
    iwae: IwaeSamples = None,
    seed: Seed = 0,
    jobs: Jobs = None,
    no_cache: NoCache = False,
    tolerance: PmoTolerance = 1e-4,
    noise_variance: NoiseVariance = None,
    breakpoints: Breakpoints = None,
    table_kind: TableKind = None,
    resolution: Resolution = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR",
            help="Write the figure labels.png and labels.json into this folder, and what show "
            "reads.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run the verb."""
    checked_tolerance(tolerance)
    checked_search_name(search)
    checked_search("quick", seed, jobs)
    fit = checked_fit_noise(fit_noise)
    _check_onset(onset, search, alpha, labelled_share)
    if labels_continuous.is_continuous(model, labels_are):
        if output is not None:
            checked_directory(output)
        labels_continuous.refuse_discrete(
            {
                "--prior": prior,
                "--classes": classes,
                "--breakpoints": breakpoints,
                "--table-kind": table_kind,
                "--resolution": resolution,
                "--onset": onset,
                "--certify": certify,
                "--iwae": iwae,
                "--fit-noise": fit_noise != "no",
                "--jobs": jobs,
                "--no-cache": no_cache,
            }
        )
        labels_continuous.run(
            model, gamma=gamma, alpha=alpha, labelled_share=labelled_share, family=family,
            search=search, seed=seed, tolerance=tolerance, noise_variance=noise_variance,
            output=output, as_json=as_json,
        )  # fmt: skip
        return
    if family not in _FAMILIES:
        raise SettingError(f"--family: there is no '{family}': {nearest(family, _FAMILIES)}")
    if output is not None:
        checked_directory(output)
    all_samples = parse_samples(iwae)
    from theorycheck.cli.labels_search import Plan
    from theorycheck.cli.render import print_json, stdout_kept_for_result
    from theorycheck.terminal_progress import terminal_progress

    with stdout_kept_for_result():
        from theorycheck.models import load_labelled_model
        from theorycheck.objectives import LABEL_FAMILIES, LabelledObjective, labelled_iwae

        gammas = parse_numbers(gamma, "--gamma") or [1.0]
        wanted = [one for one in LABEL_FAMILIES if family in ("both", one.key)]
        objectives = {
            value: [LabelledObjective(value, alpha, labelled_share, one) for one in wanted]
            for value in gammas
        }
        data = load_labelled_model(
            model,
            prior=parse_numbers(prior, "--prior"),
            classes=classes,
            noise_variance=parse_numbers(noise_variance, "--noise-variance"),
            breakpoints=parse_breakpoints(breakpoints),
            table_kind=table_kind,
            resolution=resolution,
        )
        progress = terminal_progress()
        plan = Plan(
            data=data,
            objectives=objectives,
            search=search,
            fit_noise=fit,
            tolerance=tolerance,
            certify=certify,
            seed=seed,
            execution=chosen_execution(progress, jobs=jobs, no_cache=no_cache),
        )
        found = plan.found()
        onsets = plan.onsets(found) if onset else []
        thresholds = plan.thresholds(found) if onset else []
        draws = [
            labelled_iwae(data, samples=count, family=one, progress=progress)
            for one in wanted
            for count in all_samples
        ]
        entry = _entry(data, found, onsets, alpha, labelled_share)
        entry["thresholds"] = [
            {"family": one.ground_truth.objective.family.key, **one.to_dict()} for one in thresholds
        ]
        if draws:
            entry["iwae"] = [one.to_dict() for one in draws]
    if as_json:
        print_json(entry, "labels")
    else:
        from theorycheck.cli.labels_iwae import show_draws
        from theorycheck.cli.labels_tables import show

        show(data, found, onsets, thresholds)
        show_draws(data, draws)
    # Last: what took minutes is on the screen already.
    if output is not None:
        from theorycheck.cli.labels_files import write_labels

        write_labels(output, found, onsets, entry)


def _check_onset(onset: bool, search: str, alpha: float, labelled_share: float) -> None:
    if not onset:
        return
    if search == "none":
        raise SettingError("--onset searches for optima, which --search none leaves out")
    if alpha > 0.0:
        raise SettingError("--onset is for alpha = 0, where J depends on γ and the share as one")
    if not 0.0 < labelled_share < 1.0:
        raise SettingError("--onset needs a labelled share between 0 and 1")


def _entry(
    data: LabelledModel,
    found: list[tuple[LabelledValue, LabelledOptimum | None]],
    onsets: list[CollapseOnset],
    alpha: float,
    labelled_share: float,
) -> dict[str, object]:
    """Return the object that --json prints."""
    gammas = list(dict.fromkeys(truth.objective.gamma for truth, _ in found))
    rows: dict[float, list[dict[str, object]]] = {gamma: [] for gamma in gammas}
    for truth, optimum in found:
        row: dict[str, object] = {
            "family": truth.objective.family.key,
            "ground_truth": truth.to_dict(),
            "optimum": None,
            "collapse": None,
        }
        if optimum is not None:
            row |= optimum.to_dict()
        rows[truth.objective.gamma].append(row)
    return {
        "model": data.name,
        "classes": data.count,
        "prior": data.prior.tolist(),
        "noise_variance": data.noise_variance.tolist(),
        "labelled_share": labelled_share,
        "gamma": gammas[0],
        "alpha": alpha,
        "data_information": found[0][0].data_information.to_dict(),
        "families": rows[gammas[0]],
        "against_gamma": [{"gamma": gamma, "families": rows[gamma]} for gamma in gammas],
        "onset": [{**one.to_dict(), "gamma": list(one.gamma(labelled_share))} for one in onsets],
    }
