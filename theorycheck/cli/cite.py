"""Runs ``theorycheck cite``: BibTeX of what a run used."""

from __future__ import annotations

from typing import Annotated

import typer

from theorycheck.cli.options import AsJson
from theorycheck.errors import SettingError, nearest


def cite(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL|RUN",
            help="A model, or the JSON file, checkpoint or folder that a run wrote.",
        ),
    ] = None,
    verbs: Annotated[
        list[str] | None,
        typer.Option("--verb", metavar="VERB", help="Add what this verb uses; repeatable."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Print the whole bibliography of this project.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run the verb."""
    from theorycheck.citation import (
        REFERENCES,
        VERB_PARTS,
        parts_of,
        references_for,
        software_bibtex,
    )
    from theorycheck.cli.render import print_json

    parts = frozenset() if what is None else parts_of(what)
    for verb in verbs or ():
        if verb not in VERB_PARTS:
            raise SettingError(f"--verb: there is no '{verb}': {nearest(verb, VERB_PARTS)}")
        parts |= VERB_PARTS[verb]
    chosen = REFERENCES if everything else references_for(parts)
    entries = [software_bibtex(), *(reference.bibtex() for reference in chosen)]
    if as_json:
        keys = ["theorycheck", *(reference.key for reference in chosen)]
        print_json({"keys": keys, "bibtex": "\n".join(entries)}, "cite")
    else:
        print("\n".join(entries), end="")
