"""Holds what the help of several verbs shares: the forms of MODEL, the terms, the verdicts."""

from __future__ import annotations

#: Keeps the help formatter from refilling the lines that follow.
AS_IS = "\b\n"
MODELS = (
    AS_IS + "MODEL is a decoder f with noise variance σ²: z ~ N(0, 1), x | z ~ N(f(z), σ²). Write\n"
    "  circle                      for a benchmark (theorycheck list)\n"
    "  decoder.py:f                for a function, or a torch module, in a Python file\n"
    "  decoder.py:vae.decoder      for a part of a torch module\n"
    "  'expr:[cos(z), sin(z)]'     for an expression in z\n"
    "  table.csv, table.npz        for a table of z, f(z)\n"
    "  decoder.pt2                 for a network saved by torch.export.save\n"
    "  run/checkpoint.pt           for the network that theorycheck train selected\n"
    "  best.npz                    for the decoder that theorycheck optimum -o found"
)
LABELLED_MODELS = (
    AS_IS + "MODEL is a decoder f_y for each class y = 0 to C - 1, with one noise variance σ².\n"
    "Write\n"
    "  discrete_semi_circle        for the benchmark\n"
    "  decoder.py:f                for a function of (y, z) in a Python file\n"
    "  'expr:[z, (2*y - 1)*z^2]'   for an expression in y and z\n"
    "  a.csv+b.csv                 for a table, or any other MODEL, for each class\n"
    "or, where the label y ~ N(0, 1) is continuous, f(y, z) as\n"
    "  continuous_semi_circle      for the benchmark\n"
    "  decoder.py:f                for a function of (y, z), with --labels continuous\n"
    "  'expr:[z + sin(y)]'         for an expression in y and z, with --labels continuous"
)
TERMS = (
    AS_IS + "All numbers are in nats, averaged over the data distribution p(x):\n"
    "  H      the entropy of the data, the same for every model\n"
    "  MLEO   KL[p(x) || p_f(x)], what the model misses of p(x); 0 at the ground truth\n"
    "  PMO    E KL(x), KL(x) = KL[q* || p_f(z|x)]: what q*, the best Gaussian q(z|x), misses\n"
    "  J      MLEO + PMO = -ELBO - H: decoders are compared by J, smaller is better"
)
CONDITIONS = (
    AS_IS + "  premise         more of the PMO comes from x with KL(x) > η than from all others\n"
    "  condition (1)   a decoder has a smaller J than MODEL, by its averages above and below η\n"
    "  condition (2)   no decoder with the p(x) of MODEL, hence MLEO = 0, satisfies (1)\n"
    "  condition (2')  each decoder with that p(x) has a PMO above the J of some decoder found\n"
    "  stationary      one M-step leaves MODEL unchanged; if not, it is no minimum of J"
)
