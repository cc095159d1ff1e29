"""The total variation distance of two decoders' densities: the probability that is misplaced."""

from __future__ import annotations

import numpy as np

from theorycheck.errors import ModelError
from theorycheck.estimate import Estimate
from theorycheck.inference import as_panels, log_density
from theorycheck.models import GenerativeModel
from theorycheck.quadrature import LatentPanels, change_at_kinks, trapezoid_grid

#: Grid step in σ, and the number of times by which the change from coarser rules is taken as the
#: radius: |p − p_f| has kinks, so that all of them converge like the square of the step only.
_STEP = 1.0 / 6.0
_CAUTION = 2.0


def total_variation(
    model: GenerativeModel | LatentPanels, data: GenerativeModel | LatentPanels
) -> Estimate:
    """Compute ½ ∫ |p_f(x) − p(x)| dx, D <= 2.

    Unlike MLEO = KL[p ‖ p_f] it reads as a share: no event is more probable under one of the two
    than under the other by more. Pinsker: it is at most √(MLEO/2).

    Parameters
    ----------
    model : GenerativeModel or LatentPanels
        p_f.
    data : GenerativeModel or LatentPanels
        p.

    Returns
    -------
    Estimate
        The distance, in [0, 1].

    Raises
    ------
    ModelError
        If the two differ in D, or D > 2.
    """
    panels = [as_panels(model), as_panels(data)]
    dims = [part.model.data_dim for part in panels]
    if dims[0] != dims[1]:
        raise ModelError(
            f"{panels[0].model.name} has {dims[0]} data dimensions, "
            f"{panels[1].model.name} has {dims[1]}"
        )
    if dims[0] > 2:
        raise ModelError("the total variation distance is computed for one and two dimensions")
    grid = trapezoid_grid(panels[1], _STEP)
    p_f = log_density(panels[0], grid.x)
    density, learned = np.exp(grid.log_density), np.exp(p_f.value)
    misplaced = 0.5 * grid.volume * np.abs(learned - density)
    value = float(misplaced.sum())
    change = change_at_kinks(grid.x, _STEP * panels[1].model.sigma, misplaced)
    seen, seen_change = grid.integrate(learned)
    # What p_f has where the grid of p does not reach is misplaced altogether.
    outside = max(1.0 - seen, 0.0)
    unseen = grid.missing_mass + panels[0].missing_mass + panels[1].missing_mass
    rounding = grid.volume * float(np.sum(learned * np.minimum(p_f.relative_error, 1.0)))
    error = _CAUTION * change + seen_change + unseen + rounding + 1e-14
    return Estimate(min(value + 0.5 * outside, 1.0), error)
