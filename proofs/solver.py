"""A second prover: z3 decides whether premises entail a conclusion, over all real numbers.

The formulas are the same sympy expressions that the other derivations use; the reasoning is not
theirs: a statement is proved when z3 shows that premises and negated conclusion have no solution,
and refuted by the solution that z3 finds, which sympy then checks in exact numbers.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from proofs.derivation import Equation, Expr

#: Milliseconds after which z3 is taken to know no answer; it needs a hundredth of this.
_PATIENCE = 15_000


def available() -> bool:
    """Tell whether z3 is installed."""
    return importlib.util.find_spec("z3") is not None


@dataclass(frozen=True)
class Prenex:
    """A formula about all decoders, or about one that exists.

    Parameters
    ----------
    quantifiers : tuple of (str, symbol)
        ``"∀"`` or ``"∃"``, outermost first.
    body : sympy boolean
        The formula, with undefined functions of the symbols, such as MLEO(f).
    """

    quantifiers: tuple[tuple[str, Any], ...]
    body: Any

    def __invert__(self) -> Prenex:
        other = {"∀": "∃", "∃": "∀"}
        return Prenex(tuple((other[k], s) for k, s in self.quantifiers), sp.Not(self.body))


Sentence = Any  # a sympy boolean or a Prenex


@dataclass(frozen=True)
class Entailment:
    """A step that says whether premises entail a conclusion, decided by z3.

    Parameters
    ----------
    reason : str
    premises : tuple of sympy booleans or Prenex
    conclusion : sympy boolean or Prenex
    holds_always : bool
        True: no counterexample exists. False: z3 finds one.
    """

    reason: str
    premises: tuple[Sentence, ...]
    conclusion: Sentence
    holds_always: bool
    method: str = "z3, a second prover"
    given: tuple[Equation, ...] = ()

    @cached_property
    def counterexample(self) -> Mapping[Any, Any] | None:
        """Return exact numbers that meet the premises, not the conclusion; None where none exist.

        Raises
        ------
        RuntimeError
            If z3 gives up.
        """
        import z3

        solver = z3.Solver()
        solver.set("timeout", _PATIENCE)
        sentences = (*self.premises, _negated(self.conclusion))
        translate = _Translator()
        for sentence in sentences:
            solver.add(translate(sentence))
        answer = solver.check()
        if answer == z3.unsat:
            return None
        if answer != z3.sat:
            raise RuntimeError(f"z3 gives up: {solver.reason_unknown()}")
        return translate.numbers(solver.model())

    def holds(self) -> bool:
        """Ask z3; check a counterexample in exact numbers."""
        found = self.counterexample
        if self.holds_always or found is None:
            return self.holds_always and found is None
        plain = [s for s in (*self.premises, _negated(self.conclusion)) if not _quantified(s)]
        return all(bool(sentence.subs(found)) for sentence in plain)

    def mutants(self) -> Iterator[tuple[str, Entailment]]:
        """Yield the step with one premise lost, or with another conclusion."""
        yield "answer", replace(self, holds_always=not self.holds_always)
        for k, premise in enumerate(self.premises):
            if self.holds_always:
                rest = self.premises[:k] + self.premises[k + 1 :]
                yield f"premise {k + 1} lost", replace(self, premises=rest)
            else:
                yield f"concludes premise {k + 1}", replace(self, conclusion=premise)
        if self.holds_always:
            yield "conclusion negated", replace(self, conclusion=_negated(self.conclusion))


def _quantified(sentence: Sentence) -> bool:
    return isinstance(sentence, Prenex)


def _negated(sentence: Sentence) -> Sentence:
    return ~sentence if _quantified(sentence) else sp.Not(sentence)


class _Translator:
    """Sympy to z3, one z3 variable a symbol; a symbol's sign becomes a premise."""

    def __init__(self) -> None:
        import z3

        self.z3 = z3
        self.decoder = z3.DeclareSort("Decoder")
        self.variables: dict[Any, Any] = {}

    def __call__(self, sentence: Sentence) -> Any:
        if not _quantified(sentence):
            body = self.expression(sentence)
            signs = [
                self.variables[s] > 0 if s.is_positive else self.variables[s] >= 0
                for s in sentence.free_symbols
                if s.is_nonnegative
            ]
            return self.z3.And(body, *signs)
        bound = {s: self.z3.Const(str(s), self.decoder) for _, s in sentence.quantifiers}
        self.variables.update(bound)
        body = self.expression(sentence.body)
        for kind, symbol in reversed(sentence.quantifiers):
            wrap = self.z3.ForAll if kind == "∀" else self.z3.Exists
            body = wrap([bound[symbol]], body)
        return body

    def expression(self, node: Expr) -> Any:
        """Translate a boolean or a real expression."""
        if isinstance(node, AppliedUndef):
            function = self.z3.Function(str(node.func), self.decoder, self.z3.RealSort())
            return function(self.variables[node.args[0]])
        if isinstance(node, sp.Symbol):
            return self.variables.setdefault(node, self.z3.Real(str(node)))
        if isinstance(node, sp.Rational):
            return self.z3.RealVal(f"{node.p}/{node.q}")
        arguments = [self.expression(a) for a in node.args]
        if isinstance(node, sp.Pow):
            return arguments[0] ** arguments[1]
        if isinstance(node, (sp.Add, sp.Mul)):
            result = arguments[0]
            for other in arguments[1:]:
                result = result + other if isinstance(node, sp.Add) else result * other
            return result
        return self.boolean(node, arguments)

    def boolean(self, node: Expr, arguments: list[Any]) -> Any:
        """Translate a relation or a connective."""
        match node:
            case sp.StrictGreaterThan():
                return arguments[0] > arguments[1]
            case sp.GreaterThan():
                return arguments[0] >= arguments[1]
            case sp.StrictLessThan():
                return arguments[0] < arguments[1]
            case sp.LessThan():
                return arguments[0] <= arguments[1]
            case sp.Eq():
                return arguments[0] == arguments[1]
            case sp.And():
                return self.z3.And(*arguments)
            case sp.Or():
                return self.z3.Or(*arguments)
            case sp.Not():
                return self.z3.Not(arguments[0])
            case sp.Implies():
                return self.z3.Implies(*arguments)
        raise TypeError(f"cannot tell z3 about {type(node).__name__}")

    def numbers(self, model: Any) -> dict[Any, Any]:
        """Read the values that z3 found, as exact numbers."""
        values = {}
        for symbol, variable in self.variables.items():
            value = model.eval(variable, model_completion=True)
            if self.z3.is_rational_value(value):
                values[symbol] = sp.Rational(value.numerator_as_long(), value.denominator_as_long())
        return values
