"""The labelled reference values: what is stored is what the engine says of the stored f_y."""

from __future__ import annotations

import pytest

from theorycheck.dataset import labelled_optimum, labelled_reference
from theorycheck.errors import LoadingError
from theorycheck.inference import CONDITIONAL, FACTORISED, MEAN_FIELD, Family
from theorycheck.models import load_labelled_model
from theorycheck.objectives import LabelledObjective, labelled_value

NAME = "discrete_semi_circle"


@pytest.mark.parametrize(
    "family",
    [pytest.param(CONDITIONAL, marks=pytest.mark.slow), FACTORISED],
    ids=lambda one: one.key,
)
def test_stored_decoders_have_the_stored_values(family: Family) -> None:
    stored = labelled_reference(NAME, family)
    card = stored.card
    objective = LabelledObjective(card["gamma"], card["alpha"], card["labelled_share"], family)
    data = load_labelled_model(NAME)
    value = labelled_value(labelled_optimum(NAME, family), data, objective, tolerance=1e-2)
    for key, wanted in stored.optimum.items():
        found = getattr(value, key)
        assert abs(found.value - wanted.value) <= found.error + wanted.error + 1e-12, key
    assert stored.optimum["excess"].upper < stored.ground_truth["excess"].lower
    assert value.collapse.value == pytest.approx(stored.collapse.value, abs=1e-8)


def test_the_factorised_family_collapses_and_the_conditional_does_not() -> None:
    assert labelled_reference(NAME, FACTORISED).collapse.lower > 0.99
    assert labelled_reference(NAME, CONDITIONAL).collapse.upper < 0.0


def test_what_is_refused() -> None:
    with pytest.raises(LoadingError, match="no labelled reference values for 'circle'"):
        labelled_reference("circle")
    with pytest.raises(LoadingError, match="no reference values for mean-field"):
        labelled_reference(NAME, MEAN_FIELD)
