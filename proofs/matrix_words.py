"""Writes matrix expressions as polynomials in words, products of letters such as A, Aᵀ, M⁻¹.

Sizes are looked at by whoever builds the expression; here an identity matrix is the empty word.
"""

from __future__ import annotations

from collections.abc import Iterable

import sympy as sp

from proofs.derivation import Equation, Expr


def word_form(expr: Expr, given: Iterable[Equation], symmetric: Iterable[Expr]) -> Expr:
    """Expand a matrix expression into words, with M M⁻¹ = I and the given products rewritten.

    Parameters
    ----------
    expr : matrix expression
    given : iterable of equations
        Their left sides are products of two matrices.
    symmetric : iterable of matrix symbols
        Equal to their transposes, as their inverses are.

    Returns
    -------
    sympy expression
        A polynomial in non-commutative symbols; 0 only if the matrix is.
    """
    alike = frozenset(symmetric)
    rules = [(_words(left, alike), _words(right, alike)) for left, right in given]
    result = sp.expand(_words(expr, alike))
    for _ in range(12):
        before = result
        for left, right in rules:
            result = sp.expand(result.subs(left, right))
        if result == before:
            break
    return result


def _words(expr: Expr, symmetric: frozenset[Expr]) -> Expr:
    """Translate; the transpose of a product reverses it."""
    if isinstance(expr, sp.MatAdd):
        return sp.Add(*(_words(a, symmetric) for a in expr.args))
    if isinstance(expr, sp.MatMul):
        return sp.Mul(*(_words(a, symmetric) for a in expr.args))
    if isinstance(expr, sp.Identity):
        return sp.Integer(1)
    if isinstance(expr, sp.ZeroMatrix):
        return sp.Integer(0)
    if isinstance(expr, sp.Transpose):
        return _transposed(expr.arg, symmetric)
    if isinstance(expr, sp.Inverse):
        return _inverse(_words(expr.arg, symmetric))
    if isinstance(expr, sp.MatrixSymbol):
        return sp.Symbol(expr.name, commutative=False)
    if getattr(expr, "is_Matrix", False):
        raise TypeError(f"no word for {type(expr).__name__}")
    return expr


def _transposed(expr: Expr, symmetric: frozenset[Expr]) -> Expr:
    if isinstance(expr, sp.MatAdd):
        return sp.Add(*(_transposed(a, symmetric) for a in expr.args))
    if isinstance(expr, sp.MatMul):
        return sp.Mul(*(_transposed(a, symmetric) for a in reversed(expr.args)))
    if isinstance(expr, sp.Transpose):
        return _words(expr.arg, symmetric)
    if isinstance(expr, sp.Inverse):
        return _inverse(_transposed(expr.arg, symmetric))
    if isinstance(expr, sp.MatrixSymbol) and expr not in symmetric:
        return sp.Symbol(f"{expr.name}'", commutative=False)
    return _words(expr, symmetric)


def _inverse(word: Expr) -> Expr:
    if not word.is_Symbol:
        raise TypeError(f"no word for the inverse of {word}")
    return word**-1
