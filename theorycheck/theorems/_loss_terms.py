"""Reading a loss: a weighted sum of a squared error and a KL, parsed and never run."""

from __future__ import annotations

import ast
import math
from typing import NoReturn

from theorycheck.errors import SettingError, nearest

__all__ = ["DIVERGENCES", "ERRORS", "only_term", "read_terms"]

#: Squared errors: what is averaged over, the batch and the D data dimensions.
ERRORS = {"sse": (True, False), "mse": (True, True), "mse_sum": (False, False)}
#: KL terms: what is averaged over, the batch and the K latents.
DIVERGENCES = {"kl": (True, False), "kl_mean": (True, True), "kl_sum": (False, False)}
#: Losses of other likelihoods, and what they are.
_OTHERS = {
    "bce": "binary cross-entropy is the Bernoulli likelihood",
    "bce_sum": "binary cross-entropy is the Bernoulli likelihood",
    "cross_entropy": "cross-entropy is the categorical likelihood",
    "ce": "cross-entropy is the categorical likelihood",
    "l1": "the absolute error is the Laplace likelihood",
    "mae": "the absolute error is the Laplace likelihood",
    "huber": "the Huber loss is the likelihood of no Gaussian",
    "smooth_l1": "the Huber loss is the likelihood of no Gaussian",
    "ssim": "SSIM is no likelihood",
    "lpips": "a perceptual loss is no likelihood of x",
}


def only_term(terms: dict[str, float], kinds: dict[str, tuple[bool, bool]], loss: str) -> str:
    """Return the one term of a kind, with a positive weight.

    Parameters
    ----------
    terms : dict of float
        Weights, as :func:`read_terms` returns them.
    kinds : mapping
        ERRORS or DIVERGENCES.
    loss : str
        As it was written, for the error.

    Returns
    -------
    str

    Raises
    ------
    SettingError
        If there is none or more than one, or its weight is not positive.
    """
    found = [name for name in terms if name in kinds]
    if len(found) != 1:
        what = "squared error" if kinds is ERRORS else "KL"
        why = "" if found or kinds is ERRORS else ": without one it is an autoencoder, with σ² = 0"
        raise SettingError(
            f"--from-loss: '{loss}' needs exactly one {what} ({', '.join(kinds)}){why}"
        )
    weight = terms[found[0]]
    if not (math.isfinite(weight) and weight > 0.0):
        raise SettingError(
            f"--from-loss: the weight of {found[0]} must be positive, not {weight:g}"
        )
    return found[0]


def read_terms(loss: str) -> dict[str, float]:
    """Read a weighted sum: the weight of every term by its name.

    Parameters
    ----------
    loss : str
        Such as ``"mse + 0.5*kl"``; parsed, never run.

    Returns
    -------
    dict of float

    Raises
    ------
    SettingError
        One line, if it is not such a sum, or a term is another likelihood's.
    """
    try:
        body = ast.parse(loss.strip().replace("^", "**"), mode="eval").body
        terms = _read(body, loss)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        _refuse(loss, "it cannot be read")
    except (ZeroDivisionError, OverflowError):
        _refuse(loss, "a weight is not finite")
    if "" in terms:
        _refuse(loss, "a constant is no part of it")
    return terms


def _refuse(loss: str, why: str) -> NoReturn:
    raise SettingError(
        f"--from-loss: '{loss}' is not of the form 'W*mse + B*kl': {why}; terms: "
        f"{', '.join((*ERRORS, *DIVERGENCES))}"
    )


def _read(node: ast.expr, loss: str) -> dict[str, float]:
    """Return the weights below a node; that of a plain number under the empty name."""
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return {"": float(number)}
        case ast.Name(id=name):
            return {_term(name): 1.0}
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return {name: -weight for name, weight in _read(inner, loss).items()}
        case ast.BinOp(left=one, op=ast.Add() | ast.Sub() as sign, right=other):
            total = dict(_read(one, loss))
            for name, weight in _read(other, loss).items():
                signed = weight if isinstance(sign, ast.Add) else -weight
                total[name] = total.get(name, 0.0) + signed
            return total
        case ast.BinOp(left=one, op=ast.Mult(), right=other):
            first, second = _read(one, loss), _read(other, loss)
            first, second = (second, first) if set(first) == {""} else (first, second)
            return {name: weight * _number(second, loss) for name, weight in first.items()}
        case ast.BinOp(left=one, op=ast.Div(), right=other):
            divisor = _number(_read(other, loss), loss)
            return {name: weight / divisor for name, weight in _read(one, loss).items()}
        case ast.BinOp(left=one, op=ast.Pow(), right=other):
            base, power = _number(_read(one, loss), loss), _number(_read(other, loss), loss)
            return {"": float(base**power)} if abs(power) <= 9.0 else {"": math.inf}
    _refuse(loss, "only numbers, terms and + - * / ^ are allowed")


def _term(name: str) -> str:
    """Return a term's name, or say what it is instead."""
    low = name.lower()
    if low in ERRORS or low in DIVERGENCES:
        return low
    if low in _OTHERS:
        raise SettingError(
            f"--from-loss: {_OTHERS[low]}, which has no σ²: theorycheck's models are x | z ~ "
            "N(f(z), σ²)"
        )
    raise SettingError(
        f"--from-loss: there is no term '{name}': {nearest(low, (*ERRORS, *DIVERGENCES))}"
    )


def _number(terms: dict[str, float], loss: str) -> float:
    if set(terms) != {""}:
        _refuse(loss, "a term may only be multiplied or divided by a number")
    return terms[""]
