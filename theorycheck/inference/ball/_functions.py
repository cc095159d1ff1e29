"""Ball arithmetic for each function of the expression language, real and complex."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from theorycheck.errors import ExpressionError, MissingExtraError
from theorycheck.models import Constant, Node, Number, depends_on_latent, evaluate

try:
    from flint import acb, arb, ctx
except ImportError as error:  # pragma: no cover - the extra is installed where tests run
    raise MissingExtraError("python-flint", "rigorous", "ball arithmetic") from error

__all__ = [
    "BRANCHES",
    "COMPLEX",
    "REAL",
    "UNDECIDED",
    "acb",
    "arb",
    "branched",
    "complex_arctan",
    "complex_normal_quantile",
    "complex_softplus",
    "constant",
    "ctx",
    "magnitude",
    "monotone",
    "positive_branch",
    "side",
    "whole_exponent",
]


def whole_exponent(exponent: Node) -> int | None:
    """Return a constant whole exponent, or None."""
    if depends_on_latent(exponent):
        return None
    power = float(evaluate(exponent, np.zeros(1)))
    return int(power) if power.is_integer() else None


def constant(node: Number | Constant) -> Any:
    """Return a literal, π or e as a ball."""
    if isinstance(node, Number):
        return arb(node.value)
    return arb.pi() if node.name == "pi" else arb.const_e()


def side(a: Any) -> int | None:
    """Return the sign of an interval that may touch zero, or None."""
    return 1 if a >= 0 else -1 if a <= 0 else None


def _sign(a: Any) -> int | None:
    return 1 if a > 0 else -1 if a < 0 else 0 if a.is_zero() else None


def _step(a: Any) -> int | None:
    return 1 if a >= 0 else 0 if a < 0 else None


def _floor(a: Any) -> int | None:
    if not a.is_finite():
        return None
    low, high = a.lower().floor().unique_fmpz(), a.upper().floor().unique_fmpz()
    return int(low) if low is not None and low == high else None


def positive_branch(a: Any) -> int | None:
    """Return 1 where a > 0, 0 where it is exactly zero, None where neither is certain."""
    if a < 0:
        raise ExpressionError("f is not real: sqrt, log or a power of a negative number")
    return 1 if a > 0 else 0 if a.is_zero() else None


#: The branch of each non-smooth function, or None where the interval does not decide it.
BRANCHES: dict[str, Callable[[Any], int | None]] = {
    "abs": side,
    "sign": _sign,
    "step": _step,
    "floor": _floor,
    "sqrt": positive_branch,
    "log": positive_branch,
}


def branched(name: str, a: Any, label: int) -> Any:
    """Return the value of a non-smooth function on a branch."""
    match name:
        case "abs":
            return a * label
        case "sqrt" | "log":
            return monotone(name, a) if label else arb(0)
        case _:
            return arb(label)


def magnitude(a: Any) -> Any:
    """Enclose the absolute value."""
    return a.abs_lower().union(a.abs_upper())


def _sqrt_near_zero(a: Any) -> Any:
    return arb(0).union(a.upper().sqrt())


#: What encloses both branches.
UNDECIDED: dict[str, Callable[[Any], Any]] = {
    "abs": magnitude,
    "sign": lambda _: arb(0, 1),
    "step": lambda _: arb(0).union(arb(1)),
    "floor": lambda a: a.lower().floor().union(a.upper().floor()),
    "sqrt": _sqrt_near_zero,
    "log": lambda _: arb.nan(),
}


def _phi(a: Any) -> Any:
    return (-a / arb(2).sqrt()).erfc() / 2


def _phi_inverse(p: Any) -> Any:
    return -arb(2).sqrt() * (2 * p).erfcinv()


_POINTWISE: dict[str, Callable[[Any], Any]] = {
    "exp": lambda a: a.exp(),
    "log": lambda a: a.log(),
    "sqrt": lambda a: a.sqrt(),
    "sinh": lambda a: a.sinh(),
    "tanh": lambda a: a.tanh(),
    "arctan": lambda a: a.atan(),
    "erf": lambda a: a.erf(),
    "logistic": lambda a: 1 / (1 + (-a).exp()),
    "softplus": lambda a: a.exp().log1p(),
    "Phi": _phi,
    "Phi_inv": _phi_inverse,
}


def monotone(name: str, a: Any) -> Any:
    """Evaluate an increasing function at the ends: wide balls stay tight."""
    function = _POINTWISE[name]
    if a.is_exact():
        return function(a)
    return function(a.lower()).union(function(a.upper()))


def _cosh(a: Any) -> Any:
    size = magnitude(a)
    return size.lower().cosh().union(size.upper().cosh())


_ARITHMETIC: dict[str, Callable[..., Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "negate": lambda a: -a,
    "sin": lambda a: a.sin(),
    "cos": lambda a: a.cos(),
    "tan": lambda a: a.tan(),
}

#: Smooth functions of real intervals.
REAL: dict[str, Callable[..., Any]] = {
    **_ARITHMETIC,
    "cosh": _cosh,
    **{
        name: (lambda a, name=name: monotone(name, a))
        for name in _POINTWISE
        if name not in BRANCHES
    },
}

#: Smooth functions of complex balls.
COMPLEX: dict[str, Callable[..., Any]] = {
    **_ARITHMETIC,
    "cosh": lambda a: a.cosh(),
    **{
        name: function
        for name, function in _POINTWISE.items()
        # These have branch cuts and are evaluated apart.
        if name not in BRANCHES and name not in ("arctan", "Phi_inv", "softplus")
    },
}


def complex_arctan(a: Any, analytic: bool) -> Any:
    """Evaluate arctan, refusing balls that meet its cuts, i·(−∞, −1] and i·[1, ∞)."""
    if analytic and a.real.contains(0) and not a.imag.abs_upper() < 1:
        return acb(arb.nan())
    return a.atan()


def complex_softplus(a: Any, analytic: bool) -> Any:
    """Evaluate log(1 + exp(a)), refusing balls that meet its cuts, Im a = ±π with Re a >= 0.

    A ball that reaches beyond a cut from the real axis meets it where Re a >= 0; where Re a < 0
    the principal logarithm is the analytic continuation on both sides.
    """
    return (1 + a.exp()).log(analytic=analytic)


def complex_normal_quantile(p: Any) -> Any:
    """Enclose Φ⁻¹ on a complex ball by an interval Newton step.

    If N(Y) = y − (Φ(y) − p)/φ(Y) lies inside Y, each p of the ball has exactly one root in Y and
    φ has no zero there, so the inverse is analytic on the ball. Otherwise the answer is NaN.
    """
    middle = p.real.mid()
    if not (p.is_finite() and 0 < middle < 1):
        return acb(arb.nan())
    start = acb(_phi_inverse(middle))
    if p.imag.is_zero() and p.real.is_exact():
        return start

    def density(y: Any) -> Any:
        return (-y * y / 2).exp() / (2 * arb.pi()).sqrt()

    defect = (_phi(start) - p) / density(start)
    size = defect.abs_upper() + start.real.rad()
    for factor in (1.1, 1.5, 3.0):
        radius = (size * factor).upper()
        around = start + acb(arb(0, radius), arb(0, radius))
        newton = start - (_phi(start) - p) / density(around)
        if around.contains(newton) and newton.is_finite():
            return newton
    return acb(arb.nan())
