"""What a user writes for a labelled model, and the one line for what is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from theorycheck.errors import ExpressionError, LoadingError, ModelError
from theorycheck.models import LabelledModel, load_labelled_model

Z = np.linspace(-2.0, 2.0, 9)


def values(model: LabelledModel) -> list[np.ndarray]:
    return [one.decoder(Z) for one in model.classes]


def test_the_benchmark() -> None:
    model = load_labelled_model("discrete_semi_circle")
    assert model.count == 2
    assert model.name == "discrete_semi_circle"
    assert load_labelled_model("discrete_semi_circle", noise_variance=0.5).noise_variance[0] == 0.5
    with pytest.raises(LoadingError, match="its label is continuous"):
        load_labelled_model("continuous_semi_circle")


def test_an_expression_in_y_and_z() -> None:
    model = load_labelled_model(
        "expr:[z, (2*y - 1)*z^2]", noise_variance=0.1, prior=[0.2, 0.3, 0.5]
    )
    assert model.count == 3
    for y, found in enumerate(values(model)):
        assert np.allclose(found, np.stack([Z, (2 * y - 1) * Z**2], axis=1))
    # A function whose name has a y in it is not the label.
    other = load_labelled_model("expr:[sqrt(z^2 + 1) + y, z]", noise_variance=0.1)
    assert np.allclose(values(other)[1][:, 0], np.sqrt(Z**2 + 1) + 1)


def test_a_function_of_y_and_z(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "import numpy as np\nNOISE_VARIANCE = 0.2\nPRIOR = [0.25, 0.75]\n"
        "def f(y, z):\n    return np.stack([z, y * z], axis=-1)\n"
        "def alone(z):\n    return z\n"
    )
    model = load_labelled_model(f"{file}:f")
    assert model.prior.tolist() == [0.25, 0.75]
    assert model.noise_variance.tolist() == [0.2, 0.2]
    assert np.allclose(values(model)[1], np.stack([Z, Z], axis=1))
    assert load_labelled_model(f"{file}:f", prior=[0.2, 0.3, 0.5]).count == 3
    with pytest.raises(LoadingError, match="takes z alone"):
        load_labelled_model(f"{file}:alone")
    with pytest.raises(LoadingError, match="2 prior shares for 3 classes"):
        load_labelled_model(f"{file}:f", classes=3)


def test_a_table_a_class(tmp_path: Path) -> None:
    for y in (0, 1):
        table = np.column_stack([Z, np.cos(Z), (1 - 2 * y) * Z])
        np.savetxt(tmp_path / f"class{y}.csv", table, delimiter=",")
    spec = f"{tmp_path / 'class0.csv'}+{tmp_path / 'class1.csv'}"
    model = load_labelled_model(spec, noise_variance=0.1)
    assert np.allclose(values(model)[1][:, 1], -Z)
    np.savetxt(tmp_path / "class1.csv", np.column_stack([Z, Z]), delimiter=",")
    with pytest.raises(ModelError, match="class 1 has 1 data dimension"):
        load_labelled_model(spec, noise_variance=0.1)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("circle", "there is no labelled model 'circle'"),
        ("nothing.csv+", "there is no labelled model"),
        ("expr:[z, z]", "without y all classes would be the same"),
        ("nothing.py:f", "no such file"),
    ],
)
def test_what_is_none(spec: str, said: str) -> None:
    with pytest.raises(LoadingError, match=said):
        load_labelled_model(spec, noise_variance=0.1)


def test_nothing_is_run() -> None:
    with pytest.raises(ExpressionError):
        load_labelled_model("expr:[z, __import__('os').getpid()*y]", noise_variance=0.1)
