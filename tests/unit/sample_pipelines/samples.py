"""The sample pipelines as they are on disk, and a small way to run them without trainui."""

from __future__ import annotations

import itertools
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[3] / "sample_pipelines"
PIPELINES = sorted(FOLDER.glob("*.yaml"))

ENVIRONMENT = {
    **os.environ,
    # One thread, so that two trainings that should be equal add up in the same order.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
}


def read_pipeline(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(path.read_text())
    return loaded


def script(name: str, *args: object) -> list[str]:
    return [sys.executable, str(FOLDER / name), *map(str, args)]


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=FOLDER, env=ENVIRONMENT, capture_output=True, text=True, timeout=60
    )


def run_script(name: str, *args: object) -> str:
    """Run a script that is to succeed; returns its stdout."""
    done = run(script(name, *args))
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclass
class Member:
    """A stage, or one member of a matrix stage, with its directory."""

    stage: dict[str, Any]
    matrix: dict[str, Any]
    directory: Path


@dataclass
class Runner:
    """Runs a pipeline file's stages in their order, neighbours with the same upstream together."""

    pipeline: dict[str, Any]
    base: Path
    members: dict[str, list[Member]] = field(default_factory=dict)

    def run(self) -> dict[Path, subprocess.CompletedProcess[str]]:
        done: dict[Path, subprocess.CompletedProcess[str]] = {}
        for _, stages in itertools.groupby(self.pipeline["stages"], upstream):
            members = [member for stage in stages for member in self.expand(stage)]
            commands = [self.command(member) for member in members]
            with ThreadPoolExecutor(2) as pool:
                for member, result in zip(members, pool.map(run, commands), strict=True):
                    done[member.directory] = result
        return done

    def expand(self, stage: dict[str, Any]) -> list[Member]:
        members = self.members[stage["name"]] = list(self.places(stage))
        return members

    def places(self, stage: dict[str, Any]) -> Iterator[Member]:
        matrix = stage.get("matrix", {})
        for values in itertools.product(*matrix.values()):
            chosen = dict(zip(matrix, values, strict=True))
            directory = self.base / "-".join([stage["name"], *map(str, values)])
            directory.mkdir()
            yield Member(stage, chosen, directory)

    def command(self, member: Member) -> list[str]:
        stage = member.stage
        if "task" in stage:
            params = {k: self.fill_whole(v, member) for k, v in stage["params"].items()}
            return call(stage["task"], params)
        if isinstance(stage["run"], str):
            text = self.fill(stage["run"], member, quote=shlex.quote)
            return ["bash", "-e", "-o", "pipefail", "-c", text]
        return [self.fill(item, member, quote=str) for item in stage["run"]]

    def fill_whole(self, text: str, member: Member) -> Any:
        name = re.fullmatch(r"\$\{stages\.(\w+)\.dirs}", text)
        if name:
            return [str(m.directory) for m in self.members[name[1]]]
        return self.fill(text, member, quote=str)

    def fill(self, text: str, member: Member, quote: Any) -> str:
        def value(found: re.Match[str]) -> str:
            return " ".join(quote(str(item)) for item in self.lookup(found[1], member))

        return re.sub(r"\$\{([^}]+)}", value, text)

    def lookup(self, name: str, member: Member) -> list[object]:
        match name.split("."):
            case ["python"]:
                return [sys.executable]
            case ["stage_dir"]:
                return [member.directory]
            case ["params", key]:
                return [self.pipeline["params"][key]]
            case ["matrix", key]:
                return [member.matrix[key]]
            case ["stages", stage, "dir"]:
                (only,) = self.members[stage]
                return [only.directory]
            case ["stages", stage, "dirs"]:
                return [m.directory for m in self.members[stage]]
        raise KeyError(name)


def upstream(stage: dict[str, Any]) -> list[str]:
    names: list[str] = stage.get("depends_on", [])
    return names


def call(task: str, params: dict[str, Any]) -> list[str]:
    """A command that calls `module.function` and prints its result as JSON, on the last line."""
    module, function = task.split(".")
    code = f"import json, {module}; print(json.dumps({module}.{function}(**{params!r})))"
    return [sys.executable, "-c", code]
