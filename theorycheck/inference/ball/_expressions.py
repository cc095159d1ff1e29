"""Ball arithmetic for expressions: rigorous values, and the pieces on which f is analytic.

An interval of z on which every non-smooth function keeps one branch is a *piece*; there f equals
an analytic function, the frozen branch, that can be integrated in the complex plane. Pieces come
from bisection with interval values, not from floating-point breakpoints. A switch itself is only
enclosed: between two pieces a *sliver* remains, narrower than the working precision, on which the
integrand is bounded. So nothing depends on a breakpoint being known to one float.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from theorycheck.errors import ExpressionError
from theorycheck.inference.ball._functions import (
    BRANCHES,
    COMPLEX,
    REAL,
    UNDECIDED,
    acb,
    arb,
    branched,
    complex_arctan,
    complex_normal_quantile,
    complex_softplus,
    constant,
    ctx,
    magnitude,
    monotone,
    positive_branch,
    side,
    whole_exponent,
)
from theorycheck.models import (
    Apply,
    Constant,
    Latent,
    Node,
    Number,
    Where,
    latents_of,
    parse_components,
)

#: Most intervals looked at in the search for pieces.
_MAX_INTERVALS = 400_000
_REAL_EXTRA_BITS = 96

Labels = Mapping[int, int]


@dataclass(frozen=True)
class Piece:
    """An interval of z and the branch that each non-smooth node keeps on it.

    ``labels`` is None on a sliver, where some branch is undecided.
    """

    lower: Any
    upper: Any
    labels: Labels | None


@dataclass(frozen=True)
class Compiled:
    """An expression with its pieces on [−reach, reach], in ascending order."""

    components: tuple[Node, ...]
    pieces: tuple[Piece, ...]


def hull(lower: Any, upper: Any) -> Any:
    """Return the ball around [lower, upper]."""
    return lower.union(upper)


@lru_cache(maxsize=64)
def compile_pieces(text: str, reach: int, precision: int) -> Compiled:
    """Split [−reach, reach] into pieces.

    Parameters
    ----------
    text : str
        An expression.
    reach : int
        Half the length of the interval.
    precision : int
        Bits; slivers are about 2^(−precision) wide.

    Returns
    -------
    Compiled

    Raises
    ------
    ExpressionError
        If f is not real somewhere, has too many switches or several latents.
    """
    components = parse_components(text)
    if latents_of(components) > 1:
        raise ExpressionError(f"'{text}' has several latents; ball arithmetic is for one")
    # Endpoints are exact dyadic numbers: the precision must hold all their bits.
    with ctx.workprec(precision + _REAL_EXTRA_BITS + reach.bit_length()):
        narrowest = arb(2) ** (-precision)
        stack, found, looked = [(arb(-reach), arb(reach))], list[Piece](), 0
        while stack:
            lower, upper = stack.pop()
            looked += 1
            if looked > _MAX_INTERVALS:
                raise ExpressionError(f"'{text}' has too many switches for ball arithmetic")
            look = Real(hull(lower, upper))
            for component in components:
                look.value(component)
            if look.undecided and upper - lower > narrowest:
                middle = ((lower + upper) / 2).mid()
                stack += [(middle, upper), (lower, middle)]
                continue
            labels = None if look.undecided else look.labels
            if found and found[-1].labels == labels:
                found[-1] = Piece(found[-1].lower, upper, labels)
            else:
                found.append(Piece(lower, upper, labels))
    return Compiled(components, tuple(found))


class Real:
    """Interval values of trees over one real interval.

    Parameters
    ----------
    z : arb
        The interval.
    labels : mapping, optional
        Branches to keep. Without them each branch is decided here; where that is impossible the
        value covers both branches and ``undecided`` is set.
    """

    def __init__(self, z: Any, labels: Labels | None = None) -> None:
        self.z = z
        self.frozen = labels
        self.labels: dict[int, int] = {}
        self.undecided = False
        self.values: dict[int, Any] = {}

    def value(self, node: Node) -> Any:
        """Return a ball that holds g(z) for every z of the interval."""
        key = id(node)
        if key not in self.values:
            self.values[key] = self._value(node)
        return self.values[key]

    def _value(self, node: Node) -> Any:
        match node:
            case Number() | Constant():
                return constant(node)
            case Latent():
                return self.z
            case Where(_, yes, no):
                label = self._branch(node, lambda: self._condition(node))
                if label is None:
                    return self.value(yes).union(self.value(no))
                return self.value(yes if label else no)
            case Apply("minimum" | "maximum" as name, (left, right)):
                a, b = self.value(left), self.value(right)
                label = self._branch(node, lambda: side(b - a))
                if label is None:
                    return a.min(b) if name == "minimum" else a.max(b)
                return a if (label > 0) == (name == "minimum") else b
            case Apply("**", (base, exponent)):
                return self._power(node, base, exponent)
            case Apply(name, arguments):
                values = [self.value(argument) for argument in arguments]
                if name in BRANCHES:
                    a = values[0]
                    label = self._branch(node, lambda: BRANCHES[name](a))
                    return UNDECIDED[name](a) if label is None else branched(name, a, label)
                return REAL[name](*values)

    def _branch(self, node: Node, decide: Callable[[], int | None]) -> int | None:
        label = decide() if self.frozen is None else self.frozen[id(node)]
        if label is None:
            self.undecided = True
        else:
            self.labels[id(node)] = label
        return label

    def _condition(self, node: Where) -> int | None:
        answers: list[bool | None] = []
        for link in node.condition:
            a, b = self.value(link.left), self.value(link.right)
            if link.operator[0] == ">":
                a, b = b, a
            strict = len(link.operator) == 1
            yes = a < b if strict else a <= b
            no = a >= b if strict else a > b
            answers.append(True if yes else False if no else None)
        if False in answers:
            return 0
        return None if None in answers else 1

    def _power(self, node: Node, base: Node, exponent: Node) -> Any:
        a, whole = self.value(base), whole_exponent(exponent)
        if whole is None:
            label = self._branch(node, lambda: positive_branch(a))
            if label == 0:
                return arb(0)
            power, floor = self.value(exponent), arb(0)
            if a.lower() > 0:
                return (power * monotone("log", a)).exp()
            # Undecided near zero: 0^p = 0 for a constant p > 0.
            top = (power * a.upper().log()).exp() if a.upper() > 0 else floor
            return floor.union(top) if power > 0 else arb.nan()
        if whole % 2 == 0:
            a = magnitude(a)
        low, high = a.lower() ** abs(whole), a.upper() ** abs(whole)
        result = low.union(high)
        return result if whole >= 0 else 1 / result


class Complex:
    """Values of the frozen branch over a complex ball, for :func:`flint.acb.integral`.

    Parameters
    ----------
    z : acb
        The ball.
    labels : mapping
        The branches of the piece.
    analytic : bool
        Whether a value must be refused (not finite) unless the function is analytic on the ball.
    """

    def __init__(self, z: Any, labels: Labels, analytic: bool) -> None:
        self.z, self.labels, self.analytic = z, labels, analytic
        self.values: dict[int, Any] = {}

    def value(self, node: Node) -> Any:
        """Return a ball that holds g on the ball z."""
        key = id(node)
        if key not in self.values:
            self.values[key] = self._value(node)
        return self.values[key]

    def _value(self, node: Node) -> Any:
        match node:
            case Number() | Constant():
                return acb(constant(node))
            case Latent():
                return self.z
            case Where(_, yes, no):
                return self.value(yes if self.labels[id(node)] else no)
            case Apply("minimum" | "maximum" as name, (left, right)):
                first = (self.labels[id(node)] > 0) == (name == "minimum")
                return self.value(left if first else right)
            case Apply("**", (base, exponent)):
                whole = whole_exponent(exponent)
                if whole is not None:
                    return self.value(base) ** whole
                if self.labels[id(node)] == 0:
                    return acb(0)
                logarithm = self.value(base).log(analytic=self.analytic)
                return (self.value(exponent) * logarithm).exp()
            case Apply("sqrt" | "log" as name, (inner,)):
                if self.labels[id(node)] == 0:
                    return acb(0)
                return getattr(self.value(inner), name)(analytic=self.analytic)
            case Apply("arctan", (inner,)):
                return complex_arctan(self.value(inner), self.analytic)
            case Apply("softplus", (inner,)):
                return complex_softplus(self.value(inner), self.analytic)
            case Apply("Phi_inv", (inner,)):
                return complex_normal_quantile(self.value(inner))
            case Apply(name, arguments):
                if name in BRANCHES:
                    label = self.labels[id(node)]
                    return acb(branched(name, self.value(arguments[0]), label))
                return COMPLEX[name](*(self.value(argument) for argument in arguments))
