"""What is wrong with a PyTorch module that is given as a decoder, and what to write instead."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from theorycheck.errors import LoadingError
from theorycheck.models._decoder import MOST_LATENTS

__all__ = ["explain_failure", "inputs_of", "mean_of_output", "refuse_other_modules", "vae_parts"]

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
        parts = vae_parts(module)
        if parts is not None:
            decoder, encoder = parts
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


def vae_parts(module: Any) -> tuple[str, str] | None:
    """Name the decoder and the encoder of a whole VAE.

    Parameters
    ----------
    module : object
        Anything.

    Returns
    -------
    tuple of str, or None
        Names of decoder and encoder; None where it does not have both.
    """
    decoder, encoder = _part(module, _DECODERS), _part(module, _ENCODERS)
    return (decoder, encoder) if decoder and encoder else None


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


def inputs_of(torch: Any, call: Any, module: Any, label: str, latents: int | None) -> int:
    """Return how many inputs a module takes: the K that was asked for, else what works.

    Parameters
    ----------
    torch : module
        PyTorch itself.
    call : callable
        What is called: the module or a method of it.
    module : torch.nn.Module
        The module that was given as a decoder.
    label : str
        What the error calls it.
    latents : int or None
        K, where the user says it.

    Returns
    -------
    int
        1 where nothing works: then calling it will say why.

    Raises
    ------
    LoadingError
        If it takes another number of inputs than the user says, or more than 3.
    """
    dtype = _dtype(torch, module)
    if _works(torch, call, latents or 1, dtype):
        return latents or 1
    for width in _widths(torch, module):
        if not _works(torch, call, width, dtype):
            continue
        if latents is not None:
            raise LoadingError(
                f"{label}: takes inputs of shape (n, {width}), not (n, {latents}): it has "
                f"K = {width} latents, and {latents} were asked for (--latents, LATENTS)"
            )
        if width > MOST_LATENTS:
            raise LoadingError(
                f"{label}: takes inputs of shape (n, {width}), not (n, 1): if they are latents z, "
                f"K = {width}, and K goes up to {MOST_LATENTS} here"
            )
        if label.rpartition(".")[2].lower() in _ENCODERS:
            raise LoadingError(
                f"{label}: takes inputs of shape (n, {width}), and is called like an encoder, "
                f"which maps x to z: give the decoder; if it is one, say --latents {width}"
            )
        return width
    return latents or 1


def _works(torch: Any, call: Any, width: int, dtype: Any) -> bool:
    try:
        with torch.no_grad():
            call(torch.zeros(3, width, dtype=dtype))
    except Exception as error:
        # One that insists on single precision will be asked again in it.
        text = str(error)
        return "dtype" in text or "Double" in text
    return True


def _dtype(torch: Any, module: Any) -> Any:
    return next((part.dtype for part in module.parameters()), torch.float64)


def explain_failure(
    torch: Any, call: Any, error: Exception, module: Any, label: str, width: int
) -> str:
    """Say why a module failed on latents of shape (n, K).

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
    width : int
        K, as it was called.

    Returns
    -------
    str
        One line: the width of input that it takes, if that is what is wrong, else the error.
    """
    for other in _widths(torch, module):
        if other != width and _works(torch, call, other, _dtype(torch, module)):
            return (
                f"{label}: takes inputs of shape (n, {other}), not (n, {width}): if they are "
                f"latents z, K = {other}"
            )
    first = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
    return f"{label}: fails on latents of shape (n, {width}): {type(error).__name__}: {first}"


def _widths(torch: Any, module: Any) -> list[int]:
    """List the widths of input that its layers take, each once."""
    widths = [
        int(part.in_features) for part in module.modules() if isinstance(part, torch.nn.Linear)
    ]
    return list(dict.fromkeys(widths))
