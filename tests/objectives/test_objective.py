"""Objectives: their names, their exact values, and the one place that knows what an S means."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from theorycheck import decompose, iwae_objective, load_model
from theorycheck.errors import SettingError
from theorycheck.inference import MeanField
from theorycheck.objectives import ELBO, Elbo, IwaeBound, Objective, objective_of
from theorycheck.results import _codec as codec

ROOT = Path(__file__).resolve().parents[2]
LINE = load_model("expr:[z, 0.5*z**2]", noise_variance=0.3)
FLAT = load_model("expr:[z, 0*z]", noise_variance=0.3)
#: In one dimension, where an average takes a moment: a curve as data, and a line as model.
CURVE = load_model("expr:z + 0.3*z**2", noise_variance=0.3)
STRAIGHT = load_model("expr:z", noise_variance=0.3)


def test_a_number_becomes_an_objective_in_one_place() -> None:
    assert objective_of(1) is ELBO
    assert objective_of(np.int64(20)) == IwaeBound(20)
    for wrong in (0, -1, 2.5, True):
        with pytest.raises(SettingError):
            objective_of(wrong)  # type: ignore[arg-type]
    with pytest.raises(SettingError, match="S >= 2, not 1: S = 1 is the ELBO"):
        IwaeBound(1)
    # Nobody else asks which objective it is by its S, or by a field that is None.
    asked = re.compile(r"\bsamples (==|!=|>|<=) 1\b|importance is (not )?None")
    found = {
        file.name
        for room in ("optimum", "evaluation", "theorems", "report", "cli", "export", "claims")
        for file in (ROOT / "theorycheck" / room).glob("*.py")
        if asked.search(file.read_text(encoding="utf-8"))
    }
    assert found <= {"train_tables.py"}  # the draws of z that a method trains with


def test_what_they_are_called() -> None:
    iwae = IwaeBound(20)
    assert (ELBO.key, ELBO.name, ELBO.symbol, ELBO.numbered) == ("elbo", "ELBO", "J", "J")
    assert (iwae.key, iwae.name) == ("iwae", "IWAE bound, S = 20")
    assert (iwae.symbol, iwae.numbered, iwae.told) == ("J_S", "J_20", "J_S at S = 20")
    assert (ELBO.samples, iwae.samples) == (1, 20)


@pytest.mark.parametrize("objective", [ELBO, IwaeBound(5)])
def test_to_plain_values_and_back(objective: Objective) -> None:
    assert Objective.from_dict(objective.to_dict()) == objective
    # As files and commands had it: a number alone.
    assert Objective.from_dict({"samples": objective.samples}) == objective
    encoded = codec.Encoder().encode(objective)
    assert codec.Decoder({}, [], [], ()).decode(Objective, encoded) == objective
    with pytest.raises(SettingError, match="no objective 'elbow': did you mean 'elbo'"):
        Objective.from_dict({"objective": "elbow"})


def test_the_elbo_is_the_decomposition() -> None:
    parts = decompose(STRAIGHT, CURVE)
    found = ELBO.evaluate(STRAIGHT, CURVE)
    assert (found.objective, found.excess, found.gap) == (ELBO, parts.excess, parts.pmo)
    assert found.figures == parts.figures
    assert (found.beside, found.entries()) == ((), {})
    # What is known already is not computed anew.
    assert ELBO.evaluate(STRAIGHT, CURVE, decomposition=parts).decomposition is parts
    assert ELBO.excess(STRAIGHT, CURVE) == parts.excess
    rough = ELBO.excess(STRAIGHT, CURVE, rough=True)
    assert abs(rough.value - parts.excess.value) <= rough.error + parts.excess.error


def test_the_iwae_bound_has_a_j_of_its_own() -> None:
    iwae, parts = IwaeBound(5), decompose(STRAIGHT, CURVE, tolerance=1e-4)
    found, own = (
        iwae.evaluate(STRAIGHT, CURVE, decomposition=parts),
        iwae_objective(STRAIGHT, CURVE, samples=5),
    )
    assert (found.excess, found.gap) == (own.excess, own.gap)
    assert found.decomposition is parts
    assert found.figures.mleo == parts.mleo
    assert found.beside == (own.excess,)
    assert found.entries() == {"iwae": own.to_dict()}
    apart = found.excess - parts.mleo - found.gap
    assert abs(apart.value) <= apart.error
    # A line: its posterior is Gaussian, and no bound loses anything.
    assert abs(found.excess.value - parts.excess.value) <= found.excess.error + parts.excess.error
    rough = iwae.excess(STRAIGHT, CURVE, rough=True)
    assert rough.error > own.excess.error
    assert abs(rough.value - own.excess.value) <= rough.error + own.excess.error


def test_bounds_at_a_given_q() -> None:
    """−ELBO_x, and −L_S(x) by draws of z."""
    field, rng = MeanField(LINE), np.random.default_rng(1)
    x, mean, scale = np.array([[0.3, -0.2]]), np.array([0.4]), np.array([0.6])
    value, error = ELBO.negative_bound(field, x, mean, scale)
    assert value == field.negative_elbo(x, mean, scale)
    assert error == 0.0
    z = mean + scale * rng.standard_normal((200_000, 3))
    apart = ((x[:, None] - LINE.decoder(z.ravel()).reshape(*z.shape, 2)) ** 2).sum(axis=2)
    log_w = -apart / 0.6 - np.log(2.0 * np.pi * 0.3) - 0.5 * z**2
    log_w += 0.5 * ((z - mean) / scale) ** 2 + np.log(scale)
    draws = -(np.logaddexp.reduce(log_w, axis=1) - np.log(3.0))
    value, error = IwaeBound(3).negative_bound(field, x, mean, scale)
    assert abs(value[0] - draws.mean()) < error[0] + 5.0 * draws.std() / np.sqrt(len(draws))


def test_kinds_do_not_stand_in_for_one_another() -> None:
    assert Elbo() == ELBO
    assert IwaeBound(2) != IwaeBound(3)
    assert len({ELBO, Elbo(), IwaeBound(2), IwaeBound(2)}) == 2
