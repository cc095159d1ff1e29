"""The optimum of the ELBO over all decoders: many starts, refinement, basin hopping.

Coordinate ascent finds local optima only (docs/optimum.md). So: many coarse ascents from the
starts of `starts.py`; the best refined on cells adapted to them and on finer data nodes; then the
best torn anew and ascended again, the better kept. The value that is reported is that of the
independent evaluation, on data nodes that no ascent saw.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from theorycheck.errors import ModelError, SettingError
from theorycheck.inference import checked_samples
from theorycheck.models import GenerativeModel
from theorycheck.objectives import decompose, iwae_objective
from theorycheck.optimum._coordinate_ascent import NoiseFit
from theorycheck.optimum._effort import Effort, effort_named
from theorycheck.optimum._result import (
    SAME_OPTIMUM,
    Convergence,
    PredictedOptimum,
    StartOutcome,
    decoder_on_cells,
)
from theorycheck.optimum._search_stages import Rule, Search
from theorycheck.optimum._search_state import Outcome, SearchState
from theorycheck.progress import NO_PROGRESS, Progress
from theorycheck.quadrature import LatentCells


def find_optimum(
    data: GenerativeModel,
    *,
    effort: Effort | None = None,
    given: Sequence[GenerativeModel] = (),
    samples: int = 1,
    fit_noise: NoiseFit = "no",
    noise_variance: ArrayLike | None = None,
    steepness: float | None = None,
    seed: int = 0,
    jobs: int | None = None,
    state_file: Path | None = None,
    resume: bool = False,
    progress: Progress = NO_PROGRESS,
) -> PredictedOptimum:
    """Find the decoder that the ELBO, or the IWAE bound, prefers to all others.

    Parameters
    ----------
    data : GenerativeModel
        Whose p(x) is the data; its f is the ground truth.
    effort : Effort, optional
        ``QUICK`` (the default) or ``THOROUGH``, for S > 1 ``IWAE_QUICK`` (the default) or
        ``IWAE_THOROUGH``, or one's own.
    given : sequence of GenerativeModel
        Decoders to start from too; K = 1 and the data's D.
    samples : int
        S of the objective: 1 for the ELBO, more for the IWAE bound L_S (docs/theory.md).
    fit_noise : {"no", "shared", "each"}
        Optimise σ² along with f and q: one for all data dimensions, or one each.
    noise_variance : array_like, optional
        σ² of the decoder, one for all data dimensions or one each: held there, or where the fit
        begins; by default the data's.
    steepness : float, optional
        Bound on |f′|, in data units per unit of z.
    seed : int
    jobs : int, optional
        Processes; by default what ``joblib.parallel_config`` says.
    state_file : Path, optional
        Where to keep what was found so far.
    resume : bool
        Go on from that file.
    progress : Progress

    Returns
    -------
    PredictedOptimum
        An upper bound on the infimum of J over all f, attained by the decoder in it.

    Raises
    ------
    SettingError
        If a setting is out of range, or the state file is damaged or of another search.
    ModelError
        If a given decoder has another D, or σ² is not positive and finite.
    """
    checked_samples(samples)
    if effort is None:
        effort = effort_named("quick", samples)
    _check(data, effort, given, steepness, seed)
    settings: dict[str, object] = {
        "data": data.name,
        "data_values": _digest(data),
        "given": [_digest(model) for model in given],
        "effort": asdict(effort),
        "samples": samples,
        "fit_noise": fit_noise,
        "steepness": steepness,
        "seed": seed,
    }
    variance = data.noise_variance
    if noise_variance is not None:
        variance = data.with_noise_variance(noise_variance).noise_variance
        settings["noise_variance"] = variance.tolist()
    state = SearchState(settings, state_file, resume=resume)
    rule = Rule(variance, samples, fit_noise, steepness, effort)
    search = Search(data, rule, seed, jobs, state, progress)
    try:
        if samples > 1 and effort.elbo is not None:
            # The ELBO's optimum, cheap to search for, is a start for the IWAE bound.
            first = replace(rule, samples=1, effort=effort.elbo)
            best = Search(data, first, seed, jobs, state, progress, label="ELBO ").run(given).best
            at = LatentCells(best.boundary)
            elbo = decoder_on_cells(at, best.f, best.noise_variance, "optimum of the ELBO")
            given = (*given, elbo)
        found = search.run(given)
        with progress.task("last ascent", effort.most) as advance:
            cells, fine, ascent = search.finish(found.best, lambda: advance(1))
    finally:
        state.save()
    model = decoder_on_cells(cells, ascent.f, ascent.noise_variance, f"optimum of {data.name}")
    decomposition = decompose(model, data, tolerance=effort.tolerance, progress=progress)
    bound = None
    if samples > 1:
        bound = iwae_objective(model, data, samples=samples, progress=progress)
    rows = [_row(outcome, found.refined.get(i)) for i, outcome in enumerate(found.starts)]
    lowest = min(row.excess for row in rows)
    return PredictedOptimum(
        cells=cells,
        f=ascent.f,
        decomposition=decomposition,
        importance=bound,
        ground_truth_ascent=found.refined[0].value,
        starts=tuple(sorted(rows, key=lambda row: row.excess)),
        hops=tuple(_row(coarse, finer) for coarse, finer in found.hops),
        found=sum(row.excess < lowest + SAME_OPTIMUM for row in rows),
        convergence=Convergence(
            ascent.converged,
            ascent.evaluations,
            ascent.displacement,
            ascent.gradient_norm,
            ascent.q_gap,
            ascent.negative_elbo - fine.entropy,
        ),
        steepness=steepness,
        fit_noise=fit_noise,
        seed=seed,
    )


def _row(coarse: Outcome, refined: Outcome | None) -> StartOutcome:
    ended = coarse if refined is None else refined
    return StartOutcome(
        kind=coarse.kind,
        excess=coarse.value,
        refined=None if refined is None else refined.value,
        evaluations=coarse.evaluations,
        noise_variance=tuple(ended.noise_variance.tolist()),
    )


def _digest(model: GenerativeModel) -> str:
    """Tell decoders apart by their values: names need not."""
    z = np.linspace(-5.0, 5.0, 101)
    values = np.ascontiguousarray(model.decoder(z)).tobytes() + model.noise_variance.tobytes()
    return hashlib.sha256(values).hexdigest()[:16]


def _check(
    data: GenerativeModel,
    effort: Effort,
    given: Sequence[GenerativeModel],
    steepness: float | None,
    seed: int,
) -> None:
    for model in given:
        if model.data_dim != data.data_dim:
            raise ModelError(
                f"{model.name} has {model.data_dim} data dimensions, "
                f"{data.name} has {data.data_dim}"
            )
    if effort.starts < 1 or effort.refined < 1 or effort.rounds < 0 or effort.hops < 1:
        raise SettingError("a search needs at least one start, one refinement and one hop a round")
    if steepness is not None and not steepness > 0.0:
        raise SettingError(f"the bound on the steepness must be positive, not {steepness}")
    if seed < 0:
        raise SettingError(f"the seed must not be negative, not {seed}")
