"""C21, networks: whether they collapse on the Continuous Semi-Circle, and for which q(y|x).

Setting: continuous_semi_circle, γ = 1, α = 0, one x in ten labelled, fresh draws, f(y, z), q(z|·)
and q(y|x) networks. q(y|x) is a Gaussian, the paper's naive choice, with one q(z|x) for all y or
with q(z|x, y); or a table over y at each x (flexible) with q(z|x, y). IWAE, S = 20, by the average
inside the expectation over y, and by importance weights over pairs (y, z); docs/networks.md.
Statement: a naive q(y|x) causes functional collapse even in IWAE, when y is continuous.
Kind: one-sided, about trained networks.
Reference: section 5.2; the exact side of C21.
Protocol: three seeds each, two restarts of a seed, one of them from the ground truth; VAE 2,000
steps, IWAE 800. --networks full: ten restarts of a seed, twice the steps. Of each seed the restart
counts whose own objective is lowest on fresh validation draws.
Measured: exactly, of the network that counts: collapse = 1 − I_f(x; y)/I(x; y), MLEO_x, MLEO_xy.
Verdict rules: a network has collapsed where collapse is above 0.9 beyond its radius; it keeps the
label where it is below 0.9 (more than a tenth of I(x; y), as on the exact side), and keeps most of
it where it is below 0.5.
(a) "networks with a Gaussian q(y|x) collapse", for VAE with one q(z|x), VAE, IWAE inside, IWAE
    over pairs: verified if the networks of all three seeds have collapsed; refuted if all three
    keep the label and each has a J below that of collapsed f; else inconclusive: a network that
    training left above a collapsed f says nothing about the objective. J is that of the bound: of
    a VAE at the best q of its family, against the collapsed counterpart of the ground truth at its
    best q (no lower collapsed f is known); of an IWAE in the limit of S, against ℓγ I(x; y), which
    no collapsed f can be below.
(b) "with a flexible q(y|x) they keep most of the label", for VAE and IWAE inside: verified if all
    three do; refuted if all three have collapsed; else inconclusive.
(c) "it is the Gaussian that costs the label": for VAE and IWAE inside each, verified if every
    network with a Gaussian q(y|x) has a higher collapse than every one with a table, beyond the
    radii (nine pairs; by chance one time in twenty); refuted if every one has a lower; else
    inconclusive.
No network had been trained on this benchmark when these rules were written.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from theorycheck.claims import ClaimVerdict, Evidence
from theorycheck.estimate import Estimate, Verdict, positive
from theorycheck.inference import (
    FLEXIBLE,
    NAIVE,
    NAIVE_CONDITIONAL,
    NAIVE_IWAE,
    ExactContinuousLabel,
    Family,
)
from theorycheck.models import load_continuous_label_model
from theorycheck.objectives import ContinuousObjective, ContinuousValue, continuous_label_values
from theorycheck.rearrangements import collapsed_counterpart

if TYPE_CHECKING:
    from neural import ClaimRuns, LabelTrained

_NAME = "continuous_semi_circle"
_SHARE, _GAMMA = 0.1, 1.0
_SEEDS, _EACH = 3, 2
_COLLAPSED, _MOST = 0.9, 0.5
_STEPS = {"vae": 2_000, "iwae": 800}
#: Gaussian q(y|x): method, bound, family, and what it is called.
_GAUSSIAN = [
    ("vae", "elbo", NAIVE, "VAE, q(y|x) q(z|x)"),
    ("vae", "elbo", NAIVE_CONDITIONAL, "VAE"),
    ("iwae", "inside", NAIVE_CONDITIONAL, "IWAE, the average inside the expectation over y"),
    ("iwae", "pairs", NAIVE_CONDITIONAL, "IWAE, weights over pairs (y, z)"),
]
_FLEXIBLE = [("vae", "elbo"), ("iwae", "inside")]


@cache
def _source() -> ExactContinuousLabel:
    return ExactContinuousLabel(load_continuous_label_model(_NAME))


class _Seeds(NamedTuple):
    """The network of each seed that counts, judged in the limit of S, which needs no q of z."""

    trained: LabelTrained
    models: list[ExactContinuousLabel]
    values: list[ContinuousValue]

    def all_below(self, collapse: float) -> bool:
        return all(value.collapse.upper < collapse for value in self.values)

    @property
    def collapsed(self) -> bool:
        return all(value.collapse.lower > _COLLAPSED for value in self.values)


@pytest.fixture(scope="module")
def seeds(networks: ClaimRuns) -> Callable[[str, str, Family], _Seeds]:
    """Train a method with a family of q, once a session."""
    from neural import LabelSettings, train_labelled

    done: dict[tuple[str, str, str], _Seeds] = {}

    def train(method: str, bound: str, family: Family) -> _Seeds:
        key = (method, bound, family.key)
        if key not in done:
            steps, each = (2 * _STEPS[method], 10) if networks.full else (_STEPS[method], _EACH)
            given: dict[str, Any] = {"steps": steps, "seeds": _SEEDS, "restarts": _SEEDS * each}
            given["from_truth"] = _SEEDS * each // 2
            objective = ContinuousObjective(_GAMMA, _SHARE, family)
            chosen = LabelSettings.of(method, objective, bound=bound, **given)
            trained = train_labelled(_source().model, chosen)
            best = [trained.continuous_model(trained.best(k)) for k in range(_SEEDS)]
            models = [ExactContinuousLabel(one, _source().rule) for one in best]
            done[key] = _Seeds(trained, models, [_value(one, NAIVE_IWAE) for one in models])
        return done[key]

    return train


def _value(model: ExactContinuousLabel, family: Family) -> ContinuousValue:
    objective = ContinuousObjective(_GAMMA, _SHARE, family)
    return continuous_label_values(model, _source(), [objective])[0]


def _excess_in_the_limit(value: ContinuousValue, bound: str) -> Estimate:
    """Return J of an IWAE as S grows; over pairs the q(y|x) is no part of it."""
    if bound == "inside":
        return value.excess
    return value.mleo_x.scaled(1.0 - _SHARE) + value.mleo_xy.scaled(_SHARE * _GAMMA)


def _below_collapsed(found: _Seeds, method: str, bound: str, family: Family) -> list[Estimate]:
    """Return by how much J of each network is below that of collapsed f."""
    if method == "iwae":
        least = found.values[0].data_information.scaled(_SHARE * _GAMMA)
        return [least - _excess_in_the_limit(value, bound) for value in found.values]
    counterpart = collapsed_counterpart(_source().model, _source().rule)
    objective = ContinuousObjective(_GAMMA, _SHARE, family)
    least = continuous_label_values(counterpart, _source(), [objective])[0].excess
    return [least - _value(one, family).excess for one in found.models]


def _record(
    found: _Seeds,
    name: str,
    statement: str,
    verdict: ClaimVerdict,
    evidence: Callable[[Evidence], Evidence],
    more: dict[str, Any] | None = None,
) -> None:
    from neural import listed, protocol

    values = found.values
    evidence(
        Evidence(
            claim="C21",
            where="5.2",
            statement=f"{_NAME}: {statement}",
            kind="one-sided",
            measured={
                f"collapse, {name}": listed([one.collapse for one in values]),
                f"MLEO_x, {name}": listed([one.mleo_x for one in values]),
                f"MLEO_xy, {name}": listed([one.mleo_xy for one in values]),
                "I(x; y) of the data": values[0].data_information,
                **(more or {}),
            },
            predicted="collapse with a naive q(y|x), even in IWAE",
            margin=None,
            verdict=verdict,
            over=f"γ = {_GAMMA:g}, ℓ = {_SHARE}; {protocol(found.trained)}",
            notes="A network for each seed.",
        )
    )


@pytest.mark.slow
@pytest.mark.parametrize(("method", "bound", "family", "name"), _GAUSSIAN)
def test_networks_with_a_gaussian_collapse(
    method: str,
    bound: str,
    family: Family,
    name: str,
    seeds: Callable[[str, str, Family], _Seeds],
    evidence: Callable[[Evidence], Evidence],
) -> None:
    from neural import listed

    found = seeds(method, bound, family)
    verdict = ClaimVerdict.INCONCLUSIVE
    more: dict[str, Any] = {}
    if found.collapsed:
        verdict = ClaimVerdict.VERIFIED
    elif found.all_below(_COLLAPSED):
        below = _below_collapsed(found, method, bound, family)
        more["J of collapsed f less that of the networks"] = listed(below)
        if all(positive(one) is Verdict.HOLDS for one in below):
            verdict = ClaimVerdict.REFUTED
    statement = f"trained networks with a Gaussian q(y|x) collapse: {name}"
    _record(found, f"{name}, Gaussian", statement, verdict, evidence, more)
    # One q(z|x) for all labels collapses; with q(z|x, y) no Gaussian q(y|x) does.
    assert verdict is (ClaimVerdict.VERIFIED if family == NAIVE else ClaimVerdict.REFUTED)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "bound"), _FLEXIBLE)
def test_networks_with_a_table_keep_the_label(
    method: str,
    bound: str,
    seeds: Callable[[str, str, Family], _Seeds],
    evidence: Callable[[Evidence], Evidence],
) -> None:
    found = seeds(method, bound, FLEXIBLE)
    verdict = ClaimVerdict.INCONCLUSIVE
    if found.all_below(_MOST):
        verdict = ClaimVerdict.VERIFIED
    elif found.collapsed:
        verdict = ClaimVerdict.REFUTED
    name = "VAE" if method == "vae" else "IWAE, the average inside"
    statement = f"with a table over y as q(y|x), trained networks keep most of I(x; y): {name}"
    _record(found, f"{name}, table", statement, verdict, evidence)
    assert verdict is (ClaimVerdict.VERIFIED if method == "vae" else ClaimVerdict.INCONCLUSIVE)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "bound"), _FLEXIBLE)
def test_it_is_the_gaussian_that_costs_the_label(
    method: str,
    bound: str,
    seeds: Callable[[str, str, Family], _Seeds],
    evidence: Callable[[Evidence], Evidence],
) -> None:
    from neural import listed

    gaussian, table = seeds(method, bound, NAIVE_CONDITIONAL), seeds(method, bound, FLEXIBLE)
    pairs = [
        positive(one.collapse - other.collapse) for one in gaussian.values for other in table.values
    ]
    verdict = ClaimVerdict.INCONCLUSIVE
    if all(one is Verdict.HOLDS for one in pairs):
        verdict = ClaimVerdict.VERIFIED
    elif all(one is Verdict.FAILS for one in pairs):
        verdict = ClaimVerdict.REFUTED
    name = "VAE" if method == "vae" else "IWAE, the average inside"
    statement = f"trained networks give up more of I(x; y) with a Gaussian q(y|x): {name}"
    more = {"collapse, table": listed([one.collapse for one in table.values])}
    _record(gaussian, f"{name}, Gaussian", statement, verdict, evidence, more)
    assert verdict is ClaimVerdict.INCONCLUSIVE
