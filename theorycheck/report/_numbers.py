"""Writes numbers for people, each with an error radius that is true of the digits shown."""

from __future__ import annotations

import math

from theorycheck.estimate import Estimate


def shown(
    estimate: Estimate, places: int | None = None, unit: str = "", *, signed: bool = False
) -> str:
    """Write a number with its error radius, which includes what rounding the number leaves off.

    Parameters
    ----------
    estimate : Estimate
    places : int, optional
        Decimals at most; by default as many as the radius allows.
    unit : str
        Goes after the number and after the radius.
    signed : bool
        Write a plus sign too.

    Returns
    -------
    str
    """
    if not (math.isfinite(estimate.error) and math.isfinite(estimate.value)):
        if math.isfinite(estimate.value) and estimate.value != 0.0:
            return f"≈ {estimate.value:.3g}{unit}, unresolved"
        return "unresolved"
    if estimate.error == 0.0 and estimate.value == round(estimate.value):
        return f"{estimate.value:.0f}{unit} (exact)"
    digits = 15 if estimate.error == 0.0 else 1 - math.floor(math.log10(estimate.error))
    digits = max(0, min(15, digits, 15 if places is None else places))
    rounded = round(estimate.value, digits)
    radius = estimate.error + abs(rounded - estimate.value)
    number = f"{rounded + 0.0:{'+' if signed else ''}.{digits}f}".replace("-", "−")
    if float(number.replace("−", "-")) == 0.0:
        number = number.lstrip("+−")
    return f"{number}{unit} ± {_rounded_up(radius)}{unit}{estimate.kind.suffix}"


def _rounded_up(radius: float) -> str:
    """Write a radius with two digits, never smaller than it is."""
    if radius == 0.0:
        return "0"
    unit = 10.0 ** (math.floor(math.log10(radius)) - 1)
    return f"{math.ceil(radius / unit * (1.0 - 1e-12)) * unit:.1e}"
