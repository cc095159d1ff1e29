"""What people have in place of a decoder: each gets one line that says what to write."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from theorycheck.errors import LoadingError, TheorycheckError
from theorycheck.models._loading import load_model
from theorycheck.models._torch_decoders import from_torch_module

torch: Any = pytest.importorskip("torch")

Z = np.linspace(-3.0, 3.0, 13)

SOURCE = """
import torch
from torch import nn
from theorycheck import from_torch_module
torch.manual_seed(0)
NOISE_VARIANCE = 0.1

class Decoder(nn.Module):
    def __init__(self, k=1):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(k, 8), nn.Tanh(), nn.Linear(8, 2))
    def forward(self, z):
        return self.net(z)

class Pair(Decoder):
    def forward(self, z):
        return self.net(z), torch.ones_like(self.net(z))

class Named(Decoder):
    def forward(self, z):
        return {"std": torch.ones(len(z), 2), "mu": self.net(z)}

class Normal(Decoder):
    def forward(self, z):
        return torch.distributions.Normal(self.net(z), 0.5)

class Labelled(Decoder):
    def forward(self, z, y):
        return self.net(z) + y

class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(2, 2), Decoder()
    def forward(self, x):
        return self.decoder(self.encoder(x)[:, :1])

class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = Decoder()
    def encode(self, x):
        return x[:, :1]
    def decode(self, z):
        return self.fc(z)
    def forward(self, x):
        return self.decode(self.encode(x))

class Single(Decoder):
    def forward(self, z):
        return self.net(torch.cat([z.float()], dim=1).to(torch.float32))

single = Single()
pair, named, normal, labelled, vae, plain = Pair(), Named(), Normal(), Labelled(), VAE(), Plain()
wide, right, images = Decoder(4), Decoder(), nn.Unflatten(1, (1, 1))
mean_of_pair = from_torch_module(pair, output=0)
mean_of_named = from_torch_module(named, output="mu")
mean_of_normal = from_torch_module(normal, output="mean")
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("torch") / "mine.py"
    path.write_text(SOURCE)
    return path


REFUSED = {
    "pair": r"returns a tuple of 2 \(\(3, 2\), \(3, 2\)\), not the mean.*"
    r"from_torch_module\(pair, output=0\).*file.py:mean.*--noise-variance",
    "named": r"returns a dict with 'std', 'mu'.*output='mu'",
    "normal": r"returns a distribution \(Normal\).*output='mean'.*--noise-variance",
    "labelled": r"takes 2 inputs \(z, y\).*held fixed",
    "vae": r"a whole VAE \(VAE with encoder and decoder\).*file.py:vae\.decoder",
    "plain": r"a whole VAE \(Plain with encode and decode\).*file.py:plain\.decode",
    "wide": r"takes inputs of shape \(n, 4\), not \(n, 1\).*K = 4, and K goes up to 3",
    "vae.encoder": r"takes inputs of shape \(n, 2\)",
    "vae.decodr": r"'vae' \(VAE\) has no 'decodr'; did you mean 'decoder'",
    "vae.decoder.nets": r"'vae.decoder' \(Decoder\) has no 'nets'; did you mean 'net'",
    "images": r"returned shape \(7, 1, 1\) for 7 latents",
    "vea.decoder": r"did you mean 'vae'",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_decoder_is_told_what_to_write(file: Path, name: str) -> None:
    with pytest.raises(TheorycheckError, match=REFUSED[name]) as caught:
        load_model(f"{file}:{name}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    ["right", "vae.decoder", "vae.decoder.net", "plain.decode", "plain.fc.net", "mean_of_pair",
     "mean_of_named", "mean_of_normal", "single"],
)  # fmt: skip
def test_a_part_by_its_name(file: Path, name: str) -> None:
    model = load_model(f"{file}:{name}")
    assert (model.data_dim, model.noise_variance.tolist()) == (2, [0.1, 0.1])
    # A module that insists on float32 inside is kept in it.
    assert model.decoder.single is (name == "single")
    # Tanh is odd and its layers are affine: f(z) − f(0) is bounded, and not constant.
    spread = np.ptp(model.decoder(Z), axis=0)
    assert np.all((spread > 1e-3) & (spread < 10.0))


def test_the_part_is_the_part(file: Path) -> None:
    """By name, by method and by hand: the same numbers."""
    whole = load_model(f"{file}:plain.decode").decoder(Z)
    assert np.array_equal(whole, load_model(f"{file}:plain.fc").decoder(Z))
    network = torch.nn.Sequential(torch.nn.Linear(1, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    last = from_torch_module(torch.nn.Sequential(network)).function(Z)
    assert np.array_equal(last, from_torch_module(network.forward, "f")(Z))


def test_an_output_that_is_not_there() -> None:
    class Pair(torch.nn.Module):  # type: ignore[misc]
        def forward(self, z: Any) -> Any:
            return z, "text"

    for output, says in [(2, "has no 2"), ("mean", "has no 'mean'"), (1, "output 1 is")]:
        with pytest.raises(LoadingError, match=says):
            from_torch_module(Pair(), "pair", output=output)  # type: ignore[arg-type]


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.write_text, (self.target, "code from data ran"))


@pytest.mark.parametrize("ending", ["pt", "pth", "ckpt", "pkl", "pickle", "joblib"])
@pytest.mark.parametrize("by", ["torch", "pickle"])
def test_no_code_from_data_is_run(tmp_path: Path, ending: str, by: str) -> None:
    target, file = tmp_path / "ran", tmp_path / f"model.{ending}"
    content = {"state_dict": {"w": torch.zeros(1)}, "hyper_parameters": Bomb(target)}
    if by == "torch":
        torch.save(content, file)
    else:
        file.write_bytes(pickle.dumps(content))
    with pytest.raises(LoadingError, match=r"run code|not a PyTorch file") as caught:
        load_model(str(file), noise_variance=0.1)
    assert not target.exists()
    assert "\n" not in str(caught.value)
    with file.open("rb") as stream:
        torch.load(stream, weights_only=False) if by == "torch" else pickle.load(stream)
    assert target.exists()


def test_weights_say_how_to_hand_them_over(tmp_path: Path) -> None:
    decoder = {"decoder.net.weight": torch.zeros(2, 1), "encoder.net.weight": torch.zeros(2, 2)}
    for name, content, says in [
        ("vae.ckpt", {"state_dict": decoder, "epoch": 3}, r"'vae.ckpt', weights_only=True\)"
         r"\['state_dict'\]\)\) and give file.py:net\.decoder"),
        ("net.pth", {"net.weight": torch.zeros(2, 1)}, r"weights_only=True\)\)\) and give "
         r"file.py:net$"),
        ("run.pt", {"epoch": 3, "model": decoder}, r"it has epoch, model.*True\)\['model'\]"),
    ]:  # fmt: skip
        torch.save(content, tmp_path / name)
        with pytest.raises(LoadingError, match=says):
            load_model(str(tmp_path / name), noise_variance=0.1)


@pytest.mark.parametrize(
    ("name", "says"),
    [("w.safetensors", "without the network"), ("m.h5", r"def f\(z\)"), ("m.keras", r"def f\(z\)"),
     ("m.onnx", r"def f\(z\)"), ("z.npy", "arrays z and f"), ("m.pkl", "can run code")],
)  # fmt: skip
def test_other_files(tmp_path: Path, name: str, says: str) -> None:
    with pytest.raises(LoadingError, match=r"no such file|there is no model"):
        load_model(str(tmp_path / name))
    (tmp_path / name).write_bytes(b"anything")
    with pytest.raises(LoadingError, match=says):
        load_model(str(tmp_path / name))
