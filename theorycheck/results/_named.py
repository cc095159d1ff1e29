"""Values of which there are several kinds, such as objectives: a file names the kind by its key."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Self


class Named(ABC):
    """A value of one kind out of several, which says itself which one it is.

    A field of a result whose type is such a class holds what :meth:`to_dict` returns, and the
    class of the field reads it: kinds may be added without another layout of the file.
    """

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return plain values, from which :meth:`from_dict` knows the kind."""

    @classmethod
    @abstractmethod
    def from_dict(cls, entries: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_dict` returned.

        Raises
        ------
        SettingError
            If there is no such kind, or an entry is out of range.
        """
