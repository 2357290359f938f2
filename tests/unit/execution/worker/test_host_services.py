"""What a host shows of its logs to others."""

from __future__ import annotations

from pathlib import Path

from trainui.execution.worker.services import answer_request
from trainui.store.hosts import LogRequest


def test_a_part_of_a_log_is_shown(tmp_path: Path) -> None:
    (tmp_path / "stdout.log").write_text("0123456789")
    asked = LogRequest("id", str(tmp_path), "stdout.log", 3, 4)
    assert answer_request(asked) == ({}, b"3456")
    words, data = answer_request(LogRequest("id", str(tmp_path), "", 0, 0))
    assert data == b""
    assert {name: size for name, (*_, size) in words["files"].items()} == {"stdout.log": 10}


def test_nothing_but_logs_is_shown(tmp_path: Path) -> None:
    (tmp_path / "env.json").write_text("secret")
    for name in ("env.json", "../stdout.log", "/etc/passwd"):
        assert answer_request(LogRequest("id", str(tmp_path), name, 0, 100)) == (
            {"problem": "may not be requested"},
            b"",
        )


def test_a_log_that_is_gone_is_a_problem_in_words(tmp_path: Path) -> None:
    words, data = answer_request(LogRequest("id", str(tmp_path), "stdout.log", 0, 100))
    assert (data, list(words)) == (b"", ["problem"])
