"""Files of trained networks are read by whoever wrote them: readers are registered, not imported.

This room knows nothing of PyTorch's networks. A package that writes files of networks declares an
entry point of the group ``theorycheck.network_readers`` that names its :class:`NetworkReader`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from theorycheck.errors import LoadingError, MissingExtraError
from theorycheck.models._decoder import Decoder

#: The group of entry points that name readers.
GROUP = "theorycheck.network_readers"


@dataclass(frozen=True, eq=False)
class SavedNetworks:
    """The networks of one trained model, in float64.

    Parameters
    ----------
    decoder : Decoder
        z to f(z).
    encoder : object
        The inference network as the package that reads it keeps it, a torch module for instance:
        (n, D) to (n, 2), μ and log s.
    noise_variance : tuple of float
        σ² of each data dimension, trained or not.
    training : mapping or None
        State of the whole run, where the file has it.
    """

    decoder: Decoder
    # An object of another package, which this one hands back without looking at it.
    encoder: Any
    noise_variance: tuple[float, ...]
    training: Mapping[str, Any] | None


@dataclass(frozen=True, eq=False)
class NetworkReader:
    """How one package's files of networks are told from others, and read.

    Parameters
    ----------
    recognises : callable
        Tells whether the content of a file, weights and numbers only, is of this format.
    networks : callable
        Makes the networks from such content; takes the content, the path and a name or None.
    read : callable
        Reads a file that must be of this format; takes the path and a name or None.
    """

    recognises: Callable[[Any], bool]
    networks: Callable[[Mapping[str, Any], Path, str | None], SavedNetworks]
    read: Callable[[Path, str | None], SavedNetworks]


@cache
def network_readers(purpose: str) -> tuple[NetworkReader, ...]:
    """Return the readers of all installed packages.

    Parameters
    ----------
    purpose : str
        What they are wanted for, as the error says it.

    Returns
    -------
    tuple of NetworkReader

    Raises
    ------
    MissingExtraError
        If a reader needs PyTorch and it is not installed.
    """
    found = []
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        try:
            found.append(entry.load())
        except ImportError as error:
            raise MissingExtraError("torch", "neural", purpose) from error
    return tuple(found)


def read_network_file(path: Path, purpose: str, name: str | None = None) -> SavedNetworks:
    """Read a file of trained networks.

    Parameters
    ----------
    path : Path
        The file of networks.
    purpose : str
        What it is read for, as the error about a missing PyTorch says it.
    name : str, optional
        What reports call the decoder; by default the file's name without its ending.

    Returns
    -------
    SavedNetworks

    Raises
    ------
    LoadingError
        One line, if the file is missing, damaged, or of no registered format.
    MissingExtraError
        If a reader needs PyTorch and it is not installed.
    """
    refusal = LoadingError(f"{path}: no installed package reads files of networks")
    for reader in network_readers(purpose):
        try:
            return reader.read(path, name)
        except LoadingError as error:
            refusal = error
    raise refusal
