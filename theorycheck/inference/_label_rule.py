"""Integrals over a continuous label y ~ N(0, 1): panels refined until they resolve p(x | y)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, PerPoint
from theorycheck.quadrature import gauss_legendre, legendre_transform, legendre_values

#: Nodes of a panel, and |y| up to which panels go; the mass beyond is 2e-19.
LABEL_ORDER = 12
LABEL_REACH = 9.0
#: Widest panels: narrow where a Gaussian q(y|x) may be, which must be resolved, too.
_FIRST = (-9.0, -6.0, -4.0, -3.0, -2.0, -1.0, 0.0)
#: Relative error of p(x) that a panel may have at any probed x, and panels at most.
_TOLERANCE = 1e-6
MAX_LABEL_PANELS = 64

_NODES, _WEIGHTS = gauss_legendre(LABEL_ORDER)
_ROWS = (2.0 * np.arange(LABEL_ORDER)[:, None] + 1.0) * legendre_values(_NODES, LABEL_ORDER - 1).T
_HIGH, _MIDDLE = _ROWS[-2:], _ROWS[LABEL_ORDER // 2 - 1 : LABEL_ORDER // 2 + 1]


@dataclass(frozen=True, eq=False)
class LabelRule:
    """Gauss-Legendre panels in y.

    Parameters
    ----------
    edges : ndarray, shape (P + 1,)
        Edges of the panels, ascending.
    """

    edges: Float64[Array, " edges"]

    @property
    def y(self) -> Float64[Array, " labels"]:
        """Return the nodes, ascending."""
        half = 0.5 * np.diff(self.edges)
        middle = 0.5 * (self.edges[:-1] + self.edges[1:])
        nodes: Array = (middle[:, None] + half[:, None] * _NODES).ravel()
        return nodes

    @property
    def weight(self) -> Float64[Array, " labels"]:
        """Return the nodes' weights for ∫ dy."""
        weights: Array = (0.5 * np.diff(self.edges)[:, None] * _WEIGHTS).ravel()
        return weights

    @property
    def log_weight(self) -> Float64[Array, " labels"]:
        """Return the log of weight times prior density."""
        result: Array = np.log(self.weight) - 0.5 * self.y**2 - 0.5 * math.log(2.0 * math.pi)
        return result

    @property
    def finest(self) -> float:
        """Return the least scale of a Gaussian in y that the nodes resolve."""
        inner = np.abs(self.edges) < 4.5
        # Nodes lie at most π/2 of their mean distance apart; sums over nodes a scale apart err by
        # 2 exp(−2π²) = 5e-9 of the integrand's size.
        return 0.5 * math.pi / LABEL_ORDER * float(np.diff(self.edges[inner]).max())

    def errors(self, terms: Float64[Array, "labels n"]) -> Float64[Array, "panels n"]:
        """Estimate how far off the sum of the terms of every panel is.

        Parameters
        ----------
        terms : ndarray, shape (Y, n)
            Weight times integrand.

        Returns
        -------
        ndarray, shape (P, n)
            From the last coefficients: an analytic integrand's fall geometrically, so that those in
            the middle and the last bound the degree from which on the rule errs; a kink's do not.
        """
        each = terms.reshape(-1, LABEL_ORDER, terms.shape[1])
        high = np.abs(np.einsum("ki,pin->kpn", _HIGH, each)).max(axis=0)
        middle = np.abs(np.einsum("ki,pin->kpn", _MIDDLE, each)).max(axis=0)
        fall = np.minimum(high / (middle + 1e-300), 1.0)
        result: Array = 4.0 * high * fall**2
        return result

    def split(self, parts: int) -> LabelRule:
        """Return the rule with every panel cut into equal parts."""
        share = np.arange(parts) / parts
        inner = self.edges[:-1, None] + np.diff(self.edges)[:, None] * share
        return LabelRule(np.append(inner.ravel(), self.edges[-1]))

    def interpolated(
        self, values: Float64[Array, "labels n"], parts: int
    ) -> tuple[Float64[Array, "finer n"], Float64[Array, "panels n"]]:
        """Continue a function by its Legendre series to the nodes of `split(parts)`.

        Parameters
        ----------
        values : ndarray, shape (Y, n)
            The function at the nodes.
        parts : int
            Parts of every panel.

        Returns
        -------
        finer : ndarray, shape (Y·parts, n)
        error : ndarray, shape (P, n)
            How far the series may be off on a panel: its last coefficients.
        """
        each = values.reshape(-1, LABEL_ORDER, values.shape[1])
        series = np.einsum("ki,pin->pkn", legendre_transform(LABEL_ORDER), each)
        middle = (2.0 * np.arange(parts) + 1.0) / parts - 1.0
        places = (middle[:, None] + _NODES / parts).ravel()
        finer = np.einsum("sk,pkn->psn", legendre_values(places, LABEL_ORDER - 1), series)
        error = 2.0 * np.abs(series[:, -2:]).sum(axis=1)
        return finer.reshape(-1, values.shape[1]), error

    def log_integral(self, values: Float64[Array, "labels n"]) -> tuple[PerPoint, PerPoint]:
        """Return log ∫ φ(y) exp(values) dy, and the relative error of the integral.

        Parameters
        ----------
        values : ndarray, shape (Y, n)
            At the nodes, nats.

        Returns
        -------
        value, relative_error : ndarray, shape (n,)
        """
        exponent = values + self.log_weight[:, None]
        top = exponent.max(axis=0)
        terms = np.exp(exponent - top)
        total = terms.sum(axis=0)
        error = self.errors(terms).sum(axis=0) / total
        result: Array = top + np.log(total)
        return result, error


def label_rule(
    log_given: Callable[[Float64[Array, " labels"]], Float64[Array, "labels n"]],
) -> LabelRule:
    """Refine panels in y until they resolve p(x | y) φ(y) at some probed x.

    Parameters
    ----------
    log_given : callable
        Maps labels (Y,) to log p(x | y) of the probed x, (Y, n).

    Returns
    -------
    LabelRule
    """
    half = np.array(_FIRST)
    rule = LabelRule(np.concatenate([half, -half[-2::-1]]))
    values = log_given(rule.y)
    while len(rule.edges) <= MAX_LABEL_PANELS:
        exponent = values + rule.log_weight[:, None]
        terms = np.exp(exponent - exponent.max(axis=0))
        worst = (rule.errors(terms) / terms.sum(axis=0)).max(axis=1)
        bad = np.flatnonzero(worst > _TOLERANCE)
        if not bad.size:
            break
        room = MAX_LABEL_PANELS + 1 - len(rule.edges)
        bad = np.sort(bad[np.argsort(-worst[bad])][:room])
        cut = 0.5 * (rule.edges[bad] + rule.edges[bad + 1])
        finer = LabelRule(np.sort(np.concatenate([rule.edges, cut])))
        kept = np.isin(finer.y, rule.y)
        updated = np.empty((finer.y.size, values.shape[1]))
        updated[kept] = values[np.isin(rule.y, finer.y)]
        updated[~kept] = log_given(finer.y[~kept])
        rule, values = finer, updated
    return rule
