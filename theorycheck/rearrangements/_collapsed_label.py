"""Decoders with the p(x) of a model with a continuous label, in which the label says less of x.

Where all labels trace one curve, f(y, z) = c(ζ) for c = f(y₀, ·), each in one direction. A share
Φ(z_y(ζ)) of label y lies before c(ζ), z_y the latent at which that label passes it. Let f take
y′ = κy + √(1−κ²) ε, a blurred label, for y: averaged over ε the share before c(ζ) is Φ(T_y(ζ)), and
f_κ(y, z) = c(T_y⁻¹(z)) has the law of the curve given y′. As y′ ~ N(0, 1) as well, p(x) is the same
for every κ: κ = 1 is the model itself, κ = 0 the collapsed f, which does not depend on y.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.interpolate import RectBivariateSpline, make_interp_spline
from scipy.spatial import cKDTree
from scipy.special import ndtr, ndtri

from theorycheck.arrays import Array
from theorycheck.errors import ModelError, SettingError
from theorycheck.inference import LabelRule
from theorycheck.models import ContinuousLabelModel, Decoder, GenerativeModel

#: The label whose curve is the common one.
_REFERENCE = 0.0
#: Latents of that curve up to which T is tabled, how many, and the latents of other labels that are
#: looked at. Beyond, T goes on as a line; the prior mass there is 2e-9.
_REACH, _KNOTS = 6.0, 481
_FINE = np.linspace(-9.0, 9.0, 9001)
_POSITIONS = np.linspace(-_REACH, _REACH, _KNOTS)
#: Labels and latents at which a partly collapsed f is tabled; beyond, both are held.
_LABELS_KEPT = np.linspace(-_REACH, _REACH, 97)
_LATENTS = np.linspace(-_REACH, _REACH, _KNOTS)
#: Newton steps that bring z_y to rounding.
_STEPS = 8
#: Labels up to which all have to trace the curve, and how far in σ they may be off it.
_LABELS, _OFF = 6.0, 1e-5


class LabelCollapse:
    """The way from a model to the f of the same p(x) in which the label says nothing of x.

    Parameters
    ----------
    model : ContinuousLabelModel
        A model all of whose labels trace one curve, each in one direction.
    rule : LabelRule
        A rule over y that resolves the model.

    Raises
    ------
    ModelError
        If the labels do not trace one curve, or one of them turns back on it.
    """

    def __init__(self, model: ContinuousLabelModel, rule: LabelRule) -> None:
        self.model, self.rule = model, rule
        curve = model.decoder(_REFERENCE, _POSITIONS)
        passes = [_passes(model, float(y), curve) for y in rule.y]
        signed = np.stack([z if onward else -z for z, onward in passes])
        #: Shares of every label before and behind each point of the curve, (Y, K).
        self._before, self._behind = ndtr(signed), ndtr(-signed)

    def at(self, kept: float) -> ContinuousLabelModel:
        """Return the f that takes a blurred label for y.

        Parameters
        ----------
        kept : float
            κ in [0, 1], the correlation of the two: 1 for the model itself, 0 for the collapsed f.

        Returns
        -------
        ContinuousLabelModel
            Its p(x) is the model's to what the rule over y and splines leave; MLEO says how much
            that is.

        Raises
        ------
        SettingError
            If κ is not in [0, 1], or so near to 1 that the rule does not resolve the blur.
        """
        if kept == 1.0:
            return self.model
        blur = math.sqrt(max(1.0 - kept**2, 0.0))
        if not (kept >= 0.0 and blur >= self.rule.finest):
            most = math.sqrt(1.0 - self.rule.finest**2)
            raise SettingError(f"the part kept of a label must be 1, or 0 to {most:.4f}: {kept}")
        if kept == 0.0:
            return self._collapsed()
        table = np.stack([self._position(_LATENTS, kept * y, blur) for y in _LABELS_KEPT])
        spline = RectBivariateSpline(_LABELS_KEPT, _LATENTS, table, kx=5, ky=5)

        def function(y: Array, z: Array) -> Array:
            inside, label = np.clip(z, -_REACH, _REACH), np.clip(y, -_REACH, _REACH)
            if (label == label[0]).all():
                # One label at a time is a spline in z alone, much quicker than pairs.
                order, back = np.unique(inside, return_inverse=True)
                at = spline(label[0], order)[0][back]
            else:
                at = spline.ev(label, inside)
            return self.model.decoder(_REFERENCE, at + (z - inside))

        name = f"{self.model.name}, κ = {kept:g}"
        return ContinuousLabelModel(function, self.model.noise_variance, name)

    def _collapsed(self) -> ContinuousLabelModel:
        spline = make_interp_spline(_LATENTS, self._position(_LATENTS, 0.0, 1.0), k=7)
        slope = spline.derivative()(_LATENTS[[0, -1]])

        def latent(z: Array) -> Array:
            inside = np.clip(z, -_REACH, _REACH)
            beyond = np.where(z < 0.0, slope[0], slope[1]) * (z - inside)
            result: Array = spline(inside) + beyond
            return result

        decoder = Decoder.from_function(
            lambda z: self.model.decoder(_REFERENCE, latent(z)),
            name=f"{self.model.name}, collapsed",
        )
        return ContinuousLabelModel.collapsed(GenerativeModel(decoder, self.model.noise_variance))

    def _position(self, z: Array, mean: float, scale: float) -> Array:
        """Return T⁻¹(z), the place on the curve, where y′ ~ N(mean, scale²)."""
        weight = self.rule.weight * np.exp(-0.5 * ((self.rule.y - mean) / scale) ** 2)
        weight /= weight.sum()
        before, behind = weight @ self._before, weight @ self._behind
        with np.errstate(divide="ignore"):
            moved = np.where(before < 0.5, ndtri(before), -ndtri(behind))
        known = np.isfinite(moved)
        if not (known.any() and (np.diff(moved[known]) > 0.0).all()):
            raise ModelError(
                f"{self.model.name}: the law of its curve has gaps, so that no other f with its "
                "p(x) is known"
            )
        moved, places = moved[known], _POSITIONS[known]
        inverse = make_interp_spline(moved, places, k=7)
        slope = inverse.derivative()(moved[[0, -1]])
        inside = np.clip(z, moved[0], moved[-1])
        result: Array = inverse(inside) + np.where(z < moved[0], slope[0], slope[1]) * (z - inside)
        return result


def collapsed_counterpart(model: ContinuousLabelModel, rule: LabelRule) -> ContinuousLabelModel:
    """Make the model whose f does not depend on y and whose p(x) is that of another.

    Parameters
    ----------
    model, rule
        As for :class:`LabelCollapse`.

    Returns
    -------
    ContinuousLabelModel

    Raises
    ------
    ModelError
        If the labels do not trace one curve, or one of them turns back on it.
    """
    return LabelCollapse(model, rule).at(0.0)


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
