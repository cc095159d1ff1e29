"""More latents, on decoders whose informativeness is known in closed form."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from theorycheck.downstream import MoreLatents, compress, measured
from theorycheck.downstream._compression import _best_of
from theorycheck.errors import SettingError
from theorycheck.estimate import Estimate, Verdict
from theorycheck.models import GenerativeModel, decoder_from_grid_table, load_model

_NOISE, _SLOPE = 0.5, 1.5
#: I(x; z) of x = 3z/2 + N(0, 1/2), whose posterior is the best q.
_KNOWN = 0.5 * math.log(1.0 + _SLOPE**2 / _NOISE)


@dataclass(frozen=True)
class Parts:
    """What is asked of a decomposition."""

    model: GenerativeModel
    excess: Estimate


def _model(text: str) -> GenerativeModel:
    return load_model(text, noise_variance=_NOISE)


def test_a_latent_that_is_not_used() -> None:
    data = _model("expr:1.5*z")
    one, two = (measured(m, data) for m in (data, _model("expr:1.5*z1 + 0*z2")))
    assert (one.latents, one.active) == (1, 1)
    assert (two.latents, two.active) == (2, 1)
    assert one.information.mean.contains(_KNOWN)
    assert one.information.mean.error < 1e-5
    assert two.information.mean.contains(0.5 * _KNOWN)
    assert two.information.joint.contains(_KNOWN)
    step = MoreLatents(one, two)
    # J is 0 of both: nothing is gained; the mean falls for the number of latents alone.
    assert step.gain.contains(0.0)
    assert step.preferred.verdict is not Verdict.HOLDS
    assert step.less_informative.verdict is Verdict.HOLDS
    assert step.less_in_all.verdict is Verdict.FAILS
    assert step.posterior_less_informative is not None
    assert step.posterior_less_informative.verdict is Verdict.HOLDS


def test_a_latent_shared_by_two() -> None:
    """The same p(x) from two latents at 45°: a mean-field q costs, and J rises from 0."""
    data = _model("expr:1.5*z")
    turned = measured(_model("expr:1.5*(z1 + z2)/sqrt(2)"), data)
    half = 0.5 * _SLOPE**2 / _NOISE
    cost = math.log(1.0 + half) - 0.5 * math.log(1.0 + 2.0 * half)
    assert turned.decomposition.pmo.contains(cost)
    step = MoreLatents(measured(data, data), turned)
    assert step.preferred.verdict is Verdict.FAILS
    assert step.simpler.verdict is Verdict.FAILS
    assert step.gain.contains(-cost)


@pytest.mark.parametrize(
    ("latents", "least_fall"), [((), 0.1), ((1, 1), 0.1), ((1, 7), 0.1), ((1, 2), 1.0)]
)
def test_refused(latents: tuple[int, ...], least_fall: float) -> None:
    with pytest.raises(SettingError, match=r"latents|least fall"):
        compress(_model("expr:1.5*z"), latents, least_fall=least_fall)


def test_a_better_decoder_of_fewer_latents_counts_for_fewer() -> None:
    """What a search with more latents found without using them says that the other fell short."""
    axis = np.linspace(-1.0, 1.0, 5)
    values = np.broadcast_to(1.5 * axis[:, None, None], (5, 5, 1))
    unused = GenerativeModel(decoder_from_grid_table([axis, axis], values.copy()), _NOISE)
    using = GenerativeModel(
        decoder_from_grid_table([axis, axis], values + 0.1 * axis[:, None]), _NOISE
    )

    def optimum(model: GenerativeModel, excess: float) -> Any:
        parts = Parts(model, Estimate(excess, 1e-6))
        return SimpleNamespace(
            model=model, latents=model.latent_dim, excess=parts.excess, decomposition=parts,
            objective=SimpleNamespace(name="ELBO"),
        )  # fmt: skip

    line = optimum(_model("expr:1.5*z"), 0.4)
    for found, expected in (
        (optimum(unused, 0.3), (0.3, 0.3)),
        (optimum(using, 0.3), (0.4, 0.3)),
        (optimum(unused, 0.5), (0.4, 0.4)),
    ):
        best = _best_of([line, found])
        assert [one.latents for one in best] == [1, 2]
        assert tuple(one.decomposition.excess.value for one in best) == expected
        assert best[0].decomposition.model.latent_dim == 1
