"""Advice: what is in a table, what was measured on it, and the four guidelines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theorycheck.advise._description import TableDescription, standardised
from theorycheck.advise._fits import FitComparison, FitSettings, compare_fits
from theorycheck.advise._guidelines import (
    Guideline,
    family_guideline,
    label_guideline,
    noise_guideline,
    regularisation_guideline,
)
from theorycheck.advise._label import label_accuracy
from theorycheck.advise._meeting import Strands, describe_strands
from theorycheck.advise._shape import Shape, describe_shape
from theorycheck.advise._table import FEWEST_ROWS, DataTable
from theorycheck.arrays import Points
from theorycheck.errors import SettingError
from theorycheck.progress import NO_PROGRESS, Progress
from theorycheck.streams import spawned_seed

#: Rows that are fitted to; of larger tables so many are drawn.
MOST_ROWS = 1000


@dataclass(frozen=True, eq=False)
class Advice:
    """What the rows say about the guidelines.

    Parameters
    ----------
    name : str
        The table's.
    description : TableDescription
    rows_used : int
        Rows that were fitted to.
    x : ndarray, shape (n, D)
        These rows, standardised.
    fits : FitComparison
    shape : Shape
        Of all rows, not only those fitted to.
    strands : Strands
    guidelines : tuple of Guideline
        1 to 4.
    """

    name: str
    description: TableDescription
    rows_used: int
    x: Points
    fits: FitComparison
    shape: Shape
    strands: Strands
    guidelines: tuple[Guideline, ...]

    def to_dict(self) -> dict[str, object]:
        """Return all of it for JSON."""
        fits = self.fits
        held_out = {
            name: fits.held_out(name).to_dict_or_null()
            for name in ("exact_likelihood", "elbo", "elbo_fitted_noise", "unregularised")
        }
        noise = {name: value.to_dict_or_null() for name, value in fits.noise_variances().items()}
        return {
            "name": self.name,
            "latents": 1,
            "table": self.description.to_dict(),
            "rows_used": self.rows_used,
            "splits": len(fits.splits),
            "noise_variance": {"local_pca": None, **noise},
            "fit": {
                "steepness": [split.steepness for split in fits.splits],
                "held_out_log_density": held_out,
                "mleo_gap": fits.mleo_gap.to_dict_or_null(),
                "parts": {name: parts.to_dict() for name, parts in fits.parts.items()},
                "bounds": [
                    {
                        "steepness": one.steepness,
                        "exact_likelihood": one.exact_likelihood.to_dict_or_null(),
                        "elbo": None if one.elbo is None else one.elbo.to_dict_or_null(),
                    }
                    for one in fits.bounds
                ],
            },
            "geometry": {**self.shape.to_dict(), "strands": self.strands.to_dict()},
            "guidelines": [guideline.to_dict() for guideline in self.guidelines],
        }


def advise(
    table: DataTable,
    *,
    settings: FitSettings | None = None,
    labelled_share: float = 0.1,
    most_rows: int = MOST_ROWS,
    seed: int = 0,
    progress: Progress = NO_PROGRESS,
) -> Advice:
    """Compute the evidence for the paper's guidelines on a table, with one latent.

    Parameters
    ----------
    table : DataTable
    settings : FitSettings, optional
    labelled_share : float
        Share of the training rows whose label a classifier sees, for guideline 4.
    most_rows : int
        Rows to fit to; of a larger table so many are drawn at random.
    seed : int
        Not negative.
    progress : Progress
        Told how far the fits are, and beforehand what they cost.

    Returns
    -------
    Advice

    Raises
    ------
    SettingError
        If a setting is out of range, or a class too small for the splits.
    """
    if most_rows < FEWEST_ROWS:
        raise SettingError(f"at least {FEWEST_ROWS} rows are needed, not {most_rows}")
    if seed < 0:
        raise SettingError(f"the seed must not be negative, not {seed}")
    settings = settings or FitSettings()
    description, x, cohort = standardised(table)
    label = None
    if table.label is not None:
        label = label_accuracy(cohort, labelled_share=labelled_share, seed=spawned_seed(seed, 0))
    # Cheap beside the fits: of all rows.
    shape = describe_shape(x, seed=spawned_seed(seed, 3))
    if len(x) > most_rows:
        rng = np.random.default_rng(spawned_seed(seed, 1))
        x = x[np.sort(rng.choice(len(x), most_rows, replace=False))]
        progress.say(f"Of {description.rows:,} rows {most_rows:,} are drawn and fitted to.")
    progress.say(
        f"{settings.splits} splits of {len(x):,} rows are fitted: about "
        f"{_minutes(len(x), x.shape[1], settings):.0f} minute(s) on one core."
    )
    fits = compare_fits(
        x, smallest_noise=description.floor.shared, settings=settings,
        seed=spawned_seed(seed, 2), progress=progress,
    )  # fmt: skip
    strands = describe_strands(fits)
    guidelines = (
        noise_guideline(fits),
        family_guideline(fits, shape, strands),
        regularisation_guideline(fits),
        label_guideline(label, 1.0 / len(cohort.classes), labelled_share),
    )
    return Advice(table.name, description, len(x), x, fits, shape, strands, guidelines)


def _minutes(rows: int, data_dim: int, settings: FitSettings) -> float:
    """What was measured: about 15 s a split of 1,000 rows in two dimensions."""
    return max(1.0, settings.splits * (0.1 + 0.15 * rows / 1000.0) * (1.0 + 0.05 * data_dim))
