"""Derives each statement that the numerical side relies on, checked step by step.

One statement a file; nothing here imports `theorycheck`.
"""
