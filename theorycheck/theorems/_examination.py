"""Theorem 1 at a ground truth with all that its conditions ask for: optimum and zero-MLEO class.

`conditions` and `report` both ask here, so that they give one answer on (2) and (2′).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from theorycheck.inference import ExactModel, bounds_compiled_meanwhile, described_model
from theorycheck.models import DescribedModel, GenerativeModel, is_on_line
from theorycheck.objectives import decompose
from theorycheck.optimum import Execution, PredictedOptimum, SearchSettings, find_optimum
from theorycheck.rearrangements import survey_zero_mleo
from theorycheck.theorems._theorem1 import check_theorem1
from theorycheck.theorems._theorem1_check import Theorem1Check

#: Error radius wanted for the PMO of the ground truth and of alternatives, nats. The differences of
#: J that decide are of thousandths; 1e-6 takes three times as long.
EXAMINED_TOLERANCE = 1e-5


@dataclass(frozen=True)
class ClassSettings:
    """What is looked at of the decoders with MLEO = 0; see ``survey_zero_mleo``.

    Parameters
    ----------
    folds : tuple of int
        Branches of the folds.
    tears : int
        Random tears, besides two systematic ones; -1 is no tears at all.
    pieces : int
        Other orders and directions of the curve's natural pieces, at most.
    seed : int
        Seed of the random tears.
    screened : bool
        Whether draws are enough for members that these tell from the ground truth, whose radii are
        then statistical: by quadrature a member takes up to a minute.
    """

    folds: tuple[int, ...] = (2, 3)
    tears: int = 2
    pieces: int = 6
    seed: int = 0
    screened: bool = True


@dataclass(frozen=True, eq=False)
class Examination:
    """Theorem 1 at a ground truth, and the optimum that it was held against.

    Parameters
    ----------
    check : Theorem1Check
    optimum : PredictedOptimum or None
        None where it was not searched for.
    search_seconds : float
        Time that the search took.
    """

    check: Theorem1Check
    optimum: PredictedOptimum | None
    search_seconds: float


def examine_theorem1(
    ground_truth: DescribedModel | ExactModel,
    alternatives: Sequence[GenerativeModel] = (),
    *,
    search: SearchSettings | None = None,
    surveyed: ClassSettings | None = None,
    eta: Sequence[float] = (),
    tolerance: float = EXAMINED_TOLERANCE,
    execution: Execution | None = None,
) -> Examination:
    """Search for the optimum, survey the zero-MLEO class, and check Theorem 1 against both.

    Parameters
    ----------
    ground_truth : GenerativeModel, LinearGaussianModel or ExactModel
        The model whose p(x) is the data distribution.
    alternatives : sequence of GenerativeModel
        Decoders f to try in condition (1), and to start the search from.
    search : SearchSettings, optional
        How to search for the predicted optimum; by default it is not searched for.
    surveyed : ClassSettings, optional
        What to look at of the zero-MLEO class; by default nothing, and then conditions (2) and
        (2′) are judged over the ground truth and the alternatives. Rearrangements are of one
        latent: of a model with more nothing is surveyed.
    eta : sequence of float
        Thresholds, nats; by default the whole range of KL(x).
    tolerance : float
        Error radius wanted for the PMO of the ground truth and the alternatives, nats.
    execution : Execution, optional
        Processes, progress, cache and known optima.

    Returns
    -------
    Examination
        Where f is not resolved against σ, nothing is searched for or surveyed.

    Raises
    ------
    SettingError
        If a setting is out of range.
    ModelError
        If an alternative has another D.
    """
    execution = execution or Execution()
    progress = execution.progress
    # The processes are wanted for the search or the class.
    alone = search is None and surveyed is None
    with bounds_compiled_meanwhile(1 if alone else execution.jobs):
        truth = decompose(ground_truth, eta=eta, tolerance=tolerance, progress=progress)
    optimum = members = None
    start = time.perf_counter()
    if search is not None and truth.resolved:
        optimum = find_optimum(ground_truth, search, given=alternatives, execution=execution)
    seconds = time.perf_counter() - start
    described = described_model(ground_truth)
    if surveyed is not None and truth.resolved and is_on_line(described):
        members = survey_zero_mleo(
            described,
            truth=truth,
            folds=surveyed.folds,
            tears=surveyed.tears,
            pieces=surveyed.pieces,
            seed=surveyed.seed,
            screened=surveyed.screened,
            jobs=execution.jobs,
            progress=progress,
        )
    check = check_theorem1(
        ground_truth,
        alternatives,
        optimum=optimum,
        zero_mleo=members,
        eta=eta,
        tolerance=tolerance,
        truth=truth,
        progress=progress,
    )
    return Examination(check, optimum, seconds)
