"""Draws from a benchmark, each with the exact answers that an inference method is to find."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from theorycheck.arrays import PerPoint, Points
from theorycheck.dataset._checks import Check, sample_checks
from theorycheck.dataset._reference import has_reference, reference
from theorycheck.errors import SettingError
from theorycheck.files import replace_files
from theorycheck.inference import MeanField, log_density
from theorycheck.json_values import jsonable
from theorycheck.models import GenerativeModel, benchmark
from theorycheck.versions import versions

#: What each array of the file is.
ARRAYS = {
    "z": "the latent that x was drawn with, shape (n,)",
    "x": "draws from p(x), shape (n, D)",
    "log_density": "log p(x), nats, shape (n,)",
    "log_density_error": "error radius of log_density, nats, shape (n,)",
    "q_mean": "mean of the globally optimal Gaussian q(z|x), shape (n,)",
    "q_scale": "standard deviation of that q, shape (n,)",
    "negative_elbo": "-ELBO at that q: the least over all Gaussian q, nats, shape (n,)",
    "kl": "KL from that q to the true posterior, log_density + negative_elbo, nats, shape (n,)",
}


@dataclass(frozen=True, eq=False)
class ExactSample:
    """Draws (z, x) of a model with exact log p(x) and the optimal mean-field q at every x.

    Parameters
    ----------
    model : GenerativeModel
        The model that was drawn from.
    seed : int
        Seed of the draws.
    z, log_density, log_density_error, q_mean, q_scale, negative_elbo, kl : ndarray, shape (n,)
        What ``ARRAYS`` says of each.
    x : ndarray, shape (n, D)
        Data points, drawn from p(x).
    """

    model: GenerativeModel
    seed: int
    z: PerPoint
    x: Points
    log_density: PerPoint
    log_density_error: PerPoint
    q_mean: PerPoint
    q_scale: PerPoint
    negative_elbo: PerPoint
    kl: PerPoint

    @property
    def size(self) -> int:
        """Return the number of draws."""
        return len(self.x)

    def card(self, checks: tuple[Check, ...]) -> dict[str, object]:
        """Return what the JSON card beside the arrays says."""
        name = self.model.name
        stored = reference(name).card if has_reference(name) else None
        return {
            "name": name,
            "formula": self.model.decoder.formula,
            "noise_variance": self.model.noise_variance.tolist(),
            "seed": self.seed,
            "size": self.size,
            "arrays": ARRAYS,
            "units": "nats",
            "method": {
                "draws": "z ~ N(0, 1), then x ~ N(f(z), noise variance): numpy's default_rng(seed)",
                "log_density": "adaptive Gauss-Legendre quadrature in z, error radius a point",
                "q": "table scan and starts at every posterior mode, then Newton; local minima "
                "compared",
            },
            "precision": {
                "log_density_error_max": float(self.log_density_error.max()),
                "log_density_error_median": float(np.median(self.log_density_error)),
            },
            "versions": versions(),
            "checks": [check.to_dict() for check in checks],
            "reference": stored,
        }


def draw(name: str | GenerativeModel, *, size: int = 1000, seed: int = 0) -> ExactSample:
    """Draw from a benchmark and compute the exact answers.

    Parameters
    ----------
    name : str or GenerativeModel
        A benchmark, ``"discrete_semi_circle:y=1"`` included, or any model.
    size : int
        Number of draws.
    seed : int
        Seed of the draws.

    Returns
    -------
    ExactSample

    Raises
    ------
    SettingError
        If the size or the seed is out of range.
    LoadingError
        If there is no such benchmark.
    """
    if size < 1:
        raise SettingError(f"the size must be at least 1, not {size}")
    if seed < 0:
        raise SettingError(f"the seed must not be negative, not {seed}")
    model = benchmark(name) if isinstance(name, str) else name
    field = MeanField(model)
    z, x = model.sample(size, seed)
    density = log_density(field.panels, x)
    best = field.optimal_q(x)
    return ExactSample(
        model=model,
        seed=seed,
        z=z,
        x=x,
        log_density=density.value,
        log_density_error=density.error,
        q_mean=best.mean,
        q_scale=best.scale,
        negative_elbo=best.negative_elbo,
        kl=best.negative_elbo + density.value,
    )


def write_sample(sample: ExactSample, directory: str | Path) -> tuple[Path, Path]:
    """Write ``NAME.npz`` and its card ``NAME.json``, both or neither.

    Parameters
    ----------
    sample : ExactSample
        The sample.
    directory : path-like
        Made if missing.

    Returns
    -------
    tuple of Path
        The files of the arrays and of the card.

    Raises
    ------
    SettingError
        If they cannot be written.
    """
    stream = io.BytesIO()
    np.savez_compressed(stream, **{key: getattr(sample, key) for key in ARRAYS})
    card = jsonable(sample.card(sample_checks(sample)))
    text = json.dumps(card, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    # A label as in discrete_semi_circle:y=1 has a colon, which not every file system takes.
    stem = sample.model.name.replace(":", "-")
    folder = Path(directory)
    arrays, beside = folder / f"{stem}.npz", folder / f"{stem}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace_files({arrays: stream.getvalue(), beside: text.encode()})
    except OSError as error:
        raise SettingError(f"{folder}: cannot be written: {error.strerror or error}") from error
    return arrays, beside
