"""Runs ``theorycheck defend``: manifold defences against adversarial x, attacked exactly."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from theorycheck.cli.known_optima import (
    NoCache,
    OptimumFiles,
    checked_optimum_files,
    chosen_execution,
)
from theorycheck.cli.options import (
    AsJson,
    Breakpoints,
    Model,
    ModelOptions,
    NoiseVariance,
    Resolution,
    TableKind,
    Vectorize,
    checked_directory,
    parse_numbers,
)
from theorycheck.cli.search_options import (
    Jobs,
    Seed,
    checked_search,
    checked_search_name,
    chosen_settings,
)
from theorycheck.errors import SettingError, nearest

if TYPE_CHECKING:
    from theorycheck.downstream import AttackSettings
    from theorycheck.models import GenerativeModel
    from theorycheck.optimum import Execution

_DEFENCES = ("projection", "reconstruction", "density", "distance")
_CLASSIFIERS = ("off-manifold", "bayes")


def defend(
    model: Model,
    epsilon: Annotated[
        list[str] | None,
        typer.Option(
            "--epsilon",
            metavar="E",
            help="Attack within this radius, in σ of MODEL; repeatable, or several numbers "
            "separated by commas; by default 1,2,3.",
        ),
    ] = None,
    defence: Annotated[
        list[str] | None,
        typer.Option(
            "--defence",
            metavar="D",
            help="Compare this defence: projection, reconstruction, density or distance; "
            "repeatable; by default all.",
        ),
    ] = None,
    learned: Annotated[
        list[str] | None,
        typer.Option(
            "--learned",
            metavar="MODEL",
            help="Put this model of the data into the defences too, of one latent or two; "
            "repeatable. Without a σ² of its own it has that of MODEL.",
        ),
    ] = None,
    class_splits: Annotated[
        list[str] | None,
        typer.Option(
            "--class-splits",
            metavar="Z",
            help="Split the two classes at these z: 0, 1, 0, … from below; separated by commas; by "
            "default at 0.",
        ),
    ] = None,
    classifier: Annotated[
        str,
        typer.Option(
            "--classifier",
            metavar="C",
            help="Defend bayes, Bayes' classifier of the ground truth, or off-manifold, which "
            "agrees with it where log p(x) is above its 0.1 % quantile and is wrong elsewhere.",
        ),
    ] = "off-manifold",
    false_rejections: Annotated[
        float,
        typer.Option(
            "--false-rejections",
            metavar="R",
            help="Set the defences that refuse x to refuse this share of clean x.",
        ),
    ] = 0.01,
    reach: Annotated[
        float,
        typer.Option(
            "--reach",
            metavar="R",
            help="Count f(z) with every latent from -R to R as the image of f, at most 12.",
        ),
    ] = 6.0,
    pgd: Annotated[
        int,
        typer.Option(
            "--pgd",
            metavar="N",
            help="Attack N draws by projected gradients too, to compare with the exact attack.",
        ),
    ] = 0,
    size: Annotated[int, typer.Option("--size", metavar="N", help="Number of draws.")] = 4096,
    search: Annotated[
        str,
        typer.Option(
            "--search",
            metavar="HOW",
            help="Search for the joint optimum of f and σ², which is then put into the defences: "
            "quick (half a minute), thorough (minutes) or none.",
        ),
    ] = "quick",
    seed: Seed = 0,
    jobs: Jobs = None,
    optimum: OptimumFiles = None,
    no_cache: NoCache = False,
    noise_variance: NoiseVariance = None,
    vectorize: Vectorize = False,
    breakpoints: Breakpoints = None,
    table_kind: TableKind = None,
    resolution: Resolution = None,
    figures: Annotated[
        Path | None,
        typer.Option(
            "--figures",
            metavar="DIR",
            help="Write figures of the attacked accuracy and of the decisions into this folder.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run the verb."""
    chosen = _checked(defence, classifier)
    checked_search_name(search)
    checked_search("quick", seed, jobs)
    files = checked_optimum_files(optimum, search)
    if figures is not None:
        checked_directory(figures)
    radii = parse_numbers(epsilon, "--epsilon") or [1.0, 2.0, 3.0]
    splits = parse_numbers(class_splits, "--class-splits") or [0.0]
    if size < 64 or pgd < 0:
        raise SettingError("--size must be at least 64, and --pgd at least 0")
    from theorycheck.cli.render import print_json, stdout_kept_for_result
    from theorycheck.terminal_progress import terminal_progress

    options = ModelOptions(noise_variance, vectorize, breakpoints, table_kind, resolution)
    with stdout_kept_for_result():
        from theorycheck.downstream import AttackSettings, checked_truth, compare_defences

        loaded = checked_truth(options.load(model))

        settings = AttackSettings(
            epsilons=tuple(sorted(set(radii))), splits=tuple(splits), classifier=classifier,
            false_rejections=false_rejections, reach=reach, size=size // _REPEATS,
            repeats=_REPEATS, pgd=pgd, seed=seed,
        )  # fmt: skip
        others = _learned(options, learned, loaded)
        progress = terminal_progress()
        execution = chosen_execution(
            progress, jobs=jobs, no_cache=no_cache, files=files, models=[loaded]
        )
        with progress.task(f"defend {loaded.name}"[:40], None):
            models = _selected(loaded, search, settings, execution) | others
            report = compare_defences(
                loaded, models, defences=chosen, settings=settings, progress=progress
            )
        if figures is not None:
            from theorycheck.report import write_defence_figures

            write_defence_figures(report, figures)
    if as_json:
        print_json(report.to_dict(), "defend")
        return
    from theorycheck.cli.defend_tables import show

    show(report)


#: Repetitions of the draws: their spread is the standard error.
_REPEATS = 16


def _checked(defence: list[str] | None, classifier: str) -> tuple[str, ...]:
    """Return the defences, in the order of tables; refuse what there is not."""
    given = [part.strip() for text in defence or () for part in text.split(",")]
    for name in given:
        if name not in _DEFENCES:
            raise SettingError(f"--defence: there is no '{name}': {nearest(name, _DEFENCES)}")
    if classifier not in _CLASSIFIERS:
        known = nearest(classifier, _CLASSIFIERS)
        raise SettingError(f"--classifier: there is no '{classifier}': {known}")
    return tuple(name for name in _DEFENCES if not given or name in given)


def _learned(
    options: ModelOptions, specs: list[str] | None, truth: GenerativeModel
) -> dict[str, GenerativeModel]:
    """Load every --learned under a name of its own."""
    found: dict[str, GenerativeModel] = {}
    for spec in specs or ():
        model = options.load_other(spec, None, "--learned", truth)
        name = f"learned: {model.name}"
        if name in found:
            name += f" ({sum(one.startswith(name) for one in found) + 1})"
        found[name] = model
    return found


def _selected(
    truth: GenerativeModel, search: str, settings: AttackSettings, execution: Execution
) -> dict[str, GenerativeModel]:
    """Return the models that the ELBO selects, the joint optimum with a search only."""
    from dataclasses import replace

    from theorycheck.downstream import selected_models
    from theorycheck.optimum import find_optimum

    joint = None
    if search != "none":
        wanted = replace(chosen_settings(search, settings.seed), fit_noise="shared")
        joint = find_optimum(truth, wanted, execution=execution).model
    return selected_models(truth, joint, seed=settings.seed)
