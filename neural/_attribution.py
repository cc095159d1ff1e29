"""Tells where the J of a trained network comes from: its objective, its encoder, its training.

    J by its own encoder  =  J of the predicted optimum   what the objective itself prefers
                          +  optimisation                 J with the best q − that
                          +  amortisation                 J by its own encoder − J with the best q

Every J is of the objective that the network was trained on: J_S at its S for an IWAE, J = J_1 for
VAE and LIN. "Optimisation" is all that training left undone in f, the limits of the decoder's class
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
    samples_of,
)
from theorycheck.models import GenerativeModel
from theorycheck.objectives import Evaluated, decompose, iwae_objective

#: Error radius wanted for J at a start, nats, and grid step in σ for J_S, whose radius is then 1e-4
#: to 2e-3 on figure8: a third of the time that the default step takes. Where that does not tell a
#: start from an end, the start is evaluated with the default step.
_START_TOLERANCE, _IWAE_STEP = 3e-3, 0.5


@dataclass(frozen=True, eq=False)
class Attribution:
    """Holds the parts of one network's J, in nats.

    Parameters
    ----------
    samples : int
        S of its objective.
    exact : Estimate
        J_S of its decoder with the q that is best for every x.
    own : Estimate or None
        J_S by its own encoder.
    predicted : Estimate or None
        J_S of the predicted optimum.
    start, own_start : Estimate or None
        The first two where its steps began.
    """

    samples: int
    exact: Estimate
    own: Estimate | None = None
    predicted: Estimate | None = None
    start: Estimate | None = None
    own_start: Estimate | None = None

    @property
    def amortisation(self) -> Estimate | None:
        """Return what the network's encoder loses against the best q."""
        return None if self.own is None else self.own - self.exact

    @property
    def optimisation(self) -> Estimate | None:
        """Return what the decoder loses against the predicted optimum."""
        return None if self.predicted is None else self.exact - self.predicted

    @property
    def below_start(self) -> Verdict:
        """Judge whether J is below that of its start, by the best q and by the network's encoder.

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
            Verdict on a statement about what the network learned.

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
        return {"samples": self.samples, **plain, "below_start": str(self.below_start)}


def attribute(
    trained: Trained, restart: int, judged: Judged, predicted: Evaluated | None = None
) -> Attribution:
    """Tell apart what objective, encoder and training contribute to a restart's J.

    Parameters
    ----------
    trained : Trained
        The run.
    restart : int
        Number of the restart, from 0.
    judged : Judged
        The restart, evaluated exactly.
    predicted : Evaluated, optional
        Optimum of the same objective.

    Returns
    -------
    Attribution

    Raises
    ------
    ValueError
        If the predicted optimum is that of another S.
    """
    settings, data = trained.settings, trained.trainer.model
    samples = settings.samples if settings.method == "iwae" else 1
    if predicted is not None and samples_of(predicted) != samples:
        raise ValueError(f"an optimum for S = {samples_of(predicted)}, a network for S = {samples}")
    entropy = judged.decomposition.entropy
    model = trained.model(restart)

    def by_own(decoder: GenerativeModel, module: object, known: Estimate | None = None) -> Estimate:
        return own_excess(
            decoder, data, encoder_of_module(module), entropy, samples=samples,
            negative_elbo=known, seed=settings.seed,
        )  # fmt: skip

    exact = judged.excess
    if samples > 1:
        exact = iwae_objective(model, data, samples=samples, step=_IWAE_STEP).excess
    own = by_own(model, trained.encoder(restart), judged.negative_elbo)
    start = own_start = None
    if trained.knows_start:
        began, module = trained.start(restart)
        start, own_start = _at_start(began, data, samples, exact), by_own(began, module)
    return Attribution(
        samples=samples,
        exact=exact,
        own=own,
        predicted=None if predicted is None else predicted.excess,
        start=start,
        own_start=own_start,
    )


def _at_start(
    model: GenerativeModel, data: GenerativeModel, samples: int, end: Estimate
) -> Estimate:
    """Return J_S of a start with the best q."""
    if samples == 1:
        return decompose(model, data, tolerance=_START_TOLERANCE).excess
    exact = iwae_objective(model, data, samples=samples, step=_IWAE_STEP).excess
    if positive(exact - end) is Verdict.INCONCLUSIVE:
        exact = iwae_objective(model, data, samples=samples).excess
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
