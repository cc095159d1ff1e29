"""Notebooks: sources in ``src/``, built by ``python -m notebooks.build``."""
