"""Every error as JSON says which command to type next."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from tests.unit.execution.conftest import store as store
from tests.unit.execution.submitted import submit
from trainui.cli.app import is_command
from trainui.cli.main import main


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("arguments", "code", "hint"),
    [
        (["show", "nothing"], 3, "trainui ls"),
        (["wait", "pipeline", "--timeout", "0"], 5, "trainui show"),
        (["run", "broken.yaml", "--detach"], 2, "trainui validate broken.yaml"),
        (["run", "a b.yaml", "--detach"], 2, "trainui validate 'a b.yaml'"),
        (["note", "pipeline", " "], 2, "trainui note --help"),
        (["ls", "--no-such-option"], 2, "trainui ls --help"),
        (["frobnicate"], 2, "trainui --help"),
        (["rm", "pipeline", "--yes"], 2, "trainui rm --help"),
    ],
)
def test_an_error_has_the_command_to_type(
    arguments: list[str],
    code: int,
    hint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    submit(tmp_path, "stages: [{name: a, run: 'true'}]")
    for name in ("broken.yaml", "a b.yaml"):
        (tmp_path / name).write_text("stages: [{nam: x}]")
    assert main([*arguments, "--json"]) == code
    found = json.loads(capsys.readouterr().out)["error"]["hint"]
    assert found.startswith(hint)
    word = shlex.split(found)[1]
    assert word == "--help" or is_command(word)
