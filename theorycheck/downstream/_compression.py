"""Compression: what the ELBO gains by more latents, and what each of them then says of x.

J of the best decoder never rises with K at held σ², since an unused latent costs nothing: whether
more latents are preferred is a question of size. The paper (section 5.1) says that they are, that
each latent then says less of x, and that posteriors are simpler: J and the PMO of the optimum fall,
and so does the mean of I(x; z_k) over the latents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

from theorycheck.errors import SettingError
from theorycheck.estimate import Estimate, positive
from theorycheck.inference import ExactModel, described_model, exact_model
from theorycheck.models import DescribedModel, GenerativeModel, with_used_latents
from theorycheck.objectives import (
    MAX_NODES,
    Decomposition,
    Informativeness,
    decompose,
    informativeness,
)
from theorycheck.optimum import (
    Execution,
    PredictedOptimum,
    SearchSettings,
    effort_named,
    find_optimum,
)
from theorycheck.progress import NO_PROGRESS, Progress
from theorycheck.ruling import Ruling

#: Share by which J, the PMO or the mean informativeness has to fall to count as a fall.
LEAST_FALL = 0.1


@dataclass(frozen=True, eq=False)
class WithLatents:
    """One decoder of the data, with K latents.

    Parameters
    ----------
    name : str
        What it is: the optimum found with K latents, or a model that was given.
    decomposition : Decomposition
        Its J, MLEO and PMO on the data.
    information : Informativeness
        What q and its posterior know of x through each latent, x from the data.
    """

    name: str
    decomposition: Decomposition
    information: Informativeness

    @property
    def latents(self) -> int:
        """K."""
        return len(self.information.latents)

    @property
    def active(self) -> int:
        """How many latents have means that vary by more than 0.01."""
        return sum(one.active for one in self.information.latents)

    def to_dict(self) -> dict[str, object]:
        """Return all of it for JSON."""
        parts = self.decomposition
        return {
            "name": self.name,
            "latents": self.latents,
            "active": self.active,
            "noise_variance": parts.model.noise_variance.tolist(),
            "excess": parts.excess.to_dict(),
            "mleo": parts.mleo.to_dict(),
            "pmo": parts.pmo.to_dict(),
            "informativeness": self.information.to_dict(),
        }


@dataclass(frozen=True, eq=False)
class MoreLatents:
    """What becomes of J, PMO and informativeness from one number of latents to a larger one.

    Parameters
    ----------
    fewer, more : WithLatents
        The two decoders.
    least_fall : float
        Share by which a figure has to fall to count as fallen.
    """

    fewer: WithLatents
    more: WithLatents
    least_fall: float = LEAST_FALL

    def _falls(self, before: Estimate, after: Estimate) -> Ruling:
        margin = before.scaled(1.0 - self.least_fall) - after
        return Ruling.of(positive(margin), (before, after))

    @property
    def gain(self) -> Estimate:
        """By how much J falls, nats."""
        return self.fewer.decomposition.excess - self.more.decomposition.excess

    @property
    def preferred(self) -> Ruling:
        """Whether J falls."""
        return self._falls(self.fewer.decomposition.excess, self.more.decomposition.excess)

    @property
    def simpler(self) -> Ruling:
        """Whether posteriors are closer to their best q: the PMO falls."""
        return self._falls(self.fewer.decomposition.pmo, self.more.decomposition.pmo)

    @property
    def less_informative(self) -> Ruling:
        """Whether the mean of I_q(x; z_k) over the latents falls."""
        return self._falls(self.fewer.information.mean, self.more.information.mean)

    @property
    def posterior_less_informative(self) -> Ruling | None:
        """Whether the mean of I_p(x; z_k) falls; None where a posterior's marginals are unknown."""
        before, after = self.fewer.information, self.more.information
        if before.posterior_mean is None or after.posterior_mean is None:
            return None
        return self._falls(before.posterior_mean, after.posterior_mean)

    @property
    def less_in_all(self) -> Ruling:
        """Whether I_q(x; z) of all latents together falls: the mean also falls with K alone."""
        return self._falls(self.fewer.information.joint, self.more.information.joint)

    def to_dict(self) -> dict[str, object]:
        """Return all of it for JSON."""
        posterior = self.posterior_less_informative
        return {
            "from": self.fewer.name,
            "to": self.more.name,
            "gain": self.gain.to_dict(),
            "preferred": self.preferred.to_dict(),
            "simpler": self.simpler.to_dict(),
            "less_informative": self.less_informative.to_dict(),
            "posterior_less_informative": None if posterior is None else posterior.to_dict(),
            "less_in_all": self.less_in_all.to_dict(),
        }


@dataclass(frozen=True, eq=False)
class Compression:
    """The best decoders of the same data with more and more latents.

    Parameters
    ----------
    data : str
        Name of the model whose p(x) is the data.
    entropy : Estimate
        H of the data, nats.
    rows : tuple of WithLatents
        The optima, K ascending.
    given : tuple of WithLatents
        Decoders that were given, such as those of trained networks.
    least_fall : float
        Share by which a figure has to fall to count as fallen.
    """

    data: str
    entropy: Estimate
    rows: tuple[WithLatents, ...]
    given: tuple[WithLatents, ...] = ()
    least_fall: float = LEAST_FALL

    @property
    def steps(self) -> tuple[MoreLatents, ...]:
        """From each number of latents to the next."""
        return tuple(MoreLatents(one, two, self.least_fall) for one, two in pairwise(self.rows))

    def to_dict(self) -> dict[str, object]:
        """Return what ``theorycheck compress --json`` prints."""
        return {
            "data": self.data,
            "entropy": self.entropy.to_dict(),
            "least_fall": self.least_fall,
            "optima": [row.to_dict() for row in self.rows],
            "steps": [step.to_dict() for step in self.steps],
            "given": [row.to_dict() for row in self.given],
        }


def compress(
    data: DescribedModel | ExactModel,
    latents: Sequence[int] = (1, 2),
    settings: SearchSettings | None = None,
    *,
    effort: str = "quick",
    given: Sequence[GenerativeModel] = (),
    least_fall: float = LEAST_FALL,
    execution: Execution | None = None,
) -> Compression:
    """Find the ELBO's optimum with each number of latents, and measure what the latents say of x.

    Parameters
    ----------
    data : GenerativeModel, LinearGaussianModel or ExactModel
        The model whose p(x) is the data, of any number of latents.
    latents : sequence of int
        Numbers of latents K of the decoders that are searched.
    settings : SearchSettings, optional
        Seed of the searches, and whether σ² is fitted; its own K and effort do not count.
    effort : {"quick", "thorough"}
        How hard each optimum is searched for.
    given : sequence of GenerativeModel
        Other decoders of the data to measure as well, of one latent or more.
    least_fall : float
        Share, in [0, 1), by which J, PMO or informativeness has to fall to count as fallen.
    execution : Execution, optional
        Processes, progress and cache of the searches.

    Returns
    -------
    Compression

    Raises
    ------
    SettingError
        If there is no number of latents, one is given twice, or one is not searched for; or
        `least_fall` is not in [0, 1).
    ModelError
        If a given decoder has another D than the data.
    """
    wanted = sorted(latents)
    if not wanted or len(set(wanted)) < len(wanted):
        raise SettingError(f"latents: some different numbers are needed, not {list(latents)}")
    if not 0.0 <= least_fall < 1.0:
        raise SettingError(f"the least fall must be in [0, 1), not {least_fall}")
    settings = settings or SearchSettings()
    execution = execution or Execution()
    # All of them are checked before the first one takes its time.
    searches = [
        replace(settings, latents=k, effort=effort_named(effort, settings.objective, k))
        for k in wanted
    ]
    source = exact_model(data)
    optima = [find_optimum(data, search, execution=execution) for search in searches]
    rows = [_of_optimum(one, source, execution.progress) for one in _best_of(optima)]
    others = [measured(one, source, progress=execution.progress) for one in given]
    return Compression(
        data=described_model(data).name,
        entropy=rows[0].decomposition.entropy,
        rows=tuple(rows),
        given=tuple(others),
        least_fall=least_fall,
    )


class _Best(NamedTuple):
    """The best decoder known of so many latents, whichever search found it."""

    latents: int
    objective: str
    decomposition: Decomposition


def _best_of(optima: Sequence[PredictedOptimum]) -> list[_Best]:
    """Return, for each number of latents, the best decoder that any of the searches found.

    One that a search with more latents found, and that uses no more than there are, counts: it says
    that the search with fewer fell short.
    """
    used = [len(with_used_latents(optimum.model)[1]) for optimum in optima]
    found = []
    for optimum in optima:
        fitting = [
            other for other, count in zip(optima, used, strict=True) if count <= optimum.latents
        ]
        best = min([optimum, *fitting], key=lambda other: other.excess.value)
        parts = best.decomposition
        if best.latents > optimum.latents:
            parts = replace(parts, model=with_used_latents(best.model, optimum.latents)[0])
        found.append(_Best(optimum.latents, optimum.objective.name, parts))
    return found


def _of_optimum(best: _Best, data: ExactModel, progress: Progress) -> WithLatents:
    """Measure an optimum; the search has evaluated its J already."""
    information = informativeness(best.decomposition.model, data, progress=progress)
    return WithLatents(
        f"{best.objective} optimum, K = {best.latents}", best.decomposition, information
    )


def measured(
    model: GenerativeModel,
    data: DescribedModel | ExactModel,
    *,
    tolerance: float = 1e-4,
    max_nodes: int = MAX_NODES,
    progress: Progress = NO_PROGRESS,
) -> WithLatents:
    """Measure one decoder of the data: J's parts, and the informativeness of its latents.

    Parameters
    ----------
    model : GenerativeModel
        The decoder with its σ².
    data : GenerativeModel, LinearGaussianModel or ExactModel
        The model whose p(x) is the data.
    tolerance : float
        Error radius asked of J and PMO, nats.
    max_nodes : int
        Nodes x at most of the grid that informativeness is averaged on, D <= 2.
    progress : Progress
        Told how far it is.

    Returns
    -------
    WithLatents

    Raises
    ------
    ModelError
        If the two differ in D.
    """
    # One engine for both: that of several latents holds f on boxes.
    engine, source = exact_model(model), exact_model(data)
    parts = decompose(engine, source, tolerance=tolerance, progress=progress)
    information = informativeness(engine, source, max_nodes=max_nodes, progress=progress)
    return WithLatents(model.name, parts, information)
