"""The checks prove what is true and nothing else."""

from __future__ import annotations

import pytest
import sympy as sp

from proofs.checks import Algebra, Calculus, Linearity, MatrixAlgebra, Series, Slope, Witness
from proofs.derivation import Check, Claim, Derivation, Formula, Hypothesis
from proofs.linearity import collect

x, y, z, t = sp.symbols("x y z t", real=True)
a = sp.Symbol("a", positive=True)
n, k = sp.symbols("n k", integer=True, positive=True)
f, g = sp.Function("f"), sp.Function("g")


def _line(integrand: sp.Expr, variable: sp.Symbol = z) -> sp.Expr:
    return sp.Integral(integrand, (variable, -sp.oo, sp.oo))


GAUSS = sp.exp(-(z**2) / 2) / sp.sqrt(2 * sp.pi)
ONE = (_line(f(z)), sp.Integer(1))
A, B = sp.MatrixSymbol("A", n, k), sp.MatrixSymbol("B", k, k)

TRUE_AND_FALSE: list[tuple[Check, Formula, Formula]] = [
    (
        Algebra(),
        Formula((x + y) ** 2, "=", x**2 + 2 * x * y + y**2),
        Formula((x + y) ** 2, "=", x**2 + y**2),
    ),
    (
        Algebra(given=((x, y + 1),)),
        Formula(x**2 - 1, "=", y**2 + 2 * y),
        Formula(x**2, "=", y**2 + 2 * y),
    ),
    (
        Calculus(),
        Formula(_line(GAUSS * z**2), "=", sp.Integer(1)),
        Formula(_line(GAUSS * z**2), "=", sp.Integer(2)),
    ),
    (
        Calculus(),
        Formula(sp.Derivative(sp.log(a), a), "=", 1 / a),
        Formula(sp.Derivative(sp.log(a), a), "=", 1 / a**2),
    ),
    (
        Linearity(given=(ONE,)),
        Formula(_line(f(z) * (x + g(z))), "=", x + _line(f(z) * g(z))),
        Formula(_line(f(z) * (x + g(z))), "=", 2 * x + _line(f(z) * g(z))),
    ),
    (
        Linearity(),
        Formula(sp.Sum(x + f(k), (k, 1, n)), "=", n * x + sp.Sum(f(k), (k, 1, n))),
        Formula(sp.Sum(x + f(k), (k, 1, n)), "=", x + sp.Sum(f(k), (k, 1, n))),
    ),
    (
        Witness(((x - y) ** 2,)),
        Formula(x**2 + y**2, "≥", 2 * x * y),
        Formula(x**2 + y**2, "≥", 3 * x * y),
    ),
    (
        Slope(a, sp.Integer(1), (a - 1) ** 2 / a),
        Formula(a - 1, "≥", sp.log(a)),
        Formula(sp.log(a), "≥", a - 1),
    ),
    (
        Series(t, 3),
        Formula(sp.exp(t), "=", 1 + t + t**2 / 2),
        Formula(sp.exp(t), "=", 1 + t + t**2),
    ),
    (
        MatrixAlgebra(),
        Formula((A * B).T, "=", B.T * A.T),
        Formula(A.T * A * B, "=", B * A.T * A),
    ),
    (
        MatrixAlgebra(symmetric=(B,)),
        Formula(B.I * B.T, "=", sp.Identity(k)),
        Formula(B.I, "=", B),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("check", "true", "false"), TRUE_AND_FALSE)
def test_the_true_one_is_proved_and_the_false_one_not(
    check: Check, true: Formula, false: Formula
) -> None:
    assert check.proves(true)
    assert not check.proves(false)


def test_a_witness_must_be_of_one_sign() -> None:
    assert not Witness((x,)).proves(Formula(x, "≥", sp.Integer(0)))
    assert not Witness((x**2,)).proves(Formula(x**2, ">", sp.Integer(0)))
    assert Witness((a,)).proves(Formula(a, ">", sp.Integer(0)))


def test_a_slope_needs_a_common_point() -> None:
    # The slope is right, but the sides differ at the point.
    assert not Slope(a, sp.Integer(1), (a - 1) ** 2 / a).proves(Formula(a - 2, "≥", sp.log(a)))


def test_a_check_does_not_prove_another_relation() -> None:
    assert not Algebra().proves(Formula(x, "≥", x))
    assert not Witness((sp.Integer(0),)).proves(Formula(x, "=", x))
    with pytest.raises(ValueError, match="unknown relation"):
        Formula(x, "<", y)


def test_divergent_integrals_prove_nothing() -> None:
    both = sp.Integral(sp.exp(z**2), (z, -sp.oo, sp.oo))
    assert not Calculus().proves(Formula(both, "=", both + 1))


def test_order_of_integration_is_not_exchanged() -> None:
    first = _line(_line(f(x, z), x), z)
    second = _line(_line(f(x, z), z), x)
    assert not Linearity().proves(Formula(first, "=", second))
    assert Linearity(given=((first, second),)).proves(Formula(2 * first, "=", 2 * second))


def test_constant_factors_leave_the_integral() -> None:
    assert collect(_line(x * f(z) * 3)) == collect(3 * x * _line(f(z)))
    assert collect(_line(z * f(z))) != collect(z * _line(f(z)))


def test_a_step_may_not_use_what_was_not_said() -> None:
    step = Claim("because", x, "=", sp.Integer(1), Algebra(given=((x, sp.Integer(1)),)))
    parts = {"name": "n", "title": "t", "paper": "p", "statement": "s", "conclusion": "c"}
    bare = Derivation(hypotheses=(), steps=(step,), **parts)
    assert bare.ungrounded == ["step 1 uses x = 1"]
    with pytest.raises(ValueError, match="step 1 uses x = 1"):
        bare.run()
    said = (Hypothesis("x is 1", ((x, sp.Integer(1)),)),)
    assert Derivation(hypotheses=said, steps=(step,), **parts).run().proved


def test_mutants_of_a_step() -> None:
    step = Claim("", x, "=", 2 * y - x, Algebra())
    broken = dict(step.mutants())
    assert broken["rhs: negated"].rhs == x - 2 * y
    assert broken["rhs: factor 2 lost"].rhs == y - x
    assert broken["lhs: plus 1"].lhs == x + 1
