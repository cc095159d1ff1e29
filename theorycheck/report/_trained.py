"""Reads trained networks for a report from the folders that ``theorycheck train -o`` writes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from theorycheck.errors import LoadingError, SettingError
from theorycheck.estimate import Estimate
from theorycheck.models import GenerativeModel, read_network_file

#: In the paper's order.
_ORDER = ("iwae", "vae", "lin")
CHECKPOINT, RESULT = "checkpoint.pt", "result.json"


@dataclass(frozen=True, eq=False)
class TrainedRun:
    """Holds a run: the selected restart's network, and what the run says of itself.

    Parameters
    ----------
    directory : Path
    model : GenerativeModel
        The selected restart, with its σ².
    truth : str or list of float
        Mark of the ground truth that it was trained on: the fingerprint, or the
        numbers that earlier versions kept.
    truth_name : str
    method : str
        Method of training: vae, iwae or lin.
    samples : int
        S of the objective.
    restarts : int
        Number of restarts that the selected one was chosen from.
    excess : Estimate
        J as the run itself judged it, nats.
    gap : Estimate or None
        Above the predicted optimum on the run's own objective, J_S for iwae; None where the run
        was not compared with one.
    """

    directory: Path
    model: GenerativeModel
    truth: str | list[float]
    truth_name: str
    method: str
    samples: int
    restarts: int
    excess: Estimate
    gap: Estimate | None

    @property
    def label(self) -> str:
        """Return what figures and tables call it."""
        return self.method.upper() + (f", S = {self.samples}" if self.method == "iwae" else "")


def read_trained(directory: Path) -> TrainedRun:
    """Read a folder of ``theorycheck train``.

    Parameters
    ----------
    directory : Path
        Folder that ``theorycheck train -o`` wrote.

    Returns
    -------
    TrainedRun

    Raises
    ------
    LoadingError
        If it is no such folder, or one of its files is missing or damaged.
    MissingExtraError
        If PyTorch is not installed.
    """
    if not directory.is_dir():
        raise LoadingError(f"--trained {directory}: there is no such folder")
    file = directory / RESULT
    if not file.is_file():
        raise LoadingError(
            f"--trained {directory}: no {RESULT} in it; theorycheck train -o writes one at its end"
        )
    try:
        result: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        method, samples, truth_name = (result[key] for key in ("method", "samples", "model"))
        label = f"{method} on {truth_name}"
        saved = read_network_file(directory / CHECKPOINT, "report --trained", label)
        return TrainedRun(
            directory=directory,
            model=GenerativeModel(saved.decoder, saved.noise_variance),
            truth=_kept_truth((saved.training or {})["truth"]),
            truth_name=str(truth_name),
            method=str(method),
            samples=int(samples),
            restarts=len(result["restarts"]),
            excess=_estimate(result["judged"]["excess"]),
            gap=None if result.get("gap") is None else _estimate(result["gap"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LoadingError(f"{file}: not what theorycheck train writes, or damaged") from error


def _estimate(entry: Mapping[str, float | str | None]) -> Estimate:
    return Estimate.from_dict(entry)


def runs_of(
    models: Sequence[GenerativeModel], runs: Sequence[TrainedRun]
) -> dict[str, list[TrainedRun]]:
    """Sort runs by the ground truth that each was trained on.

    Parameters
    ----------
    models : sequence of GenerativeModel
        The models of the report.
    runs : sequence of TrainedRun

    Returns
    -------
    dict of str to list of TrainedRun
        Runs by the model's name, in the order IWAE, VAE, LIN, as in the paper.

    Raises
    ------
    SettingError
        If a run belongs to none of the models.
    """
    if not runs:
        return {}
    from neural import same_truth

    known = {model.name: model for model in models}
    sorted_runs: dict[str, list[TrainedRun]] = {}
    for run in runs:
        if run.truth_name not in known:
            raise SettingError(
                f"--trained {run.directory}: trained on {run.truth_name}, which is not in the "
                "report"
            )
        if not same_truth(run.truth, known[run.truth_name]):
            raise SettingError(
                f"--trained {run.directory}: trained on another f or σ² than the report's "
                f"{run.truth_name}"
            )
        sorted_runs.setdefault(run.truth_name, []).append(run)
    for found in sorted_runs.values():
        found.sort(key=lambda run: _ORDER.index(run.method) if run.method in _ORDER else 9)
    return sorted_runs


def _kept_truth(kept: Any) -> str | list[float]:
    return kept if isinstance(kept, str) else [float(value) for value in kept]
