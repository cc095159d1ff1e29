"""Breaks expressions in one place; no check may take them for proved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy as sp

#: A sympy expression or matrix.
Expr = Any


def broken_forms(whole: Expr) -> Iterator[tuple[str, Expr]]:
    """Yield an expression with one sign or factor changed, or shifted.

    Parameters
    ----------
    whole : sympy expression or matrix

    Yields
    ------
    tuple of str and expression
        A word for what was changed, and the result.
    """
    yield "negated", -whole
    yield "doubled", 2 * whole
    if isinstance(whole, sp.MatrixBase):
        yield "plus 1", whole + sp.ones(*whole.shape)
    elif not isinstance(whole, sp.MatrixExpr):
        yield "plus 1", whole + 1
    if not isinstance(whole, sp.MatrixBase):
        yield from _broken_inside(whole)


def _broken_inside(node: Expr) -> Iterator[tuple[str, Expr]]:
    """Yield an expression with a change at one place in its tree."""
    arguments = node.args
    if isinstance(node, (sp.Add, sp.MatAdd)):
        for k, term in enumerate(arguments):
            yield f"sign of {term}", node.func(*arguments[:k], -term, *arguments[k + 1 :])
    elif isinstance(node, sp.Mul) and arguments[0].is_Rational:
        yield f"factor {arguments[0]} lost", sp.Mul(*arguments[1:])
    for k, argument in enumerate(arguments):
        # Not the variable and the limits of an integral, sum or derivative.
        if isinstance(argument, sp.Expr) and not argument.is_Atom:
            for what, broken in _broken_inside(argument):
                yield what, node.func(*arguments[:k], broken, *arguments[k + 1 :])
