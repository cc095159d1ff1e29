"""What the few labels alone are good for: logistic regression on the labelled rows of each split.

It sees no unlabelled x: a semi-supervised model should beat it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from theorycheck.cohorts._accuracy import Accuracy, accuracy
from theorycheck.cohorts._held_out import Spread, spread
from theorycheck.cohorts._logistic import fit_logistic
from theorycheck.cohorts._splits import Split


@dataclass(frozen=True)
class Baseline:
    """Accuracy of logistic regression on held-out rows, over splits.

    Parameters
    ----------
    labelled : Spread
        Balanced accuracy, trained on the rows whose label is observed.
    labelled_accuracy : Spread
        Plain accuracy of the same.
    everything : Spread
        Balanced accuracy, trained on all labels, the hidden ones too: what there is to gain.
    """

    labelled: Spread
    labelled_accuracy: Spread
    everything: Spread

    def to_dict(self) -> dict[str, object]:
        """Return the three spreads for JSON."""
        return {
            "balanced_accuracy": self.labelled.to_dict(),
            "accuracy": self.labelled_accuracy.to_dict(),
            "balanced_accuracy_with_all_labels": self.everything.to_dict(),
        }


def label_baseline(splits: Sequence[Split]) -> Baseline:
    """Fit logistic regressions to the labels of every split, and test them on its held-out rows.

    Parameters
    ----------
    splits : sequence of Split
        Two at least.

    Returns
    -------
    Baseline

    Raises
    ------
    SettingError
        If there are fewer than two splits.
    """
    few: list[Accuracy] = []
    every: list[Accuracy] = []
    for split in splits:
        classes = len(split.cohort.classes)
        for found, rows in ((few, split.observed), (every, np.ones_like(split.observed))):
            model = fit_logistic(split.x[rows], split.y[rows], classes)
            found.append(accuracy(model.class_posterior(split.test_x), split.test_y))
    return Baseline(
        labelled=spread([one.balanced for one in few]),
        labelled_accuracy=spread([one.plain for one in few]),
        everything=spread([one.balanced for one in every]),
    )
