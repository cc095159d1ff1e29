"""The benchmarks as a data set for others: samples with exact answers, reference values, scores.

    >>> from theorycheck import dataset
    >>> dataset.reference("circle").ground_truth.excess  # doctest: +SKIP

A method written in any framework is scored by a plain callable: :func:`score` takes a decoder
z → f(z), :func:`score_posterior` an inference method x → mean and scale.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
