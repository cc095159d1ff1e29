"""Averages along the curve, against closed forms and against boxes in data space."""

from __future__ import annotations

import math

import numpy as np
import pytest

from theorycheck.estimate import Kind
from theorycheck.inference._mean_field import MeanField
from theorycheck.models._expression import parse_expression
from theorycheck.models._generative import GenerativeModel
from theorycheck.objectives._averages import averages_on_boxes, averages_on_sample, box_nodes
from theorycheck.objectives._curve_averages import CurveAverages, worth_it
from theorycheck.objectives._decomposition import decompose
from theorycheck.objectives._partition import KlDistribution
from theorycheck.quadrature._data_nodes import quasi_monte_carlo
from theorycheck.quadrature._latent_panels import latent_panels


def _model(formula: str, *variance: float) -> GenerativeModel:
    return GenerativeModel(parse_expression(formula).to_decoder(), list(variance))


@pytest.mark.parametrize(
    ("formula", "variance"),
    [
        ("[7*z, 0*z]", (1e-4, 1e-4)),
        ("z", (1e-6,)),
        ("[900*z, -0.5*z]", (0.05, 0.02)),
        ("[4*z, 3*z, z]", (1e-3, 2e-3, 3e-3)),
    ],
)
def test_lines_in_closed_form(formula: str, variance: tuple[float, ...]) -> None:
    model = _model(formula, *variance)
    slope = model.decoder(np.array([1.0]))[0]
    found = decompose(model)
    covariance = np.outer(slope, slope) + np.diag(variance)
    entropy = 0.5 * np.linalg.slogdet(2.0 * np.pi * math.e * covariance)[1]
    assert "along the curve" in found.method
    assert abs(found.entropy.value - entropy) <= found.entropy.error < 1e-6
    assert found.pmo.value <= found.pmo.error < 1e-8
    assert found.converged
    for residual, true in zip(found.residual_variance, variance, strict=True):
        assert abs(residual.value - true) <= residual.error + 1e-12 * true


@pytest.mark.parametrize(
    ("formula", "variance", "apart"),
    [
        # Gentle bends: strips alone.
        ("[2*z, sin(2*z)]", 0.01, 0.0),
        # Bends of a few σ: some of the curve goes to boxes.
        ("[z, sin(3*z)]", 0.012, 0.1),
    ],
)
def test_curve_and_boxes_agree(formula: str, variance: float, apart: float) -> None:
    model = _model(formula, variance, variance)
    panels = latent_panels(model)
    field = MeanField(panels)
    curve = CurveAverages(field, 1e-4)
    along = curve.posterior()
    boxes = averages_on_boxes(field, field, field.grid(2.0 / 3.0), tolerance=1e-4)
    mass = np.exp(panels.log_mass)[curve.strips.apart].sum()
    assert mass >= apart
    assert along.pmo_error <= 2e-4
    assert abs(along.pmo - boxes.pmo) <= along.pmo_error + boxes.pmo_error
    assert np.all(
        np.abs(along.residual - boxes.residual) <= along.residual_error + boxes.residual_error
    )
    assert along.mass.sum() == pytest.approx(1.0, abs=1e-8)
    # The whole distribution of KL(x), not its mean alone: partitions overlap at every η.
    here, there = (KlDistribution.from_averages(a) for a in (along, boxes))
    for eta in (1e-3, 5e-3, 2e-2):
        one, other = here.partition(eta), there.partition(eta)
        assert abs(one.pr_hi.value - other.pr_hi.value) <= one.pr_hi.error + other.pr_hi.error
        assert one.pr_hi.error < 0.1
        assert abs(one.high.value - other.high.value) <= one.high.error + other.high.error


def test_entropy_with_a_part_on_grids() -> None:
    model = _model("[z, sin(3*z)]", 0.012, 0.012)
    rule = CurveAverages(MeanField(latent_panels(model)), 1e-5)
    assert rule.strips.apart.any()
    found = rule.entropy()
    boxes = decompose(model, tolerance=0.1)
    assert "grid" in boxes.method
    assert abs(found.value - boxes.entropy.value) <= found.error + boxes.entropy.error
    assert found.error < 1e-8


def test_three_dimensions_against_sampling() -> None:
    model = _model("[2*z, sin(2*z), cos(z)]", 2e-3, 2e-3, 2e-3)
    found = decompose(model, tolerance=1e-5)
    assert found.entropy.kind is found.pmo.kind is Kind.ESTIMATED
    assert found.pmo.error <= 1e-5
    field = MeanField(latent_panels(model))
    sample = averages_on_sample(field, quasi_monte_carlo(model, size=1024, repeats=16, seed=3))
    assert sample.kind is Kind.STATISTICAL
    assert abs(found.pmo.value - sample.pmo) <= found.pmo.error + sample.pmo_error


def test_beyond_the_budget_it_samples_and_says_so() -> None:
    model = _model("[2*cos(z), 2*sin(2*z)]", 0.01, 0.01)
    field = MeanField(latent_panels(model))
    rule = CurveAverages(field, 1e-4, max_nodes=5_000, size=256, repeats=8)
    found = rule.posterior()
    assert found.sampled
    assert "quasi-Monte Carlo" in rule.method(found)
    reference = averages_on_boxes(field, field, field.grid(2.0 / 3.0), tolerance=1e-3)
    assert abs(found.pmo - reference.pmo) <= found.pmo_error + reference.pmo_error
    assert rule.entropy().kind is Kind.STATISTICAL


def test_the_rule_is_taken_where_it_is_cheaper() -> None:
    short = MeanField(_model("[z, sin(3*z)]", 0.05, 0.05))
    long = MeanField(_model("[7*z, 0*z]", 1e-4, 1e-4))
    assert not worth_it(short)
    assert worth_it(long)
    # Twice as long in σ costs boxes twice as much.
    half = MeanField(_model("[7*z, 0*z]", 4e-4, 4e-4))
    assert box_nodes(long) == pytest.approx(2.0 * box_nodes(half), rel=0.02)


def test_a_price_is_said_before_long_work(capsys: pytest.CaptureFixture[str]) -> None:
    from theorycheck.objectives import _price as price
    from theorycheck.terminal_progress import terminal_progress

    field = MeanField(latent_panels(_model("[z, sin(3*z)]", 0.05, 0.05)))
    price.say_price(field, field, 1e9, terminal_progress())
    said = capsys.readouterr().err
    assert "1,000,000,000 x" in said
    assert "hours" in said
    assert "larger tolerance" in said
    assert "σ in all" not in said
    price.say_price(field, field, 1e4, terminal_progress())
    assert capsys.readouterr().err == ""
    # So steep that each x takes a hundred times as long: a thousand of them are worth a line.
    steep = MeanField(_model("exp(3*z)", 0.1))
    price.say_price(steep, steep, 1e5, terminal_progress())
    said = capsys.readouterr().err
    assert "σ in all: a larger σ²" in said
    _, x = steep.model.sample(5, 0)
    price.say_price(steep, steep, 1e5, terminal_progress(), x)
    assert "a part of the sample" in capsys.readouterr().err
