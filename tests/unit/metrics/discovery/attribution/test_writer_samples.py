"""A file that is opened only during a write belongs to the attempt whose processes write it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from trainui.metrics.discovery.attribution import trackio_batches, writer_samples
from trainui.metrics.discovery.attribution.writer_samples import Growth, WriterSamples

WRITE = """
import sys, time
while True:
    with open(sys.argv[1], "a") as file:
        file.write("1,0.5\\n")
    time.sleep(0.03)
"""

NOISE = """
import os, time
while True:
    os.write(1, b"x" * 100)
    time.sleep(0.0005)
"""


@contextmanager
def running(attempt: Path, code: str, *words: Path) -> Iterator[None]:
    environ = {**os.environ, "TRAINUI_METRICS_FILE": str(attempt / "metrics.jsonl")}
    command = [sys.executable, "-c", code, *map(str, words)]
    process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def wait_for(condition: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.05)


@pytest.mark.parametrize("is_seen_open", [True, False])
def test_the_writers_of_files_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_seen_open: bool
) -> None:
    if not is_seen_open:
        monkeypatch.setattr(WriterSamples, "_note_open", lambda *_args: None)
    monkeypatch.setattr(writer_samples, "BURST", 60.0)
    samples = WriterSamples()
    one, two = tmp_path / "one", tmp_path / "two"
    files = {one: tmp_path / "a.csv", two: tmp_path / "b.csv"}
    with running(one, WRITE, files[one]), running(two, WRITE, files[two]):
        samples.want(one, files.values(), [two])
        samples.want(two, files.values(), [one])
        expected = {one: {files[one]}, two: {files[two]}}
        wait_for(lambda: samples.written() == expected)
    samples.want(one, (), [])
    samples.want(two, (), [])
    thread = samples._thread
    assert thread is not None
    thread.join(60)
    assert not thread.is_alive()
    assert not samples._suspects


def test_a_process_that_has_ended_is_forgotten(tmp_path: Path) -> None:
    samples, attempt, file = WriterSamples(), tmp_path / "one", tmp_path / "m.csv"
    samples.want(attempt, [file], [])
    with running(attempt, WRITE, file):
        wait_for(lambda: bool(samples._seen))
    wait_for(lambda: not samples._seen)
    samples.want(attempt, (), [])


def test_a_process_that_writes_all_the_time_is_not_taken_for_the_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WriterSamples, "_note_open", lambda *_args: None)
    monkeypatch.setattr(writer_samples, "BURST", 60.0)
    samples = WriterSamples()
    noisy, file = tmp_path / "noisy", tmp_path / "m.csv"
    with running(noisy, NOISE), running(tmp_path / "stranger", WRITE, file):
        samples.want(noisy, [file], [])
        wait_for(lambda: file in samples._growths and samples._growths[file].times > 20)
        assert not samples.written()
        samples.want(noisy, (), [])


def test_a_file_is_an_attempts_if_coincidence_is_unlikely_and_no_other_could_write_it() -> None:
    one, two = Path("one"), Path("two")
    growth = Growth((1, 1), times=6, wrote=Counter({one: 6, two: 4}), rests=98)
    assert growth.is_by(one, [two])
    assert not growth.is_by(two, [one])
    growth.wrote[two] = 5
    assert not growth.is_by(one, [two])  # it could have written it, but for one time
    assert growth.is_by(one, [])
    growth.noise[one] = 50
    assert not growth.is_by(one, [])
    growth.noise[one], growth.unclear[one] = 0, 5
    assert not growth.is_by(one, [])


def spans(*times: float) -> list[tuple[float, float]]:
    return [(time - 0.002, time) for time in times]


def test_a_run_of_trackio_is_written_by_whom_opens_the_lock_after_its_batches() -> None:
    one, two = Path("one"), Path("two")
    batches = {"a": [10.0, 11.0, 12.0], "b": [10.3, 11.3, 12.02]}
    opened = {
        one: spans(0.0, 10.002, 10.03, 11.01),
        two: [*spans(10.31), (11.29, 11.35), *spans(12.03)],
    }
    assert trackio_batches.runs_of(one, opened, batches) == {"a"}
    assert trackio_batches.runs_of(two, opened, batches) == {"b"}
    assert not trackio_batches.runs_of(one, {one: spans(10.002)}, batches)
    late = {one: opened[one], two: spans(10.31)}
    expected = {one: {"a"}, two: {"b"}}
    assert trackio_batches.divide([one, two], {"a", "b"}, late, batches) == expected
    assert not trackio_batches.divide([one, two], {"a", "b", "c"}, late, batches)[two]
    wide = {one: [(9.9, 10.31), (10.99, 11.31)]}
    assert not trackio_batches.runs_of(one, wide, batches)
    both = {one: spans(10.001, 11.001), two: spans(12.001)}
    assert not trackio_batches.runs_of(one, both, {"a": batches["a"]})
