"""Every derivation holds, step by step, and breaking any one step makes it fail."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from proofs.catalogue import NAMES, load
from proofs.derivation import Claim

STEPS = [
    pytest.param(name, number, id=f"{name}-{number}")
    for name in NAMES
    for number in range(1, len(load(name).steps) + 1)
]


@pytest.mark.parametrize(("name", "number"), STEPS)
def test_the_step_holds_and_no_mutant_of_it_does(name: str, number: int) -> None:
    step = load(name).steps[number - 1]
    assert step.holds()
    mutants = list(step.mutants())
    # Three of the whole right side at least: its sign, its factor, a shift.
    assert len(mutants) >= 3
    assert [what for what, mutant in mutants if mutant.holds()] == []


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_used_but_hypotheses_and_earlier_steps(name: str) -> None:
    derivation = load(name)
    assert derivation.name == name
    assert derivation.ungrounded == []
    assert derivation.run().proved


@pytest.mark.parametrize("name", NAMES)
def test_a_broken_step_breaks_the_derivation(name: str) -> None:
    derivation = load(name)
    for number in (0, len(derivation.steps) - 1):
        _, mutant = next(derivation.steps[number].mutants())
        steps = (*derivation.steps[:number], mutant, *derivation.steps[number + 1 :])
        broken = replace(derivation, steps=steps)
        # A later step may have used the equation; then its ground is gone, which is reported too.
        if broken.ungrounded:
            with pytest.raises(ValueError, match="uses"):
                broken.run()
        else:
            assert broken.run().steps[number] is False


@pytest.mark.parametrize("name", NAMES)
def test_every_hypothesis_that_steps_substitute_is_needed(name: str) -> None:
    derivation = load(name)
    for hypothesis in derivation.hypotheses:
        for equation in hypothesis.equations:
            users = [s for s in derivation.steps if equation in s.given]
            assert users, f"{name}: {hypothesis.text} is used by no step"


@pytest.mark.parametrize("name", NAMES)
def test_the_text_says_everything(name: str) -> None:
    derivation = load(name)
    assert derivation.paper
    assert derivation.hypotheses
    assert derivation.statement.endswith(".")
    assert derivation.conclusion.endswith(".")
    assert all(step.reason for step in derivation.steps)
    # What sympy made equal while it was written down would show, and prove, nothing.
    assert all(s.lhs != s.rhs for s in derivation.steps if isinstance(s, Claim))
    formulas = [s.formula for s in derivation.steps if isinstance(s, Claim)]
    assert len(set(map(str, formulas))) == len(formulas)


def test_proofs_import_nothing_of_theorycheck() -> None:
    code = (
        "import sys, importlib, pkgutil, proofs\n"
        "for module in pkgutil.iter_modules(proofs.__path__):\n"
        "    importlib.import_module('proofs.' + module.name)\n"
        "print([m for m in sys.modules if m.partition('.')[0] in ('theorycheck', 'neural')])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_every_module_with_a_derivation_is_listed() -> None:
    import pkgutil
    from importlib import import_module

    import proofs

    found = {
        module.name
        for module in pkgutil.iter_modules(proofs.__path__)
        if hasattr(import_module(f"proofs.{module.name}"), "DERIVATION")
    }
    assert found == set(NAMES)
