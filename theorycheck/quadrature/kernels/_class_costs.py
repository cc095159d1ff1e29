"""−ELBO_x of every class at one q: for decoders on cells, and on panels.

A search over q does not ask which: :func:`class_costs` is compiled for either.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba.extending import overload

from theorycheck.quadrature.kernels._cells import see_boundaries, seen_negative_elbo
from theorycheck.quadrature.kernels._gaussian_expectation import workspace
from theorycheck.quadrature.kernels._jit import scalar_kernel
from theorycheck.quadrature.kernels._layouts import (
    ClassCells,
    ClassPanels,
    Matrix,
    Panels,
    Runs,
    Vector,
)
from theorycheck.quadrature.kernels._mean_field import negative_elbo


def class_costs(
    x: Vector, mean: float, log_scale: float, inverse_sigma: Vector,
    classes: ClassCells | ClassPanels, work: Matrix, each: Matrix,
) -> None:  # fmt: skip
    """Fill −ELBO_x of every class and its five scaled derivatives, (C, 6), at one (μ, log s)."""
    costs = _on_cells if isinstance(classes, ClassCells) else _on_panels
    costs(x, mean, log_scale, inverse_sigma, classes, work, each)  # type: ignore[arg-type]


def class_workspace(data_dim: int, classes: ClassCells | ClassPanels) -> Matrix:
    """Allocate what :func:`class_costs` needs."""
    if isinstance(classes, ClassCells):
        return _cell_workspace(data_dim, classes)
    return _panel_workspace(data_dim, classes)


@scalar_kernel
def _on_cells(
    x: Vector, mean: float, log_scale: float, inverse_sigma: Vector, classes: ClassCells,
    work: Matrix, each: Matrix,
) -> None:  # fmt: skip
    # What q sees of the boundaries is the same for all classes, and most of the work.
    seen = see_boundaries(classes.boundary, mean, math.exp(log_scale), work)
    for y in range(each.shape[0]):
        (
            each[y, 0], each[y, 1], each[y, 2], each[y, 3], each[y, 4], each[y, 5],
        ) = seen_negative_elbo(
            x, mean, log_scale, seen, inverse_sigma, classes.jump[y], classes.middle[y],
            classes.f[y], work,
        )  # fmt: skip


@scalar_kernel
def _on_panels(
    x: Vector, mean: float, log_scale: float, inverse_sigma: Vector, classes: ClassPanels,
    work: Matrix, each: Matrix,
) -> None:  # fmt: skip
    for y in range(each.shape[0]):
        panels = panels_of(classes, y, x.shape[0])
        runs = runs_of(classes, y)
        (
            each[y, 0], each[y, 1], each[y, 2], each[y, 3], each[y, 4], each[y, 5],
        ) = negative_elbo(x, mean, log_scale, inverse_sigma, panels, runs, work)  # fmt: skip


@scalar_kernel
def panels_of(classes: ClassPanels, y: int, data_dim: int) -> Panels:
    """Return the panels of one class: parts of the arrays, which are not copied."""
    low, high = classes.panel[y], classes.panel[y + 1]
    nodes = classes.z.shape[0] // classes.left.shape[0]
    first, last = low * nodes, high * nodes
    return Panels(
        classes.left[low:high],
        classes.right[low:high],
        classes.z[first:last],
        classes.weight[first:last],
        classes.f[data_dim * first : data_dim * last].reshape((data_dim, last - first)),
        classes.series[low:high],
    )


@scalar_kernel
def runs_of(classes: ClassPanels, y: int) -> Runs:
    """Return the runs of one class: parts of the arrays, which are not copied."""
    low, high = classes.run[y], classes.run[y + 1]
    return Runs(
        classes.level_start[classes.level[y] : classes.level[y + 1]],
        classes.run_left[low:high],
        classes.run_right[low:high],
        classes.run_z[low:high],
        classes.run_weight[low:high],
        classes.centre[low:high],
        classes.first[low:high],
        classes.square[low:high],
    )


@scalar_kernel
def _cell_workspace(_data_dim: int, classes: ClassCells) -> Matrix:
    return np.empty((4, classes.boundary.shape[0]))


@scalar_kernel
def _panel_workspace(data_dim: int, _classes: ClassPanels) -> Matrix:
    return workspace(data_dim)


# Any: numba's types have none.
def _chosen(classes: Any, on_cells: Any, on_panels: Any) -> Any:
    return on_cells if getattr(classes, "instance_class", None) is ClassCells else on_panels


@overload(class_costs)  # type: ignore[untyped-decorator]
def _compiled_costs(
    x: Any,  # noqa: ARG001
    mean: Any,  # noqa: ARG001
    log_scale: Any,  # noqa: ARG001
    inverse_sigma: Any,  # noqa: ARG001
    classes: Any,
    work: Any,  # noqa: ARG001
    each: Any,  # noqa: ARG001
) -> Any:
    costs = _chosen(classes, _on_cells, _on_panels)

    def compiled(
        x: Any, mean: Any, log_scale: Any, inverse_sigma: Any, classes: Any, work: Any, each: Any
    ) -> Any:
        return costs(x, mean, log_scale, inverse_sigma, classes, work, each)

    return compiled


@overload(class_workspace)  # type: ignore[untyped-decorator]
def _compiled_workspace(data_dim: Any, classes: Any) -> Any:  # noqa: ARG001
    allocate = _chosen(classes, _cell_workspace, _panel_workspace)

    def compiled(data_dim: Any, classes: Any) -> Any:
        return allocate(data_dim, classes)

    return compiled
