"""The house: imports go downward and through faces, and a face says each name once."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parent.parent
#: From the top down. A room imports from rooms before it; the files beside the rooms (errors,
#: estimates, …) stand before all of them.
ROOMS = (
    "theorycheck.models",
    "theorycheck.results",
    "theorycheck.quadrature.kernels",
    "theorycheck.quadrature",
    "theorycheck.inference",
    "theorycheck.inference.ball",
    "theorycheck.objectives",
    "theorycheck.rearrangements",
    "theorycheck.optimum",
    "theorycheck.theorems",
    "theorycheck.downstream",
    "theorycheck.evaluation",
    "theorycheck.dataset",
    "theorycheck.cohorts",
    "theorycheck.advise",
    "theorycheck.claims",
    "theorycheck.citation",
    "theorycheck.export",
    "neural",
    "theorycheck.report",
    "theorycheck.cli",
)
#: What may import from any room, but through its face as well.
GUESTS = ("verification", "benchmarks", "notebooks/src", "docs/_ext", "proofs")
#: The kernels and the rules of quadrature lean on each other's constants.
NEIGHBOURS = {("theorycheck.quadrature.kernels", "theorycheck.quadrature")}


def modules(folder: str) -> Iterator[tuple[str, Path]]:
    for path in sorted((HOUSE / folder).rglob("*.py")):
        name = ".".join(path.relative_to(HOUSE).with_suffix("").parts)
        yield name.removesuffix(".__init__"), path


def room_of(module: str) -> str | None:
    """The innermost room that a module belongs to; None for a file beside the rooms."""
    inside = [room for room in ROOMS if module == room or module.startswith(f"{room}.")]
    return max(inside, key=len, default=None)


def imports(path: Path) -> Iterator[tuple[str, str, int]]:
    """Module, name and line of everything imported from this project."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield node.module, alias.name, node.lineno
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, "", node.lineno


def faults(room: str | None, path: Path) -> list[str]:
    found = []
    for module, name, line in imports(path):
        where = f"{path.relative_to(HOUSE)}:{line} imports {module}"
        target = room_of(module)
        if target is None or target == room:
            continue
        if module != target:
            found.append(f"{where}: not through the face of {target}")
        elif name.startswith("_") or (HOUSE / module.replace(".", "/") / f"{name}.py").exists():
            found.append(f"{where}: {name} is private")
        if room is None or (room, target) in NEIGHBOURS:
            continue
        if ROOMS.index(target) > ROOMS.index(room):
            found.append(f"{where}: upward")
    return found


def test_imports_go_downward_and_through_faces() -> None:
    found = []
    for top in ("theorycheck", "neural"):
        for module, path in modules(top):
            room = room_of(module)
            if room is None:
                # Files beside the rooms know none of them, but for the command that starts it all.
                if module not in ("theorycheck", "theorycheck.__main__"):
                    assert not [m for m, _, _ in imports(path) if room_of(m)], module
                continue
            found += faults(room, path)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("folder", GUESTS)
def test_guests_come_through_faces(folder: str) -> None:
    found = [fault for _, path in modules(folder) for fault in faults(None, path)]
    assert not found, "\n".join(found)


def test_the_test_sees_what_it_should(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.HOUSE", tmp_path)
    file = tmp_path / "file.py"
    room = "theorycheck.objectives"
    for line, word in (
        ("from theorycheck.theorems import check_theorem1", "upward"),
        ("from theorycheck.inference._marginal import log_density", "not through the face"),
        ("from theorycheck.inference import _marginal", "private"),
        ("import theorycheck.inference._marginal", "not through the face"),
    ):
        file.write_text(line)
        (fault,) = faults(room, file)
        assert word in fault
    file.write_text("from theorycheck.inference import log_density\nimport numpy")
    assert not faults(room, file)


def test_no_project_module_is_imported_by_a_string() -> None:
    for top in ("theorycheck", "neural", "proofs"):
        for module, path in modules(top):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and "import_module" in ast.unparse(node.func):
                    named = [a.value for a in ast.walk(node) if isinstance(a, ast.Constant)]
                    ours = [n for n in named if str(n).startswith(("theorycheck", "neural"))]
                    assert not ours, f"{module} imports {ours}"


def test_torch_is_imported_in_neural_only() -> None:
    for module, path in modules("theorycheck"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in tree.body:
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [n for n in names if n.split(".")[0] == "torch"], module


def face(room: str) -> dict[str, str]:
    """Names of a room's face, and the files that they come from."""
    stub = HOUSE / room.replace(".", "/") / "__init__.pyi"
    found: dict[str, str] = {}
    for node in ast.parse(stub.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                assert alias.asname == alias.name, f"{room}: {alias.name} is not re-exported"
                assert alias.name not in found, f"{room}: {alias.name} twice"
                found[alias.name] = node.module or ""
    return found


@pytest.mark.parametrize("room", [room for room in ROOMS if room != "theorycheck.cli"])
def test_a_face_shows_what_is_there_and_where_it_is_made(room: str) -> None:
    if room in ("neural",):
        pytest.importorskip("torch")
    if room == "theorycheck.inference.ball":
        pytest.importorskip("flint")
    package = importlib.import_module(room)
    assert package.__doc__
    shown = face(room)
    assert sorted(package.__all__) == sorted(shown)
    for name, file in shown.items():
        assert getattr(package, name) is not None
        tree = ast.parse((HOUSE / room.replace(".", "/") / f"{file}.py").read_text("utf-8"))
        made = {n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
        for node in tree.body:
            targets = node.targets if isinstance(node, ast.Assign) else []
            targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
            made |= {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}
        assert name in made, f"{room}: {name} is not made in {file}.py"


def test_the_package_shows_what_rooms_show() -> None:
    import theorycheck

    for name, room in face("theorycheck").items():
        if room == "estimate":
            continue
        assert name in face(f"theorycheck.{room}")
        assert getattr(theorycheck, name) is getattr(
            importlib.import_module(f"theorycheck.{room}"), name
        )
