# %% [markdown]
# # Advice from a table: wine and iris
#
# You have rows, not a decoder. `theorycheck advise` fits the best decoder for the rows twice
# without a network, once for the ELBO with its best Gaussian $q$ and once for the exact likelihood,
# looks at the shape of the rows, and says what the paper's four guidelines come to. On the command
# line: `theorycheck advise wine.csv --label kind -o advice`, which writes a page with all of this.

# %%
import numpy as np
from show import say, show, sized, table
from sklearn.datasets import load_iris, load_wine

from theorycheck.advise import DataTable, FitSettings, advise
from theorycheck.optimum import TableEffort
from theorycheck.report import bounds_figure, fitted_curves_figure, noise_figure, shape_figure

settings = sized(
    FitSettings(splits=3, bounds=4, effort=TableEffort(starts=2, most=40)),
    FitSettings(splits=2, bounds=2, effort=TableEffort(starts=1, cells=16, most=2)),
)


def advice(loaded, name):
    columns = tuple(loaded.feature_names)
    labels = tuple(str(loaded.target_names[one]) for one in loaded.target)
    x = np.asarray(loaded.data, dtype=float)
    if not sized(True, False):
        # Two columns, for the sake of time.
        x, columns = x[:, :2], columns[:2]
    return advise(DataTable(name, columns, x, "kind", labels), settings=settings)


def guidelines(found):
    table(
        ["guideline", "worth following here?", "advice"],
        [
            [f"{one.number}. {one.title}", one.ruling.verdict.value, one.advice]
            for one in found.guidelines
        ],
    )


# %% [markdown]
# ## Wine: 178 rows, 13 columns
#
# Three cultivars, which make the rows lie in an arc. Every verdict has three values: what 178 rows
# cannot tell is called inconclusive.

# %%
wine = advice(load_wine(), "wine")
say(" ".join(wine.description.lines()))
guidelines(wine)

# %% [markdown]
# What the second guideline rests on: the two curves, in the plane of the leading components, and
# the difference of their held-out log p.

# %%
say(wine.guidelines[1].evidence)
show(fitted_curves_figure(wine), "rows of wine and the curves of both optima")

# %% [markdown]
# Guideline 3: what a looser bound on $|f'|$ does to held-out rows.

# %%
show(bounds_figure(wine), "held-out log p of both optima against the bound on the slope")

# %% [markdown]
# ## Iris: 150 rows, four columns, some of them repeated
#
# Setosa is apart from the other two species; whether 150 rows show modes is asked below. The
# values are rounded to a millimetre, which sets a floor under $\sigma^2$.

# %%
iris = advice(load_iris(), "iris")
say(" ".join(iris.description.lines()))
say("; ".join(iris.description.floor.reasons) + ".")
guidelines(iris)

# %%
show(shape_figure(iris), "log density of iris in the plane of its leading components")
table(
    ["like", "verdict"],
    [[name, verdict.value] for name, verdict in iris.shape.like.by_example.items()],
)

# %% [markdown]
# Three estimates of $\sigma^2$, with their intervals over splits.

# %%
show(noise_figure(iris), "three estimates of the noise variance of iris")
