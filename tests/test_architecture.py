"""The rooms' one-way imports, held by reading every import statement."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module, metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("spaces", "scans", "reports", "trainables", "search")
MAY_IMPORT = {
    "neurosweep": set(),
    "spaces": set(),
    "scans": set(),
    "reports": set(),
    "trainables": {"spaces", "scans"},
    "search": {"spaces", "scans", "reports", "trainables"},
}
KEPT_OUT = {
    "spaces": {"ray", "keras", "tensorflow"},
    "scans": {"ray", "keras", "tensorflow", "keras_tuner", "optuna"},
    "reports": {"ray", "keras", "tensorflow", "keras_tuner"},
    "trainables": {"ray"},
    "neurosweep": {"ray", "keras", "tensorflow", "keras_tuner", "optuna", "numpy"},
}


def modules_of(room: str) -> list[Path]:
    found = sorted((ROOT / room).rglob("*.py"))
    assert found, f"no module in {room}"
    return found


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide which room is meant"
            yield node.module or ""


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_rooms_import_one_way_only(room):
    wrong = []
    allowed = {room, "neurosweep", *MAY_IMPORT[room]}
    kept_out = ({*ROOMS} - allowed) | KEPT_OUT.get(room, set())
    for path in modules_of(room):
        for name in imports_of(path):
            if name.partition(".")[0] in kept_out:
                wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert not wrong


def test_heavy_readers_are_imported_inside_functions_of_scans():
    for path in modules_of("scans"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = (
                    [a.name for a in node.names]
                    if isinstance(node, ast.Import)
                    else [node.module or ""]
                )
                assert not {n.partition(".")[0] for n in names} & {"nilearn", "nibabel", "pydicom"}


def test_modules_do_not_import_each_other_in_a_circle():
    names = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for room in MAY_IMPORT
        for path in modules_of(room)
    }
    graph = {name: _top_level(path, names) - {name} for name, path in names.items()}
    while graph:
        leaves = {name for name, targets in graph.items() if not targets & graph.keys()}
        assert leaves, f"imports go round in a circle among {sorted(graph)}"
        graph = {name: targets for name, targets in graph.items() if name not in leaves}


def _top_level(path: Path, names: dict[str, Path]) -> set[str]:
    """The modules of ours that a module needs while it is being imported."""
    needed = set()
    package = path.parent if path.name == "__init__.py" else None
    for node in ast.parse(path.read_text()).body:
        if not isinstance(node, ast.ImportFrom) or node.module is None:
            continue
        for alias in node.names:
            full = f"{node.module}.{alias.name}"
            needed.add(full if full in names else node.module)
    if package is not None:
        return {name for name in needed if name in names}
    return needed & names.keys()


@pytest.mark.parametrize("room", ROOMS)
def test_importing_a_room_loads_neither_ray_nor_tensorflow(room):
    code = (
        f"import sys, {room}\n"
        "print([m for m in ('ray', 'tensorflow', 'keras', 'sklearn', 'pandas', 'plotly')"
        " if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("room", [*ROOMS, "neurosweep", "neurosweep.errors"])
def test_exported_names_exist_and_are_sorted(room):
    module = import_module(room)
    names = list(module.__all__)
    assert [name for name in names if not hasattr(module, name)] == []
    assert names == sorted(names, key=lambda n: (not n.isupper(), n[0].islower(), n))


def test_no_installed_distribution_owns_the_name_of_a_room():
    owners = metadata.packages_distributions()
    for room in (*ROOMS, "neurosweep"):
        assert set(owners.get(room, [])) <= {"neurosweep"}, f"{room} is also {owners[room]}"


def test_files_stay_short_enough_to_be_one_thing():
    long = [
        f"{path.relative_to(ROOT)}: {count} lines"
        for room in MAY_IMPORT
        for path in modules_of(room)
        if (count := len(path.read_text().splitlines())) > 400
    ]
    assert not long


def test_no_function_is_longer_than_sixty_lines():
    long = []
    for room in MAY_IMPORT:
        for path in modules_of(room):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    start = node.body[1].lineno if _has_docstring(node) else node.lineno
                    if (node.end_lineno or 0) - start > 60:
                        long.append(f"{path.relative_to(ROOT)}: {node.name}")
    assert not long


def _has_docstring(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return len(node.body) > 1 and ast.get_docstring(node) is not None
