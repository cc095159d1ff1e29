"""Radii, broken by one term each, must fail a check that the engine passes.

Each table has a row for every term of every radius: the term dropped, or taken with a wrong factor
or from another dimension. A check works the radius out by hand from parts of known size, or holds
it against an error that is known.
"""

from __future__ import annotations

import pytest

from tests.mutants import mutant
from tests.radii.inventory import makers, mutated
from tests.radii.of_averages import AVERAGES
from tests.radii.of_balls import BALLS
from tests.radii.of_bound_tree import BOUND_TREE
from tests.radii.of_boxed_products import BOXED_PRODUCTS
from tests.radii.of_boxes import BOXES
from tests.radii.of_certificate import CERTIFICATE
from tests.radii.of_coarser_rules import COARSER_RULES
from tests.radii.of_cohorts import COHORTS
from tests.radii.of_collapse import COLLAPSE
from tests.radii.of_conditions import CONDITIONS
from tests.radii.of_continuous_labels import CONTINUOUS_LABELS
from tests.radii.of_curve_averages import CURVE_AVERAGES
from tests.radii.of_curve_entropy import CURVE_ENTROPY
from tests.radii.of_data_rule import DATA_RULE
from tests.radii.of_dataset import DATASET
from tests.radii.of_decomposition import DECOMPOSITION
from tests.radii.of_defences import DEFENCES
from tests.radii.of_density import DENSITY
from tests.radii.of_disentanglement import DISENTANGLEMENT
from tests.radii.of_estimate import ESTIMATE
from tests.radii.of_given_sample import GIVEN_SAMPLE
from tests.radii.of_grids import GRIDS
from tests.radii.of_grids_of_three import GRIDS_OF_THREE
from tests.radii.of_importance import IMPORTANCE
from tests.radii.of_informativeness import INFORMATIVENESS
from tests.radii.of_iwae_objective import IWAE_OBJECTIVE
from tests.radii.of_label_iwae import LABEL_IWAE
from tests.radii.of_labelled_networks import LABELLED_NETWORKS
from tests.radii.of_labels import LABELS
from tests.radii.of_linear_gaussian import LINEAR_GAUSSIAN
from tests.radii.of_loss_noise import LOSS_NOISE
from tests.radii.of_noise import NOISE
from tests.radii.of_noise_rule import NOISE_RULE
from tests.radii.of_optimum import OPTIMUM
from tests.radii.of_own_m_step import OWN_M_STEP
from tests.radii.of_panels import PANELS
from tests.radii.of_partition import PARTITION
from tests.radii.of_plane_iwae import PLANE_IWAE
from tests.radii.of_several_latents import SEVERAL_LATENTS
from tests.radii.of_simplicity import SIMPLICITY
from tests.radii.of_stationarity import STATIONARITY
from tests.radii.of_table_fits import TABLES_OF_ROWS
from tests.radii.of_tables import TABLES_OF_X
from tests.radii.of_total_variation import TOTAL_VARIATION
from tests.radii.table import ALLOWED, SEEN, Table

TABLES: dict[str, Table] = {
    "averages": AVERAGES,
    "balls": BALLS,
    "bound tree": BOUND_TREE,
    "boxed products": BOXED_PRODUCTS,
    "boxes": BOXES,
    "certificate": CERTIFICATE,
    "coarser rules": COARSER_RULES,
    "cohorts": COHORTS,
    "collapse": COLLAPSE,
    "conditions": CONDITIONS,
    "continuous labels": CONTINUOUS_LABELS,
    "curve averages": CURVE_AVERAGES,
    "curve entropy": CURVE_ENTROPY,
    "data rule": DATA_RULE,
    "dataset": DATASET,
    "decomposition": DECOMPOSITION,
    "defences": DEFENCES,
    "density": DENSITY,
    "disentanglement": DISENTANGLEMENT,
    "estimate": ESTIMATE,
    "given sample": GIVEN_SAMPLE,
    "grids": GRIDS,
    "importance": IMPORTANCE,
    "plane_iwae": PLANE_IWAE,
    "informativeness": INFORMATIVENESS,
    "iwae objective": IWAE_OBJECTIVE,
    "label IWAE": LABEL_IWAE,
    "labelled networks": LABELLED_NETWORKS,
    "labels": LABELS,
    "linear-Gaussian": LINEAR_GAUSSIAN,
    "loss noise": LOSS_NOISE,
    "noise": NOISE,
    "noise rule": NOISE_RULE,
    "optimum": OPTIMUM,
    "own M-step": OWN_M_STEP,
    "panels": PANELS,
    "partition": PARTITION,
    "several latents": SEVERAL_LATENTS,
    "grids of three latents": GRIDS_OF_THREE,
    "simplicity": SIMPLICITY,
    "stationarity": STATIONARITY,
    "tables of x": TABLES_OF_X,
    "tables of rows": TABLES_OF_ROWS,
    "total variation": TOTAL_VARIATION,
}
ROWS = {f"{room}: {name}": row for room, table in TABLES.items() for name, row in table.items()}
#: Make no radius of their own: what they return is averaged by `DataSample.average`, or was made or
#: written by somebody else; or is a closed form, known to be the minimum.
PASSED_ON = {
    "theorycheck.downstream._projection.DecoderImage.project",
    "theorycheck.inference._continuous_label.ExactContinuousLabel._of_gaussian",
    "theorycheck.inference._continuous_label.ExactContinuousLabel.draws",
    "theorycheck.inference._gaussian_label_q.GaussianLabelQSearch.run",
    "theorycheck.inference._labelled.ExactLabelled.draws",
    "theorycheck.inference._linear_gaussian.ExactLinearGaussian.draws",
    "theorycheck.inference._linear_gaussian.ExactLinearGaussian.optimal_q",
    "theorycheck.inference._mean_field_boxes.MeanFieldBoxes.draws",
    "theorycheck.inference._sobol_density.sobol_density",
    "theorycheck.quadrature._data_nodes.given_sample",
    "theorycheck.results._codec.Decoder.decode",
}


def test_every_radius_is_in_a_table() -> None:
    """A new place where a radius is made needs a row for each of its terms."""
    # What judges networks has its rows in tests/neural/test_radii.py.
    mine = makers("theorycheck") - makers("theorycheck/evaluation")
    assert mine - mutated(ROWS) == PASSED_ON


@pytest.mark.parametrize("name", ROWS)
def test_the_engine_passes_the_check(name: str) -> None:
    check, function, _, _ = ROWS[name]
    # Kernels run uncompiled: to compile each of them on its own takes minutes.
    assert check(getattr(function, "py_func", function)) <= ALLOWED


@pytest.mark.parametrize("name", ROWS)
def test_the_unchanged_source_passes_the_check(name: str) -> None:
    """What fails below is the change, not the way mutants are made."""
    check, function, old, _ = ROWS[name]
    assert check(mutant(function, old, old)) <= ALLOWED


@pytest.mark.parametrize("name", ROWS)
def test_the_mutant_fails_the_check(name: str) -> None:
    check, function, old, new = ROWS[name]
    assert not check(mutant(function, old, new)) <= SEEN
