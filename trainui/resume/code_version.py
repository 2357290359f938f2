"""The user's code and environment: recorded for a run or an attempt, and what changed since.

The code's state is that of git; without git, digests of the code files that commands name or that
are below a directory, and the versions of the packages that stages find. All searches are bounded,
since a submission waits for them. Of the environment there are keyed digests, whose key never
leaves the home: a stage's directory can be shared without revealing a secret, or whether a guess of
one is right.

What only a submission needs is imported there: `trainui show` looks at what is on record.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, field
from pathlib import Path
from threading import Timer
from typing import Any

from trainui import formatting, paths, system
from trainui.errors import UnfitEnvironmentError
from trainui.model.definition import StageDefinition
from trainui.model.records import RunRecord
from trainui.paths import Home
from trainui.record import dataclass
from trainui.store import shell_environment
from trainui.store.shell_environment import SET_BY_TRAINUI

CODE_FILE = "code.json"

TIME_LIMIT = 5.0
"""Total seconds for all git commands: a submission must not wait for a slow disk."""

DIFF_LIMIT = 2_000_000
"""Maximum bytes of a diff that are kept; a longer one is mostly data."""

MOST_FILES = 1000
"""Maximum number of files listed and checked for changes."""

SUFFIXES = frozenset(
    {".bash", ".c", ".cc", ".cfg", ".cpp", ".cu", ".cuh", ".h", ".hpp", ".ini", ".ipynb", ".jl"}
    | {".lua", ".pl", ".py", ".pyx", ".r", ".rb", ".rs", ".sh", ".toml", ".yaml", ".yml"}
)
"""Suffixes of code files: other files that git does not track may be written by a training."""

MOST_CODE_FILES = 100
"""Maximum number of files compared below a directory; hashing them adds 25 ms to a submission."""

MOST_ENTRIES = 1000
"""Maximum number of directory entries scanned for them."""

HASHED_UP_TO = 16 * 2**20
"""Bytes; a larger file is compared by size and modification time."""

GONE = "gone"
"""The digest of a file that cannot be read."""

_REDIRECTED = re.compile(r">\s*([^\s;&|<>()'\"]+)")
"""A file to which a command's shell text redirects output."""

_PIPELINE = re.compile(
    rb"^stages:(?:\s|#[^\n]*\n)*(?:\[\s*\{|-\s+(?:\{\s*)?[a-z_]+\s*:)", re.MULTILINE
)
"""The stages of a pipeline file: a list of mappings."""

_NO_CODE_OF_OURS = frozenset({"__pycache__", "node_modules", "site-packages"})

_PLACES = ("lib*/python3*/site-packages", "lib/python3/dist-packages")
"""Where packages lie below an interpreter's prefix."""

_SUFFIX = ".dist-info"


@dataclass(frozen=True, slots=True)
class CodeState:
    """The state of a directory's code: from git, or without git, digests of its code files."""

    commit: str | None = None
    """The commit's hash."""
    dirty: bool | None = None
    """True if tracked files differ from the commit."""
    diff: str | None = None
    """The changes to tracked files, including submodules, up to `DIFF_LIMIT` bytes."""
    untracked: list[str] = field(default_factory=list)
    """Untracked files that are not ignored, at most `MOST_FILES`, relative to `root`."""
    root: str | None = None
    """The repository's directory; without a repository, the directory itself."""
    changed: dict[str, str] = field(default_factory=dict)
    """Digests of the files that differ from the commit (of untracked files, only code). Without a
    commit: of the code files below `root`. Files named in commands are included, with absolute
    paths if they are outside of `root`."""
    note: str | None = None
    """The missing parts of this record, as text."""


def record(
    directory: Path, stages: Sequence[StageDefinition], run_directory: Path, **more: Any
) -> None:
    """Write the state of a pipeline's code, and `more`, into the run's directory.

    The run's secrets are masked in the diff.
    """
    state = asdict(state_of(directory))
    state["diff"] = shell_environment.masker(run_directory).value(state["diff"])
    root = Path(state["root"]).resolve()
    state["changed"] = {
        str(path.relative_to(root) if path.is_relative_to(root) else path): file_digest(path)
        for path in named_by(stages)
    } | state["changed"]
    in_run = f"{run_directory}/"
    written = written_by(stages)
    more["written"] = [pair for pair in written if not pair[1].startswith(in_run)]
    text = json.dumps({**state, **more}, indent=1)
    paths.write_private(run_directory / CODE_FILE, text)


def recorded(run_directory: Path) -> dict[str, Any]:
    """Return what `record` wrote; empty if it cannot be read."""
    return system.read_object(run_directory / CODE_FILE) or {}


def state_of(directory: Path) -> CodeState:
    """Return the code state of a directory; failures of git are recorded, not raised."""
    git = Git(directory)
    root = git("rev-parse", "--show-toplevel")
    if root is None:
        return _without_commit(directory.resolve(), "not a git repository, or git is not installed")
    root = root.removesuffix("\n")
    commit = git("rev-parse", "HEAD")
    if commit is None:
        return _without_commit(Path(root), "the git repository has no commit yet")
    commit = commit.strip()
    diff = git("diff", "HEAD", "--submodule=diff", *_PLAIN)
    if diff is None:
        return CodeState(commit, root=root, note="git took too long to list uncommitted changes")
    listed = (
        git("ls-files", "--others", "--exclude-standard", "--full-name", "-z", "--", root) or ""
    )
    untracked = listed.split("\0")[:-1]
    notes = []
    if len(diff) >= DIFF_LIMIT:
        notes.append(f"the diff is cut after {DIFF_LIMIT} bytes")
    if len(untracked) > MOST_FILES:
        notes.append(f"{len(untracked)} files are untracked, of which {MOST_FILES} are listed")
    changed = _changed(git, Path(root), commit) or {}
    unknown = [name for name in untracked if Path(name).suffix.lower() in SUFFIXES]
    changed |= {name: _digest(Path(root, name)) for name in unknown[:MOST_FILES]}
    return CodeState(
        commit, bool(diff), diff, untracked[:MOST_FILES], root, changed, "; ".join(notes) or None
    )


def _without_commit(root: Path, why: str) -> CodeState:
    found = code_below(root)
    changed = {str(path.relative_to(root)): file_digest(path) for path in found}
    note = f"{why}: only digests of {len(found)} files of code are on record"
    return CodeState(root=str(root), changed=changed, note=note)


_PLAIN = ("--no-color", "--no-ext-diff", "--no-textconv")


def changed_files(state: Mapping[str, Any], apart_from: str | None = None) -> list[str]:
    """Return the files that changed since a state was recorded.

    New untracked files are left out, those that the run's own stages write, and pipeline files:
    the run's own (`apart_from`, absolute), and those of other runs. Paths are relative to `root` if
    they are below it; none if git gives no answer.
    """
    root, commit = state.get("root"), state.get("commit")
    if not root:
        return []
    now = _changed(Git(Path(root)), Path(root), commit) if commit else {}
    if now is None:
        return []
    before = state.get("changed", {})
    now = {name: _digest(Path(root, name)) for name in before} | now
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    if not names:
        return []
    from trainui.resume import outputs

    ignored = {Path(apart_from)} if apart_from else set()
    for workdir, pattern in state.get("written", ()):
        ignored.update(outputs.matches(pattern, Path(workdir)))
    return sorted(
        name
        for name in names
        if ignored.isdisjoint(_path_and_parents(root, name)) and not _is_pipeline(Path(root, name))
    )


def _is_pipeline(path: Path) -> bool:
    """Return True for a file that defines a pipeline."""
    if path.suffix.lower() not in {".yaml", ".yml"}:
        return False
    with suppress(OSError):
        return _PIPELINE.search(system.read_bytes(path)) is not None
    return False


def _path_and_parents(root: str, name: str) -> list[Path]:
    """Return a file's absolute path, and the directories below `root` that contain it."""
    path = Path(root, name)
    return [path, *(one for one in path.parents if Path(root) in one.parents)]


def changed_since_submission(names: Sequence[str]) -> str:
    """Return a message that names changed code files."""
    return f"the code was changed since the run was submitted: {formatting.listed(names)}"


def since_submission(run: RunRecord) -> str:
    """Return a message naming the code files changed since a run's submission; empty if none.

    The run's pipeline file is ignored.
    """
    state = recorded(Path(run.directory))
    names = changed_files(state, apart_from=run.file)
    if not names:
        return ""
    words = changed_since_submission(names)
    if state.get("snapshot"):
        return f"{words}; stages run from the snapshot, without these changes"
    return f"{words}; stages that start now use the changed code"


def _changed(git: Git, root: Path, commit: str) -> dict[str, str] | None:
    """Return digests of the files that differ from a commit; None if git gives no answer."""
    listed = git("diff", "--name-only", "-z", "--no-ext-diff", commit)
    if listed is None:
        return None
    return {name: _digest(root / name) for name in listed.split("\0")[:-1][:MOST_FILES]}


def _digest(path: Path) -> str:
    """Return a digest of a file's content, or of a submodule's state."""
    if not path.is_dir():
        return file_digest(path)
    git = Git(path)
    said = (git("rev-parse", "HEAD") or "") + (git("diff", "HEAD", *_PLAIN) or "")
    return hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()


class Git:
    """Runs git commands in one directory, for at most `TIME_LIMIT` seconds in total."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._deadline = time.monotonic() + TIME_LIMIT

    def __call__(self, *arguments: str, limit: int = DIFF_LIMIT) -> str | None:
        """Return git's output, at most `limit` bytes; None if it fails or takes too long."""
        command = ("git", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false")
        # take no lock in the user's repository, since this process may be killed
        environ = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
        try:
            process = subprocess.Popen(
                (*command, "-C", str(self._directory), *arguments),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environ,
            )
        except OSError:
            return None
        with process:
            output = _read(process, self._deadline - time.monotonic(), limit)
        whole = process.returncode == 0 or len(output) == limit
        return output.decode(errors="surrogateescape") if whole else None


def _read(process: subprocess.Popen[bytes], seconds: float, limit: int) -> bytes:
    """Read at most `limit` bytes within `seconds`; kill the process if there is more."""
    assert process.stdout is not None
    timer = Timer(max(seconds, 0.01), process.kill)
    timer.start()
    output = process.stdout.read(limit)
    if len(output) == limit:
        process.kill()
    else:
        process.wait()
    timer.cancel()
    return output


def file_digest(path: Path) -> str:
    """Return a digest of a file's content; for a large file, its size and modification time."""
    try:
        status = path.stat()
        if status.st_size > HASHED_UP_TO:
            return f"{status.st_size} {status.st_mtime_ns}"
        return digest_of(system.read_bytes(path))
    except OSError:
        return GONE


def digest_of(content: bytes) -> str:
    """Return the digest of a small file's content."""
    return hashlib.sha256(content).hexdigest()


def named_by(stages: Iterable[StageDefinition]) -> list[Path]:
    """Return the absolute paths of scripts and configuration files named in stages' commands."""
    words = dict.fromkeys(pair for stage in stages for pair in _words(stage))
    found = (Path(workdir, word).resolve() for workdir, word in words if _is_code(workdir, word))
    return list(dict.fromkeys(found))


def written_by(stages: Iterable[StageDefinition]) -> list[tuple[str, str]]:
    """Return what stages write: a workdir, and a path or glob, of each output and redirection.

    Patterns that would search all of a workdir, including data sets, are left out.
    """
    from trainui.resume import outputs

    found = (
        (stage.workdir, pattern)
        for stage in stages
        for pattern in (*stage.outputs, *_REDIRECTED.findall(str(stage.command)))
        if not outputs.goes_everywhere(pattern)
    )
    return list(dict.fromkeys(found))


def _words(stage: StageDefinition) -> Iterator[tuple[str, str]]:
    command = stage.command or ()
    words = command.split() if isinstance(command, str) else command
    for word in words:
        if (name := word.strip("\"'();&|").rpartition("=")[2]) and "\0" not in name:
            yield stage.workdir, name


def _is_code(workdir: str, word: str) -> bool:
    path = Path(workdir, word)
    try:
        if _has_suffix(word):
            return path.is_file()
        # a program given by its absolute path is installed, not edited by the user
        return not Path(word).is_absolute() and path.is_file() and os.access(path, os.X_OK)
    except OSError:  # the word is too long for a file name
        return False


def code_below(directory: Path) -> list[Path]:
    """Return up to `MOST_CODE_FILES` code files below a directory, breadth first."""
    found: list[Path] = []
    entries = MOST_ENTRIES
    frontier = [directory]
    while frontier and entries > 0 and len(found) < MOST_CODE_FILES:
        here = _entries(frontier.pop(0))[:entries]
        entries -= len(here)
        found += [Path(one) for one in here if one.is_file() and _has_suffix(one.name)]
        frontier += [
            Path(one) for one in here if one.is_dir(follow_symlinks=False) and _is_ours(one)
        ]
    return found[:MOST_CODE_FILES]


def _entries(directory: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []


def _has_suffix(name: str) -> bool:
    return Path(name).suffix.lower() in SUFFIXES


def _is_ours(entry: os.DirEntry[str]) -> bool:
    """Return True if a directory may contain user code: not hidden, and no virtual environment."""
    if entry.name.startswith(".") or entry.name in _NO_CODE_OF_OURS:
        return False
    return not Path(entry.path, "pyvenv.cfg").exists()


def packages_of(stages: Iterable[StageDefinition], environ: Mapping[str, str]) -> dict[str, str]:
    """Return the versions of the packages in the environments of stages, by name.

    Packages that an environment takes from its base interpreter are not among them. If two stages
    find different versions, the first stage's counts.
    """
    from trainui.pipeline import stage_command

    found: dict[str, str] = {}
    for python in dict.fromkeys(stage.python for stage in stages):
        with suppress(UnfitEnvironmentError):  # the stage's start reports it
            path = Path(stage_command.find_interpreter(python, environ).path)
            found = dict(_installed(path.parent.parent)) | found
    return dict(sorted(found.items()))


def _installed(prefix: Path) -> Iterator[tuple[str, str]]:
    for pattern in _PLACES:
        for directory in prefix.glob(pattern):
            for entry in os.listdir(directory):  # noqa: PTH208 (a path each costs more)
                if entry.endswith(_SUFFIX):
                    name, _, version = entry.removesuffix(_SUFFIX).partition("-")
                    yield name.lower().replace("_", "-"), version


VARIABLES_FILE = "variables.json"
"""File in the attempt's directory."""

_OWN_VARIABLES = SET_BY_TRAINUI | {"CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "TRAINUI_HOME"}
"""Variables that differ in every attempt, or after a home was moved."""


def _variables_ignored() -> frozenset[str]:
    """Return the variables that are not compared, with those that are set for a tracker."""
    from trainui.plugin import Tracker, registry

    return _OWN_VARIABLES.union(*(one.ignored_variables for one in registry.records(Tracker)))


@dataclass(frozen=True, slots=True)
class EnvironmentDifference:
    """Names of the variables that differ between two attempts, sorted."""

    changed: tuple[str, ...]
    added: tuple[str, ...]
    gone: tuple[str, ...]


def note_environment(home: Home, attempt_dir: Path, environ: Mapping[str, str]) -> None:
    """Write the digests of an attempt's variables into its directory.

    Raises:
        OSError: the file cannot be written.
    """
    paths.make_private(home.worker)
    word = paths.identity(home.variables_key)
    key = word.encode()

    def digest(value: str) -> str:
        data = value.encode("utf-8", "surrogateescape")
        return hashlib.blake2b(data, key=key, digest_size=12).hexdigest()

    ignored = _variables_ignored()
    digests = {name: digest(value) for name, value in environ.items() if name not in ignored}
    content = {"key": digest(word), "digests": digests}
    paths.write_private(attempt_dir / VARIABLES_FILE, json.dumps(content))


def environment_difference(before: Path, after: Path) -> EnvironmentDifference | None:
    """Compare the variables of two attempts.

    The difference is None if it is unknown: one has no digests, or they are from different homes.
    """
    first, second = _digests_in(before), _digests_in(after)
    if first is None or second is None or first["key"] != second["key"]:
        return None
    old, new = first["digests"], second["digests"]
    return EnvironmentDifference(
        changed=tuple(sorted(name for name in old if name in new and old[name] != new[name])),
        added=tuple(sorted(new.keys() - old.keys())),
        gone=tuple(sorted(old.keys() - new.keys())),
    )


def _digests_in(attempt_dir: Path) -> dict[str, dict[str, str]] | None:
    content = system.read_object(attempt_dir / VARIABLES_FILE) or {}
    return content if isinstance(content.get("digests"), dict) and "key" in content else None
