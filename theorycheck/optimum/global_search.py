"""The optimum of the ELBO over all decoders: many starts, refinement, basin hopping.

Coordinate ascent finds local optima only (docs/optimum.md). So: many coarse ascents from the
starts of `starts.py`; the best refined on cells adapted to them and on finer data nodes; then the
best torn anew and ascended again, the better kept. The value that is reported is that of the
independent evaluation, on data nodes that no ascent saw.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from theorycheck.errors import ModelError, SettingError
from theorycheck.inference.importance import checked_samples
from theorycheck.models.generative import GenerativeModel
from theorycheck.objectives.decomposition import decompose
from theorycheck.objectives.importance import iwae_objective
from theorycheck.optimum.coordinate_ascent import Ascent, NoiseFit, ascend
from theorycheck.optimum.e_step import EStep
from theorycheck.optimum.importance import make_e_step
from theorycheck.optimum.nodes import DataNodes, data_nodes
from theorycheck.optimum.result import (
    SAME_OPTIMUM,
    Convergence,
    PredictedOptimum,
    StartOutcome,
    decoder_on_cells,
)
from theorycheck.optimum.search_state import Outcome, SearchState
from theorycheck.optimum.starts import Start, ascend_from, random_start, torn
from theorycheck.progress import NO_PROGRESS, Progress
from theorycheck.quadrature.latent_cells import LatentCells, adapted_cells, latent_cells
from theorycheck.quadrature.latent_panels import latent_panels

Array = NDArray[np.float64]

#: Where in a step the coarse grids lie; starts take turns, so that none is favoured by its grid.
_SHIFTS = (0.0, 0.25, 0.5, 0.75)
#: J above the best at which a coarse hop is not refined, nats: coarse values err by about this.
_PROMISING = 0.004

#: Cells, in those of the middle level, on which a known f is handed over to it.
_DENSER = 8


@dataclass(frozen=True)
class Effort:
    """How hard to search.

    Parameters
    ----------
    starts : int
        Coarse ascents, the ground truth's among them.
    coarse_cells, middle_cells, fine_cells : int
        Cells of the three levels.
    coarse_step, middle_step, fine_step : float
        Data node spacing in σ.
    most_nodes : int
        Data nodes of a coarse level at most.
    refined : int
        Starts that are refined on the middle level.
    rounds, hops : int
        Rounds of basin hopping, and hops a round.
    most : int
        E-steps of the last ascent at most.
    tolerance : float
        Error radius wanted for the PMO of the result, nats.
    """

    starts: int
    coarse_cells: int = 128
    middle_cells: int = 320
    fine_cells: int = 1000
    coarse_step: float = 0.9
    middle_step: float = 0.6
    fine_step: float = 0.4
    most_nodes: int = 1200
    refined: int = 4
    rounds: int = 1
    hops: int = 4
    most: int = 200
    tolerance: float = 1e-5


#: Under half a minute a benchmark, for `report`; and under five minutes, for a result.
QUICK = Effort(starts=20, fine_cells=600, fine_step=0.45, refined=3)
THOROUGH = Effort(starts=96, refined=8, rounds=6, hops=6)
#: The same for the IWAE objective, whose E-step is about twenty times dearer.
IWAE_QUICK = Effort(
    starts=10, coarse_cells=96, middle_cells=160, fine_cells=320, fine_step=0.6,
    most_nodes=600, refined=2, rounds=0, most=60,
)  # fmt: skip
IWAE_THOROUGH = Effort(
    starts=48, coarse_cells=96, middle_cells=200, fine_cells=480, fine_step=0.5,
    most_nodes=800, refined=4, rounds=2, most=100,
)  # fmt: skip


def find_optimum(
    data: GenerativeModel,
    *,
    effort: Effort | None = None,
    given: Sequence[GenerativeModel] = (),
    samples: int = 1,
    fit_noise: NoiseFit = "no",
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
        If a given decoder has another D.
    """
    checked_samples(samples)
    if effort is None:
        effort = QUICK if samples == 1 else IWAE_QUICK
    _check(data, effort, given, steepness, seed)
    settings = {
        "data": data.name,
        "data_values": _digest(data),
        "given": [_digest(model) for model in given],
        "effort": asdict(effort),
        "samples": samples,
        "fit_noise": fit_noise,
        "steepness": steepness,
        "seed": seed,
    }
    state = SearchState(settings, state_file, resume=resume)
    rule = _Rule(data.noise_variance, samples, fit_noise, steepness, effort)
    search = _Search(data, rule, seed, jobs, state, progress)
    try:
        starts = search.starts(given)
        refined = search.refine(starts, given)
        best, hops = search.hop(min(refined.values(), key=lambda outcome: outcome.value))
        with progress.task("last ascent", effort.most) as advance:
            cells, fine, ascent = search.finish(best, lambda: advance(1))
    finally:
        state.save()
    model = decoder_on_cells(cells, ascent.f, ascent.noise_variance, f"optimum of {data.name}")
    decomposition = decompose(model, data, tolerance=effort.tolerance, progress=progress)
    bound = None
    if samples > 1:
        bound = iwae_objective(model, data, samples=samples, progress=progress)
    rows = [_row(outcome, refined.get(i)) for i, outcome in enumerate(starts)]
    lowest = min(row.excess for row in rows)
    return PredictedOptimum(
        cells=cells,
        f=ascent.f,
        decomposition=decomposition,
        importance=bound,
        ground_truth_ascent=refined[0].value,
        starts=tuple(sorted(rows, key=lambda row: row.excess)),
        hops=tuple(_row(coarse, finer) for coarse, finer in hops),
        found=sum(row.excess < lowest + SAME_OPTIMUM for row in rows),
        convergence=Convergence(
            ascent.converged,
            ascent.evaluations,
            ascent.displacement,
            ascent.gradient_norm,
            ascent.negative_elbo - fine.entropy,
        ),
        steepness=steepness,
        fit_noise=fit_noise,
        seed=seed,
    )


@dataclass(frozen=True, eq=False)
class _Rule:
    """What every ascent of a search has in common."""

    noise_variance: Array
    samples: int
    fit_noise: NoiseFit
    steepness: float | None
    effort: Effort

    def e_step(self, nodes: DataNodes, cells: LatentCells) -> EStep:
        return make_e_step(nodes, cells, self.samples)


#: A name, and the function and arguments whose outcome belongs to it.
_Work = tuple[str, Callable[..., Outcome], tuple[Any, ...]]


class _Search:
    """The stages of one search; every piece of work is looked up in the state first."""

    def __init__(
        self,
        data: GenerativeModel,
        rule: _Rule,
        seed: int,
        jobs: int | None,
        state: SearchState,
        progress: Progress,
    ) -> None:
        self.data, self.rule, self.seed = data, rule, seed
        self.jobs, self.state, self.progress = jobs, state, progress
        effort = rule.effort
        self.panels = latent_panels(data)
        self.coarse = tuple(
            data_nodes(
                self.panels, effort.coarse_step, shift=shift, tail=1e-4,
                most=effort.most_nodes, seed=i,
            )
            for i, shift in enumerate(_SHIFTS)
        )  # fmt: skip
        self.middle = data_nodes(
            self.panels, effort.middle_step, shift=0.5, tail=1e-5, most=4 * effort.most_nodes
        )

    def starts(self, given: Sequence[GenerativeModel]) -> list[Outcome]:
        """Ascend from the ground truth, the given decoders, and random starts, in this order."""
        effort = self.rule.effort
        cells = latent_cells(effort.coarse_cells)
        truth = cells.average(self.data.decoder)
        fixed = [Start("ground truth", truth)]
        fixed += [Start(model.name, cells.average(model.decoder)) for model in given]
        work: list[_Work] = []
        for i in range(max(effort.starts, len(fixed))):
            start = fixed[i] if i < len(fixed) else None
            nodes = self.coarse[i % len(_SHIFTS)]
            arguments = (nodes, cells, truth, start, self.rule, (self.seed, 0, i))
            work.append((f"start {i}", _coarse_start, arguments))
        return self._run("starts", work)

    def refine(self, starts: list[Outcome], given: Sequence[GenerativeModel]) -> dict[int, Outcome]:
        """Ascend on, on finer cells and nodes, from the ground truth's end and the best ones.

        The ground truth and the given decoders are refined as they are, too: coarse cells that know
        nothing of f lose a steep one before the first step. The better end counts.
        """
        order = sorted(range(len(starts)), key=lambda i: starts[i].value)
        chosen = sorted({0, *order[: self.rule.effort.refined]})
        work: list[_Work] = [
            (f"refinement {i}", _refinement, (self.middle, starts[i], self.rule)) for i in chosen
        ]
        dense = latent_cells(_DENSER * self.rule.effort.middle_cells)
        for i, model in enumerate((self.data, *given)):
            variance = self.rule.noise_variance
            if self.rule.fit_noise != "no":
                variance = model.noise_variance
            f = dense.average(model.decoder)
            whole = Outcome(starts[i].kind, math.inf, f, dense.boundary, variance, 0)
            work.append((f"direct {i}", _refinement, (self.middle, whole, self.rule)))
        ended = self._run("refinements", work)
        refined = dict(zip(chosen, ended[: len(chosen)], strict=True))
        for i, direct in enumerate(ended[len(chosen) :]):
            refined[i] = min(refined.get(i, direct), direct, key=lambda outcome: outcome.value)
        return refined

    def hop(self, best: Outcome) -> tuple[Outcome, list[tuple[Outcome, Outcome | None]]]:
        """Tear the best anew, ascend, keep the better; a round of hops starts from one best.

        Coarse values are compared with the best's own on the same coarse nodes, and refined ones
        with the best: values of different levels are never compared.
        """
        effort = self.rule.effort
        made: list[tuple[Outcome, Outcome | None]] = []
        for k in range(effort.rounds):
            levels = range(min(effort.hops, len(_SHIFTS)))
            work: list[_Work] = [
                (f"still {k}.{i}", _still, (self.coarse[i], best, self.rule)) for i in levels
            ]
            for i in range(effort.hops):
                arguments = (self.coarse[i % len(_SHIFTS)], best, self.rule, (self.seed, 1, k, i))
                work.append((f"hop {k}.{i}", _hop, arguments))
            label = f"basin hopping {k + 1}/{effort.rounds}"
            ended = self._run(label, work)
            still, hops = ended[: len(levels)], ended[len(levels) :]
            promising = [
                i
                for i, outcome in enumerate(hops)
                if outcome.value <= still[i % len(_SHIFTS)].value + _PROMISING
            ]
            finer: list[_Work] = [
                (f"refined hop {k}.{i}", _refinement, (self.middle, hops[i], self.rule))
                for i in promising
            ]
            refined = dict(zip(promising, self._run(label, finer), strict=True))
            made += [(outcome, refined.get(i)) for i, outcome in enumerate(hops)]
            best = min([best, *refined.values()], key=lambda outcome: outcome.value)
        return best, made

    def finish(
        self, best: Outcome, advance: Callable[[], None]
    ) -> tuple[LatentCells, DataNodes, Ascent]:
        """Ascend to convergence on the finest cells and nodes."""
        effort = self.rule.effort
        nodes = data_nodes(
            self.panels, effort.fine_step, shift=0.25, tail=1e-7, most=16 * effort.most_nodes
        )
        cells, f = _adapt(effort.fine_cells, best)
        last = ascend(
            self.rule.e_step(nodes, cells), f, best.noise_variance,
            fit_noise=self.rule.fit_noise, steepness=self.rule.steepness,
            most=effort.most, watch=lambda _evaluations, _value: advance(),
        )  # fmt: skip
        return cells, nodes, last

    def _run(self, description: str, work: Sequence[_Work]) -> list[Outcome]:
        waiting = [(name, f, a) for name, f, a in work if self.state.get(name) is None]
        with self.progress.task(description, len(work)) as advance:
            advance(len(work) - len(waiting))
            parallel = Parallel(n_jobs=self.jobs, return_as="generator_unordered")
            for name, outcome in parallel(delayed(_named)(*item) for item in waiting):
                self.state.put(name, outcome)
                advance(1)
        done = [self.state.get(name) for name, _, _ in work]
        return [outcome for outcome in done if outcome is not None]


def _named(
    name: str, function: Callable[..., Outcome], arguments: tuple[Any, ...]
) -> tuple[str, Outcome]:
    return name, function(*arguments)


def _coarse_start(
    nodes: DataNodes,
    cells: LatentCells,
    truth: Array,
    start: Start | None,
    rule: _Rule,
    seed: tuple[int, ...],
) -> Outcome:
    e_step = rule.e_step(nodes, cells)
    if start is None:
        start = random_start(np.random.default_rng(seed), e_step, truth)
    return _ascend(e_step, start, rule.noise_variance, rule)


def _refinement(nodes: DataNodes, outcome: Outcome, rule: _Rule) -> Outcome:
    cells, f = _adapt(rule.effort.middle_cells, outcome)
    e_step = rule.e_step(nodes, cells)
    return _ascend(e_step, Start(outcome.kind, f), outcome.noise_variance, rule)


def _still(coarse: DataNodes, best: Outcome, rule: _Rule) -> Outcome:
    """Ascend from the best itself on coarse nodes: what hops there are measured by."""
    e_step = rule.e_step(coarse, latent_cells(rule.effort.coarse_cells))
    f = LatentCells(best.boundary).interpolate(best.f, e_step.cells.z)
    return _ascend(e_step, Start("still", f), best.noise_variance, rule)


def _hop(coarse: DataNodes, best: Outcome, rule: _Rule, seed: tuple[int, ...]) -> Outcome:
    e_step = rule.e_step(coarse, latent_cells(rule.effort.coarse_cells))
    f = LatentCells(best.boundary).interpolate(best.f, e_step.cells.z)
    start = torn(np.random.default_rng(seed), e_step, f, "hop")
    return _ascend(e_step, start, best.noise_variance, rule)


def _ascend(e_step: EStep, start: Start, noise_variance: Array, rule: _Rule) -> Outcome:
    f, variance, negative_elbo, evaluations = ascend_from(
        e_step, start, noise_variance, fit_noise=rule.fit_noise, steepness=rule.steepness
    )
    value = negative_elbo - e_step.nodes.entropy
    return Outcome(start.kind, value, f, e_step.cells.boundary, variance, evaluations)


def _adapt(count: int, outcome: Outcome) -> tuple[LatentCells, Array]:
    old = LatentCells(outcome.boundary)
    cells = adapted_cells(count, old, outcome.f, outcome.noise_variance)
    return cells, old.interpolate(outcome.f, cells.z)


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
