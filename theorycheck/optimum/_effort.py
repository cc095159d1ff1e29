"""How much a search for the predicted optimum does."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Effort:
    """How hard to search.

    Parameters
    ----------
    starts : int
        Coarse ascents, the ground truth's among them.
    coarse_cells, middle_cells, fine_cells : int
        Cells of the three levels.
    coarse_step, middle_step, fine_step : float
        Data node spacing in σ.
    most_nodes : int
        Data nodes of a coarse level at most.
    refined : int
        Starts that are refined on the middle level.
    rounds, hops : int
        Rounds of basin hopping, and hops a round.
    most : int
        E-steps of the last ascent at most.
    tolerance : float
        Error radius wanted for the PMO of the result, nats.
    elbo : Effort or None
        The search that goes before, whose end is among the starts: for the IWAE bound that of the
        ELBO, for several latents that with one fewer.
    plane_elbo : Effort or None
        The search over decoders of two latents under the ELBO that goes before that under the IWAE
        bound, whose end is among the starts too.
    """

    starts: int
    coarse_cells: int = 128
    middle_cells: int = 320
    fine_cells: int = 1000
    coarse_step: float = 0.9
    middle_step: float = 0.6
    fine_step: float = 0.4
    most_nodes: int = 1200
    refined: int = 4
    rounds: int = 1
    hops: int = 4
    most: int = 400
    tolerance: float = 1e-5
    elbo: Effort | None = None
    plane_elbo: Effort | None = None


#: Under half a minute a benchmark, for `report`; and under five minutes, for a result.
QUICK = Effort(starts=20, fine_cells=600, fine_step=0.45, refined=3)
THOROUGH = Effort(starts=96, refined=8, rounds=6, hops=6)
#: The same for the IWAE objective, whose E-step is about twenty times dearer, so that it has fewer
#: starts of its own. On figure8 at S = 20 none of them came as low as that from the ELBO's optimum.
IWAE_QUICK = Effort(
    starts=8, coarse_cells=96, middle_cells=160, fine_cells=320, fine_step=0.6,
    most_nodes=600, refined=2, rounds=0, most=60, elbo=QUICK,
)  # fmt: skip
IWAE_THOROUGH = Effort(
    starts=48, coarse_cells=96, middle_cells=200, fine_cells=480, fine_step=0.5,
    most_nodes=800, refined=4, rounds=2, most=100, elbo=THOROUGH,
)  # fmt: skip
#: The same for decoders of two latents. Cells are those of both latents together. The search with
#: one latent goes before, and its end is among the starts.
PLANE_QUICK = Effort(
    starts=9, coarse_cells=1024, middle_cells=2000, fine_cells=5000, fine_step=0.45,
    most_nodes=600, refined=2, rounds=1, hops=4, most=100, tolerance=2e-4, elbo=QUICK,
)  # fmt: skip
PLANE_THOROUGH = Effort(
    starts=48, coarse_cells=1600, middle_cells=3600, fine_cells=9000, fine_step=0.45,
    most_nodes=1000, refined=4, rounds=3, hops=6, most=300, tolerance=1e-4, elbo=THOROUGH,
)  # fmt: skip
#: The same for decoders of three latents, after the search with two.
SPACE_QUICK = Effort(
    starts=6, coarse_cells=1728, middle_cells=6000, fine_cells=12_000, fine_step=0.5,
    most_nodes=400, refined=2, rounds=1, hops=4, most=60, tolerance=3e-4, elbo=PLANE_QUICK,
)  # fmt: skip
SPACE_THOROUGH = Effort(
    starts=24, coarse_cells=2744, middle_cells=10_000, fine_cells=20_000, fine_step=0.45,
    most_nodes=800, refined=3, rounds=3, hops=6, most=200, tolerance=2e-4, elbo=PLANE_THOROUGH,
)  # fmt: skip
#: The same for decoders of two latents under the IWAE bound. An E-step takes ten times that of the
#: ELBO, so that the starts are the truth and the two optima that are known: that of the ELBO with
#: two latents, and that of one latent. The tolerance is that of the PMO beside J_S.
PLANE_IWAE_QUICK = Effort(
    starts=3, coarse_cells=400, middle_cells=784, fine_cells=1600, middle_step=0.75, fine_step=0.7,
    most_nodes=300, refined=1, rounds=0, most=40, tolerance=4e-3, elbo=IWAE_QUICK,
    plane_elbo=replace(
        PLANE_QUICK, starts=5, coarse_cells=576, middle_cells=1024, fine_cells=2500, rounds=0,
        most_nodes=400, tolerance=4e-3,
    ),
)  # fmt: skip
PLANE_IWAE_THOROUGH = Effort(
    starts=8, coarse_cells=784, middle_cells=1600, fine_cells=3600, fine_step=0.6, most_nodes=600,
    refined=2, rounds=1, hops=4, most=80, tolerance=5e-4, elbo=IWAE_THOROUGH,
    plane_elbo=PLANE_THOROUGH,
)  # fmt: skip
#: The same for labelled models, whose E-step has a q for each class and, where one q serves all
#: classes, a search of its own.
LABELS_QUICK = Effort(
    starts=9, coarse_cells=96, middle_cells=160, fine_cells=320, fine_step=0.6,
    most_nodes=600, refined=3, rounds=0, most=80, tolerance=1e-4,
)  # fmt: skip
LABELS_THOROUGH = Effort(
    starts=48, coarse_cells=128, middle_cells=240, fine_cells=600, fine_step=0.45,
    most_nodes=1000, refined=6, rounds=0, most=300,
)  # fmt: skip


def labels_effort(name: str, tolerance: float | None = None) -> Effort:
    """Return how hard to search with labels.

    Parameters
    ----------
    name : str
        "thorough"; whatever else is quick.
    tolerance : float, optional
        Radius wanted for each PMO of what is found, nats, in place of the effort's own.

    Returns
    -------
    Effort
    """
    effort = LABELS_THOROUGH if name == "thorough" else LABELS_QUICK
    return effort if tolerance is None else replace(effort, tolerance=tolerance)
