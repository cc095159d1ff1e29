"""Exact inference at given x."""
