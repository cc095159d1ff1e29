"""Runs ``theorycheck decompose``: −ELBO = H + MLEO + PMO."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from theorycheck.cli.decoder_files import checked_output
from theorycheck.cli.linear_models import has_iwae_bound, linear_model, with_decoder
from theorycheck.cli.options import (
    AsJson,
    Breakpoints,
    Certify,
    DataNoiseVariance,
    Eta,
    IwaeSamples,
    LatentsOption,
    MaxNodes,
    Model,
    ModelOptions,
    NoiseVariance,
    Resolution,
    TableKind,
    Vectorize,
    checked_tolerance,
    parse_eta,
    parse_numbers,
    parse_samples,
)
from theorycheck.cli.result_files import ResultFile
from theorycheck.errors import SettingError

if TYPE_CHECKING:
    from theorycheck.models import DescribedModel
    from theorycheck.objectives import Decomposition, IwaeObjective


def decompose(
    model: Model,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="MODEL",
            help="Take p(x) from this model, the ground truth; by default from MODEL itself. With "
            "--sample: the model that the sample was drawn from, if it is known.",
        ),
    ] = None,
    eta: Eta = None,
    sample: Annotated[
        Path | None,
        typer.Option(
            "--sample",
            metavar="FILE",
            help="Average over this table of x, one x a row, not over p(x): .csv, .txt, .npy, or "
            ".npz with an array x.",
        ),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            "--tolerance",
            metavar="T",
            help="Aim at this error radius of the PMO, nats; by default 1e-6.",
        ),
    ] = None,
    max_nodes: MaxNodes = 3_000_000,
    certify: Certify = 0,
    iwae: IwaeSamples = None,
    informativeness: Annotated[
        bool,
        typer.Option(
            "--informativeness",
            help="Print what q and the true posterior know of x through each latent: I_q(x; z_k) "
            "and I_p(x; z_k), nats.",
        ),
    ] = False,
    noise_variance: NoiseVariance = None,
    data_noise_variance: DataNoiseVariance = None,
    vectorize: Vectorize = False,
    breakpoints: Breakpoints = None,
    table_kind: TableKind = None,
    resolution: Resolution = None,
    latents: LatentsOption = None,
    output: ResultFile = None,
    as_json: AsJson = False,
) -> None:
    """Run the verb."""
    if data is None and data_noise_variance:
        raise SettingError("--data-noise-variance is for --data, which is not given")
    wanted = 1e-6 if tolerance is None else checked_tolerance(tolerance)
    if output is not None:
        checked_output(output)
    from theorycheck.cli.render import print_json, stdout_kept_for_result
    from theorycheck.models import read_sample
    from theorycheck.terminal_progress import terminal_progress

    options = ModelOptions(noise_variance, vectorize, breakpoints, table_kind, resolution, latents)
    thresholds = parse_eta(eta)
    all_samples = parse_samples(iwae)
    with stdout_kept_for_result():
        loaded = options.load_exact(model)
        with_decoder(loaded, output=output)
        if all_samples and not has_iwae_bound(loaded):
            raise SettingError(
                "--iwae: the IWAE bound is computed for decoders of one latent and of two"
            )
        source: DescribedModel | None = None
        if data is not None:
            own = loaded.noise_variance.tolist()
            given = parse_numbers(data_noise_variance, "--data-noise-variance")
            source = linear_model(data, given or own) or options.load_other(
                data, data_noise_variance, "--data-noise-variance", loaded
            )
            same = source.noise_variance.tolist() == own
            # MODEL on its own data: MLEO is zero, not a difference of two equal numbers.
            source = loaded if data == model and same and not breakpoints else source
        # Last, because it takes a second that a mistake above need not.
        from theorycheck.objectives import decompose as run
        from theorycheck.objectives import informativeness as run_informativeness
        from theorycheck.objectives import iwae_objective

        points = None if sample is None else read_sample(sample)
        progress = terminal_progress()
        # Drawn from the first second on, whatever is under way.
        with progress.task(f"decompose {loaded.name}"[:40], None):
            result = run(
                loaded,
                source,
                eta=thresholds,
                tolerance=wanted,
                sample=points,
                certify=certify,
                max_nodes=max_nodes,
                progress=progress,
            )
            objectives = [
                iwae_objective(loaded, source, samples=count, sample=points, progress=progress)
                for count in all_samples
            ]
            known = None
            if informativeness:
                known = run_informativeness(loaded, source, sample=points, progress=progress)
    if output is not None:
        result.save(output)
    if as_json:
        added: dict[str, object] = {}
        if objectives:
            added["iwae"] = [one.to_dict() for one in objectives]
        if known is not None:
            added["informativeness"] = known.to_dict()
        print_json(result.to_dict() | added, "decompose")
        return
    show_decomposition(result, wanted, objectives, asked=tolerance is not None)
    if known is not None:
        from theorycheck.cli.latent_tables import show_informativeness

        show_informativeness(known)


def show_decomposition(
    result: Decomposition, tolerance: float, objectives: list[IwaeObjective], *, asked: bool
) -> None:
    """Print the tables, and what they say.

    Parameters
    ----------
    result : Decomposition
    tolerance : float
        Error radius of the PMO, nats, that was worked for.
    objectives : list of IwaeObjective
    asked : bool
        Whether the user named the tolerance.
    """
    from theorycheck.cli.decompose_words import figures, in_words
    from theorycheck.cli.render import console, estimate_text, say, table

    out = console()
    variances = [f"{value:g}" for value in result.model.noise_variance]
    if len(variances) > 4:
        # For images show one σ² for all pixels, or the first of them.
        variances = variances[:1] if len(set(variances)) == 1 else [*variances[:4], "..."]
    variance = ", ".join(variances)
    title = f"{result.model.name}, σ² = {variance}"
    known = result.given is None or result.given.truth_known
    if result.data is not result.model:
        title += f", on the data of {result.data.name}"
    if result.given is not None:
        title += f", on a given sample of {result.given.size} x"
    out.print(table(title, ("", "nats"), figures(result)))
    if objectives:
        lines = [
            (str(one.samples), str(one.excess) if known else "unknown", str(one.gap))
            for one in objectives
        ]
        heads = ("S", "J_S = MLEO + gap", "gap = E[log p_f − L_S]")
        out.print(table("IWAE objective at the best q for each S, nats", heads, lines))
    if result.eta:
        rows = [
            [f"{part.eta:g}", *(estimate_text(e) for e in (part.pr_lo, part.pr_hi))]
            # The mean over an empty part is not defined.
            + ["—" if e.error == float("inf") else str(e) for e in (part.d_lo, part.d_hi)]
            for part in result.eta_partition
        ]
        out.print(table("Partition at η", ("η", "Pr[KL <= η]", "Pr[KL > η]", "D_Lo", "D_Hi"), rows))
    say(out, in_words(result, tolerance, asked=asked))
    if result.certificate is not None:
        where = "draws from p(x)" if result.given is None else "x of the sample"
        say(
            out,
            f"Certified: at {result.certificate.points} {where} no mean-field q beats the one "
            f"found by more than {result.certificate.largest_gap:.1e} nats.",
        )
    say(out, f"By {result.method}.")
    if result.single_precision:
        say(
            out,
            "f is in single precision (float32): the radii hold its rounding. In float64 they "
            "would be smaller.",
        )
    if math.isfinite(result.verified_width):
        say(
            out,
            f"f was scanned at latents {result.verified_width:.2g} apart: the radii do not speak "
            "of what is narrower in z (--resolution).",
        )
