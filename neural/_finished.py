"""Says which restart of a run that has ended is selected."""

from __future__ import annotations

from typing import Any

import numpy as np

from neural._settings import TrainingSettings
from theorycheck.errors import SettingError


class Finished:
    """Selects restarts by their objective on validation data.

    Attributes
    ----------
    objective, objective_error : ndarray, shape (R,)
        Negative bound on the validation data, nats, and its standard error.
    """

    objective: Any
    objective_error: Any

    @property
    def settings(self) -> TrainingSettings:
        """Return what was asked for."""
        raise NotImplementedError

    @property
    def selected(self) -> int:
        """Return the restart with the best objective."""
        return int(np.argmin(self.objective))

    def best(self, seed: int, init: str | None = None) -> int:
        """Return the restart with the best objective of one stream of data.

        Parameters
        ----------
        seed : int
            0 to ``settings.seeds`` − 1.
        init : {"random", "ground_truth"}, optional
            Choose among the restarts that began there alone.

        Returns
        -------
        int

        Raises
        ------
        SettingError
            If none began there.
        """
        chosen = self.settings.of_seed(seed, init)
        if not chosen:
            raise SettingError(f"no restart of this run began at '{init}'")
        return min(chosen, key=lambda restart: float(self.objective[restart]))
