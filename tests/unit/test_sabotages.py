"""The sabotages of the chaos runs: what each of them patches is used by the package."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import trainui
from tests.chaos import sabotages
from tests.chaos.sabotages import SABOTAGES, SEARCHES

PACKAGE = Path(trainui.__file__).parent


@cache
def texts() -> dict[str, str]:
    """Return the package's modules by their names."""
    return {
        ".".join(("trainui", *file.relative_to(PACKAGE).with_suffix("").parts)): file.read_text(
            encoding="utf-8"
        )
        for file in PACKAGE.rglob("*.py")
    }


@cache
def functions() -> dict[str, ast.FunctionDef]:
    """Return the functions of the sabotages' module by their names."""
    tree = ast.parse(Path(sabotages.__file__).read_text(encoding="utf-8"))
    return {one.name: one for one in tree.body if isinstance(one, ast.FunctionDef)}


def patched(name: str) -> Iterator[tuple[Any, str]]:
    """Yield what a function patches, also by others that it calls: an object and a name."""
    known: dict[str, Any] = {}
    for node in ast.walk(functions()[name]):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(str(node.module))
            for one in node.names:
                found = getattr(module, one.name, None)
                known[one.name] = found or importlib.import_module(f"{node.module}.{one.name}")
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            known[node.target.id] = known[ast.unparse(node.value)] if node.value else None
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in functions():
            yield from patched(ast.unparse(node.func))
    for node in ast.walk(functions()[name]):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield known[ast.unparse(node.value)], node.attr
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):  # of `vars`
            yield known[ast.unparse(node.value)[5:-1]], ast.literal_eval(node.slice)


def uses(target: Any, name: str) -> list[str]:
    """Return the modules in which a patched name is looked up when it is used."""
    own = getattr(target, "__name__", "")
    short = rf"\b{own.rpartition('.')[2]}" if isinstance(target, ModuleType) else ""
    anywhere = re.compile(rf"{short}\.{name}\b")
    within = re.compile(rf"(?<!def )\b{name}\(")
    return [
        module
        for module, text in texts().items()
        if anywhere.search(text) or (module == own and within.search(text))
    ]


@pytest.mark.parametrize(
    "sabotage",
    [
        *[
            pytest.param(one, marks=[pytest.mark.folders] if one in SEARCHES else [])
            for one in SABOTAGES
        ],
        "metrics",
    ],
)
def test_what_a_sabotage_patches_is_used(sabotage: str) -> None:
    name = SABOTAGES[sabotage].__name__ if sabotage in SABOTAGES else "_sabotage_worker"
    targets = [*patched(name)] if name != "end_running" else []
    assert targets or name == "end_running", "it patches nothing"
    for target, attribute in targets:
        assert hasattr(target, attribute), f"{target} has no {attribute}"
        assert uses(target, attribute), f"nothing uses {attribute} of {target}"
