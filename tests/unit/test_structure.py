"""The package's structure: no circle between files, one meaning for each class name."""

from __future__ import annotations

import ast
import math
from collections import Counter
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter

from tests.unit.sources import PACKAGE, parsed
from trainui.plugin.registry import KINDS


@cache
def trees() -> dict[str, ast.Module]:
    """Return the syntax trees of all modules by their names."""
    return {
        ".".join(("trainui", *file.relative_to(PACKAGE).with_suffix("").parts)): tree
        for file, tree in parsed()
    }


def imported(tree: ast.Module) -> Iterator[str]:
    """Yield the names that a module imports anywhere, also in functions and for types."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{one.name}" for one in node.names)


def modules_of(name: str) -> Iterator[str]:
    """Yield the module that a name is, or is in; a package is its `__init__`."""
    for one in (name, name.rpartition(".")[0]):
        if found := {one, f"{one}.__init__"} & trees().keys():
            yield from found
            return


def test_no_circle_between_files() -> None:
    graph = {
        module: {found for name in imported(tree) for found in modules_of(name)} - {module}
        for module, tree in trees().items()
    }
    assert len(list(TopologicalSorter(graph).static_order())) == len(trees())


def test_a_class_name_has_one_meaning() -> None:
    # the record of a plugin may have the name of what it leads to
    records = {(kind.__module__, kind.__name__) for kind in KINDS}
    names = Counter(
        node.name
        for module, tree in trees().items()
        for node in tree.body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
        if (module, node.name) not in records
    )
    assert [name for name, count in names.items() if count > 1] == []


NUMBERS_OF_FORMATS = frozenset(
    {
        *("control.log_windows", "execution.daemon.health", "execution.gpus"),
        *("pipeline.rules.fingerprint", "plugins.optuna.recorded_studies", "plugins.optuna.study"),
        *("plugins.tensorboard.event_file", "plugins.wandb.log_file", "resume.integrity"),
        *("store.points.chunks", "tui.axis_marks", "tui.numbers", "tui.styles"),
    }
)
"""Modules with fields, tags, codes, bits or tables of numbers beside the code that reads them."""


def is_number(node: ast.expr) -> bool:
    """Return True for a number, arithmetic on numbers, or several."""
    match node:
        case ast.Constant(value=value):
            return isinstance(value, int | float) and not isinstance(value, bool)
        case ast.Attribute(attr="SECOND"):
            return True
        case ast.BinOp(left=left, right=right):
            return is_number(left) and is_number(right)
        case ast.Tuple(elts=several):
            return bool(several) and all(map(is_number, several))
    return False


def test_thresholds_are_at_the_top_of_a_module() -> None:
    below = []
    for module, tree in trees().items():
        if module.removeprefix("trainui.") in NUMBERS_OF_FORMATS:
            continue
        defined = [n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)]
        first = defined[0].lineno if defined else math.inf
        below += [
            f"{module}: {ast.unparse(node)}"
            for node in tree.body
            if isinstance(node, ast.Assign) and node.lineno > first and is_number(node.value)
        ]
    assert below == [], "move them up to the module's other numbers"
