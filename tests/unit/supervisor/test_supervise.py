"""What the supervisor does to the process it runs, and what it records of its end."""

from __future__ import annotations

import ast
import contextlib
import errno
import fcntl
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.supervisor.conftest import Stage
from tests.unit.supervisor.launching import launch
from tests.unit.supervisor.test_call_task import old_python
from tests.unit.supervisor.waiting import (
    growth_times,
    is_alive,
    read_pid,
    wait_for,
    wait_for_death,
    wait_for_exit,
)
from trainui.plugin.backends import LaunchAnswer
from trainui.supervisor import supervise
from trainui.supervisor.process import request_stop
from trainui.supervisor.protocol import (
    EXIT_FILE,
    LOCK_FILE,
    SPEC_FILE,
    ExitReason,
    Pids,
    read_pids,
    written_files,
)

STUBBORN = "trap '' TERM; echo $$ > {0}.part; mv {0}.part {0}; while :; do sleep 0.05; done"
WILLING = "echo $$ > {0}.part; mv {0}.part {0}; exec sleep 60"


def in_own_session(script: str) -> str:
    return f"""setsid sh -c "{script.replace("$", chr(92) + "$")}" &"""


def pids_of(stage: Stage) -> Pids:
    pids = read_pids(stage.dir)
    assert pids
    return pids


IMMORTAL = """
import os, sys
sys.path.insert(0, sys.argv.pop(1))
import supervise
supervise.KILL_WAIT = 0.2
supervise.Attempt.send = lambda *_: None  # as of a process that is stuck in the kernel
reader, writer = os.pipe()
supervise.fork_supervisor(sys.argv[1], writer)
assert os.read(reader, 1)[0] == supervise.STARTED
"""


def test_a_process_that_survives_sigkill_is_recorded_as_left(stage: Stage) -> None:
    spec = stage.spec("echo $$ > pid; exec sleep 60", grace=0.1)
    (stage.dir / SPEC_FILE).write_text(spec.to_json())
    room = Path(supervise.__file__).parent
    subprocess.run([sys.executable, "-c", IMMORTAL, room, stage.dir], check=True)
    pid = read_pid(stage.work / "pid")
    assert request_stop(stage.dir)
    assert wait_for_exit(stage.dir).left == (pid,)


def test_an_attempt_that_cannot_begin_is_free_when_known(stage: Stage) -> None:
    (stage.dir / SPEC_FILE).write_text('{"version": 0}')
    with pytest.raises(ValueError, match="version 0"):
        supervise.begin(str(stage.dir))
    with (stage.dir / LOCK_FILE).open("r+b") as lock:
        assert supervise.try_lock(lock.fileno())
    (stage.dir / SPEC_FILE).unlink()


@pytest.mark.parametrize("code", [0, 3, 255])
def test_an_exit_code_is_recorded(stage: Stage, code: int) -> None:
    assert stage.launch(f"exit {code}").state is LaunchAnswer.STARTED
    end = wait_for_exit(stage.dir)
    assert (end.exit_code, end.signal, end.reason) == (code, None, ExitReason.EXITED)
    assert (end.signalled, end.message, end.left, end.oom_kill) == (False, None, (), False)
    assert end.started_at <= end.completed_at
    assert end.max_rss_bytes
    assert (stage.dir / "supervisor.log").read_text() == ""


def test_a_death_by_signal_is_recorded(stage: Stage) -> None:
    stage.launch("kill -SEGV $$")
    end = wait_for_exit(stage.dir)
    assert (end.exit_code, end.signal, end.reason) == (None, signal.SIGSEGV, ExitReason.EXITED)
    assert not end.signalled


def test_output_goes_to_two_files(stage: Stage) -> None:
    stage.launch("echo one; echo two >&2; cat; echo three")
    wait_for_exit(stage.dir)
    assert stage.out == "one\nthree\n"
    assert (stage.dir / "stderr.log").read_text() == "two\n"


def test_the_files_that_its_processes_write_are_noted(stage: Stage) -> None:
    """Also of a process in another session; not those that are only read, nor our own logs."""
    (stage.work / "read").touch()
    hidden = "exec 3>hidden.csv; exec sleep 60"
    stage.launch(f"{in_own_session(hidden)} exec 3>>'a b.jsonl' 4<read; exec sleep 60")
    expected = {stage.work / "a b.jsonl", stage.work / "hidden.csv"}
    wait_for(lambda: expected <= set(written_files(stage.dir)))
    assert set(written_files(stage.dir)) == expected


def test_a_stop_ends_even_resisting_and_hidden_processes(stage: Stage) -> None:
    hidden, resisting = stage.work / "hidden", stage.work / "resisting"
    stage.launch(
        f"{in_own_session(WILLING.format('hidden'))}"
        f"{in_own_session(STUBBORN.format('resisting'))}"
        f"{STUBBORN.format('main')}",
        grace=0.3,
    )
    pids = [read_pid(path) for path in (hidden, resisting, stage.work / "main")]
    assert request_stop(stage.dir)
    request_stop(stage.dir)
    end = wait_for_exit(stage.dir)
    assert not [pid for pid in pids if is_alive(pid)]
    assert (end.reason, end.signal, end.signalled) == (ExitReason.STOPPED, signal.SIGKILL, True)
    assert end.left == ()


def test_a_stopped_process_exiting_0_was_signalled_all_the_same(stage: Stage) -> None:
    stage.launch(
        "trap 'echo saved; exit 0' INT; echo $$ > main; while :; do sleep 0.02; done",
        stop_signal="INT",
    )
    read_pid(stage.work / "main")
    assert request_stop(stage.dir)
    end = wait_for_exit(stage.dir)
    assert (end.exit_code, end.reason, end.signalled) == (0, ExitReason.STOPPED, True)
    assert stage.out == "saved\n"


def test_a_suspended_process_can_be_stopped(stage: Stage) -> None:
    stage.launch("exec sleep 60")
    os.kill(pids_of(stage).pid, signal.SIGSTOP)
    assert request_stop(stage.dir)
    assert wait_for_exit(stage.dir).signal == signal.SIGTERM


def test_leftover_processes_are_ended_without_counting_as_signalled(
    stage: Stage,
) -> None:
    stage.launch(
        f"{in_own_session(WILLING.format('hidden'))}"
        f"{in_own_session(STUBBORN.format('resisting'))}"
        "while ! [ -e hidden ] || ! [ -e resisting ]; do sleep 0.01; done",
        grace=0.2,
    )
    end = wait_for_exit(stage.dir)
    assert not is_alive(read_pid(stage.work / "hidden"))
    assert not is_alive(read_pid(stage.work / "resisting"))
    assert (end.exit_code, end.reason, end.signalled) == (0, ExitReason.EXITED, False)


def test_a_writer_that_outlives_its_shell_by_a_moment_finishes(stage: Stage) -> None:
    stage.launch("(sleep 0.05; echo late) &")
    assert wait_for_exit(stage.dir).exit_code == 0
    assert stage.out == "late\n"


def test_a_timeout_ends_the_process(stage: Stage) -> None:
    stage.launch("exec sleep 60", timeout=0.2)
    end = wait_for_exit(stage.dir)
    assert (end.reason, end.signal, end.signalled) == (ExitReason.TIMEOUT, signal.SIGTERM, True)
    assert 200_000 <= end.completed_at - end.started_at < 60_000_000


def test_a_budget_ends_the_process(stage: Stage) -> None:
    stage.launch("trap 'exit 3' TERM; sleep 60 & wait", budget=0.2, timeout=30.0)
    end = wait_for_exit(stage.dir)
    assert (end.reason, end.exit_code, end.signalled) == (ExitReason.BUDGET, 3, True)


def test_silence_ends_the_process(stage: Stage) -> None:
    stage.launch("echo hello; exec sleep 60", silence_timeout=0.3)
    end = wait_for_exit(stage.dir)
    assert (end.reason, end.signal) == (ExitReason.SILENCE, signal.SIGTERM)


def test_a_process_that_writes_is_not_silent(stage: Stage) -> None:
    stage.launch("for i in $(seq 11); do sleep 0.5; echo $i >&2; done", silence_timeout=5.0)
    assert wait_for_exit(stage.dir).reason is ExitReason.EXITED


def test_the_end_is_the_processs_and_not_its_childrens(stage: Stage) -> None:
    stage.launch("sleep 60 & exit 0")  # which gets half a second, and then the stop signal
    end = wait_for_exit(stage.dir)
    recorded_at = (stage.dir / EXIT_FILE).stat().st_mtime_ns // 1000
    assert recorded_at - end.completed_at > 400_000


def test_a_pause_of_everything_is_no_silence(stage: Stage) -> None:
    """As that of a container or a virtual machine: the supervisor may run first afterwards."""
    stage.launch("echo hello; while ! [ -e go ]; do sleep 0.05; done", silence_timeout=8.0)
    pids = pids_of(stage)
    wait_for(lambda: growth_times(stage.dir), "a look of the supervisor")
    os.kill(pids.supervisor_pid, signal.SIGSTOP)
    os.killpg(pids.pid, signal.SIGSTOP)
    paused_at = time.monotonic()
    wait_for(lambda: time.monotonic() - paused_at > 9)
    status = Path(f"/proc/{pids.supervisor_pid}/status")
    before = switches(status)
    os.kill(pids.supervisor_pid, signal.SIGCONT)
    wait_for(lambda: switches(status) > before + 1, "another look")
    os.killpg(pids.pid, signal.SIGCONT)
    (stage.work / "go").touch()
    assert wait_for_exit(stage.dir).reason is ExitReason.EXITED


def switches(status: Path) -> int:
    """How often a process has waited for something."""
    return int(re.findall(r"^voluntary_ctxt_switches:\s*(\d+)", status.read_text(), re.M)[0])


def test_a_hangup_and_an_interrupt_do_not_end_the_supervisor(stage: Stage) -> None:
    stage.launch("while ! [ -e go ]; do sleep 0.01; done; exit 4")
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1):
        os.kill(pids_of(stage).supervisor_pid, number)
    (stage.work / "go").touch()
    end = wait_for_exit(stage.dir)
    assert (end.exit_code, end.reason) == (4, ExitReason.EXITED)


LOOK_AROUND = """
import json, os, sys
status = dict(l.split(":", 1) for l in open("/proc/self/status").read().splitlines())
mask = os.umask(0)
print(json.dumps({
    "env": {k.decode(): v.decode() for k, v in os.environb.items()}, "umask": mask,
    "blocked": int(status["SigBlk"], 16), "ignored": int(status["SigIgn"], 16),
    "leads": os.getpid() == os.getsid(0) == os.getpgid(0), "stdin": os.readlink("/proc/self/fd/0"),
    "stdout": os.readlink("/proc/self/fd/1"), "oom": int(open("/proc/self/oom_score_adj").read()),
    "open": [fd for fd in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + fd)],
    "cwd": os.getcwd()}))
"""


def look_around(stage: Stage, **fields: object) -> dict[str, object]:
    env = {**stage.env, "LC_ALL": "C.UTF-8"}  # else Python itself adds LC_CTYPE
    stage.launch([sys.executable, "-c", LOOK_AROUND], env=env, **fields)
    wait_for_exit(stage.dir)
    seen: dict[str, object] = json.loads(stage.out)
    return seen


def test_the_process_starts_clean(stage: Stage) -> None:
    by_python_itself = (1 << signal.SIGPIPE - 1) | (1 << signal.SIGXFSZ - 1)
    seen = look_around(stage, umask=0o027)
    assert seen == {
        "env": {**stage.env, "LC_ALL": "C.UTF-8"},
        "umask": 0o027,
        "blocked": 0,
        "ignored": by_python_itself,
        "leads": True,
        "stdin": "/dev/null",
        "stdout": str(stage.dir / "stdout.log"),
        "oom": 500,
        "open": ["0", "1", "2"],
        "cwd": str(stage.work),
    }


LIMITS = """
import json, os, resource
kinds = (resource.RLIMIT_NOFILE, resource.RLIMIT_CORE, resource.RLIMIT_AS)
print(json.dumps([sorted(os.sched_getaffinity(0)), os.getpriority(os.PRIO_PROCESS, 0),
    *map(resource.getrlimit, kinds)]))
"""


def test_the_process_has_the_limits_that_are_asked_for(stage: Stage) -> None:
    cpu, size = max(os.sched_getaffinity(0)), 1 << 40
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    limits = {"NOFILE": (hard, hard), "CORE": (0, -1), "AS": (size, size), "FOREIGN": (1, 1)}
    own = os.getpriority(os.PRIO_PROCESS, 0)
    asked = {"cpus": [cpu], "nice": own + 1, "limits": limits}
    stage.launch([sys.executable, "-c", LIMITS], limits=asked)
    wait_for_exit(stage.dir)
    core = [0, resource.getrlimit(resource.RLIMIT_CORE)[1]]
    assert json.loads(stage.out) == [[cpu], own + 1, [hard, hard], core, [size, size]]


REFUSED = f"""
import sys
sys.path.insert(0, {str(Path(supervise.__file__).parent)!r})
import os, resource, supervise
resource.setrlimit(resource.RLIMIT_CORE, (0, 7))
if os.getuid() == 0:
    os.setuid(65534)
before = os.sched_getaffinity(0), os.getpriority(os.PRIO_PROCESS, 0)
supervise.set_limits([10**5], before[1] - 1, {{"CORE": [-1, -1], "NOFILE": [9, -1]}})
assert before == (os.sched_getaffinity(0), os.getpriority(os.PRIO_PROCESS, 0))
print(resource.getrlimit(resource.RLIMIT_CORE), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


def test_forbidden_limits_are_set_as_far_as_possible() -> None:
    """As if the worker was started in a shell with lower ones."""
    done = subprocess.run([sys.executable, "-c", REFUSED], capture_output=True, text=True)
    assert done.stdout == "(7, 7) 9\n", done.stderr


def test_bytes_that_are_no_text_reach_the_environment(stage: Stage) -> None:
    stage.launch(
        'printf %s "$ODD"', env={**stage.env, "ODD": b"\xff\xe9".decode("utf-8", "surrogateescape")}
    )
    wait_for_exit(stage.dir)
    assert (stage.dir / "stdout.log").read_bytes() == b"\xff\xe9"


def test_our_files_are_private_whatever_the_umask(stage: Stage) -> None:
    before = os.umask(0)
    try:
        stage.launch("umask; touch made", umask=0o002)
    finally:
        os.umask(before)
    wait_for_exit(stage.dir)
    modes = {path.name: path.stat().st_mode & 0o777 for path in stage.dir.iterdir()}
    assert set(modes.values()) == {0o600}
    assert set(modes) == {
        *("spec.json", "lock", "started", "stdout.log", "stderr.log", "pid.json"),
        *("times.log", "exit.json", "supervisor.log"),
    }
    assert (stage.work / "made").stat().st_mode & 0o777 == 0o664


def test_the_journal_records_when_the_logs_grew(stage: Stage) -> None:
    stage.launch("echo one; until [ -e noted ]; do sleep 0.01; done; echo two >&2")
    wait_for(lambda: growth_times(stage.dir), "the first line's time")
    (stage.work / "noted").touch()
    end = wait_for_exit(stage.dir)
    times = growth_times(stage.dir)
    assert [entry[1:] for entry in times] == [(4, 0), (4, 4)]
    assert end.started_at <= times[0][0] < times[1][0]


def test_a_journal_line_that_does_not_fit_leaves_no_part(tmp_path: Path) -> None:
    logs = supervise.Logs(str(tmp_path))
    os.write(logs.outputs[0], b"one")
    logs.poll(0.0, last=True)
    journal = tmp_path / "times.log"
    whole = journal.read_bytes()
    os.write(logs.outputs[0], b"two")
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 5, unlimited[1]))
    try:
        logs.poll(1.0, last=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    assert journal.read_bytes() == whole
    logs.poll(2.0, last=True)
    assert [entry[1:] for entry in growth_times(tmp_path)] == [(3, 0), (6, 0)]


@pytest.mark.parametrize(
    ("fields", "message", "number"),
    [
        ({"command": ["no-such"]}, "cannot start 'no-such' (searched on the", errno.ENOENT),
        ({"command": ["/no/such"]}, "cannot start '/no/such': No such file", errno.ENOENT),
        ({"command": ["/etc/passwd"]}, "cannot start '/etc/passwd': Permission", errno.EACCES),
        ({"command": "true", "cwd": "/no/such"}, "cannot enter the working", errno.ENOENT),
        ({"command": []}, "cannot set up the process", 0),
    ],
)
def test_a_failed_start_says_why(
    stage: Stage, fields: dict[str, object], message: str, number: int
) -> None:
    result = stage.launch(**fields)  # type: ignore[arg-type]
    assert result.state is LaunchAnswer.FAILED
    assert message in result.message
    end = wait_for_exit(stage.dir)
    assert (end.reason, end.message) == (ExitReason.START_FAILED, result.message)
    assert (end.errno, result.errno) == (number, number)
    assert (end.exit_code, end.signal, end.max_rss_bytes) == (None, None, None)


def test_an_unknown_stop_signal_starts_nothing_and_spends_nothing(stage: Stage) -> None:
    result = stage.launch("true", stop_signal="NOPE")
    assert result.state is LaunchAnswer.BROKEN
    assert "SIGNOPE" in result.message
    assert stage.launch("true").state is LaunchAnswer.STARTED


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "gpu-0.lock"


def is_locked(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def test_a_held_lock_prevents_the_start(stage: Stage, lock: Path) -> None:
    with lock.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        result = stage.launch("touch ran", locks=(str(lock),))
    assert result.state is LaunchAnswer.FAILED
    end = wait_for_exit(stage.dir)
    assert (end.reason, end.message) == (ExitReason.LOCK_HELD, f"another process has locked {lock}")
    assert not (stage.work / "ran").exists()


def test_a_fifo_as_lock_prevents_the_start_without_waiting(stage: Stage, lock: Path) -> None:
    os.mkfifo(lock)
    assert stage.launch("touch ran", locks=(str(lock),)).state is LaunchAnswer.FAILED
    end = wait_for_exit(stage.dir)
    message = f"cannot open the lock {lock}: not a file with one name"
    assert (end.reason, end.message) == (ExitReason.LOCK_HELD, message)
    assert not (stage.work / "ran").exists()


def test_a_lock_is_kept_during_the_attempt_and_free_after(stage: Stage, lock: Path) -> None:
    stage.launch("exec sleep 60", locks=(str(lock),))
    assert is_locked(lock)
    assert lock.stat().st_mode & 0o777 == 0o666
    request_stop(stage.dir)
    wait_for_exit(stage.dir)
    assert not is_locked(lock)


def test_a_lock_outlives_the_supervisor_with_the_process(stage: Stage, lock: Path) -> None:
    stage.launch("exec sleep 60", locks=(str(lock),))
    pids = pids_of(stage)
    os.kill(pids.supervisor_pid, signal.SIGKILL)
    wait_for_death(pids.supervisor_pid)
    assert is_locked(lock)
    os.kill(pids.pid, signal.SIGKILL)
    wait_for(lambda: not is_locked(lock))


@pytest.fixture
def wake_socket() -> Iterator[socket.socket]:
    with (
        tempfile.TemporaryDirectory(dir="/tmp") as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener,
    ):
        listener.bind(f"{folder}/s")
        listener.settimeout(20)
        yield listener


def test_the_worker_is_woken_when_the_end_is_recorded(
    stage: Stage, wake_socket: socket.socket
) -> None:
    stage.launch("exit 2", wake=wake_socket.getsockname())
    assert wake_socket.recv(100) == b"ended\n"
    assert (stage.dir / "exit.json").exists()


def test_a_full_or_missing_wake_socket_blocks_nothing(
    stage: Stage, wake_socket: socket.socket
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as knocker:
        knocker.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                knocker.sendto(b"x", wake_socket.getsockname())
        stage.launch("true", wake=wake_socket.getsockname())
        wait_for_death(pids_of(stage).supervisor_pid)
    assert wait_for_exit(stage.dir).exit_code == 0


def test_the_guard_is_revived_when_nobody_holds_its_lock(stage: Stage) -> None:
    note_session = f"cut -d ' ' -f 6 /proc/$$/stat > {stage.work}/up.part"
    argv = ("sh", "-c", f"{note_session}; mv {stage.work}/up.part {stage.work}/up")
    stage.launch("true", revive=argv, revive_lock=str(stage.work / "guard.lock"))
    session = read_pid(stage.work / "up")
    assert session not in (os.getsid(0), pids_of(stage).pid, pids_of(stage).supervisor_pid)


def test_the_guard_is_left_alone_when_it_lives(stage: Stage, lock: Path) -> None:
    with lock.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        stage.launch("true", revive=("touch", str(stage.work / "up")), revive_lock=str(lock))
        wait_for_exit(stage.dir)
        wait_for_death(pids_of(stage).supervisor_pid)
    assert not (stage.work / "up").exists()


def cpu_ticks(pid: int) -> int:
    """Tell the time a process has spent, in hundredths of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_the_supervisor_waits_without_spending_time(stage: Stage) -> None:
    stage.launch("while ! [ -e go ]; do echo $i >> seen; i=x$i; sleep 0.1; done")
    pid = pids_of(stage).supervisor_pid
    seen = stage.work / "seen"
    wait_for(seen.exists, "the start")
    before = cpu_ticks(pid)
    wait_for(lambda: "x" * 12 in seen.read_text(), "the end of 1.2 s")
    assert cpu_ticks(pid) - before <= 2
    (stage.work / "go").touch()
    wait_for_exit(stage.dir)


@pytest.mark.parametrize("minor", [11, 12, 13, 14])
def test_it_runs_on_every_python_we_support(stage: Stage, minor: int) -> None:
    python = shutil.which(f"python3.{minor}")
    if python is None or subprocess.run([python, "-c", ""], capture_output=True).returncode:
        pytest.skip(f"Python 3.{minor} is not installed")
    spec = stage.spec(f"{in_own_session(WILLING.format('hidden'))} exec sleep 60", grace=0.3)
    assert launch(stage.dir, spec, python=python).state is LaunchAnswer.STARTED
    hidden = read_pid(stage.work / "hidden")
    assert request_stop(stage.dir)
    assert wait_for_exit(stage.dir).reason is ExitReason.STOPPED
    assert not is_alive(hidden)
    assert (stage.dir / "supervisor.log").read_text() == ""


def test_a_python_without_newer_system_calls_signals_a_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Anaconda builds Python with the header files of an old kernel."""
    monkeypatch.delattr(os, "pidfd_open")
    monkeypatch.delattr(signal, "pidfd_send_signal")
    monkeypatch.delattr(time, "CLOCK_BOOTTIME")
    with subprocess.Popen(["sleep", "60"]) as process, contextlib.ExitStack() as cleanup:
        cleanup.callback(process.kill)
        ticks = supervise.start_ticks(process.pid)
        assert ticks is not None
        assert not supervise.send_signal(process.pid, ticks + 1, signal.SIGTERM)
        assert supervise.send_signal(process.pid, ticks, signal.SIGTERM)
        assert process.wait() == -signal.SIGTERM
    assert supervise.steady() > 0


NEWER = {
    "removeprefix",
    "removesuffix",
    "waitstatus_to_exitcode",
    "cache",
    "pairwise",
    "is_relative_to",
}
"""Names that Python 3.8 lacks; it also lacks `pidfd_open`, which is not needed."""


def test_python_3_8_can_run_it_as_a_job(stage: Stage) -> None:
    tree = ast.parse(Path(supervise.__file__).read_text(), feature_version=(3, 8))
    used = {one.attr for one in ast.walk(tree) if isinstance(one, ast.Attribute)}
    assert not used & NEWER
    if python := old_python():
        (stage.dir / SPEC_FILE).write_text(stage.spec("echo $$ > pid; exit 3").to_json())
        command = [python, "-I", "-S", supervise.__file__, "--job", str(stage.dir)]
        subprocess.run(command, check=False)
        assert wait_for_exit(stage.dir).exit_code == 3
