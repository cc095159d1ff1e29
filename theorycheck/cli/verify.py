"""Runs ``theorycheck verify``: check the claims, write the table of evidence."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from theorycheck.cli.options import AsJson, cannot_write, checked_directory
from theorycheck.errors import SettingError, TheorycheckError, nearest

#: What pytest is told, by the networks that are wanted; whoever trains some has time for searches.
_NETWORKS = {
    "none": [],
    "small": ["--networks", "small", "--thorough"],
    "full": ["--networks", "full", "--thorough"],
}


def verify(
    directory: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR",
            help="Write the evidence into this folder, as claims.json and claims.html; by default "
            "nothing is written.",
        ),
    ] = None,
    select: Annotated[
        str | None,
        typer.Option(
            "--select",
            "-k",
            metavar="EXPR",
            help="Check only the claims whose test's name matches, such as 'c04 or c07' (as "
            "pytest -k does).",
        ),
    ] = None,
    networks: Annotated[
        str,
        typer.Option(
            "--networks",
            metavar="N",
            help="Train networks for the claims about them: none (minutes), small (an hour or two, "
            "with thorough searches) or full (ten restarts and all steps, many hours).",
        ),
    ] = "small",
    as_json: AsJson = False,
) -> int:
    """Run the verb; return its exit code."""
    if networks not in _NETWORKS:
        raise SettingError(
            f"--networks: there is no '{networks}': {nearest(networks, tuple(_NETWORKS))}"
        )
    arguments = [*(["-k", select] if select else []), *_NETWORKS[networks]]
    if directory is not None:
        checked_directory(directory)
    from theorycheck.claims import run_verification
    from theorycheck.cli.render import print_json, stdout_kept_for_result

    # pytest talks while it runs; that goes to stderr, the result to stdout.
    with stdout_kept_for_result():
        try:
            result = run_verification(directory, pytest_args=arguments)
        except OSError as error:
            if directory is None:
                raise
            raise cannot_write(directory, error) from error
    match result.exit_code:
        case 0 | 1:  # all passed; some failed
            pass
        case 2:  # interrupted
            raise KeyboardInterrupt
        case 5:  # nothing collected
            raise SettingError(f"no claim matches --select '{select}'" if select else "no claims")
        case code:
            raise TheorycheckError(f"the claims could not be run: pytest ended with code {code}")
    if as_json:
        print_json(
            {
                "exit_code": result.exit_code,
                "claims": result.claims,
                "json": None if result.json_path is None else str(result.json_path),
                "html": None if result.html_path is None else str(result.html_path),
            },
            "verify",
        )
    else:
        _show(result.claims, [result.json_path, result.html_path])
    return int(result.exit_code)


def _verdict(claim: dict[str, Any]) -> str:
    """Return a claim's verdict, and the kind of its evidence where it has some."""
    parts = (claim.get("verdict", ""), claim.get("rests_on"))
    return ", ".join(str(part) for part in parts if part is not None)


def _show(claims: list[dict[str, Any]], written: list[Path | None]) -> None:
    from rich.text import Text

    from theorycheck.cli.render import console, say, table

    out = console()
    colours = {
        "verified": "bold green",
        "verified in part": "green",
        "refuted": "bold red",
        "check failed": "bold red",
        "inconclusive": "bold yellow",
        "not run": "dim",
        "not yet checked": "dim",
    }
    rows = [
        (
            str(claim.get("id", "")),
            str(claim.get("claim", "")),
            Text(_verdict(claim), style=colours.get(str(claim.get("verdict")), "")),
        )
        for claim in claims
    ]
    listing = table("Claims", ("id", "claim", "verdict"), rows)
    listing.columns[1].no_wrap = False
    out.print(listing)
    counts = Counter(str(claim.get("verdict", "")) for claim in claims)
    say(out, ", ".join(f"{count} {verdict}" for verdict, count in counts.items()) or "No claims.")
    for path in written:
        if path is not None:
            say(out, f"Wrote {path}")
