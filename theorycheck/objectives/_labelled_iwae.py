"""What the IWAE bounds of a labelled model miss, averaged over p(x): PMO_U and PMO_L at S draws.

PMO_L is E[log p_f(x, y) − L_S(x, y)], PMO_U is E[log p_f(x) − U_S(x)] for two different U_S
(`theorycheck.inference.labelled_iwae_bound`): with the importance average inside the sum over y, at
the best q of a family, and over pairs (y, z) drawn together, at the same q. At S = 1 all are those
of the ELBO.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import SupportsIndex

import numpy as np

from theorycheck.arrays import Array
from theorycheck.estimate import Estimate
from theorycheck.inference import (
    CONDITIONAL,
    FACTORISED,
    DataRule,
    ExactLabelled,
    Family,
    ImportanceBound,
    checked_family,
    checked_samples,
    data_rule,
    inside_iwae_bound,
    joint_iwae_bound,
    labelled_iwae_bound,
    shared_iwae_bound,
)
from theorycheck.models import LabelledModel
from theorycheck.objectives._iwae_objective import (
    BATCH,
    IGNORED_MASS,
    LARGEST_GAP,
    STEP,
    joined_bounds,
)
from theorycheck.objectives._labelled_objective import check_same_labels
from theorycheck.progress import NO_PROGRESS, Progress


@dataclass(frozen=True)
class LabelledIwae:
    """What the IWAE bounds of S draws miss of log p_f, averaged over the data, nats.

    Parameters
    ----------
    samples : int
        S.
    family : Family
        What q may be in U_S.
    pmo_u_inside : Estimate
        E[log p_f(x) − U_S(x)], the importance average inside the sum over y: U_S = log Σ exp L_S
        at its best q of the family. An upper bound in so far as the search for q is no proof.
    pmo_u_joint : Estimate
        The same for S draws of (y, z), at the q that is best for the other: an upper bound of what
        its own best q would leave.
    pmo_l : Estimate
        E[log p_f(x, y) − L_S(x, y)] over the data's x and y, each class at its best q(z|x, y).
    """

    samples: int
    family: Family
    pmo_u_inside: Estimate
    pmo_u_joint: Estimate
    pmo_l: Estimate

    def to_dict(self) -> dict[str, object]:
        """Return the figures for JSON."""
        return {
            "samples": self.samples,
            **self.family.to_dict(),
            "pmo_u_inside": self.pmo_u_inside.to_dict(),
            "pmo_u_joint": self.pmo_u_joint.to_dict(),
            "pmo_l": self.pmo_l.to_dict(),
        }


def labelled_iwae(
    model: LabelledModel,
    data: LabelledModel | None = None,
    *,
    samples: SupportsIndex,
    family: Family = CONDITIONAL,
    step: float = STEP,
    size: int = 128,
    repeats: int = 16,
    seed: int = 0,
    progress: Progress = NO_PROGRESS,
) -> LabelledIwae:
    """Average what the IWAE bounds of a labelled model miss of log p_f.

    Parameters
    ----------
    model : LabelledModel
        The f_y under test.
    data : LabelledModel, optional
        The ground truth; by default the model itself.
    samples : int
        S.
    family : Family
        What q may be in U_S: CONDITIONAL or FACTORISED.
    step : float
        Step in σ of the data grid, D <= 2.
    size, repeats, seed : int
        Quasi-Monte Carlo for D > 2: points a repetition, repetitions, seed.
    progress : Progress
        What is told how far the work is.

    Returns
    -------
    LabelledIwae
        Radii as those of :func:`theorycheck.objectives.iwae_objective`: the coarser rules in the
        grid for D <= 2, five standard errors beyond.

    Raises
    ------
    ModelError
        If model and data differ in D, the number of classes, or the prior of the labels, or the
        family is not one of labelled models.
    SettingError
        If S is no integer from 1 to 10⁹.
    DecoderError
        If an f misbehaves at a quadrature node.
    """
    count = checked_samples(samples)
    truth = model if data is None else data
    check_same_labels(model, truth)
    source = ExactLabelled(truth)
    exact = source if truth is model else ExactLabelled(model)
    checked_family(exact, family)
    rule = data_rule(source, step=step, ignored=IGNORED_MASS, size=size, repeats=repeats, seed=seed)
    return _averages(exact, source, rule, family, count, progress)


def _averages(
    exact: ExactLabelled, source: ExactLabelled, rule: DataRule, family: Family, samples: int,
    progress: Progress,
) -> LabelledIwae:  # fmt: skip
    """Average log p_f − U_S of either kind, and log p_f(x, y) − L_S of every class by p(y|x)."""
    classes, class_errors, inside, joint = _bounds(exact, rule.x, family, samples, progress)
    p_f = exact.log_density(rule.x)
    log_joint, relative, _ = exact.log_joint(rule.x)
    share, off = source.class_posterior(rule.x)
    with np.errstate(invalid="ignore"):
        gaps = np.where(share > 0.0, log_joint - classes, 0.0)
        errors = np.where(share > 0.0, share * (relative + class_errors), 0.0) + off * np.abs(gaps)
    unlabelled = [
        rule.average(p_f.value - bound.value, p_f.relative_error + bound.error, unseen=LARGEST_GAP)
        for bound in (inside, joint)
    ]
    labelled = rule.average((share * gaps).sum(axis=0), errors.sum(axis=0), unseen=LARGEST_GAP)
    return LabelledIwae(samples, family, unlabelled[0], unlabelled[1], labelled)


def _bounds(
    exact: ExactLabelled, x: Array, family: Family, samples: int, progress: Progress
) -> tuple[Array, Array, ImportanceBound, ImportanceBound]:
    """Compute L_S of all classes (C, n) with errors, and both U_S, in batches."""
    classes, inside, joint = [], [], []
    with progress.task(f"IWAE bounds, S = {samples}", len(x)) as advance:
        for start in range(0, len(x), BATCH):
            batch = x[start : start + BATCH]
            own = labelled_iwae_bound(exact, batch, samples)
            classes.append(own)
            q = own
            if family == FACTORISED:
                q = shared_iwae_bound(exact, batch, samples, own=own)
            inside.append(inside_iwae_bound(q))
            joint.append(
                joint_iwae_bound(exact, batch, samples, q.log_class_posterior, q.mean, q.scale)
            )
            advance(len(batch))
    value = np.concatenate([part.value for part in classes], axis=1)
    error = np.concatenate([part.error for part in classes], axis=1)
    return value, error, joined_bounds(inside), joined_bounds(joint)
