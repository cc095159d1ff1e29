"""``theorycheck decompose``: −ELBO = H + MLEO + PMO."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from theorycheck.cli.decoder_files import checked_output
from theorycheck.cli.options import (
    AsJson,
    Breakpoints,
    DataNoiseVariance,
    Eta,
    Model,
    ModelOptions,
    NoiseVariance,
    Resolution,
    TableKind,
    Vectorize,
    checked_tolerance,
    parse_eta,
)
from theorycheck.cli.result_files import ResultFile
from theorycheck.errors import SettingError

if TYPE_CHECKING:
    from theorycheck.objectives import Decomposition, IwaeObjective

_MEANINGS = {
    "entropy": "entropy H of the data",
    "mleo": "MLEO = KL[p ‖ p_f]",
    "pmo": "PMO = E KL[q* ‖ p_f(z|x)]",
    "excess": "J = MLEO + PMO",
    "negative_elbo": "−ELBO = H + J",
}


def decompose(
    model: Model,
    data: Annotated[
        str | None,
        typer.Option(
            "--data", metavar="MODEL", help="Whose data MODEL is judged on; by default its own."
        ),
    ] = None,
    eta: Eta = None,
    sample: Annotated[
        Path | None,
        typer.Option(
            "--sample",
            metavar="FILE",
            help="Average over this sample of x (.csv, .npy, or .npz with x), not over p(x).",
        ),
    ] = None,
    tolerance: Annotated[
        float, typer.Option("--tolerance", metavar="T", help="Error radius of the PMO, nats.")
    ] = 1e-6,
    max_nodes: Annotated[
        int,
        typer.Option(
            "--max-nodes",
            metavar="N",
            help="Average over at most so many x; what needs more is sampled, with a statistical "
            "radius.",
        ),
    ] = 3_000_000,
    certify: Annotated[
        int,
        typer.Option(
            "--certify",
            metavar="N",
            help="Prove at N draws from p(x) that q* is the global optimum, to 1e-9 nats.",
        ),
    ] = 0,
    iwae: Annotated[
        list[str] | None,
        typer.Option(
            "--iwae",
            metavar="S",
            help="Add J of the IWAE objective with S samples, at the best q for that S; "
            "repeatable, or separate by commas.",
        ),
    ] = None,
    noise_variance: NoiseVariance = None,
    data_noise_variance: DataNoiseVariance = None,
    vectorize: Vectorize = False,
    breakpoints: Breakpoints = None,
    table_kind: TableKind = None,
    resolution: Resolution = None,
    output: ResultFile = None,
    as_json: AsJson = False,
) -> None:
    """Run the verb."""
    if data is None and data_noise_variance:
        raise SettingError("--data-noise-variance is for --data, which is not given")
    checked_tolerance(tolerance)
    if output is not None:
        checked_output(output)
    from theorycheck.cli.render import print_json, stdout_kept_for_result
    from theorycheck.cli.samples import read_sample
    from theorycheck.terminal_progress import terminal_progress

    options = ModelOptions(noise_variance, vectorize, breakpoints, table_kind, resolution)
    thresholds = parse_eta(eta)
    all_samples = _parse_samples(iwae)
    with stdout_kept_for_result():
        loaded = options.load(model)
        source = None
        if data is not None:
            source = options.load_other(data, data_noise_variance, "--data-noise-variance", loaded)
        # Last, because it takes a second that a mistake above need not.
        from theorycheck.objectives import decompose as run
        from theorycheck.objectives import iwae_objective

        points = None if sample is None else read_sample(sample)
        result = run(
            loaded,
            source,
            eta=thresholds,
            tolerance=tolerance,
            sample=points,
            certify=certify,
            max_nodes=max_nodes,
            progress=terminal_progress(),
        )
        objectives = [
            iwae_objective(
                loaded, source, samples=count, sample=points, progress=terminal_progress()
            )
            for count in all_samples
        ]
    if output is not None:
        result.save(output)
    if as_json:
        added = {"iwae": [one.to_dict() for one in objectives]} if objectives else {}
        print_json(result.to_dict() | added, "decompose")
    else:
        _show(result, tolerance, objectives)


def _parse_samples(texts: list[str] | None) -> list[int]:
    """Return the S of every --iwae, before anything takes time."""
    counts = []
    for part in (part.strip() for text in texts or () for part in text.split(",")):
        if not part.isascii() or not part.isdigit() or int(part) < 1:
            raise SettingError(f"--iwae: the number of samples must be an integer >= 1, not {part}")
        counts.append(int(part))
    return counts


def _show(result: Decomposition, tolerance: float, objectives: list[IwaeObjective]) -> None:
    from theorycheck.cli.render import console, estimate_text, say, table

    out = console()
    variance = ", ".join(f"{value:g}" for value in result.model.noise_variance)
    title = f"{result.model.name}, σ² = {variance}"
    if result.data is not result.model:
        title += f", on the data of {result.data.name}"
    figures = [(text, str(getattr(result, name))) for name, text in _MEANINGS.items()]
    out.print(table(title, ("", "nats"), figures))
    if objectives:
        lines = [(str(one.samples), str(one.excess), str(one.gap)) for one in objectives]
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
    say(out, _in_words(result, tolerance))
    if result.certificate is not None:
        say(
            out,
            f"Certified: at {result.certificate.points} draws from p(x) no mean-field q beats the "
            f"one found by more than {result.certificate.largest_gap:.1e} nats.",
        )
    say(out, f"By {result.method}.")
    if math.isfinite(result.verified_width):
        say(
            out,
            f"f was scanned at latents {result.verified_width:.2g} apart: the radii do not speak "
            "of what is narrower in z (--resolution).",
        )


def _in_words(result: Decomposition, tolerance: float) -> str:
    """Say what the figures mean."""
    if not result.resolved:
        return (
            "Unresolved: the error radius is too large to say anything. f may be too steep or too "
            f"rough for these nodes: a prior mass of {result.unresolved_mass:.1e} is not resolved "
            "against σ. Declaring its kinks and jumps (--breakpoints) may help."
        )
    words = (
        f"At the best mean-field q the ELBO is {result.excess} nats below the best that any model "
        "can reach on these data"
    )
    if result.data is result.model:
        words += ", all of it for want of a better q: another decoder wins where its J is smaller."
    else:
        words += f": {result.mleo} for the wrong p(x), {result.pmo} for want of a better q."
    if not result.converged:
        words += (
            f" The tolerance of {tolerance:g} was not reached: the radii tell what was. A larger "
            "--tolerance, more --max-nodes, or declared --breakpoints may settle it."
        )
    return words
