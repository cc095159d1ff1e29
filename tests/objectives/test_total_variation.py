"""The total variation distance: closed forms, Pinsker's inequality, bad input."""

from __future__ import annotations

import pytest
from scipy.special import ndtr

from tests.radii.table import rewired
from theorycheck.errors import ModelError
from theorycheck.models import benchmark, load_model
from theorycheck.objectives._decomposition import decompose
from theorycheck.objectives._total_variation import total_variation


def test_two_gaussians() -> None:
    # z + m against z: N(m, 1 + σ²) against N(0, 1 + σ²), whose distance is 2 Φ(m/2s) − 1.
    shift, variance = 0.7, 0.25
    data = load_model("expr:[z]", noise_variance=variance)
    found = total_variation(load_model(f"expr:[z + {shift}]", noise_variance=variance), data)
    exact = 2.0 * float(ndtr(shift / (2.0 * (1.0 + variance) ** 0.5))) - 1.0
    assert found.contains(exact)
    assert found.error < 1e-2


def test_the_same_density_has_none() -> None:
    data = benchmark("absolute_value")
    monotone = "expr:[-Phi_inv(Phi(-z)/2), -Phi_inv(Phi(-z)/2)]"
    found = total_variation(load_model(monotone, noise_variance=0.01), data)
    assert found.contains(0.0)
    assert found.error < 1e-8
    assert total_variation(data, data).value < 1e-12


def test_disjoint_densities_are_all_misplaced() -> None:
    data = load_model("expr:[z]", noise_variance=0.1)
    far = load_model("expr:[z + 50]", noise_variance=0.1)
    assert total_variation(far, data).value == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("formula", ["[cos(z), sin(z)]", "[0.9*cos(2*z), sin(2*z)]"])
def test_pinsker(formula: str) -> None:
    data = load_model("expr:[cos(2*z), sin(2*z)]", noise_variance=0.05)
    model = load_model(f"expr:{formula}", noise_variance=0.05)
    found = total_variation(model, data)
    mleo = decompose(model, data, tolerance=1e-2).mleo
    assert found.lower > 0.0
    assert found.value <= (mleo.upper / 2.0) ** 0.5


@pytest.mark.parametrize(
    ("model", "data", "variance"),
    [
        ("tanh(2.287*z)", "tanh(0.918*z)", 0.071449),
        ("sin(1.407*z)", "1.325*z", 0.417095),
        ("abs(z - 0.957/6)", "sin(2.908*z)", 0.263429),
        ("tanh(1.882*z)", "1.985*z", 0.306825),
        ("1.005*z", "2.845*z", 0.027135),
    ],
)
def test_radius_holds_where_two_rules_agree_by_chance(
    model: str, data: str, variance: float
) -> None:
    """Kinks of |p − p_f| in the middle of a step of the rule; against 25 times as many nodes."""
    models = [load_model(f"expr:{f}", noise_variance=variance) for f in (model, data)]
    found, fine = total_variation(*models), rewired(total_variation, _STEP=1 / 150)(*models)
    assert fine.error < 0.1 * found.error
    assert abs(found.value - fine.value) <= found.error
    assert found.error < 2e-3


def test_bad_input() -> None:
    three = load_model("expr:[z, z, z]", noise_variance=0.1)
    with pytest.raises(ModelError, match="one and two dimensions"):
        total_variation(three, three)
    with pytest.raises(ModelError, match="3 data dimensions"):
        total_variation(three, load_model("expr:[z]", noise_variance=0.1))
