"""The optimum of an objective over all decoders: many starts, refinement, basin hopping.

Coordinate ascent finds local optima only (docs/optimum.md). So: many coarse ascents from the
starts of `_starts.py`; the best refined on cells adapted to them and on finer data nodes; then the
best torn anew and ascended again, the better kept. The value that is reported is that of the
independent evaluation, on data nodes that no ascent saw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from theorycheck.arrays import Array
from theorycheck.errors import ModelError, SettingError
from theorycheck.inference import ExactModel, described_model, exact_model
from theorycheck.models import IN_WORDS, DescribedModel, GenerativeModel, is_on_line
from theorycheck.objectives import Evaluation, decompose
from theorycheck.optimum._effort import Effort
from theorycheck.optimum._known import cached_search, known_optimum
from theorycheck.optimum._objective_search import search_of
from theorycheck.optimum._result import (
    SAME_OPTIMUM,
    Convergence,
    PredictedOptimum,
    StartOutcome,
    decoder_on_cells,
)
from theorycheck.optimum._search_cells import axes_of, cells_of_axes
from theorycheck.optimum._search_stages import Search
from theorycheck.optimum._search_state import Outcome, SearchState
from theorycheck.optimum._settings import Execution, SearchSettings
from theorycheck.optimum._unused_latents import with_unused, without_unused
from theorycheck.progress import wordless
from theorycheck.quadrature import LatentCells

#: x at most at which a decoder that uses several latents is evaluated, at ten milliseconds or more
#: each; where a grid over p(x) needs more, draws: points a repetition, and repetitions.
_MOST_EVALUATED, _DRAWN, _REPEATS = 20_000, 256, 16


def find_optimum(
    data: DescribedModel | ExactModel,
    settings: SearchSettings | None = None,
    *,
    given: Sequence[GenerativeModel] = (),
    execution: Execution | None = None,
) -> PredictedOptimum:
    """Find the decoder that an objective, by default the ELBO, prefers to all others.

    Parameters
    ----------
    data : GenerativeModel, LinearGaussianModel or ExactModel
        The model whose p(x) is the data, with any number of latents; the decoders that are
        searched have one, or as many as the settings say.
    settings : SearchSettings, optional
        What is searched for, and how hard; by default the ELBO's optimum, quickly, with seed 0.
    given : sequence of GenerativeModel
        Decoders to start from too, with the data's D and no more latents than are searched.
    execution : Execution, optional
        Processes, progress, a state file, a cache; none of them changes what is found.

    Returns
    -------
    PredictedOptimum
        An upper bound on the infimum of J over all f, attained by the decoder in it.

    Raises
    ------
    SettingError
        If a setting is out of range, or the state file is damaged or of another search.
    ModelError
        If a given decoder has another D, σ² is not positive and finite, or a state file is asked
        for data that have no decoder of one latent: nothing of them is kept in files.
    """
    described = described_model(data)
    settings = (settings or SearchSettings()).resolved(described)
    execution = execution or Execution()
    _check(described, settings, given)
    if settings.latents > 1:
        return _with_more_latents(data, settings, given, execution)
    return _kept(data, settings, given, execution)


def _kept(
    data: DescribedModel | ExactModel,
    settings: SearchSettings,
    given: Sequence[GenerativeModel],
    execution: Execution,
) -> PredictedOptimum:
    """Return what is known already, or in the cache; else search."""
    described = described_model(data)
    if not is_on_line(described):
        if execution.state_file is not None:
            raise ModelError(f"{described.name}: a search on such data is not kept in files")
        return _search(exact_model(data), settings, given, execution, SearchState({}))
    state = SearchState(
        _identity(described, settings, given), execution.state_file, resume=execution.resume
    )
    found = known_optimum(described, settings, execution)
    if found is None:
        cached = cached_search(described, settings, given, execution)
        found = cached.read()
        if found is not None:
            return found.with_data(described)
        found = _search(exact_model(data), settings, given, execution, state)
        cached.write(found)
    return found


def _with_more_latents(
    data: DescribedModel | ExactModel,
    settings: SearchSettings,
    given: Sequence[GenerativeModel],
    execution: Execution,
) -> PredictedOptimum:
    """Search with one latent fewer first: its optimum, the last latent unused, is a start.

    So is, under the IWAE bound, the optimum of the ELBO with as many.

    An unused latent costs nothing, so that J of the best decoder of K latents is that of the best
    of K − 1 at most; what is returned never has a larger one.
    """
    effort = settings.chosen_effort
    alone = replace(execution, state_file=None, resume=False)
    before = search_of(settings.objective).before
    if before is not None and effort.plane_elbo is not None:
        cheap = replace(settings, objective=before, effort=effort.plane_elbo)
        first = _with_more_latents(data, cheap, given, alone)
        given = (*given, _as_start(first, f"optimum of the {before.name}"))
    if effort.elbo is None:
        return _kept(data, settings, given, execution)
    count = settings.latents - 1
    few = [model for model in given if model.latent_dim <= count]
    search = _with_more_latents if count > 1 else _kept
    fewer = search(data, replace(settings, latents=count, effort=effort.elbo), few, alone)
    known = _as_start(fewer, name_of_optimum(count))
    found = _kept(data, settings, (*given, known), execution)
    return found if found.excess.value <= fewer.excess.value else _padded(found, fewer)


def _as_start(found: PredictedOptimum, name: str) -> GenerativeModel:
    """Return an optimum as a decoder to start from, of a name that a reader is told."""
    return GenerativeModel(replace(found.model.decoder, name=name), found.model.noise_variance)


def name_of_optimum(latents: int) -> str:
    """Return what a reader is told of a start at the best decoder of fewer latents."""
    return f"optimum of {IN_WORDS[latents]} latent{'s' * (latents > 1)}"


def _padded(found: PredictedOptimum, fewer: PredictedOptimum) -> PredictedOptimum:
    """Return the optimum of fewer latents as one of more, with the record of the search with more.

    A latent that f does not use leaves p(x), every posterior of the others and the best q as they
    are, so that what is known of the optimum of fewer latents is not computed again.
    """
    axes, f = with_unused(fewer.axes, fewer.f, found.latents)
    evaluation = _of_padded(fewer.evaluation, axes, f, found.model.name)
    return replace(found, axes=axes, f=f, evaluation=evaluation, convergence=fewer.convergence)


def _of_padded(
    evaluation: Evaluation, axes: tuple[LatentCells, ...], f: Array, name: str
) -> Evaluation:
    """Return what is known of a decoder as what is known of it with latents without use."""
    parts = evaluation.decomposition
    model = decoder_on_cells(cells_of_axes(axes), f, parts.model.noise_variance, name)
    return replace(evaluation, decomposition=replace(parts, model=model))


def _search(
    data: ExactModel,
    settings: SearchSettings,
    given: Sequence[GenerativeModel],
    execution: Execution,
    state: SearchState,
) -> PredictedOptimum:
    """Search, whatever is known already."""
    effort, progress = settings.chosen_effort, execution.progress
    search = Search(data, settings, execution, state)
    try:
        before = search_of(settings.objective).before
        if before is not None and effort.elbo is not None and settings.latents == 1:
            # Its optimum, cheap to search for, is a start.
            first = replace(settings, objective=before, effort=effort.elbo)
            label = f"{before.name} "
            best = Search(data, first, execution, state, label=label).run(given).best
            name = f"optimum of the {before.name}"
            given = (*given, decoder_on_cells(best.cells, best.f, best.noise_variance, name))
        found = search.run(given)
        with progress.task("last ascent", effort.most) as advance:
            cells, fine, ascent = search.finish(found.best, lambda: advance(1))
    finally:
        state.save()
    name = f"optimum of {data.model.name}"
    axes, f = axes_of(cells), ascent.f
    if settings.latents > 1:
        # With more latents an evaluation costs much more, and the rest of what is asked too.
        aggregate = ascent.responsibilities.aggregate
        axes, f = without_unused(axes, f, aggregate, ascent.noise_variance)
    model = decoder_on_cells(cells_of_axes(axes), f, ascent.noise_variance, name)
    # Its price is about that of the ground truth's, which every verb that searches tells.
    quiet = wordless(progress) if settings.latents == 1 else progress
    tolerance = _of_fewer(effort, settings.latents - len(axes)).tolerance
    parts = None
    if len(axes) > 1:
        parts = decompose(
            model, data, tolerance=tolerance, max_nodes=_MOST_EVALUATED, size=_DRAWN,
            repeats=_REPEATS, progress=quiet,
        )  # fmt: skip
    evaluation = settings.objective.evaluate(
        model, data, tolerance=tolerance, decomposition=parts, progress=quiet
    )
    if len(axes) < settings.latents:
        axes, f = with_unused(axes, f, settings.latents)
        evaluation = _of_padded(evaluation, axes, f, name)
    rows = [_row(outcome, found.refined.get(i)) for i, outcome in enumerate(found.starts)]
    lowest = min(row.node_excess for row in rows)
    return PredictedOptimum(
        axes=axes,
        f=f,
        evaluation=evaluation,
        first=found.starts[0].kind,
        first_ascent=found.refined[0].value,
        starts=tuple(sorted(rows, key=lambda row: row.node_excess)),
        hops=tuple(_row(coarse, finer) for coarse, finer in found.hops),
        found=sum(row.node_excess < lowest + SAME_OPTIMUM for row in rows),
        convergence=Convergence(
            ascent.converged,
            ascent.evaluations,
            ascent.displacement,
            ascent.gradient_norm,
            ascent.q_gap,
            ascent.negative_elbo - fine.entropy,
        ),
        settings=settings,
    )


def _of_fewer(effort: Effort, unused: int) -> Effort:
    """Return the effort of decoders of so many latents fewer, as far as it names one."""
    for _ in range(unused):
        effort = effort.elbo or effort
    return effort


def _row(coarse: Outcome, refined: Outcome | None) -> StartOutcome:
    ended = coarse if refined is None else refined
    return StartOutcome(
        kind=coarse.kind,
        node_excess=coarse.value,
        refined=None if refined is None else refined.value,
        evaluations=coarse.evaluations,
        noise_variance=tuple(ended.noise_variance.tolist()),
    )


def _identity(
    data: GenerativeModel, settings: SearchSettings, given: Sequence[GenerativeModel]
) -> dict[str, object]:
    """Return all that the outcomes of a search depend on."""
    return {
        "data": data.name,
        "data_values": data.fingerprint[:16],
        "given": [model.fingerprint[:16] for model in given],
        **settings.to_dict(),
    }


def _check(
    data: DescribedModel, settings: SearchSettings, given: Sequence[GenerativeModel]
) -> None:
    effort = settings.chosen_effort
    for model in given:
        if model.latent_dim > settings.latents:
            raise ModelError(
                f"{model.name} has {model.latent_dim} latents, and the search is among decoders "
                f"of {settings.latents}"
            )
        if model.data_dim != data.data_dim:
            raise ModelError(
                f"{model.name} has {model.data_dim} data dimensions, "
                f"{data.name} has {data.data_dim}"
            )
    if effort.starts < 1 or effort.refined < 1 or effort.rounds < 0 or effort.hops < 1:
        raise SettingError("a search needs at least one start, one refinement and one hop a round")
