"""Families of q: named by results, offered by models, refused in one line where they are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from theorycheck import decompose, load_model
from theorycheck.errors import LoadingError, ModelError, SettingError
from theorycheck.inference import (
    FAMILIES,
    MEAN_FIELD,
    ExactLinearGaussian,
    Family,
    LinearGaussianModel,
    MeanField,
    exact_model,
)
from theorycheck.objectives import Decomposition
from theorycheck.quadrature import given_sample
from theorycheck.results import _codec as codec

LINE = load_model("expr:z", noise_variance=0.5)
OTHER = Family("conditional", "conditional q", "q(y|x) q(z|x, y).")


def test_what_a_family_says() -> None:
    assert MEAN_FIELD.to_dict() == {"family": "mean_field"}
    assert Family.from_dict(MEAN_FIELD.to_dict()) is MEAN_FIELD
    discrete = {"conditional", "factorised"}
    continuous = {"naive", "naive_conditional", "flexible", "naive_iwae"}
    assert set(FAMILIES) == {"mean_field"} | discrete | continuous
    assert all(Family.from_dict(one.to_dict()) is one for one in FAMILIES.values())
    with pytest.raises(SettingError, match="no family of q 'meanfield': did you mean 'mean_field'"):
        Family.from_dict({"family": "meanfield"})


def test_results_carry_it(tmp_path: Path) -> None:
    found = decompose(LINE, tolerance=1e-3)
    assert found.family is MEAN_FIELD
    assert found.to_dict()["family"] == "mean_field"
    found.save(tmp_path / "d.npz")
    assert Decomposition.load(tmp_path / "d.npz", [LINE]).family is MEAN_FIELD


def test_a_file_of_an_unknown_family_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = decompose(LINE, tolerance=1e-3)
    with monkeypatch.context() as patch:
        patch.setattr(Family, "to_dict", lambda _: {"family": "newer"})
        found.save(tmp_path / "d.npz")
    with pytest.raises(LoadingError, match="no family of q 'newer'"):
        Decomposition.load(tmp_path / "d.npz", [LINE])


@pytest.mark.parametrize(
    "model", [MeanField(LINE), ExactLinearGaussian(LinearGaussianModel([[1.0, 2.0]], 0.5))]
)
def test_one_that_is_not_offered(model: MeanField | ExactLinearGaussian) -> None:
    says = "its optimal q is known as a mean-field Gaussian, not as a conditional q"
    with pytest.raises(ModelError, match=says):
        decompose(model, family=OTHER)
    with pytest.raises(ModelError, match=says):
        model.best_q([0.0], family=OTHER)


def test_the_family_that_is_asked_for_is_the_one_that_is_used() -> None:
    """A model that offers another family answers for that one: on boxes, draws and a table."""

    class Wider(ExactLinearGaussian):
        families = (MEAN_FIELD, OTHER)

        def best_q(self, x, *, family=MEAN_FIELD, **others):  # type: ignore[no-untyped-def]
            best = super().best_q(x, **others)
            # The other family holds the posterior.
            kl = 0.0 if family is OTHER else self.kl
            object.__setattr__(best, "negative_elbo", best.negative_elbo - self.kl + kl)
            return best

    for dim in (1, 3):
        model = Wider(LinearGaussianModel([[1.0, 2.0]] * dim, 0.5))
        assert decompose(model).pmo.contains(model.kl)
        found = decompose(model, family=OTHER)
        assert found.pmo.contains(0.0)
        assert found.to_dict()["family"] == "conditional"
        table = given_sample(model.model.sample(20, 1)[1], dim).x[0]
        assert decompose(model, sample=table, family=OTHER).pmo.contains(0.0)


def test_the_layout_of_files_does_not_change_with_another_family() -> None:
    assert codec._describe(Family, {}) == "Family"
    assert isinstance(exact_model(LINE), MeanField)
