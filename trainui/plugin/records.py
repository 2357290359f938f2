"""The kinds of plugins: a record for each, and what the code behind them gives and gets.

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
from collections.abc import Mapping, Sequence
from dataclasses import field
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from trainui.record import dataclass

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
    """`(environment)` to a directory outside of all workdirs in which it keeps its files; the
    variables are those of the attempt, the submitting shell's and the stage's own."""
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
    objective: tuple[str, str] | None = None
    """Of a trial: the metric that its study optimizes, and `minimize` or `maximize`."""
    tags: Mapping[str, str] = field(default_factory=dict)
    tracker: str = ""
    """The name of its tracker, if it is in a database."""
    database: str = ""
    """The name by which its program prints the database, without its ending; empty: the file's."""


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

    epoch: float | None = None
    """The epoch that a heading above the line has stated, as in `Epoch 2/10`; set before `read`."""
    at: float | None = None
    """The step of the lines that are printed while a progress bar is drawn; set by `read`."""

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
    matrix: Mapping[str, str] = field(default_factory=dict)
    """Its values as a member of the sweep `name`, e.g. `train[job=0,lr=0.1]`; empty: it is none."""


@dataclass(frozen=True, slots=True)
class Training:
    """A training that was found: it becomes an external run."""

    kind: str
    """As in `trainui add --json`: the tracker's name."""
    name: str
    path: Path
    jobs: tuple[Job, ...]
    """One; a multirun has one for each of its jobs."""
    objective: tuple[str, str] | None = None
    """The metric by which the best of its jobs is known, and `minimize` or `maximize`."""

    @property
    def key(self) -> str:
        """Its identity among trainings in other files and in the same database."""
        return f"{self.path}#{self.run}" if self.run else str(self.path)

    @property
    def run(self) -> str:
        """The id of its run in a tracker's database, or empty."""
        return study_of(self.jobs[0].run)
