"""Records the evidence for a claim: what was measured, against what, and what follows."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from theorycheck.claims._table import claim_rows, write_tables
from theorycheck.claims._verification_run import VerificationResult, run_verification
from theorycheck.estimate import Estimate, Kind, Verdict
from theorycheck.json_values import jsonable
from theorycheck.ruling import weakest

__all__ = [
    "ClaimVerdict",
    "Evidence",
    "Ledger",
    "VerificationResult",
    "claim_verdict",
    "run_verification",
]

Figure = Estimate | float | str


class ClaimVerdict(enum.StrEnum):
    """Names what a piece of evidence says about its statement."""

    VERIFIED = "verified"
    REFUTED = "refuted"
    INCONCLUSIVE = "inconclusive"


class LeftOpen(enum.StrEnum):
    """Names the part of its claim that a piece of evidence leaves open.

    NETWORKS: what trained networks do. CLASS: decoders outside the class that was searched.
    """

    NOTHING = "nothing"
    NETWORKS = "networks"
    CLASS = "class"


def claim_verdict(verdict: Verdict) -> ClaimVerdict:
    """Return what an inequality's verdict says about the claim that it holds.

    Parameters
    ----------
    verdict : Verdict
        Verdict on the inequality.

    Returns
    -------
    ClaimVerdict
    """
    match verdict:
        case Verdict.HOLDS:
            return ClaimVerdict.VERIFIED
        case Verdict.FAILS:
            return ClaimVerdict.REFUTED
        case Verdict.INCONCLUSIVE:
            return ClaimVerdict.INCONCLUSIVE


@dataclass(frozen=True)
class Evidence:
    """Records one measurement made for a claim.

    Parameters
    ----------
    claim : str
        The claim's number, ``"C01"`` to ``"C24"``.
    where : str
        Equation, theorem or section of the paper.
    statement : str
        The part of the claim that was tested, in words, with its threshold.
    kind : str
        ``"tight"`` (an equality) or ``"one-sided"``, or a witness's ``"exists"``.
    measured : mapping of str to Estimate, float or str
        The figures, by name.
    predicted : Estimate, float or str
        The figures that the paper states.
    margin : Estimate or None
        Margin by which the statement holds; None where it is not an inequality.
    verdict : ClaimVerdict
        What follows for the statement.
    witness : str, mapping or None
        Witness that proves an "exists" or refutes a "for all".
    over : str
        The class of decoders, data points or η that was searched.
    notes : str
        Further remarks for the reader.
    left_open : LeftOpen
        The part of the claim that this evidence leaves open, by its kind; it keeps the claim as a
        whole from counting as verified.
    untested : str
        The part that is left open, in words.

    Raises
    ------
    ValueError
        If words and kind do not agree on whether something is left open.
    """

    claim: str
    where: str
    statement: str
    kind: str
    measured: Mapping[str, Figure]
    predicted: Figure
    margin: Estimate | None
    verdict: ClaimVerdict
    witness: str | Mapping[str, Any] | None = None
    over: str = ""
    notes: str = ""
    left_open: LeftOpen = LeftOpen.NOTHING
    untested: str = ""

    def __post_init__(self) -> None:
        if bool(self.untested) is (self.left_open is LeftOpen.NOTHING):
            raise ValueError("what is left open needs both its kind and words, or neither")

    def closed(self) -> Evidence:
        """Return the same, nothing being left open."""
        return replace(self, left_open=LeftOpen.NOTHING, untested="")

    @property
    def rests_on(self) -> Kind:
        """Return the kind of radius that the verdict rests on: the margin's, or the weakest."""
        given = [self.margin] if self.margin is not None else list(self.measured.values())
        kinds = [figure.kind for figure in given if isinstance(figure, Estimate)]
        return weakest(kinds) or Kind.EXACT

    def to_dict(self) -> dict[str, Any]:
        """Return the evidence for JSON; a number that is not finite becomes null."""
        return {
            "claim": self.claim,
            "where": self.where,
            "statement": self.statement,
            "kind": self.kind,
            "measured": jsonable(self.measured),
            "predicted": jsonable(self.predicted),
            "margin": jsonable(self.margin),
            "verdict": self.verdict.value,
            "rests_on": self.rests_on.value,
            "witness": jsonable(self.witness),
            "over": self.over,
            "notes": self.notes,
            "left_open": self.left_open.value,
            "untested": self.untested,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Evidence:
        """Read what :meth:`to_dict` returned.

        Parameters
        ----------
        data : mapping

        Returns
        -------
        Evidence
        """
        values = {name: value for name, value in data.items() if name != "rests_on"}
        values["measured"] = {name: _decode(value) for name, value in data["measured"].items()}
        values["predicted"] = _decode(data["predicted"])
        values["margin"] = None if data["margin"] is None else _decode(data["margin"])
        values["verdict"] = ClaimVerdict(data["verdict"])
        values["left_open"] = LeftOpen(data["left_open"])
        return cls(**values)


def _decode(value: Any) -> Any:
    if value is None:
        return math.nan
    if Estimate.describes(value):
        return Estimate.from_dict(value)
    return value


@dataclass
class Ledger:
    """Collects the evidence of a session, and the checks that failed in it.

    Parameters
    ----------
    evidence : list of Evidence
        The evidence recorded so far, in order.
    failed : dict of str to list of str
        Names of the failed checks, by claim.
    """

    evidence: list[Evidence] = field(default_factory=list)
    failed: dict[str, list[str]] = field(default_factory=dict)

    def record(self, evidence: Evidence) -> Evidence:
        """Add one piece of evidence and return it."""
        self.evidence.append(evidence)
        return evidence

    def fail(self, claim: str, check: str) -> None:
        """Note that a claim's check failed, whatever evidence it left."""
        names = self.failed.setdefault(claim, [])
        if check not in names:
            names.append(check)

    def to_dict(self) -> dict[str, Any]:
        """Return the whole ledger for JSON."""
        return {"evidence": [entry.to_dict() for entry in self.evidence], "failed": self.failed}

    def add(self, data: Mapping[str, Any]) -> None:
        """Add what another ledger's :meth:`to_dict` returned."""
        for entry in data["evidence"]:
            self.record(Evidence.from_dict(entry))
        for claim, checks in data["failed"].items():
            for check in checks:
                self.fail(claim, check)

    def write(self, directory: Path, *, with_test: frozenset[str] = frozenset()) -> list[Path]:
        """Write ``claims.json`` and ``claims.html``, each atomically.

        Parameters
        ----------
        directory : Path
            Made if it is not there.
        with_test : frozenset of str
            Claims that have a check: without evidence they are listed as not run, others as not
            yet checked.

        Returns
        -------
        list of Path
        """
        return write_tables(claim_rows(self.to_dict(), with_test), directory)
