"""Where radii are made: every function of a package that calls what carries one."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.radii.table import Table

#: Classes whose instances carry an error radius, or a mass that enters one.
CARRIERS = {
    "Ball", "BoxIntegral", "Certificate", "ContinuousBound", "DataSample", "Estimate",
    "GaussianLabelQ", "GridRule", "ImportanceBound", "LatentBoxes", "LatentPanels", "NaiveQ",
    "LogDensity", "OptimalProductQ", "PosteriorAverages", "ProductSums",
    "Projection", "SobolDensity", "TrapezoidGrid",
}  # fmt: skip


def makers(package: str) -> set[str]:
    """Name the functions, ``module.Class.function``, that make a radius other than a plain 0."""
    root = Path(__file__).parents[2]
    found: set[str] = set()
    for path in sorted((root / package).rglob("*.py")):
        module = ".".join(path.relative_to(root).with_suffix("").parts)
        found.update(_in_body(ast.parse(path.read_text(encoding="utf-8")).body, module))
    return found


def _in_body(body: Iterable[ast.stmt], name: str) -> set[str]:
    found: set[str] = set()
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            found |= _in_body(statement.body, f"{name}.{statement.name}")
        elif isinstance(statement, ast.FunctionDef) and any(map(_makes, ast.walk(statement))):
            found.add(f"{name}.{statement.name}")
    return found


def _makes(node: ast.AST) -> bool:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        return False
    if node.func.id == "cls":
        return any(k.arg in {"error", "radius"} for k in node.keywords)
    zero = len(node.args) > 1 and isinstance(node.args[1], ast.Constant)
    return node.func.id in CARRIERS and not (zero and node.func.id == "Estimate")


def mutated(table: Table) -> set[str]:
    """Name the functions that a table has mutants of."""
    return {_name(function) for _, function, _, _ in table.values()}


def _name(function: Any) -> str:
    plain = getattr(function, "py_func", function)
    return f"{plain.__module__}.{plain.__qualname__}"
