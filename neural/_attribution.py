"""Where the J of a trained network comes from: its objective, its encoder, its training.

    J by its own encoder  =  J of the predicted optimum   what the objective itself prefers
                          +  optimisation                 J with the best q − that
                          +  amortisation                 J by its own encoder − J with the best q

Every J is of the objective that the network was trained on: J_S at its S for an IWAE, J for VAE and
LIN. "Optimisation" is all that training left undone in f, the limits of the decoder's class
included. A network that ends above its own start was led astray by its encoder or its steps: what
it does says nothing about the objective.
"""

from __future__ import annotations

from dataclasses import dataclass

from neural._encoders import encoder_of_module
from neural._training import Trained
from theorycheck.estimate import Estimate, Verdict, positive
from theorycheck.evaluation import (
    Judged,
    own_excess,
)
from theorycheck.models import GenerativeModel
from theorycheck.objectives import Evaluated, Objective


@dataclass(frozen=True, eq=False)
class Attribution:
    """The parts of one network's J, in nats.

    Parameters
    ----------
    objective : Objective
        What it was trained on, and J is of.
    exact : Estimate
        J of its decoder with the q that is best for every x.
    own : Estimate or None
        J by its own encoder.
    predicted : Estimate or None
        J of the predicted optimum.
    start, own_start : Estimate or None
        The first two where its steps began.
    """

    objective: Objective
    exact: Estimate
    own: Estimate | None = None
    predicted: Estimate | None = None
    start: Estimate | None = None
    own_start: Estimate | None = None

    @property
    def amortisation(self) -> Estimate | None:
        """What the own encoder loses against the best q."""
        return None if self.own is None else self.own - self.exact

    @property
    def optimisation(self) -> Estimate | None:
        """What the decoder loses against the predicted optimum."""
        return None if self.predicted is None else self.exact - self.predicted

    @property
    def below_start(self) -> Verdict:
        """Whether J is below that of the own start, with the best q and by the own encoder.

        INCONCLUSIVE where the start is not known.
        """
        if self.start is None or self.own_start is None or self.own is None:
            return Verdict.INCONCLUSIVE
        return is_below(self.exact, self.start) & is_below(self.own, self.own_start)

    def about_objective(self, verdict: Verdict) -> Verdict:
        """Return what a network's verdict says about its objective.

        Parameters
        ----------
        verdict : Verdict
            Of a statement about what the network learned.

        Returns
        -------
        Verdict
            INCONCLUSIVE unless the network is below its own start.
        """
        return verdict if self.below_start is Verdict.HOLDS else Verdict.INCONCLUSIVE

    def to_dict(self) -> dict[str, object]:
        """Return plain values for JSON."""
        parts = {
            name: getattr(self, name)
            for name in (
                "exact", "own", "predicted", "amortisation", "optimisation", "start", "own_start",
            )
        }  # fmt: skip
        plain = {name: None if part is None else part.to_dict() for name, part in parts.items()}
        samples = self.objective.samples
        return {"samples": samples, **plain, "below_start": str(self.below_start)}


def attribute(
    trained: Trained, restart: int, judged: Judged, predicted: Evaluated | None = None
) -> Attribution:
    """Tell apart what objective, encoder and training contribute to a restart's J.

    Parameters
    ----------
    trained : Trained
    restart : int
    judged : Judged
        Of this restart.
    predicted : Evaluated, optional
        Optimum of the same objective.

    Returns
    -------
    Attribution

    Raises
    ------
    ValueError
        If the predicted optimum is that of another objective.
    """
    settings, data = trained.settings, trained.trainer.model
    objective = settings.objective
    if predicted is not None and predicted.objective != objective:
        raise ValueError(
            f"an optimum of the {predicted.objective.name}, a network of the {objective.name}"
        )
    entropy = judged.decomposition.entropy
    model = trained.model(restart)

    def by_own(decoder: GenerativeModel, module: object, known: Estimate | None = None) -> Estimate:
        return own_excess(
            decoder, data, encoder_of_module(module), entropy, objective=objective,
            negative_elbo=known, seed=settings.seed,
        )  # fmt: skip

    exact = judged.excess if objective.decomposed else objective.excess(model, data, rough=True)
    own = by_own(model, trained.encoder(restart), judged.negative_elbo)
    start = own_start = None
    if trained.knows_start:
        began, module = trained.start(restart)
        start, own_start = _at_start(began, data, objective, exact), by_own(began, module)
    return Attribution(
        objective=objective,
        exact=exact,
        own=own,
        predicted=None if predicted is None else predicted.excess,
        start=start,
        own_start=own_start,
    )


def _at_start(
    model: GenerativeModel, data: GenerativeModel, objective: Objective, end: Estimate
) -> Estimate:
    """Return J of a start with the best q; finely only where a rough J does not tell it apart."""
    exact = objective.excess(model, data, rough=True)
    if positive(exact - end) is Verdict.INCONCLUSIVE:
        exact = objective.excess(model, data)
    return exact


def is_below(ended: Estimate, started: Estimate) -> Verdict:
    """Judge whether a run ended below where it began, nats.

    A network whose J, at the optimal q, is above that of its own start says nothing about what the
    objective prefers: something else has moved it there.

    Parameters
    ----------
    ended, started : Estimate
        J.

    Returns
    -------
    Verdict
    """
    return positive(started - ended)
