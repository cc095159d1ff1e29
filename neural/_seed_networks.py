"""The networks of a run that count, one for each seed, with what each learned and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from neural._attribution import Attribution, attribute
from neural._encoders import encoder_of_module
from neural._training import Trained
from theorycheck.estimate import Estimate, Verdict
from theorycheck.evaluation import Judged, judge, unanimous
from theorycheck.models import GenerativeModel
from theorycheck.objectives import Evaluated, total_variation


@dataclass(eq=False)
class SeedNetwork:
    """One restart of a run, judged when first asked.

    Parameters
    ----------
    trained : Trained
    restart : int
    """

    trained: Trained
    restart: int

    @cached_property
    def model(self) -> GenerativeModel:
        """The trained decoder and σ²."""
        return self.trained.model(self.restart)

    @cached_property
    def judged(self) -> Judged:
        """MLEO, PMO and J with the best q, and −ELBO by the own encoder."""
        encoder = encoder_of_module(self.trained.encoder(self.restart))
        seed = self.trained.settings.seed
        return judge(self.model, self.trained.trainer.model, encoder, details=False, seed=seed)

    @cached_property
    def misplaced(self) -> Estimate:
        """The share of p(x) that is misplaced: the total variation distance."""
        return total_variation(self.model, self.trained.trainer.model)

    @cached_property
    def attribution(self) -> Attribution:
        """Where J comes from, without a predicted optimum."""
        return attribute(self.trained, self.restart, self.judged)

    @property
    def start(self) -> str:
        """Where it began, in words."""
        return self.trained.settings.inits[self.restart].replace("_", " ")


def guarded(networks: Sequence[SeedNetwork], verdicts: Sequence[Verdict]) -> Verdict:
    """Return what all seeds say, but for networks that ended above their own start.

    Parameters
    ----------
    networks : sequence of SeedNetwork
    verdicts : sequence of Verdict
        Of a statement about what each learned.

    Returns
    -------
    Verdict
        INCONCLUSIVE where a network says nothing, or the seeds differ.
    """
    return unanimous(
        network.attribution.about_objective(verdict)
        for network, verdict in zip(networks, verdicts, strict=True)
    )


class _Row(NamedTuple):
    label: str
    values: Sequence[Estimate | None]


def told_apart(
    networks: Sequence[SeedNetwork], what: str, predicted: Evaluated | None = None
) -> dict[str, str]:
    """Return what the networks of all seeds learned and why, for a table of evidence.

    Parameters
    ----------
    networks : sequence of SeedNetwork
        In the order of the seeds.
    what : str
        Whose they are, such as "VAE".
    predicted : Evaluated, optional
        Optimum of the same objective.

    Returns
    -------
    dict of str to str
        One entry a figure, with one number for each seed.
    """
    optimum = None if predicted is None else predicted.excess
    parts = [replace(network.attribution, predicted=optimum) for network in networks]
    objective = parts[0].objective
    bound = objective.numbered
    rows = [
        _Row("share of p(x) misplaced", [network.misplaced for network in networks]),
        _Row("MLEO", [network.judged.mleo for network in networks]),
        _Row("PMO", [network.judged.pmo for network in networks]),
        _Row("J", [network.judged.excess for network in networks]),
        *([] if objective.decomposed else [_Row(bound, [part.exact for part in parts])]),
        _Row(f"{bound} − predicted {bound} (training)", [part.optimisation for part in parts]),
        _Row(f"{bound} by own encoder − {bound} (encoder)", [part.amortisation for part in parts]),
        _Row(f"{bound} at its own start", [part.start for part in parts]),
        _Row(f"{bound} by own encoder at its own start", [part.own_start for part in parts]),
    ]
    table = {f"{row.label}, {what}": _seeds(row.values) for row in rows if None not in row.values}
    table[f"began at, {what}"] = ", ".join(network.start for network in networks)
    above = [
        str(number) for number, part in enumerate(parts) if part.below_start is not Verdict.HOLDS
    ]
    if above:
        table[f"not below its own start, {what}"] = "seed " + ", ".join(above)
    return table


def _seeds(values: Sequence[Estimate | None]) -> str:
    """Show one number for each seed, with the largest of their radii."""
    known = [value for value in values if value is not None]
    radius = max(value.error for value in known)
    numbers = ", ".join(f"{value.value:.4f}" for value in known)
    return f"{numbers} (± {radius:.1e})"
