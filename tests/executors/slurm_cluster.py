"""A real Slurm of one node with two pretended GPUs, for as long as tests need it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.unit.supervisor.waiting import wait_for

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
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SchedulerParameters=sched_interval=1,sched_min_interval=0
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory=1000 Gres=gpu:2 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES State=UP
PartitionName=closed Nodes={host} State=DOWN
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


@contextmanager
def running(place: Path) -> Iterator[Path]:
    """Start Slurm with its state in a directory, and yield its configuration file."""
    for name in ("state", "spool", "munge"):
        (place / name).mkdir(mode=0o755, parents=True)
    for number in range(2):
        os.mknod(place / f"g{number}", 0o20666, os.makedev(195, number))
    host = socket.gethostname()
    file = place / "slurm.conf"
    file.write_text(CONFIGURATION.format(host=host, place=place, ports=_free_ports()))
    (place / "gres.conf").write_text(f"NodeName={host} Name=gpu File={place}/g[0-1]\n")
    key = place / "munge/key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o600)
    names = {"key-file": "key", "socket": "socket", "log-file": "log", "pid-file": "pid"}
    names["seed-file"] = "seed"
    words = [f"--{option}={place}/munge/{name}" for option, name in names.items()]
    environ = {**os.environ, "PATH": _path(), "SLURM_CONF": str(file)}
    its = ["-f", str(file)]
    for command in (["munged", "--force", *words], ["slurmctld", *its], ["slurmd", *its]):
        subprocess.run(command, env=environ, check=True, stderr=subprocess.DEVNULL)
    idle = ["sinfo", "-h", "-p", "main", "-o", "%t"]
    try:
        wait_for(
            lambda: (
                subprocess.run(idle, env=environ, capture_output=True, text=True).stdout.strip()
                == "idle"
            ),
            "an idle node",
        )
        yield file
    finally:
        subprocess.run(["scancel", "--me", "--full"], env=environ, check=False)
        for name in ("slurmd.pid", "slurmctld.pid", "munge/pid"):
            with suppress(OSError, ValueError):
                os.kill(int((place / name).read_text()), signal.SIGTERM)
