"""Defines options that several verbs share, and reads the models that they describe."""

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

_MODEL_HELP = "The decoder f with its noise variance σ², in one of the forms above."
Model = Annotated[str, typer.Argument(metavar="MODEL", help=_MODEL_HELP, show_default=False)]
Models = Annotated[
    list[str],
    typer.Argument(
        metavar="MODEL...", help=_MODEL_HELP + " Several may be given.", show_default=False
    ),
]
Alternatives = Annotated[
    list[str] | None,
    typer.Option(
        "--alternative",
        metavar="MODEL",
        help="Check condition (1) for this decoder too, on the data of MODEL; repeatable.",
    ),
]
Eta = Annotated[
    list[str] | None,
    typer.Option(
        "--eta",
        metavar="E",
        help="Split the data space at KL(x) = E nats, into X_Lo (KL up to E) and X_Hi (above); "
        "repeatable, or several numbers separated by commas.",
    ),
]
NoiseVariance = Annotated[
    list[str] | None,
    typer.Option(
        "--noise-variance",
        metavar="V",
        help="Set σ² of MODEL, in squared units of x; needed where MODEL has none. Give one "
        "number, or one for each data dimension, separated by commas.",
    ),
]
DataNoiseVariance = Annotated[
    list[str] | None,
    typer.Option(
        "--data-noise-variance",
        metavar="V",
        help="Set σ² of the --data model. By default it is its own, or else that of MODEL.",
    ),
]
AlternativeNoiseVariance = Annotated[
    list[str] | None,
    typer.Option(
        "--alternative-noise-variance",
        metavar="V",
        help="Set σ² of every --alternative. By default it is its own, or else that of MODEL.",
    ),
]
Vectorize = Annotated[
    bool,
    typer.Option(
        "--vectorize",
        help="Call the Python function with one number z at a time, not with an array (slow).",
    ),
]
Breakpoints = Annotated[
    list[str] | None,
    typer.Option(
        "--breakpoints",
        metavar="Z",
        help="Declare the z at which f has a kink or a jump, separated by commas, or 'none'. By "
        "default they are known from the expression or found by a scan.",
    ),
]
TableKind = Annotated[
    str | None,
    typer.Option(
        "--table-kind",
        metavar="KIND",
        help="Interpolate a table of z, f(z): linear, cubic, or cells (constant between the z). By "
        "default linear.",
    ),
]
Resolution = Annotated[
    float | None,
    typer.Option(
        "--resolution",
        metavar="W",
        help="Scan f at points W apart in z, so that nothing wider than W is missed; at least "
        "1e-6, by default 5e-4.",
    ),
]
Certify = Annotated[
    int,
    typer.Option(
        "--certify",
        metavar="N",
        help="Prove at N draws x from p(x) that q* is the best Gaussian q, to about 1e-9 nats.",
    ),
]
LatentsOption = Annotated[
    int | None,
    typer.Option(
        "--latents",
        metavar="K",
        help="Say how many latents z a Python function, a network or an expression has: 1, 2 or 3. "
        "By default what the expression, the network or LATENTS in the file says, else 1.",
    ),
]
IwaeSamples = Annotated[
    list[str] | None,
    typer.Option(
        "--iwae",
        metavar="S",
        help="Print the IWAE figures with S samples too, at the best q for that S; repeatable, or "
        "several numbers separated by commas.",
    ),
]
PmoTolerance = Annotated[
    float,
    typer.Option("--tolerance", metavar="T", help="Aim at this error radius of every PMO, nats."),
]
MaxNodes = Annotated[
    int,
    typer.Option(
        "--max-nodes",
        metavar="N",
        help="Evaluate at most N x. Where quadrature needs more, p(x) is sampled instead, with a "
        "statistical error radius.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


def parse_numbers(texts: list[str] | None, option: str) -> list[float] | None:
    """Return the numbers of a repeatable, comma-separated option; None where it is not given.

    Parameters
    ----------
    texts : list of str or None
        An entry for each time that the option was given.
    option : str
        Name of the option, for the error.

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


def parse_breakpoints(texts: list[str] | None) -> list[float] | None:
    """Return the declared breakpoints; an empty list for 'none', None where nothing is said."""
    none = [text.strip().lower() for text in texts or []] == ["none"]
    return [] if none else parse_numbers(texts, "--breakpoints")


def parse_eta(texts: list[str] | None) -> list[float]:
    """Return the thresholds; none where none is given. Their range is the engine's to check."""
    return parse_numbers(texts, "--eta") or []


def parse_samples(texts: list[str] | None) -> list[int]:
    """Return the S of every --iwae, before anything takes time."""
    counts = []
    for part in (part.strip() for text in texts or () for part in text.split(",")):
        if not part.isascii() or not part.isdigit() or int(part) < 1:
            raise SettingError(f"--iwae: the number of samples must be an integer >= 1, not {part}")
        counts.append(int(part))
    return counts


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
    """Says how the models of one command are to be read.

    Parameters
    ----------
    noise_variance, breakpoints : list of str or None
        Values of the options, unparsed.
    vectorize : bool
    table_kind : str or None
    resolution : float or None
        Step of the scan in z for every model of the command.
    latents : int or None
        Number of latents K of MODEL.
    """

    noise_variance: list[str] | None = None
    vectorize: bool = False
    breakpoints: list[str] | None = None
    table_kind: str | None = None
    resolution: float | None = None
    latents: int | None = None

    def load(self, spec: str, *, any_latents: bool = False) -> GenerativeModel:
        """Load the MODEL of a command that is for decoders of one latent, or of any number."""
        from theorycheck.models import as_generative

        loaded = self._loaded(spec)
        return loaded if any_latents else as_generative(loaded)

    def _loaded(self, spec: str) -> GenerativeModel:
        from theorycheck.models import load_model

        return load_model(
            spec,
            noise_variance=parse_numbers(self.noise_variance, "--noise-variance"),
            vectorize=self.vectorize,
            breakpoints=parse_breakpoints(self.breakpoints),
            table_kind=self._checked_kind(),
            resolution=self.resolution,
            latents=self.latents,
        )

    def load_exact(self, spec: str) -> DescribedModel:
        """Load the MODEL of a command, which may have more latents than one."""
        from theorycheck.cli.linear_models import linear_model

        variance = parse_numbers(self.noise_variance, "--noise-variance")
        return linear_model(spec, variance) or self._loaded(spec)

    def load_other(
        self,
        spec: str,
        noise_variance: list[str] | None,
        option: str,
        model: DescribedModel,
        *,
        latents: int | None = None,
    ) -> GenerativeModel:
        """Load a model of --data or --alternative, which need not have a σ² of its own.

        Parameters
        ----------
        spec : str
            Specification of the model, as for MODEL.
        noise_variance : list of str or None
            Value of the option for its σ²; it wins.
        option : str
            The name of that option.
        model : GenerativeModel
            Model that lends its σ² where the other has none.
        latents : int, optional
            Its number of latents, where that was said.

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
            latents=latents,
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
        Value of -o. The folder is not made here.

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
