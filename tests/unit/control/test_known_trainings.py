"""A training is listed once: as the run of ours that reads it, or as an external one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.unit.execution.conftest import store as store
from tests.unit.metrics.attempts import start_attempt
from trainui.control import external
from trainui.metrics.reader.attempt import AttemptReader
from trainui.store.db.engine import Database

WRITE = """
import sys
with open("b/metrics.csv", "w") as file:
    print("step,loss\\n1,0.5", file=file, flush=True)
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_files_read_by_our_own_runs_are_not_added(
    on_both_databases: None, store: Database, tmp_path: Path
) -> None:
    for name in ("a", "b", "work/c"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "a/metrics.csv").write_text("step,loss\n1,0.5\n")
    attempt = start_attempt(store, tmp_path)
    reader = AttemptReader(store, attempt.to_read)
    for name in ("metrics.csv", "other.log"):
        (attempt.workdir / "c" / name).write_text("step,loss\n1,0.5\n")
    reader.scan()
    reader.close()
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", WRITE], cwd=tmp_path, stdin=pipe, stdout=pipe
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        adopted = external.adopt(process.pid)
        found = external.find(tmp_path)
        expected = {"a": None, "b": adopted.run_id, "c": "run-of-train"}
        previewed = {one.name: one.run_id or None for one in external.preview(found)}
        assert previewed == expected
        for is_new in (True, False):
            added = {one.name: one for one in external.add(found)}
            assert {name: one.is_new for name, one in added.items()} == {
                "a": is_new,
                "b": False,
                "c": False,
            }
            assert {name: added[name].run_id for name in "bc"} == {
                "b": adopted.run_id,
                "c": "run-of-train",
            }
        process.kill()
