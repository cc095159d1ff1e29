"""Results as xarray data sets: the same numbers, labelled, and through a file and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.efforts import TINY
from theorycheck import decompose, kl_map, pmo_landscape
from theorycheck.cli import main
from theorycheck.errors import MissingExtraError, SettingError
from theorycheck.export._xarray import to_xarray, write_netcdf
from theorycheck.models._loading import load_model
from theorycheck.objectives import mean_landscape
from theorycheck.optimum._global_search import find_optimum
from theorycheck.optimum._settings import SearchSettings

xr = pytest.importorskip("xarray")
LINE = load_model("expr:[z, abs(z)]", noise_variance=0.2)


def read(path: Path) -> object:
    with xr.open_dataset(path, engine="scipy") as data:
        return data.load()


def test_kl_map(tmp_path: Path) -> None:
    surface = kl_map(LINE, resolution=25)
    data = to_xarray(surface)
    assert data["kl"].dims == ("x1", "x2")
    assert data["kl"].attrs == {"long_name": "KL[q* || p(z|x)]", "units": "nat"}
    np.testing.assert_array_equal(data["kl"], surface.kl)
    np.testing.assert_array_equal(data["x2"], surface.axes[1])
    assert "theorycheck" in data.attrs["source"]
    write_netcdf(data, tmp_path / "a.nc")
    xr.testing.assert_identical(read(tmp_path / "a.nc"), data)


def test_landscape() -> None:
    surface = pmo_landscape(LINE, [0.0, 2.0])
    data = to_xarray(surface)
    np.testing.assert_array_equal(data["kl"], surface.kl)
    assert data["kl"].dims == ("scale", "mean")
    # One minimum on each branch, of equal KL, the optimum's; and perhaps a wide one across.
    assert data.sizes["minimum"] >= 2
    np.testing.assert_allclose(data["minimum_kl"][:2], surface.optimal_kl, atol=1e-9)
    np.testing.assert_allclose(data["minimum_mean"][0], -data["minimum_mean"][1], atol=1e-6)
    assert float(data["kl"].min()) >= surface.optimal_kl - 1e-9


def test_decomposition(tmp_path: Path) -> None:
    result = decompose(LINE, tolerance=1e-3)
    data = to_xarray(result)
    assert float(data["pmo"]) == result.pmo.value
    assert float(data["pmo_error"]) == result.pmo.error
    assert float((data["mass"] * data["kl"]).sum()) == pytest.approx(result.pmo.value, abs=1e-3)
    assert data.sizes["dimension"] == 2
    write_netcdf(data, tmp_path / "a.nc")
    xr.testing.assert_equal(read(tmp_path / "a.nc"), data)


def test_optimum(tmp_path: Path) -> None:
    found = find_optimum(LINE, SearchSettings(effort=TINY, seed=1))
    data = to_xarray(found)
    assert data["f"].shape == (48, 2)
    assert data.sizes["start"] == 2
    assert list(data["start_kind"].values) == [start.kind for start in found.starts]
    assert float(data["excess"]) == found.excess.value
    write_netcdf(data, tmp_path / "a.nc")
    np.testing.assert_array_equal(read(tmp_path / "a.nc")["f"], found.f)  # type: ignore[index]


def test_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingError, match="no xarray form for int"):
        to_xarray(3)
    data = to_xarray(kl_map(LINE, resolution=5))
    with pytest.raises(SettingError, match="cannot be written"):
        write_netcdf(data, tmp_path / "none" / "a.nc")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"theorycheck\[export\]"):
        to_xarray(kl_map(LINE, resolution=5))


def test_landscape_over_both_means_of_two_latents(tmp_path: Path) -> None:
    plane = load_model("expr:[z1, z2 + 0.3*z1^2]", noise_variance=0.5)
    grid = np.linspace(-1.0, 1.0, 5)
    found = mean_landscape(plane, [0.2, 0.4], first=grid, second=grid[1:])
    data = to_xarray(found)
    assert data["kl"].dims == ("mean1", "mean2")
    assert data["kl"].sel(mean1=-1.0, mean2=0.5) == found.kl[0, 2]
    assert float(data["minimum_kl"][0]) == pytest.approx(found.optimal_kl, abs=1e-12)
    assert (data["kl"] >= found.optimal_kl - 1e-9).all()
    path = tmp_path / "means.nc"
    write_netcdf(data, path)
    assert read(path).equals(data)  # type: ignore[attr-defined]
    assert main(
        ["export", "expr:[z1, z2 + 0.3*z1^2]", "--noise-variance", "0.5", "--what", "landscape",
         "--at", "0.2,0.4", "-o", str(tmp_path / "again.nc")]
    ) == 0  # fmt: skip
    again = read(tmp_path / "again.nc")
    assert again["kl"].shape == (81, 81)  # type: ignore[index]
