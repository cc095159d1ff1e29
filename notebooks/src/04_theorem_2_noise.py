# %% [markdown]
# # Theorem 2: the noise variance that a VAE learns
#
# With decoder and encoder fixed, $-\mathrm{ELBO}$ as a function of $\sigma_d^2$ is
# $\frac{1}{2} \log \sigma_d^2 + R_d / (2 \sigma_d^2)$ plus a constant, with
# $R_d = E_p E_q (x_d - f_d(z))^2$. Its minimum is at $\sigma_d^2 = R_d$. So even with the **true
# decoder and endless data**, what is fitted depends on $q$: the exact posterior gives back the
# true $\sigma^2$, the best Gaussian gives another.

# %%
import numpy as np
from optima import stored
from show import say, show, sized, table

import theorycheck as tc
from theorycheck.report import EXACT, GAUSSIAN, SERIES, new_figure, styled

tolerance = sized(1e-4, 1e-2)
model = tc.benchmark("figure8")
check = tc.check_theorem2(model, tolerance=tolerance)

# %% [markdown]
# ## Two minima
#
# $-\mathrm{ELBO}$ over $\sigma_1^2$ at the true $f$ of the figure eight, with the best Gaussian
# $q$ and with the exact posterior. Dots are the minima.

# %%


@styled
def draw_profiles():
    figure = new_figure(3.2)
    axes = figure.subplots()
    true = check.true[0]
    variance = np.linspace(0.56, 1.45, 301) * true
    for label, residual, colour in (
        ("exact posterior", check.exact_posterior[0].value, EXACT),
        ("best Gaussian q", check.refit_at_ground_truth[0].value, GAUSSIAN),
    ):
        profile = 0.5 * np.log(variance / residual) + 0.5 * residual / variance - 0.5
        axes.plot(variance, profile, color=colour, lw=2)
        axes.plot(residual, 0.0, "o", color=colour, ms=9, zorder=5)
        place = (0.0133, 0.001) if colour == GAUSSIAN else (0.0258, 0.001)
        axes.text(*place, f"{label}:\nσ₁² = {residual:.4f}", ha="center", color=colour)
    axes.axvline(true, color="black", lw=1, ls=":", zorder=0)
    axes.text(true, 0.024, " true σ²", va="top")
    axes.set_ylim(-0.001, 0.025)
    axes.set(xlabel="σ₁² (data units squared)", ylabel="−ELBO above its minimum (nats)")
    return figure


show(draw_profiles(), "Negative ELBO over the noise variance, two minima")
say(check.summary)

# %% [markdown]
# ## Which decoders, and which way
#
# The bias has no fixed sign, and it can differ between data dimensions.

# %%
names = sized(["figure8", "circle", "absolute_value", "clusters"], ["circle"])
checks = {
    name: check
    if name == model.name
    else tc.check_theorem2(tc.benchmark(name), tolerance=tolerance)
    for name in names
}


@styled
def draw_biases():
    figure = new_figure(2.6)
    axes = figure.subplots()
    for k, found in enumerate(checks.values()):
        shift = [100 * b.value / t for b, t in zip(found.bias, found.true, strict=True)]
        for row, value, colour in zip((k - 0.19, k + 0.19), shift, SERIES, strict=False):
            axes.barh(row, value, 0.34, color=colour)
            side = "left" if value >= 0 else "right"
            axes.text(
                value, row, f" {value:+.1f} % ".replace("-", "−"), ha=side, va="center", fontsize=9
            )
    axes.axvline(0.0, color="black", lw=1)
    axes.set_yticks(range(len(checks)), list(checks))
    axes.invert_yaxis()
    axes.margins(x=0.18)
    axes.set_xlabel("bias of the fitted σ² (% of the true σ²); blue: dimension 1, orange: 2")
    return figure


show(draw_biases(), "Relative bias of the fitted noise variance, per benchmark and dimension")
table(
    ["benchmark", "true σ²", "fitted, dimension 1", "fitted, dimension 2", "biased?"],
    [
        [name, found.true[0], *found.refit_at_ground_truth, found.verdict]
        for name, found in checks.items()
    ],
)

# %% [markdown]
# ## Less noise, less bias?
#
# The same curves with other true $\sigma^2$. As the noise falls, fewer $x$ are near two passes of
# the curve, and the bias goes to zero; with much noise, everything is near everything.

# %%
exact = sized(
    {"tolerance": 1e-4, "residual_tolerance": 1e-3},
    {"tolerance": 1e-3, "residual_tolerance": 1e-2},
)
levels = sized(np.geomspace(0.002, 0.2, 9), np.array([0.02, 0.1]))
sweep = {}
for name in sized(["figure8", "circle"], ["circle"]):
    base = tc.benchmark(name)
    found = [tc.decompose(base.with_noise_variance(v), **exact).residual_variance for v in levels]
    shares = zip(found, levels, strict=True)
    sweep[name] = np.array([[100 * (r.value / v - 1) for r in row] for row, v in shares])


@styled
def draw_sweep():
    figure = new_figure(3.0)
    axes = figure.subplots()
    for colour, (name, bias) in zip((EXACT, GAUSSIAN), sweep.items(), strict=False):
        axes.plot(levels, bias[:, 0], "o-", color=colour, lw=2, label=f"{name}, dimension 1")
        axes.plot(levels, bias[:, 1], "s--", color=colour, lw=2, mfc="white",
                  label=f"{name}, dimension 2")  # fmt: skip
    axes.axhline(0.0, color="black", lw=1)
    axes.set(xscale="log", xlabel="true σ² (data units squared)", ylabel="bias of fitted σ² (%)")
    axes.legend()
    return figure


show(draw_sweep(), "Relative bias against the true noise variance")

# %% [markdown]
# ## And where training ends
#
# At the optimum the decoder is another one, and so is the bias. Below, one $\sigma^2$ is shared
# by both dimensions: refitted at the true $f$; refitted at the optimum that was found with
# $\sigma^2$ held; and optimised together with $f$ and $q$. (Decoders from
# `python -m notebooks.optima`; the refits are computed here, exactly.)

# %%
rows = []
for name in sized(["figure8", "clusters"], []):
    data, held, joint = tc.benchmark(name), stored(f"{name}_elbo"), stored(f"{name}_joint")
    at_held = tc.decompose(held, data, **exact)
    at_joint = tc.decompose(joint, data, **exact)
    refit = np.mean([r.value for r in at_held.residual_variance])
    rows.append(
        [
            name,
            data.noise_variance[0],
            f"{checks[name].shared.value:.4f}",
            f"{refit:.4f}",
            f"{joint.noise_variance[0]:.4f}",
            f"{at_held.excess.value:.4f}",
            f"{at_joint.excess.value:.4f}",
        ]
    )
table(
    ["data", "true σ²", "refit at the true f", "refit at the optimum", "joint optimum",
     "J, σ² held (nats)", "J, joint (nats)"],
    rows,
)  # fmt: skip
