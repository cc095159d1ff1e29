# %% [markdown]
# # The landscapes behind the PMO
#
# The PMO asks at every $x$: how close can a Gaussian $q(z|x) = N(\mu, s^2)$ come to the
# posterior? This notebook shows that question as a landscape over $(\mu, s)$ at one $x$, and its
# answer as a map over $x$, for the figure-eight decoder and for the decoder that the ELBO prefers
# to it.

# %%
import numpy as np
from optima import stored
from show import say, show, sized, table

import theorycheck as tc
from theorycheck.inference import certify_optimal_q
from theorycheck.report import EXACT, GAUSSIAN, KL_COLOURS, NO_DATA, new_figure, styled

truth = tc.benchmark("figure8")
optimum = stored("figure8_elbo")  # found by `python -m notebooks.optima`, judged anew below
fields = {"ground truth": tc.MeanField(truth), "what the ELBO prefers": tc.MeanField(optimum)}

# %% [markdown]
# ## At one x
#
# Of all x, the one where density times KL is largest for the ground truth: it contributes most to
# the PMO. Two far apart $z$ have $f(z)$ near this $x$, so the posterior has two modes that
# matter, and a Gaussian covers one of them.

# %%
resolution = sized(150, 50)
maps = {name: tc.kl_map(field, truth, resolution=resolution) for name, field in fields.items()}
surface = maps["ground truth"]
i, j = np.unravel_index(np.nanargmax(surface.density * surface.kl), surface.kl.shape)
x = np.array([surface.axes[0][i], surface.axes[1][j]])
z = np.linspace(-3.5, 3.5, 1201)
say(f"That is x = ({x[0]:.2f}, {x[1]:.2f}).")


@styled
def draw_posteriors():
    figure = new_figure(2.6)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (name, field) in zip(panels, fields.items(), strict=True):
        p = tc.posterior(field.panels, x)
        best = field.optimal_q(x)
        mean, scale = best.mean[0], best.scale[0]
        q = np.exp(-0.5 * ((z - mean) / scale) ** 2) / (scale * np.sqrt(2 * np.pi))
        axes.fill_between(p.z, p.density, color=EXACT, alpha=0.35, lw=0, label="posterior p(z|x)")
        axes.plot(z, q, color=GAUSSIAN, lw=2, label="best Gaussian q*")
        axes.set(xlim=(-3.5, 3.5), xlabel="z (prior std. dev.)")
        axes.set_title(f"{name}: KL = {field.kl(x)[0]:.2g} nats")
    panels[0].set_ylabel("density (per unit of z)")
    panels[0].legend(loc="upper left")
    panels[0].set_ylim(0, 1.35 * panels[0].get_ylim()[1])
    return figure


show(draw_posteriors(), "Posterior and best Gaussian at that x, for both decoders")

# %% [markdown]
# The landscape of $\mathrm{KL}[N(\mu, s^2) \Vert p(z|x)]$ at this $x$. Every mode of the
# posterior is a valley of its own. An optimiser that starts in the wrong one stays there;
# theorycheck scans all $(\mu, s)$ and then polishes, so it returns the deepest (cross) and lists
# the others (circles).

# %%
count = sized(141, 41)
means, scales = np.linspace(-3, 3, count), np.geomspace(0.04, 1.6, count)


@styled
def draw_landscapes():
    figure = new_figure(3.6)
    panels = figure.subplots(1, 2, sharey=True)
    levels = np.geomspace(0.02, 40, 23)
    for axes, (name, field) in zip(panels, fields.items(), strict=True):
        landscape = tc.pmo_landscape(field, x, mean=means, scale=scales)
        kl = np.maximum(landscape.kl, 1e-3)
        shown = axes.contourf(
            means, scales, np.log10(kl), np.log10(levels), cmap=KL_COLOURS, extend="both"
        )
        minima = landscape.optimum.minima[0]
        minima = minima[np.isfinite(minima[:, 2])]
        axes.plot(minima[1:, 0], np.exp(minima[1:, 1]), "o", mfc="none", mec="white", mew=2, ms=9)
        axes.plot(minima[0, 0], np.exp(minima[0, 1]), "X", color="white", mec="black", ms=12)
        axes.set(yscale="log", xlabel="μ (prior std. dev.)")
        valleys = "one valley" if len(minima) == 1 else f"{len(minima)} valleys"
        axes.set_title(f"{name}: {valleys}")
    panels[0].set_ylabel("s (prior std. dev.)")
    panels[0].set_yticks([0.05, 0.1, 0.2, 0.5, 1.0], ["0.05", "0.1", "0.2", "0.5", "1"])
    panels[0].minorticks_off()
    bar = figure.colorbar(shown, ax=panels, pad=0.02)
    bar.set_ticks(np.log10([0.1, 1, 10]), labels=["0.1", "1", "10"])
    bar.set_label("KL[q ‖ p(z|x)] (nats)")
    return figure


show(draw_landscapes(), "KL over mean and scale of q at that x, for both decoders")

# %% [markdown]
# That the cross is the *global* minimum can be proved, by branch and bound over all $(\mu, s)$:

# %%
table(
    ["decoder", "KL at q* (nats)", "no (μ, s) is better by more than (nats)"],
    [
        [
            name,
            f"{field.kl(x)[0]:.9f}",
            f"{certify_optimal_q(field, x, gap=1e-9).largest_gap:.1e}",
        ]
        for name, field in fields.items()
    ],
)

# %% [markdown]
# ## Over all x
#
# The same minimum at every $x$; white lines enclose 50, 90 and 99 % of the data. The PMO is the
# mean of this map under $p(x)$. Both maps have bright ridges, but the ground truth's run through
# regions where data are dense, while the learned decoder has moved and narrowed them.

# %%
pmo = {
    name: tc.decompose(field.model, truth, tolerance=sized(1e-6, 1e-3)).pmo
    for name, field in fields.items()
}


@styled
def draw_maps():
    figure = new_figure(3.9)
    panels = figure.subplots(1, 2, sharey=True)
    top = float(np.nanquantile(maps["ground truth"].kl, 0.98))
    for axes, (name, surface) in zip(panels, maps.items(), strict=True):
        axes.set_facecolor(NO_DATA)
        shown = axes.pcolormesh(
            *surface.axes, surface.kl.T, cmap=KL_COLOURS, vmin=0, vmax=top, rasterized=True
        )
        heights = np.sort(surface.density.ravel())[::-1]
        share = np.cumsum(heights) / heights.sum()
        levels = [heights[np.searchsorted(share, level)] for level in (0.99, 0.9, 0.5)]
        axes.contour(*surface.axes, surface.density.T, levels=levels, colors="white")
        axes.set(aspect="equal", xlabel="x₁ (data units)")
        axes.set_title(f"{name}:\nmean KL = PMO = {pmo[name].value:.4f} nats")
    panels[0].set_ylabel("x₂ (data units)")
    bar = figure.colorbar(shown, ax=panels, pad=0.02, shrink=0.9, extend="max")
    bar.set_label("KL[q* ‖ p(z|x)] (nats)")
    return figure


show(draw_maps(), "Maps of KL over the data space, ground truth and learned decoder")

# %% [markdown]
# ## Where q* jumps
#
# The mean $\mu$ of $q^\ast$ over $x$. Along the sharp edges two valleys are equally deep and
# $q^\ast$ jumps from one to the other: there $\mathrm{KL}(x)$ has a kink. That is why averaging
# it on a plain grid converges slowly, why theorycheck refines the cells that such an edge
# crosses, and why an encoder network, which is continuous in $x$, must lose something there.

# %%


@styled
def draw_means():
    figure = new_figure(3.7)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (name, surface) in zip(panels, maps.items(), strict=True):
        axes.set_facecolor(NO_DATA)
        shown = axes.pcolormesh(
            *surface.axes, surface.mean.T, cmap="plasma", vmin=-2.5, vmax=2.5, rasterized=True
        )
        axes.set(aspect="equal", xlabel="x₁ (data units)")
        axes.set_title(name)
    panels[0].set_ylabel("x₂ (data units)")
    bar = figure.colorbar(shown, ax=panels, pad=0.02, shrink=0.9, extend="both")
    bar.set_label("mean μ of q*(z|x) (prior std. dev.)")
    return figure


show(draw_means(), "Mean of the best q over the data space, for both decoders")

# %%
ratio = pmo["ground truth"].value / pmo["what the ELBO prefers"].value
say(f"The learned decoder divides the PMO by {ratio:.2f}; notebook 01 shows what it pays for that.")
