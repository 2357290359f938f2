"""Files larger than any memory: opened from the end at once, and read in bounded memory."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from trainui.cli.log_lines import AttemptLogs
from trainui.tui.log_tail import LogReader

GIGABYTES = 10
LINE_BYTES = 50 * 10**6

READ = """
import json, resource, sys
from trainui import open_session, sync_metrics_from_file
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with open_session() as session:
    offset = 0
    while True:
        done = sync_metrics_from_file("job", sys.argv[1], session, last_offset=offset)
        if done["new_offset"] == offset:
            break
        offset = done["new_offset"]
        found = done
        print(json.dumps(done))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps((peak - before) * 1024))
"""
"""Reads a metrics file to its end; prints what each step gave, and by how much memory grew."""


def test_a_log_of_ten_gigabytes_opens_at_its_end(tmp_path: Path) -> None:
    log = tmp_path / "stdout.log"
    with log.open("wb") as file:
        file.truncate(GIGABYTES * 10**9)
        file.seek(0, 2)
        file.write(b"".join(b"\nline %d" % number for number in range(5000)) + b"\n")
    begun = time.process_time()
    reader = LogReader(log)
    assert reader.read()[-2:] == ("line 4998", "line 4999")
    assert reader.cut
    lines = AttemptLogs(tmp_path, ["out"], last=3).lines(to_end=True)
    assert [line.raw for line in lines] == [b"line 4997\n", b"line 4998\n", b"line 4999\n"]
    assert time.process_time() - begun < 2.0  # to read it all takes many times as long


def test_a_line_of_fifty_megabytes_is_left_out_and_the_later_ones_are_read(
    tmp_path: Path,
) -> None:
    metrics = tmp_path / "metrics.jsonl"
    with metrics.open("w") as file:
        file.write(json.dumps({"step": 0, "loss": 1.0}) + "\n")
        file.write('{"step": 1, "note": "' + "x" * LINE_BYTES + '"}\n')
        file.writelines(json.dumps({"step": step, "loss": 0.5}) + "\n" for step in (2, 3))
    environ = {"TRAINUI_HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-c", READ, str(metrics)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    *steps, grown = (json.loads(line) for line in done.stdout.splitlines())
    assert sum(step["new_metrics_count"] for step in steps) == 3
    assert steps[-1]["new_offset"] == steps[-1]["file_size"] == metrics.stat().st_size
    assert grown < 120 * 10**6  # most of it the store's modules, imported on the way
