"""Adaptive panels in z: where f is evaluated, once, for every integral over the latent.

A panel is accepted when f moves by at most LARGEST_MOVE σ on it and the last Legendre
coefficients of f are at rounding level: then both p_θ(x) and E_q f are integrated to rounding
for every x and for every q that the posterior can ask for. Where that cannot be reached within
the budget, the prior mass concerned is kept, and every error radius downstream includes it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float64
from scipy.special import ndtr

from theorycheck.arrays import Array
from theorycheck.models import GenerativeModel, as_generative
from theorycheck.quadrature._breakpoints import locate_kinks
from theorycheck.quadrature._panel_edges import broken_edges, jump_steepness, place_masses
from theorycheck.quadrature._panel_mesh import LARGEST_MOVE, Mesh, log_mass, refine
from theorycheck.quadrature._poles import refuse_poles
from theorycheck.quadrature._rules import NODES, ORDER, WEIGHTS, legendre_values
from theorycheck.quadrature._scan import Scan, scan_decoder
from theorycheck.quadrature.kernels import BLOCK, Balls, Panels

__all__ = [
    "LARGEST_MOVE",
    "LARGEST_REACH",
    "MAX_PANELS",
    "REACH",
    "UNRESOLVED_MASS",
    "LatentPanels",
    "latent_panels",
]

#: |z| up to which panels go at first; the prior mass beyond is 4e-33.
REACH = 12.0
#: Largest |z| at which φ(z) is still a normal number.
LARGEST_REACH = 37.0
#: Panels at most; at 16 nodes and D = 2 this many take 80 MB.
MAX_PANELS = 64_000
#: Unresolved prior mass from which a result is called unresolved rather than given a radius.
UNRESOLVED_MASS = 1e-6
#: Times that a mesh is refined anew because it shows kinks: one can hide behind another.
_KINK_ROUNDS = 3


@dataclass(frozen=True, eq=False)
class LatentPanels:
    """f on panels of Gauss-Legendre nodes that resolve it against σ.

    Build with :func:`latent_panels`. P panels, N = 16 nodes each, D data dimensions.

    Parameters
    ----------
    model : GenerativeModel
        The model of which f and σ² are taken.
    reach : float
        The panels cover [-reach, reach].
    left, right : ndarray, shape (P,)
        Panel edges.
    z, rule_weight, log_weight : ndarray, shape (P N,)
        Nodes, ascending, their weights for ∫ dz, and the log of weight times φ(z).
    f : ndarray, shape (D, P N)
        Decoder means at the nodes.
    coefficients : ndarray, shape (P, D, N)
        Legendre series of f on each panel.
    log_width : ndarray, shape (P N,)
        Log of the Laplace width 1/√(1 + |f′|²/σ²) of a posterior with its mode at the node;
        a jump at an edge of the panel counts as if it were spread over the panels beside it.
    centre, radius : ndarray, shapes (P, D) and (P,)
        A ball around f on the panel; radius in σ.
    defect : ndarray, shape (P,)
        Size of the last Legendre coefficients of f, in σ; in single precision also how far f may
        be off by rounding.
    log_mass : ndarray, shape (P,)
        Log prior mass of the panel.
    block_centre, block_radius, block_log_mass : ndarray
        The same for blocks of BLOCK panels.
    unresolved_mass : float
        Prior mass of the panels that do not resolve f.
    breakpoints : tuple of float
        Kinks and jumps at which panels were split, declared or found.
    verified_width : float
        Within |z| <= SCANNED no bump, dip or gap of f that is wider than this was missed: f was
        evaluated at latents so far apart and agrees with the panels at each. inf: no scan.
    place_log_mass : ndarray, shape (2 J,)
        Log prior mass around each found jump in which either side's f may hold; twice over.
    place_f : ndarray, shape (D, 2 J)
        f on the left of each such jump, then on the right of each.
    """

    model: GenerativeModel
    reach: float
    left: Float64[Array, " panels"]
    right: Float64[Array, " panels"]
    z: Float64[Array, " nodes"]
    rule_weight: Float64[Array, " nodes"]
    log_weight: Float64[Array, " nodes"]
    f: Float64[Array, "D nodes"]
    coefficients: Float64[Array, "panels D order"]
    log_width: Float64[Array, " nodes"]
    centre: Float64[Array, "panels D"]
    radius: Float64[Array, " panels"]
    defect: Float64[Array, " panels"]
    log_mass: Float64[Array, " panels"]
    block_centre: Float64[Array, "blocks D"]
    block_radius: Float64[Array, " blocks"]
    block_log_mass: Float64[Array, " blocks"]
    unresolved_mass: float
    breakpoints: tuple[float, ...]
    verified_width: float
    place_log_mass: Float64[Array, " places"]
    place_f: Float64[Array, "D places"]

    @property
    def size(self) -> int:
        """Return the number of panels P."""
        return int(self.left.size)

    @cached_property
    def wider(self) -> LatentPanels:
        """Return panels to twice the reach: made once, since many calls may ask for far x."""
        return latent_panels(self.model, reach=min(2.0 * self.reach, LARGEST_REACH))

    @property
    def arrays(self) -> Panels:
        """Return the panels as the kernels take them."""
        return Panels(self.left, self.right, self.z, self.rule_weight, self.f, self.coefficients)

    @property
    def balls(self) -> Balls:
        """Return balls that hold f on each panel."""
        return Balls(self.centre, self.radius, self.log_mass)

    @property
    def blocks(self) -> Balls:
        """Return balls that hold f on each block of BLOCK panels."""
        return Balls(self.block_centre, self.block_radius, self.block_log_mass)

    @property
    def missing_mass(self) -> float:
        """Return the prior mass that is unresolved or beyond the reach."""
        return self.unresolved_mass + 2.0 * float(ndtr(-self.reach))

    @property
    def peak_log_density(self) -> float:
        """Return the log of the largest N(x; f, σ²), nats: -(D/2) log 2π - Σ log σ_d."""
        sigma = self.model.sigma
        return -0.5 * sigma.size * math.log(2.0 * math.pi) - float(np.log(sigma).sum())


def latent_panels(
    model: GenerativeModel,
    *,
    reach: float = REACH,
    max_panels: int = MAX_PANELS,
    resolution: float | None = None,
) -> LatentPanels:
    """Refine panels in z until they resolve f against σ.

    Parameters
    ----------
    model : GenerativeModel
        The model of which f and σ² are taken.
    reach : float
        Cover [-reach, reach]; at most 37.
    max_panels : int
        Budget. When it is spent, the panels of largest prior mass have been refined first.
    resolution : float, optional
        Scan f at latents this far apart, so that no wider bump, dip or gap is missed; by default
        the decoder's own.

    Returns
    -------
    LatentPanels

    Raises
    ------
    DecoderError
        If f misbehaves at a node or has a pole, or the resolution is out of range.
    SettingError
        If the resolution asks for more of f than can be held.
    ModelError
        If the model is not of one latent.
    """
    reach = min(reach, LARGEST_REACH)
    model = as_generative(model)
    if resolution is not None:
        model = model.with_resolution(resolution)
    scan = scan_decoder(model, reach)
    refuse_poles(model.decoder, scan)
    declared = model.decoder.breakpoints
    mesh, jumps = refine(model, declared or (), reach, max_panels, scan)
    known = tuple(sorted({*(declared or ()), *jumps}))
    if declared is None:
        mesh, known = _split_at_kinks(model, mesh, known, reach, max_panels, scan)
        known = tuple(
            sorted({*known, *broken_edges(mesh, model.sigma, single=model.decoder.single)})
        )
    return _assemble(model, reach, known, mesh, scan)


def _split_at_kinks(
    model: GenerativeModel,
    mesh: Mesh,
    known: tuple[float, ...],
    reach: float,
    max_panels: int,
    scan: Scan,
) -> tuple[Mesh, tuple[float, ...]]:
    """Refine anew from the kinks that the mesh shows, while that spares panels."""
    for _ in range(_KINK_ROUNDS):
        kinks = locate_kinks(model.decoder, mesh.left, mesh.right, known)
        if not kinks:
            break
        points = tuple(sorted({*known, *kinks}))
        second, jumps = refine(model, points, reach, max_panels, scan)
        # Around a true kink dozens of panels become unnecessary.
        if second.left.size + 8 * len(kinks) >= mesh.left.size:
            break
        mesh, known = second, tuple(sorted({*points, *jumps}))
    return mesh, known


def _assemble(
    model: GenerativeModel, reach: float, breakpoints: tuple[float, ...], mesh: Mesh, scan: Scan
) -> LatentPanels:
    half = 0.5 * (mesh.right - mesh.left)
    z = 0.5 * (mesh.left + mesh.right)[:, None] + half[:, None] * NODES
    rule_weight = half[:, None] * WEIGHTS
    log_weight = np.log(rule_weight) - 0.5 * z**2 - 0.5 * math.log(2.0 * math.pi)
    sigma = model.sigma
    slopes = _differentiate(mesh.coefficients) @ legendre_values(NODES, ORDER - 2).T
    slopes /= half[:, None, None] * sigma[:, None]
    steepness = np.sqrt((slopes**2).sum(axis=1)) + jump_steepness(mesh, sigma)[:, None]
    log_width = -0.5 * np.log1p(steepness**2)
    # The ball must hold f between the nodes and out to the edges, too.
    lower, upper = mesh.f.min(axis=2), mesh.f.max(axis=2)
    centre = 0.5 * (lower + upper)
    spread = np.linalg.norm((mesh.f - centre[:, :, None]) / sigma[:, None], axis=1).max(axis=1)
    radius = 1.05 * spread + 1e-9
    mass = log_mass(mesh.left, mesh.right)
    declared = model.decoder.breakpoints or ()
    undeclared = tuple(sorted({*breakpoints} - {*declared}))
    places = place_masses(mesh, undeclared, sigma, single=model.decoder.single)
    starts = np.arange(0, mesh.left.size, BLOCK)
    block_centre = 0.5 * (np.minimum.reduceat(lower, starts) + np.maximum.reduceat(upper, starts))
    block_of = np.arange(mesh.left.size) // BLOCK
    to_block = np.linalg.norm((centre - block_centre[block_of]) / sigma, axis=1) + radius
    return LatentPanels(
        model=model,
        reach=reach,
        left=mesh.left,
        right=mesh.right,
        z=z.ravel(),
        rule_weight=rule_weight.ravel(),
        log_weight=log_weight.ravel(),
        f=np.ascontiguousarray(mesh.f.transpose(1, 0, 2).reshape(model.data_dim, -1)),
        coefficients=np.ascontiguousarray(mesh.coefficients),
        log_width=log_width.ravel(),
        centre=centre,
        radius=radius,
        defect=mesh.defect,
        log_mass=mass,
        block_centre=block_centre,
        block_radius=np.maximum.reduceat(to_block, starts),
        block_log_mass=np.logaddexp.reduceat(mass, starts),
        unresolved_mass=float(np.exp(mass[~mesh.resolved]).sum()),
        breakpoints=breakpoints,
        verified_width=scan.width,
        place_log_mass=places[0],
        place_f=places[1],
    )


def _differentiate(coefficients: Array) -> Array:
    """Legendre coefficients of the derivative in the panel's own variable on [-1, 1]."""
    derivative: Array = np.polynomial.legendre.legder(coefficients, axis=-1).astype(np.float64)
    return derivative
