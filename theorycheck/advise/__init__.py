"""From a table of data to the paper's guidelines: evidence, verdicts and advice (docs/advise.md).

A practitioner has rows, no decoder. The best decoders for the rows, of the ELBO and of the exact
likelihood, say without a network what a Gaussian q costs on them.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
