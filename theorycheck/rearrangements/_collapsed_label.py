"""The collapsed counterpart of a model with a continuous label: the same p(x), and no label in f.

Where all labels trace one curve, f(y, z) = c(ζ) for c = f(y₀, ·), each in one direction. A share
Φ(z_y(ζ)) of label y lies before c(ζ), z_y the latent at which that label passes it; averaged over
y that is Φ(T(ζ)), and g(z) = c(T⁻¹(z)) has the law of the curve and so p(x).
"""

from __future__ import annotations

import numpy as np
from scipy.interpolate import make_interp_spline
from scipy.spatial import cKDTree
from scipy.special import ndtr, ndtri

from theorycheck.arrays import Array
from theorycheck.errors import ModelError
from theorycheck.inference import LabelRule
from theorycheck.models import ContinuousLabelModel, Decoder, GenerativeModel

#: The label whose curve is the common one.
_REFERENCE = 0.0
#: Latents of that curve up to which T is tabled, how many, and the latents of other labels that are
#: looked at. Beyond, T goes on as a line; the prior mass there is 2e-9.
_REACH, _KNOTS = 6.0, 481
_FINE = np.linspace(-9.0, 9.0, 9001)
#: Newton steps that bring z_y to rounding.
_STEPS = 8
#: Labels up to which all have to trace the curve, and how far in σ they may be off it.
_LABELS, _OFF = 6.0, 1e-5


def collapsed_counterpart(model: ContinuousLabelModel, rule: LabelRule) -> ContinuousLabelModel:
    """Make the model whose f does not depend on y and whose p(x) is that of another.

    Parameters
    ----------
    model : ContinuousLabelModel
        A model all of whose labels trace one curve, each in one direction.
    rule : LabelRule
        A rule over y that resolves the model.

    Returns
    -------
    ContinuousLabelModel
        Its p(x) is the model's to what the rule over y and a spline of degree 7 leave; MLEO says
        how much that is.

    Raises
    ------
    ModelError
        If the labels do not trace one curve, or one of them turns back on it.
    """
    knots = np.linspace(-_REACH, _REACH, _KNOTS)
    curve = model.decoder(_REFERENCE, knots)
    weight = np.exp(rule.log_weight)
    below, above = np.zeros(_KNOTS), np.zeros(_KNOTS)
    for y, share in zip(rule.y, weight / weight.sum(), strict=True):
        passed, onward = _passes(model, float(y), curve)
        below += share * ndtr(passed if onward else -passed)
        above += share * ndtr(-passed if onward else passed)
    moved = np.where(below < 0.5, ndtri(below), -ndtri(above))
    if not (np.isfinite(moved).all() and (np.diff(moved) > 0.0).all()):
        raise ModelError(
            f"{model.name}: the law of its curve has gaps: no g with its p(x) is known"
        )
    inverse = make_interp_spline(moved, knots, k=7)
    slope = inverse.derivative()(moved[[0, -1]])

    def latent(z: Array) -> Array:
        inside = np.clip(z, moved[0], moved[-1])
        ends = np.where(z < moved[0], slope[0], slope[1])
        result: Array = inverse(inside) + ends * (z - inside)
        return result

    decoder = Decoder.from_function(
        lambda z: model.decoder(_REFERENCE, latent(z)), name=f"{model.name}, collapsed"
    )
    return ContinuousLabelModel.collapsed(GenerativeModel(decoder, model.noise_variance))


def _passes(model: ContinuousLabelModel, y: float, curve: Array) -> tuple[Array, bool]:
    """Return the latents at which a label passes the points of the curve, and if it goes onward."""
    sigma = model.sigma
    values = model.decoder(y, _FINE) / sigma
    points = curve / sigma
    z = _FINE[cKDTree(values).query(points)[1]]
    step = _FINE[1] - _FINE[0]
    for _ in range(_STEPS):
        here = model.decoder(y, z) / sigma
        ahead, back = (model.decoder(y, z + side * 0.5 * step) / sigma for side in (1.0, -1.0))
        slope = (ahead - back) / step
        size = (slope**2).sum(axis=1)
        move = ((points - here) * slope).sum(axis=1) / np.maximum(size, 1e-300)
        z = np.clip(z + np.clip(move, -step, step), _FINE[0], _FINE[-1])
    off = np.linalg.norm(model.decoder(y, z) / sigma - points, axis=1)
    inside = np.abs(z) < _REACH
    if abs(y) < _LABELS and (off[inside] > _OFF).any():
        raise ModelError(
            f"{model.name}: its labels do not all trace one curve (y = {y:.3g} is "
            f"{float(off[inside].max()):.3g} σ off that of y = {_REFERENCE:g}), so that no f "
            "without a label with the same p(x) is known"
        )
    turn = np.diff(z[inside])
    onward = bool(turn.sum() >= 0.0)
    if abs(y) < _LABELS and ((turn if onward else -turn) < -step).any():
        raise ModelError(f"{model.name}: the label y = {y:.3g} turns back on the common curve")
    return z, onward
