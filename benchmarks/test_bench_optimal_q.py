"""Times the optimal q for many x, its certificate, and multi-start L-BFGS."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.peers import lbfgs_optimal_q
from theorycheck.inference import MeanField, certify_optimal_q
from theorycheck.models import benchmark as model_of

NAMES = ["figure8", "circle", "absolute_value", "clusters", "spiral_dots"]


@pytest.mark.parametrize("name", NAMES)
def test_optimal_q(benchmark: Any, name: str) -> None:
    field = MeanField(model_of(name))
    _, x = field.model.sample(5_000, 0)
    field.optimal_q(x[:10])
    benchmark(field.optimal_q, x)


@pytest.mark.parametrize("name", NAMES)
def test_certificate(benchmark: Any, name: str) -> None:
    field = MeanField(model_of(name))
    _, x = field.model.sample(50, 0)
    optimum = field.optimal_q(x)
    benchmark(certify_optimal_q, field, x, optimum, gap=1e-9)


def test_multi_start_lbfgs(benchmark: Any) -> None:
    model = model_of("figure8")
    _, x = model.sample(20, 0)
    benchmark.pedantic(lbfgs_optimal_q, (model, x), rounds=2)
