"""The order of the rooms: an import points from one to another that stands before it, and never in a circle."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import sansa_lightning

PACKAGE = Path(sansa_lightning.__file__).parent
ROOMS = (
    *(
        "files",
        "images",
        "clips",
        "data",
        "trackers",
        "strategies",
        "encoders",
        "methods",
        "losses",
        "metrics",
        "model",
    ),
    *("checkpoints", "module", "figures", "runs", "callbacks", "analysis", "pretraining", "annotate", "page"),
    *("report", "publish", "cli", "prepare", "describe", "ablate"),
)
"""From low to high. Files at the root are rooms of their own; docs/design.md says what is in each."""

ROOT = ("__init__", "__main__")
"""They begin everything, and belong to no room."""

LONGEST = 300
MOST = 12
"""Lines of a file, and files of a room whose ``__init__`` does not say why there are more."""


def modules() -> dict[str, Path]:
    return {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


def imports(path: Path, everywhere: bool = True) -> Iterator[str]:
    """What a file imports of the project, by names below the package; those inside functions only if ``everywhere``."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree) if everywhere else tree.body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == PACKAGE.name:
            below = node.module.split(".")[1:]
            yield from (".".join([*below, alias.name]) for alias in node.names)


def room(name: str) -> str:
    return name.split(".")[0]


def test_every_room_is_in_the_list():
    found = {room(name) for name in modules()} - set(ROOT)
    assert found == set(ROOMS)


def test_no_import_points_upwards():
    upwards = [
        f"{name} imports {target}"
        for name, path in modules().items()
        if room(name) not in ROOT
        for target in imports(path)
        if ROOMS.index(room(target)) > ROOMS.index(room(name))
    ]
    assert not upwards


def test_no_import_circle():
    known = modules()
    graph = {name: {owner(target, known) for target in imports(path, everywhere=False)} for name, path in known.items()}
    TopologicalSorter(graph).prepare()  # raises CycleError


def owner(target: str, known: dict[str, Path]) -> str:
    """The module that a name is in."""
    return target if target in known else target.rpartition(".")[0]


@pytest.mark.parametrize("path", modules().values(), ids=modules())
def test_no_file_is_too_long(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST


def test_no_room_is_too_full():
    for folder in {path.parent for path in modules().values()} - {PACKAGE}:
        files = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        said = (folder / "__init__.py").read_text(encoding="utf-8")
        assert len(files) <= MOST or "ore than twelve" in said, (folder.name, len(files))
