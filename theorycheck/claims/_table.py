"""Writes the table of the paper's claims, a row each with all evidence, as JSON and as HTML."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from theorycheck.claims._ledger import CLAIMS
from theorycheck.estimate import Estimate, Kind
from theorycheck.files import replace_files
from theorycheck.pages import page_environment
from theorycheck.ruling import weakest

#: Names of the two files.
JSON_NAME = "claims.json"
HTML_NAME = "claims.html"


def claim_rows(
    ledger: Mapping[str, Any], with_test: frozenset[str] = frozenset()
) -> list[dict[str, Any]]:
    """Join the claims with a ledger.

    Parameters
    ----------
    ledger : mapping
        ``Ledger.to_dict()``.
    with_test : frozenset of str
        Claims that have a check.

    Returns
    -------
    list of dict
        Rows in the order of CLAIMS, with keys id, where, claim, kind, verdict, rests_on, evidence,
        failed. The verdict is that of all parts: verified; verified in part, if the evidence
        leaves some of the claim untested; refuted; inconclusive; check failed; not run; not yet
        checked. It rests on the weakest kind of all its evidence, None where there is none.
    """
    rows = []
    for claim in CLAIMS:
        evidence = [e for e in ledger["evidence"] if e["claim"] == claim.number]
        failed = ledger["failed"].get(claim.number, [])
        verdict = _overall(evidence, failed, claim.number in with_test)
        rows.append(
            {
                "id": claim.number,
                "where": claim.where,
                "claim": claim.text,
                "kind": claim.kind,
                "verdict": verdict,
                "rests_on": weakest(Kind(entry["rests_on"]) for entry in evidence),
                "evidence": evidence,
                "failed": list(failed),
            }
        )
    return rows


def _overall(evidence: list[dict[str, Any]], failed: Sequence[str], has_test: bool) -> str:
    """Return a claim's verdict: a claim stands only if all of its parts do."""
    if failed:
        return "check failed"
    if not evidence:
        return "not run" if has_test else "not yet checked"
    verdicts = {entry["verdict"] for entry in evidence}
    for verdict in ("refuted", "inconclusive"):
        if verdict in verdicts:
            return verdict
    open_parts = {entry["left_open"] for entry in evidence} - {"nothing"}
    return "verified in part" if open_parts else "verified"


def write_tables(rows: Sequence[Mapping[str, Any]], directory: Path) -> list[Path]:
    """Write the table as ``claims.json`` and ``claims.html``.

    Parameters
    ----------
    rows : sequence of dict
        Rows that :func:`claim_rows` returned.
    directory : Path
        Made if it is not there.

    Returns
    -------
    list of Path
        The two files.
    """
    directory.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"claims": list(rows)}, ensure_ascii=False, indent=1, allow_nan=False)
    page = render_html(rows)
    texts = {directory / JSON_NAME: text + "\n", directory / HTML_NAME: page}
    replace_files({path: content.encode() for path, content in texts.items()})
    return list(texts)


def render_html(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the table as one self-contained page.

    Parameters
    ----------
    rows : sequence of dict
        Rows that :func:`claim_rows` returned.

    Returns
    -------
    str
    """
    environment = page_environment()
    environment.filters["figure"] = figure_text
    verdicts = [row["verdict"] for row in rows]
    counts = {verdict: verdicts.count(verdict) for verdict in dict.fromkeys(verdicts)}
    return environment.get_template("claims.html.j2").render(rows=rows, counts=counts)


def figure_text(value: Any) -> str:
    """Show a number of the JSON form."""
    if value is None:
        return "–"
    if Estimate.describes(value):
        return "not defined" if value["value"] is None else str(Estimate.from_dict(value))
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {figure_text(entry)}" for name, entry in value.items())
    return f"{value:.6g}" if isinstance(value, float) else str(value)
