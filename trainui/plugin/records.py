"""The kinds of plugins: a record for each, and the protocols of the code behind them.

A record is what `trainui` needs before it runs any code of the plugin: names, patterns and flags.
Code is named as `"module:function"` and imported on its first use, so a package whose records are
loaded costs next to nothing. An entry point leads to a record:

    [project.entry-points."trainui.formats"]
    kv = "trainui_kv:FORMAT"
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from trainui.errors import UnfitEnvironmentError

INTERFACE = 1
"""The version of this interface. It changes when a plugin made for the one before would break."""

Code = str
"""Where code is, as `module:function`; empty: the plugin has none."""


def fits(name: str, patterns: tuple[str, ...]) -> bool:
    """Return True if a file's name is matched by one of some globs."""
    return _compiled(patterns).match(name) is not None


@cache
def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(fnmatch.translate, patterns)) or r"(?!)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """What all records have."""

    group: ClassVar[str]
    """The group of its entry points."""

    interface: int
    """The version of the interface that the plugin was made for."""
    name: str
    """As in pipeline files and on the command line; unique among its kind."""


class Answer(Enum):
    """Answers of a format that is shown the first bytes of a file."""

    YES = "yes"
    NO = "no"
    MORE = "more"
    """There are too few bytes to decide."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The answer for a file that nothing can read; no other format is asked."""

    reason: str
    """What the file is, and what to do: `is a zip archive; name the file with metrics`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Format(Plugin):
    """A format of files with metrics."""

    group = "trainui.formats"

    decoder: Code
    """`(step, state, path)` to a `reading.Decoder`: its arguments are those of the class."""
    files: tuple[str, ...] = ()
    """Names under which trainings write such files, as globs: they are found and watched."""
    recognise: Code = ""
    """`(head, path, complete)` to an Answer or Refused; a `complete` file does not grow beyond
    these first bytes. Without it, the format is never detected from content."""
    rank: int = 50
    """The lowest is asked first. The open formats of trainui itself come last."""
    refines: str = ""
    """`json` or `jsonl`: `recognise` is asked only about files that are that already."""
    kind: str = ""
    """Files of one kind say the same: of a training's files, one kind gives a metric its name.
    Empty: the format's own name."""
    is_usual: Code = ""
    """`(path)` to True for a file whose path, not its name, shows that it is of this format."""
    find: Code = ""
    """`(path, root)` to a FoundFile for a file below a directory, or None: where its place gives
    its metrics a prefix, or a name alone does not show its format. The root may be None."""
    stands_for: Code = ""
    """`(path)` to the path by which all files of one history are known, and a number that grows
    with it, or None: where a trainer writes the whole history again and again, to other files."""
    prefixes: Code = ""
    """`(paths)` to prefixes by path, which keep the files of one attempt apart."""
    precedence: int = 10
    """Of the kinds of files that are added together, the lowest gives a metric its name."""
    is_document: bool = False
    """True if such a file is rewritten at each change, and read from its first byte."""
    is_preset_too: bool = False
    """True if a log's lines are read by a preset of the same name; the first bytes decide."""
    history: Code = ""
    """`(key)` to the part of a source's key that the files of one history share, or None for a
    file of another format."""
    are_parts: Code = ""
    """`(history, other)` to True if two histories are parts of one, which may continue a curve; to
    None if they are of other formats."""
    label: Code = ""
    """`(history)` to the names that distinguish a history from others, or None; best first."""
    order: Code = ""
    """`(path)` to bytes by which new files are sorted before they are read."""
    repeats_history: bool = False
    """True if such a file repeats what earlier attempts have measured."""
    flushed_late: bool = False
    """True if it is written some time after its trainer has printed the same."""
    may_continue: bool = False
    """True if a new file may continue the curves of another one in the same attempt."""
    one_directory: bool = False
    """True if the files of a directory are one history, whatever their names."""
    one_per_training: bool = False
    """True if a training writes one such file, or those of one directory: the metrics of another
    one in the same attempt have the name of its directory, or its own, as a prefix."""
    is_one_curve: bool = False
    """True if the same metric in two such files is one curve."""

    @property
    def family(self) -> str:
        """The kind of its files."""
        return self.kind or self.name

    def fits(self, name: str) -> bool:
        """Return True if a file's name is one of the usual ones."""
        return fits(name, self.files)


@dataclass(frozen=True, slots=True)
class FoundFile:
    """How a file that was found is read."""

    prefix: str = ""
    """Of its metrics."""
    kind: str = ""
    """Empty: the format's."""
    is_sure: bool = False
    """True if the format need not be detected from its content."""
    also_if_named: bool = False
    """True if its prefix holds for a file that a stage names, too."""
    is_final: bool = False
    """True if it is read once, at the end, since others have the same metrics until then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackerDatabase:
    """A tracker's database, of which trainui reads a private copy."""

    tables: tuple[str, ...]
    """The tables by which it is recognised; rows are added to the first ones."""
    marker: bytes
    """Bytes in the text of its tables: files without them are never copied."""
    runs: Code
    """`(connection)` to its runs, as TrackedRun."""
    points: Code
    """`(connection, run, after)` to the points of a run after some rows, and the rows read last."""
    jobs: Code = ""
    """`(connection)` to what its runs consist of, such as trials; empty: its runs."""
    is_file: Code = ""
    """`(path)` to True for a file that is no SQLite database and is read as one."""
    paths: str = ""
    """A regular expression for the paths of such files that stand for a whole directory: their
    runs are found like those of databases."""
    open_file: Code = ""
    """`(path)` to an SQLite connection with the content of such a file."""
    version: Code = ""
    """`(path)` to a value that changes with this content; empty: the file's state."""
    is_rewritten: bool = False
    """True if its writer opens it for each write and records no end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointDirectory:
    """A checkpoint that is a directory of files."""

    state: str
    """The file in it that is written last, a JSON object with the step."""
    begun_by: str = ""
    """A file that is written before: with it and without the state, a checkpoint is incomplete."""
    name: str = ".*"
    """A regular expression that the names of such directories fit."""
    resume_option: str = "--resume"
    """The option by which its programs continue from such a directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracker(Plugin):
    """A program that records trainings: how they are found, and what it says about them."""

    group = "trainui.trackers"

    title: str = ""
    """Its name in messages; empty: `name`."""
    rank: int = 50
    """The lowest is asked first whose training a directory is."""
    find: Code = ""
    """`(place)` to the Training of a directory with its marker, or None."""
    has_jobs: bool = False
    """True if a training consists of jobs, which may be added as long as it runs."""
    joined: Code = ""
    """`(trainings)` to the trainings, where several parts of one are one."""
    owns: Code = ""
    """`(directories, name)` to True for a file of the tracker itself, which is no training's."""
    unread: str = ""
    """What to do instead, where none of the files that it `owns` are read: they are left alone, and
    people are referred to this: `log to TensorBoard too`. The name is empty for a directory."""
    leaves: tuple[str, ...] = ()
    """Names of directories, as globs, in which only the files at their top have metrics."""
    places: tuple[str, ...] = ()
    """Directories, seen from a training's workdir, in which it makes its files."""
    directories: tuple[str, ...] = ()
    """Names that people give such directories, in lower case. A training below one is not named
    after it, and `--NAME_dir` is an option for output."""
    services: tuple[str, ...] = ()
    """Names of programs, as globs, that a training starts to write its log."""
    database: TrackerDatabase | None = None
    parameters: Code = ""
    """`(path)` to the parameters that it recorded beside or in a file, or None."""
    summary: Code = ""
    """`(paths)` to what it recorded as the result of a training."""
    command: Code = ""
    """`(path, job, run)` to the CommandLine of a training or of the job in a directory, None if
    that is not on record; `run` is its id in a database."""
    environment: Code = ""
    """`(attempt_dir, tag)` to variables for a new attempt; the tag names the attempt's directory
    where a tracker has tags."""
    ignored_variables: tuple[str, ...] = ()
    """Variables that differ in every attempt and say nothing about it."""
    grouping: Code = ""
    """`(directory)` to the Group of a directory that is one job of many, or None."""
    owner: Code = ""
    """`(path, tag, root)` to the Owner of a file whose run or job, below the root, was started by
    an attempt, or None."""
    printed: Code = ""
    """`(text, memory)` to each Printed in a part of an attempt's output; the memory, a dict, is
    that of this output."""
    home: Code = ""
    """`(environment)` to a directory outside of all workdirs in which it keeps its files."""
    checkpoint: CheckpointDirectory | None = None
    """How the checkpoints that it writes as directories are recognised."""

    @property
    def label(self) -> str:
        """Its name for people."""
        return self.title or self.name


@dataclass(frozen=True, slots=True)
class Group:
    """A directory that is one of many jobs of a training."""

    prefix: str
    """Of its metrics, as seen from a directory above; may be empty."""
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Printed:
    """Something that a tracker has printed about its runs."""

    run: str = ""
    """The name of a run that it began or resumed."""
    database: str = ""
    """The name of the database of that run, without its ending; empty: unknown."""
    place: str = ""
    """A directory with its databases."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Which attempt has started a run or a job."""

    attempt: str
    """Its directory."""
    root: Path | None = None
    """The directory of the job, if prefixes are seen from there."""


@dataclass(frozen=True, slots=True)
class CommandLine:
    """How a training was started."""

    words: tuple[str, ...]
    directory: str
    environment: str = ""
    """What is known of its environment, for people."""
    is_bare: bool = False
    """True if only the script is on record, and not its arguments."""


@dataclass(frozen=True, slots=True)
class TrackedRun:
    """A run as its tracker has it."""

    id: str
    name: str
    params: Mapping[str, Any] = field(default_factory=dict)
    status: str | None = None
    """`running`, `completed` or `failed`; None: the tracker does not say."""
    started: float | None = None
    """Seconds since 1970."""
    ended: float | None = None
    parent: str | None = None
    """The id of the run that it is nested in."""
    tags: Mapping[str, str] = field(default_factory=dict)
    tracker: str = ""
    """The name of its tracker, if it is in a database."""
    database: str = ""
    """The name by which its program prints the database, without its ending; empty: the file's."""


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
    """The stage's `search`, a `trainui.model.search.Search`."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Importer(Plugin):
    """Turns another program's file into a pipeline file."""

    group = "trainui.importers"

    convert: Code
    """`(text, file, directory, target)` to an `Imported`: the file's text, its name for messages,
    its directory, and the directory that the pipeline file will be in."""
    files: tuple[str, ...] = ()
    """Names of such files, as globs."""


@dataclass(frozen=True, slots=True)
class Imported:
    """A converted file."""

    text: str
    """Of a pipeline file."""
    notes: tuple[str, ...] = ()
    """One line for each thing that has no equivalent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer(Plugin):
    """Shows a stage's files on the screen."""

    group = "trainui.viewers"

    view: Code
    """`(path, columns, rows)` to lines of text for the terminal."""
    files: tuple[str, ...] = ()
    """Names of such files, as globs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command(Plugin):
    """A command of the command line."""

    group = "trainui.commands"

    run: Code
    """A function for Typer: its parameters are the command's."""
    help: str = ""
    """Its line in `trainui --help`."""
    examples: tuple[str, ...] = ()
    """Complete command lines, shown below its help."""
    answer: Mapping[str, Any] | None = None
    """The JSON Schema of what it prints with --json; None: it has no such option."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLines(Plugin):
    """Reads metrics from the printed lines of one program; its name is a preset's."""

    group = "trainui.log_lines"

    reader: Code
    """A class made with a dict, in which it keeps its state as plain JSON: see LineReader."""
    pattern: str = ""
    """Found in the first of its lines; once its memory has something, it gets all others."""
    counts_epochs: bool = False
    """True if its steps are epochs, where a file of the same training has steps."""
    rank: int = 50
    """The lowest is tried first."""


NumberRow = dict[str, float]
"""Numbers by name, with their `step`."""


class LineReader:
    """Reads the lines of a log, in order."""

    def __init__(self, memory: dict[str, Any]) -> None:
        """Continue from a memory, which is stored with the points."""
        self.memory = memory

    @classmethod
    def carried_over(cls, memory: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the next attempt's log needs to know of an attempt's: nothing, usually."""
        del memory
        return {}

    def read(self, line: str) -> Sequence[NumberRow] | None:
        """Return the rows that a line completes; None for a line that completes none and is its.

        A line that gives no rows and is not its own is read by others.
        """
        raise NotImplementedError

    def finish(self) -> Sequence[NumberRow]:
        """Return the rows that are still incomplete at the end."""
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause(Plugin):
    """Causes of failures: how they are recognised, and what an expert would do."""

    group = "trainui.causes"

    find: Code = ""
    """`(lines)` of the end of a log to a FoundCause, or None."""
    rules: Code = ""
    """A sequence of CauseRules: trainui reads the logs, and chooses among what they recognise."""
    edit: Code = ""
    """`(cause, facts)` of a FoundCause and EditFacts to a PreparedEdit, or None."""
    is_last_resort: bool = False
    """True if `find` is asked only where no traceback shows why."""
    rank: int = 50
    """The lowest is asked first."""


@dataclass(frozen=True, slots=True)
class FoundCause:
    """Why an attempt failed."""

    text: str
    """What happened, in words."""
    evidence: str
    """The line of the log that shows it."""
    fix: str = ""
    """What an expert would do."""
    edit: Mapping[str, Any] | None = None
    """The edit of the pipeline that does it: `{"params": {"batch_size": 16}}`."""
    id: str = ""
    """A short name of such causes; empty: the plugin's name."""
    file: str | None = None
    """The place in the user's own code, as the log has it."""
    line: int | None = None


class Shown(Enum):
    """Where a rule's pattern is searched."""

    RAISED = "raised"
    """In the exception that ended a process: `Type: message`, and the lines of the message."""
    LINE = "line"
    """In the last lines of a log, outside of tracebacks."""
    BOTH = "both"
    ABOVE = "above"
    """In any line above what `explains` fits: the exception, or the last lines."""
    OUTSIDE = "outside"
    """In the last lines, written by who ended the process: it decides over all exceptions."""
    END = "end"
    """Nowhere: the exit code or signal alone show it, where nothing else does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseRule:
    """How a cause shows in what a process printed, and in how it ended."""

    id: str
    """A short name of such causes."""
    pattern: str = ""
    """A regular expression; what it finds is the evidence. It is searched line by line."""
    text: str
    """What happened; `{name}` stands for a group of the pattern."""
    fix: str
    """What an expert would do; `{name}` as in `text`."""
    shown: Shown = Shown.BOTH
    weight: int = 50
    """The highest wins: 20 for what the exception's type alone shows, 60 for a detail below it."""
    explains: str = ""
    """For `Shown.ABOVE`: what the exception or one of the last lines has to be."""
    codes: tuple[int, ...] = ()
    """The exit codes it is limited to; those of shells for signals are in `signals`."""
    signals: tuple[int, ...] = ()
    """The signals it is limited to."""
    command: str = ""
    """A regular expression that the stage's command has to fit."""
    own: bool | None = None
    """True: the exception was raised in the user's own code; False: in a library."""
    frame: str = ""
    """A regular expression that a place of the traceback has to fit: its file, or its source."""


@dataclass(frozen=True, slots=True)
class EditFacts:
    """What an edit is prepared from."""

    params: Mapping[str, Any]
    """The stage's parameters: those of its command, its sweep and the run."""
    command: str
    checkpoints: Sequence[str] = ()
    """The checkpoints that exist, the newest first."""
    last_good: Sequence[str] = ()
    """Those of them that were written before the first metric that was NaN or infinite."""


@dataclass(frozen=True, slots=True)
class PreparedEdit:
    """An edit that would avoid the cause; nothing is changed before a person has agreed."""

    params: Mapping[str, Any] = field(default_factory=dict)
    """New values by parameter."""
    checkpoint: str | None = None
    """The checkpoint from which to continue; None: as usual."""
    note: str = ""
    """What it does, or what has to be done by hand."""


KINDS: tuple[type[Plugin], ...] = (
    *(Format, Tracker, Executor, Searcher, Importer, Viewer, Command, LogLines, Cause),
)
"""All kinds of plugins."""


TRIAL = "/trial "
"""Between the id of a run that consists of several, and the number of one of them."""


def study_of(run: str) -> str:
    """Return the id of the run that a run's or a trial's id is of."""
    study, mark, _number = run.rpartition(TRIAL)
    return study if mark else run


@dataclass(frozen=True, slots=True)
class Place:
    """A directory with its entries; links are left out."""

    path: Path
    directories: tuple[str, ...]
    files: tuple[str, ...]
    problem: str | None = None
    """Why it cannot be read; None: it can."""

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def has(self, *names: str) -> bool:
        """Return True if all of these files exist."""
        return all(name in self.files for name in names)

    def fits(self, pattern: re.Pattern[str]) -> list[str]:
        """Return the names of the files that a pattern fits."""
        return [name for name in self.files if pattern.fullmatch(name)]

    def log(self) -> Path | None:
        """Return the first log."""
        return next((self / name for name in self.files if name.endswith((".log", ".out"))), None)

    @classmethod
    def of(cls, path: Path) -> Place:
        """Return a directory; without entries, and with the problem, if it cannot be read."""
        directories, files, problem = [], [], None
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        directories.append(entry.name)
                    elif entry.is_file(follow_symlinks=False):
                        files.append(entry.name)
        except OSError as error:
            problem = f"it cannot be read: {error.strerror}"
        return cls(path, tuple(sorted(directories)), tuple(sorted(files)), problem)


@dataclass(frozen=True, slots=True)
class Job:
    """One training, or a job of a multirun."""

    name: str
    directory: Path
    sources: tuple[tuple[Path, str | None], ...] | None = None
    """Files and formats; None: the usual files below the directory."""
    params: Mapping[str, Any] = field(default_factory=dict)
    status: str | None = None
    """`running`, `completed` or `failed`, where the tracker recorded it; else None."""
    started: float | None = None
    """Seconds since 1970; None: not recorded."""
    ended: float | None = None
    log: Path | None = None
    run: str = ""
    """Its id in the database that `sources` names, which has other runs too."""
    quiet: float = 0.0
    """Seconds without a change after which it counts as ended although no process has its files
    open, since its writer opens them for each write; 0: its writer keeps them open."""


@dataclass(frozen=True, slots=True)
class Training:
    """A training that was found: it becomes an external run."""

    kind: str
    """As in `trainui add --json`: the tracker's name."""
    name: str
    path: Path
    jobs: tuple[Job, ...]
    """One; a multirun has one for each of its jobs."""

    @property
    def key(self) -> str:
        """Its identity among trainings in other files and in the same database."""
        return f"{self.path}#{self.run}" if self.run else str(self.path)

    @property
    def run(self) -> str:
        """The id of its run in a tracker's database, or empty."""
        return study_of(self.jobs[0].run)
