"""The optimum of a semi-supervised objective over all f_y: many starts, collapsed ones among them.

The stages are those of the unlabelled search: coarse ascents, refinement of the best, a last ascent
on fine cells, and an exact evaluation on nodes that no ascent saw. Starts are the ground truth; one
f for all classes (collapsed), from ascents of the ELBO on p(x) alone; the ground truth with a class
torn, or with one class replaced by the collapsed f; and annealed random curves, one for all classes
or one each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from theorycheck.arrays import Array
from theorycheck.errors import SettingError
from theorycheck.inference import ExactLabelled
from theorycheck.models import LabelledModel
from theorycheck.objectives import (
    LabelledObjective,
    LabelledValue,
    check_same_labels,
    labelled_value,
)
from theorycheck.optimum._coordinate_ascent import NoiseFit, ascend
from theorycheck.optimum._e_step import EStep
from theorycheck.optimum._effort import LABELS_QUICK, Effort
from theorycheck.optimum._known import CachedResult
from theorycheck.optimum._label_e_step import LabelEStep, LabelledNodes, labelled_nodes
from theorycheck.optimum._labelled_result import LabelledOptimum
from theorycheck.optimum._result import Convergence, StartOutcome, decoder_on_cells
from theorycheck.optimum._search_state import Outcome
from theorycheck.optimum._settings import Execution
from theorycheck.optimum._starts import (
    GROUND_TRUTH,
    Start,
    ascend_from,
    best_line,
    random_start,
    torn,
)
from theorycheck.quadrature import LatentCells, adapted_cells, latent_cells
from theorycheck.results import ResultCache, engine_digest

#: Ascents of the ELBO on p(x) alone, whose best is the collapsed start.
_UNLABELLED = 6
#: What a reader is told of the starts.
COLLAPSED, ONE_COLLAPSED = "collapsed", "one class collapsed"
TORN, SHARED_CURVE, OWN_CURVES = "torn ground truth", "one annealed curve", "annealed curves"
ITSELF = "ground truth itself"
#: E-steps of a refinement, and the fall of J over four of them that ends it, nats.
_MOST, _TOLERANCE = 100, 1e-5


@dataclass(frozen=True, eq=False)
class _Task:
    """What all ascents of a search share."""

    objective: LabelledObjective
    fit_noise: NoiseFit
    noise_variance: Array


def find_labelled_optimum(
    data: LabelledModel,
    objective: LabelledObjective | None = None,
    *,
    effort: Effort = LABELS_QUICK,
    fit_noise: NoiseFit = "no",
    seed: int = 0,
    given: Sequence[LabelledModel] = (),
    ground_truth: LabelledValue | None = None,
    execution: Execution | None = None,
) -> LabelledOptimum:
    """Find the f_y that a semi-supervised objective prefers to all others.

    Parameters
    ----------
    data : LabelledModel
        The ground truth, whose p(x, y) is the data.
    objective : LabelledObjective, optional
        γ, α, the labelled share and the family; by default γ = 1, α = 0, one in ten labelled, the
        conditional family.
    effort : Effort
        How hard to search.
    fit_noise : {"no", "shared", "each"}
        Whether to optimise σ² along with the f_y, one for all data dimensions or one each.
    seed : int
        Seed of the random starts.
    given : sequence of LabelledModel
        More f_y to start from, such as optima at another γ.
    ground_truth : LabelledValue, optional
        The data's own f_y under this objective, where they were evaluated already.
    execution : Execution, optional
        Processes and progress.

    Returns
    -------
    LabelledOptimum
        An upper bound on the infimum of J, attained by the f_y in it; never above the ground
        truth's J.

    Raises
    ------
    SettingError
        If the seed is negative, or there is nothing to optimise.
    ModelError
        If a given model has other classes, another D or another prior than the data.
    """
    chosen = LabelledObjective() if objective is None else objective
    if seed < 0:
        raise SettingError(f"the seed must not be negative, not {seed}")
    if chosen.weights[0] == 0.0 and chosen.weights[1] == 0.0:
        raise SettingError("nothing is optimised: all is labelled, and gamma is 0")
    for one in given:
        check_same_labels(one, data)
    run = execution or Execution()
    settings = (effort, fit_noise, seed)
    cached = CachedResult(
        LabelledOptimum,
        lambda: _key(data, chosen, settings, given),
        f"{data.name}, {chosen.described()}",
        data.classes,
        run,
    )
    found = cached.read()
    if found is None:
        found = _search(data, chosen, settings, given, ground_truth, run)
        cached.write(found)
    return found


def _key(
    data: LabelledModel,
    objective: LabelledObjective,
    settings: tuple[Effort, NoiseFit, int],
    given: Sequence[LabelledModel],
) -> str:
    """Digest all that a search depends on."""
    effort, fit_noise, seed = settings
    return ResultCache.key(
        {
            "engine": engine_digest(),
            "data": [data.fingerprint, *(one.decoder.resolution for one in data.classes)],
            "given": [[one.name, one.fingerprint] for one in given],
            "objective": objective.to_dict(),
            "settings": [asdict(effort), fit_noise, seed],
        }
    )


def _search(
    data: LabelledModel,
    chosen: LabelledObjective,
    settings: tuple[Effort, NoiseFit, int],
    given: Sequence[LabelledModel],
    ground_truth: LabelledValue | None,
    run: Execution,
) -> LabelledOptimum:
    effort, fit_noise, seed = settings
    exact = ExactLabelled(data)
    task = _Task(chosen, fit_noise, data.noise_variance)
    coarse = labelled_nodes(exact, effort.coarse_step, tail=1e-4, most=effort.most_nodes, seed=1)
    middle = labelled_nodes(
        exact, effort.middle_step, shift=0.5, tail=1e-5, most=4 * effort.most_nodes
    )
    starts = _coarse_ascents(data, coarse, task, effort, seed, given, run)
    order = sorted(range(len(starts)), key=lambda i: starts[i].value)
    kept = sorted({0, *order[: effort.refined]})
    jobs = [delayed(_refined)(middle, starts[i], task, effort.middle_cells) for i in kept]
    refined = dict(zip(kept, _all_of("refinements", jobs, run), strict=True))
    best = min(refined.values(), key=lambda outcome: outcome.value)
    model, convergence = _finished(data, exact, best, task, effort, run)
    truth = ground_truth or labelled_value(
        data, data, chosen, tolerance=effort.tolerance, progress=run.progress
    )
    found = labelled_value(
        model, data, chosen, tolerance=effort.tolerance, known=truth, progress=run.progress
    )
    kind = best.kind
    if truth.excess.value <= found.excess.value:
        found, kind = truth, ITSELF
    outcomes = [
        StartOutcome(
            start.kind,
            start.value,
            refined[i].value if i in refined else None,
            start.evaluations + (refined[i].evaluations if i in refined else 0),
            tuple(refined.get(i, start).noise_variance.tolist()),
        )
        for i, start in enumerate(starts)
    ]
    outcomes.sort(key=lambda one: one.node_excess if one.refined is None else one.refined)
    return LabelledOptimum(
        chosen, found, truth, kind, tuple(outcomes), convergence, fit_noise, seed
    )


def _coarse_ascents(
    data: LabelledModel,
    nodes: LabelledNodes,
    task: _Task,
    effort: Effort,
    seed: int,
    given: Sequence[LabelledModel],
    run: Execution,
) -> list[Outcome]:
    cells = latent_cells(effort.coarse_cells)
    truth = [cells.average(model.decoder) for model in data.classes]
    streams = np.random.SeedSequence([seed, 0]).spawn(_UNLABELLED)
    work = [delayed(_unlabelled)(nodes, cells, truth[0], task, one) for one in streams]
    shared = _all_of("one f for all classes", work, run)
    collapsed = min(shared, key=lambda pair: pair[1])[0]
    streams = np.random.SeedSequence([seed, 1]).spawn(effort.starts)
    jobs = [
        delayed(_coarse)(i, nodes, cells, truth, collapsed, task, stream)
        for i, stream in enumerate(streams)
    ]
    jobs += [delayed(_given)(one, nodes, cells, task) for one in given]
    return _all_of("starts", jobs, run)


def _all_of(description: str, jobs: list[Any], run: Execution) -> list[Any]:  # joblib has no types
    """Carry out delayed calls in their order, and tell how many are done."""
    ended = []
    with run.progress.task(description, len(jobs)) as advance:
        for outcome in Parallel(n_jobs=run.jobs, return_as="generator")(jobs):
            ended.append(outcome)
            advance(1)
    return ended


def _unlabelled(
    nodes: LabelledNodes,
    cells: LatentCells,
    truth: Array,
    task: _Task,
    seed: np.random.SeedSequence,
) -> tuple[Array, float]:
    """Ascend the plain ELBO of p(x) with one f, from a random start."""
    e_step = EStep(nodes.nodes, cells)
    rng = np.random.default_rng(seed)
    start = random_start(rng, e_step, truth)
    f, _, value, _ = ascend_from(e_step, start, task.noise_variance)
    return f, value


def _coarse(
    number: int,
    nodes: LabelledNodes,
    cells: LatentCells,
    truth: list[Array],
    collapsed: Array,
    task: _Task,
    seed: np.random.SeedSequence,
) -> Outcome:
    e_step = LabelEStep(nodes, cells, task.objective)
    start = _start(number, e_step, truth, collapsed, np.random.default_rng(seed))
    return _ascended(e_step, start, task.noise_variance, nodes, task)


def _given(model: LabelledModel, nodes: LabelledNodes, cells: LatentCells, task: _Task) -> Outcome:
    e_step = LabelEStep(nodes, cells, task.objective)
    f = np.concatenate([cells.average(one.decoder) for one in model.classes])
    return _ascended(e_step, Start(model.name, f), task.noise_variance, nodes, task)


def _start(
    number: int, e_step: LabelEStep, truth: list[Array], collapsed: Array, rng: np.random.Generator
) -> Start:
    """Return a start: the fixed ones first, then tears, and annealed curves."""
    if number == 0:
        return Start(GROUND_TRUTH, np.concatenate(truth))
    if number == 1:
        return Start(COLLAPSED, np.concatenate([collapsed] * len(truth)))
    if number == 2:
        line = best_line(e_step.nodes.x, e_step.nodes.mass, e_step.nodes.noise_variance)
        return Start("one line", np.concatenate([line.decoder(e_step.cells.z)] * len(truth)))
    if number < 3 + len(truth):
        mixed = list(truth)
        mixed[number - 3] = collapsed
        return Start(ONE_COLLAPSED, np.concatenate(mixed))
    way = number % 3
    if way == 0:
        tears = [torn(rng, e_step, f, TORN) for f in truth]
        return Start(TORN, np.concatenate([one.f for one in tears]), tears[0].heat)
    curves = [random_start(rng, e_step, f) for f in truth]
    if way == 1:
        return Start(SHARED_CURVE, np.concatenate([curves[0].f] * len(truth)), curves[0].heat)
    return Start(OWN_CURVES, np.concatenate([one.f for one in curves]), curves[0].heat)


def _refined(nodes: LabelledNodes, outcome: Outcome, task: _Task, count: int) -> Outcome:
    cells, f = _adapted(count, outcome, len(nodes.log_prior))
    e_step = LabelEStep(nodes, cells, task.objective)
    return _ascended(e_step, Start(outcome.kind, f), outcome.noise_variance, nodes, task)


def _ascended(
    e_step: LabelEStep, start: Start, noise_variance: Array, nodes: LabelledNodes, task: _Task
) -> Outcome:
    f, variance, value, evaluations = ascend_from(
        e_step, start, noise_variance, fit_noise=task.fit_noise, most=_MOST, tolerance=_TOLERANCE
    )
    excess = value - _entropies(nodes, task.objective)
    return Outcome(start.kind, excess, f, e_step.cells, variance, evaluations)


def _entropies(nodes: LabelledNodes, objective: LabelledObjective) -> float:
    """What the objective is above J: the entropies of the data, on these nodes."""
    unlabelled, labelled, label = objective.weights
    entropy, of_label = nodes.nodes.entropy, nodes.class_entropy
    return unlabelled * entropy + labelled * (entropy + of_label) + label * of_label


def _adapted(count: int, outcome: Outcome, classes: int) -> tuple[LatentCells, Array]:
    """Lay cells where any f_y needs them, and carry the f_y over."""
    old = outcome.line
    parts = np.split(outcome.f, classes)
    side_by_side = np.concatenate(parts, axis=1)
    cells = adapted_cells(count, old, side_by_side, np.tile(outcome.noise_variance, classes))
    return cells, np.concatenate([old.interpolate(part, cells.z) for part in parts])


def _finished(
    data: LabelledModel,
    exact: ExactLabelled,
    best: Outcome,
    task: _Task,
    effort: Effort,
    run: Execution,
) -> tuple[LabelledModel, Convergence]:
    """Ascend to convergence on the finest cells and nodes."""
    nodes = labelled_nodes(
        exact, effort.fine_step, shift=0.25, tail=1e-7, most=16 * effort.most_nodes
    )
    cells, f = _adapted(effort.fine_cells, best, data.count)
    e_step = LabelEStep(nodes, cells, task.objective)
    with run.progress.task("last ascent", None) as advance:
        last = ascend(
            e_step, f, best.noise_variance, fit_noise=task.fit_noise, most=effort.most,
            watch=lambda _evaluations, _value: advance(1),
        )  # fmt: skip
    classes = [
        decoder_on_cells(cells, part, last.noise_variance, f"optimum of class {y}")
        for y, part in enumerate(e_step.split(last.f))
    ]
    model = LabelledModel(classes, data.prior, f"optimum of {data.name}")
    convergence = Convergence(
        converged=last.converged,
        evaluations=last.evaluations,
        displacement=last.displacement,
        gradient_norm=last.gradient_norm,
        q_gap=last.q_gap,
        node_excess=last.negative_elbo - _entropies(nodes, task.objective),
    )
    return model, convergence
