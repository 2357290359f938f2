"""The built wheel, installed into an empty environment, holds all that the demo needs."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.acceptance.test_docs_blocks import shorter
from trainui.version import __version__

ROOT = Path(__file__).parents[2]

NEEDED = [
    "hydra_plugins/trainui_launcher.py",
    "trainui/py.typed",
    "trainui/cli/first_pipeline.yaml",
    "trainui/cli/completions/trainui.bash",
    "trainui/store/migrations/env.py",
    "trainui/store/migrations/tables.sql",
    "trainui/store/migrations/versions/rev_0100_first.py",
    "trainui/supervisor/supervise.py",
    "trainui/sample_pipelines/digits.yaml",
    "trainui/sample_pipelines/DATA.md",
]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target, builder = tmp_path_factory.mktemp("dist"), tmp_path_factory.mktemp("builder")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, "--target", str(builder), "hatchling"], check=True)  # for both, once
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(target), str(ROOT)],
        env={**os.environ, "PYTHONPATH": str(builder)},
        check=True,
        capture_output=True,
    )
    return target


def test_the_wheel_contains_what_it_needs(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = wheel.namelist()
    assert [name for name in NEEDED if name not in names] == []
    assert any(name.startswith("trainui/sample_pipelines/") and ".csv" in name for name in names)
    assert not any(name.startswith(("tests/", "benchmarks/")) for name in names)


def test_the_source_distribution_contains_what_it_needs(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as source:
        names = {name.split("/", 1)[-1] for name in source.getnames()}
    for needed in ("sample_pipelines/digits.yaml", "LICENSE", "README.md", "trainui/py.typed"):
        assert needed in names


def test_the_registry_would_take_both(built: Path) -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *map(str, built.iterdir())],
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stdout


def test_the_changelog_has_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    assert f"\n## {__version__} " in text


def git(*arguments: str, repository: Path = ROOT) -> str:
    done = subprocess.run(
        ["git", "-C", str(repository), *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout


def wrong_tags(repository: Path) -> list[str]:
    """The tags that are not the version of what they tag, or whose changelog has it to come."""
    wrong = []
    for tag in git("tag", "--list", "v*", repository=repository).split():
        version = git("show", f"{tag}:trainui/version.py", repository=repository)
        told = git("show", f"{tag}:CHANGELOG.md", repository=repository)
        number = tag.removeprefix("v")
        is_told = re.search(rf"^## {re.escape(number)} \(\d{{4}}-\d\d-\d\d\)$", told, re.M)
        if f'__version__ = "{number}"' not in version or not is_told:
            wrong.append(tag)
    return wrong


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is no clone")
def test_a_tag_is_the_version_of_what_it_tags() -> None:
    assert wrong_tags(ROOT) == []


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is no clone")
def test_a_tag_that_is_not_is_found(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git("clone", "-q", "--no-checkout", "--no-tags", str(ROOT), str(clone))
    git("tag", "v7.0", repository=clone)
    assert wrong_tags(clone) == ["v7.0"]


def test_every_licence_of_what_is_installed_is_listed() -> None:
    """Whatever the requirements of `pyproject.toml`, less those for development, bring along."""
    text = (ROOT / "THIRD-PARTY.md").read_text()
    listed = re.findall(r"^\| ([\w.-]+) \| \S", text, re.MULTILINE)[1:]
    assert listed == sorted(listed)
    assert set(listed) >= brought_along("trainui", EXTRAS)


EXTRAS = (
    "debug",
    "hydra",
    "images",
    "mcp",
    "notify",
    "parquet",
    "postgres",
    "search",
    "serve",
    "stats",
)


def brought_along(name: str, extras: Sequence[str] = ()) -> set[str]:
    """The names of the distributions that one needs here, and of those that these need."""
    found: set[str] = set()
    todo = [(name, tuple(extras))]
    seen = set(todo)
    while todo:
        one, wanted = todo.pop()
        for text in importlib.metadata.requires(one) or ():
            needed = Requirement(text)
            marker = needed.marker
            if marker and not any(marker.evaluate({"extra": extra}) for extra in ("", *wanted)):
                continue
            step = (canonicalize_name(needed.name), tuple(sorted(needed.extras)))
            found.add(step[0])
            if step not in seen:
                seen.add(step)
                todo.append(step)
    return found


class Program:
    """What came out of the wheel: where it is, and how it is run."""

    def __init__(self, place: Path, command: Sequence[str | Path], **environ: str) -> None:
        self.place, self.command = place, command
        self.home = place.with_name("home")
        self.home.mkdir()
        self.environ = {"HOME": str(self.home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
        self.environ |= {
            name: value for name, value in os.environ.items() if name.startswith("OPENBLAS_")
        }
        self.environ |= environ

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.command, *arguments],
            env=self.environ,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )


def unpacked(wheel: Path, place: Path) -> Program:
    """The wheel's files before all others, in the environment of these tests."""
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(place)
    return Program(place, [sys.executable, "-m", "trainui"], PYTHONPATH=str(place))


def installed(wheel: Path, place: Path) -> Program:
    """An empty environment with the wheel in it, and with what it says it requires."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    words = f"-m pip --python {place}/bin/python -q --disable-pip-version-check install"
    pip = [sys.executable, *words.split(), "--no-compile", "-c", f"{ROOT}/requirements.lock"]
    subprocess.run([*pip, wheel], check=True, cwd=place)
    return Program(place, [place / "bin" / "trainui"])


@pytest.fixture(params=[unpacked, pytest.param(installed, marks=pytest.mark.long)])
def program(built: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Program]:
    """The program of the wheel; whatever it started is stopped at the end."""
    made: Program = request.param(next(built.glob("*.whl")), tmp_path / "place")
    yield made
    made("worker", "stop", "--with-stages")


INSTALLS = re.findall(r"^((?:pipx|uv tool) install .*)$", (ROOT / "README.md").read_text(), re.M)


@pytest.mark.parametrize("command", INSTALLS)
def test_it_installs_as_the_readme_says(command: str, tmp_path: Path) -> None:
    if shutil.which(command.split()[0]) is None:
        pytest.skip(f"needs {command.split()[0]}")
    places = ("PIPX_HOME", "PIPX_BIN_DIR", "UV_TOOL_DIR", "UV_TOOL_BIN_DIR")
    environ = {**os.environ, **{name: str(tmp_path / name) for name in places}}
    environ |= {
        name: str(ROOT / "requirements.lock") for name in ("PIP_CONSTRAINT", "UV_CONSTRAINT")
    }
    subprocess.run(command.split(), cwd=ROOT, env=environ, check=True, capture_output=True)
    (trainui,) = tmp_path.glob("*_BIN_DIR/trainui")
    said = subprocess.run([trainui, "--version"], capture_output=True, text=True, check=True)
    assert said.stdout == f"trainui {__version__}\n"


def test_the_wheels_demo_runs_and_learns(program: Program) -> None:
    for name in ("sample_pipelines/digits.yaml", "sample_pipelines/train.py"):
        (file,) = program.place.rglob(name)
        file.write_text(shorter(name, file.read_text()))
    demo = program("demo")
    assert demo.returncode == 0, demo.stderr
    assert "completed" in demo.stderr
    series = json.loads(program("metrics", "digits", "--json").stdout)["series"]
    accuracy = [one for one in series if one["name"] == "val/accuracy"]
    assert [one["count"] for one in accuracy] == [3, 3], "the wheel's own sample ran"
    assert min(one["last"] for one in accuracy) > 0.5
    (listed,) = json.loads(program("ls", "--json").stdout)["runs"]
    assert (listed["name"], listed["status"]) == ("digits", "completed")
