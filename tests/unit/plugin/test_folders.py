"""Each plugin of ours is its folder: nothing outside names what is in it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import trainui

PACKAGE = Path(trainui.__file__).parent

WORDS = {
    "dvc": r"\bdvc\b",
    "dvclive": "dvclive",
    "huggingface": r"hugging_?face|trainer_state|\bhf\b",
    "hydra": "hydra",
    "images": r"\bPIL\b|pillow|\.(png|jpe?g|webp)",
    "mlflow": "mlflow",
    "optuna": r"optuna|(TPE|Grid|CmaEs|Median|Hyperband|Patient)(Sampler|Pruner)",
    "serve": r"textual_serve|plugins\.serve",
    "tensorboard": "tensorboard|tfevents",
    "trackio": "trackio",
    "wandb": r"wandb|w&b",
}
"""What names a plugin and its files."""

MAY_NAME = {
    # the files of a complete checkpoint, and a checkpoint's step, are the core's
    "huggingface": (
        *("resume/", "domain/definition.py", "metrics/formats/text/presets/"),
        # owners of secrets; the cache that Trackio's directory is in
        *("pipeline/substitution/masking.py", "plugins/trackio/database.py"),
    ),
    # options and directories that many trainings have
    "hydra": ("pipeline/rules/shared_paths.py",),
    # the preset of its printed lines
    "optuna": ("domain/definition.py", "metrics/formats/text/presets/"),
    "tensorboard": ("pipeline/rules/shared_paths.py", "plugin/records.py"),
}
"""The places that a rule of the core or of printed lines gives another reason to."""


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


@pytest.mark.parametrize("folder", WORDS)
def test_nothing_outside_names_a_plugins_own(folder: str) -> None:
    pattern = re.compile(WORDS[folder], re.IGNORECASE)
    own = PACKAGE / "plugins" / folder
    found = {
        str(file.relative_to(PACKAGE)): word
        for file in PACKAGE.rglob("*.py")
        if not file.is_relative_to(own)
        for word in words_in(ast.parse(file.read_text(encoding="utf-8")))
        if pattern.search(word)
    }
    allowed = MAY_NAME.get(folder, ())
    assert {name: word for name, word in found.items() if not name.startswith(allowed)} == {}
    assert all(any(name.startswith(one) for name in found) for one in allowed), "no longer needed"


def test_a_plugins_init_has_records_alone() -> None:
    for file in (PACKAGE / "plugins").glob("*/__init__.py"):
        modules = {
            node.module
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if isinstance(node, ast.ImportFrom)
        }
        assert modules <= {"__future__", "trainui.plugin"}, file
