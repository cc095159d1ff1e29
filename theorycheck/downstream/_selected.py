"""The models that the ELBO selects in a defence's place: σ² alone, f and σ², f alone."""

from __future__ import annotations

from theorycheck.downstream._held_noise import held_noise_variance
from theorycheck.models import GenerativeModel

#: What they are called.
HELD_F, REFITTED, REFITTED_F = (
    "f true, σ² of the ELBO",
    "f and σ² of the ELBO",
    "f of the ELBO, σ² true",
)


def selected_models(
    truth: GenerativeModel, joint: GenerativeModel | None = None, *, seed: int = 0
) -> dict[str, GenerativeModel]:
    """Swap f and σ² of a ground truth for those that the ELBO selects, one at a time.

    Parameters
    ----------
    truth : GenerativeModel
        The ground truth, of one latent.
    joint : GenerativeModel, optional
        A joint optimum over f, q and σ², such as that of `find_optimum` with fit_noise.
    seed : int
        Seed of the draws that σ² is fitted to where f is held.

    Returns
    -------
    dict of str to GenerativeModel
        By name: the true f with the σ² that the ELBO selects for it; and, where a joint optimum is
        given, that, and its f with the true σ².
    """
    models = {HELD_F: truth.with_noise_variance(held_noise_variance(truth, seed=seed).value)}
    if joint is not None:
        models[REFITTED] = joint
        models[REFITTED_F] = joint.with_noise_variance(truth.noise_variance)
    return models
