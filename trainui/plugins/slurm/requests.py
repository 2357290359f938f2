"""What a stage asks of Slurm, as options of `sbatch`, and what Slurm says before it is queued."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from trainui.plugin import OptionProblem, StageJob, UnfitEnvironmentError
from trainui.plugin.executing import script

COMMANDS = ("sbatch", "squeue", "scancel", "sinfo")

PATIENCE = 15.0
"""Seconds for an answer; Slurm's commands give up after 10 by themselves."""

CHECK_PATIENCE = 5.0
"""Seconds for an answer while somebody waits for a check; without one, nothing is said."""

SIGNAL_BEFORE = 60
"""Seconds before a job's time limit at which its stage is asked to stop, to save its state."""

GRACE_MARGIN = 5
"""Seconds that the supervisor needs besides the stage's `grace`."""

LIMIT_SIGNAL = "USR2"
"""The signal by which Slurm warns a supervisor of the time limit; TERM is anybody's stop."""

LOG = "slurm.log"
"""What Slurm and the job's script print, in the attempt's directory."""

JOB_VARIABLES = (
    *("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL"),
    *("SLURM_JOB_ID", "SLURM_JOB_PARTITION", "SLURM_JOB_NODELIST", "SLURMD_NODENAME"),
)
"""Variables of Slurm that a stage gets."""

AWAY = ("Unable to contact", "Connection refused", "Unable to resolve")
"""Words of a controller that got nothing."""

DOUBTFUL = ("timed out", "Zero Bytes", "Connection reset", "Transport endpoint", "Broken pipe")
"""Words after which the controller may have got the request."""

FULL = (
    *("MaxSubmitJob", "job submit limit", "temporarily unable", "temporarily unavailable"),
    "inactive or drain",
)
"""Words of a refusal that passes: a user's jobs are limited in number, or the partition is off."""

_PASSING = (*AWAY, *DOUBTFUL, *FULL, "node not available", "are busy")
"""Words of `sbatch --test-only` about the present state of the cluster."""

_NO_SUCH_NODE = "node configuration is not available"

_OURS = frozenset(
    (
        "--array",
        "--clusters",
        "--job-name",
        "--test-only",
        "--wait",
        "--wrap",
        "-J",
        "-M",
        "-W",
        "-a",
    )
)
"""Options of `sbatch` with which a job could not be found, or would not be one."""

_WAITS: Mapping[str, str] = {
    "": "in the queue",
    "None": "in the queue",
    "Resources": "waits for free resources",
    "Priority": "jobs of higher priority come first",
    "BeginTime": "its begin time has not come",
    "Dependency": "waits for jobs that it depends on",
    "JobHeldUser": "held; `scontrol release {id}` lets it start",
    "JobHeldAdmin": "held by an administrator",
    "PartitionDown": "its partition is down",
    "PartitionInactive": "its partition is inactive",
    "PartitionTimeLimit": "its partition does not allow so much time",
    "PartitionNodeLimit": "its partition does not allow so many nodes",
    "ReqNodeNotAvail": "nodes that it needs are down, drained or reserved",
    "Nodes required for job are DOWN": "nodes that it needs are down, drained or reserved",
    "NodeDown": "a node that it needs is down",
    "Licenses": "waits for a free licence",
    "Reservation": "its reservation has not begun",
    "Cleaning": "its last run is being cleaned up",
    "Constraints": "no free node has the features that it asks for",
    "QOS": "a limit of its quality of service is reached",
    "Assoc": "a limit of its account is reached",
    "MaxJobsPerAccount": "a limit of its account is reached",
}
"""Plain words for the beginnings of Slurm's reasons."""

_TOO_MUCH = re.compile(r"Per(Job|Node)(Limit)?$|MaxWallDuration")
"""Reasons of a job that can never start as it is."""

_TIME = re.compile(r"\d+|(\d+-)?\d+(:\d\d){1,2}|\d+-\d+")
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_PREFIX = re.compile(r"^(sbatch: )?(error: )?(Batch job submission failed: |allocation failure: )?")
_GPUS = re.compile(r"gpu:(?:[^:,(]+:)?(\d+)")


def check() -> None:
    """Raise UnfitEnvironmentError if Slurm's commands are missing."""
    if missing := [one for one in COMMANDS if shutil.which(one) is None]:
        raise UnfitEnvironmentError(
            f"executor slurm: {', '.join(missing)} not found: install Slurm's commands here, or "
            "submit on a login node of the cluster"
        )


def about(directory: str) -> str:
    """Return what of Slurm is here, for `doctor`; `directory` is that of the runs."""
    if shutil.which("sinfo") is None:
        return "no Slurm here: its commands are not found"
    version = run("sinfo", "--version", patience=CHECK_PATIENCE).stdout.strip() or "Slurm"
    version = version.replace("slurm-wlm", "Slurm").replace("slurm ", "Slurm ")
    found = run("sinfo", "-h", "-o", "%P|%a|%D|%G", patience=CHECK_PATIENCE)
    if found.returncode != 0:
        return f"{version} does not answer: {words_of(found)}"
    shown = []
    for name, state, nodes, gres in (line.split("|") for line in found.stdout.splitlines()):
        gpus = f" with {_gpus(gres)} GPUs" if _gpus(gres) else ""
        plural = "" if nodes == "1" else "s"
        down = "" if state == "up" else f" ({state})"
        shown.append(f"{name}{down}: {nodes} node{plural}{gpus}")
    return (
        f"{version}, partitions {', '.join(shown)}; every node has to see "
        f"{directory} and the pipelines' directories at the same path"
    )


def problems(options: Mapping[str, Any]) -> Iterator[OptionProblem]:
    """Yield what is wrong with a stage's options."""
    for name in ("partition", "account"):
        if not isinstance(options.get(name, ""), str):
            yield OptionProblem("must be a name", name)
    if "time" in options and time_limit(options["time"]) is None:
        yield OptionProblem("must be a duration such as 4h or 1d12h, or a time of Slurm", "time")
    extra = options.get("options", [])
    if not isinstance(extra, list) or not all(str(one).startswith("-") for one in extra):
        yield OptionProblem("must be a list of options of sbatch: [--constraint=a100]", "options")
        return
    names = [re.split("[= ]", one)[0] if one[:2] == "--" else one[:2] for one in map(str, extra)]
    if guilty := sorted(_OURS.intersection(names)):
        words = f"must not have {', '.join(guilty)}: a stage is one job, whose name trainui gives"
        yield OptionProblem(words, "options")


def refusals(options: Mapping[str, Any], gpus: int, cpus: int) -> Iterator[OptionProblem]:
    """Yield why Slurm would refuse a stage's job, as far as that can be said now."""
    if any(shutil.which(one) is None for one in COMMANDS):
        return
    with suppress(OSError):
        if run("sinfo", "-h", patience=CHECK_PATIENCE).returncode != 0:
            return  # only a controller that answers refuses anything
        if gpus and (problem := _too_many_gpus(options, gpus)):
            yield OptionProblem(problem, "gpus")
        elif (refused := _refused(options, gpus, cpus)) and _is_lasting(refused):
            guilty = _guilty(options, gpus, cpus)
            yield OptionProblem(f"is refused by Slurm: {refused}{_others(guilty)}", guilty)


def _others(option: str) -> str:
    if option != "partition":
        return ""
    found = run("sinfo", "-h", "-o", "%R", patience=CHECK_PATIENCE).stdout.split()
    return f"; there are {', '.join(dict.fromkeys(found))}"


def _too_many_gpus(options: Mapping[str, Any], gpus: int) -> str:
    """Return that no node of a stage's partition, or of any, has so many GPUs; empty: one has."""
    where = [f"--partition={options['partition']}"] if options.get("partition") else []
    found = run("sinfo", "-h", *where, "-o", "%R|%G", patience=CHECK_PATIENCE)
    rows = [line.split("|") for line in found.stdout.splitlines()]
    if found.returncode != 0 or not rows:
        return ""
    most, name = max((_gpus(gres), name) for name, gres in rows)
    if gpus <= most:
        return ""
    which = f"partition {name}" if where else "any partition"
    return f"is more than a node of {which} has: {most}" + (f" ({name})" if most else "")


def _gpus(gres: str) -> int:
    """Return the number of GPUs in a node's generic resources."""
    return sum(map(int, _GPUS.findall(gres)))


def _refused(options: Mapping[str, Any], gpus: int, cpus: int) -> str:
    """Return Slurm's words if it would refuse a job; empty: it would not, or cannot say."""
    words = ("sbatch", "--test-only", *request(options, gpus, cpus), "--wrap=true")
    found = run(*words, patience=CHECK_PATIENCE)
    return "" if found.returncode == 0 else words_of(found)


def _is_lasting(refused: str) -> bool:
    """Return True if a refusal is not about nodes that are down, or a controller that is away."""
    if any(one in refused for one in _PASSING):
        return False
    if _NO_SUCH_NODE not in refused:
        return True
    states = "--states=down,drain,fail,maint,unknown,no_respond,reboot"
    found = run("sinfo", "-h", "-N", states, "-o", "%N", patience=CHECK_PATIENCE)
    return found.returncode == 0 and not found.stdout.strip()


def _guilty(options: Mapping[str, Any], gpus: int, cpus: int) -> str:
    """Return the option without which Slurm would accept a job; empty: none is it alone."""
    for name in ("options", "time", "account", "partition"):
        left = {key: value for key, value in options.items() if key != name}
        if len(left) < len(options) and not _refused(left, gpus, cpus):
            return name
    if gpus and not _refused(options, 0, cpus):
        return "gpus"
    return "cpus" if cpus > 1 and not _refused(options, gpus, 1) else ""


def remedy(job: StageJob) -> str:
    """Return what to change of a stage whose job was refused; empty if that cannot be said."""
    with suppress(OSError):
        if guilty := _guilty(job.options, job.gpus, job.cpus):
            where = "" if guilty in ("gpus", "cpus") else " of its `executor`"
            return f"; without `{guilty}`{where} it would be accepted"
    return ""


def why_waiting(id_: str, reason: str, starts_at: float | None) -> str:
    """Return when a job that waits may start, why it waits in plain words, and Slurm's own word."""
    words = _in_words(reason).replace("{id}", id_)
    if starts_at is None:
        return f"Slurm: {words}"
    moment, today = datetime.fromtimestamp(starts_at), datetime.now()
    style = "%H:%M" if moment.date() == today.date() else "%d %b %H:%M"
    return f"Slurm: starts about {moment.strftime(style)}; {words}"


@functools.lru_cache(1000)  # every job that waits is asked about every two seconds
def _in_words(reason: str) -> str:
    fitting = [one for one in _WAITS if one and reason.startswith(one)]
    words = _WAITS.get(reason) or _WAITS.get(max(fitting, key=len, default=reason), reason)
    if fitting and _TOO_MUCH.search(reason):
        words = f"asks for more than {'its account' if reason[0] == 'A' else 'its QOS'} allows"
    return words if reason in (words, "", "None") or " " in reason else f"{words} ({reason})"


def time_limit(value: Any) -> str | None:
    """Return a time limit as `sbatch` takes it: `4h` as 240 minutes; None: it is none."""
    text = str(value).strip()
    if _TIME.fullmatch(text):
        return text
    found = _DURATION.fullmatch(text)
    if not text or found is None:
        return None
    days, hours, minutes, seconds = (int(one or 0) for one in found.groups())
    return str(max(1, -(-(((days * 24 + hours) * 60 + minutes) * 60 + seconds) // 60)))


def request(options: Mapping[str, Any], gpus: int, cpus: int, grace: float = 0.0) -> list[str]:
    """Return the options of `sbatch` for what a stage needs and asks for."""
    words = ["--no-requeue", "--nodes=1", "--ntasks=1"]
    words += [f"--gres=gpu:{gpus}"] if gpus else []
    words += [f"--cpus-per-task={cpus}"] if cpus > 1 else []
    words += [f"--{one}={options[one]}" for one in ("partition", "account") if options.get(one)]
    limit = time_limit(options["time"]) if options.get("time") else None
    words += [f"--time={limit}"] if limit is not None else []
    before = max(SIGNAL_BEFORE, int(grace) + GRACE_MARGIN)
    if limit is not None and limit.isdigit():  # minutes
        before = min(before, 30 * int(limit))
    return [*words, f"--signal=B:{LIMIT_SIGNAL}@{before}", *map(str, options.get("options", []))]


def submission(job: StageJob) -> list[str]:
    """Return the command that submits a job."""
    words = ["sbatch", "--parsable", f"--job-name={job.key}", f"--chdir={job.directory}"]
    words += [f"--output={job.directory / LOG}", "--open-mode=append"]
    words += request(job.options, job.gpus, job.cpus, job.grace)
    return [*words, f"--wrap={script(job)}"]


def words_of(found: subprocess.CompletedProcess[str]) -> str:
    """Return the last line that a command has printed, which says the most."""
    lines = [_PREFIX.sub("", line) for line in found.stderr.strip().splitlines()]
    lines = [line for line in lines if not line.startswith("Try ")]
    return lines[-1] if lines else f"{found.args[0]} ended with {found.returncode}"


def environment() -> dict[str, str]:
    """Return our environment without what belongs to a job that we may be in."""
    skipped = ("SLURM_", "SBATCH_", "SALLOC_", "SRUN_", "CUDA_VISIBLE_DEVICES")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(skipped)}
    return kept | {one: os.environ[one] for one in ("SLURM_CONF",) if one in os.environ}


def run(
    *argv: str, environ: Mapping[str, str] | None = None, patience: float | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command of Slurm.

    Raises:
        TimeoutError: it does not return.
        OSError: it is missing.
    """
    env, seconds = environment() if environ is None else environ, patience or PATIENCE
    try:
        return subprocess.run(
            argv, env=env, capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise TimeoutError(f"Slurm does not answer: {argv[0]} took {seconds:g} s") from error
