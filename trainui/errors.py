"""What can go wrong, worded once: each error's message is for the person who reads it.

An error knows the exit code of the command that meets it and the short code that `--json` shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class TrainuiError(Exception):
    """Something that trainui can explain: base of all errors below."""

    code = "error"
    exit_code = 1


class UsageError(TrainuiError):
    """The command or call was not understood; the message says which words were off."""

    code = "usage"
    exit_code = 2


class AmbiguousError(UsageError):
    """A name fits several things; the message lists them."""

    code = "ambiguous"


class NotFoundError(TrainuiError):
    """There is no such run or stage; the message names the nearest that is there."""

    code = "not_found"
    exit_code = 3


class UnfitEnvironmentError(TrainuiError):
    """This machine is not set up for what was asked; the message says what to do."""

    code = "environment"
    exit_code = 4


class StoreError(UnfitEnvironmentError):
    """The database cannot be used now; the message says why. The worker tries again."""


class StoreLockedError(StoreError):
    """Another process locked the database for longer than a transaction waits."""


class StoreSchemaError(StoreError):
    """The database has not the tables of this version."""


class NotPlainFileError(UnfitEnvironmentError, OSError):
    """A file was replaced by something that is none; the message names it."""

    def __init__(self, path: str, kind: str) -> None:
        super().__init__(f"{path} is {kind} and no plain file; move it away")
        self.kind = kind
        """What it is, such as `a FIFO`."""


class ReplacedError(UnfitEnvironmentError):
    """Another trainui was installed under this process, or this one removed: it has to end."""

    def __init__(self) -> None:
        super().__init__(str(self.__doc__))


class WaitTimeoutError(TrainuiError, TimeoutError):
    """The time given to wait is over; what was waited for goes on."""

    code = "timeout"
    exit_code = 5


class StoppedError(TrainuiError):
    """A person pressed ctrl+c; the message says what was done by then and what goes on."""

    code = "stopped"
    exit_code = 130


class TransitionError(TrainuiError):
    """A state was about to change in a way that the table of transitions does not allow."""

    code = "transition"


class UnsafePathError(UsageError):
    """A path lies outside the directories that are allowed, or is not what it seems."""

    code = "path"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a pipeline file, and where."""

    file: str
    """The file as the user named it; `-` is standard input."""

    line: int
    """Counted from 1."""

    column: int
    """Counted from 1."""

    code: str
    """A short, stable name, such as `unknown-field`."""

    message: str
    """What is wrong and what to do, on one line."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class PipelineFileError(UsageError):
    """A pipeline file has problems; the message holds all of them, one a line."""

    code = "pipeline_file"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)
