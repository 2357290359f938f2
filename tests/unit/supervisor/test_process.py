"""How the worker launches an attempt, and what it finds after any of the two was killed."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import stat
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.supervisor import memory_group
from tests.unit.supervisor.conftest import Stage
from tests.unit.supervisor.launching import launch
from tests.unit.supervisor.waiting import (
    growth_times,
    is_alive,
    read_pid,
    wait_for,
    wait_for_death,
    wait_for_exit,
)
from trainui.plugin.backends import LaunchAnswer
from trainui.supervisor import process, protocol
from trainui.supervisor.process import (
    ProbeState,
    ProcessTable,
    SupervisorLivesError,
    create_lock,
    kill_orphans,
    probe,
    processes_of,
    request_stop,
)
from trainui.supervisor.protocol import Pids
from trainui.supervisor.supervise import boot_id, start_ticks


def pids_of(stage: Stage) -> Pids:
    pids = protocol.read_pids(stage.dir)
    assert pids
    return pids


def kill_supervisor(stage: Stage) -> None:
    pid = pids_of(stage).supervisor_pid
    os.kill(pid, signal.SIGKILL)
    wait_for_death(pid)


def test_the_states_of_an_attempt(stage: Stage) -> None:
    assert probe(stage.dir).state is ProbeState.NONE
    stage.launch("while ! [ -e go ]; do sleep 0.01; done; exit 5")
    assert probe(stage.dir).state is ProbeState.RUNNING
    (stage.work / "go").touch()
    wait_for_exit(stage.dir)
    found = probe(stage.dir)
    assert found.state is ProbeState.ENDED
    assert found.exit
    assert found.exit.exit_code == 5


def test_the_pids_recorded_are_those_that_run(stage: Stage) -> None:
    stage.launch("exec sleep 60")
    pids = pids_of(stage)
    assert pids.boot_id == boot_id()
    assert pids.start_ticks == start_ticks(pids.pid)
    assert pids.supervisor_start_ticks == start_ticks(pids.supervisor_pid)
    assert os.getsid(pids.pid) == pids.pid
    assert os.getsid(pids.supervisor_pid) == pids.supervisor_pid != os.getsid(0)


def test_of_many_launches_at_once_one_runs(stage: Stage) -> None:
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(stage.launch, ["echo ran; sleep 0.2"] * 8))
    states = Counter(result.state for result in results)
    assert states == {LaunchAnswer.ALREADY: 7, LaunchAnswer.STARTED: 1}
    wait_for_exit(stage.dir)
    assert stage.out == "ran\n"


def test_a_later_launch_is_refused_and_overwrites_nothing(stage: Stage) -> None:
    stage.launch("echo first")
    wait_for_exit(stage.dir)
    before = (stage.dir / "spec.json").read_bytes()
    assert stage.launch("echo second").state is LaunchAnswer.ALREADY
    assert stage.out == "first\n"
    assert (stage.dir / "spec.json").read_bytes() == before


LOOK_ALL_THE_TIME = """
import sys
from pathlib import Path
from trainui.supervisor.process import probe
print("looking", flush=True)
while True:
    for folder in Path(sys.argv[1]).glob("attempt-*"):
        probe(folder)
"""


@pytest.mark.parametrize("emptied", [False, True])
def test_a_process_that_removes_its_records_is_not_restarted(stage: Stage, emptied: bool) -> None:
    """Nor by somebody who asks for it only now, in a directory that was made again."""
    remove = f"rm -rf {stage.dir}" + f"; mkdir {stage.dir}" * emptied
    stage.launch(f"{remove}; echo ran >> ran; while ! [ -e go ]; do sleep 0.01; done")
    wait_for(lambda: (stage.work / "ran").exists())
    assert probe(stage.dir).state is ProbeState.REMOVED
    if emptied:
        assert stage.launch("echo twice >> ran").state is LaunchAnswer.BROKEN
    (stage.work / "go").touch()
    wait_for(lambda: not processes_of(stage.identity))
    assert probe(stage.dir).state is ProbeState.REMOVED
    assert (stage.work / "ran").read_text() == "ran\n"


def test_looking_never_prevents_a_start(stage: Stage) -> None:
    folders = [stage.dir, *(stage.work / f"attempt-{number}" for number in range(2, 6))]
    for folder in folders:
        folder.mkdir(mode=0o700, exist_ok=True)
        create_lock(folder)
    command = [sys.executable, "-c", LOOK_ALL_THE_TIME, str(stage.work)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as looker:
        assert looker.stdout
        assert looker.stdout.readline() == "looking\n"
        results = [launch(folder, stage.spec("true")) for folder in folders]
        looker.kill()
    assert {result.state for result in results} == {LaunchAnswer.STARTED}


def test_a_launcher_killed_with_its_group_spares_the_attempt(stage: Stage) -> None:
    command = "while ! [ -e go ]; do sleep 0.01; done; echo done"
    code = (
        "import time\nfrom pathlib import Path\n"
        "from tests.unit.supervisor.launching import launch\n"
        "from trainui.supervisor.protocol import Spec\n"
        f"print(launch(Path({str(stage.dir)!r}), Spec(('sh', '-c', {command!r}), "
        f"{str(stage.work)!r}, {dict(stage.env)!r})).state.value, flush=True)\n"
        "time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as launcher:
        assert launcher.stdout
        assert launcher.stdout.readline() == "started\n"
        os.killpg(launcher.pid, signal.SIGKILL)
    (stage.work / "go").touch()
    assert wait_for_exit(stage.dir).exit_code == 0
    assert stage.out == "done\n"


def test_a_killed_supervisor_leaves_an_orphan_and_then_nothing(stage: Stage) -> None:
    stage.launch("while ! [ -e go ]; do sleep 0.01; done")
    kill_supervisor(stage)
    assert probe(stage.dir).state is ProbeState.ORPHAN
    assert not request_stop(stage.dir)
    assert stage.launch("true").state is LaunchAnswer.ALREADY
    (stage.work / "go").touch()
    wait_for(lambda: probe(stage.dir).state is ProbeState.LOST)
    assert stage.launch("true").state is LaunchAnswer.ALREADY


def test_a_hidden_grandchild_makes_an_orphan_too(stage: Stage) -> None:
    stage.launch(
        "setsid sh -c 'echo $$ > pid.part; mv pid.part pid; exec sleep 60' & exec sleep 60"
    )
    hidden = read_pid(stage.work / "pid")
    kill_supervisor(stage)
    os.kill(pids_of(stage).pid, signal.SIGKILL)
    wait_for_death(pids_of(stage).pid)
    assert probe(stage.dir).state is ProbeState.ORPHAN
    os.kill(hidden, signal.SIGKILL)
    wait_for(lambda: probe(stage.dir).state is ProbeState.LOST)


def test_orphans_are_all_ended_and_foreign_processes_are_not(
    stage: Stage, bystander: subprocess.Popen[bytes]
) -> None:
    stage.launch(
        """setsid sh -c 'trap "" TERM; echo $$ > a.part; mv a.part a; while :; do sleep .05; done' &
        env -i setsid sh -c 'echo $$ > b.part; mv b.part b; exec sleep 60' &
        env -i PATH="$PATH" sh -c 'echo $$ > c.part; mv c.part c; exec sleep 60'"""
    )
    pids = [pids_of(stage).pid, *(read_pid(stage.work / name) for name in "abc")]
    with pytest.raises(SupervisorLivesError):
        kill_orphans(stage.dir, "TERM", 0.2)
    kill_supervisor(stage)
    assert kill_orphans(stage.dir, "TERM", 0.2) == []
    wait_for_death(*pids)
    assert probe(stage.dir).state is ProbeState.LOST
    assert bystander.poll() is None


def test_an_orphan_that_is_stopped_may_still_save_its_work(stage: Stage) -> None:
    stage.launch("trap 'touch saved; exit' TERM; touch ready; while :; do sleep 0.05; done")
    wait_for(lambda: (stage.work / "ready").exists())
    kill_supervisor(stage)
    os.killpg(pids_of(stage).pid, signal.SIGSTOP)
    assert kill_orphans(stage.dir, "TERM", 20.0) == []
    assert (stage.work / "saved").exists()


def test_an_end_between_two_looks_is_not_a_loss(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.launch("exit 3")
    wait_for_exit(stage.dir)
    wait_for_death(pids_of(stage).supervisor_pid)
    record, hidden = stage.dir / "exit.json", stage.dir / "hidden"
    record.rename(hidden)
    is_supervised = process.is_supervised

    def end_now(directory: Path) -> bool | None:
        hidden.rename(record)
        return is_supervised(directory)

    monkeypatch.setattr(process, "is_supervised", end_now)
    found = probe(stage.dir)
    assert found.exit is not None
    assert (found.state, found.exit.exit_code) == (ProbeState.ENDED, 3)


def test_processes_are_found_by_all_their_variables(stage: Stage) -> None:
    stage.launch("exec sleep 60")
    pid = pids_of(stage).pid
    assert processes_of(stage.identity) == [pid]
    assert processes_of({**stage.identity, "TRAINUI_STAGE": "other"}) == []
    assert processes_of({}) == []


@pytest.fixture
def forged(stage: Stage, bystander: subprocess.Popen[bytes]) -> Pids:
    """A started attempt without supervisor, whose recorded pid is a bystander's."""
    for name in ("started", "lock"):
        (stage.dir / name).touch()
    ticks = start_ticks(bystander.pid)
    assert ticks is not None
    return Pids(boot_id(), bystander.pid, ticks, bystander.pid, ticks - 1, 0)


def write_pids(stage: Stage, pids: Pids) -> None:
    (stage.dir / "pid.json").write_text(json.dumps({"version": 1, **asdict(pids)}))


def test_many_probes_with_one_table_read_the_processes_once(
    stage: Stage, forged: Pids, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pids(stage, replace(forged, start_ticks=forged.start_ticks - 1))
    reads = Counter[str]()
    for name in ("list_processes", "_variables_of", "_is_supervisor"):
        read = getattr(process, name)

        def counted(*pid: int, name: str = name, read: Callable[..., Any] = read) -> Any:
            reads[f"{name}{pid}"] += 1
            return read(*pid)

        monkeypatch.setattr(process, name, counted)
    table = ProcessTable()
    found = [probe(stage.dir, stage.identity, table).state for _ in range(3)]
    assert found == [ProbeState.LOST] * 3
    assert set(reads.values()) == {1}


def test_a_pid_counts_only_with_start_time_and_boot(stage: Stage, forged: Pids) -> None:
    write_pids(stage, forged)
    assert probe(stage.dir).state is ProbeState.ORPHAN
    write_pids(stage, replace(forged, start_ticks=forged.start_ticks - 1))
    assert probe(stage.dir).state is ProbeState.LOST
    write_pids(stage, replace(forged, boot_id="another"))
    assert probe(stage.dir).state is ProbeState.LOST


def test_after_a_reboot_no_process_is_signalled(
    stage: Stage, forged: Pids, bystander: subprocess.Popen[bytes]
) -> None:
    write_pids(stage, replace(forged, boot_id="another"))
    assert kill_orphans(stage.dir, "KILL", 0.1) == []
    write_pids(stage, replace(forged, start_ticks=forged.start_ticks - 1))
    assert kill_orphans(stage.dir, "KILL", 0.1) == []
    assert bystander.poll() is None


@pytest.mark.parametrize("change", [{"boot_id": "another"}, {"supervisor_start_ticks": 1}])
def test_no_foreign_process_is_asked_to_stop(
    stage: Stage, forged: Pids, bystander: subprocess.Popen[bytes], change: dict[str, object]
) -> None:
    write_pids(stage, replace(forged, **change))  # type: ignore[arg-type]
    with (stage.dir / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert not request_stop(stage.dir)
    assert bystander.poll() is None


def test_a_zombie_is_dead() -> None:
    with subprocess.Popen(["true"]) as process:
        wait_for(lambda: start_ticks(process.pid) is None)
        assert Path(f"/proc/{process.pid}").exists()


def test_a_supervisor_that_cannot_be_started_is_an_error(stage: Stage) -> None:
    with pytest.raises(FileNotFoundError):
        launch(stage.dir, stage.spec("true"), python="/no/such/python")
    assert launch(stage.dir, stage.spec("true"), python="/bin/false").state is LaunchAnswer.BROKEN
    assert probe(stage.dir).state is ProbeState.NONE


def test_a_late_answer_is_no_answer(stage: Stage) -> None:
    script = stage.work / "late"
    script.write_text("#!/bin/sh\nexec sleep 60\n")
    script.chmod(stat.S_IRWXU)
    result = launch(stage.dir, stage.spec("true"), python=str(script), patience=0.1)
    assert (result.state, result.message) == (LaunchAnswer.BROKEN, "no answer within 0.1 s")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root can make a disk that is small enough to fill")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def test_the_end_is_recorded_on_a_full_disk(stage: Stage, small_disk: Path) -> None:
    stage.dir = small_disk / "attempt-1"
    stage.dir.mkdir(mode=0o700)
    create_lock(stage.dir)
    fill = f"cat /dev/zero > {small_disk}/fill 2> /dev/null; echo lost; sleep 1.1; exit 3"
    assert stage.launch(fill).state is LaunchAnswer.STARTED
    assert wait_for_exit(stage.dir).exit_code == 3
    assert growth_times(stage.dir) == []

    late = small_disk / "attempt-2"
    late.mkdir(mode=0o700)
    create_lock(late)
    subprocess.run(
        ["dd", "if=/dev/zero", f"of={small_disk}/fill2"], capture_output=True, check=False
    )
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        launch(late, stage.spec("true"))
    assert probe(late).state is ProbeState.NONE
    (small_disk / "fill").unlink()
    (small_disk / "fill2").unlink()
    assert launch(late, stage.spec("true")).state is LaunchAnswer.STARTED
    assert wait_for_exit(late).exit_code == 0


def test_without_room_for_the_end_nothing_is_started(stage: Stage, small_disk: Path) -> None:
    stage.dir = small_disk / "attempt-1"
    stage.dir.mkdir(mode=0o700)
    create_lock(stage.dir)
    room = os.statvfs(small_disk)
    fill = small_disk / "fill"
    fill.write_bytes(b"x" * (room.f_bavail * room.f_bsize - 12_000))
    result = stage.launch("true")
    assert result.state is LaunchAnswer.BROKEN
    assert os.strerror(errno.ENOSPC) in result.message
    assert probe(stage.dir).state is ProbeState.NONE
    fill.unlink()
    assert stage.launch("true").state is LaunchAnswer.STARTED
    wait_for_exit(stage.dir)


def test_an_out_of_memory_kill_is_reported(stage: Stage) -> None:
    group = memory_group.make(megabytes=64)
    python = stage.work / "python"
    python.write_text(f'#!/bin/sh\necho $$ > {group}/cgroup.procs\nexec {sys.executable} "$@"\n')
    python.chmod(stat.S_IRWXU)
    grow = [sys.executable, "-c", "x = []\nwhile True: x.append(bytearray(b'1') * 2**20)"]
    assert launch(stage.dir, stage.spec(grow), python=str(python)).state is LaunchAnswer.STARTED
    end = wait_for_exit(stage.dir)
    assert (end.signal, end.oom_kill, end.signalled) == (signal.SIGKILL, True, False)
    wait_for_death(pids_of(stage).supervisor_pid)
    group.rmdir()
    assert not is_alive(pids_of(stage).pid)
