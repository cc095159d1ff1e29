"""Where the J of a trained network comes from: its objective, its encoder, its training.

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
from theorycheck.evaluation import Judged, Predicted, own_iwae_excess, own_negative_elbo, samples_of
from theorycheck.models import GenerativeModel
from theorycheck.objectives import decompose, iwae_objective

#: Error radius wanted for J at a start, nats, and grid step in σ for J_S, whose radius is then 1e-4
#: to 2e-3 on figure8: a third of the time that the default step takes. Where that does not tell a
#: start from an end, the start is evaluated with the default step.
_START_TOLERANCE, _IWAE_STEP = 3e-3, 0.5


@dataclass(frozen=True, eq=False)
class Attribution:
    """The parts of one network's J, in nats.

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
        return positive(self.start - self.exact) & positive(self.own_start - self.own)

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
        return {"samples": self.samples, **plain, "below_start": str(self.below_start)}


def attribute(
    trained: Trained, restart: int, judged: Judged, predicted: Predicted | None = None
) -> Attribution:
    """Tell apart what objective, encoder and training contribute to a restart's J.

    Parameters
    ----------
    trained : Trained
    restart : int
    judged : Judged
        Of this restart.
    predicted : Predicted, optional
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
    if samples == 1:
        exact = judged.excess
        negative_elbo = judged.negative_elbo
        if negative_elbo is None:
            encoder = encoder_of_module(trained.encoder(restart))
            negative_elbo = own_negative_elbo(model, data, encoder, seed=settings.seed)
        own = negative_elbo - entropy
    else:
        exact = iwae_objective(model, data, samples=samples, step=_IWAE_STEP).excess
        encoder = encoder_of_module(trained.encoder(restart))
        own = own_iwae_excess(model, data, encoder, samples, seed=settings.seed)
    start = own_start = None
    if trained.knows_start:
        start, own_start = _at_start(*trained.start(restart), data, entropy, samples, exact)
    return Attribution(
        samples=samples,
        exact=exact,
        own=own,
        predicted=None if predicted is None else predicted.excess,
        start=start,
        own_start=own_start,
    )


def _at_start(
    model: GenerativeModel,
    module: object,
    data: GenerativeModel,
    entropy: Estimate,
    samples: int,
    end: Estimate,
) -> tuple[Estimate, Estimate]:
    """Return J_S of a start with the best q, and by its own encoder."""
    encoder = encoder_of_module(module)
    if samples == 1:
        exact = decompose(model, data, tolerance=_START_TOLERANCE).excess
        return exact, own_negative_elbo(model, data, encoder) - entropy
    exact = iwae_objective(model, data, samples=samples, step=_IWAE_STEP).excess
    if positive(exact - end) is Verdict.INCONCLUSIVE:
        exact = iwae_objective(model, data, samples=samples).excess
    return exact, own_iwae_excess(model, data, encoder, samples)
