"""Made-up parts that radii are made of: densities with errors, panels that miss some mass."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np

from theorycheck.models._loading import load_model
from theorycheck.quadrature._latent_panels import latent_panels

LINE = load_model("expr:z", noise_variance=0.25)
#: A line in the plane, of unequal σ².
PLANE = load_model("expr:[z, 0*z]", noise_variance=[0.25, 4.0])


def density(value: Any, relative: Any = 0.0, error: Any = 0.0) -> Any:
    """Return what `log_density` returns."""
    value = np.asarray(value, float)
    full = [np.broadcast_to(np.asarray(v, float), value.shape) for v in (relative, error)]
    return SimpleNamespace(value=value, relative_error=full[0], error=full[1])


def with_missing(model: Any, mass: float) -> Any:
    """Return a model's panels, of which some mass is not resolved."""
    panels = latent_panels(model)
    return type(panels)(**{**vars(panels), "unresolved_mass": mass})


def five_standard_errors(values: Any) -> float:
    """Over four repetitions of eight."""
    means = values.reshape(4, 8).mean(axis=1)
    return 5.0 * math.sqrt(float(((means - means.mean()) ** 2).sum()) / 3.0 / 4.0)


#: Panels of the plane that do not resolve so much prior mass; next to nothing lies beyond them.
UNRESOLVED = 3e-5
UNRESOLVED_PLANE = with_missing(PLANE, UNRESOLVED)


def noise_integral(**change: Any) -> Any:
    """Return what the rule in (z, ε) returns, of errors that are told apart."""
    given = {
        "value": np.array([2.5, -0.003]), "error": np.array([0.01, 5e-4]), "missing_mass": 2e-4,
        "values": np.array([[-3.0, 0.1], [4.0, 0.2]]), "apart": np.array([False, False]),
        "weight": np.array([0.5, 0.5]), "x": np.zeros((2, 2)), "converged": True,
    }  # fmt: skip
    return SimpleNamespace(**{**given, **change})
