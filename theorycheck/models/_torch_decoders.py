"""PyTorch networks as decoders. PyTorch is imported only when one is asked for."""

from __future__ import annotations

import copy
import importlib
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theorycheck.errors import LoadingError, MissingExtraError
from theorycheck.models._decoder import Decoder
from theorycheck.models._network_readers import network_readers

Array = NDArray[np.float64]

_EXPORT = (
    "export it in float64 with a free batch size: torch.export.save(torch.export.export(module"
    ".double(), (torch.zeros(5, 1).double(),), dynamic_shapes=({0: torch.export.Dim('n')},)), "
    "'decoder.pt2')"
)


def from_torch_module(module: Any, name: str | None = None) -> Decoder:
    """Wrap an ``nn.Module`` as a decoder.

    Parameters
    ----------
    module : torch.nn.Module
        Maps a float64 tensor of shape (n, 1) to (n, D). It is copied; the copy is put on the CPU,
        in evaluation mode, in double precision and without gradients.
    name : str, optional
        What reports call it; by default the name of its class.

    Returns
    -------
    Decoder
        Without breakpoints: the kinks of ReLU are left to detection.

    Raises
    ------
    MissingExtraError
        If PyTorch is not installed.
    LoadingError
        If `module` is not an ``nn.Module`` or cannot be copied.
    DecoderError
        If it fails on latents or returns the wrong shape.
    """
    torch = _torch("a neural decoder")
    if not isinstance(module, torch.nn.Module):
        raise LoadingError(f"{name or 'decoder'}: not an nn.Module but {type(module).__name__}")
    label = name or type(module).__name__
    try:
        network = copy.deepcopy(module).to(device="cpu", dtype=torch.float64)
    except Exception as error:
        raise LoadingError(f"{label}: the module cannot be copied: {_line(error)}") from error
    return _wrap(torch, network.eval().requires_grad_(False), label)


def load_torch_file(
    path: str | Path, name: str | None = None
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

    Returns
    -------
    decoder : Decoder
        Of the selected restart, where ``train`` wrote the file.
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
            network(torch.zeros(3, 1, dtype=torch.float64))
        except Exception as error:
            raise LoadingError(f"{path}: not usable ({_line(error)}); {_EXPORT}") from error
        return _wrap(torch, network, name or file.stem), None
    _refuse_torchscript(file)
    try:
        held = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise LoadingError(
            f"{path}: holds more than weights, and reading that would run code; {_EXPORT}"
        ) from error
    except Exception as error:
        raise LoadingError(f"{path}: not a PyTorch file: {_line(error)}") from error
    for reader in network_readers(f"reading {file.name}"):
        if reader.recognises(held):
            saved = reader.networks(held, file, name)
            return saved.decoder, saved.noise_variance
    raise LoadingError(_lacking(path, held))


def _torch(purpose: str) -> Any:
    try:
        return importlib.import_module("torch")
    except ImportError as error:
        raise MissingExtraError("torch", "neural", purpose) from error


def _wrap(torch: Any, network: Any, label: str) -> Decoder:
    def function(z: Array) -> Array:
        with torch.no_grad():
            means = network(torch.from_numpy(np.array(z)).reshape(-1, 1))
        return np.asarray(means.numpy())

    return Decoder.from_function(function, name=label)


def _refuse_torchscript(file: Path) -> None:
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
        if any(entry.split("/")[-1] == "constants.pkl" for entry in names):
            raise LoadingError(f"{file}: a TorchScript archive, deprecated by PyTorch; {_EXPORT}")


def _lacking(path: str | Path, held: Any) -> str:
    """Say what a file of weights lacks to be a decoder."""
    advice = "give the network as file.py:name, or as a .pt2 file (torch.export.save)"
    if not isinstance(held, Mapping):
        return f"{path}: holds {type(held).__name__}, not a decoder; {advice}"
    weights = held.get("state_dict", held)
    if not isinstance(weights, Mapping) or not all(_is_tensor(v) for v in weights.values()):
        keys = ", ".join(str(key) for key in list(held)[:6]) or "nothing"
        return f"{path}: no state_dict of weights in it (it has {keys}); {advice}"
    missing = [key for key in ("architecture", "noise_variance") if key not in held]
    lacks = f"lacks {' and '.join(missing)}" if missing else "its architecture is not known here"
    return f"{path}: {len(weights)} weights without the network that uses them: {lacks}; {advice}"


def _is_tensor(value: Any) -> bool:
    """Tell whether a value looks like a tensor."""
    return hasattr(value, "dtype") and hasattr(value, "shape")


def _line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0][:160]}" if text else type(error).__name__
