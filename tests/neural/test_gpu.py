"""Training on a GPU against the same training on the CPU; skipped where there is no GPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from neural import LabelSettings
from neural._checkpoints import read_networks
from neural._label_trainer import LabelTrainer
from neural._settings import TrainingSettings, chosen_device
from neural._trainer import Trainer
from neural._training import train
from theorycheck.inference import CONDITIONAL, FACTORISED, Family
from theorycheck.models import load_labelled_model, load_model
from theorycheck.objectives import LabelledObjective

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="PyTorch finds no GPU on this machine"
)

MODEL = load_model("expr:[sin(z), z]", noise_variance=[0.04, 0.09])
SAMPLE = MODEL.sample(300, 5)[1]
#: Standard errors between two bounds on the same x.
_ERRORS = 4.0
#: Nats between the best bounds of two runs on other random numbers: VAEs of 20 seeds on a CPU lie
#: within 0.034 of each other.
_OTHER_DRAWS = 0.15


def settings(method: str, **given: Any) -> TrainingSettings:
    defaults = {"steps": 300, "restarts": 4, "from_truth": 1, "batch": 64, "hidden": (16, 16)}
    return TrainingSettings.of(method, **{**defaults, **given})


def test_auto_takes_the_gpu() -> None:
    assert chosen_device("auto") == "cuda"
    assert chosen_device("cpu") == "cpu"


@pytest.mark.parametrize("method", ["vae", "iwae", "lin"])
@pytest.mark.parametrize("sample", [None, SAMPLE])
def test_the_same_bounds_of_the_same_weights(method: str, sample: Any) -> None:
    parts = () if sample is None else (sample, sample[:100])
    here, there = (Trainer(MODEL, settings(method), d, *parts) for d in ("cpu", "cuda"))
    # Weights are drawn on the CPU whatever the device.
    assert torch.equal(here.decoder.flat, there.decoder.flat.cpu())
    assert torch.equal(here.encoder.flat, there.encoder.flat.cpu())
    if sample is None:
        there.validation = here.validation.to("cuda")
    (bound, error), (other, other_error) = here.bounds(), there.bounds()
    # Latents are drawn on the device; where x are the same, so are most of the differences.
    allowed = _ERRORS * (error + other_error.cpu())
    assert ((bound - other.cpu()).abs() < allowed).all()
    assert np.isfinite(there.step().cpu().numpy()).all()


@pytest.mark.parametrize("method", ["vae", "iwae", "lin"])
@pytest.mark.parametrize("family", [CONDITIONAL, FACTORISED])
def test_the_same_objective_of_the_same_weights_with_labels(method: str, family: Family) -> None:
    data = load_labelled_model("expr:[(2*y - 1)*z + 0.5*y]", noise_variance=0.2)
    chosen = LabelSettings(settings(method), LabelledObjective(1.0, 0.5, 0.3, family))
    here, there = (LabelTrainer(data, chosen, device) for device in ("cpu", "cuda"))
    assert torch.equal(here.networks.inference.flat, there.networks.inference.flat.cpu())
    assert torch.equal(here.decoder.flat, there.decoder.flat.cpu())
    there.validation = tuple(part.to("cuda") for part in here.validation)
    (bound, error), (other, other_error) = here.bounds(), there.bounds()
    assert ((bound - other.cpu()).abs() < _ERRORS * (error + other_error.cpu())).all()
    assert np.isfinite(there.step().cpu().numpy()).all()


@pytest.mark.parametrize("method", ["vae", "iwae", "lin"])
def test_training_reaches_what_it_reaches_on_the_cpu(method: str, tmp_path: Path) -> None:
    wanted = settings(method, steps=1500)
    here = train(MODEL, wanted, device="cpu")
    there = train(MODEL, wanted, device="cuda", directory=tmp_path)
    again = train(MODEL, wanted, device="cuda")
    assert torch.equal(there.trainer.decoder.flat, again.trainer.decoder.flat)
    assert abs(there.objective.min() - here.objective.min()) < _OTHER_DRAWS
    # What a GPU wrote is read on a machine without one.
    read = read_networks(tmp_path / "checkpoint.pt").decoder
    selected = there.model(there.selected).decoder
    z = np.linspace(-3.0, 3.0, 50)
    np.testing.assert_allclose(read(z), selected(z), rtol=1e-12)


def test_an_interrupted_run_goes_on(tmp_path: Path) -> None:
    wanted = settings("vae", steps=100)
    whole = train(MODEL, wanted, device="cuda", directory=tmp_path)
    resumed = train(MODEL, wanted, device="cuda", directory=tmp_path, resume=True)
    assert torch.equal(whole.trainer.decoder.flat, resumed.trainer.decoder.flat)
