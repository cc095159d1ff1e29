"""Runs ``theorycheck schema``: the JSON schema of what a verb prints with ``--json``."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def schema(
    verb: Annotated[
        str | None,
        typer.Argument(
            metavar="VERB",
            help="The verb whose schema to print; by default all are listed.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Run the verb."""
    from theorycheck.cli.render import console, say, table
    from theorycheck.results import json_schema, schema_id, verbs_with_schema

    if verb is not None:
        print(json.dumps(json_schema(verb), indent=2))
        return
    out = console()
    rows = [
        (name, schema_id(name), json_schema(name)["description"]) for name in verbs_with_schema()
    ]
    listing = table("JSON schemas", ("verb", "schema", "what it describes"), rows)
    listing.columns[2].no_wrap = False
    out.print(listing)
    say(out, "theorycheck schema VERB prints one.")
