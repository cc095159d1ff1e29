"""The public data sets: where each is published, its checksum, and which column is the label.

What was verified of the checksums (SHA-256 of the plain file, not of the archive around it): that
of Debrecen's file is also that of a second public copy of it; the rows of Titanic's are byte for
byte those of a second public copy without a header; Contraceptive's was computed from one copy, of
1,473 rows with the published counts of the classes. The addresses are those that the publishers
give; a file that differs is refused, whoever served it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from theorycheck.cohorts._arff import read_arff
from theorycheck.cohorts._attributes import AttributeTable
from theorycheck.cohorts._keel import read_keel
from theorycheck.errors import SettingError, nearest

_UCI = "https://archive.ics.uci.edu"
_KEEL = "https://sci2s.ugr.es/keel/dataset/data/classification"


@dataclass(frozen=True)
class Source:
    """A published data set.

    Parameters
    ----------
    name : str
        What commands call it.
    title : str
    file : str
        Name of the plain file.
    sha256 : str
        Checksum of the plain file.
    urls : tuple of str
        Where it is, in the order in which they are tried; an archive (.zip) holds `file`.
    reader : callable
        Reads the plain file.
    outcome : str
        The attribute that is the label.
    classes : tuple of str
        What its values mean, in ascending order or in that of their declaration.
    features : tuple of str
        Names of the other attributes where the file has numbers only.
    """

    name: str
    title: str
    file: str
    sha256: str
    urls: tuple[str, ...]
    reader: Callable[[Path], AttributeTable]
    outcome: str
    classes: tuple[str, ...]
    features: tuple[str, ...] = ()


_ALL = (
    Source(
        name="debrecen",
        title="Diabetic Retinopathy Debrecen (Antal & Hajdu 2014), UCI 329",
        file="messidor_features.arff",
        sha256="f26adef0a94920205da4eedefbb6ccd730fd4b52a18ac7c01457cc7c1382c0c4",
        urls=(
            f"{_UCI}/static/public/329/diabetic+retinopathy+debrecen.zip",
            f"{_UCI}/ml/machine-learning-databases/00329/messidor_features.arff",
        ),
        reader=read_arff,
        outcome="19",
        classes=("no signs of retinopathy", "signs of retinopathy"),
        features=(
            "quality",
            "pre-screening",
            *(f"microaneurysms at {level / 10:g}" for level in range(5, 11)),
            *(f"exudates {number}" for number in range(1, 9)),
            "macula to optic disc",
            "diameter of optic disc",
            "AM/FM class",
        ),
    ),
    Source(
        name="contraceptive",
        title="Contraceptive Method Choice (Indonesia 1987), UCI 30, as KEEL has it",
        file="contraceptive.dat",
        sha256="a13808ac73b1305e7edd9334275a4fb5fdf3856d3256eb210d443d6fa87f0c42",
        urls=(f"{_KEEL}/contraceptive.zip",),
        reader=read_keel,
        outcome="Contraceptive_method",
        classes=("none", "long-term", "short-term"),
    ),
    Source(
        name="titanic",
        title="Titanic, as KEEL has it (class, age and sex of those on board, standardised)",
        file="titanic.dat",
        sha256="367671d4845539ff66774acd4ccff332e466664ea49dd179ee103193be8e0349",
        urls=(f"{_KEEL}/titanic.zip",),
        reader=read_keel,
        outcome="Survived",
        classes=("died", "survived"),
    ),
)
#: The sets by name.
SOURCES: Mapping[str, Source] = MappingProxyType({source.name: source for source in _ALL})


def source_named(name: str) -> Source:
    """Return a data set's source.

    Parameters
    ----------
    name : str

    Returns
    -------
    Source

    Raises
    ------
    SettingError
        If there is no such set.
    """
    if name not in SOURCES:
        raise SettingError(f"there is no data set '{name}': {nearest(name, SOURCES)}")
    return SOURCES[name]
