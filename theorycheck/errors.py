"""Defines the errors that a user can cause, each with one clear line.

The command line turns every :class:`TheorycheckError` into that line on stderr
and exit code 2. Anything else that escapes is a defect of this package and
keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class TheorycheckError(Exception):
    """Every error that bad input causes inherits from this one."""


class DecoderError(TheorycheckError):
    """f_θ misbehaves: it raises, returns NaN, the wrong shape or the wrong dtype."""


class ModelError(TheorycheckError):
    """A generative model is ill-posed, for example σ² ≤ 0 or of the wrong length."""


class LoadingError(TheorycheckError):
    """A model specification cannot be read: a missing file, a name that is not there."""


class ExpressionError(TheorycheckError):
    """An expression uses something that the small language of f_θ does not have."""


class DataError(TheorycheckError):
    """A data set cannot be had or read: no network, a wrong checksum, a damaged file."""


class SettingError(TheorycheckError):
    """An option has a value outside its range."""


class MissingExtraError(TheorycheckError):
    """An optional dependency is needed and is not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs {package}, which is not installed: pip install 'theorycheck[{extra}]'"
        )


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint naming the known names nearest to `name`, or all of them.

    Parameters
    ----------
    name : str
        The name that the user wrote.
    known : iterable of str
        The names that exist.

    Returns
    -------
    str
        ``"did you mean 'circle'?"`` or ``"known: a, b, c"``.
    """
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f"did you mean '{close[0]}'?" if close else "known: " + ", ".join(names)
