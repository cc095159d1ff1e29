"""Writes and reads files of trained networks, weights and settings, without running code.

One format serves two ends. ``checkpoint.pt`` holds the state of all restarts, so that a run can go
on; every file also holds the networks of the restart that is best so far, so that it can be judged.
"""

from __future__ import annotations

import io
import math
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from neural._networks import Architecture, EncoderModule, sequential
from theorycheck.errors import LoadingError, TheorycheckError
from theorycheck.files import replace_files
from theorycheck.models import NetworkReader, SavedNetworks, from_torch_module

#: What tells our files from others, and the layout of what is in them.
FORMAT, VERSION = "theorycheck-networks", 1
#: What rebuilding something from damaged content can raise.
DAMAGE = (RuntimeError, KeyError, TypeError, ValueError, AttributeError)
_KEYS = ("architecture", "state_dict", "encoder_state_dict", "noise_variance")


def write_checkpoint(
    path: Path,
    architecture: Architecture,
    decoder: Mapping[str, Any],
    encoder: Mapping[str, Any],
    noise_variance: list[float],
    training: Mapping[str, Any] | None = None,
) -> None:
    """Write a file of networks; it is never half written.

    Parameters
    ----------
    path : Path
    architecture : Architecture
    decoder, encoder : mapping
        Weights, as :meth:`neural._networks.BatchedMLP.state_dict` returns them.
    noise_variance : list of D floats
    training : mapping, optional
        Tensors, numbers, strings, lists and mappings only.

    Raises
    ------
    LoadingError
        If it cannot be written.
    """
    stream = io.BytesIO()
    content = {
        "format": FORMAT,
        "version": VERSION,
        "architecture": architecture.to_dict(),
        "state_dict": dict(decoder),
        "encoder_state_dict": dict(encoder),
        "noise_variance": noise_variance,
        "training": training,
    }
    torch.save(content, stream)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_files({path: stream.getvalue()})
    except OSError as error:
        raise LoadingError(f"{path}: cannot be written: {error.strerror or error}") from error


def first_line(error: Exception) -> str:
    """Return what an error says, shortened to one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]


def is_ours(content: Any) -> bool:
    """Tell whether what ``torch.load`` returned has our mark."""
    return isinstance(content, Mapping) and content.get("format") == FORMAT


def read_content(path: Path) -> Mapping[str, Any]:
    """Read one of our files.

    Raises
    ------
    LoadingError
        If the file is missing, damaged, foreign or of a later version.
    """
    if not path.is_file():
        raise LoadingError(f"{path}: no such file")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise LoadingError(
            f"{path}: not a checkpoint that train wrote: damaged, or it holds more than weights"
        ) from error
    except Exception as error:
        raise LoadingError(f"{path}: not a PyTorch file: {first_line(error)}") from error
    if not is_ours(content):
        raise LoadingError(f"{path}: a PyTorch file, but not a checkpoint that train wrote")
    return checked_content(content, path)


def checked_content(content: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    """Check version and completeness of a file with our mark."""
    if content.get("version") != VERSION:
        raise LoadingError(
            f"{path}: a checkpoint of version {content.get('version')}; read here is {VERSION}"
        )
    missing = [key for key in _KEYS if key not in content]
    if missing:
        raise LoadingError(f"{path}: a damaged checkpoint, without {' and '.join(missing)}")
    return content


def read_networks(path: str | Path, name: str | None = None) -> SavedNetworks:
    """Read the networks of a file that ``train`` wrote.

    Parameters
    ----------
    path : path-like
        File that ``train`` wrote.
    name : str, optional
        Name of the decoder in reports; by default the file's name without its ending.

    Returns
    -------
    SavedNetworks

    Raises
    ------
    LoadingError
        If the file is missing, damaged or foreign.
    """
    file = Path(path)
    return networks_of(read_content(file), file, name)


def networks_of(content: Mapping[str, Any], path: Path, name: str | None = None) -> SavedNetworks:
    """Rebuild the networks from what a file holds; see :func:`read_networks`."""
    checked_content(content, path)
    try:
        architecture = Architecture.from_dict(content["architecture"])
        activation = architecture.activation
        decoder = sequential(architecture.decoder_sizes, activation, content["state_dict"])
        encoder = sequential(architecture.encoder_sizes, activation, content["encoder_state_dict"])
        variance = tuple(float(value) for value in content["noise_variance"])
        training = content.get("training")
        tensors = [*decoder.state_dict().values(), *encoder.state_dict().values()]
    except (TheorycheckError, *DAMAGE) as error:
        raise LoadingError(f"{path}: a damaged checkpoint: {first_line(error)}") from error
    if not all(bool(tensor.isfinite().all()) for tensor in tensors):
        raise LoadingError(f"{path}: a damaged checkpoint: it has weights that are not finite")
    if not all(math.isfinite(value) and value > 0.0 for value in variance):
        raise LoadingError(f"{path}: a damaged checkpoint: its noise variance is not positive")
    label = name or path.stem
    own = EncoderModule(encoder)
    return SavedNetworks(from_torch_module(decoder, label), own, variance, training)


#: What the entry point in pyproject.toml names.
READER = NetworkReader(is_ours, networks_of, read_networks)
