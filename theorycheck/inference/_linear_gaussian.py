"""The linear-Gaussian model with any number of latents, in closed form: probabilistic PCA.

With f(z) = W z + b the data are N(b, W Wᵀ + Σ), Σ = diag σ², the posterior is N(m(x), S) with
S⁻¹ = I + Wᵀ Σ⁻¹ W and m(x) = S Wᵀ Σ⁻¹ (x − b), and the optimal mean-field q has its mean and the
inverse diagonal of its precision: KL = ½ Σ_k log (S⁻¹)_kk + ½ log det S, the same for every x
(proofs/linear_mean_field.py; zero by Hadamard's inequality where Wᵀ Σ⁻¹ W is diagonal).
"""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike
from scipy.special import erfc, ndtri

from theorycheck.arrays import Array, PerPoint, Points
from theorycheck.errors import ModelError
from theorycheck.estimate import Estimate
from theorycheck.inference._exact_model import BestQ
from theorycheck.inference._family import MEAN_FIELD, Family, checked_family
from theorycheck.inference._marginal import LogDensity, as_points
from theorycheck.inference._product_q import OptimalProductQ
from theorycheck.quadrature import DataSample, TrapezoidGrid, sobol_points

#: Nats below the peak of p(x) up to which the grid goes.
_DEPTH = 46.0
#: Units of rounding that a sum of D² terms may be off by, for each unit of the exponent.
_ROUNDING = 64.0 * float(np.finfo(float).eps)
#: Nodes of a grid at most.
_MOST_NODES = 40_000_000
#: Minima that an OptimalProductQ has room for.
_MINIMA = 4


class LinearGaussianModel:
    """z ~ N(0, I_K), x | z ~ N(W z + b, diag σ²).

    Parameters
    ----------
    loadings : array_like, shape (D, K)
        W.
    noise_variance : array_like, one number or shape (D,)
        σ².
    offset : array_like, shape (D,), optional
        b; by default zero.
    name : str
        What tables and reports call it.

    Raises
    ------
    ModelError
        If a shape does not fit, a number is not finite, or σ² is not positive.
    """

    def __init__(
        self,
        loadings: ArrayLike,
        noise_variance: ArrayLike,
        offset: ArrayLike | None = None,
        name: str = "linear-Gaussian",
    ) -> None:
        w = np.array(loadings, dtype=np.float64, ndmin=2)
        if w.ndim != 2 or w.size == 0:
            raise ModelError(f"{name}: loadings of shape {w.shape}, expected (D, K)")
        b = np.zeros(len(w)) if offset is None else np.array(offset, dtype=np.float64, ndmin=1)
        variance = np.array(noise_variance, dtype=np.float64, ndmin=1)
        if variance.shape == (1,):
            variance = np.repeat(variance, len(w))
        if b.shape != (len(w),) or variance.shape != (len(w),):
            raise ModelError(
                f"{name}: {len(w)} data dimensions by the loadings, but an offset of shape "
                f"{b.shape} and σ² of shape {variance.shape}"
            )
        if not (np.isfinite(w).all() and np.isfinite(b).all()):
            raise ModelError(f"{name}: the loadings and the offset must be finite")
        if not (np.isfinite(variance).all() and (variance > 0.0).all()):
            raise ModelError(f"{name}: σ² must be positive and finite, not {variance.tolist()}")
        self.name = name
        self.loadings, self.offset, self.noise_variance = w, b, variance

    @property
    def data_dim(self) -> int:
        """Return the number of data dimensions D."""
        return len(self.loadings)

    @property
    def latent_dim(self) -> int:
        """Return the number of latents K."""
        return int(self.loadings.shape[1])

    @property
    def sigma(self) -> Float64[Array, " {self.data_dim}"]:
        """Return the noise's standard deviation σ, data units, shape (D,)."""
        return np.sqrt(self.noise_variance)

    def same_as(self, other: LinearGaussianModel) -> bool:
        """Tell whether another model is this one: the same W, b and σ²; its name may be another."""
        pairs = zip(self._numbers, other._numbers, strict=True)
        return all(np.array_equal(one, two) for one, two in pairs)

    @property
    def _numbers(self) -> tuple[Array, Array, Array]:
        return self.loadings, self.offset, self.noise_variance

    def sample(
        self, size: int, rng: np.random.Generator | int
    ) -> tuple[
        Float64[Array, "{size} {self.latent_dim}"], Float64[Array, "{size} {self.data_dim}"]
    ]:
        """Draw z (n, K) and x (n, D) from the joint p(z, x)."""
        generator = np.random.default_rng(rng)
        z = generator.standard_normal((size, self.latent_dim))
        noise = generator.standard_normal((size, self.data_dim)) * self.sigma
        return z, z @ self.loadings.T + self.offset + noise


class ExactLinearGaussian:
    """Everything at a given x of a linear-Gaussian model, in closed form: an exact model.

    Parameters
    ----------
    model : LinearGaussianModel
        The model.
    """

    families = (MEAN_FIELD,)
    latent_nodes = 1
    unresolved_mass = 0.0
    missing_mass = 0.0
    verified_width = math.inf

    def __init__(self, model: LinearGaussianModel) -> None:
        self.model = model
        w, variance = model.loadings, model.noise_variance
        self.covariance = w @ w.T + np.diag(variance)
        scaled = w / variance[:, None]
        self._precision = np.eye(model.latent_dim) + w.T @ scaled
        #: To the mean of the posterior: m(x) = gain (x − b).
        self._gain = np.linalg.solve(self._precision, scaled.T)
        # Root Rᵀ of the covariance RᵀR by QR: to form the covariance first would square its
        # condition.
        _, root = np.linalg.qr(np.vstack([w.T, np.diag(model.sigma)]))
        self._root = root.T

    @cached_property
    def kl(self) -> float:
        """Return KL[q* ‖ p(z|x)], nats, the same for every x."""
        _, log_det = np.linalg.slogdet(self._precision)
        return max(0.5 * (float(np.log(np.diag(self._precision)).sum()) - float(log_det)), 0.0)

    @property
    def covered(self) -> float:
        """Return the room of six standard deviations of p(x) either way, in σ^D."""
        inside = self._root / self.model.sigma[:, None]
        return float((12.0 * np.linalg.svd(inside, compute_uv=False)).prod())

    def log_density(self, x: ArrayLike) -> LogDensity:
        """Return log N(x; b, W Wᵀ + Σ), its rounding, and E[f(z) | x]."""
        points = as_points(x, self.model.data_dim)
        apart = points - self.model.offset
        half = np.linalg.solve(self._root, apart.T)
        exponent = 0.5 * (half**2).sum(axis=0)
        log_det = 2.0 * float(np.log(np.abs(np.diag(self._root))).sum())
        dim = self.model.data_dim
        value = -exponent - 0.5 * (dim * math.log(2.0 * math.pi) + log_det)
        # Rounding of x − b and of the root, seen through the root's inverse.
        condition = float(np.linalg.cond(self._root))
        error = _ROUNDING * dim * condition * (1.0 + exponent + abs(log_det))
        mean_f = self.model.offset + apart @ (self.model.loadings @ self._gain).T
        return LogDensity(value, error, error, mean_f)

    @property
    def precision(self) -> Float64[Array, "K K"]:
        """Return S⁻¹ = I + Wᵀ Σ⁻¹ W, the precision of every posterior."""
        return self._precision

    def posterior_mean(self, x: ArrayLike) -> Float64[Array, "n K"]:
        """Return E[z | x] for x (n, D), shape (n, K)."""
        points = as_points(x, self.model.data_dim)
        result: Array = (points - self.model.offset) @ self._gain.T
        return result

    def optimal_q(self, x: ArrayLike) -> OptimalProductQ:
        """Return the best q of every x: the posterior's mean, and scales 1/√(S⁻¹)_kk."""
        mean = self.posterior_mean(x)
        scale = np.broadcast_to(1.0 / np.sqrt(np.diag(self._precision)), mean.shape).copy()
        negative = self.kl - self.log_density(x).value
        minima = np.full((len(mean), _MINIMA, 2 * mean.shape[1] + 1), np.nan)
        minima[:, 0] = np.column_stack([mean, np.log(scale), negative])
        return OptimalProductQ(mean, scale, negative, np.zeros(len(mean)), minima)

    def posterior_squares(self, x: ArrayLike) -> Points:
        """Return E[(x_d − f_d(z))² | x] under the exact posterior for x (n, D), shape (n, D)."""
        points = as_points(x, self.model.data_dim)
        w = self.model.loadings
        spread = np.einsum("dk,kd->d", w, np.linalg.solve(self._precision, w.T))
        mean_f = self.log_density(points).posterior_mean_f
        return np.asarray((points - mean_f) ** 2 + spread, dtype=np.float64)

    @cached_property
    def own_m_step_gain(self) -> Estimate:
        """How far one M-step on its own p(x), at the optimal q, lowers −ELBO, nats.

        z has the aggregated posterior N(0, A) with A = I − S + diag(1/(S⁻¹)_kk), and E[x | z] − b
        under p(x) q(z|x) is W A⁻¹ z, so that the M-step's W is W A⁻¹ and its gain
        ½ tr[A (A⁻¹ − I) Wᵀ Σ⁻¹ W (A⁻¹ − I)]: zero where Wᵀ Σ⁻¹ W is diagonal.
        """
        inverse = np.linalg.inv(self._precision)
        identity = np.eye(self.model.latent_dim)
        aggregate = identity - inverse + np.diag(1.0 / np.diag(self._precision))
        moved = np.linalg.inv(aggregate) - identity
        fisher = self._precision - identity
        gain = 0.5 * float(np.trace(aggregate @ moved @ fisher @ moved))
        # Products of K² terms, and two inverses.
        condition = float(np.linalg.cond(self._precision) * np.linalg.cond(aggregate))
        size = float(np.linalg.norm(fisher)) * self.model.latent_dim
        step = float(np.abs(moved).max()) + _ROUNDING * condition
        return Estimate(max(gain, 0.0), _ROUNDING * condition * size * step + 1e-300)

    def best_q(
        self,
        x: ArrayLike,
        *,
        family: Family = MEAN_FIELD,
        groups: int = 0,
        hint: Float64[Array, "groups candidates width"] | None = None,  # noqa: ARG002
        fresh: bool = True,  # noqa: ARG002
        evidence: LogDensity | None = None,
        negligible: PerPoint | None = None,  # noqa: ARG002
    ) -> BestQ:
        """Return what averages need of the optimal q of every x: the one minimum there is."""
        checked_family(self, family)
        points = as_points(x, self.model.data_dim)
        p = self.log_density(points) if evidence is None else evidence
        spread = (self.model.loadings**2) @ (1.0 / np.diag(self._precision))
        squares = (points - p.posterior_mean_f) ** 2 + spread
        return BestQ(
            negative_elbo=self.kl - p.value,
            gap=np.zeros(len(points)),
            mean_f=p.posterior_mean_f,
            squares=squares,
            hint=np.empty((groups, 0, 0)),
        )

    def grid(self, step: float, shift: float = 0.0) -> TrapezoidGrid:
        """Return a trapezoid rule over p(x), D <= 2, of a step in σ."""
        dim = self.model.data_dim
        if dim > 2:
            raise ModelError(f"a tensor grid needs D <= 2, not {dim}")
        spacing = step * self.model.sigma
        reach = math.sqrt(2.0 * _DEPTH) * np.sqrt(np.diag(self.covariance))
        offset = self.model.offset
        axes = [
            np.arange(math.floor((b - r) / h), math.ceil((b + r) / h) + 1)
            for b, r, h in zip(offset, reach, spacing, strict=True)
        ]
        if math.prod(axis.size for axis in axes) > _MOST_NODES:
            raise ModelError(f"{self.model.name}: a grid of step {step:.3g} σ has too many nodes")
        index = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, dim)
        x = (index + shift) * spacing
        log_density = self.log_density(x).value
        kept = log_density > log_density.max() - _DEPTH
        # Mass beyond the ellipse: a chi-squared tail.
        tail = math.exp(-_DEPTH) if dim == 2 else float(erfc(math.sqrt(_DEPTH)))
        return TrapezoidGrid(
            x=x[kept],
            log_density=log_density[kept],
            volume=float(spacing.prod()),
            coarse=np.all(index[kept] % 2 == 0, axis=1),
            missing_mass=tail + 1e-17,
        )

    def draws(self, *, size: int, repeats: int, seed: int) -> DataSample:
        """Return `repeats` independent sets of quasi-random draws from p(x)."""
        points = sobol_points(self.model.data_dim, size=size, repeats=repeats, seed=seed)
        return DataSample(self.model.offset + ndtri(points) @ self._root.T)
