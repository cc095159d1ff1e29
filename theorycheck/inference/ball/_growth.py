"""How fast an expression can grow, for all z at once: what bounds the tails of E_q |x − f(z)|².

A Gaussian's tail beyond 40 standard deviations weighs e^{-800}, so crude bounds are enough, and
plain floats hold them: their rounding is far below the factor of two added at the end.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from theorycheck.models import (
    CONSTANTS,
    FUNCTIONS,
    Apply,
    Constant,
    Latent,
    Node,
    Number,
    Where,
    depends_on_latent,
    evaluate,
)

Range = tuple[float, float]

#: |z| ≤ 4/e · exp(|z|/4) < 1.4716 exp(|z|/4).
_RATE, _FACTOR = 0.25, 1.4716
_INCREASING = {
    "exp", "tanh", "arctan", "erf", "Phi", "logistic", "sinh", "softplus", "floor", "sign", "step",
}  # fmt: skip
_ANYTHING: Range = (-math.inf, math.inf)


@dataclass(frozen=True)
class Growth:
    """A bound on abs(g(z)): ``constant + slope·|z|`` at rate 0, else ``constant·exp(rate·|z|)``."""

    constant: float
    slope: float = 0.0
    rate: float = 0.0

    def exponential(self) -> tuple[float, float]:
        """Return (A, k) with abs(g(z)) ≤ A exp(k |z|)."""
        if self.rate > 0.0 or self.slope == 0.0:
            return self.constant, self.rate
        return self.constant + _FACTOR * self.slope, _RATE


def growth(node: Node) -> Growth | None:
    """Bound a tree for every real z.

    Parameters
    ----------
    node : Node
        The tree.

    Returns
    -------
    Growth or None
        None where no bound of this form is found.
    """
    low, high = value_range(node)
    if math.isfinite(low) and math.isfinite(high):
        return Growth(max(abs(low), abs(high)))
    match node:
        case Latent():
            return Growth(0.0, 1.0)
        case Apply("+" | "-" | "minimum" | "maximum", (left, right)):
            return _sum(growth(left), growth(right))
        case Where(_, yes, no):
            return _sum(growth(yes), growth(no))
        case Apply("negate" | "abs", (inner,)):
            return growth(inner)
        case Apply("floor" | "softplus", (inner,)):
            # softplus(a) <= |a| + log 2.
            return _sum(growth(inner), Growth(1.0))
        case Apply("*", (left, right)):
            return _product(growth(left), growth(right))
        case Apply("/", (left, right)):
            low, high = value_range(right)
            least = max(low, -high)
            return _product(growth(left), Growth(1.0 / least)) if least > 0.0 else None
        case Apply("**", (base, exponent)):
            return _power(growth(base), exponent)
        case Apply("sqrt", (inner,)):
            return _power(growth(inner), Number(0.5))
        case Apply("exp" | "sinh" | "cosh", (inner,)):
            return _exponential(growth(inner))
        case Apply("log", (inner,)):
            return _logarithm(inner)
        case Apply("Phi_inv", (inner,)):
            return _normal_quantile(inner)
        case _:
            return None


def _sum(left: Growth | None, right: Growth | None) -> Growth | None:
    if left is None or right is None:
        return None
    if left.rate == right.rate == 0.0:
        return Growth(left.constant + right.constant, left.slope + right.slope)
    (a, k), (b, m) = left.exponential(), right.exponential()
    return Growth(a + b, 0.0, max(k, m))


def _product(left: Growth | None, right: Growth | None) -> Growth | None:
    if left is None or right is None:
        return None
    for one, other in ((left, right), (right, left)):
        if one.rate == 0.0 and one.slope == 0.0:
            return Growth(one.constant * other.constant, one.constant * other.slope, other.rate)
    (a, k), (b, m) = left.exponential(), right.exponential()
    return Growth(a * b, 0.0, k + m)


def _power(base: Growth | None, exponent: Node) -> Growth | None:
    if base is None or depends_on_latent(exponent):
        return None
    power = float(evaluate(exponent, np.zeros(1)))
    if power < 0.0:
        return None
    a, k = base.exponential()
    try:
        return Growth(max(a, 1.0) ** power, 0.0, k * power)
    except OverflowError:
        return None


def _exponential(inner: Growth | None) -> Growth | None:
    if inner is None or inner.rate > 0.0 or inner.constant > 300.0:
        return None
    return Growth(math.exp(inner.constant), 0.0, inner.slope)


def _logarithm(inner: Node) -> Growth | None:
    low, _ = value_range(inner)
    above = growth(inner)
    if above is None or low <= 0.0:
        return None
    a, k = above.exponential()
    return Growth(abs(math.log(low)) + math.log(max(a, 1.0)), k)


def _normal_quantile(inner: Node) -> Growth | None:
    """Bound Φ⁻¹(c Φ(a)), 0 < c < 1, the form of a monotone rearrangement.

    For u ≤ a ≤ 0, φ(u − t) ≤ φ(u) e^{−t²/2}, so Φ(a − t) ≤ e^{−t²/2} Φ(a): with e^{−t²/2} = c,
    Φ⁻¹(c Φ(a)) ≥ −|a| − t. From above it is at most Φ⁻¹(c).
    """
    match inner:
        case Apply("*", (Apply("Phi", (argument,)), factor)) | Apply(
            "*", (factor, Apply("Phi", (argument,)))
        ):
            c = value_range(factor)
        case Apply("/", (Apply("Phi", (argument,)), Number(divisor))) if divisor > 0.0:
            c = (1.0 / divisor, 1.0 / divisor)
        case _:
            return None
    if c[0] != c[1] or not 0.0 < c[0] < 1.0:
        return None
    shift = math.sqrt(-2.0 * math.log(c[0])) + abs(float(FUNCTIONS["Phi_inv"](c[0])))
    return _sum(growth(argument), Growth(shift))


def value_range(node: Node) -> Range:
    """Return an interval that holds g(z) for every real z, infinite where nothing better is seen.

    The ends are rounded floats; use them with room to spare.
    """
    match node:
        case Number(value):
            return (value, value)
        case Constant(name):
            return (CONSTANTS[name], CONSTANTS[name])
        case Latent():
            return _ANYTHING
        case Where(_, yes, no):
            (a, b), (c, d) = value_range(yes), value_range(no)
            return (min(a, c), max(b, d))
        case Apply("sin" | "cos", _):
            return (-1.0, 1.0)
        case Apply("negate", (inner,)):
            low, high = value_range(inner)
            return (-high, -low)
        case Apply("tan", (inner,)):
            low, high = value_range(inner)
            between_poles = low > -1.57 and high < 1.57
            return (math.tan(low), math.tan(high)) if between_poles else _ANYTHING
        case Apply("**", (base, exponent)):
            return _power_range(base, exponent)
        case Apply("abs" | "cosh", (inner,)):
            low, high = value_range(inner)
            least, most = max(low, -high, 0.0), max(abs(low), abs(high))
            return (least, most) if node.function == "abs" else (_cosh(least), _cosh(most))
        case Apply("sqrt" | "log" | "Phi_inv" as name, (inner,)):
            return _partial_range(name, inner)
        case Apply(name, (inner,)) if name in _INCREASING:
            with np.errstate(all="ignore"):
                low, high = (float(FUNCTIONS[name](end)) for end in value_range(inner))
            return (low, high)
        case Apply(name, (left, right)):
            return _binary_range(name, value_range(left), value_range(right))
        case _:
            return _ANYTHING


def _cosh(x: float) -> float:
    return math.cosh(x) if x < 700.0 else math.inf


def _power_range(base: Node, exponent: Node) -> Range:
    low, high = value_range(base)
    if depends_on_latent(exponent):
        return _ANYTHING
    power = float(evaluate(exponent, np.zeros(1)))
    if power < 0.0 or (power % 2.0 != 0.0 and low < 0.0):
        return _ANYTHING
    with np.errstate(all="ignore"):
        least = float(np.power(max(low, -high, 0.0), power))
        return (least, float(np.power(max(abs(low), abs(high)), power)))


def _partial_range(name: str, inner: Node) -> Range:
    low, high = value_range(inner)
    with np.errstate(all="ignore"):
        if name == "Phi_inv":
            low, high = max(low, 0.0), min(high, 1.0)
        ends = [float(FUNCTIONS[name](max(end, 0.0))) for end in (low, high)]
    return (ends[0], ends[1])


def _binary_range(name: str, left: Range, right: Range) -> Range:
    (a, b), (c, d) = left, right
    match name:
        case "+":
            return (a + c, b + d)
        case "-":
            return (a - d, b - c)
        case "minimum":
            return (min(a, c), min(b, d))
        case "maximum":
            return (max(a, c), max(b, d))
        case "/" if c > 0.0 or d < 0.0:
            return _binary_range("*", left, (1.0 / d, 1.0 / c))
        case "*":
            # Here 0 · inf is 0: the factor that is zero is zero exactly.
            corners = [0.0 if 0.0 in (p, q) else p * q for p in left for q in right]
            return (min(corners), max(corners))
        case _:
            return _ANYTHING
