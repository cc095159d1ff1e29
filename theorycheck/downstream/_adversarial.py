"""Manifold defences against adversarial x, with the truth's σ², f and K and with the ELBO's.

Section 5.1 of the paper: such defences take off-manifold x back to the manifold, or refuse them,
and need σ² and K to tell what is off it. Here every defence is a function of a model, so that the
three can be swapped one at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from theorycheck.arrays import Counts, Flags, Points
from theorycheck.downstream._attack import PgdSettings, WorstCase, pgd_attack, worst_case
from theorycheck.downstream._classes import BayesClassifier, LatentClasses
from theorycheck.downstream._decision_map import decision_map
from theorycheck.downstream._defence_report import (
    AttackSettings,
    DefenceOutcome,
    DefenceReport,
    attacked_classifier,
)
from theorycheck.downstream._defences import (
    DEFENCES,
    REJECTED,
    DefenceSettings,
    Defended,
    defence,
)
from theorycheck.downstream._population import Population, draw_population
from theorycheck.errors import ModelError, SettingError, nearest
from theorycheck.estimate import Estimate
from theorycheck.models import GenerativeModel, as_generative
from theorycheck.progress import NO_PROGRESS, Progress
from theorycheck.quadrature import sample_mean
from theorycheck.streams import spawned_seed

#: What the first model is called, and a classifier without a defence.
TRUTH, UNDEFENDED = "truth", "none"
#: Clean draws that thresholds of log p are quantiles of.
_CLEAN = 4096
#: σ beyond the largest ε that a map goes.
_BEYOND = 0.5


@dataclass(frozen=True, eq=False)
class _Bounds:
    """For each ε the x that surely, and that perhaps, withstand the attack."""

    surely: list[Flags]
    perhaps: list[Flags]


def compare_defences(
    truth: GenerativeModel,
    learned: Mapping[str, GenerativeModel] | None = None,
    *,
    defences: Sequence[str] = DEFENCES,
    settings: AttackSettings | None = None,
    progress: Progress = NO_PROGRESS,
) -> DefenceReport:
    """Compare manifold defences with the truth and with other models in them, by exact attacks.

    Parameters
    ----------
    truth : GenerativeModel
        The ground truth: one latent, two data dimensions.
    learned : mapping of str to GenerativeModel, optional
        Other models of the data by name, of one latent or two.
    defences : sequence of str
        Some of DEFENCES.
    settings : AttackSettings, optional
        Task and attack.
    progress : Progress
        Told how far the work is.

    Returns
    -------
    DefenceReport

    Raises
    ------
    ModelError
        If the truth is not of one latent and two data dimensions, or a model has another D.
    SettingError
        If there is no such defence, or two models have one name.
    """
    chosen = settings or AttackSettings()
    truth = checked_truth(truth)
    models = {TRUTH: truth, **(learned or {})}
    _check(models, learned or {}, defences)
    classes = LatentClasses(chosen.splits)
    population = draw_population(
        truth, classes, size=chosen.size, repeats=chosen.repeats,
        seed=spawned_seed(chosen.seed, 0),
    )  # fmt: skip
    bayes = BayesClassifier(truth, classes)
    density, odds = bayes.log_joint(population.points)
    right = ((odds > 0.0) == population.classes).astype(float)
    classifier = attacked_classifier(bayes, density, chosen)
    z, clean = truth.sample(_CLEAN, spawned_seed(chosen.seed, 1))
    comparison = _Comparison(truth, population, chosen, (clean, classes.of(z)))
    with progress.task(f"defend {truth.name}"[:40], 1 + len(models) * len(defences)) as advance:
        plain = Defended(UNDEFENDED, classifier)
        outcomes = [comparison.of(TRUTH, truth, plain)]
        advance(1)
        for name, model in models.items():
            for one in defences:
                limits = DefenceSettings(chosen.false_rejections, chosen.reach)
                defended = defence(one, model, classifier, clean, limits)
                outcomes.append(comparison.of(name, model, defended))
                advance(1)
    return DefenceReport(truth, chosen, population.share(right, right), tuple(outcomes), models)


def checked_truth(model: GenerativeModel) -> GenerativeModel:
    """Return a model as a ground truth that defences can be compared on.

    Parameters
    ----------
    model : GenerativeModel
        Any.

    Returns
    -------
    GenerativeModel

    Raises
    ------
    ModelError
        If it is not of one latent and two data dimensions.
    """
    truth = as_generative(model)
    if truth.data_dim != 2:
        raise ModelError(
            f"{truth.name}: has D = {truth.data_dim}, and the worst attack is found for D = 2"
        )
    return truth


def _check(
    models: Mapping[str, GenerativeModel],
    learned: Mapping[str, GenerativeModel],
    defences: Sequence[str],
) -> None:
    if TRUTH in learned:
        raise SettingError(f"'{TRUTH}' is what the ground truth is called")
    for name in defences:
        if name not in DEFENCES:
            raise SettingError(f"there is no defence '{name}': {nearest(name, DEFENCES)}")
    for model in models.values():
        if model.data_dim != 2 or model.latent_dim > 2:
            raise ModelError(
                f"{model.name}: defences are compared for decoders of one latent or two, and D = 2"
            )


class _Comparison:
    """Attacks defended classifiers on one population, and compares them draw by draw."""

    def __init__(
        self,
        truth: GenerativeModel,
        population: Population,
        settings: AttackSettings,
        draws: tuple[Points, Counts],
    ) -> None:
        self.truth = truth
        self._draws = draws
        self.population = population
        self.settings = settings
        self._with_truth: dict[str, _Bounds] = {}

    def of(self, name: str, model: GenerativeModel, defended: Defended) -> DefenceOutcome:
        """Attack a defended classifier."""
        population, chosen = self.population, self.settings
        labels = population.classes
        found = self._attacked(defended)
        parts = [found.withstood(labels, epsilon) for epsilon in chosen.epsilons]
        bounds = _Bounds([part[0] for part in parts], [part[1] for part in parts])
        self._with_truth.setdefault(defended.name, bounds)
        right = (found.decision == labels).astype(float)
        refused = (found.decision == REJECTED).astype(float)
        return DefenceOutcome(
            model=name,
            noise_variance=tuple(model.noise_variance.tolist()),
            latents=model.latent_dim,
            defence=defended.name,
            clean=population.share(right, right),
            false_rejections=population.share(refused, refused),
            attacked=tuple(
                population.share(low.astype(float), high.astype(float))
                for low, high in zip(bounds.surely, bounds.perhaps, strict=True)
            ),
            fall=self._less(self._with_truth[defended.name], bounds),
            gain=self._less(bounds, self._with_truth[UNDEFENDED]),
            pgd=self._by_gradients(defended),
        )

    def _attacked(self, defended: Defended) -> WorstCase:
        chosen, points = self.settings, self.population.points
        decisions = decision_map(
            defended.decide, points, scale=self.truth.sigma,
            reach=chosen.epsilons[-1] + _BEYOND, step=chosen.step, levels=chosen.levels,
        )  # fmt: skip
        return worst_case(decisions, defended, points, self.population.classes)

    def _less(self, one: _Bounds, other: _Bounds) -> tuple[Estimate, ...]:
        """Return by how much more x withstand under one than under the other, for each ε."""
        if one is other:
            return tuple(Estimate(0.0, 0.0) for _ in one.surely)
        return tuple(
            self.population.share(
                low.astype(float) - other_high.astype(float),
                high.astype(float) - other_low.astype(float),
            )
            for low, high, other_low, other_high in zip(
                one.surely, one.perhaps, other.surely, other.perhaps, strict=True
            )
        )

    def _by_gradients(self, defended: Defended) -> tuple[Estimate, ...]:
        chosen = self.settings
        if not chosen.pgd:
            return ()
        x, y = self._draws[0][: chosen.pgd], self._draws[1][: chosen.pgd]
        right = defended.decide(x) == y
        found = []
        for number, epsilon in enumerate(chosen.epsilons):
            seed = spawned_seed(chosen.seed, 2, number)
            broken = pgd_attack(defended, x, y, epsilon, self.truth.sigma, PgdSettings(seed=seed))
            found.append(sample_mean((right & ~broken).astype(float), one_draw=1.0))
        return tuple(found)
