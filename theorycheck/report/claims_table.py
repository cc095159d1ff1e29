"""The table of the paper's claims: one row each, with all evidence, as JSON and as one HTML page."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from theorycheck.estimate import Estimate

#: Names of the two files.
JSON_NAME = "claims.json"
HTML_NAME = "claims.html"


class Claim(NamedTuple):
    """A claim of the paper.

    Parameters
    ----------
    number : str
        ``"C01"`` to ``"C24"``.
    where : str
        Equation, theorem, figure or section.
    text : str
        The claim.
    kind : str
        =: tight; ≥ or ≤: one-sided; ∃: needs a witness; ∀: over a stated class.
    """

    number: str
    where: str
    text: str
    kind: str


#: Every claim, checked or not, so that the table shows what is missing too.
CLAIMS = (
    Claim("C01", "eq. 3", "−ELBO = H + MLEO + PMO", "="),
    Claim("C02", "eq. 6", "PMO = Pr[X_Lo] D_Lo + Pr[X_Hi] D_Hi for every η", "="),
    Claim("C03", "Theorem 1", "the theorem as stated; its gap; its repairs", "proof, ∃"),
    Claim(
        "C04",
        "4.2",
        "Figure-8: p(x) is high near (0,0), true posteriors there are multi-modal; the premise "
        "of condition (1), Pr[X_Hi] D_Hi > Pr[X_Lo] D_Lo, holds for some η",
        "∃ η",
    ),
    Claim("C05", "4.2", "Figure-8: some f meets condition (1)", "∃ f, η"),
    Claim(
        "C06",
        "4.2",
        "Figure-8: every continuous re-parametrisation of the curve has high PMO: condition (2)",
        "∀ stated class",
    ),
    Claim(
        "C07",
        "4.2 (A)",
        "Figure-8: at the ELBO optimum MLEO > 0, and posteriors are simpler than the ground "
        "truth's where p(x) is high",
        "≥",
    ),
    Claim(
        "C08",
        "4.2 (B)",
        "Figure-8: IWAE learns p(x) better than LIN, LIN better than VAE; IWAE with S = 20 still "
        "not perfectly",
        "≥",
    ),
    Claim("C09", "4.2 (C)", "LIN does not repair it: it shares the VAE's optimum", "="),
    Claim(
        "C10",
        "4.2",
        "Circle: few x have non-Gaussian posteriors; the VAE recovers p(x) from random and from "
        "ground-truth starts",
        "≤",
    ),
    Claim(
        "C11",
        "4.2",
        "Absolute-Value: complex posteriors on most of p(x); another f has the same p(x) and "
        "simple posteriors, and is what the ELBO selects from either start",
        "∃, ≤",
    ),
    Claim(
        "C12",
        "figure 1c",
        "Clusters: both conditions hold; the VAE learns p(x) poorly, IWAE better",
        "≥",
    ),
    Claim("C13", "Theorem 2", "the σ² that minimises −ELBO given θ, φ", "="),
    Claim(
        "C14",
        "Theorem 2",
        "even at the ground truth f, σ² is biased when q is not the posterior; unbiased when it is",
        "≥, =",
    ),
    Claim(
        "C15",
        "4.2",
        "Spiral Dots: refit σ² = 0.014 ± 0.001, joint σ² = 0.020 ± 0.003 against 0.01",
        "= (networks)",
    ),
    Claim(
        "C16",
        "4.1 remark",
        "objectives with mean-field q exist that estimate θ, σ² without this bias",
        "∃",
    ),
    Claim(
        "C17",
        "5.1",
        "Disentanglement: the ELBO can prefer an entangled representation with the same p(x)",
        "∃",
    ),
    Claim(
        "C18",
        "5.1",
        "Compression: with larger K the ELBO improves, informativeness per latent falls, "
        "posteriors get simpler (two data sets); LIN too, IWAE not",
        "≥",
    ),
    Claim(
        "C19",
        "5.1",
        "Adversarial: manifold defences fail with the σ² and K that the ELBO selects",
        "≥",
    ),
    Claim(
        "C20",
        "5.2",
        "Discrete Semi-Circle: functional collapse for VAE and LIN; IWAE learns two functions but "
        "overfits; γ trades p(x) against p(x|y)",
        "≥",
    ),
    Claim(
        "C21",
        "5.2",
        "Continuous Semi-Circle: a naive q(y|x) causes collapse even in IWAE",
        "≥",
    ),
    Claim(
        "C22",
        "5.2",
        "Debrecen, Contraceptive, Titanic with 10 % labels: the same trade-off; IWAE no better "
        "than VAE",
        "≥",
    ),
    Claim(
        "C23",
        "6",
        "Figure-8-like: Euclidean distance below geodesic distance and within 2σ; Clusters-like: "
        "modes; as tests on data",
        "∃",
    ),
    Claim("C24", "6", "the four guidelines, as advice computed from a user's data", "–"),
)


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
        In the order of CLAIMS, with keys id, where, claim, kind, verdict, evidence, failed. The
        verdict is that of all parts: verified; verified in part, if the evidence leaves some of
        the claim untested; refuted; inconclusive; check failed; not run; not yet checked.
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
                "evidence": evidence,
                "failed": list(failed),
            }
        )
    return rows


def _overall(evidence: list[dict[str, Any]], failed: Sequence[str], has_test: bool) -> str:
    """A claim stands only if all of its parts do."""
    if failed:
        return "check failed"
    if not evidence:
        return "not run" if has_test else "not yet checked"
    verdicts = {entry["verdict"] for entry in evidence}
    for verdict in ("refuted", "inconclusive"):
        if verdict in verdicts:
            return verdict
    return "verified in part" if any(entry["untested"] for entry in evidence) else "verified"


def write_tables(rows: Sequence[Mapping[str, Any]], directory: Path) -> list[Path]:
    """Write the table as ``claims.json`` and ``claims.html``.

    Parameters
    ----------
    rows : sequence of dict
        What :func:`claim_rows` returned.
    directory : Path
        Made if it is not there.

    Returns
    -------
    list of Path
        The two files.
    """
    directory.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"claims": list(rows)}, ensure_ascii=False, indent=1, allow_nan=False)
    paths = [directory / JSON_NAME, directory / HTML_NAME]
    for path, content in zip(paths, (text + "\n", render_html(rows)), strict=True):
        write_atomically(path, content)
    return paths


def render_html(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the table as one self-contained page.

    Parameters
    ----------
    rows : sequence of dict
        What :func:`claim_rows` returned.

    Returns
    -------
    str
    """
    # Imported here, so that tests which record evidence need no template engine.
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["figure"] = _figure
    verdicts = [row["verdict"] for row in rows]
    counts = {verdict: verdicts.count(verdict) for verdict in dict.fromkeys(verdicts)}
    return environment.get_template("claims.html.j2").render(rows=rows, counts=counts)


def _figure(value: Any) -> str:
    """Show a number of the JSON form."""
    if value is None:
        return "–"
    if isinstance(value, Mapping) and set(value) == {"value", "error"}:
        if value["value"] is None:
            return "not defined"
        error = float("inf") if value["error"] is None else value["error"]
        return str(Estimate(value["value"], error))
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_figure(entry)}" for name, entry in value.items())
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def write_atomically(path: Path, text: str) -> None:
    """Write a file under another name first, so that a reader never sees half of it.

    Parameters
    ----------
    path : Path
    text : str
    """
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        # mkstemp makes files that only their owner can read; a report is for others.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(draft, 0o666 & ~mask)
        os.replace(draft, path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
