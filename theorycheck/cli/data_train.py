"""Runs ``theorycheck data train``: semi-supervised networks on a public table, on held-out rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from theorycheck.cli.data import Cache, Folder, Name, Splits
from theorycheck.cli.label_options import (
    Alpha,
    Bound,
    LabelledShare,
    OneFamily,
    OneGamma,
    checked_family,
)
from theorycheck.cli.options import AsJson, checked_directory
from theorycheck.cli.search_options import Seed
from theorycheck.cli.train_labels_files import write_result
from theorycheck.cli.training_options import (
    Activation,
    Batch,
    Clip,
    DecoderL2,
    Device,
    Hidden,
    LearningRate,
    Method,
    Restarts,
    Samples,
    Steps,
    need_torch,
    widths,
)

if TYPE_CHECKING:
    from neural import CohortRunResult


def train(
    name: Name,
    method: Method,
    latents: Annotated[
        int, typer.Option("--latents", metavar="K", help="Give the decoder K latents, 1 or 2.")
    ] = 1,
    family: OneFamily = "factorised",
    bound: Bound = None,
    gamma: OneGamma = 1.0,
    alpha: Alpha = 0.0,
    labelled_share: LabelledShare = 0.1,
    splits: Splits = 5,
    samples: Samples = None,
    restarts: Restarts = 2,
    steps: Steps = None,
    batch: Batch = None,
    learning_rate: LearningRate = None,
    hidden: Hidden = None,
    activation: Activation = None,
    decoder_l2: DecoderL2 = None,
    clip: Clip = None,
    device: Device = "auto",
    seed: Seed = 0,
    folder: Folder = None,
    cache: Cache = None,
    directory: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="Write result.json into this folder."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run ``data train``."""
    need_torch("data train")
    if directory is not None:
        checked_directory(directory)
    from neural import chosen_device, cohort_settings, measure_cohort_run, train_on_splits
    from theorycheck.cli.render import print_json, stdout_kept_for_result
    from theorycheck.cohorts import checked_latents, load_cohort, observed_share, split_cohort
    from theorycheck.objectives import LabelledObjective
    from theorycheck.terminal_progress import terminal_progress

    chosen_family = checked_family(family)
    chosen_device(device)
    cohort = load_cohort(name, folder=folder, cache=cache)
    checked_latents(latents, cohort.data_dim)
    divided = split_cohort(cohort, count=splits, seed=seed, labelled_share=labelled_share)
    share = observed_share(divided)
    settings = cohort_settings(
        method,
        divided,
        LabelledObjective(gamma, alpha, share, chosen_family),
        bound=bound,
        latents=latents,
        restarts=restarts,
        samples=samples,
        steps=steps,
        batch=batch,
        learning_rate=learning_rate,
        hidden=widths(hidden),
        activation=activation,
        decoder_l2=decoder_l2,
        clip=clip,
        seed=seed,
    )
    with stdout_kept_for_result():
        progress = terminal_progress()
        trained = train_on_splits(divided, settings, device=device, progress=progress)
        result = measure_cohort_run(trained, progress=progress)
    if directory is not None:
        write_result(directory, "data_train", result.to_dict(), {})
    if as_json:
        print_json(result.to_dict(), "data_train")
    else:
        _show(result)


def _show(result: CohortRunResult) -> None:
    from theorycheck.cli.render import console, say, table
    from theorycheck.cohorts import held_out_spread

    out = console()
    trained = result.trained
    settings, chosen = trained.settings, trained.chosen
    label = settings.method
    if label == "iwae":
        label += f" ({chosen.bound}, S = {settings.samples})"
    title = (
        f"{label} on {trained.trainer.name}, K = {chosen.latents}: "
        f"{chosen.objective.described()}, {settings.steps} steps"
    )
    rows = [
        (
            str(split.number),
            f"{trained.trainer.noise_variance(restart)[0]:.4f}",
            f"{found.log_density.value:.3f}",
            f"{found.log_density_given_label.value:.3f}",
            f"{found.balanced_accuracy.value:.3f}",
            f"{found.information.value:.3f}",
            f"{found.two_sample.accuracy.value:.3f} (p <= {found.two_sample.p_value:.2g})",
        )
        for split, restart, found in zip(
            trained.splits, result.selected, result.held_out, strict=True
        )
    ]
    if len(rows) > 1:
        spreads = held_out_spread(result.held_out)
        names = ("log_density", "log_density_given_label", "balanced_accuracy", "information")
        whole = [str(spreads[name]) for name in names]
        rows.append(("all", "", whole[0], whole[1], whole[2], whole[3], str(spreads["two_sample"])))
    heads = (
        "split", "σ²", "log p(x)", "log p(x|y)", "balanced accuracy", "I_f(x; y)", "told apart",
    )  # fmt: skip
    out.print(table(title, heads, rows))
    say(
        out,
        "Held-out rows, nats a row, x standardised; 'told apart' is the accuracy of a classifier "
        "of real and generated rows, 0.5 where it finds no difference. 'all' has mean ± standard "
        "deviation over the splits, which share rows: compare two methods split by split.",
    )
    floors = [split.floor.shared for split in trained.splits]
    at_floor = sum(
        trained.trainer.noise_variance(restart)[0] <= 1.001 * floor
        for restart, floor in zip(result.selected, floors, strict=True)
    )
    if at_floor:
        say(
            out,
            f"In {at_floor} of {len(floors)} splits σ² ended at the floor of the table, "
            f"{min(floors):.3g}: log p(x) has no maximum there, and says where σ² was stopped "
            "(theorycheck data show).",
        )
    say(
        out,
        f"Trained in {trained.seconds:.0f} s on {trained.trainer.device}, seed {settings.seed}.",
    )
