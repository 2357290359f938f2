"""Why an attempt failed, found in what libraries, launchers and shells really print.

`causes/NAME.case`: on the first line the end, the accepted causes (none: nothing shows it), the
line that shows it and the place in the user's code; then stderr and stdout.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from tests.security.another_user import NOBODY, needs_root
from trainui.execution.attempt import cause
from trainui.execution.attempt.cause import Ending
from trainui.pipeline.masking import Masker
from trainui.plugin import FoundCause
from trainui.plugins.causes.catalogue import KNOWN

CASES = sorted((Path(__file__).parent / "causes").glob("*.case"))


def read(case: Path) -> tuple[dict[str, Any], str, str]:
    """Return what is known about a case, its stderr and its stdout."""
    head, _, rest = case.read_text(encoding="utf-8").partition("\n--- stderr\n")
    stderr, _, stdout = rest.partition("\n--- stdout\n")
    return json.loads(head), stderr, stdout


def found(directory: Path, stderr: str = "", stdout: str = "", **end: Any) -> FoundCause | None:
    (directory / "stderr.log").write_text(stderr, encoding="utf-8")
    (directory / "stdout.log").write_text(stdout, encoding="utf-8")
    return cause.find(directory, Ending(**end or {"exit_code": 1}), Masker())


def differences(case: Path, directory: Path) -> Iterator[str]:
    """Yield in what the cause found differs from the one that is right."""
    about, stderr, stdout = read(case)
    end = {name: about[name] for name in ("exit_code", "signal", "command") if name in about}
    got = found(directory, stderr, stdout, **end)
    if got is None:
        if about["accepted"] and None not in about["accepted"]:
            yield f"nothing for {about['accepted']}"
        return
    if got.id not in about["accepted"]:
        yield f"{got.id} for {about['accepted']}: {got.evidence}"
    where = about.get("where")
    if where and not f"/{got.file}:{got.line}".endswith(f"/{where}"):
        yield f"in {got.file}:{got.line} instead of {where}"
    lines = [line for line in (about.get("evidence"), *about.get("evidence_also", ())) if line]
    if lines and not any(
        line.strip()[:60] in got.evidence or got.evidence[:60] in line for line in lines
    ):
        yield f"shown by {got.evidence!r} instead of {lines[0]!r}"


def test_failed_trainings_have_their_cause_line_and_place(tmp_path: Path) -> None:
    wrong = {case.stem: [*differences(case, tmp_path)] for case in CASES}
    assert len(CASES) > 550
    assert {name: how for name, how in wrong.items() if how} == {}


def test_a_harmless_line_before_others_is_no_cause(tmp_path: Path) -> None:
    lines = (CASES[0].parent / "harmless.txt").read_text(encoding="utf-8").splitlines()
    got = {line: found(tmp_path, f"{line}\nloading model\nready\n") for line in lines}
    assert {line: one.id for line, one in got.items() if one is not None} == {}
    failed = 'Traceback (most recent call last):\n  File "a.py", line 3, in f\n    assert x\n'
    got = {line: found(tmp_path, f"{line}\n{failed}AssertionError\n") for line in lines}
    assert {one.id for one in got.values() if one is not None} == {"user_assertion"}


def test_exceptions_of_libraries_have_their_cause(tmp_path: Path) -> None:
    lines = (CASES[0].parent / "exceptions.jsonl").read_text(encoding="utf-8").splitlines()
    got = [(json.loads(line), found(tmp_path, json.loads(line)["stderr"])) for line in lines]
    wrong = [(one.id if one else None, case) for case, one in got]
    assert [(id_, case) for id_, case in wrong if id_ not in case["accepted"]] == []


def test_every_known_cause_has_a_rule() -> None:
    assert {one.id for one in cause.rules()} == set(KNOWN)
    assert all(re.compile(one.pattern) for one in cause.rules())


@pytest.mark.parametrize(
    ("below", "expected"),
    [
        ("", "data_key_missing"),
        ("wandb: run finished\n", "data_key_missing"),
        ("Epoch 4 loss 0.31\n", None),
        ("retrying with another sample\n", None),
        ("line\n" * 41, None),
    ],
)
def test_an_exception_that_was_survived_is_no_cause(
    tmp_path: Path, below: str, expected: str | None
) -> None:
    text = "Traceback (most recent call last):\n  File \"a.py\", line 3, in f\n    d['y']\n"
    got = found(tmp_path, f"{text}KeyError: 'y'\n{below}")
    assert (got and got.id) == expected


def test_a_huge_logs_beginning_and_end_are_read(tmp_path: Path) -> None:
    above = "Loss.cu:245: kernel: block: [0,0,0] Assertion `t >= 0 && t < n_classes` failed.\n"
    text = 'Traceback (most recent call last):\n  File "a.py", line 3, in f\n    x.item()\n'
    with (tmp_path / "stderr.log").open("w") as log:
        log.write(above)
        log.seek(2 << 30)  # a hole: two gigabytes that take no space
        log.write(f"{text}RuntimeError: CUDA error: device-side assert triggered\n")
    got = found_in(tmp_path)
    assert (got.id, got.file, got.line) == ("label_out_of_range", "a.py", 3)
    assert got.evidence == above.strip()


def found_in(directory: Path) -> FoundCause:
    (directory / "stdout.log").touch()
    got = cause.find(directory, Ending(exit_code=1), Masker())
    assert got is not None
    return got


@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe" * 100_000, None])
def test_binary_empty_and_missing_logs_have_no_cause(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "stderr.log").write_bytes(content)
    assert cause.find(tmp_path, Ending(exit_code=1), Masker()) is None


@needs_root
def test_another_users_log_is_no_cause_and_no_error(tmp_path: Path) -> None:
    assert found(tmp_path, "ModuleNotFoundError: No module named 'x'\n") is not None
    (tmp_path / "stderr.log").chmod(0o600)
    answer, answers = get_context("fork").Pipe(duplex=False)

    def as_nobody() -> None:
        os.setgroups([])
        os.setuid(NOBODY)
        answers.send(cause.find(tmp_path, Ending(exit_code=1), Masker()))

    child = get_context("fork").Process(target=as_nobody)
    child.start()
    assert answer.poll(30)
    assert answer.recv() is None
    child.join()


def test_a_fifo_in_the_place_of_a_log_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "stderr.log")
    (tmp_path / "stdout.log").touch()
    assert cause.find(tmp_path, Ending(exit_code=1), Masker()) is None


def test_an_array_that_is_too_large_is_no_kill_and_says_its_size(tmp_path: Path) -> None:
    said = (
        "numpy._core._exceptions._ArrayMemoryError: Unable to allocate 7.28 TiB for an array with "
        "shape (1000000, 1000000) and data type float64"
    )
    why = found(tmp_path, f'Traceback (most recent call last):\n  File "/u/a.py", line 3\n{said}\n')
    assert why is not None
    assert (why.id, why.evidence) == ("host_oom", said)
    assert "7.28 TiB" in why.text
    assert "kernel" not in why.text


def test_time_for_choosing_is_limited(tmp_path: Path) -> None:
    (tmp_path / "stderr.log").write_text(("error: cannot " * 140 + "\n") * 500)
    logs = [cause.Log.of((tmp_path / "stderr.log").read_text().split("\n"))]
    assert cause.choose(logs, Ending(exit_code=1), cause.rules(), until=0) is None


def test_secrets_in_what_is_quoted_are_masked(tmp_path: Path) -> None:
    (tmp_path / "stdout.log").touch()
    (tmp_path / "stderr.log").write_text(
        'Traceback (most recent call last):\n  File "a.py", line 3, in f\n    open(p)\n'
        "FileNotFoundError: [Errno 2] No such file or directory: '/data/hunter2-secret'\n"
    )
    got = cause.find(tmp_path, Ending(exit_code=1), Masker(["hunter2-secret"]))
    assert got is not None
    assert "hunter2" not in got.evidence + got.text


def test_a_kill_that_the_kernel_counted_is_no_guess(tmp_path: Path) -> None:
    silent = found(tmp_path, signal=9)
    counted = found(tmp_path, signal=9, oom_kill=True)
    line = "Out of memory: Killed process 17 (python)"
    recorded = found(tmp_path, exit_code=137, kernel_line=line)
    assert silent
    assert counted
    assert recorded
    assert {silent.id, counted.id, recorded.id} == {"host_oom"}
    assert silent.text != counted.text
    assert recorded.evidence == line


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (("5000000 0 200", "9000000 40 200"), None),  # the training ran on for seconds
        (("5000000 40 0", "9000000 40 200"), "data_key_missing"),
        (("5000000 0 200", "6000000 40 200"), "data_key_missing"),  # both at the end
        (("damaged", ""), "data_key_missing"),
    ],
)
def test_progress_on_stdout_seconds_after_an_error_means_it_was_survived(
    tmp_path: Path, times: tuple[str, ...], expected: str | None
) -> None:
    text = "Traceback (most recent call last):\n  File \"a.py\", line 3, in f\n    d['y']\n"
    (tmp_path / "times.log").write_text("1000000 0 0\n" + "\n".join(times) + "\n")
    got = found(tmp_path, f"{text}KeyError: 'y'\n", "step 7 loss 0.4\n" * 3)
    assert (got and got.id) == expected
    got = found(tmp_path, "error: ModuleNotFoundError: y\n", "step 7 loss 0.4\n" * 3)
    assert got is None or expected is not None
