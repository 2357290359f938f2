"""Executors and searchers: their records, and the protocols of the code behind them.

An executor runs attempts somewhere (read `ExecutorBackend`), a searcher decides what the trials of
a search try (`SearchBackend`). Each verb may be repeated: a worker may be killed in any of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import field
from enum import Enum
from pathlib import Path
from typing import Any

from trainui.errors import UnfitEnvironmentError
from trainui.plugin.records import Code, Plugin
from trainui.record import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Executor(Plugin):
    """A place where stages run."""

    group = "trainui.executors"

    backend: Code
    """`()` to an ExecutorBackend, which one worker uses for all of its jobs."""
    options: tuple[str, ...] = ()
    """The names of the options that a stage may give; others are refused before `problems`."""
    problems: Code = ""
    """`(options)` to OptionProblems: what is wrong with a stage's options."""
    refusals: Code = ""
    """`(options, gpus, cpus)` to OptionProblems: why the place itself would refuse a stage, as far
    as it can say so now. `gpus` and `cpus` may be the option: that field of the stage is meant."""
    check: Code = ""
    """`()`, called before a run is stored: raises UnfitEnvironmentError if the place cannot be used
    from here."""
    about: Code = ""
    """`(directory of the runs)` to a line for `trainui doctor`: what of the place is here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageJob:
    """An attempt of a stage, as its executor knows it."""

    key: str
    """Identifies the attempt for ever: the job's name. An attempt is launched once."""
    directory: Path
    """Contains what the supervisor needs, and what it records: the start, the logs, the end."""
    command: tuple[str, ...] = ()
    """The supervisor, to be run wherever the directory is seen. It ends when nothing of the stage
    is left; SIGTERM asks it to stop the stage. A second one for the same directory does nothing."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """As the stage's `executor` gives them."""
    gpus: int = 0
    cpus: int = 1
    identity: Mapping[str, str] = field(default_factory=dict)
    """Variables that all of its processes have in their environment."""
    stop_signal: str = "TERM"
    """The signal by which its supervisor asks the stage to stop."""
    grace: float = 30.0
    """Seconds between that and SIGKILL."""


class JobState(Enum):
    """States of a job."""

    NONE = "none"
    """It was never launched."""
    WAITING = "waiting"
    """It was launched and has not started."""
    RUNNING = "running"
    """Its supervisor runs."""
    ORPHAN = "orphan"
    """Its supervisor is dead, and processes of it live."""
    GONE = "gone"
    """Nothing of it runs. Its directory says how it ended, unless the supervisor was killed."""
    UNREADABLE = "unreadable"
    """Its records cannot be read, and no process of it is left."""
    UNSEEN = "unseen"
    """It cannot be said now, e.g. because the place does not answer."""


@dataclass(frozen=True, slots=True)
class JobLook:
    """A look at a job."""

    state: JobState
    problem: str = ""
    """Why it cannot be seen or its records cannot be read; or how a job ended without a record."""
    processes: tuple[str, ...] = ()
    """What of it runs, as far as that is known: pids, or the name of a job."""


class LaunchAnswer(Enum):
    """Answers to a launch."""

    STARTED = "started"
    """Its process runs."""
    WAITING = "waiting"
    """It was accepted, and starts by itself."""
    ALREADY = "already"
    """It was launched before; this launch did nothing."""
    FAILED = "failed"
    """It ended without running; its directory says why."""
    BROKEN = "broken"
    """It could not be launched, or there was no answer: a look shows which."""


@dataclass(frozen=True, slots=True)
class Launched:
    """The answer to a launch."""

    state: LaunchAnswer
    message: str = ""
    """What went wrong."""
    errno: int = 0
    """The error's errno; 0: none. A transient one (disk full, no memory) uses up no retry."""


class ExecutorBackend:
    """Runs stages somewhere: on this machine, or in another program's queue.

    `launch`, `probe` and `stop` have to be defined. Each verb may be repeated, since a worker may
    die in any of them. Nothing is concluded from silence: what cannot be seen is `UNSEEN`, and an
    end is believed once it is proved. `trainui.plugin.executing` has tools.
    """

    def offer(self) -> int | None:
        """Return how many more jobs can be launched now; None: no limit."""
        return None

    def find(self, job: StageJob) -> bool:
        """Return True if a job with this key was launched, whoever launched it."""
        return self.probe(job).state != JobState.NONE

    def launch(self, job: StageJob) -> Launched:
        """Launch a job. It waits for its start a minute at most."""
        raise NotImplementedError

    def probe(self, job: StageJob) -> JobLook:
        """Look at a job, quickly: each is looked at several times a second."""
        raise NotImplementedError

    def why_it_waits(self, job: StageJob) -> str:
        """Return why a job does not proceed: it waits, or is suspended; empty if it proceeds."""
        del job
        return ""

    def stop(self, job: StageJob, *, kill: bool = False) -> bool:
        """Ask a job's supervisor to stop the stage, or kill the supervisor; False: there is none.

        A job that waits is withdrawn.
        """
        raise NotImplementedError

    def prove_gone(self, job: StageJob) -> tuple[str, ...]:
        """End what is left of a job, and return what still runs; empty: it is proved gone.

        A supervisor that lives is left alone, and returned. It takes the job's grace period and
        some seconds at most.
        """
        look = self.probe(job)
        if look.state == JobState.ORPHAN:
            self.stop(job, kill=True)
            look = self.probe(job)
        is_gone = look.state in (JobState.NONE, JobState.GONE, JobState.UNREADABLE)
        return () if is_gone else look.processes or (job.key,)

    def adopt(self, job: StageJob) -> None:
        """Take over a job that an earlier worker launched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Searcher(Plugin):
    """Decides what the trials of a `search` try."""

    group = "trainui.searchers"

    backend: Code
    """`(task)`, a SearchTask, to a SearchBackend."""
    samplers: Code
    """A mapping of the names of its samplers to SearchRules; the first is the default. Files are
    checked with it and with the next two where the packages that the backend needs are missing."""
    pruners: Code = ""
    """The same for the rules that stop trials early."""
    rank: int = 50
    """The lowest decides about a search that names neither sampler nor pruner."""
    title: str = ""
    """Its name in messages."""
    modules: tuple[str, ...] = ()
    """Packages that it needs."""
    problems: Code = ""
    """`(name, options)` of a sampler or a pruner to OptionProblems: those of several together."""
    extra: str = ""
    """The optional part of the package that it needs."""


@dataclass(frozen=True, slots=True)
class Option:
    """The values that an option of a sampler or a pruner accepts."""

    words: tuple[str, ...] = ()
    """Words; with `whole`, allowed besides a number."""
    flag: bool = False
    """True or false only."""
    whole: bool = False
    """Whole numbers only."""
    least: float = float("-inf")
    most: float = float("inf")
    required: bool = False
    default: float | None = None
    """The value where a file has none; None: the sampler's own."""
    modules: tuple[str, ...] = ()
    """Packages that it needs besides the searcher's."""

    @property
    def expected(self) -> str:
        """A description of the valid values, for a message."""
        if self.flag:
            return "true or false"
        if self.words and not self.whole:
            return " or ".join(self.words)
        number = "a whole number" if self.whole else "a number"
        if self.most < float("inf"):
            number += f" from {self.least:g} to {self.most:g}"
        elif self.least > float("-inf"):
            number += f" of at least {self.least:g}"
        return " or ".join((number, *self.words))


@dataclass(frozen=True, slots=True)
class SearchRule:
    """A sampler or a pruner of a searcher."""

    short: str
    """Its name in a pipeline file, besides its full one."""
    options: Mapping[str, Option] = field(default_factory=dict)
    """By name; a file may leave out an `n_` before it."""
    tries_all: bool = False
    """True if it tries each combination once, so that every range needs a step."""
    most: int | None = None
    """The most combinations that it takes."""
    delays: bool = False
    """True if it delays another rule, which a file gives it."""
    modules: tuple[str, ...] = ()
    """Packages that it needs besides the searcher's."""


@dataclass(frozen=True, slots=True)
class OptionProblem:
    """What is wrong with the options of a sampler, a pruner or an executor."""

    message: str
    """What follows the option's name: `needs multivariate: true`."""
    option: str = ""
    """Empty: all of them."""
    code: str = "bad-option"
    at_name: bool = False
    """True if the option is to be removed, and not its value changed."""


class StudyError(UnfitEnvironmentError):
    """A study cannot be used; the message says which file, and what to do."""


@dataclass(frozen=True, slots=True)
class SearchTrial:
    """A trial as trainui has stored it."""

    number: int
    """From 0 on, without gaps."""
    stage: str
    """The name of its stage, of several seeds the first."""
    params: Mapping[str, Any]
    state: str = "asked"
    """`asked`, `complete`, `pruned` or `fail`."""
    value: float | None = None
    step: float | None = None
    """The step of the value."""
    reason: str | None = None
    """Why it counts as failed."""


@dataclass(frozen=True, slots=True)
class SearchTask:
    """What a search is opened with."""

    name: str
    """`RUN_ID/STAGE`."""
    search: Any
    """The stage's `search`, a `trainui.model.definition.Search`."""
    file: Path
    """Where a study may be kept: `train.study.db` in the run's directory."""
    trials: Sequence[SearchTrial] = ()
    """The trials so far, in the order of their numbers."""
    history: str | None = None
    """What the backend had for `history` when these were stored; None: nothing, or it was that of
    another sampler or space."""
    is_shared: bool = False
    """True if other hosts may open the same search."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """Why a trial is not worth continuing."""

    by: str
    """The rule, as in the pipeline file: `median`."""
    rule: str | None = None
    """What its value was compared with: `the median`."""
    limit: float | None = None
    """The value that it was compared with."""
    of: int | None = None
    """The number of trials that were compared."""
    best: float | None = None
    """The value that was compared, if it is its best and not its last."""


class SearchBackend:
    """An open search; `ask` alone has to be defined.

    The trials are in trainui's store. A process may be killed after any call, before what it
    returned is stored: the next one opens the search with the trials that are.
    """

    history: str | None = None
    """What restores the search together with its trials; it is stored with each of them."""

    def ask(self, number: int) -> Mapping[str, Any]:
        """Return the values of the next trial, by parameter."""
        raise NotImplementedError

    def has_more(self) -> bool:
        """Return True if the study has a trial that is not stored, which `take_over` returns."""
        return False

    def take_over(self, trials: Sequence[SearchTrial]) -> tuple[int, Mapping[str, Any]]:
        """Return the number and the values of the first trial that is not stored; `trials` are."""
        raise NotImplementedError

    def tell(self, trial: SearchTrial) -> SearchTrial:
        """Take the end of a trial, unless it has ended; return it as it counts."""
        return trial

    def catch_up(self, history: str | None, trials: Sequence[SearchTrial]) -> bool:
        """Take what another host has stored; return False if the search has to be opened again."""
        del history, trials
        return False

    def importance(self) -> Mapping[str, float]:
        """Return each parameter's share of the objective's variation; empty if unknown."""
        return {}

    def follow(self, numbers: Set[int]) -> None:
        """Take the numbers of all trials that run, where the search prunes."""

    def reported(self, number: int) -> int | None:
        """Return the last step reported of a trial (-1: none); None if it has ended."""
        del number
        return -1

    def report(self, number: int, step: int, value: float, *, decide: bool) -> Pruned | None:
        """Take the value of a trial at a step; with `decide`, return why to stop it, or None."""
        del number, step, value, decide
        return None

    def flush(self) -> None:
        """Write what was reported; the decisions are stored now."""

    def close(self) -> None:
        """Close what is open."""
