"""Runs ``theorycheck disentangle``: which rotation of two latents the ELBO prefers."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from theorycheck.cli.figure_files import checked_figure, write_figure
from theorycheck.cli.options import (
    AsJson,
    LatentsOption,
    MaxNodes,
    Model,
    ModelOptions,
    NoiseVariance,
    Vectorize,
    checked_directory,
)
from theorycheck.errors import SettingError
from theorycheck.estimate import Verdict

if TYPE_CHECKING:
    from theorycheck.downstream import Disentanglement, Representation

#: The result's two files.
_JSON, _PICTURE = "disentangle.json", "disentangle.png"


def disentangle(
    model: Model,
    angles: Annotated[
        int,
        typer.Option(
            "--angles",
            metavar="N",
            help="Look at N angles between 0° and 90°, 4 at least, before the best one is placed.",
        ),
    ] = 16,
    max_nodes: MaxNodes = 5_000,
    noise_variance: NoiseVariance = None,
    vectorize: Vectorize = False,
    latents: LatentsOption = None,
    figure: Annotated[
        Path | None,
        typer.Option(
            "--figure",
            metavar="FILE",
            help="Draw J against the angle, and what the latents say of the factors, into this "
            "file: .svg, .pdf or .png.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR",
            help=f"Write {_JSON} and {_PICTURE} into this folder.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run the verb."""
    if angles < 4:
        raise SettingError(f"--angles: 4 are needed at least, not {angles}")
    if figure is not None:
        checked_figure(figure)
    if output is not None:
        checked_directory(output)
    from theorycheck.cli.render import print_json, stdout_kept_for_result
    from theorycheck.downstream import disentangle as run
    from theorycheck.inference import LinearGaussianModel
    from theorycheck.models import GenerativeModel
    from theorycheck.terminal_progress import terminal_progress

    options = ModelOptions(noise_variance, vectorize, latents=latents)
    with stdout_kept_for_result():
        loaded = options.load_exact(model)
        if not isinstance(loaded, GenerativeModel | LinearGaussianModel):
            raise SettingError(f"{model}: rotations are compared of decoders without labels")
        found = run(loaded, angles=angles, max_nodes=max_nodes, progress=terminal_progress())
    _write(found, figure, output)
    if as_json:
        print_json(found.to_dict(), "disentangle")
        return
    _show(found)


def _write(found: Disentanglement, figure: Path | None, output: Path | None) -> None:
    """Write the figure and the folder that were asked for."""
    if figure is None and output is None:
        return
    from theorycheck.cli.result_files import json_text, write_folder
    from theorycheck.report import disentanglement_figure, paper_figure

    drawn = disentanglement_figure(found)
    if figure is not None:
        write_figure(drawn, figure)
    if output is not None:
        text = json_text("disentangle", found.to_dict())
        write_folder(output, {_JSON: text, _PICTURE: paper_figure(drawn, "png")})


def _show(found: Disentanglement) -> None:
    from theorycheck.cli.render import console, say, table

    out = console()
    rows = [
        (f"{math.degrees(angle):.4g}°", str(pmo))
        for angle, pmo in zip(found.angles, found.pmo, strict=True)
    ]
    title = f"{found.model.name}: J = PMO of f(R_a z), all with one p(x)"
    out.print(table(title, ("angle a", "J, nats"), rows))
    for one in (found.given, found.preferred):
        _show_factors(one)
    for line in in_words(found):
        say(out, line)


def _show_factors(one: Representation) -> None:
    from theorycheck.cli.render import console, table

    rows = [
        (f"latent {j + 1}", *(str(value) for value in row))
        for j, row in enumerate(one.factors.matrix)
    ]
    factors = [f"factor z{k + 1}" for k in range(len(one.factors.matrix[0]))]
    title = f"{one.name}: I(latent; factor), nats; MIG {one.factors.mig}"
    console().print(table(title, ("", *factors), rows))


def in_words(found: Disentanglement) -> list[str]:
    """Say which rotation the ELBO prefers, and what becomes of the factors.

    Parameters
    ----------
    found : Disentanglement

    Returns
    -------
    list of str
    """
    degrees, off = (math.degrees(value) for value in (found.angle.value, found.angle.error))
    if found.cares is not Verdict.HOLDS:
        lines = [
            f"No preference is seen: over all angles J differs by {found.spread} nats. Every "
            "rotation of these latents is as good for the ELBO."
        ]
    elif found.prefers_another is Verdict.HOLDS:
        lines = [
            f"The ELBO prefers f turned by {degrees:.4g}° (± {off:.2g}°) to f itself, by "
            f"{found.gain} nats; p(x) is the same."
        ]
        lines.append(
            {
                Verdict.HOLDS: "Its latents separate the factors less: its mutual information gap "
                "(MIG) is smaller.",
                Verdict.FAILS: "Its latents separate the factors no less: its mutual information "
                "gap (MIG) is not smaller.",
                Verdict.INCONCLUSIVE: "Whether its latents separate the factors less is not "
                "decided: the two mutual information gaps (MIG) are within their radii.",
            }[found.entangles]
        )
    else:
        lines = [
            "No rotation that was looked at is better than f itself beyond the radius; over all "
            f"angles J differs by {found.spread} nats."
        ]
    return [*lines, f"The factors are the latents of f as it is given. By {found.method}."]
