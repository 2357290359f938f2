"""A real Slurm of one node with two pretended GPUs, for as long as tests need it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.unit.supervisor.waiting import wait_for, wait_for_death

PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch")

CONFIGURATION = """\
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
AuthInfo=socket={place}/munge/socket
SlurmUser=root
StateSaveLocation={place}/state
SlurmdSpoolDir={place}/spool
SlurmctldPidFile={place}/slurmctld.pid
SlurmdPidFile={place}/slurmd.pid
SlurmctldLogFile={place}/slurmctld.log
SlurmdLogFile={place}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
GresTypes=gpu
ReturnToService=2
SlurmdParameters=config_overrides
KillWait=5
MessageTimeout=2
PreemptType=preempt/partition_prio
PreemptMode=CANCEL
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SchedulerParameters=sched_interval=1,sched_min_interval=0
NodeName={host} NodeAddr=127.0.0.1 CPUs=16 RealMemory=1000 Gres=gpu:2 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES State=UP
PartitionName=closed Nodes={host} State=DOWN
PartitionName=requeueing Nodes={host} State=UP PreemptMode=REQUEUE
PartitionName=urgent Nodes={host} State=UP PriorityTier=10
"""


def why_not() -> str:
    """Return why there can be no Slurm here; empty if there can."""
    missing = [one for one in PROGRAMS if shutil.which(one, path=_path()) is None]
    if missing:
        return f"{', '.join(missing)} not found; `dev.py` installs Debian's packages of Slurm"
    return "" if os.geteuid() == 0 else "slurmctld and slurmd have to be started by root"


def _path() -> str:
    return f"{os.environ['PATH']}:/usr/sbin"


def _free_ports() -> list[int]:
    sockets = [socket.socket() for _ in range(2)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


class SlurmCluster:
    """Slurm's two daemons, and its commands."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.node = socket.gethostname()
        self.configuration = place / "slurm.conf"
        self.environ = {
            **os.environ,
            "PATH": _path(),
            "SLURM_CONF": str(self.configuration),
        }

    def __call__(self, *argv: str, check: bool = True) -> str:
        """Run a command of Slurm and return what it prints."""
        done = subprocess.run(
            argv, env=self.environ, capture_output=True, text=True, check=check, timeout=60
        )
        return done.stdout

    def start_controller(self) -> None:
        self("slurmctld", "-f", str(self.configuration))

    def start_node(self, *, hidden: Path | None = None) -> None:
        """Start the daemon of the node, and wait until it is idle or has its jobs.

        `hidden`: a directory that it sees empty, as one that is not shared.
        """
        begin = f"exec slurmd -f {self.configuration}"
        if hidden is None:
            self("sh", "-c", begin)
        else:
            hide = f"mount --make-rprivate / && mount -t tmpfs none {hidden} && "
            self("unshare", "-m", "sh", "-c", hide + begin)
        self("scontrol", "update", f"nodename={self.node}", "state=resume", check=False)
        self.wait_for_node()

    def wait_for_node(self) -> None:
        shown = ("sinfo", "-h", "-p", "main", "-o", "%t")
        wait_for(lambda: self(*shown, check=False).strip() in ("idle", "mix", "alloc"), "the node")

    def restore(self) -> None:
        """Resume the node, and have all jobs start or continue now."""
        self("scontrol", "update", f"nodename={self.node}", "state=resume", check=False)
        for line in self("squeue", "-h", "-o%i %T", check=False).splitlines():
            id_, state = line.split()
            self("scontrol", "resume" if state == "SUSPENDED" else "release", id_, check=False)
            self("scontrol", "update", f"jobid={id_}", "StartTime=now", check=False)

    def pid(self, daemon: str) -> int:
        return int((self.place / f"{daemon}.pid").read_text())

    def kill(self, daemon: str, number: int = signal.SIGTERM) -> None:
        """Kill `slurmctld` or `slurmd`; its jobs go on."""
        pid = self.pid(daemon)
        os.kill(pid, number)
        wait_for_death(pid)

    @contextmanager
    def hung_controller(self) -> Iterator[None]:
        """Stop the controller for a while: it gets requests, and answers late."""
        pid = self.pid("slurmctld")
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def cancel_all(self) -> None:
        """Cancel all jobs, and wait until the next ones may start at once."""
        self("scancel", "--me", check=False)
        self.wait_for_ends()

    def wait_for_ends(self) -> None:
        """Wait until no job runs."""
        wait_for(lambda: not self.jobs(states="running,completing"), "the end of all jobs")

    def jobs(self, *names: str, states: str = "all") -> list[str]:
        """Return the states of jobs."""
        which = [f"--name={','.join(names)}"] if names else []
        return self("squeue", "-h", f"--states={states}", *which, "-o%T").split()


@contextmanager
def running(place: Path) -> Iterator[SlurmCluster]:
    """Start Slurm with its state in a directory."""
    for name in ("state", "spool", "munge"):
        (place / name).mkdir(mode=0o755, parents=True)
    for number in range(2):
        os.mknod(place / f"g{number}", 0o20666, os.makedev(195, number))
    cluster = SlurmCluster(place)
    host = cluster.node
    cluster.configuration.write_text(
        CONFIGURATION.format(host=host, place=place, ports=_free_ports())
    )
    (place / "gres.conf").write_text(f"NodeName={host} Name=gpu File={place}/g[0-1]\n")
    key = place / "munge/key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o600)
    names = {"key-file": "key", "socket": "socket", "log-file": "log", "pid-file": "pid"}
    names["seed-file"] = "seed"
    try:
        cluster(
            "munged", "--force", *(f"--{one}={place}/munge/{its}" for one, its in names.items())
        )
        cluster.start_controller()
        cluster.start_node()
        yield cluster
    finally:
        cluster("scancel", "--me", "--full", check=False)
        for name in ("slurmd.pid", "slurmctld.pid", "munge/pid"):
            with suppress(OSError, ValueError):
                pid = int((place / name).read_text())
                os.kill(pid, signal.SIGTERM)
                wait_for_death(pid)


QUICK = "SLURM_TESTS_QUICK"
"""A worker with this variable that names this module in `include` asks Slurm often."""

if QUICK in os.environ:
    from trainui.execution.attempt import monitor
    from trainui.plugins.slurm import jobs

    monitor.REASON_EVERY = 0.2
    jobs.ASK_EVERY, jobs.ASK_AFTER, jobs.SETTLED, jobs.EXPLAINED = 0.5, 0.1, 0.5, 5.0


def quick() -> dict[str, str]:
    """Return the variables of such a worker."""
    root = str(Path(__file__).parents[2])
    return {QUICK: "1", "TRAINUI_INCLUDE": json.dumps([__name__]), "PYTHONPATH": root}
