"""Defines results that are written to a file and read back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from theorycheck.errors import LoadingError, TheorycheckError
from theorycheck.models import GenerativeModel
from theorycheck.results._archive import read_archive, write_archive
from theorycheck.results._codec import DAMAGE, Decoder, Encoder, layout
from theorycheck.results._head import Head, checked_head, new_head, parsed_head

_FAULTS: tuple[type[Exception], ...] = (*DAMAGE, TheorycheckError)


class Saved:
    """A subclass is a frozen dataclass that can be saved to a file and loaded with nothing lost.

    Attributes
    ----------
    schema : str
        The kind of result, as the head of its file names it.
    """

    schema: ClassVar[str]

    def save(self, path: str | Path) -> None:
        """Write the result to an ``.npz`` file, whole or not at all.

        Parameters
        ----------
        path : path-like
            Replaced if it exists.

        Raises
        ------
        SettingError
            If it cannot be written.
        """
        encoder = Encoder()
        body = encoder.encode(self)
        head = new_head(self.schema, layout(type(self)), self._about())
        text = head.to_dict() | {
            "body": body, "models": encoder.models, "objects": encoder.objects,
        }  # fmt: skip
        write_archive(Path(path), text, {**encoder.arrays, **self._table()})

    @classmethod
    def load(cls, path: str | Path, models: Iterable[GenerativeModel] = ()) -> Self:
        """Read a result that :meth:`save` wrote.

        Parameters
        ----------
        path : path-like
            Result file.
        models : iterable of GenerativeModel
            Models at hand. A ground truth or network in the file is one of these if their
            fingerprints are the same; else it is made anew where the file tells how (a benchmark,
            a formula, a table), or else its f is not known: all figures are there, but to evaluate
            it is an error.

        Returns
        -------
        Self

        Raises
        ------
        LoadingError
            If there is no such file, or it is damaged, no result file, one of another
            kind, or written by an older or newer version whose results are laid out otherwise.
        """
        text, arrays = read_archive(Path(path))
        return cls._read(parsed_head(text, str(path)), arrays, tuple(models), str(path))

    def to_document(self) -> dict[str, Any]:
        """Return the whole result as one JSON object, arrays as lists; ``from_document`` reads it.

        ``to_dict`` is shorter: it has the figures that a verb prints.
        """
        encoder = Encoder()
        body = encoder.encode(self)
        head = new_head(self.schema, layout(type(self)), self._about())
        arrays = {
            key: {"dtype": array.dtype.str, "shape": list(array.shape), "values": _flat(array)}
            for key, array in encoder.arrays.items()
        }
        return head.to_dict() | {
            "body": body, "models": encoder.models, "objects": encoder.objects, "arrays": arrays,
        }  # fmt: skip

    @classmethod
    def from_document(
        cls, document: Mapping[str, Any], models: Iterable[GenerativeModel] = ()
    ) -> Self:
        """Read what :meth:`to_document` returned; parameters and errors as in :meth:`load`."""
        source = "the document"
        try:
            arrays = {
                str(key): np.array(entry["values"], dtype=np.dtype(entry["dtype"])).reshape(
                    entry["shape"]
                )
                for key, entry in document["arrays"].items()
            }
        except DAMAGE as error:
            raise LoadingError(f"{source}: not a result of theorycheck") from error
        return cls._read(document, arrays, tuple(models), source)

    @classmethod
    def _read(
        cls,
        entries: object,
        arrays: Mapping[str, NDArray[Any]],
        models: Sequence[GenerativeModel],
        source: str,
    ) -> Self:
        checked_head(entries, schema=cls.schema, layout=layout(cls), source=source)
        assert isinstance(entries, Mapping)
        try:
            decoder = Decoder(arrays, entries["models"], entries["objects"], models)
            result = decoder.decode(cls, entries["body"])
        except _FAULTS as error:
            raise LoadingError(f"{source}: a damaged result file: {error}") from error
        assert isinstance(result, cls)
        return result

    def _about(self) -> dict[str, Any]:
        """Return what the head says of this result: settings, seed, fingerprints."""
        return {}

    def _table(self) -> dict[str, NDArray[Any]]:
        """Return arrays that make the file a table of z, f(z) too, where it can be one."""
        return {}


def head_of(path: str | Path) -> Head:
    """Return what a result file says of itself, whatever result it holds.

    Parameters
    ----------
    path : path-like
        Result file.

    Returns
    -------
    Head

    Raises
    ------
    LoadingError
        If it is damaged or no result file.
    """
    text, _ = read_archive(Path(path))
    entries = parsed_head(text, str(path))
    kind, made = "", ""
    if isinstance(entries, Mapping):
        kind, made = str(entries.get("schema")), str(entries.get("layout"))
    return checked_head(entries, schema=kind, layout=made, source=str(path))


def _flat(array: NDArray[Any]) -> list[Any]:
    """Return the entries; NaN and infinities, which JSON lacks, as text that NumPy reads."""
    values: list[Any] = array.ravel().tolist()
    if array.dtype.kind != "f" or bool(np.isfinite(array).all()):
        return values
    return [value if math.isfinite(value) else repr(value) for value in values]
