"""Defines a bracket that sympy leaves in place, so that an identity's terms can be told apart."""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.printing.pretty.stringpict import prettyForm


class Bracket(sp.UnevaluatedExpr):  # type: ignore[misc]
    """An expression printed in square brackets; `doit` opens them."""

    def _latex(self, printer: Any) -> str:
        return rf"\left[{printer._print(self.args[0])}\right]"

    def _pretty(self, printer: Any) -> Any:
        return prettyForm(*printer._print(self.args[0]).parens("[", "]"))
