"""Which exact model belongs to which kind of model."""

from __future__ import annotations

from theorycheck.errors import ModelError
from theorycheck.estimate import Kind
from theorycheck.inference._exact_model import ExactModel
from theorycheck.inference._labelled import ExactLabelled
from theorycheck.inference._linear_gaussian import ExactLinearGaussian, LinearGaussianModel
from theorycheck.inference._mean_field import MeanField
from theorycheck.inference._mean_field_boxes import MeanFieldBoxes
from theorycheck.inference._mean_field_grid import MeanFieldGrid, is_on_grid_of_three
from theorycheck.models import DescribedModel, GenerativeModel, LabelledModel
from theorycheck.quadrature import LatentPanels


def exact_model(model: DescribedModel | LatentPanels | ExactModel) -> ExactModel:
    """Return what averages need of a model; what has it already passes through.

    Parameters
    ----------
    model : GenerativeModel, LatentPanels, LinearGaussianModel, LabelledModel or ExactModel
        What is known exactly, or can be made so.

    Returns
    -------
    ExactModel

    Raises
    ------
    ModelError
        If it is a model of another kind.
    """
    if isinstance(model, GenerativeModel) and model.latent_dim > 1:
        return MeanFieldGrid(model) if is_on_grid_of_three(model) else MeanFieldBoxes(model)
    if isinstance(model, GenerativeModel | LatentPanels):
        return MeanField(model)
    if isinstance(model, LinearGaussianModel):
        return ExactLinearGaussian(model)
    if isinstance(model, LabelledModel):
        return ExactLabelled(model)
    if isinstance(model, ExactModel):
        return model
    raise ModelError(f"{model.name}: nobody has said how this kind of model is known exactly")


def density_kind(model: ExactModel) -> Kind:
    """Return what the radii of a model's log p(x) are: statistical where it is sampled.

    Parameters
    ----------
    model : ExactModel
        Any exact model.

    Returns
    -------
    Kind
    """
    return model.kind if isinstance(model, MeanFieldBoxes) else Kind.ESTIMATED
