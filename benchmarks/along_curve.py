"""Times ``decompose`` where σ is small: along the curve, beside boxes in data space.

``python -m benchmarks.along_curve`` prints a line a decoder; ``--boxes`` adds what the rule costs
that a user would get without strips, which takes minutes.
"""

from __future__ import annotations

import sys
import time

from theorycheck.inference import MeanField
from theorycheck.models import GenerativeModel, load_model
from theorycheck.objectives import averages_on_boxes, decompose

#: Decoders with σ²: straight lines, a wave that bends within its noise or not, folds.
CASES = [
    ("figure8", None),
    ("[z, sin(3*z)]", 0.05),
    ("[z, sin(3*z)]", 0.005),
    ("[z, sin(3*z)]", 0.0005),
    ("[4*z, 0*z]", 1e-3),
    ("[7*z, 0*z]", 1e-4),
    ("[1e3*z, 1e-3*z]", 0.05),
    ("z", 1e-6),
    ("sin(3*z)", 1e-6),
    ("[z, sin(2*z), cos(z)]", 1e-3),
]
#: Boxes are left out where they would need more nodes than this.
_MOST = 1_500_000.0


def model_of(case: tuple[str, float | None]) -> GenerativeModel:
    """Return a benchmark, or an expression with its σ²."""
    text, variance = case
    if variance is None:
        return load_model(text)
    return load_model(f"expr:{text}", noise_variance=variance)


def main() -> None:
    """Print the table."""
    # Compiled before anything is timed.
    decompose(model_of(("[7*z, 0*z]", 1e-4)), tolerance=1e-3)
    decompose(model_of(("figure8", None)), tolerance=1e-2)
    print(f"{'decoder':24} {'σ²':>8} {'s':>7} {'PMO':>24} {'boxes, s':>9}  rule")
    for case in CASES:
        model = model_of(case)
        began = time.process_time()
        found = decompose(model)
        seconds = time.process_time() - began
        boxes = ""
        if "--boxes" in sys.argv and model.data_dim <= 2 and "along" in found.method:
            field = MeanField(model)
            began = time.process_time()
            grid = field.grid(2.0 / 3.0)
            if len(grid.x) < _MOST:
                averages_on_boxes(field, field, grid, tolerance=1e-6)
                boxes = f"{time.process_time() - began:.1f}"
        variance = "" if case[1] is None else f"{case[1]:g}"
        print(
            f"{case[0]:24} {variance:>8} {seconds:7.1f} {found.pmo!s:>24} {boxes:>9}  "
            f"{found.method}",
            flush=True,
        )


if __name__ == "__main__":
    main()
