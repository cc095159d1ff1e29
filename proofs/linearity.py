"""Brings integrals and sums into a normal form in which equal expressions look the same."""

from __future__ import annotations

from collections.abc import Iterable

import sympy as sp

from proofs.derivation import Equation, Expr

#: Keeps sympy from merging an inner integral with the one around it.
_held = sp.Function("held")


def collect(expr: Expr, given: Iterable[Equation] = ()) -> Expr:
    """Split every integral and sum into terms, and take constant factors out of each.

    The integral of a sum becomes a sum of integrals; what does not depend on the variable goes in
    front; then the given equations are substituted.

    Parameters
    ----------
    expr : sympy expression
    given : iterable of equations
        Their left sides may be integrals or sums.

    Returns
    -------
    sympy expression
    """
    rules = [(_normal(sp.sympify(left)), sp.sympify(right)) for left, right in given]
    result = _normal(sp.sympify(expr))
    # A substitution can make a factor constant, so that more can be taken out.
    for _ in range(6):
        before = result
        for left, right in rules:
            result = _replace(result, left, right)
        result = _normal(result)
        if result == before:
            break
    return result


def _replace(expr: Expr, left: Expr, right: Expr) -> Expr:
    """Substitute; a left side with integrals is solved for one that has a number in front."""
    for term in sp.Add.make_args(left):
        factor, bare = term.as_coeff_Mul()
        if bare.func == _held:
            return expr.xreplace({bare: (right - (left - term)) / factor})
    return expr.xreplace({left: right})


def _normal(expr: Expr) -> Expr:
    if not expr.args or expr.is_Symbol:
        return expr
    if expr.func == _held:
        expr = expr.args[0]
    if isinstance(expr, (sp.Integral, sp.Sum)):
        result = _normal(expr.args[0])
        for limit in expr.limits:
            terms = sp.Add.make_args(_expanded(result))
            result = sp.Add(*(_single(expr.func, term, limit) for term in terms))
        return result
    if not all(isinstance(a, sp.Expr) for a in expr.args):  # a derivative or limit
        return expr.func(_normal(expr.args[0]), *expr.args[1:])
    return _expanded(expr.func(*(_normal(a) for a in expr.args)))


def _single(kind: type[sp.Basic], term: Expr, limit: sp.Tuple) -> Expr:
    """Integrate or sum one term over one variable, constant factors in front."""
    constant, rest = term.as_independent(limit[0], as_Add=False)
    if kind is sp.Sum and rest == 1 and len(limit) == 3:
        return constant * (limit[2] - limit[1] + 1)
    return constant * _held(kind(rest, limit))


def _expanded(expr: Expr) -> Expr:
    return sp.expand(sp.expand_log(sp.expand(expr)))
