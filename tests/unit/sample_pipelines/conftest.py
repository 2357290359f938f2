"""Data that is prepared once, and a training that nothing has disturbed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.sample_pipelines.samples import run_script

SHORT = ["--hidden=16", "--epochs=4", "--images=32000", "--checkpoint-every=100"]
"""A training of 2000 steps, about 1 s."""


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("prepare") / "data.npz"
    run_script("prepare.py", "--out", path)
    return path


@pytest.fixture(scope="session")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a short training that ran from its start to its end."""
    out = tmp_path_factory.mktemp("train")
    run_script("train.py", "--data", data, "--out", out, *SHORT)
    return out
