"""ARCHITECTURE.md, CONTRIBUTING.md and the packages' docstrings name modules that exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "trainui"
PAGES = ("ARCHITECTURE.md", "CONTRIBUTING.md", "docs/formats.md")
PACKAGES = sorted(PACKAGE.rglob("__init__.py"))
MODULE = re.compile(r"[a-z_]\w*(?:\.[a-z_]\w*)+")
ROOMS = {path.name for path in PACKAGE.iterdir() if path.is_dir()}


def in_backticks(text: str) -> set[str]:
    """Return what a text has in backticks, outside blocks of code."""
    return set(re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)))


def files_in(page: str) -> Iterator[str]:
    """Yield the Python files that a page names."""
    for quoted in in_backticks((ROOT / page).read_text(encoding="utf-8")):
        yield from (word for word in quoted.split() if word.endswith(".py"))


def modules_in(page: str) -> Iterator[str]:
    """Yield the dotted names in a page that begin with a package of trainui."""
    for quoted in in_backticks((ROOT / page).read_text(encoding="utf-8")):
        name = quoted.removeprefix("trainui.")
        if MODULE.fullmatch(name) and name.partition(".")[0] in ROOMS:
            yield name


def exists(name: str, below: Path = PACKAGE) -> bool:
    """Return True if a dotted name is a package, a module, or a name in a module."""
    parts = name.split(".")
    module = below.joinpath(*parts)
    if module.is_dir() or module.with_suffix(".py").is_file():
        return True
    home = below.joinpath(*parts[:-1]).with_suffix(".py")
    return home.is_file() and re.search(rf"\b{parts[-1]}\b", home.read_text("utf-8")) is not None


@pytest.mark.folders
@pytest.mark.parametrize("page", PAGES)
def test_the_files_and_modules_that_a_page_names_exist(page: str) -> None:
    places = (ROOT, PACKAGE, PACKAGE / "metrics", PACKAGE / "metrics/formats")
    gone = [file for file in files_in(page) if not any((at / file).is_file() for at in places)]
    gone = [file for file in gone if "/" in file or not list(PACKAGE.rglob(file))]
    assert gone + [name for name in modules_in(page) if not exists(name)] == []


def test_architecture_names_every_package() -> None:
    table = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").partition("## Where each")[2]
    assert {name for name in ROOMS if name != "__pycache__"} <= in_backticks(table)


def test_the_reading_path_takes_an_hour() -> None:
    part = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").partition("## The path of")[0]
    files = re.findall(r"^\| `(\S+\.py)`", part, re.MULTILINE)
    lines = [len((PACKAGE / file).read_text(encoding="utf-8").splitlines()) for file in files]
    assert len(lines) == 7
    assert sum(lines) <= 1700


@pytest.mark.parametrize("package", PACKAGES, ids=lambda file: str(file.parent.relative_to(ROOT)))
def test_a_package_says_where_to_begin(package: Path) -> None:
    text = ast.get_docstring(ast.parse(package.read_text(encoding="utf-8"))) or ""
    first = re.findall(r"\b[Rr]ead `([\w.]+)` first", text)
    if len(list(package.parent.glob("*.py"))) > 2:
        assert first, "no 'Read `module` first'"
    assert [name for name in first if not exists(name, package.parent)] == []
