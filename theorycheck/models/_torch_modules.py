"""What is wrong with a PyTorch module that is given as a decoder, and what to write instead."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from theorycheck.errors import LoadingError

__all__ = ["explain_failure", "mean_of_output", "refuse_other_modules"]

#: Names that people give to the parts of a VAE.
_DECODERS = ("decoder", "dec", "decode", "generator", "p_x_given_z", "px_z", "likelihood")
_ENCODERS = ("encoder", "enc", "encode", "inference_net", "q_z_given_x", "qz_x")
#: Names of the mean among several outputs.
_MEANS = ("mean", "mu", "loc", "x_mean", "x_hat", "recon", "reconstruction", "output", "x")


def refuse_other_modules(module: Any, label: str, method: str | None = None) -> None:
    """Refuse what takes more than a latent: a whole VAE, or a module of several inputs.

    Parameters
    ----------
    module : torch.nn.Module
        The module that was given as a decoder.
    label : str
        Its name in the user's file.
    method : str, optional
        The method that is meant, where it is not the module itself.

    Raises
    ------
    LoadingError
        One line that says what the module is and what to write.
    """
    if method is None:
        encoder, decoder = _part(module, _ENCODERS), _part(module, _DECODERS)
        if encoder and decoder:
            raise LoadingError(
                f"{label}: a whole VAE ({type(module).__name__} with {encoder} and {decoder}), "
                f"which maps x to x: give its decoder, file.py:{label}.{decoder}"
            )
    function = getattr(module, method or "forward")
    inputs = _required(function)
    if len(inputs) > 1:
        raise LoadingError(
            f"{label}: takes {len(inputs)} inputs ({', '.join(inputs)}), a decoder takes z alone: "
            f"write a module whose forward(self, z) calls {label} with the others held fixed"
        )


def _part(module: Any, names: Sequence[str]) -> str | None:
    """Return the first of the names that is a part or a method of the module."""
    return next((name for name in names if callable(getattr(module, name, None))), None)


def _required(function: Any) -> list[str]:
    """Name the arguments that a function cannot be called without."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in parameters if p.kind in positional and p.default is p.empty]


def mean_of_output(torch: Any, output: Any, which: int | str | None, label: str) -> Any:
    """Return the tensor of means among what a module returned.

    Parameters
    ----------
    torch : module
        PyTorch itself.
    output : object
        What the module returned.
    which : int or str or None
        Index, key or attribute of the means; None where the output is to be a tensor itself.
    label : str
        The module's name in the user's file.

    Returns
    -------
    torch.Tensor

    Raises
    ------
    LoadingError
        One line that says what was returned and how to choose the means.
    """
    chosen = output
    if which is not None:
        try:
            named = isinstance(which, str) and not isinstance(output, Mapping)
            chosen = getattr(output, str(which)) if named else output[which]
        except (AttributeError, IndexError, KeyError, TypeError) as error:
            raise LoadingError(
                f"{label}: returns {_described(torch, output)}, which has no {which!r}"
            ) from error
    if isinstance(chosen, torch.Tensor):
        return chosen
    if which is not None:
        raise LoadingError(f"{label}: its output {which!r} is {_described(torch, chosen)}, no mean")
    raise LoadingError(
        f"{label}: returns {_described(torch, output)}, not the mean f(z) alone: write "
        f"mean = theorycheck.from_torch_module({label}, output={_guess(torch, output)}) in the "
        f"file and give file.py:mean{_and_scale(torch, output)}"
    )


def _described(torch: Any, output: Any) -> str:
    """Say what something is, with the shapes of the tensors in it."""
    if isinstance(output, torch.Tensor):
        return f"a tensor of shape {tuple(output.shape)}"
    if isinstance(output, torch.distributions.Distribution):
        return f"a distribution ({type(output).__name__})"
    if isinstance(output, Mapping):
        return f"a dict with {', '.join(repr(str(key)) for key in list(output)[:6])}"
    if isinstance(output, tuple | list):
        kind, parts = type(output).__name__, [_shape(torch, part) for part in output[:4]]
        return f"a {kind} of {len(output)} ({', '.join(parts)})"
    return f"an object of type {type(output).__name__}"


def _shape(torch: Any, part: Any) -> str:
    return str(tuple(part.shape)) if isinstance(part, torch.Tensor) else type(part).__name__


def _guess(torch: Any, output: Any) -> str:
    """Guess which of the outputs is the mean; the user corrects it."""
    if isinstance(output, torch.distributions.Distribution):
        return "'mean'"
    if isinstance(output, tuple | list):
        return "0"
    names = list(output) if isinstance(output, Mapping) else list(vars(output))
    likely = [name for wanted in _MEANS for name in names if str(name).lower() == wanted]
    return repr((likely or names or ["mean"])[0])


def _and_scale(torch: Any, output: Any) -> str:
    """Say what becomes of a scale that the module returns beside the mean."""
    scaled = isinstance(output, torch.distributions.Distribution | Mapping)
    if scaled or (isinstance(output, tuple | list) and len(output) == 2):
        return "; σ² is not read from it: it is --noise-variance, the same at every z"
    return ""


def explain_failure(torch: Any, call: Any, error: Exception, module: Any, label: str) -> str:
    """Say why a module failed on latents of shape (n, 1).

    Parameters
    ----------
    torch : module
        PyTorch itself.
    call : callable
        What was called, on a float64 tensor.
    error : Exception
        What it raised.
    module : torch.nn.Module
        The module that was given as a decoder.
    label : str
        What the error calls it.

    Returns
    -------
    str
        One line: the width of input that it takes, if that is what is wrong, else the error.
    """
    for width in _widths(torch, module):
        try:
            with torch.no_grad():
                call(torch.zeros(3, width, dtype=torch.float64))
        except Exception:
            continue  # with the next width, or with the error that is at hand
        return (
            f"{label}: takes inputs of shape (n, {width}), not (n, 1): if they are latents z, "
            f"K = {width}, and only K = 1 is built"
        )
    first = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
    return f"{label}: fails on latents of shape (n, 1): {type(error).__name__}: {first}"


def _widths(torch: Any, module: Any) -> list[int]:
    """List the widths of input that its layers take, other than 1, each once."""
    widths = [
        int(part.in_features) for part in module.modules() if isinstance(part, torch.nn.Linear)
    ]
    return [width for width in dict.fromkeys(widths) if width != 1]
