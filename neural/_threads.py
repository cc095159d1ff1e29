"""Sets how many threads of the CPU PyTorch uses while networks are trained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Have PyTorch use one thread of the CPU, whatever else in the process asked for.

    A step of networks this small has too little in it to be shared out: where another process
    holds a core, a second thread spins for most of the time, and steps were seen to take five times
    as much of the processor. Compiled kernels set the number of threads of the whole process when
    they run, so that it must be set again after any of them.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
