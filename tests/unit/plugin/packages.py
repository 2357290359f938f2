"""Packages with plugins as pip installs them, in a directory that is put on `sys.path`."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from trainui.plugin import registry


def install(
    site: Path,
    package: str,
    points: Mapping[str, str],
    files: Mapping[str, str],
    version: str = "1",
) -> None:
    """Install a package: `points` are its entry points as `group:name`, `files` its modules."""
    site.mkdir(exist_ok=True)
    about = site / f"{package}-{version}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
    groups: dict[str, str] = {}
    for point, value in points.items():
        group, _, name = point.partition(":")
        groups[group] = groups.get(group, "") + f"{name} = {value}\n"
    content = "".join(f"[trainui.{group}]\n{lines}\n" for group, lines in groups.items())
    (about / "entry_points.txt").write_text(content)
    for name, text in files.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(text)


def use(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a directory on the path of this process and of those that it starts."""
    site.mkdir(exist_ok=True)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]))
    registry.reset()


def forget(*modules: str) -> None:
    """Forget imported modules of such a package."""
    for name in [one for one in sys.modules if one.partition(".")[0] in modules]:
        del sys.modules[name]
