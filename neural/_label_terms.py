"""Makes the terms of the objective from a run's networks, for either kind of label."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from neural._continuous_label_objectives import (
    continuous_labelled_bound,
    continuous_unlabelled_bound,
    label_encoder,
)
from neural._label_networks import LabelNetworks
from neural._label_objectives import (
    Constants,
    class_log_posterior,
    label_term,
    labelled_bound,
    unlabelled_bound,
    unlabelled_posterior,
)
from neural._label_posteriors import GaussianLabel, LabelPosterior, TableLabel
from neural._label_settings import LabelSettings
from neural._lagging import label_information, pair_information
from neural._networks import Architecture, gaussian
from neural._stepper import INFORMATION_POINTS, for_restarts
from neural._streams import Stream, stream_seed
from theorycheck.inference import FACTORISED, FLEXIBLE, NAIVE
from theorycheck.models import ContinuousLabelModel

#: Points of the mutual information where the label is continuous: all pairs of them are encoded.
_PAIRED = 128


class ClassData(Protocol):
    """Describes what networks of classes need to know of their data."""

    @property
    def count(self) -> int:
        """Number of classes C."""
        ...

    @property
    def data_dim(self) -> int:
        """Number of data dimensions D."""
        ...

    @property
    def log_prior(self) -> NDArray[np.float64]:
        """Return log π, shape (C,), or (P, C) where each of P streams has its own."""
        ...

    @property
    def noise_variance(self) -> NDArray[np.float64]:
        """σ² where it is held, else at the start: shape (D,), or (P, 1) for P streams."""
        ...


class LabelTerms(Protocol):
    """Describes networks with labels and what is estimated from them.

    Attributes
    ----------
    networks : LabelNetworks
    columns, used : int
        Columns of noise that are drawn for U where it is measured, and that U takes.
    latents : int
        K, the columns that L takes.
    """

    networks: LabelNetworks
    columns: int
    used: int
    latents: int

    def unlabelled(self, x: Any, noise: Any) -> Any:
        """Return U of x (R or 1, B, D), with noise (R, S, used, B), shape (R, B)."""
        ...

    def labelled(self, x: Any, y: Any, noise: Any) -> Any:
        """Return L of x and y (R or 1, B), with noise (R, S, K, B), shape (R, B)."""
        ...

    def label_term(self, x: Any, y: Any) -> Any:
        """Return log q(y|x), shape (R, B)."""
        ...

    def information(self, points: Any, generator: Any) -> Any:
        """Measure I_q(x; y, z) over points (R, n, D), shape (R,), nats."""
        ...


class ClassTerms:
    """Estimates the terms where y is one of C classes.

    Parameters
    ----------
    data : ClassData
        A labelled model, or the splits of a table.
    chosen : LabelSettings
    device : str
    """

    def __init__(self, data: ClassData, chosen: LabelSettings, device: str) -> None:
        settings = chosen.training
        factorised = chosen.objective.family == FACTORISED
        start = np.atleast_2d(settings.noise_start * data.noise_variance)
        trained = start.shape[1] if settings.learn_noise else 0
        self.networks = _begun(data, chosen, device, data.count, factorised, None, trained)
        self.latents = chosen.latents
        self.columns = data.count * self.latents
        self.used = self.latents if factorised else self.columns
        log_variance = row_for_restarts(np.log(start), settings.restarts, device)
        if settings.learn_noise:
            own = self.networks.decoder.extra
            with torch.no_grad():
                own.copy_(log_variance.expand_as(own))
            log_variance = own
        log_prior = row_for_restarts(np.atleast_2d(data.log_prior), settings.restarts, device)
        self.constants = Constants(log_prior, log_variance)
        self._bound = str(chosen.bound)

    def unlabelled(self, x: Any, noise: Any) -> Any:
        """Return U."""
        noise = noise.unflatten(2, (-1, self.latents)).transpose(3, 4)
        return unlabelled_bound(self.networks, self.constants, x, noise, self._bound)

    def labelled(self, x: Any, y: Any, noise: Any) -> Any:
        """Return L."""
        noise = noise.transpose(2, 3)
        return labelled_bound(self.networks, self.constants, x, y.long(), noise, self._bound)

    def label_term(self, x: Any, y: Any) -> Any:
        """Return log q(y|x)."""
        return label_term(self.networks, x, y.long())

    def information(self, points: Any, generator: Any) -> Any:
        """Measure I_q(x; y, z), y summed out."""
        x = points[:, :INFORMATION_POINTS]
        log_r = class_log_posterior(self.networks, x)
        shape = (*log_r.shape, self.latents)
        mean, log_scale = (part.expand(shape) for part in unlabelled_posterior(self.networks, x))
        shape = (1, *shape[1:])
        noise = torch.randn(shape, generator=generator, device=points.device)
        return label_information(mean, log_scale, log_r, noise)


class ContinuousTerms:
    """Estimates the terms where y ~ N(0, 1).

    Parameters
    ----------
    data : ContinuousLabelModel
    chosen : LabelSettings
    device : str
    """

    #: One column for y, one for z.
    columns = used = 2
    latents = 1

    def __init__(self, data: ContinuousLabelModel, chosen: LabelSettings, device: str) -> None:
        family = chosen.objective.family
        self.posterior: LabelPosterior = TableLabel() if family == FLEXIBLE else GaussianLabel()
        self.networks = _begun(data, chosen, device, 1, family == NAIVE, self.posterior.outputs)
        if family == FLEXIBLE:
            # A table begins as the prior: draws of one that begins ragged have gradients that
            # scatter so much that some restarts never leave it.
            with torch.no_grad():
                for weight in self.networks.classifier.weights[-2:]:
                    weight.zero_()
        nothing = torch.zeros(0, device=device)
        log_variance = torch.from_numpy(data.noise_variance.copy()).float().to(device).log()
        self._constants = Constants(nothing, log_variance)
        self._bound = str(chosen.bound)

    def unlabelled(self, x: Any, noise: Any) -> Any:
        """Return U."""
        return continuous_unlabelled_bound(
            self.networks, self.posterior, self._constants, x, noise, self._bound
        )

    def labelled(self, x: Any, y: Any, noise: Any) -> Any:
        """Return L."""
        noise = noise.transpose(2, 3)
        return continuous_labelled_bound(self.networks, self._constants, x, y, noise, self._bound)

    def label_term(self, x: Any, y: Any) -> Any:
        """Return log q(y|x)."""
        output = self.networks.classifier(x.expand(self.networks.classifier.restarts, -1, -1))
        y = y.expand(len(output), -1)[:, None]
        normal = torch.distributions.Normal(0.0, 1.0)
        return (normal.log_prob(y) - self.posterior.log_ratio(output, y))[:, 0]

    def information(self, points: Any, generator: Any) -> Any:
        """Measure I_q(x; y, z), one pair drawn for each x."""
        x = points[:, :_PAIRED]
        restarts, count, _ = x.shape
        noise = torch.randn(2, count, generator=generator, device=points.device)
        output = self.networks.classifier(x)
        y, _ = self.posterior.drawn(output, noise[:1].expand(restarts, 1, -1))
        # Every label at every x: rows are labels, columns x.
        every = y.transpose(1, 2).expand(-1, -1, count)
        if self.networks.shared is None:
            mean, log_scale = (part[..., 0] for part in label_encoder(self.networks, x, every))
        else:
            mean, log_scale = (
                part[:, None, :, 0].expand(-1, count, -1)
                for part in gaussian(self.networks.shared(x))
            )
        own_mean, own_scale = (
            part.diagonal(dim1=1, dim2=2)[:, :, None] for part in (mean, log_scale)
        )
        z = own_mean + own_scale.exp() * noise[1][:, None]
        log_q = -self.posterior.log_ratio(output, every)
        return pair_information(z, mean, log_scale, log_q)


def label_terms(
    data: ClassData | ContinuousLabelModel, chosen: LabelSettings, device: str
) -> LabelTerms:
    """Begin the networks of a run and return the terms of its objective.

    Parameters
    ----------
    data : ClassData or ContinuousLabelModel
    chosen : LabelSettings
    device : str

    Returns
    -------
    LabelTerms
    """
    if isinstance(data, ContinuousLabelModel):
        return ContinuousTerms(data, chosen, device)
    return ClassTerms(data, chosen, device)


def row_for_restarts(values: NDArray[np.float64], restarts: int, device: str) -> Any:
    """Return the rows of P streams, (P, n), as a tensor with a row for each restart."""
    return for_restarts(torch.from_numpy(values.copy()).float().to(device), restarts)


def _begun(
    data: ClassData | ContinuousLabelModel,
    chosen: LabelSettings,
    device: str,
    inputs: int,
    factorised: bool,
    outputs: int | None,
    noise_variances: int = 0,
) -> LabelNetworks:
    settings = chosen.training
    return LabelNetworks.begun(
        inputs,
        Architecture(data.data_dim, settings.hidden, settings.activation, chosen.latents),
        settings.restarts,
        factorised=factorised,
        generator=torch.Generator().manual_seed(stream_seed(settings, Stream.WEIGHTS)),
        device=device,
        outputs=outputs,
        noise_variances=noise_variances,
    )
