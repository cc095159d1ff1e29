# %% [markdown]
# # IWAE, exactly
#
# Does a tighter bound help? The importance-weighted bound $L_S$ averages $S$ samples of $q$
# inside the logarithm; $L_1$ is the ELBO, and $L_S$ rises to $\log p(x)$. It is usually estimated
# by sampling. Here it is one integral, computed to 1e-12:
#
# $$ L_S(x) = \int_0^\infty \left( e^{-t} - \varphi(t/S)^S \right) \frac{dt}{t}, \qquad
#  \varphi(t) = \mathbb{E}_q e^{-t w}, \quad w = p(x, z) / q(z|x) $$

# %%
import numpy as np
from optima import stored
from show import say, show, sized, table

import theorycheck as tc
from theorycheck.report import EXACT, GAUSSIAN, HOLDS, SERIES, new_figure, styled

truth = tc.benchmark("figure8")
field = tc.MeanField(truth)
surface = tc.kl_map(field, resolution=sized(120, 40))
i, j = np.unravel_index(np.nanargmax(surface.density * surface.kl), surface.kl.shape)
x = np.array([[surface.axes[0][i], surface.axes[1][j]]])

# %% [markdown]
# ## At one x
#
# The distance to $\log p(x)$ where it matters most (the $x$ of largest density times KL). With
# the $q$ that is best for $S = 1$ the bound closes slowly; the $q$ that is best for *this* $S$
# does better, since it may spread over both modes: a sample that hits nothing costs little when
# others hit.

# %%
counts = sized([1, 2, 3, 5, 10, 20, 50, 100, 300, 1000], [1, 5, 20])
exact = tc.log_density(truth, x).value[0]
start = field.optimal_q(x)
at_elbo_q = [exact - tc.iwae_bound(field, x, start.mean, start.scale, s).value[0] for s in counts]
best = {s: tc.optimal_iwae_q(field, x, s) for s in counts if s > 1}
at_best_q = [at_elbo_q[0], *(exact - b.bound.value[0] for b in best.values())]
shown = sized([2, 5, 20], [5, 20])


@styled
def draw_bound():
    figure = new_figure(3.3)
    gaps, shapes = figure.subplots(1, 2)
    gaps.plot(counts, at_elbo_q, "o--", color=GAUSSIAN, lw=2, label="q that is best for S = 1")
    gaps.plot(counts, at_best_q, "s-", color=EXACT, lw=2, label="q that is best for this S")
    gaps.set(xscale="log", yscale="log", xlabel="S", ylabel="log p(x) − L_S(x) (nats)")
    gaps.legend()
    z = np.linspace(-3.2, 3.2, 1001)
    p = tc.posterior(field.panels, x[0])
    shapes.fill_between(p.z, p.density, color="#C8C8C8", lw=0, label="posterior")
    widths = {1: (start.mean[0], start.scale[0])}
    widths |= {s: (best[s].mean[0], best[s].scale[0]) for s in shown}
    for colour, (s, (mean, scale)) in zip(SERIES, widths.items(), strict=False):
        density = np.exp(-0.5 * ((z - mean) / scale) ** 2) / (scale * np.sqrt(2 * np.pi))
        shapes.plot(z, density, color=colour, lw=2, label=f"best q, S = {s}")
    shapes.set(xlim=(-3.2, 3.2), xlabel="z (prior std. dev.)", ylabel="density (per unit of z)")
    shapes.legend()
    return figure


show(draw_bound(), "Gap of the bound over S, and the best q for several S")

# %% [markdown]
# ## What is learned with S samples
#
# The optimum over all decoders (and all $q$) of $-E_p L_S$, searched for as in notebook 01
# (`python -m notebooks.optima`, some minutes). The decoders are judged here: their MLEO says how
# wrong the learned $p(x)$ is.

# %%
files = {1: "figure8_elbo", 2: "figure8_iwae2", 5: "figure8_iwae5", 20: "figure8_iwae20"}
files = sized(files, {s: files[s] for s in (1, 20)})
decoders = {s: stored(name) for s, name in files.items()}
parts = {
    s: tc.decompose(model, truth, tolerance=sized(1e-5, 1e-2)) for s, model in decoders.items()
}
judged = sized(list(files), [1])
objectives = {
    s: tc.iwae_objective(decoders[s], truth, samples=s, step=sized(0.5, 1.0)) for s in judged
}
own = {s: tc.iwae_objective(truth, samples=s, step=sized(0.5, 1.0)) for s in judged}


@styled
def draw_mleo():
    figure = new_figure(3.2)
    left, right = figure.subplots(1, 2)
    s = list(files)
    left.plot(s, [parts[k].mleo.value for k in s], "o-", color=GAUSSIAN, lw=2, ms=8)
    for k in s:
        left.annotate(f"{parts[k].mleo.value:.4f}", (k, parts[k].mleo.value), xytext=(6, 6),
                      textcoords="offset points")  # fmt: skip
    left.set(xscale="log", xlabel="S", ylabel="MLEO of the optimum (nats)")
    left.set_ylim(0, 1.15 * max(parts[k].mleo.value for k in s))
    left.set_xlim(0.85, 40)
    left.set_title("p(x) gets better, not right")
    right.plot(judged, [own[k].excess.value for k in judged], "D--", color=EXACT, lw=2,
               label="ground truth")  # fmt: skip
    right.plot(judged, [objectives[k].excess.value for k in judged], "o-", color=HOLDS, lw=2,
               label="optimum found")  # fmt: skip
    right.set(xscale="log", xlabel="S", ylabel="J_S = −E L_S − H (nats)")
    right.set_ylim(bottom=0)
    right.set_title("the objective itself")
    right.legend()
    for axes in (left, right):
        axes.set_xticks(s, [str(k) for k in s])
        axes.minorticks_off()
    return figure


show(draw_mleo(), "MLEO of the optimum against S, and the objective of optimum and ground truth")
table(
    ["S", "MLEO of the optimum (nats)", "J_S of the optimum", "J_S of the ground truth"],
    [[s, parts[s].mleo, objectives[s].excess, own[s].excess] for s in judged],
)
first, last = parts[1].mleo, parts[20].mleo
say(
    f"From $S = 1$ to $S = 20$ the MLEO falls from {first.value:.4f} to {last.value:.4f} nats. It "
    f"is {'still above zero, beyond' if last.lower > 0 else 'zero within'} its error radius: IWAE "
    "mends the failure, it does not remove it."
)

# %% [markdown]
# The decoders are the best that a search found, so $J_S$ of the optimum is an upper bound; the
# figures for the decoders themselves are exact.
