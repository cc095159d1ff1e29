"""Turns results into xarray data sets (extra ``export``), with units and provenance.

xarray is imported when a function is called, not before.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from functools import singledispatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import theorycheck
from theorycheck.errors import MissingExtraError, SettingError
from theorycheck.estimate import Estimate
from theorycheck.models import GRID_AXES
from theorycheck.objectives import Decomposition, KlMap, Landscape, MeanLandscape
from theorycheck.optimum import PredictedOptimum

if TYPE_CHECKING:
    import xarray as xr

#: Names, unit and long name of a variable.
_Variable = tuple[tuple[str, ...], Any, str, str]


@singledispatch
def to_xarray(result: object) -> xr.Dataset:
    """Return a result as an xarray data set.

    Parameters
    ----------
    result : KlMap, Landscape, MeanLandscape, Decomposition or PredictedOptimum
        A map of KL over x; a landscape over (μ, s), or over the two means of q; the averages over
        p(x) with the nodes behind them; the decoder found, its starts and hops.

    Returns
    -------
    xarray.Dataset
        Every variable with its unit and a long name.

    Raises
    ------
    MissingExtraError
        If xarray is not installed.
    SettingError
        If there is no such form for this result.
    """
    raise SettingError(f"no xarray form for {type(result).__name__}")


@to_xarray.register(KlMap)
def _(result: KlMap) -> xr.Dataset:
    dims = tuple(f"x{d + 1}" for d in range(len(result.axes)))
    return _dataset(
        "KL from the optimal mean-field q to the posterior, over the data space",
        {
            "kl": (dims, result.kl, "nat", "KL[q* || p(z|x)]"),
            "density": (dims, result.density, "", "p(x)"),
            "mean": (dims, result.mean, "", "mean of q*"),
            "scale": (dims, result.scale, "", "standard deviation of q*"),
        },
        dict(zip(dims, result.axes, strict=True)),
    )


@to_xarray.register(Landscape)
def _(result: Landscape) -> xr.Dataset:
    minima = result.optimum.minima[0]
    minima = minima[np.isfinite(minima[:, 2])]
    # The minima hold -ELBO; that of the optimum differs from its KL by log p(x).
    log_density = result.optimal_kl - float(result.optimum.negative_elbo[0])
    return _dataset(
        "KL[N(mean, scale^2) || p(z|x)] over q at one x",
        {
            "kl": (("scale", "mean"), result.kl, "nat", "KL[q || p(z|x)]"),
            "x": (("dimension",), result.x, "", "the data point"),
            "minimum_mean": (("minimum",), minima[:, 0], "", "means at the local minima"),
            "minimum_scale": (("minimum",), np.exp(minima[:, 1]), "", "scales at them"),
            "minimum_kl": (("minimum",), minima[:, 2] + log_density, "nat", "KL there"),
        },
        {"mean": result.mean, "scale": result.scale},
    )


@to_xarray.register(MeanLandscape)
def _(result: MeanLandscape) -> xr.Dataset:
    minima = result.optimum.minima[0]
    minima = minima[np.isfinite(minima[:, 4])]
    log_density = result.optimal_kl - float(result.optimum.negative_elbo[0])
    return _dataset(
        "KL[N(mean1, scale1^2) N(mean2, scale2^2) || p(z|x)] over the means of q at one x",
        {
            "kl": (("mean1", "mean2"), result.kl, "nat", "KL[q || p(z|x)]"),
            "x": (("dimension",), result.x, "", "the data point"),
            "scale": (("latent",), result.scale, "", "the scales that are held"),
            "minimum_mean": (("minimum", "latent"), minima[:, :2], "", "means at minima over q"),
            "minimum_scale": (
                ("minimum", "latent"), np.exp(minima[:, 2:4]), "", "scales at them",
            ),
            "minimum_kl": (("minimum",), minima[:, 4] + log_density, "nat", "KL there"),
        },
        {"mean1": result.first, "mean2": result.second},
    )  # fmt: skip


@to_xarray.register(Decomposition)
def _(result: Decomposition) -> xr.Dataset:
    averages = result.averages
    totals = {
        "entropy": ("H of the data", result.entropy),
        "mleo": ("MLEO = KL[p || p_f]", result.mleo),
        "pmo": ("PMO = E KL[q* || p_f(z|x)]", result.pmo),
        "excess": ("J = MLEO + PMO", result.excess),
        "negative_elbo": ("-ELBO = H + J", result.negative_elbo),
    }
    variables: dict[str, _Variable] = {}
    for name, (meaning, estimate) in totals.items():
        variables |= _estimate(name, meaning, estimate)
    residual = np.array([e.value for e in result.residual_variance])
    radius = np.array([e.error for e in result.residual_variance])
    variables |= {
        "residual_variance": (("dimension",), residual, "", "E E_q (x_d - f_d)^2"),
        "residual_variance_error": (("dimension",), radius, "", "its error radius"),
        "x": (("node", "dimension"), averages.x, "", "nodes of the average over p(x)"),
        "mass": (("node",), averages.mass, "", "weight of each node, p(x) included"),
        "kl": (("node",), averages.kl, "nat", "KL[q* || p_f(z|x)] at each node"),
    }
    data = _dataset("-ELBO = H + MLEO + PMO, averages over p(x)", variables, {})
    return data.assign_attrs(
        model=result.model.name,
        data=result.data.name,
        noise_variance=result.model.noise_variance.tolist(),
        method=result.method,
        resolved=int(result.resolved),
    )


@to_xarray.register(PredictedOptimum)
def _(result: PredictedOptimum) -> xr.Dataset:
    # One axis of latents, or several: the last goes fastest in f.
    names = ("z",) if result.latents == 1 else GRID_AXES[: result.latents]
    axes = {name: axis.z for name, axis in zip(names, result.axes, strict=True)}
    values = result.f.reshape(*(axis.count for axis in result.axes), -1)
    variables: dict[str, _Variable] = {
        "f": ((*names, "dimension"), values, "", "the decoder found; straight lines between"),
        "start_kind": (("start",), [s.kind for s in result.starts], "", "what a start began from"),
        "start_excess": (
            ("start",),
            [s.node_excess for s in result.starts],
            "nat",
            "J of its end on the coarse nodes of the search",
        ),
        "start_refined": (
            ("start",),
            [np.nan if s.refined is None else s.refined for s in result.starts],
            "nat",
            "J after refinement; NaN where it was not refined",
        ),
        "start_evaluations": (
            ("start",),
            np.array([s.evaluations for s in result.starts], dtype=np.int32),
            "",
            "E-steps taken",
        ),
        "hop_excess": (
            ("hop",),
            np.array([hop.node_excess for hop in result.hops], dtype=float),
            "nat",
            "J of a basin hop's end on the coarse nodes of the search",
        ),
        "hop_refined": (
            ("hop",),
            np.array(
                [np.nan if h.refined is None else h.refined for h in result.hops], dtype=float
            ),
            "nat",
            "J after refinement; NaN where it was not refined",
        ),
    }
    for name, meaning in (("excess", "J"), ("mleo", "MLEO"), ("pmo", "PMO")):
        variables |= _estimate(name, meaning, getattr(result, name))
    data = _dataset("the best decoder that a search found", variables, axes)
    return data.assign_attrs(
        data=result.data.name,
        noise_variance=result.model.noise_variance.tolist(),
        samples=result.objective.samples,
        seed=result.seed,
        found=result.found,
        ground_truth_ascent=result.first_ascent,
    )


def need_xarray() -> None:
    """Say in one line that xarray is missing, where it is.

    Raises
    ------
    MissingExtraError
    """
    if importlib.util.find_spec("xarray") is None:
        raise MissingExtraError("xarray", "export", "an xarray data set")


def write_netcdf(data: xr.Dataset, path: str | Path) -> None:
    """Write a data set as a netCDF file, by scipy: no other library is needed.

    Parameters
    ----------
    data : xarray.Dataset
        What :func:`to_xarray` returned.
    path : path-like
        File to be written.

    Raises
    ------
    SettingError
        If it cannot be written.
    """
    try:
        data.to_netcdf(path, engine="scipy")
    except OSError as error:
        raise SettingError(f"{path}: cannot be written: {error.strerror or error}") from error


def _estimate(name: str, meaning: str, estimate: Estimate) -> dict[str, _Variable]:
    return {
        name: ((), estimate.value, "nat", meaning),
        f"{name}_error": ((), estimate.error, "nat", f"error radius of {meaning}"),
    }


def _dataset(
    title: str, variables: Mapping[str, _Variable], coordinates: Mapping[str, NDArray[np.float64]]
) -> xr.Dataset:
    need_xarray()
    import xarray as xr

    attributes = {"title": title, "source": f"theorycheck {theorycheck.__version__}"}
    return xr.Dataset(
        {
            name: (dims, values, {"long_name": meaning} | ({"units": unit} if unit else {}))
            for name, (dims, values, unit, meaning) in variables.items()
        },
        coords=dict(coordinates),
        attrs=attributes,
    )
