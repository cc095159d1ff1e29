"""The benchmark decoders: seven f_θ whose VAE optimum is known to be interesting.

The main text of the paper (Yacoby, Pan, Doshi-Velez, "Failure Modes of Variational Autoencoders
and Their Effects on Downstream Tasks", arXiv 2007.07124) fixes the shapes, and σ² = 0.01 of
Spiral Dots. The formulas here are this project's own, chosen to have every property that the main
text states; they need not be those of the paper's appendix.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from scipy import special

from theorycheck.arrays import Latents, Points
from theorycheck.errors import LoadingError, nearest
from theorycheck.models._decoder import Decoder
from theorycheck.models._expression import parse_expression
from theorycheck.models._generative import GenerativeModel


def figure8(z: Latents) -> Points:
    """Figure eight, 0.9 of a turn: z = 0 is at the crossing, and both tails come near it.

    u = (0.6 + 1.8 Φ(z)) π;
    f(z) = ( (√2/2) cos u / (1 + sin² u), √2 cos u sin u / (1 + sin² u) ).
    """
    u = (0.6 + 1.8 * special.ndtr(z)) * np.pi
    scale = np.cos(u) / (1.0 + np.sin(u) ** 2)
    return np.stack([math.sqrt(2.0) / 2.0 * scale, math.sqrt(2.0) * scale * np.sin(u)], axis=-1)


def circle(z: Latents) -> Points:
    """Unit circle at uniform speed in Φ(z): f(z) = ( cos 2πΦ(z), sin 2πΦ(z) )."""
    angle = 2.0 * np.pi * special.ndtr(z)
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def absolute_value(z: Latents) -> Points:
    """Half a line, traced twice: f(z) = ( abs(z), abs(z) )."""
    return np.stack([np.abs(z), np.abs(z)], axis=-1)


def clusters(z: Latents) -> Points:
    """Four clusters on the unit circle, joined by steep arcs.

    u = 2π/(1 + e^{−πz/2}); t = 2 tanh(10u − 20⌊u/2⌋ − 10) + 4⌊u/2⌋ + 2; f(z) = (cos t, sin t).
    """
    u = 2.0 * np.pi * special.expit(np.pi * z / 2.0)
    turn = np.floor(u / 2.0)
    t = 2.0 * np.tanh(10.0 * u - 20.0 * turn - 10.0) + 4.0 * turn + 2.0
    return np.stack([np.cos(t), np.sin(t)], axis=-1)


def spiral_dots(z: Latents) -> Points:
    """Dots along a spiral, joined by steep arcs.

    u = 4π/(1 + e^{−πz/2}); t = tanh(10u − 20⌊u/2⌋ − 10) + 2⌊u/2⌋ + 1; f(z) = (t cos t, t sin t).
    """
    u = 4.0 * np.pi * special.expit(np.pi * z / 2.0)
    turn = np.floor(u / 2.0)
    t = np.tanh(10.0 * u - 20.0 * turn - 10.0) + 2.0 * turn + 1.0
    return np.stack([t * np.cos(t), t * np.sin(t)], axis=-1)


def discrete_semi_circle(y: float, z: Latents) -> Points:
    """Half a circle, traced at two speeds: a = π√Φ(z) if y = 0, πΦ(z)³ if y = 1; (cos a, sin a).

    y ~ Bernoulli(½).
    """
    quantile = special.ndtr(z)
    angle = np.pi * np.where(np.asarray(y) == 0, np.sqrt(quantile), quantile**3)
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def continuous_semi_circle(y: float, z: Latents) -> Points:
    """Half a circle at a mixture of two speeds.

    h = BetaQuantile(Φ(y); 0.2, 0.2); a = hπ√Φ(z) + (1−h)πΦ(z)³; f = (cos a, sin a); y ~ N(0, 1).
    """
    quantile, h = special.ndtr(z), special.betaincinv(0.2, 0.2, special.ndtr(y))
    angle = h * np.pi * np.sqrt(quantile) + (1.0 - h) * np.pi * quantile**3
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


@dataclass(frozen=True)
class Benchmark:
    """One row of the table of benchmarks.

    Parameters
    ----------
    name : str
        What the command line calls it.
    function : callable
        z of shape (n,) to f(z) of shape (n, D); (y, z) where semi-supervised.
    formula : str or None
        f in the language of :mod:`theorycheck.models._expression`; None where semi-supervised.
    noise_variance : float
        σ², the same for every data dimension.
    breakpoints : tuple of float
        Latents where f has a kink or a jump.
    summary : str
        One line.
    semi_supervised : bool
        Whether f also takes the label y.
    """

    name: str
    function: Callable[..., Points]
    formula: str | None
    noise_variance: float
    breakpoints: tuple[float, ...]
    summary: str
    semi_supervised: bool = False


def _steps(turns: float) -> tuple[float, ...]:
    """Return where u = 2π·turns/(1 + e^{−πz/2}) passes 2, 4, ...: there ⌊u/2⌋ jumps."""
    top = math.pi * turns
    return tuple(2.0 / math.pi * float(special.logit(k / top)) for k in range(1, int(top) + 1))


_FIGURE8 = "cos((0.6 + 1.8*Phi(z))*pi)/(1 + sin((0.6 + 1.8*Phi(z))*pi)**2)"
_ANGLE = ("(2*tanh(10*({u}) - 20*floor(({u})/2) - 10) + 4*floor(({u})/2) + 2)").format(
    u="2*pi*logistic(pi*z/2)"
)
_RADIUS = ("(tanh(10*({u}) - 20*floor(({u})/2) - 10) + 2*floor(({u})/2) + 1)").format(
    u="4*pi*logistic(pi*z/2)"
)

_ALL = (
    Benchmark(
        "figure8",
        figure8,
        f"[sqrt(2)/2*{_FIGURE8}, sqrt(2)*{_FIGURE8}*sin((0.6 + 1.8*Phi(z))*pi)]",
        0.02,
        (),
        "figure eight: z near 0 and both tails meet at the crossing",
    ),
    Benchmark(
        "circle",
        circle,
        "[cos(2*pi*Phi(z)), sin(2*pi*Phi(z))]",
        0.01,
        (),
        "unit circle: the two ends of z meet",
    ),
    Benchmark(
        "absolute_value",
        absolute_value,
        "[abs(z), abs(z)]",
        0.01,
        (0.0,),
        "half a line traced twice: every posterior has two modes",
    ),
    Benchmark(
        "clusters",
        clusters,
        f"[cos({_ANGLE}), sin({_ANGLE})]",
        0.2,
        _steps(1.0),
        "clusters on a circle, joined by steep arcs",
    ),
    Benchmark(
        "spiral_dots",
        spiral_dots,
        f"[{_RADIUS}*cos({_RADIUS}), {_RADIUS}*sin({_RADIUS})]",
        0.01,
        _steps(2.0),
        "dots along a spiral, joined by steep arcs",
    ),
    Benchmark(
        "discrete_semi_circle",
        discrete_semi_circle,
        None,
        0.01,
        (),
        "half a circle at two speeds, one for each label y in {0, 1}",
        semi_supervised=True,
    ),
    Benchmark(
        "continuous_semi_circle",
        continuous_semi_circle,
        None,
        0.01,
        (),
        "half a circle at a speed set by a label y ~ N(0, 1)",
        semi_supervised=True,
    ),
)

#: The benchmarks by name.
BENCHMARKS: Mapping[str, Benchmark] = MappingProxyType({entry.name: entry for entry in _ALL})


def benchmark(name: str) -> GenerativeModel:
    """Return a benchmark as a generative model.

    Parameters
    ----------
    name : str
        A key of ``BENCHMARKS``. The semi-supervised two need their label, and give the model of
        z and x with y fixed: ``"discrete_semi_circle:y=1"``, ``"continuous_semi_circle:y=0.3"``.

    Returns
    -------
    GenerativeModel

    Raises
    ------
    LoadingError
        If there is no such benchmark, or its label is missing, out of range or not wanted.
    """
    base, colon, label = name.partition(":")
    if base not in BENCHMARKS:
        raise LoadingError(f"there is no benchmark '{base}': {nearest(base, BENCHMARKS)}")
    entry = BENCHMARKS[base]
    if entry.semi_supervised:
        return _conditional(entry, name, label)
    if colon:
        raise LoadingError(f"benchmark {base} has no label y: write it without ':{label}'")
    decoder = Decoder.from_function(
        entry.function, name=base, formula=entry.formula, breakpoints=entry.breakpoints
    )
    return GenerativeModel(decoder, entry.noise_variance)


def _conditional(entry: Benchmark, name: str, label: str) -> GenerativeModel:
    """Fix y in a semi-supervised benchmark."""
    discrete = entry.name == "discrete_semi_circle"
    example = f"{entry.name}:y={1 if discrete else 0.3}"
    wanted = "y in {0, 1}" if discrete else "a real y"
    try:
        key, _, value = label.partition("=")
        y = float(value) if key.strip() == "y" else math.nan
    except ValueError:
        y = math.nan
    if not math.isfinite(y) or (discrete and y not in (0.0, 1.0)):
        got = f", not '{label}'" if label else ""
        raise LoadingError(f"benchmark {entry.name} needs {wanted}{got}: write {example}")
    if discrete:
        angle = "pi*sqrt(Phi(z))" if y == 0.0 else "pi*Phi(z)**3"
    else:
        h = float(special.betaincinv(0.2, 0.2, special.ndtr(y)))
        angle = f"({h!r}*pi*sqrt(Phi(z)) + (1 - {h!r})*pi*Phi(z)**3)"
    decoder = Decoder.from_function(
        lambda z: entry.function(y, z),
        name=name,
        formula=parse_expression(f"[cos({angle}), sin({angle})]").text,
        breakpoints=entry.breakpoints,
    )
    return GenerativeModel(decoder, entry.noise_variance)
