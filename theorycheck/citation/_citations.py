"""Lists what a run used, as BibTeX: the paper, the methods, this software."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import theorycheck
from theorycheck.citation._references import REFERENCES, Reference
from theorycheck.errors import LoadingError
from theorycheck.models import BENCHMARKS, read_network_file

#: What each verb uses beside the theory.
VERB_PARTS: Mapping[str, frozenset[str]] = {
    "decompose": frozenset({"quadrature"}),
    "conditions": frozenset({"quadrature"}),
    "noise": frozenset({"quadrature", "optimum", "noise"}),
    "optimum": frozenset({"quadrature", "optimum"}),
    "train": frozenset({"quadrature", "train"}),
    "judge": frozenset({"quadrature", "judge"}),
    "labels": frozenset({"quadrature", "optimum", "semi_supervised"}),
    "train-labels": frozenset({"quadrature", "train", "semi_supervised"}),
    "report": frozenset({"quadrature", "optimum"}),
    "verify": frozenset({"quadrature", "optimum", "prove", "iwae", "rigorous"}),
    "prove": frozenset({"prove"}),
    "dataset": frozenset({"quadrature", "optimum"}),
    "score": frozenset({"quadrature", "optimum"}),
}
_THEORY = frozenset({"theory"})
_REPORT, _CHECKPOINT = "report.json", "checkpoint.pt"


def parts_of(what: str) -> frozenset[str]:
    """Return what a model, or a run by what it wrote, makes use of.

    Parameters
    ----------
    what : str
        A benchmark or any other MODEL; a JSON file that a verb printed or wrote; a folder of
        ``report`` or ``train``; a checkpoint of ``train``.

    Returns
    -------
    frozenset of str

    Raises
    ------
    LoadingError
        If a file is there and cannot be read as such.
    """
    base = what.split(":")[0]
    if base in BENCHMARKS:
        return frozenset({"semi_supervised"} if BENCHMARKS[base].semi_supervised else ())
    path = Path(what)
    for name in (_REPORT, _CHECKPOINT):
        if (path / name).is_file():
            path = path / name
    if path.suffix == ".json":
        return _parts_of_result(_read(path))
    if path.suffix in (".pt", ".pth"):
        training = read_network_file(path, "cite of a checkpoint").training
        settings = training.get("settings", {}) if isinstance(training, Mapping) else {}
        return VERB_PARTS["train"] | _parts_of_settings(settings)
    if path.exists() or what.startswith("expr:") or ":" in what:
        return frozenset()
    raise LoadingError(
        f"there is no '{what}': cite takes a MODEL, a JSON file that a verb wrote, or a folder of "
        "report or train"
    )


def _read(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LoadingError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise LoadingError(f"{path}: not a JSON file: {error}") from error
    if not isinstance(found, Mapping):
        raise LoadingError(f"{path}: not a JSON object")
    return found


def _parts_of_result(result: Mapping[str, Any]) -> frozenset[str]:
    """Tell by its keys what a result came from."""
    parts = {"quadrature"}
    settings = result.get("settings")
    if isinstance(settings, Mapping):
        parts |= _parts_of_settings(settings)
        if settings.get("search", "none") != "none":
            parts.add("optimum")
    if "restarts" in result:
        parts |= VERB_PARTS["train"] | _parts_of_settings(result)
    if "starts" in result or result.get("reference"):
        parts.add("optimum")
    if "labelled_share" in result:
        parts.add("semi_supervised")
    if "curve" in result:
        parts |= {"optimum", "noise"}
    if isinstance(result.get("samples"), int) and result["samples"] > 1:
        parts.add("iwae")
    return frozenset(parts)


def _parts_of_settings(settings: Mapping[str, Any]) -> frozenset[str]:
    """Return method and estimator of a training run, where they have literature of their own."""
    chosen = {str(settings.get("method", "")), str(settings.get("estimator", ""))}
    return frozenset(chosen & {"iwae", "lin", "dreg", "rws"})


def references_for(parts: Iterable[str]) -> tuple[Reference, ...]:
    """Return the references that belong to the theory or to one of the parts."""
    wanted = _THEORY | frozenset(parts)
    return tuple(reference for reference in REFERENCES if reference.used_by & wanted)


def software_bibtex() -> str:
    """Return the BibTeX entry of this software, from ``CITATION.cff``.

    Returns
    -------
    str

    Raises
    ------
    LoadingError
        If that file is not there.
    """
    package = Path(theorycheck.__file__).resolve().parent
    for folder in (package, package.parent):
        file = folder / "CITATION.cff"
        if file.is_file():
            return _software_entry(file.read_text(encoding="utf-8"))
    raise LoadingError(f"CITATION.cff is neither in nor beside {package}")


def _software_entry(text: str) -> str:
    """Make the entry of the few lines of the file that it needs; they are ours, and plain."""
    top = text.split("\nreferences:")[0]

    def value(key: str) -> str:
        match = re.search(rf'^{key}:\s*"?(.*?)"?\s*$', top, re.MULTILINE)
        return match[1] if match else ""

    authors = re.findall(r'^\s+- name:\s*"(.*)"', top, re.MULTILINE)
    fields = {
        "author": " and ".join(f"{{{author}}}" for author in authors),
        "title": f"{{{value('title')}}}",
        "year": value("date-released")[:4],
        "version": theorycheck.__version__,
        "note": f"{value('license')} licence",
    }
    lines = [f"  {name} = {{{entry}}}," for name, entry in fields.items()]
    return "\n".join(["@software{theorycheck,", *lines, "}"]) + "\n"
