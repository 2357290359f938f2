"""The picture of a run's page that the app draws of itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.unit.tui.filled import Filler, running_demo

PICTURE = Path(__file__).parents[3] / "docs/picture.py"


def draw(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(PICTURE), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_a_runs_page_has_its_graph_curves_and_log(filler: Filler, tmp_path: Path) -> None:
    running_demo(filler, name="digits")
    out = tmp_path / "page.svg"
    done = draw("digits", str(out), "--size", "110x32", "--stage", "train[hidden=32]")
    assert (done.returncode, done.stderr) == (0, "")
    picture = out.read_text()
    assert picture.startswith("<svg")
    for text in ("prepare", "train[hidden=128]", "train/loss", "accuracy&#160;0.971"):
        assert text in picture


def test_an_unknown_run_is_reported(filler: Filler, tmp_path: Path) -> None:
    running_demo(filler, name="digits")
    done = draw("nothing", str(tmp_path / "page.svg"))
    assert done.returncode == 1
    assert "no run matches 'nothing'" in done.stderr


def test_keys_lead_to_a_metrics_page_compared_with_siblings(
    filler: Filler,
    tmp_path: Path,
) -> None:
    running_demo(filler, name="digits")
    out = tmp_path / "page.svg"
    done = draw("digits", str(out), "--stage", "train[hidden=32]", "--keys", "3 enter c a enter")
    assert (done.returncode, done.stderr) == (0, "")
    picture = out.read_text()
    for text in ("val/accuracy", "1/", "hidden=128", "best"):
        assert text in picture
