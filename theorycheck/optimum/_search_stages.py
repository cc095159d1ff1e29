"""The stages of a search for the predicted optimum, and the pieces of work they are made of.

Every piece is looked up in the state first, so that a resumed search goes on where it was.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs

from theorycheck.arrays import Array
from theorycheck.inference import ExactModel
from theorycheck.models import (
    IN_WORDS,
    DescribedModel,
    GenerativeModel,
    GridTable,
    is_on_line,
)
from theorycheck.optimum._coordinate_ascent import AnyEStep, Ascent, ascend
from theorycheck.optimum._e_step import EStep
from theorycheck.optimum._nodes import DataNodes, data_nodes
from theorycheck.optimum._objective_search import make_e_step
from theorycheck.optimum._plane_e_step import PlaneEStep
from theorycheck.optimum._plane_starts import (
    TRANSPORT,
    best_plane,
    moved,
    padded,
    random_plane_start,
    transport_map,
)
from theorycheck.optimum._search_cells import Cells, carried_over, interpolated, plain_cells
from theorycheck.optimum._search_state import Outcome, SearchState
from theorycheck.optimum._settings import Execution, SearchSettings
from theorycheck.optimum._starts import (
    GROUND_TRUTH,
    PRINCIPAL_AXIS,
    PRINCIPAL_PLANE,
    PRINCIPAL_SPACE,
    Start,
    ascend_from,
    best_line,
    random_start,
    torn,
)
from theorycheck.quadrature import cells_at

#: Where in a step the coarse grids lie; starts take turns, so that none is favoured by its grid.
_SHIFTS = (0.0, 0.25, 0.5, 0.75)
#: J above the best at which a coarse hop is not refined, nats: coarse values err by about this.
_PROMISING = 0.004

#: Cells, in those of the middle level, on which a known f is handed over to it.
_DENSER = 8
#: Which of the starts with two latents, counted from the first decoder, is the transport map.
_TRANSPORT = 3
#: E-steps of an annealing and its ascent, nodes times cells of the last level over those of the
#: middle one, and how many E-steps take as long as one that looks at the table: seen on figure8.
_TYPICAL, _FINER, _LOOKED = 60, 4.0, 3.0

#: A name, and the function and arguments whose outcome belongs to it.
_Work = tuple[str, Callable[..., Outcome], tuple[Any, ...]]


@dataclass(frozen=True, eq=False)
class Found:
    """What the stages of a search end at.

    Parameters
    ----------
    starts : list of Outcome
        Ascents on coarse cells.
    refined : dict of int to Outcome
        Ascents on fine cells of those that were worth it, by their place among the starts.
    hops : list of (Outcome, Outcome or None)
        Coarse, and refined where that was worth it.
    best : Outcome
        The best of all.
    """

    starts: list[Outcome]
    refined: dict[int, Outcome]
    hops: list[tuple[Outcome, Outcome | None]]
    best: Outcome


class Search:
    """The stages of one search; every piece of work is looked up in the state first."""

    def __init__(
        self,
        data: ExactModel,
        settings: SearchSettings,
        execution: Execution,
        state: SearchState,
        label: str = "",
    ) -> None:
        self.settings = settings.resolved(data.model)
        self.effort = self.settings.chosen_effort
        self.execution, self.state = execution, state
        #: In front of the names of all work, so that two searches share a state.
        self.label = label
        effort = self.effort
        self.source = data
        self.coarse = tuple(
            data_nodes(
                self.source, effort.coarse_step, shift=shift, tail=1e-4,
                most=effort.most_nodes, seed=i,
            )
            for i, shift in enumerate(_SHIFTS)
        )  # fmt: skip
        self.middle = data_nodes(
            self.source, effort.middle_step, shift=0.5, tail=1e-5, most=4 * effort.most_nodes
        )
        #: What is ascended from first, and torn: the ground truth where it is a decoder of so many
        #: latents or fewer, else the best affine one.
        self.first, self.first_kind = _first(data.model, self.middle, self.settings)

    def run(self, given: Sequence[GenerativeModel]) -> Found:
        """Go through all stages but the last ascent."""
        if self.settings.latents > 1:
            self._say_price(len(given))
        starts = self.starts(given)
        refined = self.refine(starts, given)
        best, hops = self.hop(min(refined.values(), key=lambda outcome: outcome.value))
        return Found(starts, refined, hops, best)

    def _say_price(self, given: int) -> None:
        """Say beforehand how long it takes, by the time of one E-step on coarse cells."""
        effort, nodes = self.effort, self.coarse[0]
        cells = plain_cells(effort.coarse_cells, self.settings.latents)
        e_step = make_e_step(nodes, cells, self.settings.objective)
        f = cells.average(self._fitting(self.first).decoder)
        e_step(f, self.settings.variance)
        e_step.look_again()
        began = time.perf_counter()
        e_step(f, self.settings.variance)
        each = (time.perf_counter() - began) / len(nodes.x)
        ascents = effort.starts + effort.rounds * (effort.hops + 2)
        refined = 2 * (given + 1) + effort.refined
        steps = _TYPICAL * (ascents * len(nodes.x) + refined * len(self.middle.x))
        jobs = effective_n_jobs(self.execution.jobs)
        latents = IN_WORDS[self.settings.latents]
        seconds = each * (steps / jobs + _FINER * effort.most * len(self.middle.x)) / _LOOKED
        minutes = max(seconds / 60.0, 0.1)
        self.execution.progress.say(
            f"The search over decoders of {latents} latents takes some {minutes:.1f} minutes on "
            f"{jobs} process{'es' * (jobs > 1)}, its exact evaluation not counted. Ctrl-C ends it."
        )

    def starts(self, given: Sequence[GenerativeModel]) -> list[Outcome]:
        """Ascend from the first decoder, the given ones, and random starts, in this order."""
        effort = self.effort
        cells = plain_cells(effort.coarse_cells, self.settings.latents)
        truth = cells.average(self._fitting(self.first).decoder)
        fixed = [Start(self.first_kind, truth)]
        fixed += [Start(model.name, cells.average(self._fitting(model).decoder)) for model in given]
        work: list[_Work] = []
        for i in range(max(effort.starts, len(fixed))):
            start = fixed[i] if i < len(fixed) else None
            nodes = self.coarse[i % len(_SHIFTS)]
            arguments = (nodes, cells, truth, start, self.settings, (self.settings.seed, 0, i))
            work.append((f"start {i}", _coarse_start, arguments))
        return self._run("starts", work)

    def refine(self, starts: list[Outcome], given: Sequence[GenerativeModel]) -> dict[int, Outcome]:
        """Ascend on, on finer cells and nodes, from the ground truth's end and the best ones.

        The ground truth and the given decoders are refined as they are, too: coarse cells that know
        nothing of f lose a steep one before the first step. The better end counts.
        """
        order = sorted(range(len(starts)), key=lambda i: starts[i].value)
        chosen = sorted({0, *order[: self.effort.refined]})
        work: list[_Work] = [
            (f"refinement {i}", _refinement, (self.middle, starts[i], self.settings))
            for i in chosen
        ]
        for i, model in enumerate((self.first, *given)):
            variance = self.settings.variance
            if self.settings.fit_noise != "no":
                variance = model.noise_variance
            dense = self._dense(model)
            f = dense.average(self._fitting(model).decoder)
            whole = Outcome(starts[i].kind, math.inf, f, dense, variance, 0)
            work.append((f"direct {i}", _refinement, (self.middle, whole, self.settings)))
        ended = self._run("refinements", work)
        refined = dict(zip(chosen, ended[: len(chosen)], strict=True))
        for i, direct in enumerate(ended[len(chosen) :]):
            refined[i] = min(refined.get(i, direct), direct, key=lambda outcome: outcome.value)
        return refined

    def _fitting(self, model: GenerativeModel) -> GenerativeModel:
        """Return a decoder with as many latents as are searched."""
        return padded(model, self.settings.latents)

    def _dense(self, model: GenerativeModel) -> Cells:
        """Return the cells on which a known f is handed over to the middle level."""
        count, latents = _DENSER * self.effort.middle_cells, self.settings.latents
        if latents < 3:
            return plain_cells(count, latents)
        # In three latents so many cells are few along each: they go where they are needed.
        table = model.decoder.table
        if isinstance(table, GridTable):
            used = 1 + max(table.used, default=0)
            return cells_at(table.axes[:used], latents)
        return plain_cells(count, latents, model.latent_dim)

    def hop(self, best: Outcome) -> tuple[Outcome, list[tuple[Outcome, Outcome | None]]]:
        """Tear the best anew, ascend, keep the better; a round of hops starts from one best.

        Coarse values are compared with the best's own on the same coarse nodes, and refined ones
        with the best: values of different levels are never compared.
        """
        effort = self.effort
        made: list[tuple[Outcome, Outcome | None]] = []
        still: list[Outcome] = []
        measured: Outcome | None = None
        for k in range(effort.rounds):
            work: list[_Work] = []
            if best is not measured:
                # Only a new best has to be measured on the coarse nodes.
                work = [
                    (f"still {k}.{i}", _still, (self.coarse[i], best, self.settings))
                    for i in range(min(effort.hops, len(_SHIFTS)))
                ]
            stills = len(work)
            for i in range(effort.hops):
                arguments = (
                    self.coarse[i % len(_SHIFTS)],
                    best,
                    self.settings,
                    (self.settings.seed, 1, k, i),
                )
                work.append((f"hop {k}.{i}", _hop, arguments))
            label = f"basin hopping {k + 1}/{effort.rounds}"
            ended = self._run(label, work)
            if stills:
                still, measured = ended[:stills], best
            hops = ended[stills:]
            promising = [
                i
                for i, outcome in enumerate(hops)
                if outcome.value <= still[i % len(_SHIFTS)].value + _PROMISING
            ]
            finer: list[_Work] = [
                (f"refined hop {k}.{i}", _refinement, (self.middle, hops[i], self.settings))
                for i in promising
            ]
            refined = dict(zip(promising, self._run(label, finer), strict=True))
            made += [(outcome, refined.get(i)) for i, outcome in enumerate(hops)]
            best = min([best, *refined.values()], key=lambda outcome: outcome.value)
        return best, made

    def finish(self, best: Outcome, advance: Callable[[], None]) -> tuple[Cells, DataNodes, Ascent]:
        """Ascend to convergence on the finest cells and nodes."""
        effort = self.effort
        nodes = data_nodes(
            self.source, effort.fine_step, shift=0.25, tail=1e-7, most=16 * effort.most_nodes
        )
        cells, f = carried_over(effort.fine_cells, best.cells, best.f, best.noise_variance)
        last = ascend(
            make_e_step(nodes, cells, self.settings.objective), f, best.noise_variance,
            fit_noise=self.settings.fit_noise, steepness=self.settings.steepness,
            most=effort.most, watch=lambda _evaluations, _value: advance(),
        )  # fmt: skip
        return cells, nodes, last

    def _run(self, description: str, work: Sequence[_Work]) -> list[Outcome]:
        work = [(self.label + name, function, arguments) for name, function, arguments in work]
        waiting = [(name, f, a) for name, f, a in work if self.state.get(name) is None]
        with self.execution.progress.task(self.label + description, len(work)) as advance:
            advance(len(work) - len(waiting))
            parallel = Parallel(n_jobs=self.execution.jobs, return_as="generator_unordered")
            for name, outcome in parallel(delayed(_named)(*item) for item in waiting):
                self.state.put(name, outcome)
                advance(1)
        done = [self.state.get(name) for name, _, _ in work]
        return [outcome for outcome in done if outcome is not None]


def _first(
    model: DescribedModel, nodes: DataNodes, settings: SearchSettings
) -> tuple[GenerativeModel, str]:
    """Return the decoder that is known before any search, and what it is."""
    latents = settings.latents
    if latents > 1:
        if isinstance(model, GenerativeModel) and model.latent_dim <= latents:
            return model, GROUND_TRUTH
        affine = best_plane(nodes.x, nodes.mass, settings.variance, latents)
        return affine, PRINCIPAL_PLANE if latents == 2 else PRINCIPAL_SPACE
    if is_on_line(model):
        return model, GROUND_TRUTH
    return best_line(nodes.x, nodes.mass, settings.variance), PRINCIPAL_AXIS


def _named(
    name: str, function: Callable[..., Outcome], arguments: tuple[Any, ...]
) -> tuple[str, Outcome]:
    return name, function(*arguments)


def _coarse_start(
    nodes: DataNodes,
    cells: Cells,
    truth: Array,
    start: Start | None,
    settings: SearchSettings,
    seed: tuple[int, ...],
) -> Outcome:
    e_step = make_e_step(nodes, cells, settings.objective)
    if start is None:
        start = _random_start(seed, e_step, truth)
    return _ascend(e_step, start, settings.variance, settings)


def _random_start(seed: tuple[int, ...], e_step: AnyEStep, truth: Array) -> Start:
    rng = np.random.default_rng(seed)
    if isinstance(e_step, EStep):
        return random_start(rng, e_step, truth)
    plane = _plane(e_step)
    if seed[-1] == _TRANSPORT and truth.shape[1] == plane.cells.latents == 2:
        return Start(TRANSPORT, transport_map(plane))
    return random_plane_start(rng, plane, truth)


def _moved(seed: tuple[int, ...], e_step: AnyEStep, f: Array) -> Start:
    """Tear f, or put another map that preserves the prior before it."""
    rng = np.random.default_rng(seed)
    if isinstance(e_step, EStep):
        return torn(rng, e_step, f, "hop")
    return moved(rng, _plane(e_step), f, "hop")


def _plane(e_step: AnyEStep) -> PlaneEStep:
    if not isinstance(e_step, PlaneEStep):
        raise TypeError(f"no starts are known for a {type(e_step).__name__}")
    return e_step


def _refinement(nodes: DataNodes, outcome: Outcome, settings: SearchSettings) -> Outcome:
    count = settings.chosen_effort.middle_cells
    cells, f = carried_over(count, outcome.cells, outcome.f, outcome.noise_variance)
    e_step = make_e_step(nodes, cells, settings.objective)
    return _ascend(e_step, Start(outcome.kind, f), outcome.noise_variance, settings)


def _still(coarse: DataNodes, best: Outcome, settings: SearchSettings) -> Outcome:
    """Ascend from the best itself on coarse nodes: what hops there are measured by."""
    e_step, f = _on_coarse(coarse, best, settings)
    return _ascend(e_step, Start("still", f), best.noise_variance, settings)


def _hop(
    coarse: DataNodes, best: Outcome, settings: SearchSettings, seed: tuple[int, ...]
) -> Outcome:
    e_step, f = _on_coarse(coarse, best, settings)
    start = _moved(seed, e_step, f)
    return _ascend(e_step, start, best.noise_variance, settings)


def _on_coarse(
    coarse: DataNodes, best: Outcome, settings: SearchSettings
) -> tuple[AnyEStep, Array]:
    """Carry the best over to coarse cells: those of one latent are laid anew, of more adapted."""
    count = settings.chosen_effort.coarse_cells
    if settings.latents == 1:
        cells = plain_cells(count, 1)
        f = interpolated(best.cells, best.f, cells)
    else:
        cells, f = carried_over(count, best.cells, best.f, best.noise_variance)
    return make_e_step(coarse, cells, settings.objective), f


def _ascend(
    e_step: AnyEStep, start: Start, noise_variance: Array, settings: SearchSettings
) -> Outcome:
    f, variance, negative_elbo, evaluations = ascend_from(
        e_step, start, noise_variance, fit_noise=settings.fit_noise, steepness=settings.steepness
    )
    value = negative_elbo - e_step.nodes.entropy
    return Outcome(start.kind, value, f, e_step.cells, variance, evaluations)
