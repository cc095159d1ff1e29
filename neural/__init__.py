"""Networks judged against exact numbers, in PyTorch.

`theorycheck` never imports this package at import time.
"""
