"""Draws evenly spread random points, so that every step's loss scatters less, without bias."""

from __future__ import annotations

from typing import Any

import torch

#: Uniform numbers are kept this far from 0 and 1, where a normal quantile would be infinite. What
#: is cut off has a mass of 2e-9 a coordinate.
EDGE = 1e-9
#: 1/g for g^K = g + 1, by K: multiples of its first K − 1 powers modulo one, beside i/n, are spread
#: evenly. For two it is that of the golden ratio.
ROOTS = {2: 0.6180339887498949, 3: 0.7548776662466927}


class ShiftedPoints:
    """Holds evenly spread points on the unit cube, shifted at random modulo one at each call.

    Every single point is uniform on the cube, so averages over them are unbiased; together they
    cover it more evenly than independent draws, so the averages scatter less. First coordinate
    i/n, the others multiples of powers of the root of g^(d+1) = g + 1 (a Kronecker sequence).

    Parameters
    ----------
    count, dim : int
    generator : torch.Generator
        On `device`.
    device : str
    """

    def __init__(self, count: int, dim: int, generator: Any, device: str) -> None:
        self._generator, self._device = generator, device
        index = torch.arange(count, dtype=torch.float64)
        columns = [index / count]
        root = 2.0
        for _ in range(64):
            root = (1.0 + root) ** (1.0 / (dim + 1))
        columns += [(index * root**-k) % 1.0 for k in range(1, dim)]
        self.points = torch.stack(columns, dim=1).to(device)

    def uniform(self, copies: int = 1) -> Any:
        """Return `copies` independently shifted sets, shape (copies, count, dim), float64."""
        shift = torch.rand(
            (copies, 1, self.points.shape[1]),
            generator=self._generator,
            dtype=torch.float64,
            device=self._device,
        )
        return (self.points + shift).remainder_(1.0)

    def normal(self, copies: int = 1) -> Any:
        """Return the same points as standard normals, float32."""
        return normal_quantile(self.uniform(copies))


def normal_quantile(uniform: Any) -> Any:
    """Map uniform numbers (overwritten) to standard normals, float32."""
    return torch.special.ndtri(uniform.clamp_(EDGE, 1.0 - EDGE)).float()
