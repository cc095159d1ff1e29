# %% [markdown]
# # What will a VAE learn?
#
# Take a decoder $f$ and a noise variance $\sigma^2$. Draw as much data as you like from
# $z \sim N(0, 1)$, $x \mid z \sim N(f(z), \sigma^2 I)$, and train a VAE on it, with a decoder
# network as flexible as you like. Do you get $f$ back? Or another decoder with the same $p(x)$?
#
# Below, **neither**: the ELBO prefers a decoder whose $p(x)$ is wrong. No network was trained to
# find that out. With one latent dimension, everything in question is an integral that can be
# computed to as many digits as one likes, so theorycheck computes it.

# %%
from show import say, show, sized, table

import theorycheck as tc
from theorycheck.optimum import QUICK, Effort, Execution, SearchSettings
from theorycheck.report import (
    ReportSearch,
    analyse,
    curves_figure,
    data_figure,
    densities_figure,
    paired_posteriors_figure,
    starts_figure,
)

# %% [markdown]
# ## The decoder
#
# A figure eight. The middle of the prior, $z \approx 0$, runs through the centre of the eight, and
# both tails of the prior end on either side of it, less than $2\sigma$ away.

# %%
model = tc.benchmark("figure8")

tiny = Effort(
    starts=4, coarse_cells=48, middle_cells=64, fine_cells=96, coarse_step=1.2, middle_step=1.0,
    fine_step=0.9, refined=1, rounds=0, tolerance=1e-3,
)  # fmt: skip
settings = SearchSettings(effort=sized(QUICK, tiny))
search = ReportSearch(settings, name="quick", execution=Execution(jobs=sized(2, 1)))
analysis = analyse(model, search=search, tolerance=sized(1e-6, 1e-3))

show(data_figure(analysis), "Heat map of p(x) with the curve f(z), coloured by z")

# %% [markdown]
# ## Three numbers that decide
#
# The ELBO splits exactly (in nats, averaged over the data):
#
# $$ -\mathrm{ELBO}(f) = H + \underbrace{\mathrm{KL}[p \Vert p_f]}_{\mathrm{MLEO}}
#  + \underbrace{\mathbb{E}_p \mathrm{KL}[q^\ast(z|x) \Vert p_f(z|x)]}_{\mathrm{PMO}} $$
#
# * $H$ is the entropy of the data, the same for every $f$.
# * MLEO, the *maximum likelihood objective*: zero where $p_f(x)$ is right.
# * PMO, the *posterior matching objective*: zero where posteriors are Gaussian.
#
# So training minimises $J = \mathrm{MLEO} + \mathrm{PMO}$. The ground truth pays nothing for
# MLEO, but its posteriors have several modes where the curve comes near itself, and a Gaussian
# $q$ can cover only one. The other row is the best decoder that a search over *all* decoders
# found.

# %%
truth, found = analysis.decomposition, analysis.optimum.predicted
table(
    ["decoder", "MLEO (nats)", "PMO (nats)", "J (nats)"],
    [
        ["ground truth", truth.mleo, truth.pmo, truth.excess],
        ["what the ELBO prefers", found.mleo, found.pmo, found.excess],
    ],
)
gain = truth.excess - found.excess
say(
    f"The ELBO of the ground truth is **{gain.value:.4f} nats worse**. Each number carries its "
    "error radius; the difference is thousands of times larger than the radii."
    if gain.value > 1000 * gain.error
    else f"The ground truth is {gain} nats worse."
)

# %% [markdown]
# ## What it learns instead
#
# The true curve runs through the centre, between its own two ends. The learned one does not: it
# runs once around the outline of the eight, and its two ends, far out in the prior, leave on the
# left.

# %%
show(curves_figure(analysis), "The true curve and the learned one, coloured by the latent z")

# %% [markdown]
# The price is a wrong $p(x)$: too little mass in some places (violet), too much in others
# (orange).

# %%
show(densities_figure(analysis), "True density, learned density, and their difference")

# %% [markdown]
# ## Why it pays
#
# What the ELBO buys with it, at the points A to D of the figures above. Where the true curve
# comes near itself (B), two far apart $z$ explain the same $x$: the true posterior has two modes,
# and a Gaussian covers one. Under the learned decoder (right) one mode is left, and the Gaussian
# fits. Only where data are rare (C) it stays bad.

# %%
show(paired_posteriors_figure(analysis), "Posteriors of both decoders at the same points x")

# %%
regions = analysis.optimum.comparison
table(
    ["where", "true: several modes", "learned: several modes", "true: mean KL", "learned: mean KL"],
    [
        [
            f"the densest {region.share:.0%} of the data" if region.share < 1 else "all data",
            f"{region.truth.several.value:.0%}",
            f"{region.other.several.value:.0%}",
            f"{region.truth.kl.value:.3f} nats",
            f"{region.other.kl.value:.3f} nats",
        ]
        for region in regions.regions
    ],
)
draws = max(region.draws for region in regions.regions)
say(f"(Means over {draws:,} draws from $p(x)$, so not the PMO to every digit.)")

# %% [markdown]
# ## The verdict
#
# Theorem 1 of Yacoby, Pan and Doshi-Velez ([arXiv 2007.07124](https://arxiv.org/abs/2007.07124))
# says when this happens. Every part of it is checked and answered with *holds*, *fails* or
# *inconclusive* (where the margin is smaller than the error radius). Notebook 03 looks closer.

# %%
theorem = analysis.theorem1
table(
    ["question", "verdict"],
    [
        ["premise: does most of the PMO come from x with complex posteriors?",
         theorem.premise_verdict],
        ["condition (1): is there an f that trades MLEO for PMO with profit?", theorem.condition_1],
        ["is the ground truth a minimum of −ELBO?", theorem.ground_truth_is_minimum],
    ],
)  # fmt: skip
say(theorem.summary)

# %% [markdown]
# ## How far to trust it
#
# *A decoder that beats the ground truth is a proof by example*: its $J$ is evaluated exactly, on
# points that the search never saw. That it is the best of all is not proved; it is an upper bound
# on the infimum of $J$. The search starts many times, and one sees how often it reached the same
# value.

# %%
show(starts_figure(analysis), "The J at which each start of the search ended")

# %% [markdown]
# ## Your turn
#
# ```
# theorycheck report figure8 -o out            # all of this as one HTML page
# theorycheck decompose 'expr:[cos(3*z), sin(3*z)]' --noise-variance 0.05
# ```
#
# * 02: the landscapes behind the PMO
# * 03: Theorem 1, its gap and the repair
# * 04: the noise variance that a VAE learns
# * 05: **your own decoder**, as an expression, a file or a torch module
# * 06: do real networks end where this predicts?
# * 07: does IWAE help?
