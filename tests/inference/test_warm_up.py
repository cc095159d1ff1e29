"""Another process compiles the bounds meanwhile, where there is one."""

from __future__ import annotations

import threading

import pytest
from joblib import parallel_config

from theorycheck.inference import _bound_tree as bound_tree
from theorycheck.inference import _warm_up as warm_up
from theorycheck.inference import bounds_compiled_meanwhile


class ReachedError(Exception):
    """Where the test was to come to."""


def test_it_is_done_while_the_body_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    compiling = threading.Event()
    monkeypatch.setattr(warm_up, "compile_bounds", compiling.set)
    with parallel_config(backend="threading", n_jobs=2), bounds_compiled_meanwhile():
        assert compiling.wait(30.0)


def test_an_error_of_the_body_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm_up, "compile_bounds", lambda: None)
    with (
        pytest.raises(ReachedError),
        parallel_config(backend="threading", n_jobs=2),
        bounds_compiled_meanwhile(),
    ):
        raise ReachedError


def test_with_one_process_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    def never() -> None:
        raise AssertionError

    monkeypatch.setattr(warm_up, "compile_bounds", never)
    with bounds_compiled_meanwhile(1):
        pass


def test_it_reaches_the_kernel_that_takes_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    def walk_batch(*_: object) -> None:
        raise ReachedError

    monkeypatch.setattr(bound_tree, "walk_batch", walk_batch)
    with pytest.raises(ReachedError):
        warm_up.compile_bounds()
