"""Formulas as MathML, made while the pages are built: no script and no network to read them.

docutils translates LaTeX to MathML; a formula that it cannot translate is a warning, and the
build makes warnings errors.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

_LOG = logging.getLogger(__name__)
#: sympy writes `v = r` below a bar with \substack, which stacks nothing there.
_SUBSTACK = re.compile(r"\\substack\{((?:[^{}\\]|\\(?!\\))*)\}")
#: Between a function's name and an argument without brackets TeX leaves a thin space.
_FUNCTION = re.compile(r"<mo>&ApplyFunction;</mo>(?=\s*<m[^o])")
_THIN_SPACE = '<mspace width="0.17em"/>'


def to_mathml(latex: str, block: bool) -> str:
    """Translate one formula.

    Parameters
    ----------
    latex : str
    block : bool
        Whether it stands on lines of its own.

    Returns
    -------
    str

    Raises
    ------
    MathError
        If it has a command that is not known.
    """
    mathml: str = tex2mathml(_SUBSTACK.sub(r"\1", latex.strip()), as_block=block)
    mathml = _FUNCTION.sub(_THIN_SPACE, mathml)
    # Cells of aligned formulas are set in text style unless told otherwise.
    return mathml.replace("<mtable ", '<mtable displaystyle="true" ') if block else mathml


def _visit(translator: Any, node: nodes.math | nodes.math_block) -> None:
    block = isinstance(node, nodes.math_block)
    try:
        formula = to_mathml(node.astext(), block)
    except MathError as error:
        _LOG.warning("formula: %s", error, location=node)
        formula = translator.encode(node.astext())
    if block:
        formula = f'<div class="math">{formula}</div>\n'
    translator.body.append(formula)
    raise nodes.SkipNode


def setup(app: Any) -> dict[str, bool]:
    """Register the renderer."""
    app.add_html_math_renderer("mathml", (_visit, None), (_visit, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
