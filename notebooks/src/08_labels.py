# %% [markdown]
# # Labels: what a semi-supervised VAE learns of the classes
#
# Some of the $x$ have a label $y$. The model (M2) has a decoder $f_y$ for each class; $x$ without
# a label are bounded by $U(x)$, those with one by $L(x, y)$. The paper says that the learned
# classes collapse, $p_f(x|0) \approx p_f(x|1)$. Whether they do depends on the family of $q$ for
# $x$ without a label, and on how much the labelled $x$ weigh. Nothing is trained here.

# %%
import numpy as np
from show import say, show, sized, table

from theorycheck.dataset import labelled_optimum
from theorycheck.inference import CONDITIONAL, FACTORISED, ExactLabelled
from theorycheck.models import load_labelled_model
from theorycheck.objectives import LabelledObjective, labelled_value
from theorycheck.report import EXACT, HOLDS, SERIES, labels_figure, new_figure, styled

truth = load_labelled_model("discrete_semi_circle")
tolerance = sized(1e-5, 1e-2)

# %% [markdown]
# ## Why one Gaussian cannot serve both classes
#
# Both classes have the same image, a half circle, run through in another way: at one $x$ the two
# labels ask for different $z$, so that $p(z|x)$ has a mode for each label. A $q(z|x)$ for all
# classes (*factorised*) can sit on one of them. A $q(z|x, y)$ for each class (*conditional*, the M2
# of Kingma et al.) has no such trouble.

# %%
exact = ExactLabelled(truth)
x = np.array([[np.cos(1.9), np.sin(1.9)]])
share, _ = exact.class_posterior(x)
shared = exact.optimal_q(x)
z = np.linspace(-3.0, 3.0, 1201)


def normal(mean, scale):
    return np.exp(-0.5 * ((z - mean) / scale) ** 2) / (scale * np.sqrt(2.0 * np.pi))


@styled
def draw_posterior():
    figure = new_figure(2.9)
    axes = figure.subplots()
    total = np.zeros_like(z)
    for y, (model, weight) in enumerate(zip(truth.classes, share[:, 0], strict=True)):
        off = (x - model.decoder(z)) ** 2 / model.noise_variance
        density = np.exp(-0.5 * off.sum(axis=1) - 0.5 * z**2)
        density *= weight / np.trapezoid(density, z)
        total += density
        axes.plot(z, density, color=SERIES[y], lw=2, label=f"p(y = {y}|x) p(z|x, y = {y})")
    axes.fill_between(z, total, color="#DDDDDD", lw=0, label="p(z|x)")
    axes.plot(z, normal(shared.mean[0], shared.scale[0]), "--", color="#333333", lw=2,
              label="best q(z|x), factorised")  # fmt: skip
    axes.set(xlabel="z (prior std. dev.)", ylabel="density (per unit of z)")
    axes.legend()
    return figure


show(draw_posterior(), "p(z|x) with a mode for each label, and the best single Gaussian")

# %% [markdown]
# ## What the objective prefers
#
# At $\gamma = 1$ and one label in ten: the ground truth beside the best decoders that a search
# found (`python -m benchmarks.labelled_reference`; their values are computed here, exactly).

# %%
found = {}
known = None
for family in sized((CONDITIONAL, FACTORISED), (FACTORISED,)):
    objective = LabelledObjective(1.0, 0.0, 0.1, family)
    best = labelled_optimum("discrete_semi_circle", family)
    known = labelled_value(truth, truth, objective, tolerance=tolerance, known=known)
    found[family] = known, labelled_value(best, truth, objective, tolerance=tolerance, known=known)
show(
    labels_figure(known, [best for _, best in found.values()]),
    "f_y of the ground truth and of the optimum of each family",
)
rows = []
for family, values in found.items():
    for name, value in zip(("ground truth", "optimum found"), values, strict=True):
        rows.append(
            [f"{family.name}, {name}", value.excess, value.mleo_x, value.pmo_u, value.information]
        )
table(["", "J (nats)", "MLEO_x (nats)", "PMO_U (nats)", "I(x; y) (nats)"], rows)
kept = {family.key: 100 * (1 - values[1].collapse.value) for family, values in found.items()}
each = ", ".join(f"the {key} one {share:.3g} %" for key, share in kept.items())
say(f"Of the information on the label the optima keep: {each}.")

# %% [markdown]
# ## Where collapse sets in
#
# Without a classification term $J/(1-\ell) = A + tB$, with $t = \ell\gamma/(1-\ell)$,
# $A$ = MLEO_x + PMO_U and $B$ = MLEO_xy + PMO_L. Every decoder is a straight line in $t$, and the
# optimum is the lower envelope of all: $\gamma$ and the labelled share $\ell$ act as one number.
# The collapsed decoder begins lower and rises faster, by the information $I(x; y)$ that it lost.

# %%
lines = {
    "ground truth": found[FACTORISED][0],
    "collapsed optimum": found[FACTORISED][1],
}
parts = {
    name: (v.mleo_x.value + v.pmo_u.value, v.mleo_xy.value + v.pmo_l.value)
    for name, v in lines.items()
}
t = np.geomspace(1e-2, 1e1, 200)
(a0, b0), (a1, b1) = parts["ground truth"], parts["collapsed optimum"]
crossing = (a0 - a1) / (b1 - b0)


@styled
def draw_envelope():
    figure = new_figure(2.9)
    left, right = figure.subplots(1, 2)
    for (name, (a, b)), colour in zip(parts.items(), (EXACT, HOLDS), strict=True):
        left.plot(t, a + t * b, color=colour, lw=2, label=name)
    left.axvline(crossing, color="#777777", lw=1)
    left.set(xscale="log", yscale="log", xlabel="t = ℓγ/(1 − ℓ)", ylabel="J/(1 − ℓ) (nats)")
    left.legend()
    share = np.linspace(0.01, 0.9, 200)
    right.plot(share, crossing * (1 - share) / share, color="#777777", lw=2)
    right.fill_between(share, 1e-2, crossing * (1 - share) / share, color=HOLDS, alpha=0.2, lw=0)
    right.set(xlabel="labelled share ℓ", ylabel="γ", yscale="log", ylim=(1e-1, 1e3))
    right.set_title("shaded: collapsed is better than the truth")
    return figure


show(draw_envelope(), "J of truth and collapsed decoder against t, and the map over (ℓ, γ)")
say(
    f"Below $t$ = {crossing:.3g}, that is $\\gamma$ = {9 * crossing:.3g} at one label in ten, the "
    "collapsed decoder beats the ground truth under the factorised family. The best decoders that "
    "keep the classes apart beat it already from a smaller $t$ on: `theorycheck labels "
    "discrete_semi_circle --onset` brackets that one."
)

# %% [markdown]
# All optima are upper bounds: they are the best that a search found. The values of the decoders
# themselves are exact within their radii.
