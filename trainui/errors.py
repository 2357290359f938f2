"""Exception types; each message is written for the user.

Each type has the exit code of the command and a short code for `--json`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from trainui.record import dataclass


class TrainuiError(Exception):
    """Base of all errors that trainui reports to the user."""

    code = "error"
    exit_code = 1
    remedy: str | None = "trainui doctor"
    """The command to type where the message names none."""

    @property
    def hint(self) -> str | None:
        """The command to type next: the first one in the message, else that of its kind."""
        named = _COMMAND.search(str(self))
        return named[1] if named else self.remedy


_COMMAND = re.compile(r"`(trainui [^`]+)`")


class UsageError(TrainuiError):
    """The command or call is invalid; the message says which argument."""

    code = "usage"
    exit_code = 2
    remedy = "trainui --help"


class PlanChangedError(UsageError):
    """A plan would be carried out otherwise than it was shown; the message has the difference."""

    code = "plan_changed"
    remedy = ""


class AmbiguousError(UsageError):
    """A name matches several things; the message lists them."""

    code = "ambiguous"
    remedy = "trainui ls"


class NotFoundError(TrainuiError):
    """There is no such run or stage; the message suggests the most similar one."""

    code = "not_found"
    exit_code = 3
    remedy = "trainui ls"


class UnfitEnvironmentError(TrainuiError):
    """This machine is not set up for the request; the message says what to do."""

    code = "environment"
    exit_code = 4


class AgentLimitError(UnfitEnvironmentError):
    """The setting `agent_limits` forbids an agent this; the message says which part of it."""

    code = "agent_limits"
    remedy = None


class CopiedHomeError(UnfitEnvironmentError):
    """The home is a copy of another one; the message names both and says what to do."""

    code = "copied_home"


class StoreError(UnfitEnvironmentError):
    """The database is unavailable; the message says why. The worker retries."""


class StoreLockedError(StoreError):
    """Another process held the database lock for longer than the lock timeout."""


class StoreSchemaError(StoreError):
    """The database schema is not that of this version."""


class SchemaRefusedError(UnfitEnvironmentError):
    """The database is of a newer trainui, or of one from before the first release."""


class SchemaOutdatedError(UnfitEnvironmentError):
    """The database is at an earlier revision, which only a worker of this version upgrades."""


class NotPlainFileError(UnfitEnvironmentError, OSError):
    """A path is not a regular file (e.g. a FIFO); the message names it."""

    def __init__(self, path: str, kind: str) -> None:
        super().__init__(f"{path} is {kind}, not a regular file; move it away")
        self.kind = kind
        """The kind of file, e.g. `a FIFO`."""


class ReplacedError(UnfitEnvironmentError):
    """Another trainui was installed under this process, or this one removed: it has to end."""

    def __init__(self) -> None:
        super().__init__(str(self.__doc__))


class WaitTimeoutError(TrainuiError, TimeoutError):
    """The wait timed out; what was waited for continues."""

    code = "timeout"
    exit_code = 5
    remedy = "trainui ls"


class StoppedError(TrainuiError):
    """The user pressed ctrl+c; the message says what is done and what continues."""

    code = "stopped"
    exit_code = 130
    remedy = None


class TransitionError(TrainuiError):
    """A change of state that the table of transitions does not allow."""

    code = "transition"


class UnsafePathError(UsageError):
    """A path is outside the allowed directories, or cannot be used safely."""

    code = "path"


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem in a pipeline file and its position."""

    file: str
    """The file as the user named it; `-` is standard input."""
    line: int
    """Counted from 1."""
    column: int
    """Counted from 1."""
    code: str
    """A stable identifier, e.g. `unknown-field`."""
    message: str
    """The error and how to fix it, on one line."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class PipelineFileError(UsageError):
    """A pipeline file has problems; the message lists all of them, one per line."""

    code = "pipeline_file"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)

    @property
    def hint(self) -> str | None:
        """The command that lists the problems of the first file with some."""
        file = self.problems[0].file if self.problems else "FILE"
        return f"trainui validate {shlex.quote(file)}"


def install_advice(extra: str) -> str:
    """Return how to install an optional part of trainui, an extra of `pyproject.toml`."""
    return (
        f"install trainui with its extra `{extra}`: pipx install --force '.[{extra}]' in its clone "
        "(pip install, in a virtual environment)"
    )
