"""Each plugin of ours is its folder: nothing outside names what is in it."""

from __future__ import annotations

import ast
import faulthandler
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.unit.sources import PACKAGE, parsed

ROOT = PACKAGE.parent

WORDS = {
    "clearml": "clearml",
    "dvc": r"\bdvc\b",
    "dvclive": "dvclive",
    "huggingface": r"hugging_?face|trainer_state|\bhf\b",
    "hydra": "hydra",
    "images": r"\bPIL\b|pillow|\.(png|jpe?g|webp)",
    "mlflow": "mlflow",
    "neptune": "neptune",
    "optuna": r"optuna|(TPE|Grid|CmaEs|Median|Hyperband|Patient)(Sampler|Pruner)",
    "mcp": r"\bmcp\b",
    "serve": r"textual_serve|plugins\.serve",
    "skill": r"\bskills?\b",
    "slurm": r"slurm|s(batch|queue|acct|control|cancel)\b",
    "swanlab": "swanlab|swanlog",
    "tensorboard": "tensorboard|tfevents",
    "trackio": "trackio",
    "wandb": r"wandb|w&b",
}
"""What names a plugin and its files."""

MAY_NAME = {
    # owners of secrets; the cache that Trackio's directory is in
    "huggingface": ("pipeline/masking.py", "plugins/trackio/database.py"),
    # the variables in which launchers number the processes
    "slurm": ("execution/stacks.py",),
}
"""The places that have another reason to."""


QUOTES = "plugins/causes/"
"""What libraries print when they fail names them, whether or not they have a plugin."""


def words_in(tree: ast.Module) -> Iterator[str]:
    """Yield the names and texts of a module, but no docstrings, also those of attributes."""
    documentation = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in documentation:
            yield str(node.value)
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.ImportFrom):
            yield f"{node.module} {' '.join(one.name for one in node.names)}"


@cache
def words_of_package() -> dict[Path, list[str]]:
    """Return the words in all modules."""
    return {file: [*words_in(tree)] for file, tree in parsed()}


@pytest.mark.parametrize("folder", WORDS)
def test_nothing_outside_names_a_plugins_own(folder: str) -> None:
    pattern = re.compile(WORDS[folder], re.IGNORECASE)
    own = PACKAGE / "plugins" / folder
    found = {
        str(file.relative_to(PACKAGE)): word
        for file, words in words_of_package().items()
        if not file.is_relative_to(own)
        for word in words
        if pattern.search(word)
    }
    allowed = MAY_NAME.get(folder, ())
    others = {name: word for name, word in found.items() if not name.startswith(QUOTES)}
    assert {name: word for name, word in others.items() if not name.startswith(allowed)} == {}
    assert all(any(name.startswith(one) for name in found) for one in allowed), "no longer needed"


def test_a_plugins_init_needs_the_interface_alone() -> None:
    for file in (PACKAGE / "plugins").glob("*/__init__.py"):
        nodes = [*ast.walk(ast.parse(file.read_text(encoding="utf-8")))]
        modules = {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
        modules |= {at.name for node in nodes if isinstance(node, ast.Import) for at in node.names}
        others = {name for name in modules if name.split(".")[0] not in sys.stdlib_module_names}
        assert others <= {"trainui.plugin"}, file


@pytest.mark.long
def test_the_remaining_tests_pass_without_any_folder(tmp_path: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    for name in filter(None, listed.stdout.decode().split("\0")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for folder in (tmp_path / "trainui/plugins").iterdir():
        if folder.is_dir():
            shutil.rmtree(folder)
    named = re.compile(
        "|".join((*WORDS.values(), "optuna", "needs_corpus", r"trainui\.plugins")), re.I
    )
    files = {
        file.relative_to(tmp_path): file.read_text(encoding="utf-8")
        for file in (tmp_path / "tests/unit").rglob("test_*.py")
    }
    first = [file for file, text in files.items() if named.search(text)]
    modules = [f"from {'.'.join(file.with_suffix('').parts)} import" for file in first]
    of_folders = {*first, *(file for file in files if any(one in files[file] for one in modules))}
    pytest_of_the_rest = [
        *(sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider"),
        *("-m", "not folders", *(f"--ignore={file}" for file in of_folders), "tests/unit"),
    ]
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    environ.pop("TRAINUI_TEST_LONG", None)
    faulthandler.cancel_dump_traceback_later()  # of 10 minutes, which a busy machine needs
    done = subprocess.run(
        pytest_of_the_rest, cwd=tmp_path, env=environ, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-4000:]
