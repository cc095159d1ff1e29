"""From what a user writes to a model with a continuous label."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from numpy.typing import ArrayLike

from theorycheck.arrays import Array
from theorycheck.errors import LoadingError
from theorycheck.models._benchmarks import BENCHMARKS
from theorycheck.models._continuous_label import ContinuousLabelModel
from theorycheck.models._expression import parse_labelled_expression
from theorycheck.models._labelled_loading import arguments_of
from theorycheck.models._loading import NOISE_ATTRIBUTE, module_of_file, object_in

#: The benchmark whose label is continuous.
CONTINUOUS_BENCHMARK = "continuous_semi_circle"
_FORMS = (
    f"a model with a continuous label is {CONTINUOUS_BENCHMARK}, file.py:function of (y, z), or an "
    "expr: in y and z"
)


def load_continuous_label_model(
    spec: str | ContinuousLabelModel, *, noise_variance: ArrayLike | None = None
) -> ContinuousLabelModel:
    """Make a model with a label y ~ N(0, 1) from its specification.

    Parameters
    ----------
    spec : str or ContinuousLabelModel
        ``continuous_semi_circle``; ``file.py:name``, a function of (y, z), both of shape (n,), that
        returns (n, D), or a ContinuousLabelModel (the file is run: trust it); or ``expr:...`` in y
        and z (parsed, never run).
    noise_variance : float or sequence of D floats, optional
        σ²; needed where the model has none.

    Returns
    -------
    ContinuousLabelModel

    Raises
    ------
    LoadingError
        One line, if there is no such model, or σ² is missing.
    ExpressionError, DecoderError, ModelError
        If the expression, f or σ² is at fault.
    """
    if isinstance(spec, ContinuousLabelModel):
        return spec if noise_variance is None else spec.with_noise_variance(noise_variance)
    if not isinstance(spec, str):
        raise LoadingError(f"cannot make a model of {type(spec).__name__}: {_FORMS}")
    text = spec.strip()
    if text == CONTINUOUS_BENCHMARK:
        entry = BENCHMARKS[text]
        noise = entry.noise_variance if noise_variance is None else noise_variance
        return ContinuousLabelModel(_of_few_labels(entry.function), noise, text)
    if text.startswith("expr:"):
        function = parse_labelled_expression(text.removeprefix("expr:").strip())
        return ContinuousLabelModel(function, _needed(noise_variance, text), text)
    path, colon, name = text.rpartition(":")
    if colon and path.lower().endswith(".py"):
        return _of_file(Path(path), name, noise_variance)
    raise LoadingError(f"there is no model with a continuous label '{spec}': {_FORMS}")


def _of_few_labels(function: Callable[..., Array]) -> Callable[[Array, Array], Array]:
    """Call f with one y where all are the same: a quantile of the Beta law takes microseconds."""

    def same_or_not(y: Array, z: Array) -> Array:
        return function(y[0] if y.size and (y == y[0]).all() else y, z)

    return same_or_not


def _of_file(path: Path, name: str, noise_variance: ArrayLike | None) -> ContinuousLabelModel:
    module = module_of_file(path)
    found = object_in(module, path, name)
    if isinstance(found, ContinuousLabelModel):
        return load_continuous_label_model(found, noise_variance=noise_variance)
    if not callable(found) or isinstance(found, type):
        raise LoadingError(f"{path}: '{name}' is not a function of (y, z)")
    if arguments_of(found) == 1:
        raise LoadingError(
            f"{path}: '{name}' takes z alone; a labelled model is a function of (y, z)"
        )
    noise = getattr(module, NOISE_ATTRIBUTE, None) if noise_variance is None else noise_variance
    return ContinuousLabelModel(found, _needed(noise, name), name)


def _needed(noise_variance: ArrayLike | None, name: str) -> ArrayLike:
    if noise_variance is None:
        raise LoadingError(
            f"{name}: no noise variance: give --noise-variance (noise_variance= in Python)"
        )
    return noise_variance
