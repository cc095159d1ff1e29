"""Decides whether two expressions are equal: numbers may refute it, else sympy decides.

A refutation needs no symbolic integral, so that what is false fails at once; it only ever says no.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from proofs.derivation import Expr

#: A difference above this at a point, evaluated to 30 digits, is not rounding.
_NOT_ROUNDING = 1e-15
#: The same where integrals are done by quadrature.
_QUADRATURE = 1e-6
#: Points tried, since a formula may be undefined at some.
_POINTS = 3
#: What is carried out exactly even where integrals are done by quadrature.
_POINTWISE = (sp.Derivative, sp.Subs, sp.Determinant, sp.UnevaluatedExpr)
#: What an expression may ask to be carried out.
UNDONE = (
    sp.Integral,
    sp.Sum,
    sp.Product,
    sp.Derivative,
    sp.Limit,
    sp.Subs,
    sp.Determinant,
    sp.UnevaluatedExpr,
)


@lru_cache(maxsize=4096)
def evaluate(expr: Expr) -> Expr:
    """Carry out the integrals, sums, limits and derivatives of an expression, innermost first.

    Parameters
    ----------
    expr : sympy expression

    Returns
    -------
    sympy expression
    """
    if not expr.has(*UNDONE):
        return expr
    if isinstance(expr, UNDONE):
        inner = expr.func(evaluate(expr.args[0]), *expr.args[1:])
        return inner.doit()
    return expr.func(*(evaluate(a) for a in expr.args))


def refuted(difference: Expr) -> bool:
    """Tell whether a difference is certainly not zero, by its value at a few points.

    Parameters
    ----------
    difference : sympy expression

    Returns
    -------
    bool
        False where it is zero there or nothing can be said.
    """
    if difference.has(*UNDONE):
        return refuted_by_quadrature(difference)
    atoms = difference.atoms(AppliedUndef, sp.Indexed)
    outer = {a: sp.Dummy(positive=a.is_positive) for a in atoms}
    plain = difference.xreplace(outer)
    if not all(s.is_commutative for s in plain.free_symbols):
        return False
    for point in _points(plain):
        value = plain.xreplace(point).evalf(30)
        if value.is_number and value.is_finite and abs(value) > _NOT_ROUNDING:
            return True
    return False


def refuted_by_quadrature(difference: Expr) -> bool:
    """Tell whether single integrals, done numerically, show that a difference is not zero.

    Parameters
    ----------
    difference : sympy expression

    Returns
    -------
    bool
        Also True where an integral diverges; False where both sides agree, or where there is more
        than single integrals.
    """
    if difference.has(sp.Sum, sp.Product, sp.Limit, AppliedUndef, sp.Indexed):
        return False
    if any(len(i.limits) > 1 or i.limits[0][1:] == () for i in difference.atoms(sp.Integral)):
        return False
    difference = difference.replace(lambda e: isinstance(e, _POINTWISE), evaluate)
    for point in _points(difference):
        try:
            value = float(difference.xreplace(point).replace(_is_integral, _quadrature))
        except (TypeError, ValueError, OverflowError, ZeroDivisionError):
            return True
        if not abs(value) <= _QUADRATURE:
            return True
    return False


def _is_integral(expr: Expr) -> bool:
    return isinstance(expr, sp.Integral)


def _quadrature(integral: Expr) -> Expr:
    """Do one integral over a line numerically; NaN where that does not work."""
    from scipy.integrate import IntegrationWarning, quad

    ((variable, low, high),) = integral.limits
    integrand = sp.lambdify(variable, integral.function, "scipy")
    with warnings.catch_warnings():
        warnings.simplefilter("error", IntegrationWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            value, error = quad(integrand, float(low), float(high), limit=200)
        except (IntegrationWarning, ZeroDivisionError, OverflowError, NameError):
            return sp.nan
    return sp.Float(value) if error < 0.1 * _QUADRATURE else sp.nan


def _points(expr: Expr) -> Iterator[dict[Any, Any]]:
    """Yield a few values for the free symbols of an expression."""
    generator = random.Random(7)
    indexed = {a.base for a in expr.atoms(sp.Indexed)}
    for _ in range(_POINTS):
        symbols = sorted(expr.free_symbols - indexed, key=str)
        yield {s: _value(s, generator) for s in symbols}


def _value(symbol: Any, generator: random.Random) -> Any:
    """Draw a number that a symbol may stand for."""
    if symbol.is_integer:
        return sp.Integer(generator.randint(2, 5))
    number = sp.Rational(generator.randint(1, 199), 101)
    if symbol.is_nonnegative or generator.random() < 0.5:
        return number
    return -number if symbol.is_positive is None else number


def vanishes(difference: Expr) -> bool:
    """Tell whether sympy reduces a difference to zero.

    Parameters
    ----------
    difference : sympy expression or matrix

    Returns
    -------
    bool
    """
    if isinstance(difference, sp.MatrixBase):
        return all(vanishes(entry) for entry in difference)
    difference = evaluate(sp.sympify(difference)).replace(sp.erfc, lambda t: 1 - sp.erf(t))
    if difference == 0:
        return True
    if refuted(difference):
        return False
    return any(
        reduce(difference) == 0
        for reduce in (sp.expand, _logs, sp.simplify, lambda d: sp.simplify(_logs(d)))
    )


def _logs(expr: Expr) -> Expr:
    return sp.expand(sp.expand_log(sp.expand(expr)))
