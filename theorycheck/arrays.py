"""Arrays by what they hold and by their axes, for the annotations of public functions.

A letter is a length: where n or D occurs twice among the arguments and the result of a function, or
among the fields of a result, both are the same. The tests check that (`tests/shape_checks.py`).

n : points x or latents z that a function was asked about. D : dimensions of the data.
K : latents of a model. C : classes of a labelled model. A word such as "panels" is a length, too;
{self.data_dim} is one that the object knows.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from jaxtyping import Bool, Float64, Int64
from numpy.typing import NDArray

#: Arrays of any shape; `Float64[Array, "n D"]` says which.
Array: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Booleans: TypeAlias = NDArray[np.bool_]

#: Latents z of a model with K = 1.
Latents: TypeAlias = Float64[Array, " n"]
#: Latents z of a model of any K: (n,) for K = 1, else (n, K).
LatentsOfAnyK: TypeAlias = Float64[Array, "n ..."]
#: Points in data space, x or f(z), one a row.
Points: TypeAlias = Float64[Array, "n D"]
#: A number for each point or latent.
PerPoint: TypeAlias = Float64[Array, " n"]
#: Whether something holds, for each point or latent.
Flags: TypeAlias = Bool[Booleans, " n"]
#: A whole number for each point or latent.
Counts: TypeAlias = Int64[Integers, " n"]
#: A number for each dimension of the data: σ, σ², a spacing.
PerDimension: TypeAlias = Float64[Array, " D"]
#: A number for each class of a labelled model and each point.
PerClass: TypeAlias = Float64[Array, "C n"]
#: Labels y of points.
Labels: TypeAlias = Int64[Integers, " n"]
