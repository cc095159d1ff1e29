"""What the kernels take: types of arrays by their rank, and arrays that belong together by name.

Numba takes named tuples as they are. Unless something else is said, floats are 64-bit and arrays
C-contiguous; n counts x, D data dimensions, P panels.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

Vector = np.ndarray[tuple[int], np.dtype[np.float64]]
Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]
Cube = np.ndarray[tuple[int, int, int], np.dtype[np.float64]]
#: Rank 4: minima of the nodes of many boxes.
Stack = np.ndarray[tuple[int, int, int, int], np.dtype[np.float64]]
IntVector = np.ndarray[tuple[int], np.dtype[np.int64]]
IntMatrix = np.ndarray[tuple[int, int], np.dtype[np.int64]]


class Panels(NamedTuple):
    """f on panels of N = 16 Gauss-Legendre nodes (see quadrature/_latent_panels.py).

    Parameters
    ----------
    left, right : ndarray, shape (P,)
        Edges of the panels.
    z, weight : ndarray, shape (P N,)
        Nodes, ascending, and their weights for ∫ dz.
    f : ndarray, shape (D, P N)
        Decoder means at the nodes.
    series : ndarray, shape (P, D, N)
        Legendre series of f on each panel.
    """

    left: Vector
    right: Vector
    z: Vector
    weight: Vector
    f: Matrix
    series: Cube


class Runs(NamedTuple):
    """f and f² projected to polynomials on runs of 2, 4, 8, … panels, all levels in one array.

    G runs of N = 32 nodes each (see quadrature/_latent_groups.py).

    Parameters
    ----------
    level_start : ndarray of int, shape (levels + 1,)
        Run k of level l (from 1) is row ``level_start[l - 1] + k``.
    left, right : ndarray, shape (G,)
        Edges of the runs.
    z, weight : ndarray, shape (G, N)
        Nodes and weights for ∫ dz.
    centre : ndarray, shape (G, D)
        A point c near f on the run, so that squares do not cancel.
    first, square : ndarray, shape (G, D, N)
        Projections of f − c and of (f − c)², at the nodes.
    """

    level_start: IntVector
    left: Vector
    right: Vector
    z: Matrix
    weight: Matrix
    centre: Matrix
    first: Cube
    square: Cube


class Balls(NamedTuple):
    """Balls around what f can be: on each panel, or on each block of BLOCK panels.

    Parameters
    ----------
    centre : ndarray, shape (B, D)
        In data units.
    radius : ndarray, shape (B,)
        In σ.
    log_mass : ndarray, shape (B,)
        Log prior mass of the panel or block.
    """

    centre: Matrix
    radius: Vector
    log_mass: Vector


class AffineTable(NamedTuple):
    """−ELBO_x = |x|²/2σ² + offset − x·slope on a table of q, and a lower bound for runs of entries.

    T entries, in R runs of RUN (see `_starts.py`). All are empty where there is no table.

    Parameters
    ----------
    mean, log_scale, offset : ndarray, shape (T,)
    slope : ndarray, shape (D, T)
    run_floor, run_radius : ndarray, shape (R,)
    run_centre : ndarray, shape (R, D)
        On a run −ELBO_x is at least the floor plus ½ distance² of x, in σ, to a ball around E_q f:
        centre in data units, radius in σ.
    """

    mean: Vector
    log_scale: Vector
    offset: Vector
    slope: Matrix
    run_floor: Vector
    run_centre: Matrix
    run_radius: Vector


class Candidates(NamedTuple):
    """Starts (μ, log s) from elsewhere, shared by many x.

    Parameters
    ----------
    q : ndarray, shape (G, C, 2)
        NaN where unused.
    row : ndarray of int, shape (n,)
        Which of the G rows belongs to which x.
    """

    q: Cube
    row: IntVector


class Tree(NamedTuple):
    """The tree of lower bounds (see `_bound_tree.py`).

    Parameters
    ----------
    rows : ndarray, shape (N, L)
        A node each.
    size : ndarray of int, shape (1,)
        How many of them are made.
    """

    rows: Matrix
    size: IntVector


class Cells(NamedTuple):
    """A decoder that is constant on M cells.

    Parameters
    ----------
    boundary : ndarray, shape (M − 1,)
        Ascending.
    jump, middle : ndarray, shape (D, M − 1)
        Difference and mean of f across each boundary.
    f : ndarray, shape (M, D)
    """

    boundary: Vector
    jump: Matrix
    middle: Matrix
    f: Matrix


class CellTable(NamedTuple):
    """A table of q, in rows of equal s, whose −ELBO_x = |x|²/2σ² + offset − x·slope on cells.

    Parameters
    ----------
    mean, log_scale : ndarray, shape (T,)
    narrower, wider : ndarray of int, shape (T,)
        For every entry, the nearest one in the next row of narrower and of wider q; itself where
        there is none.
    offset : ndarray, shape (T,)
    slope : ndarray, shape (D, T)
    """

    mean: Vector
    log_scale: Vector
    narrower: IntVector
    wider: IntVector
    offset: Vector
    slope: Matrix


class ClassCells(NamedTuple):
    """The decoders of C classes, each constant on the same M cells.

    Parameters
    ----------
    boundary : ndarray, shape (M − 1,)
        Ascending.
    jump, middle : ndarray, shape (C, D, M − 1)
        Difference and mean of every f_y across each boundary.
    f : ndarray, shape (C, M, D)
    """

    boundary: Vector
    jump: Cube
    middle: Cube
    f: Cube


class ClassPanels(NamedTuple):
    """The panels and runs of C classes, one class behind the other in every array.

    Parameters
    ----------
    panel, run, level : ndarray of int, shape (C + 1,)
        Where the panels of a class begin, its runs, and its entries of `level_start`.
    left, right : ndarray, shape (all P,)
    z, weight : ndarray, shape (all P N,)
    f : ndarray, shape (D · all P N,)
        Of each class an array (D, P N).
    series : ndarray, shape (all P, D, N)
    level_start : ndarray of int
    run_left, run_right : ndarray, shape (all G,)
    run_z, run_weight : ndarray, shape (all G, N)
    centre : ndarray, shape (all G, D)
    first, square : ndarray, shape (all G, D, N)
    """

    panel: IntVector
    run: IntVector
    level: IntVector
    left: Vector
    right: Vector
    z: Vector
    weight: Vector
    f: Vector
    series: Cube
    level_start: IntVector
    run_left: Vector
    run_right: Vector
    run_z: Matrix
    run_weight: Matrix
    centre: Matrix
    first: Cube
    square: Cube


class ClassTable(NamedTuple):
    """−ELBO_x of every class = |x|²/2σ² + offset − x·slope on one table of q.

    Parameters
    ----------
    mean, log_scale : ndarray, shape (T,)
    offset : ndarray, shape (C, T)
    slope : ndarray, shape (C, D, T)
    """

    mean: Vector
    log_scale: Vector
    offset: Matrix
    slope: Cube


class Rule(NamedTuple):
    """How finely L_S is integrated (see `_iwae.py`).

    Parameters
    ----------
    phases : int
        Steps an octave of t.
    truncation : float
        What is left out at either end, nats.
    accuracy : float
        What the nodes in z may be off by on one front of φ.
    """

    phases: int
    truncation: float
    accuracy: float


class NodeBuffers(NamedTuple):
    """What one thread needs to lay nodes (see `_iwae_nodes.py`).

    Parameters
    ----------
    nodes : ndarray, shape (4, capacity)
        The result: rows T, MASS, LOG_W and DOUBT.
    stack : ndarray, shape (waiting pieces, 2)
    work : ndarray, shape (3 + D, N)
        Values of f on a piece, from row 3 on.
    """

    nodes: Matrix
    stack: Matrix
    work: Matrix


class IntegralBuffers(NamedTuple):
    """What one thread needs for the integral over t (see `_iwae_steps.py`).

    Parameters
    ----------
    chosen, order : ndarray of int, shape (capacity,)
        The nodes on which exp(−τw) changes, behind them those on which it has just vanished; and
        all nodes in the order in which they come in.
    work : ndarray, shape (9, capacity)
    absent : ndarray, shape (STEPS,)
        1 − φ at each step.
    heads : ndarray of int, shape (blocks,)
        Where in `order` each block begins; the last entry says how many are in use.
    """

    chosen: IntVector
    order: IntVector
    work: Matrix
    absent: Vector
    heads: IntVector
