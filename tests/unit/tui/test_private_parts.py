"""Textual's private parts: which ones are used, and that the screen runs without each."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import trainui.tui
from tests.acceptance import terminal as pseudo
from tests.unit.sources import parsed
from tests.unit.tui.filled import Filler, running_demo
from trainui.tui import terminal
from trainui.tui.terminal import USES, PrivateUse

ROOT = Path(trainui.tui.__file__).parent
ROOM = {"terminal", "cell_diff"}
OF_NAMEDTUPLES = {"_asdict", "_fields", "_replace", "_field_defaults"}
LISTED = {name for use in USES for names in use.names.values() for name in names}


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name != "_"


def named(tree: ast.AST) -> Iterator[tuple[str, bool]]:
    """Yield the private names of a module, and whether each is made there."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, True
        elif isinstance(node, ast.Attribute):
            yield node.attr, isinstance(node.ctx, ast.Store)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, True


def room_of(file: Path) -> str:
    """Return the module or the folder of the screen that a file is, or is in."""
    return file.relative_to(ROOT).parts[0].removesuffix(".py")


@cache
def trees() -> dict[Path, ast.Module]:
    return dict(parsed(ROOT))


@cache
def names() -> dict[Path, list[tuple[str, bool]]]:
    return {file: [*named(tree)] for file, tree in trees().items()}


def foreign_names() -> dict[str, set[str]]:
    """Private names that no class of ours makes, each with the rooms that use them."""
    ours = {name for several in names().values() for name, is_made in several if is_made}
    ours |= OF_NAMEDTUPLES
    found: dict[str, set[str]] = {}
    for file, several in names().items():
        for name, _ in several:
            if is_private(name) and name not in ours:
                found.setdefault(name, set()).add(room_of(file))
    return found


def overridden() -> set[tuple[str, str]]:
    """Private names of Textual's that classes of ours make again, each with the room."""
    modules = [
        importlib.import_module(module.name)
        for module in pkgutil.walk_packages(trainui.tui.__path__, "trainui.tui.")
    ]
    return {
        (module.__name__.split(".")[2], name)
        for module in modules
        for own in vars(module).values()
        if isinstance(own, type) and own.__module__ == module.__name__
        for base in own.__mro__[1:]
        if base.__module__.startswith("textual.")
        for name in made_by(own) & made_by(base)
    }


@cache
def made_by(owner: type) -> set[str]:
    """Private names that a class or its instances get from it."""
    tree = classes_of(owner.__module__)[owner.__qualname__]
    return {name for name, is_made in named(tree) if is_made and is_private(name)}


@cache
def classes_of(module: str) -> dict[str, ast.ClassDef]:
    """The classes of a module by their qualified names."""
    return dict(classes_in(ast.parse(inspect.getsource(sys.modules[module]))))


def classes_in(owner: ast.Module | ast.ClassDef, within: str = "") -> Iterator[tuple[str, Any]]:
    for node in owner.body:
        if isinstance(node, ast.ClassDef):
            yield f"{within}{node.name}", node
            yield from classes_in(node, f"{within}{node.name}.")


def imported_privately() -> set[tuple[str, str, str]]:
    """Private modules of other packages that are imported, with the names and the rooms."""
    return {
        (room_of(file), node.module or "", alias.name)
        for file, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and any(is_private(part) for part in (node.module or "").split("."))
        and not (node.module or "").startswith("__")
        for alias in node.names
    }


def test_private_parts_are_used_in_their_room_and_listed() -> None:
    used, made, imported = foreign_names(), overridden(), imported_privately()
    rooms = {*(room for room, *_ in imported), *(room for room, _ in made)}.union(*used.values())
    assert rooms == ROOM
    found = {*used, *(name for _, name in made), *(name for *_, name in imported)}
    in_room = (names()[ROOT / f"{name}.py"] for name in ROOM)
    assert found <= LISTED <= found | {name for several in in_room for name, _ in several}


def test_all_of_them_exist_in_this_textual() -> None:
    assert [gone for use in USES for gone in terminal.missing_parts(use)] == []


def test_a_part_that_is_gone_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("textual._time.get_time")
    assert terminal.missing_parts(terminal.DRIVER) == ["textual._time.get_time"]
    renamed = PrivateUse("", {"textual.app:App": ("_gone",), "textual._gone:Compositor": ("_x",)})
    assert terminal.missing_parts(renamed) == [
        "textual.app:App._gone",
        "textual._gone:Compositor._x",
    ]


WITHOUT = """
import sys
from trainui.tui import terminal
gone, has = {gone!r}, terminal._has_part
terminal._has_part = lambda place, name: (place, name) != gone and has(place, name)
{leave_out}
from trainui.tui.start import run_screen
run_screen()
"""


LEFT_OUT = (
    "sys.modules['trainui.tui.cell_diff'] = None",
    "",
    "",
    "del terminal.TerminalDriver",
    "",
)
"""Makes unusable what each use is for."""

USE_NAMES = ("cell_diff", "compositor", "key_queue", "driver", "upgrade")


LONG_ONLY = ("compositor", "key_queue", "upgrade")


@pytest.mark.parametrize(
    ("use", "left_out"),
    [
        pytest.param(*case, id=name, marks=[pytest.mark.long] if name in LONG_ONLY else [])
        for name, *case in zip(USE_NAMES, USES, LEFT_OUT, strict=True)
    ],
)
def test_the_screen_runs_without_each(filler: Filler, use: PrivateUse, left_out: str) -> None:
    running_demo(filler)
    place, names = next(iter(use.names.items()))
    program = WITHOUT.format(gone=(place, names[0]), leave_out=left_out)
    with pseudo.terminal(program=program) as shown:
        shown.until_shown("digits", "● running")
        shown.press("\r")
        shown.until_shown("1 Stages", "prepare")
        shown.press("4")
        shown.press("q")
        assert shown.ended() == 0
    assert not shown.modes_left()
