# %% [markdown]
# # A VAE on digits: exact log p(x), and who loses what of it
#
# Most VAEs that people draw have two latents. For them $\log p(x)$ is an integral over a plane,
# and can be computed: then the ELBO, the encoder, the Gaussian family and importance-sampled
# estimates can all be held against it, $x$ by $x$. Here a plain VAE is trained on scikit-learn's
# digits ($8 \times 8$ pixels, $D = 64$) and looked at.

# %%
import numpy as np
import torch
from show import say, show, sized, table
from sklearn.datasets import load_digits

from theorycheck.evaluation import judge_on_sample
from theorycheck.models import GenerativeModel, from_torch_module
from theorycheck.report import gaps_figure, latent_plane_figure, worst_figure

x = load_digits().data / 16.0
variance = 0.04

# %% [markdown]
# ## A plain VAE
#
# Two hidden layers of GELU each way, Adam at 0.001, one draw of $z$ for each $x$; nothing special.

# %%
torch.manual_seed(0)
torch.set_num_threads(1)
wide = sized(128, 24)


def network(inputs, outputs):
    return torch.nn.Sequential(
        torch.nn.Linear(inputs, wide), torch.nn.GELU(),
        torch.nn.Linear(wide, wide), torch.nn.GELU(),
        torch.nn.Linear(wide, outputs),
    )  # fmt: skip


encoder, decoder = network(64, 4), network(2, 64)
optimiser = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)
data = torch.tensor(x, dtype=torch.float32)
for _ in range(sized(6000, 150)):
    batch = data[torch.randint(len(data), (128,))]
    mean, log_variance = encoder(batch).chunk(2, dim=1)
    z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
    misfit = (decoder(z) - batch).square().sum(1) / (2.0 * variance)
    kl = 0.5 * (mean**2 + log_variance.exp() - 1.0 - log_variance).sum(1)
    optimiser.zero_grad()
    (misfit + kl).mean().backward()
    optimiser.step()

# %% [markdown]
# ## Every x, exactly
#
# Quadrature over the plane of $z$ gives $\log p(x)$ with an error radius, and Newton's method the
# best Gaussian $q$ for each $x$. What the ELBO misses of $\log p(x)$ is then split in two: the
# *approximation gap*, which no encoder can avoid, and the *amortisation gap*, which this one adds.
# On the command line: `theorycheck judge vae.py:vae --data x.npz --figures out`.

# %%
model = GenerativeModel(from_torch_module(decoder, "the decoder"), variance)


def own_q(points):
    with torch.no_grad():
        mean, log_variance = encoder.double()(torch.from_numpy(points)).chunk(2, dim=1)
    return mean.numpy(), np.exp(0.5 * log_variance.numpy())


shown = x[: sized(len(x), 40)]
result = judge_on_sample(model, shown, own_q, draws=sized((100, 5000), (10, 50)))
table(
    ["mean over the table", "nats"],
    [
        ["log p(x)", result.mean_log_density],
        ["approximation gap", result.mean_approximation_gap],
        ["amortisation gap", result.mean_amortisation_gap],
        ["ELBO of the encoder", result.mean_elbo],
    ],
)
show(gaps_figure(result), "Gaps of family and encoder x by x, and errors of importance draws")
off = result.draws[-1]
say(
    f"With {off.samples:,} importance draws from the encoder's $q$, $\\log p(x)$ is off by more "
    f"than 0.1 nats at {100 * off.share_off:.3g} % of the $x$, and by "
    f"{np.abs(off.error).max():.3g} nats at the worst."
)

# %% [markdown]
# ## Where it happens
#
# The means of $q$ over the latent plane, coloured by what the ELBO misses. The worst $x$ lie where
# several digits meet.

# %%
show(latent_plane_figure(result), "Means of the encoder's q, coloured by the gap")

# %% [markdown]
# And the exact posteriors of the worst six, with both Gaussians. Where the encoder's $q$ does not
# overlap with the posterior, no number of draws finds its mass.

# %%
show(worst_figure(result), "Exact posteriors of the six worst x, best q and the encoder's q")
table(
    ["latent", "I_q(x; z) (nats)", "KL of the aggregate from the prior (nats)"],
    [[f"z{k + 1}", one.informativeness, one.aggregate_kl] for k, one in enumerate(result.use)],
)
