# %% [markdown]
# # Networks against the optimum
#
# Notebook 01 predicts what a VAE will learn without training one. Here networks are trained, from
# random starts and from the ground truth, and every trained decoder is **judged exactly**: MLEO,
# PMO and $J$ at the best Gaussian $q$, not the noisy bound that training saw.

# %%
import numpy as np
from optima import stored
from show import say, show, sized, table

import theorycheck as tc
from neural import TrainingSettings, encoder_of_module, train
from theorycheck.evaluation import judge
from theorycheck.report import EXACT, GAUSSIAN, HOLDS, draw_curve, new_figure, styled

truth = tc.benchmark("figure8")
tolerance = sized(1e-4, 1e-2)
at_truth = tc.decompose(truth, tolerance=tolerance)
optimum = stored("figure8_elbo")
at_optimum = tc.decompose(optimum, truth, tolerance=tolerance)

# %% [markdown]
# ## Training
#
# All restarts train side by side in one batched network: three hidden layers of 50, fresh data at
# every step, Adam with a falling rate. Half begin at random, half at the ground truth. If the
# ground truth were what the ELBO wants, the second half would stay there.

# %%
settings = TrainingSettings.of(
    "vae",
    restarts=sized(8, 2),
    from_truth=sized(4, 0),
    steps=sized(20_000, 40),
    seed=1,
)
trained = train(truth, settings, device="cpu")
judged = [
    judge(trained.model(k), truth, tolerance=sized(1e-3, 1e-1), details=False)
    for k in range(settings.restarts)
]

# %% [markdown]
# ## Where they ended
#
# Each network is a point: what it pays in MLEO, and in PMO. Along a grey line the sum $J$ is the
# same, namely its height at the left edge; lower is better. The ground truth (diamond) pays only
# PMO; the predicted optimum (star) trades.

# %%


@styled
def draw_plane():
    figure = new_figure(4.4)
    axes = figure.subplots()
    mleo = np.array([j.mleo.value for j in judged])
    pmo = np.array([j.pmo.value for j in judged])
    right = max(0.03, 1.15 * float(mleo.max()))
    top = max(0.13, 1.15 * float(pmo.max()))
    line = np.array([0.0, right])
    for level in np.arange(0.02, right + top, 0.02):
        axes.plot(line, level - line, color="#D0D0D0", lw=1, zorder=0)
    start = np.array([init == "ground_truth" for init in settings.inits])
    axes.plot(mleo[~start], pmo[~start], "o", color=GAUSSIAN, ms=9, mec="white",
              label="network, random start")  # fmt: skip
    axes.plot(mleo[start], pmo[start], "s", color=HOLDS, ms=9, mec="white",
              label="network, started at the ground truth")  # fmt: skip
    axes.plot(0.0, at_truth.pmo.value, "D", color=EXACT, ms=11, clip_on=False, zorder=5,
              label=f"ground truth, J = {at_truth.excess.value:.3f}")  # fmt: skip
    axes.plot(at_optimum.mleo.value, at_optimum.pmo.value, "*", color="black", ms=17, zorder=5,
              label=f"predicted optimum, J = {at_optimum.excess.value:.3f}")  # fmt: skip
    axes.set(xlabel="MLEO (nats): how wrong p(x) is", ylabel="PMO (nats): how non-Gaussian")
    axes.set_xlim(-0.0005, right)
    axes.set_ylim(0.0, top)
    figure.legend(loc="outside upper left", ncols=2, markerscale=0.7)
    return figure


show(draw_plane(), "MLEO and PMO of all networks, the ground truth and the predicted optimum")
best = trained.selected
table(
    ["decoder", "MLEO", "PMO", "J", "J − predicted J"],
    [
        ["ground truth", at_truth.mleo, at_truth.pmo, at_truth.excess, ""],
        ["predicted optimum", at_optimum.mleo, at_optimum.pmo, at_optimum.excess, ""],
        *(
            [
                f"network {k}, {init.replace('_', ' ')} start" + (", selected" * (k == best)),
                f"{j.mleo.value:.4f}",
                f"{j.pmo.value:.4f}",
                f"{j.excess.value:.4f}",
                f"{j.excess.value - at_optimum.excess.value:+.4f}",
            ]
            for k, (init, j) in enumerate(zip(settings.inits, judged, strict=True))
        ),
    ],
)
better = sum(j.excess.upper < at_truth.excess.lower for j in judged)
stays = [j for j, init in zip(judged, settings.inits, strict=True) if init == "ground_truth"]
left = sum(j.mleo.lower > 0.0 for j in stays)
worse = sum(j.excess.lower > at_truth.excess.upper for j in judged)
fell_short = (
    f"{worse} ended above the ground truth's $J$: there training fell short, not the objective. "
    if worse
    else ""
)
say(
    f"{better} of {len(judged)} networks end with a lower $J$ than the ground truth. Of the "
    f"{len(stays)} that began at the ground truth, {left} ended with $p(x)$ wrong (MLEO > 0). "
    f"{fell_short}None is below the prediction."
    if all(j.excess.upper > at_optimum.excess.lower for j in judged)
    else "A network is below the prediction: the search missed the optimum."
)

# %% [markdown]
# ## What they drew
#
# The selected network (best training objective) beside the prediction. The data have a symmetry,
# a turn by 180 degrees, so that a decoder and its turned image are equally good.

# %%


@styled
def draw_curves():
    figure = new_figure(3.2)
    panels = figure.subplots(1, 3, sharex=True, sharey=True)
    _, x = truth.sample(3000, 0)
    shown = {
        "ground truth": truth,
        "predicted optimum": optimum,
        "selected network": trained.model(best),
    }
    for axes, (name, model) in zip(panels, shown.items(), strict=True):
        axes.plot(*x.T, ".", color="#DDDDDD", ms=1.5, rasterized=True)
        curve = draw_curve(axes, tc.latent_panels(model), thin=0.7)
        axes.set(aspect="equal", title=name, xlabel="x₁ (data units)")
    panels[0].set_ylabel("x₂ (data units)")
    bar = figure.colorbar(curve, ax=panels, shrink=0.8, pad=0.02)
    bar.set_label("z (prior std. dev.)")
    return figure


show(draw_curves(), "Curves of ground truth, predicted optimum and selected network")

# %% [markdown]
# ## The encoder's share
#
# Training saw the bound with its own encoder. What that loses against the best Gaussian per $x$
# is the *amortisation gap*: it adds to the bound, and is no property of the decoder.

# %%
encoder = encoder_of_module(trained.encoder(best))
own = judge(trained.model(best), truth, encoder, tolerance=sized(1e-3, 1e-1), details=False)
table(
    ["selected network", "nats"],
    [
        ["−ELBO with its own encoder", own.negative_elbo],
        ["−ELBO with the best q for each x", own.decomposition.negative_elbo],
        ["amortisation gap", own.amortisation_gap],
        ["entropy H of the data", own.decomposition.entropy],
    ],
)
