"""The immutable tree of an expression in z, and what each of its functions means in floats.

:mod:`theorycheck.models._expression` builds it; ball arithmetic and the search for breakpoints walk
the same tree, so that there is one definition of f_θ and several independent ways to evaluate it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float64
from scipy import special

from theorycheck.arrays import Array, Latents

#: Names of constants. Ball arithmetic uses the exact numbers, floats the nearest ones.
CONSTANTS: Mapping[str, float] = MappingProxyType({"pi": np.pi, "e": np.e})


@dataclass(frozen=True)
class Number:
    """A literal: the float that the text denotes."""

    value: float


@dataclass(frozen=True)
class Constant:
    """π or e."""

    name: str


@dataclass(frozen=True)
class Latent:
    """The variable z; of several, z1 has axis 0."""

    axis: int | None = None


@dataclass(frozen=True)
class Label(Latent):
    """The variable y of a continuous label; `known` has its values when a tree is evaluated."""


@dataclass(frozen=True)
class Comparison:
    """``left < right`` and so on, one of ``< <= > >=``."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Apply:
    """A function or an arithmetic operation applied to its arguments."""

    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True)
class Where:
    """``yes`` where all of the comparisons hold (a chain has several), else ``no``."""

    condition: tuple[Comparison, ...]
    yes: Node
    no: Node


Node: TypeAlias = Number | Constant | Latent | Apply | Where


def _step(x: Array) -> Array:
    return np.heaviside(x, 1.0)


def _softplus(x: Array) -> Array:
    return np.logaddexp(0.0, x)


#: Arithmetic operations: the functions that have no name in the language.
OPERATIONS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "+": np.add,
        "-": np.subtract,
        "*": np.multiply,
        "/": np.divide,
        "**": np.power,
        "negate": np.negative,
    }
)

#: Functions of one argument.
FUNCTIONS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "sin": np.sin,
        "cos": np.cos,
        "tan": np.tan,
        "exp": np.exp,
        "log": np.log,
        "sqrt": np.sqrt,
        "sinh": np.sinh,
        "cosh": np.cosh,
        "tanh": np.tanh,
        "arctan": np.arctan,
        "abs": np.abs,
        "sign": np.sign,
        "floor": np.floor,
        "step": _step,
        "Phi": special.ndtr,
        "Phi_inv": special.ndtri,
        "erf": special.erf,
        "logistic": special.expit,
        "softplus": _softplus,
    }
)

#: Functions of two arguments.
BINARY_FUNCTIONS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {"minimum": np.minimum, "maximum": np.maximum}
)

#: Other names of the same functions, as other programs have them.
ALIASES: Mapping[str, str] = MappingProxyType(
    {"ln": "log", "sigmoid": "logistic", "max": "maximum", "min": "minimum", "atan": "arctan"}
)

_MEANING = {**OPERATIONS, **FUNCTIONS, **BINARY_FUNCTIONS}

COMPARISONS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}
)


def evaluate(
    node: Node, z: Latents | Float64[Array, "n K"], known: dict[int, Any] | None = None
) -> Any:
    """Evaluate a tree in double precision.

    Parameters
    ----------
    node : Node
        The tree.
    z : ndarray, shape (n,), or (n, K) where the tree has z1, z2 or z3
        Latents.
    known : dict, optional
        Values found so far, by the identity of the node: the parser shares equal subtrees, and
        a shared one is computed once.

    Returns
    -------
    ndarray, shape (n,), or a scalar where the tree has no z
    """
    values: dict[int, Any] = {} if known is None else known
    if id(node) in values:
        return values[id(node)]
    result: Any
    match node:
        case Number(value):
            result = np.float64(value)
        case Constant(name):
            result = np.float64(CONSTANTS[name])
        case Latent(axis):
            result = z if axis is None or z.ndim == 1 else z[:, axis]
        case Apply(function, arguments):
            result = _MEANING[function](*(evaluate(a, z, values) for a in arguments))
        case Where(condition, yes, no):
            holds: Any = True
            for link in condition:
                left, right = evaluate(link.left, z, values), evaluate(link.right, z, values)
                holds = holds & COMPARISONS[link.operator](left, right)
            result = np.where(holds, evaluate(yes, z, values), evaluate(no, z, values))
    values[id(node)] = result
    return result


def children(node: Node) -> tuple[Node, ...]:
    """Return the subtrees directly below a node."""
    match node:
        case Apply(_, arguments):
            return arguments
        case Where(condition, yes, no):
            sides = tuple(side for link in condition for side in (link.left, link.right))
            return (*sides, yes, no)
        case _:
            return ()


def walk(*roots: Node) -> Iterator[Node]:
    """Yield every distinct node below the roots, parents first."""
    seen: set[int] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if id(node) not in seen:
            seen.add(id(node))
            yield node
            stack.extend(children(node))


def depends_on_latent(node: Node) -> bool:
    """Tell whether z occurs in a tree."""
    return any(isinstance(below, Latent) for below in walk(node))
