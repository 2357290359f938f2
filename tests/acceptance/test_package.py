"""The built wheel, installed into an empty environment, holds all that the demo needs."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from trainui.version import __version__

ROOT = Path(__file__).parents[2]

NEEDED = [
    "trainui/py.typed",
    "trainui/cli/first_pipeline.yaml",
    "trainui/cli/completions/trainui.bash",
    "trainui/store/migrations/env.py",
    "trainui/store/migrations/versions/rev_0001_first_schema.py",
    "trainui/supervisor/supervise.py",
    "trainui/sample_pipelines/digits.yaml",
    "trainui/sample_pipelines/DATA.md",
]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--outdir", str(target), str(ROOT)],
        check=True,
        capture_output=True,
    )
    return target


def test_the_wheel_holds_what_it_needs(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = wheel.namelist()
    assert [name for name in NEEDED if name not in names] == []
    assert any(name.startswith("trainui/sample_pipelines/") and ".csv" in name for name in names)
    assert not any(name.startswith(("tests/", "benchmarks/")) for name in names)


def test_the_source_distribution_holds_what_it_needs(built: Path) -> None:
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


def test_the_changelog_tells_of_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    assert f"\n## {__version__} " in text


@pytest.fixture
def installed(built: Path, tmp_path: Path) -> Iterator[Path]:
    """An empty environment with the wheel in it; whatever it started is stopped at the end."""
    environment = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "-q"]
    pip += ["--disable-pip-version-check", "-c", str(ROOT / "requirements.lock")]
    subprocess.run([*pip, str(next(built.glob("*.whl")))], check=True, cwd=tmp_path)
    trainui = environment / "bin" / "trainui"
    yield trainui
    run(trainui, "worker", "stop", "--with-stages")


def run(trainui: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    home = trainui.parents[2] / "home"
    home.mkdir(exist_ok=True)
    bare = {"HOME": str(home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    bare |= {name: value for name, value in os.environ.items() if name.startswith("OPENBLAS_")}
    return subprocess.run(
        [str(trainui), *arguments],
        env=bare,
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_the_demo_runs_from_the_installed_wheel(installed: Path) -> None:
    demo = run(installed, "demo")
    assert demo.returncode == 0, demo.stderr
    assert "completed" in demo.stderr
    shown = run(installed, "metrics", "digits", "train[hidden=32]")
    assert "val/accuracy" in shown.stdout
    listed = run(installed, "ls")
    assert "digits" in listed.stdout
