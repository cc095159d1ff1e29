"""Measures the networks of a run on splits of a table on the rows held out of each."""

from __future__ import annotations

from dataclasses import dataclass

from neural._cohort_training import CohortTrained
from theorycheck.cohorts import HeldOut, held_out, held_out_spread
from theorycheck.progress import NO_PROGRESS, Progress


@dataclass(frozen=True, eq=False)
class CohortRunResult:
    """Holds a run on P splits and how its networks explain the rows held out of each.

    Parameters
    ----------
    trained : CohortTrained
        The run.
    selected : tuple of int
        The restart of each split with the lowest objective on its validation rows.
    held_out : tuple of HeldOut
        The measures of each split.
    """

    trained: CohortTrained
    selected: tuple[int, ...]
    held_out: tuple[HeldOut, ...]

    def to_dict(self) -> dict[str, object]:
        """Return what ``theorycheck data train --json`` prints."""
        trained = self.trained
        trainer, chosen = trained.trainer, trained.chosen
        spreads = held_out_spread(self.held_out) if len(self.held_out) > 1 else {}
        return {
            "name": trainer.name,
            "method": trained.settings.method,
            "bound": chosen.bound,
            "samples": trained.settings.samples,
            "latents": chosen.latents,
            **chosen.objective.to_dict(),
            "settings": chosen.to_dict(),
            "device": trainer.device,
            "seconds": trained.seconds,
            "splits": [
                {
                    "number": split.number,
                    "selected": restart,
                    "objective": float(trained.objective[restart]),
                    "noise_variance": float(trainer.noise_variance(restart)[0]),
                    "noise_floor": split.floor.shared,
                    "held_out": found.to_dict(),
                }
                for split, restart, found in zip(
                    trained.splits, self.selected, self.held_out, strict=True
                )
            ],
            "spread": {name: one.to_dict() for name, one in spreads.items()},
        }


def measure_cohort_run(
    trained: CohortTrained, *, draws: int | None = None, progress: Progress = NO_PROGRESS
) -> CohortRunResult:
    """Measure the selected network of each split on the rows held out of it.

    Parameters
    ----------
    trained : CohortTrained
        The run.
    draws : int, optional
        Draws from each network for I_f(x; y); by default as :func:`theorycheck.cohorts.held_out`
        has it.
    progress : Progress
        Receives the progress, a tick a split.

    Returns
    -------
    CohortRunResult
    """
    selected = tuple(trained.best(number) for number in range(len(trained.splits)))
    found = []
    with progress.task("measuring held-out rows", len(selected)) as advance:
        for split, restart in zip(trained.splits, selected, strict=True):
            model = trained.model(restart)
            measures = held_out(model, split.test_x, split.test_y, draws=draws, seed=split.number)
            found.append(measures)
            advance(1)
    return CohortRunResult(trained, selected, tuple(found))
