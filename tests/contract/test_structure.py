"""The rules of the layout, kept by tests."""

import ast
from pathlib import Path

import pytest

from tests.conftest import ROOT

# Imports point upwards only: a module may import what stands before it, never after.
ORDER = [
    ["errors", "languages"],
    ["codes"],
    ["records"],
    ["settings"],
    ["store"],
    ["sources"],
    ["collection"],
    ["text"],
    ["profiles"],
    ["embed"],
    ["training", "glossary"],
    ["index"],
    ["rank", "fusion"],
    ["aspects"],
    ["query"],
    ["pipeline", "compose"],
    ["explain", "feedback", "rerank"],
    ["sideways"],
    ["reindex"],
    ["backup", "nightly"],
    ["evaluate"],
    ["finetune", "tune"],
    ["serving"],
    ["service"],
    ["workflow"],
]
RANK = {name: place for place, names in enumerate(ORDER) for name in names}
MODULES = sorted((ROOT / "matcher").rglob("*.py"))


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_upwards(path: Path) -> None:
    parts = path.relative_to(ROOT / "matcher").with_suffix("").parts
    own = parts[0]
    for name in _imports(path):
        assert not name.startswith(("api", "fastapi", "starlette")), "the library knows no web"
        if name.startswith("matcher.") and own != "__init__":
            other = name.split(".")[1]
            assert RANK[other] <= RANK[own], f"{own} imports {other}, which stands after it"


def test_every_module_of_the_library_has_its_place() -> None:
    names = {
        p.relative_to(ROOT / "matcher").parts[0].removesuffix(".py")
        for p in MODULES
        if p.name != "__init__.py"
    }
    assert names <= set(RANK)


@pytest.mark.parametrize("folder", ["matcher", "api"])
def test_modules_stay_small(folder: str) -> None:
    for path in (ROOT / folder).rglob("*.py"):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        assert lines <= 500, f"{path.relative_to(ROOT)} has {lines} lines: find its seam"


def test_nothing_leans_on_files_outside_the_repository() -> None:
    for folder in ("matcher", "api", "tests", "scripts"):
        for path in (ROOT / folder).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            assert ".." + "/shared" not in text, path
