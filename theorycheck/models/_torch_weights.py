"""What a file of weights lacks to be a decoder, and how to hand the network over."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["hand_over", "lacking"]

#: What to write where a file has weights, or more than weights, and not the network.
_HAND_OVER = (
    "build the network in a Python file (net = Net(); net.load_state_dict({weights}{inner})) and "
    "give file.py:net{part}"
)


def hand_over(file: str, inner: str = "", part: str = "") -> str:
    """Say how to hand over a network whose weights are in a file.

    Parameters
    ----------
    file : str
        Its name.
    inner : str
        What picks the weights out of what the file holds.
    part : str
        The part of the network that is the decoder, with its dot.

    Returns
    -------
    str
    """
    weights = f"torch.load('{file}', weights_only=True)"
    return _HAND_OVER.format(weights=weights, inner=inner, part=part)


def lacking(path: str | Path, held: Any) -> str:
    """Say what a file of weights lacks to be a decoder, and how to hand the network over.

    Parameters
    ----------
    path : path-like
        The file that was given.
    held : object
        What the file holds.

    Returns
    -------
    str
        One line.
    """
    file = Path(path).name
    if not isinstance(held, Mapping):
        return f"{path}: holds {type(held).__name__}, not a decoder; {hand_over(file)}"
    weights = held.get("state_dict", held)
    if not isinstance(weights, Mapping) or not all(_is_tensor(v) for v in weights.values()):
        keys = ", ".join(str(key) for key in list(held)[:6]) or "nothing"
        inner = next((f"['{k}']" for k, v in held.items() if _is_weights(v)), "")
        advice = hand_over(file, inner)
        return f"{path}: no state_dict of weights in it (it has {keys}); {advice}"
    missing = [key for key in ("architecture", "noise_variance") if key not in held]
    lacks = f"lacks {' and '.join(missing)}" if missing else "its architecture is not known here"
    inner = "['state_dict']" if weights is not held else ""
    parts = {str(key).split(".")[0] for key in weights}
    decoders = [name for name in parts if name.lower() in ("decoder", "dec", "generator")]
    part = f".{decoders[0]}" if decoders and len(parts) > 1 else ""
    return (
        f"{path}: {len(weights)} weights without the network that uses them: {lacks}; "
        f"{hand_over(file, inner, part)}"
    )


def _is_weights(value: Any) -> bool:
    """Tell whether a value is a mapping to tensors."""
    return isinstance(value, Mapping) and bool(value) and all(map(_is_tensor, value.values()))


def _is_tensor(value: Any) -> bool:
    """Tell whether a value looks like a tensor."""
    return hasattr(value, "dtype") and hasattr(value, "shape")
