"""The integrals over z behind the rigorous log p(x) and −ELBO.

Branch and bound with interval values finds where the integrand has its mass; those parts go to
adaptive Gauss–Legendre integration in balls, and everything left out is bounded and added.
"""

from __future__ import annotations

import heapq
import itertools
import math
from typing import Any

from theorycheck.errors import DecoderError, ExpressionError
from theorycheck.inference.ball._expressions import (
    Complex,
    Labels,
    Piece,
    Real,
    compile_pieces,
    hull,
)
from theorycheck.inference.ball._functions import acb, arb, ctx
from theorycheck.inference.ball._growth import growth
from theorycheck.models import Node

#: Bits beyond those asked for: for cancellation, and for what is left out as negligible.
_GUARD = 40
#: Smallest half-length of the z interval that is split into pieces; a power of two, to be shared.
_LEAST_REACH = 64
#: A part of z is integrated once log p(x, z) varies by less than this many nats on it.
_TAME = 40.0
_MOST_PARTS = 100_000
#: Bits by which slivers are narrower than the working precision: p(z|x) can be narrow too.
_NARROW = 64
#: Splits of q's support in units of its scale, dense where the mass is.
_SPLITS = (0.0, 1.0, 3.0, 6.0, 10.0, 16.0, 26.0)


class BallProblem:
    """One f, σ² and x; its integrals must run at ``working`` bits.

    Parameters
    ----------
    text : str
        f in the expression language.
    variance, x : list of float
        σ_d² and x_d.
    precision : int
        Bits of the results.
    """

    def __init__(self, text: str, variance: list[float], x: list[float], precision: int) -> None:
        self.text, self.variance, self.x, self.precision = text, variance, x, precision
        self.working = precision + _GUARD

    def pieces(self, reach: float) -> tuple[tuple[Node, ...], tuple[Piece, ...]]:
        """Return f and its pieces on an interval that holds [−reach, reach]."""
        power = max(_LEAST_REACH, 2 ** math.ceil(math.log2(reach)))
        compiled = compile_pieces(self.text, power, self.working + _NARROW)
        return compiled.components, compiled.pieces

    def misfit(self, values: list[Any]) -> Any:
        """Return Σ (x_d − f_d)²/(2σ_d²), nats, as it stands."""
        total = 0
        for value, x, variance in zip(values, self.x, self.variance, strict=True):
            total += (x - value) ** 2 / (2 * variance)
        return total

    def least_misfit(self, values: list[Any]) -> Any:
        """Bound the misfit from below over interval values of f."""
        total = arb(0)
        for value, x, variance in zip(values, self.x, self.variance, strict=True):
            gap = (x - value).abs_lower()
            if gap.is_finite():
                total += gap**2 / (2 * variance)
        return total

    def half_log_variance(self) -> Any:
        """Return ½ Σ log 2πσ_d², nats."""
        return sum((2 * arb.pi() * v).log() for v in self.variance) / 2

    def log_density(self, tail: float) -> Any:
        """Enclose log p(x)."""
        reach = max(tail, float(_LEAST_REACH))
        cutoff = self.working * math.log(2.0)
        while True:
            components, pieces = self.pieces(reach)
            parts, negligible, top = self._concentrate(components, pieces, cutoff)
            # Beyond `reach` lies at most the prior's tail: it must be negligible against p(x).
            needed = math.sqrt(2.0 * max(0.0, cutoff - top))
            if reach >= needed:
                break
            reach = needed
        scale = arb(top)

        def integrand(labels: Labels) -> Any:
            def function(z: Any, analytic: bool) -> Any:
                look = Complex(z, labels, analytic)
                exponent = self.misfit([look.value(c) for c in components])
                return (-z * z / 2 - exponent - scale).exp()

            return function

        narrowest = min((b - a for a, b, _ in parts), default=arb(1))
        goal = arb(2) ** (-self.precision - 8) * narrowest
        total = arb(0)
        for lower, upper, labels in _merged(parts):
            total += _integrate(integrand(labels), lower, upper, goal, self.precision)
        total += arb(0).union(negligible.upper())
        edge = pieces[-1].upper
        beyond = (2 * arb.pi()).sqrt() * (edge / arb(2).sqrt()).erfc() * (-scale).exp()
        total += arb(0).union(beyond.upper())
        if not total > 0:
            raise ExpressionError(f"'{self.text}': p(x) cannot be enclosed at x = {self.x}")
        return total.log() + scale - (2 * arb.pi()).log() / 2 - self.half_log_variance()

    def _concentrate(
        self, components: tuple[Node, ...], pieces: tuple[Piece, ...], cutoff: float
    ) -> tuple[list[tuple[Any, Any, Labels]], Any, float]:
        """Find where φ(z) Π N(x; f(z)) has its mass, by branch and bound.

        Returns the parts to integrate, a bound on exp(−top) times what is left out, and top, about
        the largest log-integrand (without its constants).
        """
        top, count = -math.inf, itertools.count()
        queue: list[tuple[float, int, Any, Any, Labels | None, float]] = []
        kept: list[tuple[Any, Any, Labels, float]] = []
        dropped: list[tuple[Any, Any]] = []

        def push(lower: Any, upper: Any, labels: Labels | None) -> None:
            nonlocal top
            z = hull(lower, upper)
            look = Real(z, labels)
            bound = -(z.abs_lower() ** 2) / 2
            values = [look.value(c) for c in components]
            bound -= self.least_misfit(values)
            middle = -math.inf
            if labels is None:
                dropped.append((bound.upper(), upper - lower))
                return
            at = Real((lower + upper) / 2, labels)
            value = -(at.z**2) / 2 - self.misfit([at.value(c) for c in components])
            if value.is_finite():
                top = max(top, float(value.mid()))
                # A part that may hold a pole is never tame.
                if all(v.is_finite() for v in values):
                    middle = float(value.mid())
            entry = float(bound.upper())
            heapq.heappush(queue, (-entry, next(count), lower, upper, labels, middle))

        with ctx.workprec(2 * self.working + 64):
            narrowest = arb(2) ** (-self.working - _NARROW)
            for piece in pieces:
                push(piece.lower, piece.upper, piece.labels)
            while queue:
                entry, number, lower, upper, labels, middle = heapq.heappop(queue)
                if number > _MOST_PARTS:
                    raise ExpressionError(f"'{self.text}' is too steep for ball arithmetic")
                # Parts as narrow as slivers do not count either, as next to the pole of 1/z.
                if -entry < top - cutoff or upper - lower < narrowest:
                    dropped.append((arb(math.nextafter(-entry, math.inf)), upper - lower))
                elif -entry - middle < _TAME and labels is not None:
                    kept.append((lower, upper, labels, -entry))
                else:
                    centre = ((lower + upper) / 2).mid()
                    push(lower, centre, labels)
                    push(centre, upper, labels)
            left_out = arb(0)
            for bound, width in dropped:
                left_out += (bound - arb(top)).exp() * width
        return [(a, b, labels) for a, b, labels, _ in kept], left_out, top

    def negative_elbo(self, mean: float, scale: float, tail: float) -> Any:
        """Enclose −ELBO."""
        mu, s = arb(mean), arb(scale)
        components, pieces = self.pieces(abs(mean) + tail * scale + 1.0)
        normal = 1 / (s * (2 * arb.pi()).sqrt())

        def integrand(labels: Labels) -> Any:
            def function(z: Any, analytic: bool) -> Any:
                look = Complex(z, labels, analytic)
                t = (z - mu) / s
                return (
                    normal * (-t * t / 2).exp() * self.misfit([look.value(c) for c in components])
                )

            return function

        low, high = (mu - tail * s).mid(), (mu + tail * s).mid()
        inner = [(mu + sign * k * s).mid() for k in _SPLITS if k < tail for sign in (-1, 1)]
        goal = arb(2) ** (-self.precision - 8)
        # First, since it fails at once where f has no known bound.
        total = arb(0).union(self._tail_misfit(components, mu, s, tail))
        for piece in pieces:
            start, end = max(piece.lower, low), min(piece.upper, high)
            if not start < end:
                continue
            if piece.labels is None:
                look = Real(hull(start, end))
                most = self.misfit([look.value(c) for c in components]) * normal
                total += arb(0).union((most * (end - start)).abs_upper())
                continue
            cuts = sorted({c for c in inner if start < c < end}, key=float)
            for a, b in itertools.pairwise([start, *cuts, end]):
                total += _integrate(integrand(piece.labels), a, b, goal, self.precision)
        gaussian = (s * s + mu * mu - 1) / 2 - s.log()
        return gaussian + total + self.half_log_variance()

    def _tail_misfit(self, components: tuple[Node, ...], mu: Any, s: Any, tail: float) -> Any:
        """Bound E_q of the misfit beyond `tail` scales, from f_d² ≤ A² exp(2k|z|).

        With c = 2ks, ∫_{|t|>T} φ(t) e^{c|t|} dt = 2 e^{c²/2} Φ(c − T).
        """
        total = arb(0)
        # The ends of the integral were rounded: start the tail a little earlier.
        start = arb(tail) - arb(2) ** (-self.precision // 2)
        for component, x, variance in zip(components, self.x, self.variance, strict=True):
            bound = growth(component)
            if bound is None:
                raise ExpressionError(f"'{self.text}': no bound on the growth of f is known")
            a, k = bound.exponential()
            # (x − f)² ≤ 2x² + 2f²; the factor 2 more covers the floats in the bound.
            for height, rate in ((arb(x) ** 2, arb(0)), (arb(a) ** 2, arb(2 * k))):
                c = rate * s
                mass = (c * c / 2).exp() * ((start - c) / arb(2).sqrt()).erfc()
                total += 4 * height * (rate * abs(mu)).exp() * mass / (2 * variance)
        return total.abs_upper()


def _merged(parts: list[tuple[Any, Any, Labels]]) -> list[tuple[Any, Any, Labels]]:
    """Join neighbours with the same branches."""
    joined: list[tuple[Any, Any, Labels]] = []
    for lower, upper, labels in sorted(parts, key=lambda part: float(part[0])):
        if joined and joined[-1][1] == lower and joined[-1][2] is labels:
            joined[-1] = (joined[-1][0], upper, labels)
        else:
            joined.append((lower, upper, labels))
    return joined


def _integrate(function: Any, lower: Any, upper: Any, goal: Any, precision: int) -> Any:
    """Enclose a real integral of an analytic function."""
    result = acb.integral(
        function,
        acb(lower),
        acb(upper),
        rel_tol=arb(2) ** (-precision - 8),
        abs_tol=goal,
    )
    if not result.is_finite():
        raise DecoderError("f is not finite on a stretch of z that matters")
    return result.real
