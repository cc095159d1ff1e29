"""Makes the labelled reference values: ``python -m benchmarks.labelled_reference``.

For each labelled benchmark and each family of q, at γ = 1, α = 0 and ℓ = 0.1: J and its parts at
the ground truth and at the best f_y of a search, evaluated exactly, with q certified at some x. It
writes a card, and a table for each f_y, into ``theorycheck/dataset/reference_values``.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from theorycheck.dataset import (
    LABELLED_REFERENCED,
    class_decoder_path,
    labelled_card_path,
)
from theorycheck.inference import CONDITIONAL, FACTORISED, Family
from theorycheck.json_values import jsonable
from theorycheck.models import (
    GenerativeModel,
    LabelledModel,
    load_labelled_model,
    load_model,
    write_table,
)
from theorycheck.objectives import LabelledObjective, labelled_value
from theorycheck.optimum import Execution, find_labelled_optimum, labels_effort
from theorycheck.results import ResultCache
from theorycheck.versions import versions

EFFORTS = ("quick", "thorough")
GAMMA, ALPHA, SHARE = 1.0, 0.0, 0.1
#: x at which q is certified, and the radius wanted for each PMO.
CERTIFIED, TOLERANCE = 16, 1e-5


def entry(data: LabelledModel, family: Family, effort: str, seed: int) -> dict[str, Any]:
    """Compute the values of one family, and write the tables of its f_y."""
    objective = LabelledObjective(GAMMA, ALPHA, SHARE, family)
    found = find_labelled_optimum(
        data, objective, effort=labels_effort(effort), seed=seed,
        execution=Execution(cache=ResultCache.of_user()),
    )  # fmt: skip
    classes = []
    for y, model in enumerate(found.model.classes):
        path = class_decoder_path(data.name, family, y)
        assert isinstance(model, GenerativeModel)
        assert model.decoder.table is not None
        table = model.decoder.table
        write_table(path, table.z, table.values, table.kind, model.noise_variance)
        # What is stored is what is evaluated: the decoder as it is read back.
        classes.append(load_model(str(path)))
    stored = LabelledModel(classes, data.prior, found.model.name)
    truth = labelled_value(data, data, objective, tolerance=TOLERANCE).certified(CERTIFIED)
    value = labelled_value(stored, data, objective, tolerance=TOLERANCE).certified(CERTIFIED)
    return {
        "family": family.key,
        "ground_truth": truth.to_dict(),
        "optimum": value.to_dict(),
        "collapse": value.collapse,
        "start": found.start,
        "starts": len(found.starts),
        "converged": found.convergence.converged,
    }


def main() -> None:
    """Write the cards."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--effort", choices=EFFORTS, default="quick")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    for name in LABELLED_REFERENCED:
        data = load_labelled_model(name)
        card = jsonable(
            {
                "name": name,
                "prior": data.prior.tolist(),
                "noise_variance": data.noise_variance.tolist(),
                "gamma": GAMMA,
                "alpha": ALPHA,
                "labelled_share": SHARE,
                "families": [
                    entry(data, family, asked.effort, asked.seed)
                    for family in (CONDITIONAL, FACTORISED)
                ],
                "units": "nats",
                "method": "coordinate ascent on f_y from many starts, collapsed ones among them; "
                "J of the f_y found, hence an upper bound on the least J",
                "effort": asked.effort,
                "seed": asked.seed,
                "precision": {"pmo_tolerance": TOLERANCE},
                "versions": versions(),
            }
        )
        text = json.dumps(card, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        labelled_card_path(name).write_text(text, encoding="utf-8")
        print(f"{name}: {labelled_card_path(name)}")


if __name__ == "__main__":
    main()
