"""The task that defences are compared on, and what each of them does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from theorycheck.arrays import PerPoint
from theorycheck.downstream._classes import (
    BayesClassifier,
    Classifier,
    LatentClasses,
    OffManifoldClassifier,
    log_density_quantile,
)
from theorycheck.downstream._defences import DefenceSettings
from theorycheck.downstream._projection import REACH
from theorycheck.errors import SettingError, nearest
from theorycheck.estimate import Estimate
from theorycheck.models import GenerativeModel

#: Bayes' classifier, or what agrees with it where p(x) is high and is wrong elsewhere.
CLASSIFIERS = ("off-manifold", "bayes")


@dataclass(frozen=True)
class AttackSettings:
    """The task and the attack that defences are compared on.

    Parameters
    ----------
    epsilons : tuple of float
        Radii of the attacker's ball, in σ of the ground truth, ascending and above 0.
    splits : tuple of float
        Thresholds of z between the classes 0, 1, 0, …
    classifier : {"off-manifold", "bayes"}
        Bayes' classifier, or what agrees with it where p(x) is high and is wrong elsewhere.
    untrusted : float
        Share of clean x beyond the part of the plane where "off-manifold" is right.
    false_rejections : float
        Share of clean x that defences which refuse are set to refuse.
    reach : float
        |z_k| up to which z belongs to the image that x is projected on, or is far from.
    size, repeats : int
        Draws a repetition, and repetitions.
    pgd : int
        x at which projected gradients attack as well; 0 for none.
    step : float
        Width of a map's first cells, σ.
    levels : int
        How often a map's cells are cut in four.
    seed : int
        Seed of all draws.

    Raises
    ------
    SettingError
        If one of them is out of range.
    """

    epsilons: tuple[float, ...] = (1.0, 2.0, 3.0)
    splits: tuple[float, ...] = (0.0,)
    classifier: str = "off-manifold"
    untrusted: float = 1e-3
    false_rejections: float = 0.01
    reach: float = REACH
    size: int = 512
    repeats: int = 16
    pgd: int = 0
    step: float = 0.5
    levels: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.epsilons or any(not 0.0 < e < np.inf for e in self.epsilons):
            raise SettingError("an attack needs at least one ε, each positive and finite")
        if list(self.epsilons) != sorted(set(self.epsilons)):
            raise SettingError(f"the ε must ascend, not {list(self.epsilons)}")
        if self.classifier not in CLASSIFIERS:
            known = nearest(self.classifier, CLASSIFIERS)
            raise SettingError(f"there is no classifier '{self.classifier}': {known}")
        if not 0.0 < self.untrusted < 1.0:
            raise SettingError(f"the untrusted share must be between 0 and 1: {self.untrusted}")
        if not 0.0 < self.step <= 2.0 or not 0 <= self.levels <= 10 or self.pgd < 0:
            raise SettingError("a map needs a step up to 2 σ and from 0 to 10 levels")
        LatentClasses(self.splits)
        DefenceSettings(self.false_rejections, self.reach)


def attacked_classifier(
    bayes: BayesClassifier, log_density: PerPoint, settings: AttackSettings
) -> Classifier:
    """Return the classifier that is attacked.

    Parameters
    ----------
    bayes : BayesClassifier
        Bayes' classifier of the ground truth.
    log_density : ndarray, shape (n,)
        log p(x) at draws from p(x), nats: what is off the manifold is judged by their quantile.
    settings : AttackSettings
        Which classifier, and the quantile.

    Returns
    -------
    Classifier
    """
    if settings.classifier == "bayes":
        return bayes
    return OffManifoldClassifier(bayes, log_density_quantile(log_density, settings.untrusted))


@dataclass(frozen=True, eq=False)
class DefenceOutcome:
    """What one defence, with one model in it, does.

    Parameters
    ----------
    model : str
        Which model the defence uses.
    noise_variance : tuple of float
        Its σ², squared data units.
    latents : int
        Its K.
    defence : str
        The defence.
    clean : Estimate
        Share of x that are accepted and classified rightly.
    false_rejections : Estimate
        Share of x that are refused.
    attacked : tuple of Estimate
        For each ε the share of x that are accepted and classified rightly, and for which no x′
        within ε is accepted and classified wrongly.
    fall : tuple of Estimate
        For each ε how much less that is than with the truth in the same defence, draw by draw.
    gain : tuple of Estimate
        For each ε how much more it is than without a defence.
    pgd : tuple of Estimate
        For each ε the share that attacks by gradients leave; empty where there were none.
    """

    model: str
    noise_variance: tuple[float, ...]
    latents: int
    defence: str
    clean: Estimate
    false_rejections: Estimate
    attacked: tuple[Estimate, ...]
    fall: tuple[Estimate, ...]
    gain: tuple[Estimate, ...]
    pgd: tuple[Estimate, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Return the entries for JSON."""
        return {
            "model": self.model,
            "noise_variance": list(self.noise_variance),
            "latents": self.latents,
            "defence": self.defence,
            "clean": self.clean.to_dict(),
            "false_rejections": self.false_rejections.to_dict(),
            "attacked": [one.to_dict() for one in self.attacked],
            "fall": [one.to_dict() for one in self.fall],
            "gain": [one.to_dict() for one in self.gain],
            "pgd": [one.to_dict() for one in self.pgd],
        }


@dataclass(frozen=True, eq=False)
class DefenceReport:
    """Defences compared on one task, with several models in them.

    Parameters
    ----------
    truth : GenerativeModel
        The ground truth.
    settings : AttackSettings
        Task and attack.
    bayes : Estimate
        Share of x that Bayes' classifier gets right: no classifier gets more.
    outcomes : tuple of DefenceOutcome
        The undefended classifier first, then model by model.
    models : mapping of str to GenerativeModel
        The models, the truth first.
    """

    truth: GenerativeModel
    settings: AttackSettings
    bayes: Estimate
    outcomes: tuple[DefenceOutcome, ...]
    models: Mapping[str, GenerativeModel] = field(repr=False)

    def outcome(self, model: str, defence: str) -> DefenceOutcome:
        """Return what a defence does with a model in it.

        Parameters
        ----------
        model, defence : str
            Their names.

        Returns
        -------
        DefenceOutcome

        Raises
        ------
        KeyError
            If there is none.
        """
        for one in self.outcomes:
            if (one.model, one.defence) == (model, defence):
                return one
        raise KeyError(f"{defence} with {model}")

    def to_dict(self) -> dict[str, object]:
        """Return what ``theorycheck defend --json`` prints."""
        chosen = self.settings
        return {
            "model": self.truth.name,
            "noise_variance": self.truth.noise_variance.tolist(),
            "classes": list(chosen.splits),
            "classifier": chosen.classifier,
            "untrusted": chosen.untrusted,
            "target_false_rejections": chosen.false_rejections,
            "reach": chosen.reach,
            "epsilons": list(chosen.epsilons),
            "draws": chosen.size * chosen.repeats,
            "seed": chosen.seed,
            "bayes": self.bayes.to_dict(),
            "outcomes": [one.to_dict() for one in self.outcomes],
        }
