"""Reading an expression in z: Python's grammar, a whitelist of nodes, and nothing is ever run."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Sequence
from functools import reduce
from typing import NoReturn

import numpy as np

from theorycheck.errors import ExpressionError, nearest
from theorycheck.models._expression_tree import (
    ALIASES,
    BINARY_FUNCTIONS,
    CONSTANTS,
    FUNCTIONS,
    Apply,
    Comparison,
    Constant,
    Label,
    Latent,
    Node,
    Number,
    Where,
    depends_on_latent,
    evaluate,
    walk,
)

#: Longest text, in characters.
MAX_LENGTH = 10_000
#: Deepest nesting. The walks of the tree recurse, so this keeps them far from Python's own limit.
MAX_DEPTH = 200
#: Largest constant exponent; beyond it z**n overflows for every |z| of interest.
MAX_EXPONENT = 1000

#: Made of other functions: relu(a) is maximum(a, 0).
_RELU = "relu"
_VARIABLES = ("z", "z1", "z2", "z3")
_NAMES = (*FUNCTIONS, *BINARY_FUNCTIONS, _RELU, "where", *ALIASES)
ALLOWED = (
    "allowed: numbers, z (or z1, z2, z3 for several latents), pi, e, + - * / ^, parentheses, "
    "one list [f1, f2, ...], comparisons inside where(condition, a, b), and " + " ".join(_NAMES)
)

_BINARY: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "**",
}
_COMPARED: dict[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
_ARITY = {
    **dict.fromkeys(FUNCTIONS, 1),
    **dict.fromkeys(BINARY_FUNCTIONS, 2),
    _RELU: 1,
    "where": 3,
}
_ARITY |= {name: _ARITY[meant] for name, meant in ALIASES.items()}


def parse_components(text: str, *, label: bool = False) -> tuple[Node, ...]:
    """Parse ``[f1, f2, ...]`` or one expression into trees, equal subtrees shared.

    Parameters
    ----------
    text : str
        The expression.
    label : bool
        Read y as well, the value of a continuous label.

    Returns
    -------
    tuple of Node
        One tree for each of the D data dimensions.

    Raises
    ------
    ExpressionError
        If the text is no expression; one line says what is wrong, where, and what is allowed.
    """
    if len(text) > MAX_LENGTH:
        raise ExpressionError(
            f"the expression has {len(text)} characters; at most {MAX_LENGTH} are allowed"
        )
    written = text.strip()
    if not written:
        raise ExpressionError(f"the expression is empty; {ALLOWED}")
    # In Python's grammar ^ binds more loosely than +, in everybody's mathematics like **.
    source = written.replace("^", "**")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            body = ast.parse(source, mode="eval").body
    except SyntaxError as error:
        column = f" at column {_column(written, error.offset)}" if error.offset else ""
        reason = str(error.msg).split(";")[0]
        raise ExpressionError(f"the expression is not valid{column}: {reason}; {ALLOWED}") from None
    except (ValueError, MemoryError, RecursionError) as error:
        reason = str(error) or "it is nested too deeply"
        raise ExpressionError(f"the expression cannot be read: {reason}; {ALLOWED}") from None
    reader = _Reader(source, written, label)
    if isinstance(body, ast.List):
        if not body.elts:
            raise ExpressionError(f"the list [] has no data dimension; {ALLOWED}")
        found = tuple(reader.read(part, 1) for part in body.elts)
        latents_of(found)
        return found
    if isinstance(body, ast.Tuple):
        reader.refuse(body, "a tuple", "write a list [f1, f2, ...]")
    found = (reader.read(body, 0),)
    latents_of(found)
    return found


def latents_of(components: Sequence[Node]) -> int:
    """Return the number of latents K of trees: 1 for z or none, else the largest of z1, z2, z3.

    Parameters
    ----------
    components : sequence of Node
        The trees of f.

    Returns
    -------
    int

    Raises
    ------
    ExpressionError
        If z stands beside z1, z2 or z3.
    """
    axes = {
        node.axis
        for node in walk(*components)
        if isinstance(node, Latent) and not isinstance(node, Label)
    }
    several = [axis for axis in axes if axis is not None]
    if several and None in axes:
        raise ExpressionError(
            "z and z1, z2, z3 cannot stand together: write z for one latent, or z1, z2 (and z3) "
            "for several"
        )
    return max(several) + 1 if several else 1


def _column(written: str, column: int) -> int:
    """Return where a column of the text with ** for ^ lies in the text as it was written."""
    place = 0
    for number, character in enumerate(written, start=1):
        place += 2 if character == "^" else 1
        if place >= column:
            return number
    return len(written)


class _Reader:
    """One pass over Python's syntax tree."""

    def __init__(self, source: str, written: str, label: bool) -> None:
        self.source = source
        self.written = written
        self.label = label
        self.shared: dict[tuple[object, ...], Node] = {}

    def refuse(self, where: ast.AST, what: str, hint: str = ALLOWED) -> NoReturn:
        """Raise the one line that says what is not allowed, and where."""
        part = ast.get_source_segment(self.source, where) or ""
        part = " ".join(part.split())
        if "**" not in self.written:
            part = part.replace("**", "^")
        shown = part if len(part) <= 40 else part[:37] + "..."
        column = _column(self.written, getattr(where, "col_offset", 0) + 1)
        raise ExpressionError(f"{what} is not allowed: '{shown}' at column {column}; {hint}")

    def read(self, node: ast.expr, depth: int) -> Node:
        """Translate one whitelisted node, or refuse it."""
        if depth > MAX_DEPTH:
            self.refuse(
                node, f"nesting deeper than {MAX_DEPTH}", "group long sums with parentheses"
            )
        match node:
            case ast.Constant():
                return self.number(node)
            case ast.Name(id="z"):
                return self.share("z", Latent())
            case ast.Name(id="z1" | "z2" | "z3" as name) if not self.label:
                return self.share(name, Latent(int(name[1]) - 1))
            case ast.Name(id="y") if self.label:
                return self.share("y", Label())
            case ast.Name(id=name) if name in CONSTANTS:
                return self.share(name, Constant(name))
            case ast.Name(id=name):
                if name in _ARITY:
                    self.refuse(node, "a function without its arguments", f"write {name}(...)")
                self.refuse(
                    node, "this name", f"{nearest(name, (*_VARIABLES, 'pi', 'e', *_NAMES))}"
                )
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self.apply(node, "negate", self.read(operand, depth + 1))
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.read(operand, depth + 1)
            case ast.BinOp(left=left, op=operator, right=right):
                if type(operator) not in _BINARY:
                    self.refuse(node, "this operator")
                arguments = self.read(left, depth + 1), self.read(right, depth + 1)
                return self.apply(node, _BINARY[type(operator)], *arguments)
            case ast.Call():
                return self.call(node, depth)
            case ast.Compare():
                self.refuse(node, "a comparison outside where(condition, a, b)")
            case ast.List():
                self.refuse(node, "a list inside the expression", "only the whole may be a list")
            case ast.Attribute(attr=attribute):
                hint = f"write {attribute} without a prefix" if attribute in _ARITY else ALLOWED
                self.refuse(node, "an attribute", hint)
            case _:
                kind = type(node).__name__
                self.refuse(node, f"this kind of expression ({kind})")

    def number(self, node: ast.Constant) -> Node:
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.refuse(node, f"a constant of type {type(value).__name__}")
        try:
            number = float(value)
        except OverflowError:
            number = np.inf
        if not np.isfinite(number):
            self.refuse(node, "a number beyond the range of floats", "use smaller numbers")
        return self.share(number.hex(), Number(number))

    def call(self, node: ast.Call, depth: int) -> Node:
        if isinstance(node.func, ast.Attribute):
            self.read(node.func, depth)
        if not isinstance(node.func, ast.Name):
            self.refuse(node, "calling anything but a named function")
        name = node.func.id
        if name not in _ARITY:
            self.refuse(node.func, f"the function '{name}'", f"{nearest(name, _NAMES)}; {ALLOWED}")
        if node.keywords:
            self.refuse(node, "a keyword argument", "give the arguments by position")
        meant = ALIASES.get(name, name)
        several = meant in BINARY_FUNCTIONS and len(node.args) > _ARITY[name]
        if len(node.args) != _ARITY[name] and not several:
            takes = f"{name} takes {_ARITY[name]} argument{'s' if _ARITY[name] > 1 else ''}"
            takes += " or more" * (meant in BINARY_FUNCTIONS)
            self.refuse(node, f"a call with {len(node.args)} arguments", takes)
        if name == "where":
            condition = self.condition(node.args[0], depth + 1)
            yes, no = (self.read(part, depth + 1) for part in node.args[1:])
            sides = [(link.operator, id(link.left), id(link.right)) for link in condition]
            return self.share(("where", *sides, id(yes), id(no)), Where(condition, yes, no))
        arguments = [self.read(part, depth + 1) for part in node.args]
        if name == _RELU:
            return self.apply(node, "maximum", arguments[0], self.share((0.0).hex(), Number(0.0)))
        if several:
            return reduce(lambda one, other: self.apply(node, meant, one, other), arguments)
        return self.apply(node, meant, *arguments)

    def condition(self, node: ast.expr, depth: int) -> tuple[Comparison, ...]:
        """Read ``a < b`` or a chain ``a < b <= c``."""
        if not isinstance(node, ast.Compare):
            self.refuse(node, "a condition without < <= > >=", "for example where(z < 0, -1, 1)")
        sides = [self.read(side, depth + 1) for side in (node.left, *node.comparators)]
        links = []
        for operator, left, right in zip(node.ops, sides[:-1], sides[1:], strict=True):
            if type(operator) not in _COMPARED:
                self.refuse(node, "this comparison", "use < <= > or >=")
            links.append(Comparison(_COMPARED[type(operator)], left, right))
        return tuple(links)

    def apply(self, where: ast.expr, function: str, *arguments: Node) -> Node:
        built = Apply(function, arguments)
        node = self.share((function, *(id(part) for part in arguments)), built)
        if function == "**" and not depends_on_latent(arguments[1]):
            with np.errstate(all="ignore"):
                exponent = float(evaluate(arguments[1], np.zeros(1)))
            if not abs(exponent) <= MAX_EXPONENT:
                self.refuse(where, f"an exponent above {MAX_EXPONENT}", "use exp for fast growth")
        if not depends_on_latent(node):
            with np.errstate(all="ignore"):
                value = float(evaluate(node, np.zeros(1)))
            if not np.isfinite(value):
                self.refuse(where, f"a constant whose value is {value}", "it must be finite")
        return node

    def share(self, key: object, node: Node) -> Node:
        """Return the first node built with this key, so that equal subtrees are one object."""
        return self.shared.setdefault((key,), node)
