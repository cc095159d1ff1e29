"""What q(y|x) may be where y ~ N(0, 1): a Gaussian, or a table over y at each x.

Both are drawn by a continuous map of noise that does not depend on the networks, and both have a
density without jumps, so that gradients through the draws are those of the bound, without bias.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch

from neural._networks import capped

#: Cells of equal prior mass of the table.
CELLS = 24
#: u = Φ(y) is kept this far from 0 and 1, in float32; |y| is below 4.9 then.
_EDGE = 5e-7
_LEAST = 1e-12


class LabelPosterior(Protocol):
    """Describes a family of q(y|x).

    Attributes
    ----------
    outputs : int
        Numbers that a network of x gives to say which q it is.
    """

    outputs: int

    def drawn(self, output: Any, noise: Any) -> tuple[Any, Any]:
        """Return y, and log p(y)/q(y|x) there.

        Parameters
        ----------
        output : Tensor, shape (R, B, outputs)
        noise : Tensor, shape (R, S, B)
            Standard normals.

        Returns
        -------
        y, log_ratio : Tensor, shape (R, S, B)
        """
        ...

    def log_ratio(self, output: Any, y: Any) -> Any:
        """Return log p(y)/q(y|x) at any y (R, S, B)."""
        ...


class GaussianLabel:
    """A Gaussian q(y|x): the choice that section 5.2 of the paper calls naive."""

    outputs = 2

    def drawn(self, output: Any, noise: Any) -> tuple[Any, Any]:
        """Return y = μ + s ε and the ratio."""
        mean, log_scale = output[:, None, :, 0], capped(output[:, None, :, 1])
        y = torch.addcmul(mean, log_scale.exp(), noise)
        return y, 0.5 * (noise.square() - y.square()) + log_scale

    def log_ratio(self, output: Any, y: Any) -> Any:
        """Return the ratio at y."""
        mean, log_scale = output[:, None, :, 0], capped(output[:, None, :, 1])
        t = (y - mean) * torch.exp(-log_scale)
        return 0.5 * (t.square() - y.square()) + log_scale


class TableLabel:
    """A table over y at each x: q(y|x) = φ(y) v(Φ(y)), v a line on each of CELLS equal cells.

    The network gives log v at the ends of the cells, up to a constant.
    """

    outputs = CELLS + 1

    def drawn(self, output: Any, noise: Any) -> tuple[Any, Any]:
        """Return the quantile of q at Φ(ε), and the ratio."""
        ends = _ends(output)
        inner = 0.5 * (ends[..., :-1] + ends[..., 1:]) / CELLS
        below = torch.cumsum(inner, dim=2)
        level = torch.special.ndtr(noise).transpose(1, 2).contiguous()
        level = torch.minimum(level, below[..., -1:] * (1.0 - _EDGE))
        cell = torch.searchsorted(below.detach(), level.detach(), right=True)
        cell = cell.clamp_max(CELLS - 1)
        a, b = ends.gather(2, cell), ends.gather(2, cell + 1)
        # Mass within the cell, whose integral of the line is solved for the place in it.
        rest = CELLS * (level - (below - inner).gather(2, cell)).clamp_min(0.0)
        root = (a.square() + 2.0 * (b - a) * rest).clamp_min(_LEAST).sqrt()
        place = (2.0 * rest / (a + root)).clamp(0.0, 1.0)
        u = ((cell + place) / CELLS).clamp(_EDGE, 1.0 - _EDGE)
        y = torch.special.ndtri(u)
        log_v = torch.log(torch.lerp(a, b, place).clamp_min(_LEAST))
        return y.transpose(1, 2), -log_v.transpose(1, 2)

    def log_ratio(self, output: Any, y: Any) -> Any:
        """Return the ratio at y."""
        ends = _ends(output)
        u = torch.special.ndtr(y).clamp(0.0, 1.0 - _EDGE).transpose(1, 2) * CELLS
        u = u.expand(len(ends), -1, -1)
        cell = u.detach().long()
        v = torch.lerp(ends.gather(2, cell), ends.gather(2, cell + 1), u - cell)
        return -torch.log(v.clamp_min(_LEAST)).transpose(1, 2)


def _ends(output: Any) -> Any:
    """Return v at the ends of the cells, (R, B, CELLS + 1), with integral 1 over u."""
    free = torch.exp(output - output.amax(2, keepdim=True).detach())
    total = (free.sum(2, keepdim=True) - 0.5 * (free[..., :1] + free[..., -1:])) / CELLS
    return free / total
