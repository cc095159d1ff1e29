"""Proves formulas: by expansion, calculus, linearity, a witness for an inequality.

Every check ends at "this difference is zero" or "each of these terms is ≥ 0", decided by sympy.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import sympy as sp

from proofs.derivation import Equation, Expr, Formula
from proofs.equality import UNDONE, evaluate, refuted, vanishes
from proofs.linearity import collect
from proofs.matrix_words import word_form


@lru_cache(maxsize=4096)
def _opaque(_expr: Expr) -> Expr:
    """Stand for an integral or sum that is not carried out, the same one each time."""
    return sp.Dummy()


def substitute(expr: Expr, given: Iterable[Equation]) -> Expr:
    """Replace the left side of each equation by its right, in order."""
    for left, right in given:
        expr = expr.subs(left, right)
    return expr


@dataclass(frozen=True)
class Algebra:
    """Both sides agree after expansion, with the given equations substituted.

    Parameters
    ----------
    given : tuple of equations
    """

    given: tuple[Equation, ...] = ()
    method: str = "algebra"

    def proves(self, formula: Formula) -> bool:
        """Subtract, substitute and simplify."""
        return formula.relation == "=" and vanishes(
            substitute(formula.lhs - formula.rhs, self.given)
        )


@dataclass(frozen=True)
class Calculus:
    """Both sides agree once integrals, derivatives, sums and limits are carried out."""

    given: tuple[Equation, ...] = ()
    method: str = "calculus"

    def proves(self, formula: Formula) -> bool:
        """Evaluate, subtract and simplify."""
        if formula.relation != "=" or (not self.given and refuted(formula.lhs - formula.rhs)):
            return False
        return vanishes(substitute(evaluate(formula.lhs) - evaluate(formula.rhs), self.given))


@dataclass(frozen=True)
class Linearity:
    """Both sides agree by linearity of integrals and sums, with the given equations substituted.

    Splitting an integral supposes that the parts are finite: derivations name that as a hypothesis.

    Parameters
    ----------
    given : tuple of equations
        Equations to substitute, for example ∫ q dz = 1.
    """

    given: tuple[Equation, ...] = ()
    method: str = "linearity of integrals and sums"

    def proves(self, formula: Formula) -> bool:
        """Bring both sides to a sum of integrals without constant factors, and compare."""
        if formula.relation != "=":
            return False
        difference = collect(formula.lhs - formula.rhs, self.given)
        # What is left is zero only if it is zero whatever the integrals are.
        return vanishes(difference.replace(lambda e: isinstance(e, UNDONE), _opaque))


@dataclass(frozen=True)
class Witness:
    """An inequality: the difference of its sides is a sum of terms that are each ≥ 0.

    Parameters
    ----------
    terms : expressions
        Each ≥ 0 by its form and its symbols' signs; for ">" one of them > 0.
    given : tuple of equations
    """

    terms: tuple[Expr, ...]
    given: tuple[Equation, ...] = ()
    method: str = "difference as a sum of non-negative terms"

    def proves(self, formula: Formula) -> bool:
        """Check the sum, then the sign of every term."""
        if formula.relation == "=" or not all(t.is_nonnegative for t in self.terms):
            return False
        if formula.relation == ">" and not any(t.is_positive for t in self.terms):
            return False
        return vanishes(substitute(formula.lhs - formula.rhs - sum(self.terms), self.given))


@dataclass(frozen=True)
class Slope:
    """An inequality in one variable: equality at a point, and the slope leads away from it.

    Parameters
    ----------
    variable : symbol
        Ranges over an interval that holds the point.
    point : expression
        The point where both sides are equal.
    witness : expression
        ≥ 0 by its form, and equal to (variable − point) times the slope of the difference.
    """

    variable: Expr
    point: Expr
    witness: Expr
    given: tuple[Equation, ...] = ()
    method: str = "equal at one point, sign of the derivative"

    def proves(self, formula: Formula) -> bool:
        """Check the point, the slope and the sign of the witness."""
        if formula.relation != "≥" or not self.witness.is_nonnegative:
            return False
        gap = substitute(formula.lhs - formula.rhs, self.given)
        slope = sp.diff(gap, self.variable) * (self.variable - self.point)
        return vanishes(gap.subs(self.variable, self.point)) and vanishes(slope - self.witness)


@dataclass(frozen=True)
class Series:
    """Two sides agree up to a power of a variable at 0.

    Parameters
    ----------
    variable : symbol
    order : int
        Powers below this are compared.
    """

    variable: Expr
    order: int
    given: tuple[Equation, ...] = ()
    method: str = "Taylor series"

    def proves(self, formula: Formula) -> bool:
        """Expand the difference; nothing may be left below the order."""
        difference = formula.lhs - formula.rhs
        # Close to 0 nothing but the remainder, far below the last power compared, may be left.
        near = sp.Rational(1, 10**6)
        if refuted(difference.subs(self.variable, near) * 10 ** (6 * self.order - 19)):
            return False
        series = sp.series(difference, self.variable, 0, self.order).removeO()
        return formula.relation == "=" and vanishes(series)


@dataclass(frozen=True)
class MatrixAlgebra:
    """Two matrix expressions of any size agree after expansion.

    Parameters
    ----------
    given : tuple of equations
        Products of two matrices, and what they are.
    symmetric : tuple of matrix symbols
    """

    given: tuple[Equation, ...] = ()
    symmetric: tuple[Expr, ...] = ()
    method: str = "matrix algebra, any size"

    def proves(self, formula: Formula) -> bool:
        """Expand into words of matrices; rewrite known products until nothing changes."""
        if formula.relation != "=" or formula.lhs.shape != formula.rhs.shape:
            return False
        return bool(word_form(formula.lhs - formula.rhs, self.given, self.symmetric) == 0)
