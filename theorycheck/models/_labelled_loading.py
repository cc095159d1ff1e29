"""From what a user writes to a labelled model: the MODEL of ``theorycheck labels``."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theorycheck.errors import LoadingError
from theorycheck.models._benchmarks import BENCHMARKS, benchmark
from theorycheck.models._decoder import Decoder
from theorycheck.models._expression import parse_expression
from theorycheck.models._labelled import LabelledModel
from theorycheck.models._loading import NOISE_ATTRIBUTE, load_model, module_of_file, object_in

Array = NDArray[np.float64]

_FORMS = (
    "a labelled model is discrete_semi_circle, file.py:function of (y, z), an expr: in y and z, or "
    "several models, one for each class, with a + between them"
)
#: Module attribute of a user's file that gives π.
_PRIOR_ATTRIBUTE = "PRIOR"
#: The name y by itself.
_LABEL = re.compile(r"\by\b")


def load_labelled_model(
    spec: str | LabelledModel,
    *,
    prior: ArrayLike | None = None,
    classes: int | None = None,
    noise_variance: ArrayLike | None = None,
    breakpoints: Sequence[float] | None = None,
    table_kind: str | None = None,
    resolution: float | None = None,
) -> LabelledModel:
    """Make a labelled model from its specification.

    Parameters
    ----------
    spec : str or LabelledModel
        ``discrete_semi_circle``; ``file.py:name``, a function of (y, z) with y = 0 … C − 1, z of
        shape (n,), that returns (n, D), or a LabelledModel (the file is run: trust it);
        ``expr:...`` in y and z (parsed, never run); or models of the classes with a ``+`` between
        them, such as ``a.csv+b.csv``.
    prior : array_like, shape (C,), optional
        π, positive, with sum 1; by default what a file says as ``PRIOR``, else equal shares.
    classes : int, optional
        C of a function or an expression; by default the length of the prior, else 2.
    noise_variance : float or sequence of D floats, optional
        σ², one for all classes; needed where the model has none.
    breakpoints, table_kind, resolution
        As for :func:`theorycheck.load_model`, for every class.

    Returns
    -------
    LabelledModel

    Raises
    ------
    LoadingError
        One line, if there is no such model, its label is continuous, or σ² is missing.
    ExpressionError, DecoderError, ModelError
        If the expression, an f, σ² or the prior is at fault.
    """
    if isinstance(spec, LabelledModel):
        return spec
    if not isinstance(spec, str):
        raise LoadingError(f"cannot make a labelled model of {type(spec).__name__}: {_FORMS}")
    text = spec.strip()
    given: dict[str, Any] = {
        "noise_variance": noise_variance,
        "breakpoints": breakpoints,
        "table_kind": table_kind,
        "resolution": resolution,
    }
    count = _count(prior, classes)
    if text in BENCHMARKS and BENCHMARKS[text].semi_supervised:
        return _of_benchmark(text, prior, given)
    if text.startswith("expr:"):
        return _of_expression(text.removeprefix("expr:").strip(), prior, count or 2, given)
    path, colon, name = text.rpartition(":")
    if colon and path.lower().endswith(".py") and "+" not in name:
        return _of_file(Path(path), name, prior, count, given)
    parts = [part.strip() for part in text.split("+")]
    if len(parts) < 2 or not all(parts):
        raise LoadingError(f"there is no labelled model '{spec}': {_FORMS}")
    return LabelledModel([load_model(part, **given) for part in parts], prior, text)


def _count(prior: ArrayLike | None, classes: int | None) -> int | None:
    length = None if prior is None else int(np.size(np.asarray(prior, dtype=object)))
    if classes is not None and classes < 2:
        raise LoadingError(f"a labelled model has two classes or more, not {classes}")
    if length is not None and classes is not None and length != classes:
        raise LoadingError(f"{length} prior shares for {classes} classes")
    return classes if length is None else length


def _of_benchmark(text: str, prior: ArrayLike | None, given: dict[str, Any]) -> LabelledModel:
    if text != "discrete_semi_circle":
        raise LoadingError(
            f"{text}: its label is continuous: --labels continuous "
            "(load_continuous_label_model in Python)"
        )
    models = [benchmark(f"{text}:y={y}") for y in (0, 1)]
    return LabelledModel([load_model(model, **given) for model in models], prior, text)


def _of_expression(
    text: str, prior: ArrayLike | None, count: int, given: dict[str, Any]
) -> LabelledModel:
    if not _LABEL.search(text):
        raise LoadingError(
            f"expr:{text}: without y all classes would be the same; write y for the label, 0 to "
            f"{count - 1}, as in expr:[z, (2*y - 1)*z^2]"
        )
    # The label is put in as a number before anything is parsed; nothing is ever run.
    decoders = [parse_expression(_LABEL.sub(f"({y})", text)).to_decoder() for y in range(count)]
    return LabelledModel([load_model(one, **given) for one in decoders], prior, f"expr:{text}")


def _of_file(
    path: Path, name: str, prior: ArrayLike | None, count: int | None, given: dict[str, Any]
) -> LabelledModel:
    module = module_of_file(path)
    found = object_in(module, path, name)
    if isinstance(found, LabelledModel):
        return found
    if prior is None:
        prior = getattr(module, _PRIOR_ATTRIBUTE, None)
        count = _count(prior, count)
    if not callable(found) or isinstance(found, type):
        raise LoadingError(f"{path}: '{name}' is not a function of (y, z)")
    if arguments_of(found) == 1:
        raise LoadingError(
            f"{path}: '{name}' takes z alone; a labelled model is a function of (y, z)"
        )
    noise = given["noise_variance"]
    if noise is None:
        noise = getattr(module, NOISE_ATTRIBUTE, None)
    models = []
    for y in range(count or 2):
        decoder = Decoder.from_function(_with_label(found, y), name=f"{name}, y = {y}")
        models.append(load_model(decoder, **{**given, "noise_variance": noise}))
    return LabelledModel(models, prior, name)


def _with_label(
    function: Callable[[int, Array], ArrayLike], y: int
) -> Callable[[Array], ArrayLike]:
    return lambda z: function(y, z)


def arguments_of(function: Callable[..., Any]) -> int | None:
    """Count the arguments that a function must be given; None where nobody can say."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if any(one.kind is inspect.Parameter.VAR_POSITIONAL for one in parameters):
        return None
    return sum(one.kind in positional for one in parameters)
