"""How hard the label is to predict from x: a simple classifier on few labels."""

from __future__ import annotations

from theorycheck.cohorts import Cohort, accuracy, fit_logistic, mean_over_splits, split_cohort
from theorycheck.estimate import Estimate

#: Splits, and the share of the rows that each holds out.
_SPLITS, _TEST = 10, 0.2


def label_accuracy(cohort: Cohort, *, labelled_share: float, seed: int) -> Estimate:
    """Compute the balanced accuracy of logistic regression on few labels, on held-out rows.

    Parameters
    ----------
    cohort : Cohort
    labelled_share : float
        Share of the training rows whose label is seen.
    seed : int
        Of the splits.

    Returns
    -------
    Estimate
        Mean over ten splits; statistical.

    Raises
    ------
    SettingError
        If the share is out of range, or a class too small for the splits.
    """
    splits = split_cohort(
        cohort, count=_SPLITS, seed=seed, test_share=_TEST, labelled_share=labelled_share
    )
    found = []
    for split in splits:
        model = fit_logistic(split.x[split.observed], split.y[split.observed], len(cohort.classes))
        found.append(accuracy(model.class_posterior(split.test_x), split.test_y).balanced)
    return mean_over_splits(found, test_share=_TEST)
