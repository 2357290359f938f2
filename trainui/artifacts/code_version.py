"""The state of the user's code as a run was submitted, and what has changed of it since."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Timer
from typing import Any

from trainui import paths, plain_files
from trainui.artifacts import code_files
from trainui.domain.definition import StageDefinition
from trainui.domain.records import RunRecord

CODE_FILE = "code.json"

TIME_LIMIT = 5.0
"""Seconds for all that git is asked: a submission must not wait for a slow disk."""

DIFF_LIMIT = 2_000_000
"""Bytes of a diff that are kept; a longer one is mostly data."""

MOST_FILES = 1000
"""Files that are listed, and looked at for changes."""


@dataclass(frozen=True, slots=True)
class CodeState:
    """What git says of a directory; without git, what its files of code are."""

    commit: str | None = None
    """The commit's hash."""
    dirty: bool | None = None
    """Whether files that git knows were changed since."""
    diff: str | None = None
    """Those changes, in submodules too, at most `DIFF_LIMIT` bytes of them."""
    untracked: list[str] = field(default_factory=list)
    """Files that git neither knows nor ignores, at most `MOST_FILES`, relative to `root`."""
    root: str | None = None
    """The repository's directory; without one, the directory itself."""
    changed: dict[str, str] = field(default_factory=dict)
    """The files that are not as in the commit, each with a digest of what it holds; of those that
    git does not know only code. Without a commit: the files of code below `root`. Those that a
    command names are among them, by absolute path where they lie elsewhere."""
    note: str | None = None
    """What is missing here, in words."""


def record(
    directory: Path, stages: Iterable[StageDefinition], run_directory: Path, **more: Any
) -> None:
    """Write the state of a pipeline's code, and more, into the run's directory."""
    state = asdict(state_of(directory))
    root = Path(state["root"]).resolve()
    state["changed"] = {
        str(path.relative_to(root) if path.is_relative_to(root) else path): code_files.digest(path)
        for path in code_files.named_by(stages)
    } | state["changed"]
    text = json.dumps({**state, **more}, indent=1)
    paths.write_private(run_directory / CODE_FILE, text)


def recorded(run_directory: Path) -> dict[str, Any]:
    """Return what `record` wrote; nothing where it cannot be read."""
    try:
        content = json.loads(plain_files.read_bytes(run_directory / CODE_FILE))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def state_of(directory: Path) -> CodeState:
    """Ask git about a directory; no failure of git's is ours."""
    git = Git(directory)
    root = git("rev-parse", "--show-toplevel")
    if root is None:
        return _without_commit(directory.resolve(), "no git repository, or git is not there")
    root = root.removesuffix("\n")
    commit = git("rev-parse", "HEAD")
    if commit is None:
        return _without_commit(Path(root), "the git repository has no commit yet")
    commit = commit.strip()
    diff = git("diff", "HEAD", "--submodule=diff", *_PLAIN)
    if diff is None:
        return CodeState(commit, root=root, note="git did not tell what is not committed in time")
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
    unknown = [name for name in untracked if Path(name).suffix.lower() in code_files.SUFFIXES]
    changed |= {name: _digest(Path(root, name)) for name in unknown[:MOST_FILES]}
    return CodeState(
        commit, bool(diff), diff, untracked[:MOST_FILES], root, changed, "; ".join(notes) or None
    )


def _without_commit(root: Path, why: str) -> CodeState:
    found = code_files.below(root)
    changed = {str(path.relative_to(root)): code_files.digest(path) for path in found}
    note = f"{why}: only digests of {len(found)} files of code are on record"
    return CodeState(root=str(root), changed=changed, note=note)


_PLAIN = ("--no-color", "--no-ext-diff", "--no-textconv")


def changed_files(state: Mapping[str, Any], apart_from: str | None = None) -> list[str]:
    """Return which files are others than when a state was recorded.

    New ones that git does not know are left out.

    Args:
        state: as `recorded` returns it.
        apart_from: absolute path of a file that does not count: the pipeline's own.

    Returns:
        Paths, relative to `root` where they are below it; none where git does not tell.
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
    return sorted(name for name in names if str(Path(root, name)) != apart_from)


def since_submission(run: RunRecord) -> str:
    """Return whether a run's code was changed since it was submitted, in words; empty: it was not.

    The run's pipeline file does not count.
    """
    state = recorded(Path(run.directory))
    names = changed_files(state, apart_from=run.file)
    if not names:
        return ""
    more = len(names) - 3
    listed = ", ".join(names[:3]) + (f" and {more} more" if more > 0 else "")
    words = f"the code was changed since the run was submitted: {listed}"
    if state.get("snapshot"):
        return f"{words}; the stages run from the snapshot, without that"
    return f"{words}; what runs from now on runs with that"


def _changed(git: Git, root: Path, commit: str) -> dict[str, str] | None:
    """Return the files that are not as in a commit, each with a digest; None: git says nothing."""
    listed = git("diff", "--name-only", "-z", "--no-ext-diff", commit)
    if listed is None:
        return None
    return {name: _digest(root / name) for name in listed.split("\0")[:-1][:MOST_FILES]}


def _digest(path: Path) -> str:
    """Return what tells a file's content, or a submodule's state, from another."""
    if not path.is_dir():
        return code_files.digest(path)
    git = Git(path)
    said = (git("rev-parse", "HEAD") or "") + (git("diff", "HEAD", *_PLAIN) or "")
    return hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()


class Git:
    """Git, asked about one directory for at most `TIME_LIMIT` in all."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._deadline = time.monotonic() + TIME_LIMIT

    def __call__(self, *arguments: str, limit: int = DIFF_LIMIT) -> str | None:
        """Return what git prints, at most `limit` bytes; None where it fails or takes too long."""
        command = ("git", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false")
        # no lock in the user's repository, whatever happens to us
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
    """Read at most `limit` bytes for so long, and end the process if there is more."""
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
