"""Makes the HTML pages from templates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import jinja2


def page_environment() -> jinja2.Environment:
    """Return jinja2 with every text of a user's escaped and every missing name an error.

    Returns
    -------
    jinja2.Environment
    """
    # Imported here, so that tests which only record evidence need no template engine.
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
