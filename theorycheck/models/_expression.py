"""The small language for f_θ on the command line: ``expr:[cos(z), sin(z)]``.

Python's arithmetic in the variable ``z``, or ``z1``, ``z2``, ``z3`` for several latents, with the
constants ``pi`` and ``e``, a list for the data dimensions, and a fixed set of functions. The text
is parsed and walked, never run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from theorycheck.arrays import Array, Latents, Points
from theorycheck.errors import ExpressionError
from theorycheck.models._decoder import Decoder
from theorycheck.models._expression_parser import latents_of, parse_components
from theorycheck.models._expression_switches import find_switches
from theorycheck.models._expression_tree import Label, Latent, Node, evaluate, walk


@dataclass(frozen=True)
class Expression:
    """A parsed f_θ: R^K → R^D; make one with :func:`parse_expression`.

    Parameters
    ----------
    text : str
        What was parsed, in one spelling.
    components : tuple of Node
        One tree for each data dimension; equal subtrees are the same object.
    """

    text: str
    components: tuple[Node, ...]

    @property
    def data_dim(self) -> int:
        """Return the number of data dimensions D."""
        return len(self.components)

    @property
    def latent_dim(self) -> int:
        """Return the number of latents K: the largest number behind a z."""
        return latents_of(self.components)

    def evaluate(self, z: ArrayLike) -> Points:
        """Evaluate f in double precision.

        Parameters
        ----------
        z : array_like, shape (n,) for K = 1, else (n, K)
            Latents.

        Returns
        -------
        ndarray, shape (n, D)
            NaN or inf where f is undefined or overflows.
        """
        latents = np.atleast_1d(np.asarray(z, dtype=np.float64))
        known: dict[int, object] = {}
        with np.errstate(all="ignore"):
            columns = [evaluate(component, latents, known) for component in self.components]
        return np.stack([np.broadcast_to(c, latents.shape[:1]) for c in columns], axis=-1)

    def breakpoints(self, lower: float = -40.0, upper: float = 40.0) -> tuple[float, ...]:
        """Find the latents where a non-smooth function switches.

        Parameters
        ----------
        lower, upper : float
            Ends of the stretch of latents that is searched.

        Returns
        -------
        tuple of float
            Ascending, each within one float of the switch; see
            :func:`theorycheck.models._expression_switches.find_switches` for what is found.

        Raises
        ------
        ExpressionError
            If there are more than 10 000, or f has several latents: they are points of a line.
        """
        if self.latent_dim > 1:
            raise ExpressionError(f"{self.text}: breakpoints are points of a line")
        return find_switches(self.components, lower, upper)

    def to_decoder(self, name: str | None = None, latents: int | None = None) -> Decoder:
        """Return the decoder with this formula and its breakpoints declared.

        Parameters
        ----------
        name : str, optional
            What reports call it; by default the text.
        latents : int, optional
            Number of latents K; by default as many as the text names. More than that: the others
            have no part in f.

        Returns
        -------
        Decoder

        Raises
        ------
        DecoderError
            If f is not finite at some probed latent.
        ExpressionError
            If f has too many breakpoints, or the text names other latents.
        """
        named = self.latent_dim
        wanted = named if latents is None else latents
        plain = any(
            node.axis is None and not isinstance(node, Label)
            for node in walk(*self.components)
            if isinstance(node, Latent)
        )
        if wanted < named or (plain and wanted > 1):
            raise ExpressionError(
                f"expr:{self.text} has {named} latent{'s' * (named > 1)}, not {wanted}: write "
                f"{', '.join(f'z{k + 1}' for k in range(wanted)) if wanted > 1 else 'z'}"
            )
        return Decoder.from_function(
            self.evaluate,
            latent_dim=wanted,
            name=name or self.text,
            formula=self.text,
            breakpoints=self.breakpoints() if wanted == 1 else None,
        )


def parse_expression(text: str) -> Expression:
    """Parse f_θ from text.

    Allowed: numbers, ``z`` (or ``z1``, ``z2``, ``z3`` for several latents), ``pi``, ``e``,
    ``+ - * /``, powers as ``^`` or ``**``, parentheses,
    one list ``[f1, f2, ...]`` (or one expression for D = 1); ``sin cos tan exp log sqrt sinh cosh
    tanh arctan abs sign floor Phi Phi_inv erf logistic softplus relu step minimum maximum``; and
    ``where(condition, a, b)`` with ``< <= > >=``, chains such as ``0 < z < 1`` included. ``Phi``
    is the standard normal CDF, ``logistic(x) = 1/(1 + exp(-x))``, ``softplus(x) = log(1 +
    exp(x))``, ``relu(x) = maximum(x, 0)`` and ``step(x)`` is 1 for x ≥ 0, else 0. Other names:
    ``ln`` for log, ``sigmoid`` for logistic, ``atan`` for arctan, ``max`` and ``min``, which take
    two arguments or more. A switch of ``sign``, ``step`` or ``where`` at a single latent has no
    mass.

    Parameters
    ----------
    text : str
        The expression: at most 10 000 characters, nested at most 200 deep; constant exponents
        up to 1000.

    Returns
    -------
    Expression

    Raises
    ------
    ExpressionError
        One line that says what is not allowed, where, and what is.
    """
    return Expression(" ".join(text.split()), parse_components(text))


def parse_labelled_expression(text: str) -> Callable[[Latents, Latents], Points]:
    """Parse f(y, z) of a continuous label y from text, in the same language with the name y.

    Parameters
    ----------
    text : str
        The expression; y has to occur in it.

    Returns
    -------
    callable
        Maps y and z, shape (n,) each, to f, shape (n, D).

    Raises
    ------
    ExpressionError
        One line that says what is not allowed, where, and what is; or that there is no y.
    """
    components = parse_components(text, label=True)
    labels = [node for node in walk(*components) if isinstance(node, Label)]
    if not labels:
        raise ExpressionError(
            f"expr:{text}: without y the label says nothing of x; write y for the label, a real "
            "number, as in expr:[z, y*z]"
        )

    def function(y: Array, z: Array) -> Array:
        known: dict[int, object] = {id(labels[0]): y}
        with np.errstate(all="ignore"):
            columns = [evaluate(component, z, known) for component in components]
        return np.stack([np.broadcast_to(c, z.shape) for c in columns], axis=-1)

    return function
