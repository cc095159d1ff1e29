"""PyTorch networks as decoders. PyTorch is imported only when one is asked for."""

from __future__ import annotations

import copy
import importlib
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from theorycheck.arrays import Array
from theorycheck.errors import LoadingError, MissingExtraError
from theorycheck.models._decoder import Decoder
from theorycheck.models._network_readers import network_readers
from theorycheck.models._torch_modules import (
    explain_failure,
    inputs_of,
    mean_of_output,
    refuse_other_modules,
)
from theorycheck.models._torch_weights import hand_over, lacking

_EXPORT = (
    "export it in float64 with a free batch size: torch.export.save(torch.export.export(module"
    ".double(), (torch.zeros(5, 1).double(),), dynamic_shapes=({0: torch.export.Dim('n')},)), "
    "'decoder.pt2')"
)


def from_torch_module(
    module: Any,
    name: str | None = None,
    *,
    output: int | str | None = None,
    latents: int | None = None,
) -> Decoder:
    """Wrap an ``nn.Module``, or a method of one, as a decoder.

    Parameters
    ----------
    module : torch.nn.Module or bound method of one
        Maps a float64 tensor of shape (n, K) to (n, D), K up to 3. It is copied; the copy is put on
        the CPU, in evaluation mode, in double precision and without gradients. A module that
        insists on float32 inside is kept in it, and its rounding enters the radii.
    name : str, optional
        What reports call it; by default the name of its class.
    output : int or str, optional
        Which of several outputs is the mean f(z): the index in a tuple, the key in a dict, or the
        attribute of an object, such as ``"mean"`` of a distribution.
    latents : int, optional
        Number of latents K; by default the number of its inputs.

    Returns
    -------
    Decoder
        Without breakpoints: the kinks of ReLU are left to detection.

    Raises
    ------
    MissingExtraError
        If PyTorch is not installed.
    LoadingError
        One line, if `module` is not an ``nn.Module``, cannot be copied, is a whole VAE, takes
        several inputs or inputs of another width, or returns more than the mean.
    DecoderError
        If what it returns has the wrong shape or is not finite.
    """
    torch = _torch("a neural decoder")
    owner, method = getattr(module, "__self__", module), None
    if owner is not module:
        method = str(getattr(module, "__name__", ""))
    if not isinstance(owner, torch.nn.Module):
        raise LoadingError(f"{name or 'decoder'}: not an nn.Module but {type(module).__name__}")
    label = name or type(owner).__name__
    refuse_other_modules(owner, label, method)
    try:
        network = copy.deepcopy(owner).to(device="cpu", dtype=torch.float64)
    except Exception as error:
        raise LoadingError(f"{label}: the module cannot be copied: {_line(error)}") from error
    network = network.eval().requires_grad_(False)
    width = inputs_of(torch, _called(network, method), network, label, latents)
    single = _insists_on_single(torch, _called(network, method), width)
    if single:
        network = network.to(dtype=torch.float32)
    return _wrap(torch, network, label, width, method=method, output=output, single=single)


def load_torch_file(
    path: str | Path, name: str | None = None, *, latents: int | None = None
) -> tuple[Decoder, tuple[float, ...] | None]:
    """Load a ``.pt2`` program or a ``.pt`` file that ``train`` wrote.

    A ``.pt2`` file is what ``torch.export.save`` writes: the network and its weights. TorchScript
    is deprecated by PyTorch and not read. A ``.pt`` file is opened with ``weights_only=True``
    and never runs code. What ``train`` wrote has the network's architecture and σ² beside its
    weights; of other files one line says what they lack.

    Parameters
    ----------
    path : path-like
        The file.
    name : str, optional
        What reports call the decoder; by default the file's name without its ending.
    latents : int, optional
        Number of latents K of a ``.pt2`` file; by default 1.

    Returns
    -------
    decoder : Decoder
        The decoder, that of the selected restart where ``train`` wrote the file.
    noise_variance : tuple of float or None
        σ², where the file has it.

    Raises
    ------
    MissingExtraError
        If PyTorch is not installed.
    LoadingError
        If the file is missing, is not such a file or lacks what makes a decoder.
    DecoderError
        If the program fails on latents.
    """
    file = Path(path)
    if not file.is_file():
        raise LoadingError(f"{path}: no such file")
    torch = _torch(f"reading {file.name}")
    if file.suffix.lower() == ".pt2":
        export = importlib.import_module("torch.export")
        try:
            network = export.load(str(file)).module()
            # A program exported in float32 works in float64 too unless it fixes dtypes inside.
            network = network.to(device="cpu", dtype=torch.float64)
            single = _insists_on_single(torch, network, latents or 1)
            network = network.to(dtype=torch.float32) if single else network
            dtype = torch.float32 if single else torch.float64
            network(torch.zeros(3, latents or 1, dtype=dtype))
        except Exception as error:
            raise LoadingError(f"{path}: not usable ({_line(error)}); {_EXPORT}") from error
        return _wrap(torch, network, name or file.stem, latents or 1, single=single), None
    _refuse_torchscript(file)
    try:
        held = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise LoadingError(
            f"{path}: holds more than weights (a pickled module or settings), and reading that "
            "would run code, so it is not read: in the script that made it save the weights alone, "
            f"torch.save(net.state_dict(), 'weights.pt'), then {hand_over('weights.pt')}; or "
            f"{_EXPORT}"
        ) from error
    except Exception as error:
        raise LoadingError(f"{path}: not a PyTorch file: {_line(error)}") from error
    for reader in network_readers(f"reading {file.name}"):
        if reader.recognises(held):
            saved = reader.networks(held, file, name)
            return saved.decoder, saved.noise_variance
    raise LoadingError(lacking(path, held))


def _torch(purpose: str) -> Any:
    try:
        return importlib.import_module("torch")
    except ImportError as error:
        raise MissingExtraError("torch", "neural", purpose) from error


def _called(network: Any, method: str | None) -> Any:
    return network if method is None else getattr(network, method)


def _insists_on_single(torch: Any, call: Any, width: int) -> bool:
    """Tell whether a module makes float32 tensors inside and so cannot work in double precision."""
    with torch.no_grad():
        try:
            call(torch.zeros(3, width, dtype=torch.float64))
        except RuntimeError as error:
            return "dtype" in str(error) or "Double" in str(error)
        except Exception:
            return False  # which :func:`_wrap` will explain
    return False


def _wrap(
    torch: Any,
    network: Any,
    label: str,
    width: int,
    *,
    method: str | None = None,
    output: int | str | None = None,
    single: bool = False,
) -> Decoder:
    call = _called(network, method)
    dtype = torch.float32 if single else torch.float64

    def means(z: Array) -> Any:
        with torch.no_grad():
            found = call(torch.from_numpy(np.array(z)).to(dtype).reshape(-1, width))
        return mean_of_output(torch, found, output, label)

    try:
        means(np.array([-0.5, 0.25, 1.0]).repeat(width))
    except LoadingError:
        raise
    except Exception as error:
        line = explain_failure(torch, call, error, network, label, width)
        raise LoadingError(line) from error
    return Decoder.from_function(
        lambda z: np.asarray(means(z).numpy()), latent_dim=width, name=label
    )


def _refuse_torchscript(file: Path) -> None:
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
        if any(entry.split("/")[-1] == "constants.pkl" for entry in names):
            raise LoadingError(f"{file}: a TorchScript archive, deprecated by PyTorch; {_EXPORT}")


def _line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0][:160]}" if text else type(error).__name__
