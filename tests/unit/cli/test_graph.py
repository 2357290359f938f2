"""The drawing of a file has a node for each search, its JSON each trial."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from trainui.cli.main import main

FILE = """\
stages:
  - name: train
    search: {space: {n: [1, 2]}, metric: a, goal: minimize, trials: 9}
    run: x ${search.n}
  - {name: eval, run: 'x ${stages.train.best.dir}', depends_on: [train]}
"""


def test_a_search_is_one_node(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "f.yaml"
    file.write_text(FILE)
    assert main(["graph", str(file)]) == 0
    drawn = capsys.readouterr().out.splitlines()
    assert drawn == ["● train (search, 9 trials)", "│", "● eval"]
    assert main(["graph", str(file), "--mermaid"]) == 0
    assert capsys.readouterr().out.count("-->") == 1
    assert main(["graph", str(file), "--json"]) == 0
    stages = json.loads(capsys.readouterr().out)["stages"]
    assert stages[-1] == {"name": "eval", "depends_on": [f"train[trial={n}]" for n in range(9)]}
