"""Lists all derivations, in the order in which they are best read."""

from __future__ import annotations

from importlib import import_module

from proofs.derivation import Derivation

#: Modules of this package with a DERIVATION, which bears the module's name.
NAMES = (
    "gibbs",
    "decomposition",
    "eta_partition",
    "theorem1_difference",
    "theorem1_gap",
    "theorem1_repair",
    "theorem1_stationarity",
    "theorem1_solver",
    "fixed_point_smooth",
    "fixed_point_monotone",
    "fixed_point_aggregate",
    "fixed_point_linear",
    "fixed_point_small_noise",
    "theorem2_minimum",
    "theorem2_unbiased",
    "theorem2_bias",
    "gaussian_kl",
    "gaussian_quadratic",
    "gaussian_derivatives",
    "linear_posterior",
    "linear_mean_field",
    "linear_hadamard",
    "linear_rotation",
    "step_decoder",
    "absolute_value",
    "rearrangement",
    "iwae_integral",
    "iwae_monotone",
    "iwae_limits",
    "semi_supervised_bounds",
    "semi_supervised_softmax",
    "semi_supervised_families",
    "semi_supervised_label_term",
    "collapse_threshold",
    "collapse_floor",
)
#: Those that need the second prover, the extra `proofs`.
NEEDS_SOLVER = frozenset({"theorem1_solver"})


def load(name: str) -> Derivation:
    """Return a derivation by its name.

    Parameters
    ----------
    name : str
        A name in NAMES.

    Returns
    -------
    Derivation

    Raises
    ------
    KeyError
        If there is none of that name.
    """
    if name not in NAMES:
        raise KeyError(name)
    result: Derivation = import_module(f"proofs.{name}").DERIVATION
    return result
