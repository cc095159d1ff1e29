"""Every way to name a model, and the one line for each way to get it wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from theorycheck.errors import LoadingError, ModelError, TheorycheckError
from theorycheck.models._benchmarks import benchmark
from theorycheck.models._decoder import Decoder
from theorycheck.models._loading import from_torch_module, load_model
from theorycheck.models._table_files import write_table

Z = np.linspace(-3.0, 3.0, 41)

SOURCE = """
import numpy as np
from neighbour import scale
NOISE_VARIANCE = 0.25
def wave(z):
    return np.stack([np.sin(z), scale * z], axis=-1)
def scalar(z):
    return [float(z) ** 2 if z > 0 else 0.0]
class Net:
    def __call__(self, z):
        return z
net = Net()
number = 3
"""


@pytest.fixture
def user_file(tmp_path: Path) -> Path:
    (tmp_path / "neighbour.py").write_text("scale = 2.0\n")
    file = tmp_path / "mine.py"
    file.write_text(SOURCE)
    return file


def test_objects_and_benchmarks() -> None:
    model = benchmark("circle")
    assert load_model(model).noise_variance.tolist() == [0.01, 0.01]
    assert load_model("circle", noise_variance=0.5).noise_variance.tolist() == [0.5, 0.5]
    assert load_model(model.decoder, noise_variance=[0.1, 0.2]).data_dim == 2
    assert load_model("continuous_semi_circle:y=0.3").name == "continuous_semi_circle:y=0.3"
    with pytest.raises(LoadingError, match="--noise-variance"):
        load_model(model.decoder)
    with pytest.raises(ModelError):
        load_model("circle", noise_variance=-1)


def test_expression() -> None:
    model = load_model("expr:[abs(z), sin(z)]", noise_variance=0.1)
    assert model.decoder.breakpoints == (0.0,)
    assert model.decoder.formula == "[abs(z), sin(z)]"
    given = load_model("expr:abs(z)", noise_variance=0.1, breakpoints=[1.0])
    assert given.decoder.breakpoints == (1.0,)
    with pytest.raises(LoadingError, match="--noise-variance"):
        load_model("expr:z")


def test_python_file(user_file: Path) -> None:
    model = load_model(f"{user_file}:wave")
    assert (model.name, model.noise_variance.tolist()) == ("wave", [0.25, 0.25])
    assert np.array_equal(model.decoder(Z), np.stack([np.sin(Z), 2 * Z], axis=-1))
    assert load_model(f"{user_file}:net").data_dim == 1
    assert load_model(f"{user_file}:wave", noise_variance=1.0).noise_variance.tolist() == [1, 1]
    looped = load_model(f"{user_file}:scalar", vectorize=True, breakpoints=[0.0])
    assert looped.decoder(Z)[:, 0] == pytest.approx(np.maximum(Z, 0.0) ** 2)
    assert str(user_file.parent) not in sys.path


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("wavy", "did you mean 'wave'"),
        ("scalar", "vectorize"),
        ("number", "not a function but int"),
        ("Net", "is a class"),
    ],
)
def test_wrong_name_in_file(user_file: Path, name: str, says: str) -> None:
    with pytest.raises(TheorycheckError, match=says):
        load_model(f"{user_file}:{name}")


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("1/0", "ZeroDivisionError: division by zero"),
        ("def f(:", "SyntaxError"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("raise ValueError('one\\ntwo')", "ValueError: one"),
        ("", "it defines no function"),
    ],
)
def test_file_that_fails(tmp_path: Path, source: str, says: str) -> None:
    file = tmp_path / "bad.py"
    file.write_text(source)
    with pytest.raises(LoadingError, match=says) as caught:
        load_model(f"{file}:f")
    assert "\n" not in str(caught.value)


def test_not_there(tmp_path: Path) -> None:
    for name in ("no.py:f", "no.csv", "no.npz", "no.pt", "no.pt2"):
        with pytest.raises(LoadingError, match="no such file"):
            load_model(str(tmp_path / name), noise_variance=1.0)
    with pytest.raises(LoadingError, match="did you mean 'spiral_dots'"):
        load_model("spiral_dot")
    with pytest.raises(LoadingError, match="cannot make a model of int"):
        load_model(3)  # type: ignore[arg-type]


def test_tables(tmp_path: Path) -> None:
    file = tmp_path / "t.npz"
    write_table(file, [0.0, 1.0], [[1.0], [2.0], [4.0]], "cells", 0.3)
    model = load_model(str(file))
    assert (model.name, model.noise_variance.tolist()) == ("t", [0.3])
    assert model.decoder([-1.0, 0.5, 2.0])[:, 0].tolist() == [1.0, 2.0, 4.0]
    plain = tmp_path / "t.csv"
    plain.write_text("0,0\n1,1\n2,8\n3,27\n")
    cubic = load_model(str(plain), noise_variance=1.0, table_kind="cubic")
    assert cubic.decoder([1.5])[0, 0] == pytest.approx(1.5**3)
    for ending in ("tsv", "txt", "dat"):
        text = tmp_path / f"t.{ending}"
        text.write_text("z\tf\n1\t0,5\n0\t0,0\n")
        assert load_model(str(text), noise_variance=1.0).decoder([0.5])[0, 0] == 0.25


def test_torch_module() -> None:
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(torch.nn.Linear(1, 5), torch.nn.Dropout(), torch.nn.Linear(5, 2))
    decoder = from_torch_module(module, "net")
    assert isinstance(decoder, Decoder)
    assert (decoder.data_dim, decoder.breakpoints) == (2, None)
    first, _, last = module
    with torch.no_grad():
        affine = (last.weight @ first.weight).double()[:, 0].numpy()
    slopes = (decoder(Z) - decoder([0.0])) / np.where(Z == 0.0, 1.0, Z)[:, None]
    assert slopes[Z != 0.0] == pytest.approx(np.tile(affine, (40, 1)), abs=1e-6)
    # The user's own module is left as it was.
    assert module.training
    assert first.weight.dtype == torch.float32
    with pytest.raises(LoadingError, match=r"not an nn\.Module but int"):
        from_torch_module(3)


def test_torch_module_in_a_file(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    file = tmp_path / "network.py"
    file.write_text("import torch\nnet = torch.nn.Linear(1, 3)\nNOISE_VARIANCE = [1, 2, 3]\n")
    model = load_model(f"{file}:net")
    assert model.noise_variance.tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("double", [True, False])
def test_exported_program(tmp_path: Path, double: bool) -> None:
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(torch.nn.Linear(1, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    module = module.double() if double else module
    example = torch.zeros(5, 1, dtype=torch.float64 if double else torch.float32)
    free = torch.export.export(module, (example,), dynamic_shapes=({0: torch.export.Dim("n")},))
    torch.export.save(free, tmp_path / "free.pt2")
    model = load_model(str(tmp_path / "free.pt2"), noise_variance=0.1)
    assert model.decoder(Z) == pytest.approx(from_torch_module(module)(Z), abs=1e-12)
    torch.export.save(torch.export.export(module, (example,)), tmp_path / "fixed.pt2")
    with pytest.raises(LoadingError, match="free batch size"):
        load_model(str(tmp_path / "fixed.pt2"), noise_variance=0.1)


def test_files_of_weights(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    module, file = torch.nn.Linear(1, 2), tmp_path / "w.pt"
    for content, says in [
        (module.state_dict(), "lacks architecture and noise_variance"),
        ({"state_dict": module.state_dict(), "noise_variance": 0.1}, "lacks architecture"),
        ({"epoch": 3}, "no state_dict"),
        (torch.zeros(3), "holds Tensor"),
        (module, "would run code"),
    ]:
        torch.save(content, file)
        with pytest.raises(LoadingError, match=says) as caught:
            load_model(str(file), noise_variance=0.1)
        assert "\n" not in str(caught.value)
    file.write_bytes(b"nothing")
    with pytest.raises(LoadingError):
        load_model(str(file), noise_variance=0.1)


def test_importing_is_light() -> None:
    code = (
        "import sys, theorycheck.models\n"
        "print([m for m in ('torch', 'numba', 'flint', 'sympy', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
