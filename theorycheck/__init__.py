"""Checks theory about variational autoencoders with numerical ground truth.

    >>> import theorycheck
    >>> result = theorycheck.decompose(theorycheck.benchmark("circle"), tolerance=1e-3)
    >>> print(result.entropy, result.mleo, result.pmo)  # doctest: +SKIP

The names below are loaded when they are first used, so that importing the package stays quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from theorycheck.estimate import Estimate, Verdict
    from theorycheck.inference.importance import iwae_bound, optimal_iwae_q
    from theorycheck.inference.marginal import log_density
    from theorycheck.inference.mean_field import MeanField, optimal_q
    from theorycheck.inference.posterior import posterior
    from theorycheck.models.benchmarks import benchmark
    from theorycheck.models.decoder import Decoder
    from theorycheck.models.generative import GenerativeModel
    from theorycheck.models.loading import load_model
    from theorycheck.objectives.decomposition import decompose
    from theorycheck.objectives.importance import iwae_objective
    from theorycheck.objectives.landscape import kl_map, pmo_landscape
    from theorycheck.optimum.global_search import find_optimum
    from theorycheck.optimum.result import PredictedOptimum
    from theorycheck.quadrature.latent_panels import latent_panels
    from theorycheck.theorems.noise_curve import noise_curve
    from theorycheck.theorems.theorem1 import check_theorem1
    from theorycheck.theorems.theorem2 import check_theorem2

__all__ = [
    "Decoder",
    "Estimate",
    "GenerativeModel",
    "MeanField",
    "PredictedOptimum",
    "Verdict",
    "__version__",
    "benchmark",
    "check_theorem1",
    "check_theorem2",
    "decompose",
    "find_optimum",
    "iwae_bound",
    "iwae_objective",
    "kl_map",
    "latent_panels",
    "load_model",
    "log_density",
    "noise_curve",
    "optimal_iwae_q",
    "optimal_q",
    "pmo_landscape",
    "posterior",
]

#: Where each public name lives; a test holds this against the imports above.
_HOMES = {
    "Decoder": "models.decoder",
    "Estimate": "estimate",
    "GenerativeModel": "models.generative",
    "MeanField": "inference.mean_field",
    "PredictedOptimum": "optimum.result",
    "Verdict": "estimate",
    "benchmark": "models.benchmarks",
    "check_theorem1": "theorems.theorem1",
    "check_theorem2": "theorems.theorem2",
    "decompose": "objectives.decomposition",
    "find_optimum": "optimum.global_search",
    "iwae_bound": "inference.importance",
    "iwae_objective": "objectives.importance",
    "kl_map": "objectives.landscape",
    "latent_panels": "quadrature.latent_panels",
    "load_model": "models.loading",
    "log_density": "inference.marginal",
    "noise_curve": "theorems.noise_curve",
    "optimal_iwae_q": "inference.importance",
    "optimal_q": "inference.mean_field",
    "pmo_landscape": "objectives.landscape",
    "posterior": "inference.posterior",
}


def __getattr__(name: str) -> object:
    """Load a public name on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
