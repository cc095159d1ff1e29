"""Labelled models against brute force: densities, p(y|x), both families' bounds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logsumexp, softmax

from tests.brute_labels import BruteLabels
from theorycheck.errors import ModelError
from theorycheck.inference import (
    CONDITIONAL,
    FACTORISED,
    MEAN_FIELD,
    ExactLabelled,
    ExactModel,
    MeanField,
    certify_shared_q,
    exact_model,
    latent_posterior,
)
from theorycheck.models import Decoder, GenerativeModel, LabelledModel, benchmark
from theorycheck.models import discrete_semi_circle as semi_circle_curve

SEMI_CIRCLE = LabelledModel(
    [benchmark(f"discrete_semi_circle:y={y}") for y in (0, 1)], None, "discrete_semi_circle"
)


def random_model(seed: int) -> tuple[LabelledModel, BruteLabels]:
    """C = 2, 3 or 5 smooth curves with an unequal prior."""
    rng = np.random.default_rng(seed)
    count, dim = int(rng.choice([2, 3, 5])), int(rng.integers(1, 3))
    prior = rng.dirichlet(2.0 * np.ones(count))
    variance = rng.uniform(0.05, 0.4, size=dim)
    functions = []
    for _ in range(count):
        line, wave = rng.normal(size=dim), rng.normal(size=(2, dim))
        often = rng.uniform(0.6, 2.2, size=2)

        def f(
            z: np.ndarray,
            line: np.ndarray = line,
            wave: np.ndarray = wave,
            often: np.ndarray = often,
        ) -> np.ndarray:
            z = z[:, None]
            return line * z + wave[0] * np.sin(often[0] * z) + wave[1] * np.cos(often[1] * z)

        functions.append(f)
    classes = [
        GenerativeModel(Decoder.from_function(f, name=f"class {y}", breakpoints=()), variance)
        for y, f in enumerate(functions)
    ]
    return LabelledModel(classes, prior, f"random {seed}"), BruteLabels(functions, prior, variance)


def cases(seed: int) -> tuple[LabelledModel, BruteLabels]:
    if seed >= 0:
        return random_model(seed)
    functions = [lambda z, y=y: semi_circle_curve(y, z) for y in (0, 1)]
    return SEMI_CIRCLE, BruteLabels(functions, SEMI_CIRCLE.prior, SEMI_CIRCLE.noise_variance)


@pytest.mark.parametrize("seed", [-1, 0, 1, 2])
def test_densities_and_class_posteriors(seed: int) -> None:
    model, brute = cases(seed)
    exact = ExactLabelled(model)
    x = model.sample(25, 7)[1]
    joint = brute.log_joint(x)
    p = exact.log_density(x)
    off = np.abs(p.value - logsumexp(joint, axis=0))
    assert off.max() < 1e-9
    assert (off <= p.error + 1e-11).all()
    share, error = exact.class_posterior(x)
    off = np.abs(share - softmax(joint, axis=0))
    assert off.max() < 1e-9
    assert (off <= error + 1e-11).all()
    value, _, _ = exact.log_joint(x)
    # Far out in a class's tail brute force ends before the latents that it is made of.
    seen = joint > logsumexp(joint, axis=0) - 30.0
    assert np.abs(value - joint)[seen].max() < 1e-9


@pytest.mark.parametrize("seed", [-1, 0, 1, 2])
def test_bounds_at_a_given_q_and_at_the_best(seed: int) -> None:
    model, brute = cases(seed)
    exact = ExactLabelled(model)
    x = model.sample(6, 11)[1]
    shared = exact.optimal_q(x)
    conditional = exact.bound(x, CONDITIONAL)
    labelled, _ = exact.labelled_bound(x)
    for k, one in enumerate(x):
        offers = brute.offers(one, shared.mean[k], np.log(shared.scale[k]))
        assert shared.bound[k] == pytest.approx(float(logsumexp(offers)), abs=1e-8)
        assert np.allclose(shared.class_posterior[:, k], softmax(offers), atol=1e-7)
        # No multi-start finds a better q.
        best = brute.best(one, lambda a: float(logsumexp(a)), k, 12)
        assert best <= shared.bound[k] + 1e-8
        for y in range(model.count):
            own = brute.best(one, lambda a, y=y: float(a[y]), k, 6)
            assert own <= labelled[y, k] + 1e-8
    assert np.allclose(conditional.value, logsumexp(labelled, axis=0), atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [-1, *range(10)])
def test_eleven_models_at_200_x(seed: int) -> None:
    """Densities within 1e-9 and the unlabelled bound at a given q within 1e-8 of dense sums."""
    model, brute = cases(seed)
    exact = ExactLabelled(model)
    x = model.sample(200, 17)[1]
    joint = brute.log_joint(x)
    value, _, _ = exact.log_joint(x)
    # Further out in a class's tail the dense sum, which ends at |z| = 9.5, is the less exact one.
    seen = joint > logsumexp(joint, axis=0) - 20.0
    assert np.abs(value - joint)[seen].max() < 1e-9
    assert np.abs(exact.log_density(x).value - logsumexp(joint, axis=0)).max() < 1e-9
    shared = exact.optimal_q(x)
    for k, one in enumerate(x):
        offers = brute.offers(one, shared.mean[k], np.log(shared.scale[k]))
        assert shared.bound[k] == pytest.approx(float(logsumexp(offers)), abs=1e-8)
    certificate = certify_shared_q(exact, x[:40], gap=1e-8)
    assert certificate.largest_gap <= 1.001e-8


@pytest.mark.parametrize("seed", [-1, 1])
def test_posteriors_of_the_latent(seed: int) -> None:
    model, brute = cases(seed)
    exact = ExactLabelled(model)
    x = model.sample(4, 3)[1]
    z = np.linspace(-3.0, 3.0, 61)
    found = latent_posterior(exact, x, z)
    joint = brute.log_joint(x)
    total = np.zeros((4, 61))
    for y, function in enumerate(brute.functions):
        log_noise = np.stack([brute._log_noise(one, function(z)) for one in x])
        each = brute.log_prior[y] + log_noise - 0.5 * z**2 - 0.5 * np.log(2.0 * np.pi)
        wanted = np.exp(each - joint[y][:, None])
        assert np.allclose(found.by_class[y], wanted, rtol=1e-8, atol=1e-12)
        total += np.exp(each - logsumexp(joint, axis=0)[:, None])
    assert np.allclose(found.density, total, rtol=1e-8, atol=1e-12)
    assert (np.abs(found.density - total) <= found.error + 1e-10 * total).all()
    # Over all latents it is one.
    dense = np.linspace(-9.0, 9.0, 6_001)
    assert np.allclose(
        latent_posterior(exact, x, dense).density.sum(axis=1) * (dense[1] - dense[0]), 1.0
    )


@pytest.mark.parametrize("seed", [-1, 0, 3])
def test_bounds_are_ordered(seed: int) -> None:
    """U of the factorised family <= U of the conditional family <= log p(x); L <= log p(x, y)."""
    model, _ = cases(seed)
    exact = ExactLabelled(model)
    x = model.sample(200, 5)[1]
    p = exact.log_density(x)
    one, other = exact.bound(x, FACTORISED), exact.bound(x, CONDITIONAL)
    assert (one.value <= other.value + other.gap + 1e-10).all()
    assert (other.value <= p.value + p.error + 1e-10).all()
    labelled, _ = exact.labelled_bound(x)
    joint, _, _ = exact.log_joint(x)
    assert (labelled <= joint + 1e-9).all()
    for bound in (one, other):
        assert bound.class_posterior.sum(axis=0) == pytest.approx(1.0, abs=1e-12)


def test_equal_classes_are_the_unlabelled_model() -> None:
    """With f_0 = f_1 both families give the ELBO of that f, and q(y|x) is the prior."""
    one = benchmark("discrete_semi_circle:y=0")
    exact = ExactLabelled(LabelledModel([one, one], [0.3, 0.7], "twice"))
    plain = MeanField(one)
    x = one.sample(100, 2)[1]
    wanted = -plain.optimal_q(x).negative_elbo
    assert np.allclose(exact.log_density(x).value, plain.log_density(x).value, atol=1e-12)
    for family in (CONDITIONAL, FACTORISED):
        bound = exact.bound(x, family)
        assert np.allclose(bound.value, wanted, atol=1e-10)
        assert np.allclose(bound.class_posterior, np.array([[0.3], [0.7]]), atol=1e-10)


def test_the_label_term_moves_towards_the_data() -> None:
    truth = ExactLabelled(SEMI_CIRCLE)
    turned = LabelledModel(SEMI_CIRCLE.classes[::-1], None, "turned")
    x = SEMI_CIRCLE.sample(50, 3)[1]
    wanted, _ = truth.class_posterior(x)
    apart = []
    for weight in (0.0, 1.0, 100.0):
        for family in (CONDITIONAL, FACTORISED):
            found = ExactLabelled(turned, truth, weight).bound(x, family)
            apart.append(np.abs(found.class_posterior - wanted).max())
    assert apart[0] > apart[2] > apart[4]
    assert apart[1] > apart[3] > apart[5]


def test_it_is_an_exact_model() -> None:
    exact = exact_model(SEMI_CIRCLE)
    assert isinstance(exact, ExactLabelled)
    assert isinstance(exact, ExactModel)
    grid = exact.grid(0.25)
    assert grid.integrate(np.exp(grid.log_density))[0] == pytest.approx(1.0, abs=1e-12)
    # At the outermost nodes a class's own grid has ended: its share is left out, below e^−40.
    density = np.exp(exact.log_density(grid.x[::50]).value)
    assert np.abs(np.exp(grid.log_density[::50]) - density).max() < 1e-12 * density.max()
    squares = exact.posterior_squares(grid.x[::400])
    assert (squares > 0.0).all()
    draws = exact.draws(size=64, repeats=2, seed=0)
    assert draws.x.shape == (2, 64, 2)
    with pytest.raises(ModelError, match="its optimal q is known as"):
        exact.best_q(grid.x[:2], family=MEAN_FIELD)
