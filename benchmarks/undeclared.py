"""Checks radii where nothing of f is declared, on random step functions and narrow bumps.

``python -m benchmarks.undeclared`` prints, for 100 step functions of 5 to 300 jumps and 100
decoders with 1 to 5 bumps wider than the resolution, at how many x log p lies outside its radius
(against a composite Gauss rule that knows every jump), and how many H and PMO, of every fifth, part
from those of the same decoder with its breakpoints declared by more than the two radii. A PMO that
is smaller than the declared one, beside the same H, is a better q: the other side missed it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theorycheck.inference import log_density
from theorycheck.models import DEFAULT_SCAN, Decoder, GenerativeModel
from theorycheck.objectives import decompose
from theorycheck.quadrature import latent_panels

Array = NDArray[np.float64]

#: Profiles of a bump over t in [-1, 1], each above 1e-6 of its height up to |t| = 1 (the last but
#: for its ends, by 3 %).
_PROFILES: dict[str, Callable[[Array], Array]] = {
    "box": lambda t: (np.abs(t) < 1.0).astype(float),
    "tent": lambda t: np.maximum(1.0 - np.abs(t) / (1.0 + 1e-6), 0.0),
    "normal": lambda t: np.exp(-13.8 * t**2),
    "compact": lambda t: np.where(
        np.abs(t) < 1.03, np.exp(1.0 - 1.0 / np.maximum(1.0 - (t / 1.03) ** 2, 1e-9)), 0.0
    ),
}


@dataclass(frozen=True, eq=False)
class Case:
    """A decoder with structure, told and untold.

    Parameters
    ----------
    name : str
    function : callable
        f.
    cuts : ndarray
        Latents at which the decoder has a jump or a kink.
    marks : ndarray
        Latents around which the structure lies: the reference's rule is fine around these.
    noise_variance, resolution : float
    """

    name: str
    function: Callable[[Array], Array]
    cuts: Array
    marks: Array
    noise_variance: float
    resolution: float = DEFAULT_SCAN

    def model(self, *, declared: bool = False) -> GenerativeModel:
        """Return the model, its breakpoints declared or not."""
        decoder = Decoder.from_function(
            self.function,
            name=self.name,
            breakpoints=self.cuts.tolist() if declared else None,
            resolution=self.resolution,
        )
        return GenerativeModel(decoder, self.noise_variance)

    def telling(self, count: int, seed: int) -> Array:
        """Draw x (count, D) from p(x), and a third as many from where the structure is."""
        rng = np.random.default_rng(seed)
        near = rng.choice(self.marks, count // 3) + 1e-5 * rng.standard_normal(count // 3)
        mean = self.function(np.concatenate([rng.standard_normal(count), near]))
        return mean + np.sqrt(self.noise_variance) * rng.standard_normal(mean.shape)

    def reference(self, x: Array) -> Array:
        """Compute log p(x) by 20 Gauss nodes between all cuts, marks and a lattice of 0.02."""
        lattice = np.linspace(-9.0, 9.0, 901)
        edges = np.unique(np.concatenate([lattice, self.cuts, self.marks]))
        nodes, weights = np.polynomial.legendre.leggauss(20)
        half, centre = 0.5 * np.diff(edges), 0.5 * (edges[1:] + edges[:-1])
        z = (centre[:, None] + half[:, None] * nodes).ravel()
        mass = (half[:, None] * weights).ravel() * np.exp(-0.5 * z**2)
        mean, dim = self.function(z), x.shape[1]
        norm = np.log(2.0 * np.pi) * (0.5 + 0.5 * dim) + 0.5 * dim * np.log(self.noise_variance)
        squares = [((row - mean) ** 2).sum(axis=1) for row in x]
        return (
            np.array([np.log(mass @ np.exp(-0.5 * s / self.noise_variance)) for s in squares])
            - norm
        )


def random_steps(seed: int, dim: int, most: int = 300) -> Case:
    """Make a step function of 5 to `most` jumps at normal latents, with normal values."""
    rng = np.random.default_rng([seed, 1])
    jumps = np.sort(rng.standard_normal(int(rng.integers(5, most + 1))))
    values = rng.standard_normal((jumps.size + 1, dim))
    variance = float(rng.choice([0.04, 0.01, 0.0025]))
    return Case(
        f"{jumps.size} jumps",
        lambda z: values[np.searchsorted(jumps, z, side="right")],
        jumps,
        jumps,
        variance,
    )


def random_bumps(seed: int, dim: int) -> Case:
    """Make a smooth curve with 1 to 5 bumps of one kind, from 1.01 to 40 resolutions wide."""
    rng = np.random.default_rng([seed, 2])
    kind = list(_PROFILES)[seed % len(_PROFILES)]
    resolution = (DEFAULT_SCAN, 1e-4)[seed // len(_PROFILES) % 2]
    count = int(rng.integers(1, 6))
    centres = rng.uniform(-3.0, 3.0, count)
    halves = 0.5 * resolution * np.exp(rng.uniform(np.log(1.01), np.log(40.0), count))
    heights = 2.0 * rng.standard_normal((count, dim))
    line, wave = rng.standard_normal((2, dim))
    variance = float(rng.choice([0.04, 0.01, 0.0025]))

    def function(z: Array) -> Array:
        bumps = [
            height * _PROFILES[kind]((z - centre) / half)[:, None]
            for centre, half, height in zip(centres, halves, heights, strict=True)
        ]
        smooth: Array = z[:, None] * line + np.sin(2.0 * z)[:, None] * wave
        return smooth + np.sum(bumps, axis=0)

    ends = {"box": [-1.0, 1.0], "tent": [-1.0 - 1e-6, 0.0, 1.0 + 1e-6]}.get(kind, [])
    cuts = (centres[:, None] + halves[:, None] * np.array(ends)).ravel()
    # Smooth bumps are declared too: the panels that begin there cannot overlook them.
    declared = np.concatenate([cuts, centres]) if kind in ("normal", "compact") else cuts
    marks = (centres[:, None] + halves[:, None] * np.linspace(-2.0, 2.0, 401)).ravel()
    return Case(
        f"{count} x {kind}", function, np.sort(declared), np.sort(marks), variance, resolution
    )


def misses(case: Case, count: int, seed: int) -> tuple[int, float]:
    """Compare log p with the reference: how many x lie outside the radius, and the largest error.

    The reference's own rounding is allowed for: 1e-12 of max(1, |log p|), and 5e-11 where bumps are
    so steep (4 over 7e-5, with σ = 0.05) that f moves by 7e-10 σ at each of its latents as rounded.
    """
    x = case.telling(count, seed)
    found = log_density(latent_panels(case.model()), x)
    exact = case.reference(x)
    off = np.abs(found.value - exact)
    steep = 0.0 if case.marks is case.cuts else 5e-11
    outside = off > found.error + steep + 1e-12 * np.maximum(1.0, np.abs(exact))
    return int(outside.sum()), float(off.max())


def parted(case: Case, tolerance: float = 1e-5) -> dict[str, float]:
    """Return by how much H and PMO exceed the declared decoder's, where by more than both radii."""
    told, untold = (decompose(case.model(declared=d), tolerance=tolerance) for d in (True, False))
    both = {"H": (untold.entropy, told.entropy), "PMO": (untold.pmo, told.pmo)}
    margins = {name: one - other for name, (one, other) in both.items()}
    return {name: m.value for name, m in margins.items() if abs(m.value) > m.error}


def main(cases: int = 100, every: int = 5) -> None:
    """Print one line for each family, and the cases that fail; H and PMO of every fifth case."""
    for family, make in (("steps", random_steps), ("bumps", random_bumps)):
        outside, worst, x = 0, 0.0, 0
        for seed in range(cases):
            case = make(seed, 1 + seed % 2)
            count, error = misses(case, 150, seed)
            outside, worst, x = outside + count, max(worst, error), x + 200
            if count:
                print(f"  {family} {seed} ({case.name}): {count} x outside, by up to {error:.1e}")
        print(
            f"{family}: {cases} decoders, {x:,} x, {outside} outside the radius of log p, largest "
            f"error {worst:.1e}",
            flush=True,
        )
    for family, make in (("steps", random_steps), ("bumps", random_bumps)):
        # On the line alone: in the plane hundreds of cells take minutes.
        wrong = {seed: parted(make(seed, 1)) for seed in range(0, cases, every)}
        for seed, by in wrong.items():
            if by:
                signed = ", ".join(f"{name} by {much:+.1e}" for name, much in by.items())
                print(f"  {family} {seed}: outside {signed}")
        failed = sum(len(by) for by in wrong.values())
        print(f"{family}: {failed} of {2 * len(wrong)} H and PMO outside", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
