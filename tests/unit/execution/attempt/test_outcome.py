"""How an attempt's end is judged, with the files that a supervisor and a stage leave."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from trainui import paths
from trainui.execution.attempt import log_search
from trainui.execution.attempt import outcome as attempt_outcome
from trainui.execution.attempt.outcome import LostSupervisor
from trainui.model.definition import StageDefinition
from trainui.model.records import AttemptRecord, PruningReason
from trainui.model.states import Status
from trainui.pipeline.masking import Masker
from trainui.store.runs.attempts import Outcome
from trainui.supervisor.protocol import Exit, ExitReason

STARTED, ENDED = 1_000, 2_000


def ended(**fields: Any) -> Exit:
    found = Exit(
        exit_code=0,
        signal=None,
        reason=ExitReason.EXITED,
        message=None,
        signalled=False,
        started_at=STARTED,
        completed_at=ENDED,
        max_rss_bytes=None,
        oom_kill=False,
        left=(),
    )
    return replace(found, **fields)


def attempt_in(stage_dir: Path, number: int = 1, **fields: Any) -> AttemptRecord:
    """An attempt that started just now."""
    directory = paths.attempt_directory(stage_dir, number)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "started").touch()
    record = AttemptRecord(
        id=1,
        stage_id="s",
        number=number,
        status=Status.RUNNING,
        celery_task_id="t",
        directory=str(directory),
        slots=(),
        granted_at=0,
        started_at=STARTED,
        completed_at=None,
        exit_code=None,
        signal=None,
        error=None,
        pid=1,
        supervisor_pid=2,
        checkpoint=None,
        cancel_requested_at=None,
        metrics_complete=True,
    )
    return record._replace(**fields)


def judge(attempt: AttemptRecord, found: Exit, **fields: Any) -> tuple[Status, str | None]:
    definition = StageDefinition("a", command="true", **fields)
    outcome = attempt_outcome.of_exit(attempt, definition, found, Masker())
    return outcome.status, outcome.error


def log(attempt: AttemptRecord, text: str, name: str = "stderr.log") -> None:
    (Path(attempt.directory) / name).write_text(text)


def test_exit_code_0_completes(tmp_path: Path) -> None:
    definition = StageDefinition("a", command="true")
    outcome = attempt_outcome.of_exit(attempt_in(tmp_path), definition, ended(), Masker())
    assert (outcome.status, outcome.error) == (Status.COMPLETED, None)
    assert (outcome.started_at, outcome.completed_at, outcome.exit_code) == (STARTED, ENDED, 0)


@pytest.mark.parametrize(
    ("found", "first_line"),
    [
        (ended(exit_code=3), "exit code 3"),
        (ended(exit_code=137), "exit code 137 (killed by signal 9, KILL)"),
        (ended(exit_code=None, signal=9), "killed by signal 9 (KILL)"),
        (
            ended(exit_code=None, signal=9, oom_kill=True),
            "killed by the kernel: out of memory (signal 9)",
        ),
        (
            ended(exit_code=None, signal=9, oom_kill=True, max_rss_bytes=31_900_000_000),
            "killed by the kernel: out of memory (signal 9, largest process 31.9 GB)",
        ),
        (
            ended(exit_code=137, oom_kill=True),
            "killed by the kernel: out of memory (exit code 137)",
        ),
        (
            ended(exit_code=1, oom_kill=True, max_rss_bytes=2_000_000_000),
            "exit code 1, largest process 2 GB, just after the kernel killed a process of its "
            "control group: out of memory",
        ),
        (ended(exit_code=None, signal=15, oom_kill=True), "killed by signal 15 (TERM)"),
        (ended(reason=ExitReason.TIMEOUT, signalled=True), "timed out after 12h"),
        (ended(reason=ExitReason.SILENCE, signalled=True), "was silent for 1m30s"),
        (ended(signalled=True), "it got a stop signal while it was ending"),
    ],
)
def test_an_end_that_fails_is_put_into_words(tmp_path: Path, found: Exit, first_line: str) -> None:
    status, error = judge(attempt_in(tmp_path), found, timeout=12 * 3600.0, silence_timeout=90.0)
    assert (status, error) == (Status.FAILED, first_line)


def test_after_the_words_come_the_last_lines_of_the_log(tmp_path: Path) -> None:
    attempt = attempt_in(tmp_path)
    log(attempt, "".join(f"line {n}\n" for n in range(100)))
    log(attempt, "not this one", "stdout.log")
    _, error = judge(attempt, ended(exit_code=3))
    assert error is not None
    assert error.splitlines()[:3] == ["exit code 3", "", "line 80"]
    assert error.splitlines()[-1] == "line 99"
    log(attempt, "")
    assert judge(attempt, ended(exit_code=3))[1] == "exit code 3\n\nnot this one"


def test_an_exception_at_the_logs_end_comes_first(tmp_path: Path) -> None:
    attempt = attempt_in(tmp_path)
    trace = "Traceback (most recent call last):\n  File\nmy.pkg.LossError: loss is nan\n"
    log(attempt, trace)
    _, error = judge(attempt, ended(exit_code=1))
    assert error is not None
    assert error.splitlines()[0] == "exit code 1: my.pkg.LossError: loss is nan"


def test_the_traceback_of_the_cause_stands_before_a_launchers_report(tmp_path: Path) -> None:
    attempt = attempt_in(tmp_path)
    log(attempt, (Path(__file__).parent / "failed" / "torchrun.log").read_text())
    _, error = judge(attempt, ended(exit_code=1))
    lines = str(error).splitlines()
    said = "[rank1]: ValueError: loss is nan at step 12 (rank 1)"
    assert lines[:3] == [f"exit code 1: {said}", "", "[rank1]: Traceback (most recent call last):"]
    assert lines.index("...") == lines.index(said) + 1
    assert set(lines[-1]) == {"="}


@pytest.mark.parametrize("name", ["stderr.log", "stdout.log"])
@pytest.mark.parametrize(
    "line",
    [
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has",
        "[rank1]: torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB",
        "RuntimeError: CUDA error: out of memory",
        "RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "torch.OutOfMemoryError: HIP out of memory. Tried to allocate 1.00 GiB",
        "jaxlib.xla_extension.XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory allocating 8",
        "jax.errors.JaxRuntimeError: RESOURCE_EXHAUSTED: Failed to allocate request for 3.0GiB",
        "tensorflow.errors_impl.ResourceExhaustedError: OOM when allocating tensor",
    ],
)
def test_a_full_gpu_is_named(tmp_path: Path, name: str, line: str) -> None:
    attempt = attempt_in(tmp_path)
    # a launcher of several processes says much after it
    log(attempt, line + "\n" + "".join(f"rank {n} exitcode 1\n" for n in range(50)), name)
    if name == "stdout.log":
        log(attempt, "a warning\n")
    _, error = judge(attempt, ended(exit_code=1))
    assert error is not None
    assert error.splitlines()[0] == f"exit code 1: out of memory: {line}"


@pytest.mark.parametrize(
    "line", ["grpc error: RESOURCE_EXHAUSTED: quota exceeded", "CUDA error: device-side assert"]
)
def test_other_ends_are_not_called_lack_of_memory(tmp_path: Path, line: str) -> None:
    attempt = attempt_in(tmp_path)
    log(attempt, line + "\n")
    _, error = judge(attempt, ended(exit_code=1))
    assert error is not None
    assert "out of memory" not in error.splitlines()[0]


def test_an_attempt_that_could_not_start_says_why(tmp_path: Path) -> None:
    message = "cannot start 'foo' (searched on the stage's PATH): No such file or directory"
    found = ended(exit_code=None, reason=ExitReason.START_FAILED, message=message)
    outcome = attempt_outcome.of_exit(
        attempt_in(tmp_path), StageDefinition("a", command=("foo",)), found, Masker()
    )
    assert (outcome.status, outcome.error, outcome.started_at) == (Status.FAILED, message, None)


def test_a_cancelled_stage_is_cancelled_however_it_ended(tmp_path: Path) -> None:
    attempt = attempt_in(tmp_path, cancel_requested_at=ENDED - 1)
    for found in (
        ended(signalled=True, reason=ExitReason.STOPPED),
        ended(exit_code=None, signal=9, signalled=True, reason=ExitReason.STOPPED),
        ended(exit_code=3),
    ):
        assert judge(attempt, found)[0] == Status.CANCELLED


def test_an_end_before_the_cancel_counts_as_its_own(tmp_path: Path) -> None:
    attempt = attempt_in(tmp_path, cancel_requested_at=ENDED + 1)
    assert judge(attempt, ended())[0] == Status.COMPLETED


def test_a_pruned_stage_is_pruned_unless_completed_before_the_signal(tmp_path: Path) -> None:
    why = PruningReason(
        "median", "val/loss", 2000, 0.412, lower=True, rule="the median", limit=0.287, of=7
    )
    attempt = attempt_in(tmp_path, cancel_requested_at=ENDED - 1, pruning=why)
    words = "0.412 at step 2,000 is above the median 0.287 of 7"
    for found in (
        ended(signalled=True, reason=ExitReason.STOPPED),  # some trainers exit with 0 on SIGTERM
        ended(exit_code=None, signal=9, signalled=True, reason=ExitReason.STOPPED),
        ended(exit_code=3),
    ):
        assert judge(attempt, found) == (Status.PRUNED, words)
    assert judge(attempt, ended())[0] == Status.COMPLETED
    lost = lose(attempt)
    assert (lost.status, lost.error) == (Status.PRUNED, words)


def test_a_stage_that_stops_early_completes_unless_it_ended_itself(tmp_path: Path) -> None:
    why = "stopped early: loss has not improved"
    attempt = attempt_in(tmp_path, cancel_requested_at=ENDED - 1, stop_reason=why, stops_early=True)
    stopped = ended(exit_code=None, signal=15, signalled=True, reason=ExitReason.STOPPED)
    definition = StageDefinition("a", command="true", success="the end")
    for outcome in (
        attempt_outcome.of_exit(attempt, definition, stopped, Masker()),
        lose(attempt),
    ):
        assert (outcome.status, outcome.error, outcome.reason) == (Status.COMPLETED, None, why)
    status, error = judge(attempt, stopped, outputs=("model.pt",))
    assert (status, (error or "").startswith(why)) == (Status.FAILED, True)
    assert judge(attempt, ended()) == (Status.COMPLETED, None)
    assert judge(attempt, ended(exit_code=3))[0] == Status.FAILED
    unseen = attempt_outcome.of_unseen(attempt, "its records cannot be read", completed_at=ENDED)
    assert unseen.status == Status.INTERRUPTED


def test_a_used_budget_completes_with_its_outputs(tmp_path: Path) -> None:
    attempt, why = attempt_in(tmp_path), "stopped early: budget"
    used = ended(exit_code=None, signal=15, signalled=True, reason=ExitReason.BUDGET)
    definition = StageDefinition("a", command="true", success="the end", budget=1.0)
    for outcome in (
        attempt_outcome.of_exit(attempt, definition, used, Masker()),
        lose(attempt, ended_for=ExitReason.BUDGET),
    ):
        assert (outcome.status, outcome.error, outcome.reason) == (Status.COMPLETED, None, why)
    status, error = judge(attempt, used, outputs=("model.pt",))
    assert (status, (error or "").startswith(why)) == (Status.FAILED, True)
    asked = attempt_in(tmp_path, cancel_requested_at=ENDED - 1)
    assert judge(asked, used)[0] == Status.CANCELLED


def test_a_task_within_its_budget_keeps_its_result(tmp_path: Path) -> None:
    attempt = attempt_in(tmp_path)
    (Path(attempt.directory) / "result.json").write_text('{"ok": true, "result": {"loss": 1}}')
    definition = StageDefinition("a", task="m.f", budget=1.0)
    used = ended(signalled=True, reason=ExitReason.BUDGET)
    outcome = attempt_outcome.of_exit(attempt, definition, used, Masker())
    assert (outcome.status, outcome.result) == (Status.COMPLETED, {"loss": 1})


def test_a_stop_that_no_person_asked_for_is_an_interruption(tmp_path: Path) -> None:
    found = ended(signalled=True, reason=ExitReason.STOPPED)
    status, error = judge(attempt_in(tmp_path), found)
    assert status == Status.INTERRUPTED
    assert error is not None
    assert "shut down" in error


def test_a_lost_attempt_is_interrupted_or_was_cancelled(tmp_path: Path) -> None:
    attempt = attempt_in(tmp_path)
    outcome = lose(attempt)
    assert (outcome.status, outcome.error) == (
        Status.INTERRUPTED,
        "ended while its supervisor was not running, so how it ended is unknown",
    )
    outcome = lose(attempt, ended_for=ExitReason.TIMEOUT)
    assert (outcome.status, outcome.error) == (Status.FAILED, "timed out after 1m30s")
    attempt = attempt._replace(cancel_requested_at=1)
    assert lose(attempt, ended_for=ExitReason.TIMEOUT).status == Status.CANCELLED


def lose(attempt: AttemptRecord, **loss: Any) -> Outcome:
    definition = StageDefinition("a", timeout=90)
    return attempt_outcome.of_lost(
        attempt, definition, LostSupervisor(**loss), started_at=STARTED, completed_at=ENDED
    )


def test_a_lost_attempt_ends_no_earlier_than_it_started(tmp_path: Path) -> None:
    """Its end is known from its files, whose times are coarser than a clock's."""
    outcome = attempt_outcome.of_lost(
        attempt_in(tmp_path),
        StageDefinition("a"),
        LostSupervisor(),
        started_at=STARTED,
        completed_at=STARTED - 400,
    )
    assert outcome.completed_at == STARTED


def test_outputs_must_be_there_not_empty_and_of_this_attempt(tmp_path: Path) -> None:
    output = tmp_path / "data.npz"
    output.write_text("x")
    age(output)
    attempt = attempt_in(tmp_path)
    wanted = ("data.npz",)

    missing = f"output other.npz is missing: searched in {tmp_path}, /work"
    assert judge(attempt, ended(), outputs=("other.npz",), workdir="/work") == (
        Status.FAILED,
        missing,
    )
    output.write_text("")
    assert judge(attempt, ended(), outputs=wanted)[1] == "output data.npz is empty"
    output.write_text("new")
    assert judge(attempt, ended(), outputs=wanted)[0] == Status.COMPLETED
    wait_a_moment(attempt, output)
    assert (
        judge(attempt, ended(), outputs=wanted)[1] == "output data.npz is older than this attempt"
    )


def age(path: Path) -> None:
    os.utime(path, (1, 1))


def wait_a_moment(attempt: AttemptRecord, *outputs: Path) -> None:
    """Let the attempt have started after all of these were written."""
    started = Path(attempt.directory) / "started"
    last = max(max(path.stat().st_mtime_ns, path.stat().st_ctime_ns) for path in outputs)
    os.utime(started, ns=(last + 1, last + 1))


def test_an_output_moved_into_place_is_new_whatever_its_time(tmp_path: Path) -> None:
    attempt = attempt_in(tmp_path)
    made = tmp_path / "tmp.npz"
    made.write_text("x")
    age(made)
    made.rename(tmp_path / "data.npz")
    assert judge(attempt, ended(), outputs=("data.npz",))[0] == Status.COMPLETED


def test_of_a_glob_one_new_output_is_enough(tmp_path: Path) -> None:
    old, new = tmp_path / "ckpt-1", tmp_path / "ckpt-2"
    old.write_text("x")
    attempt = attempt_in(tmp_path)
    wait_a_moment(attempt, old)
    assert judge(attempt, ended(), outputs=("ckpt-*",))[1] == (
        "output ckpt-* is older than this attempt"
    )
    new.write_text("x")
    assert judge(attempt, ended(), outputs=("ckpt-*",))[0] == Status.COMPLETED


def test_a_name_like_a_glob_is_taken_literally(tmp_path: Path) -> None:
    attempt = attempt_in(tmp_path)
    (tmp_path / "out[1].txt").write_text("x")
    assert judge(attempt, ended(), outputs=("out[1].txt",))[0] == Status.COMPLETED


def test_a_directory_as_output_contains_something_new(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    attempt = attempt_in(tmp_path)
    assert judge(attempt, ended(), outputs=("model",))[1] == "output model is empty"
    weights = model / "deep" / "weights"
    weights.parent.mkdir()
    weights.write_text("x")
    wait_a_moment(attempt, model, weights.parent, weights)
    assert judge(attempt, ended(), outputs=("model",))[1] == (
        "output model is older than this attempt"
    )
    weights.write_text("again")
    assert judge(attempt, ended(), outputs=("model",))[0] == Status.COMPLETED


def test_after_a_checkpoint_what_an_earlier_attempt_made_counts(tmp_path: Path) -> None:
    stranger, best = tmp_path / "stranger", tmp_path / "best.npz"
    stranger.write_text("x")
    first = attempt_in(tmp_path)
    wait_a_moment(first, stranger)
    best.write_text("x")
    second = attempt_in(tmp_path, 2)
    wait_a_moment(second, best)
    old = "is older than this attempt"
    assert judge(second, ended(), outputs=("best.npz",))[1] == f"output best.npz {old}"
    continued = second._replace(checkpoint="ckpt-1")
    assert judge(continued, ended(), outputs=("best.npz",))[0] == Status.COMPLETED
    assert judge(continued, ended(), outputs=("stranger",))[1] == f"output stranger {old}"


def test_the_pattern_of_success_must_be_in_a_log(tmp_path: Path) -> None:
    attempt = attempt_in(tmp_path)
    status, error = judge(attempt, ended(), success="^training done")
    assert status == Status.FAILED
    assert error == ("success pattern not found in the output: ^training done")
    log(attempt, "almost: training done\n", "stdout.log")
    assert judge(attempt, ended(), success="^training done")[0] == Status.FAILED
    log(attempt, "50%\rtraining done in 3 s\n")
    assert judge(attempt, ended(), success="^training done")[0] == Status.COMPLETED


def test_a_success_pattern_that_backtracks_forever_fails_the_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_search, "SECONDS", 0.1)
    attempt = attempt_in(tmp_path)
    log(attempt, "a" * 60 + "b\n")
    status, error = judge(attempt, ended(), success="^(a+)+$")
    assert (status, error) == (
        Status.FAILED,
        "the output cannot be searched for `success`: it takes more than 0.1 s for some lines of "
        "the output; make it simpler: a repetition inside a repetition is the usual cause",
    )


def test_a_task_gives_its_result_or_its_error(tmp_path: Path) -> None:
    attempt = attempt_in(tmp_path)
    definition = StageDefinition("a", task="m.f")
    result = Path(attempt.directory) / "result.json"

    assert attempt_outcome.of_exit(attempt, definition, ended(), Masker()).error == (
        "the task m.f ended the process before it returned"
    )
    result.write_text(json.dumps({"ok": True, "result": {"accuracy": 0.9}}))
    outcome = attempt_outcome.of_exit(attempt, definition, ended(), Masker())
    assert (outcome.status, outcome.result) == (Status.COMPLETED, {"accuracy": 0.9})
    result.write_text(json.dumps({"ok": False, "error": "ValueError: no\n\nTraceback"}))
    outcome = attempt_outcome.of_exit(attempt, definition, ended(exit_code=1), Masker())
    assert (outcome.status, outcome.error) == (Status.FAILED, "ValueError: no\n\nTraceback")
    assert outcome.result is None
