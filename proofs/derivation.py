"""Defines a derivation: hypotheses, steps that are checked when asked, and a conclusion.

A step is a formula with the check that proves it. Nothing is taken for true because it is written
down: what a step may use without proof is a hypothesis, named as such, or an earlier step.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

from proofs.mutations import Expr, broken_forms

__all__ = [
    "Check",
    "Claim",
    "Derivation",
    "Equation",
    "Expr",
    "Formula",
    "Hypothesis",
    "Outcome",
    "Step",
]

#: Two sides that are equal.
Equation = tuple[Expr, Expr]


@dataclass(frozen=True)
class Formula:
    """lhs relation rhs.

    Parameters
    ----------
    lhs, rhs : sympy expression or matrix
    relation : str
        ``"="``, ``"≥"`` or ``">"``.
    """

    lhs: Expr
    relation: str
    rhs: Expr

    def __post_init__(self) -> None:
        if self.relation not in ("=", "≥", ">"):
            raise ValueError(f"unknown relation {self.relation!r}")


class Check(Protocol):
    """A way to prove a formula, for example by expansion."""

    @property
    def method(self) -> str:
        """Return what it does, in a few words."""

    @property
    def given(self) -> tuple[Equation, ...]:
        """Return equations that it uses: hypotheses or earlier steps."""

    def proves(self, formula: Formula) -> bool:
        """Tell whether the formula is proved; False where it is not."""


class Step(Protocol):
    """One numbered step."""

    @property
    def reason(self) -> str:
        """Return why, in words."""

    @property
    def method(self) -> str:
        """Return how it is checked, in a few words."""

    @property
    def given(self) -> tuple[Equation, ...]:
        """Return equations that it uses: hypotheses or earlier steps."""

    def holds(self) -> bool:
        """Run the check."""

    def mutants(self) -> Iterator[tuple[str, Step]]:
        """Yield the step broken in one place each, with what was broken; none may hold."""


@dataclass(frozen=True)
class Hypothesis:
    """Something that the statement supposes.

    Parameters
    ----------
    text : str
        The hypothesis in words.
    equations : tuple of equations
        Equations that steps may then substitute: the left sides become the right.
    """

    text: str
    equations: tuple[Equation, ...] = ()


@dataclass(frozen=True)
class Claim:
    """A step that states one formula.

    Parameters
    ----------
    reason : str
        Why it holds, in words.
    lhs : sympy expression or matrix
    relation : str
        ``"="``, ``"≥"`` or ``">"``.
    rhs : sympy expression or matrix
    check : Check
        The check that proves it.
    """

    reason: str
    lhs: Expr
    relation: str
    rhs: Expr
    check: Check

    @property
    def formula(self) -> Formula:
        """Return the formula."""
        return Formula(self.lhs, self.relation, self.rhs)

    @property
    def equation(self) -> Equation:
        """Return both sides, for a later step to use."""
        if self.relation != "=":
            raise ValueError(f"not an equation: {self.reason}")
        return (self.lhs, self.rhs)

    @property
    def method(self) -> str:
        """Return what the check does."""
        return self.check.method

    @property
    def given(self) -> tuple[Equation, ...]:
        """Return what the check uses."""
        return self.check.given

    def holds(self) -> bool:
        """Run the check."""
        return self.check.proves(self.formula)

    def mutants(self) -> Iterator[tuple[str, Claim]]:
        """Yield the step with one side broken in one place.

        Each side is negated, doubled and shifted by 1; then, inside it, each term of a sum is
        negated and each number changed. What leaves the formula as it was is left out.
        """
        for side in ("lhs", "rhs"):
            whole = getattr(self, side)
            seen = {whole}
            for what, broken in broken_forms(whole):
                if broken not in seen:
                    seen.add(broken)
                    changed: dict[str, Any] = {side: broken}
                    yield f"{side}: {what}", replace(self, **changed)


@dataclass(frozen=True)
class Outcome:
    """What running a derivation showed.

    Parameters
    ----------
    steps : tuple of bool
        True for each step that was proved.
    seconds : float
    """

    steps: tuple[bool, ...]
    seconds: float

    @property
    def proved(self) -> bool:
        """Tell whether every step was proved."""
        return all(self.steps)


@dataclass(frozen=True)
class Derivation:
    """A statement with its proof.

    Parameters
    ----------
    name : str
        Its name for ``theorycheck prove``.
    title : str
        The statement in one line.
    paper : str
        The equation, theorem or section of the paper that it is for.
    hypotheses : tuple of Hypothesis
    statement : str
        The statement in words and formulas.
    steps : tuple of Step
    conclusion : str
        Text that says what follows, and what does not.
    """

    name: str
    title: str
    paper: str
    hypotheses: tuple[Hypothesis, ...]
    statement: str
    steps: tuple[Step, ...]
    conclusion: str

    @cached_property
    def ungrounded(self) -> list[str]:
        """Return equations that a step uses but that no hypothesis or earlier step has."""
        known = [equation for h in self.hypotheses for equation in h.equations]
        missing = []
        for number, step in enumerate(self.steps, start=1):
            missing += [
                f"step {number} uses {left} = {right}"
                for left, right in step.given
                if (left, right) not in known and (right, left) not in known
            ]
            if isinstance(step, Claim) and step.relation == "=":
                known.append(step.equation)
        return missing

    def run(self) -> Outcome:
        """Check every step.

        Returns
        -------
        Outcome
        """
        if self.ungrounded:
            raise ValueError(f"{self.name}: {'; '.join(self.ungrounded)}")
        start = time.perf_counter()
        held = tuple(step.holds() for step in self.steps)
        return Outcome(held, time.perf_counter() - start)
