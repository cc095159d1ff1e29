# %% [markdown]
# # Your own decoder
#
# theorycheck takes any decoder with one latent dimension: a formula, a Python function, a table
# of values, or a PyTorch network. Here is each of them, from definition to verdict.

# %%
import tempfile
from pathlib import Path

import numpy as np
import torch
from show import say, show, sized, table

import theorycheck as tc
from theorycheck.errors import TheorycheckError
from theorycheck.report import GAUSSIAN, SERIES, new_figure, styled

folder = Path(tempfile.mkdtemp())
tolerance = sized(1e-5, 1e-2)

# %% [markdown]
# ## A formula
#
# Parsed, never run as code. Kinks and jumps (`abs`, `floor`, `sign`, ...) are seen in the
# formula. The noise variance $\sigma^2$ goes beside it, once or once per data dimension.

# %%
wave = tc.load_model("expr:[z, sin(3*z)]", noise_variance=0.05)
result = tc.decompose(wave, eta=[0.1], certify=sized(16, 4))
table(
    ["quantity", "nats"],
    [["entropy H", result.entropy], ["PMO", result.pmo], ["−ELBO = H + PMO", result.negative_elbo]],
)
say(
    f"At {result.certificate.points} draws of $x$ it was proved that no Gaussian beats $q^\\ast$ "
    f"by more than {result.certificate.largest_gap:.0e} nats."
)

# %% [markdown]
# ## A Python file
#
# A function of an array of latents, shape `(n,)`, that returns means of shape `(n, D)`. A scalar
# function works too, with `vectorize=True`. From the command line it is
# `theorycheck decompose staircase.py:f`.

# %%
(folder / "staircase.py").write_text(
    """
import numpy as np

NOISE_VARIANCE = 0.02


def f(z):
    steps = np.floor(z) + np.clip(5.0 * (z - np.floor(z) - 0.5) + 0.5, 0.0, 1.0)
    return np.stack([steps, 0.6 * z], axis=-1)
"""
)
staircase = tc.load_model(f"{folder / 'staircase.py'}:f")

# %% [markdown]
# ## A table
#
# Values of $f$ at some latents, in a `.csv` or `.npz` file: measured, or from another program.

# %%
z = np.linspace(-4.0, 4.0, 81)
knot = np.column_stack([z, np.cos(1.4 * z), np.sin(2.1 * z)])
np.savetxt(folder / "knot.csv", knot, delimiter=",", header="z,f1,f2", comments="")
knot = tc.load_model(str(folder / "knot.csv"), noise_variance=0.02)

# %% [markdown]
# ## A torch module
#
# Any `nn.Module` from `(n, 1)` to `(n, D)`: in a file (`network.py:decoder`), exported with
# `torch.export.save`, or as here, the object itself. It is evaluated in double precision. Kinks
# of ReLU are found.

# %%
torch.manual_seed(1)
network = torch.nn.Sequential(
    torch.nn.Linear(1, 16), torch.nn.ReLU(), torch.nn.Linear(16, 16), torch.nn.ReLU(),
    torch.nn.Linear(16, 2),
)  # fmt: skip
with torch.no_grad():
    network[0].weight.mul_(3.0)
    network[4].weight.mul_(6.0)
decoder = tc.from_torch_module(network, "relu network")
relu = tc.GenerativeModel(decoder, noise_variance=0.01)

# %% [markdown]
# ## What they look like, and what the ELBO says of each

# %%
models = {"formula": wave, "Python file": staircase, "table": knot, "torch module": relu}


@styled
def draw_decoders():
    figure = new_figure(2.4)
    panels = figure.subplots(1, 4)
    latents = np.linspace(-2.6, 2.6, 2001)
    for axes, colour, (name, model) in zip(panels, SERIES, models.items(), strict=False):
        _, x = model.sample(1500, 0)
        axes.plot(*x.T, ".", color="#BDBDBD", ms=2, rasterized=True)
        axes.plot(*model.decoder(latents).T, color=colour, lw=2)
        axes.set_title(name)
        axes.set_xlabel("x₁ (data units)")
    panels[0].set_ylabel("x₂ (data units)")
    return figure


show(draw_decoders(), "The four curves, with draws from p(x) in grey")


# %%
def largest_eta(check):
    return max((p.eta for p in check.premise if p.verdict == "holds"), default=0.0)


checked = sized(models, {"table": knot})
checks = {name: tc.check_theorem1(model, tolerance=tolerance) for name, model in checked.items()}
table(
    [
        "decoder",
        "H (nats)",
        "PMO (nats)",
        "premise of Theorem 1 holds up to η",
        "ground truth a minimum of −ELBO?",
    ],
    [
        [
            name,
            check.ground_truth.entropy,
            check.ground_truth.pmo,
            f"{largest_eta(check):.3g}",
            check.ground_truth_is_minimum,
        ]
        for name, check in checks.items()
    ],
)

# %% [markdown]
# ## Which noise variance would be learned?
#
# At the true $f$, with the best Gaussian $q$ in place of the posterior, the ELBO fits another
# $\sigma^2$ than the one that made the data (Theorem 2; notebook 04).

# %%
biases = {
    name: tc.check_theorem2(model, decomposition=checks[name].ground_truth)
    for name, model in checked.items()
}


@styled
def draw_biases():
    figure = new_figure(2.4)
    axes = figure.subplots()
    for k, check in enumerate(biases.values()):
        shift = [100 * b.value / t for b, t in zip(check.bias, check.true, strict=True)]
        axes.barh([k - 0.17, k + 0.17], shift, 0.3, color=[GAUSSIAN, "#F2B48A"])
    axes.axvline(0.0, color="black", lw=1)
    axes.set_yticks(range(len(biases)), list(biases))
    axes.invert_yaxis()
    axes.set_xlabel(
        "bias of the fitted σ² (% of the true one); dark: dimension 1, light: dimension 2"
    )
    return figure


show(draw_biases(), "Relative bias of the noise variance per decoder and dimension")

# %% [markdown]
# ## When something is wrong
#
# One line that says what, where, and what to do. On the command line: exit code 2, no traceback.

# %%
mistakes = {
    "an unknown function": lambda: tc.load_model("expr:[z, sine(z)]", noise_variance=0.1),
    "no noise variance": lambda: tc.load_model("expr:[z, sin(z)]"),
    "a function of the batch": lambda: tc.Decoder.from_function(lambda z: z - z.mean()),
    "a misspelt benchmark": lambda: tc.load_model("figure9"),
}
for what, attempt in mistakes.items():
    try:
        attempt()
    except TheorycheckError as error:
        print(f"{what}:\n    {error}\n")
