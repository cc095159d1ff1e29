"""Folders that ``theorycheck train`` left, made once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from theorycheck.cli import main

Train = Callable[..., Path]
STEPS = ("--steps", "30", "--restarts", "1", "--from-truth", "0", "--batch", "16", "--hidden", "6")


@pytest.fixture(scope="session")
def train(tmp_path_factory: pytest.TempPathFactory) -> Train:
    """Train a tiny network on a model, once for each model and method, and return its folder."""
    pytest.importorskip("torch")
    done: dict[tuple[str, ...], Path] = {}

    def run(model: str, noise: float, method: str) -> Path:
        arguments = (model, "--noise-variance", str(noise), "--method", method)
        if arguments not in done:
            folder = tmp_path_factory.mktemp("trained") / method
            more = (*STEPS, "--search", "none", "-o", str(folder), "--json")
            assert main(["train", *arguments, *more]) == 0
            done[arguments] = folder
        return done[arguments]

    return run
