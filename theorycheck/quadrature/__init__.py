"""How integrals are done: panels in z, grids and boxes in x, and the compiled kernels."""
