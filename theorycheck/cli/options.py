"""Options that several verbs share, and the models that they describe."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from theorycheck.errors import LoadingError, SettingError, TheorycheckError

if TYPE_CHECKING:
    from theorycheck.models import DescribedModel, GenerativeModel

Model = Annotated[str, typer.Argument(metavar="MODEL", help="What is checked.", show_default=False)]
Models = Annotated[
    list[str], typer.Argument(metavar="MODEL...", help="What is checked.", show_default=False)
]
Alternatives = Annotated[
    list[str] | None,
    typer.Option(
        "--alternative",
        metavar="MODEL",
        help="A decoder to try in condition (1), on the ground truth's data; repeatable.",
    ),
]
Eta = Annotated[
    list[str] | None,
    typer.Option(
        "--eta",
        metavar="E",
        help="Threshold of the partition, nats; repeatable, or separate by commas.",
    ),
]
NoiseVariance = Annotated[
    list[str] | None,
    typer.Option(
        "--noise-variance",
        metavar="V",
        help="σ² of MODEL, needed where it has none; one, or one per data dimension: repeat the "
        "option or separate by commas.",
    ),
]
DataNoiseVariance = Annotated[
    list[str] | None,
    typer.Option(
        "--data-noise-variance",
        metavar="V",
        help="σ² of the --data model; by default its own, else that of MODEL.",
    ),
]
AlternativeNoiseVariance = Annotated[
    list[str] | None,
    typer.Option(
        "--alternative-noise-variance",
        metavar="V",
        help="σ² of every --alternative; by default its own, else that of MODEL.",
    ),
]
Vectorize = Annotated[
    bool, typer.Option("--vectorize", help="Call a Python function once per latent (slow).")
]
Breakpoints = Annotated[
    list[str] | None,
    typer.Option(
        "--breakpoints",
        metavar="Z",
        help="Latents where MODEL has a kink or a jump, comma-separated or repeated; 'none' says "
        "that there are none. By default declared or detected.",
    ),
]
TableKind = Annotated[
    str | None,
    typer.Option(
        "--table-kind",
        metavar="KIND",
        help="How a table goes on between its points: linear, cubic or cells.",
    ),
]
Resolution = Annotated[
    float | None,
    typer.Option(
        "--resolution",
        metavar="W",
        help="Scan f at latents W apart, so that no bump, dip or gap wider than W in z is missed; "
        "from 1e-6, by default 5e-4.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


def parse_numbers(texts: list[str] | None, option: str) -> list[float] | None:
    """Return the numbers of a repeatable, comma-separated option; None where it is not given.

    Parameters
    ----------
    texts : list of str or None
        One entry for each time that the option was given.
    option : str
        Its name, for the error.

    Returns
    -------
    list of float or None

    Raises
    ------
    SettingError
        If an entry is not a number.
    """
    if not texts:
        return None
    numbers = []
    for part in (part.strip() for text in texts for part in text.split(",")):
        try:
            numbers.append(float(part))
        except ValueError:
            raise SettingError(f"{option}: '{part}' is not a number") from None
    return numbers


def parse_eta(texts: list[str] | None) -> list[float]:
    """Return the thresholds; none where none is given. Their range is the engine's to check."""
    return parse_numbers(texts, "--eta") or []


def checked_alternatives(specs: list[str] | None, noise_variance: list[str] | None) -> None:
    """Refuse a σ² for alternatives that are not there, before anything takes time."""
    if not specs and noise_variance:
        raise SettingError("--alternative-noise-variance is for --alternative, which is not given")


def checked_tolerance(tolerance: float) -> float:
    """Return the tolerance, or say that it is not one: the engine takes inf for "whatever"."""
    if not (math.isfinite(tolerance) and tolerance > 0.0):
        raise SettingError(f"--tolerance must be positive and finite, not {tolerance}")
    return tolerance


@dataclass(frozen=True)
class ModelOptions:
    """How the models of one command are to be read.

    Parameters
    ----------
    noise_variance, breakpoints : list of str or None
        As given, unparsed.
    vectorize : bool
    table_kind : str or None
    resolution : float or None
        For every model of the command.
    """

    noise_variance: list[str] | None = None
    vectorize: bool = False
    breakpoints: list[str] | None = None
    table_kind: str | None = None
    resolution: float | None = None

    def load(self, spec: str) -> GenerativeModel:
        """Load the MODEL of the command."""
        from theorycheck.models import load_model

        none = [text.strip().lower() for text in self.breakpoints or []] == ["none"]
        breakpoints = [] if none else parse_numbers(self.breakpoints, "--breakpoints")
        return load_model(
            spec,
            noise_variance=parse_numbers(self.noise_variance, "--noise-variance"),
            vectorize=self.vectorize,
            breakpoints=breakpoints,
            table_kind=self._checked_kind(),
            resolution=self.resolution,
        )

    def load_exact(self, spec: str) -> DescribedModel:
        """Load the MODEL of the command, which may have more latents than one (``linear:``)."""
        from theorycheck.cli.linear_models import linear_model

        variance = parse_numbers(self.noise_variance, "--noise-variance")
        return linear_model(spec, variance) or self.load(spec)

    def load_other(
        self, spec: str, noise_variance: list[str] | None, option: str, model: DescribedModel
    ) -> GenerativeModel:
        """Load a model of --data or --alternative, which need not have a σ² of its own.

        Parameters
        ----------
        spec : str
            Its specification.
        noise_variance : list of str or None
            What the user gave as its σ²; it wins.
        option : str
            The name of that option.
        model : GenerativeModel
            Whose σ² it takes where it has none.

        Returns
        -------
        GenerativeModel
        """
        from theorycheck.models import load_model

        given = parse_numbers(noise_variance, option)
        load = partial(
            load_model,
            spec,
            vectorize=self.vectorize,
            table_kind=self._checked_kind(),
            resolution=self.resolution,
        )
        try:
            return load(noise_variance=given)
        except LoadingError:
            if given is not None:
                raise
        # Only a missing σ² can be mended here; every other fault shows again. One σ² for all
        # dimensions goes as one number, so that a wrong D is not reported as a wrong σ².
        variance = model.noise_variance.tolist()
        shared = variance[:1] if len(set(variance)) == 1 else variance
        return load(noise_variance=shared)

    def load_alternatives(
        self,
        specs: list[str] | None,
        noise_variance: list[str] | None,
        model: DescribedModel,
    ) -> list[GenerativeModel]:
        """Load every --alternative; see :meth:`load_other`."""
        option = "--alternative-noise-variance"
        return [self.load_other(spec, noise_variance, option, model) for spec in specs or ()]

    def _checked_kind(self) -> str | None:
        from theorycheck.errors import nearest
        from theorycheck.models import KINDS

        if self.table_kind is not None and self.table_kind not in KINDS:
            raise SettingError(
                f"--table-kind: there is no '{self.table_kind}': {nearest(self.table_kind, KINDS)}"
            )
        return self.table_kind


def checked_directory(path: Path) -> Path:
    """Say before hours of work, not after, that a directory cannot be made.

    Parameters
    ----------
    path : Path
        What the user gave as -o. It is not made here.

    Returns
    -------
    Path

    Raises
    ------
    SettingError
        If it is a file, lies below one, or may not be written.
    """
    import os

    existing = path
    try:
        while not existing.exists() and existing != existing.parent:
            existing = existing.parent
        if not existing.is_dir():
            raise SettingError(f"-o {path}: {existing} is not a directory")
        if not os.access(existing, os.W_OK | os.X_OK):
            raise SettingError(f"-o {path}: {existing} may not be written")
    except (OSError, ValueError) as error:
        raise cannot_write(path, error) from error
    return path


def cannot_write(path: Path, error: Exception) -> TheorycheckError:
    """Return the one line for a directory that turned out not to be writable."""
    reason = getattr(error, "strerror", None) or error
    return SettingError(f"-o {path}: cannot be written: {reason}")
