"""Semi-supervised objectives: identities that tie the parts together, and a plain average."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logsumexp

from theorycheck.errors import ModelError, SettingError
from theorycheck.estimate import Kind
from theorycheck.inference import CONDITIONAL, FACTORISED, MEAN_FIELD, ExactLabelled, Family
from theorycheck.models import GenerativeModel, LabelledModel, load_labelled_model, load_model
from theorycheck.objectives import LabelledObjective, LabelledValue, decompose, labelled_value

#: Lines: the optimal q of each class is its posterior, so that the conditional family loses
#: nothing, and a grid of z gives everything.
LINES = load_labelled_model("expr:[(2*y - 1)*z + y]", noise_variance=0.3, prior=[0.4, 0.6])
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def lines() -> LabelledValue:
    return labelled_value(LINES, tolerance=TOLERANCE)


def plain_average(family: Family) -> tuple[float, float]:
    """PMO_U and E KL[p(y|x) ‖ q(y|x)] of the lines, by a trapezoid rule and a grid of q."""
    x = np.linspace(-9.0, 9.0, 721)[:, None]
    exact = ExactLabelled(LINES)
    joint, _, _ = exact.log_joint(x)
    log_p = logsumexp(joint, axis=0)
    bound = exact.bound(x, family)
    mass = (x[1, 0] - x[0, 0]) * np.exp(log_p)
    share = np.exp(joint - log_p)
    label = (share * (np.log(share) - np.log(bound.class_posterior))).sum(axis=0)
    return float(mass @ (log_p - bound.value)), float(mass @ label)


def test_lines_lose_nothing_with_a_q_for_each_class(lines: LabelledValue) -> None:
    for part in (lines.pmo_u, lines.pmo_l, lines.mleo_x, lines.mleo_xy, lines.label_kl):
        assert part.contains(0.0)
        assert part.error < 1e-4
    assert lines.excess.contains(0.0)
    # Both are N(±1, ·) curves of one variance: the information by a trapezoid rule.
    x = np.linspace(-9.0, 9.0, 3001)
    variance = 1.3
    each = np.exp(-0.5 * (x[:, None] - [0.0, 1.0]) ** 2 / variance) / np.sqrt(2 * np.pi * variance)
    p = each @ LINES.prior
    wanted = (x[1] - x[0]) * sum(
        LINES.prior[y] * (each[:, y] * np.log(each[:, y] / p)).sum() for y in (0, 1)
    )
    assert abs(lines.information.value - wanted) < 1e-9 + lines.information.error
    assert lines.collapse.value == 0.0


def test_one_q_for_all_classes_loses_what_a_plain_average_says() -> None:
    value = labelled_value(LINES, None, LabelledObjective(family=FACTORISED), tolerance=TOLERANCE)
    pmo, label = plain_average(FACTORISED)
    assert value.pmo_u.value == pytest.approx(pmo, abs=value.pmo_u.error + 1e-6)
    assert value.label_kl.value == pytest.approx(label, abs=value.label_kl.error + 1e-6)
    assert value.pmo_u.value > 0.05


def test_a_collapsed_model() -> None:
    """With f_0 = f_1: I = 0, MLEO_xy = MLEO_x + I(x; y) of the data, PMO_U = PMO_L."""
    data = load_labelled_model("expr:[z + y]", noise_variance=0.3)
    one = load_model("expr:[1.1*z + 0.5]", noise_variance=0.3)
    model = LabelledModel([one, one], None, "collapsed")
    for family in (CONDITIONAL, FACTORISED):
        objective = LabelledObjective(2.0, 0.5, 0.2, family)
        value = labelled_value(model, data, objective, tolerance=TOLERANCE)
        assert value.information.contains(0.0)
        assert value.total_variation.contains(0.0)
        apart = value.mleo_xy - value.mleo_x - value.data_information
        assert apart.contains(0.0)
        assert apart.error < 1e-6
        # The label term alone keeps q(y|x) from being the prior, which p_f(y|x) is.
        assert value.pmo_u.lower > value.pmo_l.upper
        free = labelled_value(model, data, LabelledObjective(family=family), tolerance=TOLERANCE)
        assert (free.pmo_u - free.pmo_l).contains(0.0)
        assert value.collapse.contains(1.0)
        parts = value.to_dict()
        assert parts["excess"] == value.excess.to_dict()
        wanted = (
            0.8 * (value.mleo_x.value + value.pmo_u.value)
            + 0.4 * (value.mleo_xy.value + value.pmo_l.value)
            + 0.1 * value.label_kl.value
        )
        assert value.excess.value == pytest.approx(wanted, abs=1e-12)


def test_the_mixture_through_decompose(lines: LabelledValue) -> None:
    """`decompose` takes a labelled model as it is, in a family that it offers."""
    whole = decompose(LINES, family=CONDITIONAL, tolerance=TOLERANCE)
    assert whole.pmo.value == pytest.approx(lines.pmo_u.value, abs=1e-9)
    x = LINES.sample(4000, 1)[1]
    minus = -ExactLabelled(LINES).log_density(x).value
    assert abs(whole.entropy.value - minus.mean()) < 5.0 * minus.std() / np.sqrt(len(x))
    with pytest.raises(ModelError, match="its optimal q is known as"):
        decompose(LINES, family=MEAN_FIELD)


def test_a_label_term_brings_q_closer() -> None:
    values = [
        labelled_value(LINES, None, LabelledObjective(1.0, alpha, 0.5, FACTORISED), tolerance=1e-4)
        for alpha in (0.0, 1.0, 10.0)
    ]
    label = [value.label_kl for value in values]
    assert label[0].lower > label[1].upper
    assert label[1].lower > label[2].upper
    # What q(y|x) does for the label term it takes from U.
    assert values[0].pmo_u.upper < values[2].pmo_u.lower


def test_three_dimensions_by_draws() -> None:
    """A third dimension that is noise alone changes nothing; everything is statistical then."""
    plane = load_labelled_model("expr:[(2*y - 1)*z + y, 0*z]", noise_variance=0.3)
    space = load_labelled_model("expr:[(2*y - 1)*z + y, 0*z, 0*z]", noise_variance=0.3)
    objective = LabelledObjective(family=FACTORISED)
    one = labelled_value(plane, None, objective, tolerance=1e-4)
    other = labelled_value(space, None, objective, size=256, tolerance=1e-4)
    for name in ("pmo_u", "information", "total_variation", "label_kl"):
        apart = getattr(one, name) - getattr(other, name)
        assert apart.contains(0.0), name
        assert apart.kind is Kind.STATISTICAL
        assert apart.error < 0.5 * max(getattr(one, name).value, 0.2), name


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"gamma": -1.0}, "gamma must be"),
        ({"alpha": float("nan")}, "alpha must be"),
        ({"labelled_share": 1.5}, "labelled share must be in"),
        ({"labelled_share": 1.0, "alpha": 1.0}, "nothing is unlabelled"),
        ({"family": MEAN_FIELD}, "has no mean-field Gaussian family"),
    ],
)
def test_what_is_no_objective(given: dict[str, object], said: str) -> None:
    with pytest.raises(SettingError, match=said):
        LabelledObjective(**given)  # type: ignore[arg-type]


def test_models_that_do_not_fit() -> None:
    one: GenerativeModel = LINES.classes[0]
    with pytest.raises(ModelError, match="has 3 classes"):
        labelled_value(LabelledModel([one] * 3, None, "three"), LINES)
    with pytest.raises(ModelError, match="prior of the labels"):
        labelled_value(LabelledModel(LINES.classes, [0.5, 0.5], "other"), LINES)
    with pytest.raises(ModelError, match="data dimensions"):
        labelled_value(load_labelled_model("discrete_semi_circle"), LINES)


def test_what_is_known_is_taken_and_nothing_else() -> None:
    """Values with and without one that is known are the same, for another family and other f_y."""
    data = load_labelled_model("expr:[(2*y - 1)*z + 0.5*y]", noise_variance=0.2)
    other = load_labelled_model("expr:[(y - 1)*z + 0.5*y]", noise_variance=0.2)
    first = labelled_value(data, None, LabelledObjective(family=CONDITIONAL), tolerance=1e-3)
    for model in (data, other):
        objective = LabelledObjective(2.0, 0.0, 0.3, FACTORISED)
        plain = labelled_value(model, data, objective, tolerance=1e-3)
        short = labelled_value(model, data, objective, tolerance=1e-3, known=first)
        assert short.to_dict() == plain.to_dict()
        assert short.data_information == plain.data_information
    # A value on other data is of no use.
    foreign = labelled_value(other, None, LabelledObjective(), tolerance=1e-3)
    plain = labelled_value(data, None, LabelledObjective(), tolerance=1e-3)
    assert labelled_value(data, None, tolerance=1e-3, known=foreign).to_dict() == plain.to_dict()
