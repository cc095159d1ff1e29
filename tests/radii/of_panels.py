"""What panels in z do not resolve, and the balls that bounds are made with (_latent_panels.py)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.polynomial import legendre
from scipy.special import ndtr

from tests.radii.table import Table, getter, off, rewired, shortfall
from theorycheck.models._decoder import Decoder
from theorycheck.models._generative import GenerativeModel
from theorycheck.models._loading import load_model
from theorycheck.quadrature import _latent_panels as latent_panels
from theorycheck.quadrature import _panel_mesh as panel_mesh
from theorycheck.quadrature._latent_panels import LatentPanels


def _missing(function: Callable[..., Any]) -> float:
    panels = SimpleNamespace(unresolved_mass=0.01, reach=2.0)
    return off(function(panels), 0.01 + 2.0 * float(ndtr(-2.0)))


def _mesh(model: Any) -> tuple[Any, Any]:
    """Return what panels up to |z| = 6 are assembled from, besides model and reach."""
    given: list[Any] = []
    rewired(latent_panels.latent_panels, _assemble=lambda *parts: given.extend(parts))(
        model, reach=6.0
    )
    return given[3], given[4:]


def _balls(function: Callable[..., Any]) -> float:
    """A panel's ball holds f to its edges, and a run's ball those of its panels."""
    model = load_model("expr:[z, sin(2*z)]", noise_variance=[0.25, 0.04])
    mesh, rest = _mesh(model)
    panels = function(model, 6.0, (), mesh, *rest)
    worst = 0.0
    for j in range(panels.size):
        z = np.linspace(panels.left[j], panels.right[j], 50)
        for centre, radius in (
            (panels.centre[j], panels.radius[j]),
            (panels.block_centre[j // 8], panels.block_radius[j // 8]),
        ):
            distance = np.linalg.norm((model.decoder(z) - centre) / model.sigma, axis=1).max()
            worst = max(worst, shortfall(distance * (1.0 - 1e-12), radius))
    edge = np.linalg.norm(
        (panels.centre - panels.block_centre.repeat(8, 0)[: panels.size]) / model.sigma, axis=1
    )
    return max(
        worst,
        shortfall(
            (edge + panels.radius) * (1 - 1e-12), panels.block_radius.repeat(8)[: panels.size]
        ),
    )


def _trial(
    function: Callable[..., Any], model: Any, misfit: float = 0.0, rounding: float | None = None
) -> Any:
    """Judge one panel, [−0.5, 0.5], that a scan finds to miss f by some σ."""
    off = None
    if rounding is not None:
        off = SimpleNamespace(of_panels=lambda *_: np.array([rounding]))
    scan = SimpleNamespace(misfit=lambda *_: (np.array([misfit]), np.zeros((1, 2))))
    edges = np.array([-0.5]), np.array([0.5])
    made = function(panel_mesh._Trial, model, *edges, np.full((2, 1), np.inf), scan, off)
    return made.mesh


def _defects(function: Callable[..., Any]) -> float:
    """The size of the last two coefficients of f, in σ of each dimension."""
    worst = 0.0
    for a, b, expected in ((0.1, 0.2, 0.2), (0.01, 0.8, 0.4), (0.3, 0.4, 0.6)):

        def f(z: Any, a: float = a, b: float = b) -> Any:
            degrees = [legendre.legval(2.0 * z, [0.0] * k + [1.0]) for k in (14, 15)]
            return np.stack([a * degrees[0], b * degrees[1]], axis=1)

        model = GenerativeModel(Decoder.from_function(f, name="waves"), [0.25, 4.0])
        worst = max(worst, off(_trial(function, model).defect, [expected]))
    return max(worst - 1e-9, 0.0)


def _misfit(function: Callable[..., Any]) -> float:
    """What a scan sees a smooth panel miss is its defect, and the panel is not resolved."""
    mesh = _trial(function, load_model("expr:z", noise_variance=0.25), misfit=0.02)
    return off(mesh.defect, [0.02]) + bool(mesh.resolved[0])


def _single(function: Callable[..., Any]) -> float:
    """In single precision what is seen of its rounding and what may be there add up."""
    mesh = _trial(function, load_model("expr:z", noise_variance=0.25), 0.02, rounding=0.05)
    return off(mesh.defect, [0.07]) + (not mesh.resolved[0])


def _unresolved(function: Callable[..., Any]) -> float:
    """The prior mass of the panels that do not resolve f, from those that do not."""
    model = load_model("expr:z", noise_variance=0.25)
    mesh, rest = _mesh(model)
    resolved = np.ones(mesh.left.size, dtype=bool)
    resolved[[1, 6]] = False
    panels = function(model, 6.0, (), dataclasses.replace(mesh, resolved=resolved), *rest)
    left, right = mesh.left[[1, 6]], mesh.right[[1, 6]]
    return max(off(panels.unresolved_mass, float((ndtr(right) - ndtr(left)).sum())) - 1e-9, 0.0)


def _steep(function: Callable[..., Any]) -> float:
    """A panel on which f moves by 1,000 σ is not resolved, straight as it is."""
    return float(_trial(function, load_model("expr:100*z", noise_variance=0.01)).resolved[0])


_OF = panel_mesh._Trial.of.__func__  # type: ignore[attr-defined]

PANELS: Table = {
    "panels: without what is unresolved": (
        _missing, getter(LatentPanels, "missing_mass"), "self.unresolved_mass +", "",
    ),
    "panels: without what is beyond": (
        _missing, getter(LatentPanels, "missing_mass"), "2.0 *", "0.0 *",
    ),
    "panels: beyond on one side": (_missing, getter(LatentPanels, "missing_mass"), "2.0 *", ""),
    "panels: ball of the nodes": (_balls, latent_panels._assemble, "1.05 * spread", "spread"),
    "panels: ball of the nearest node": (
        _balls, latent_panels._assemble, "axis=1).max(axis=1)", "axis=1).min(axis=1)",
    ),
    "panels: run that holds the centres only": (
        _balls, latent_panels._assemble, "axis=1) + radius", "axis=1)",
    ),
    "panels: ball with the σ of another dimension": (
        _balls, latent_panels._assemble, "/ sigma[:, None], axis=1)",
        "/ sigma[::-1][:, None], axis=1)",
    ),
    "panels: defect of the last degree only": (
        _defects, _OF, "series[:, :, -2:]", "series[:, :, -1:]",
    ),
    "panels: defect in data units": (
        _defects, _OF, "coefficients / model.sigma[:, None]", "coefficients",
    ),
    "panels: defect of the first dimension": (
        _defects, _OF, "series[:, :, -2:]", "series[:, :1, -2:]",
    ),
    "panels: rounding that shows alone": (
        _single, _OF, "np.where(smooth, misfit, 0.0) + rounding", "np.where(smooth, misfit, 0.0)",
    ),
    "panels: rounding without what shows": (
        _single, _OF, "np.where(smooth, misfit, 0.0) + rounding", "rounding",
    ),
    "panels: defect without what a scan sees": (_misfit, _OF, "np.maximum(tail, missed)", "tail"),
    "panels: resolved whatever a scan sees": (
        _misfit, _OF, "((misfit <= allowed) | noise)", "True",
    ),
    "panels: everything resolved": (
        _unresolved, latent_panels._assemble, "[~mesh.resolved]", "[:0]",
    ),
    "panels: resolved where f moves by many σ": (_steep, _OF, "(move <= LARGEST_MOVE) &", ""),
}  # fmt: skip
