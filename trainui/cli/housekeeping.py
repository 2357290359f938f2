"""The commands for the home's files: `rm`, `prune`, `backup`, and `uninstall` for all of them.

What deletes shows first how much space that frees. A backup has what cannot be reproduced.
"""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from trainui import clock, control, formatting, paths, settings, system, text
from trainui.cli import options, printing
from trainui.control import requests
from trainui.errors import NotFoundError, StoppedError, UnfitEnvironmentError, UsageError
from trainui.model.records import RunRecord
from trainui.model.states import ENDED
from trainui.resume import code_snapshot
from trainui.resume.submitted import PIPELINE_FILE
from trainui.store.db import engine, home_identity, sqlite_file
from trainui.store.read import views
from trainui.store.shell_environment import ENVIRONMENT_FILE

SMALL = 1 << 20
"""Maximum size in bytes of a file that is included."""

KEPT_IN_RUN = ("pipeline.yaml", "env.json", "code.json")

STUDIES = "*.study.db"
"""The studies of a run's searches: SQLite files, of which a consistent copy is included."""


@options.command(
    "trainui backup",
    "trainui backup /mnt/backups/trainui.tar.gz",
    'tar xzf trainui.tar.gz -C "$TRAINUI_HOME"   # restore into an empty home',
)
def backup(
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="[FILE]", help="The .tar.gz to write (default: trainui-DATE.tar.gz here)."
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Copy a consistent snapshot of the database and the runs' small files into one file.

    It includes each run's pipeline file, environment, code record and studies of searches, and the
    logs and records of its attempts up to 1 MiB each, but no checkpoints, outputs or other files of
    stages. Nothing needs to be stopped. The file contains your runs' environments, so only you can
    read it.
    """
    home = paths.home()
    if settings.load().database_url is not None:
        raise UsageError(
            'the database is PostgreSQL; back it up with `pg_dump "$TRAINUI_DATABASE_URL"`'
        )
    if engine.is_none_yet():
        raise NotFoundError(f"no runs yet: {home.database} does not exist")
    target = Path(file or time.strftime("trainui-%Y-%m-%d-%H%M%S.tar.gz")).expanduser()
    if target.exists():
        raise UsageError(f"{target} already exists; name another file")
    copy = target.with_name(f".{target.name}.db")
    with printing.whole_file(target, 0o600) as stream:
        try:
            _copy_database(home.database, copy)
            count, left = _pack(stream, copy, settings.runs_dir(settings.load()))
        finally:
            copy.unlink(missing_ok=True)
    size = target.stat().st_size
    data = {"file": str(target.absolute()), "bytes": size, "files": count, "left_out": left}
    lines = [f"{target}: {formatting.size(size)}, the database and {count} files"]
    if left:
        lines.append(f"{left} logs and records were left out: larger than 1 MiB, or unreadable")
    printing.answer(as_json, data, lines)


def _copy_database(database: Path, copy: Path) -> None:
    with printing.progress("copying the database") as shown:

        def advance(left: int, total: int) -> None:
            shown.total, shown.done = total, total - left

        with engine.reading(database):
            pass  # raises an error that says why it cannot be opened
        sqlite_file.copy(database, copy, advance)


def _pack(stream: BinaryIO, database: Path, runs: Path) -> tuple[int, int]:
    """Write the archive; return how many files it contains, and how many were too large."""
    found = list(_small_files(runs))
    added = []
    with (
        tarfile.open(fileobj=stream, mode="w:gz", compresslevel=1) as archive,
        printing.progress("packing", len(found) + 1) as shown,
    ):
        archive.add(database, "trainui.db")
        shown.advance()
        if (config := paths.config_file()).is_file():
            archive.add(config, "config.toml")
        for path in found:
            shown.advance()
            added.append(_add(archive, path, str(Path("runs", path.relative_to(runs)))))
        studies = [_add_study(archive, one, runs) for one in sorted(runs.glob(f"*/{STUDIES}"))]
    return added.count(True) + sum(studies), added.count(False)


def _add(archive: tarfile.TarFile, path: Path, name: str) -> bool | None:
    """Add a file if it is small; return True if it was added, None if it does not exist.

    It is read before, since it may shrink meanwhile, which would spoil the archive.
    """
    try:
        with system.open_plain(path) as file:
            data = file.read(SMALL + 1)
            entry = archive.gettarinfo(arcname=name, fileobj=file)
    except FileNotFoundError:
        return None  # its run was deleted meanwhile
    except OSError as error:
        error.filename = path
        _report(error)
        return False
    if len(data) > SMALL:
        return False
    entry.type, entry.size = tarfile.REGTYPE, len(data)
    archive.addfile(entry, io.BytesIO(data))
    return True


def _add_study(archive: tarfile.TarFile, study: Path, runs: Path) -> bool:
    """Add a copy of a study, which a worker may be writing; return True if it was added."""
    with tempfile.TemporaryDirectory() as directory:
        copied = Path(directory, study.name)
        problem = sqlite_file.copy_study(study, copied)
        if problem is None:
            archive.add(copied, str(Path("runs", study.relative_to(runs))))
        elif study.exists():
            printing.note(f"{study} was left out: {problem}")
    return problem is None


def _small_files(runs: Path) -> Iterator[Path]:
    """Yield the runs' files to back up; the stages' own files are skipped."""
    for run in sorted(runs.iterdir()) if runs.is_dir() else ():
        yield from (path for name in KEPT_IN_RUN if (path := run / name).is_file())
        for attempts in (run / paths.OURS, *run.glob(f"*/{paths.OURS}")):
            for parent, _, names in os.walk(attempts, onerror=_report):
                yield from (Path(parent, name) for name in sorted(names))


def _report(error: OSError) -> None:
    """Report what cannot be read and is not in the archive."""
    if not isinstance(error, FileNotFoundError):
        why = error.strerror or "it is not a regular file"
        printing.note(f"{error.filename} was left out: {why}")


Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show what would be deleted; delete nothing.")
]

OLD = f"{views.KEPT_DAYS}d"


@options.command(
    "trainui rm 3f2a91c0 --dry-run",
    "trainui rm 3f2a91c0 --yes",
    name="rm",
)
def remove(
    run: options.Run, dry_run: DryRun = False, yes: Yes = False, as_json: options.Json = False
) -> None:
    """Delete a run that has ended: its record, its points, and its directory with all files.

    A run that has not ended is not deleted. Without a terminal, --yes is required.
    """
    home_identity.check()
    found = options.find_run(run)
    home_identity.check_run(found)
    if found.status not in ENDED and found.external is None:
        raise UsageError(f"{found.name} ({found.id}) is {found.status}; cancel it first")
    freed = _Freed([found])
    name = f"{found.name} ({found.id})"
    question = f"Delete {name} and {found.directory}, {formatting.size(freed.bytes)}?"
    if not dry_run:
        confirm(question, freed.words, (), yes=yes, as_json=as_json)
        freed.delete()
        if not freed.count:
            raise typer.Exit(2)  # it was resumed or deleted meanwhile; that was printed
    as_data = {"removed": None if dry_run else found.id, "bytes": freed.bytes}
    does = "would delete" if dry_run else "deleted"
    printing.answer(as_json, as_data, [f"{does}: {name}, {formatting.size(freed.bytes)}"])


@options.command(
    "trainui prune --dry-run",
    "trainui prune --keep 3 --older-than 7d",
    "trainui prune --keep 0 --older-than 365d --yes",
)
def prune(
    keep: Annotated[
        int,
        typer.Option("--keep", min=0, metavar="N", help="Keep the newest N runs of each pipeline."),
    ] = views.KEPT_RUNS,
    older_than: Annotated[
        str,
        typer.Option(
            "--older-than",
            metavar="DURATION",
            help="Delete only runs that ended longer ago than this.",
        ),
    ] = OLD,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: options.Json = False,
) -> None:
    """Delete runs that ended long ago: their records, points and directories.

    By default it keeps the newest 10 runs of each pipeline and runs that ended less than 30 days
    ago; a run that has not ended, or is marked keep (`trainui note --verdict keep`), is never
    deleted. It lists the runs and the space they free, then
    asks; without a terminal, --yes is required. The database file does not shrink, but reuses the
    space.
    """
    from trainui.store.read import run_list

    home_identity.check()
    before = clock.now() - int(_seconds(older_than) * clock.SECOND)
    found, kept = [], 0
    if engine.exists():
        with options.view() as connection:
            found = views.old_runs(connection, keep=keep, before=before)
            kept = run_list.count_runs(connection) - len(found)
    freed = _Freed(found)
    if found and not dry_run:
        question = f"Delete {formatting.quantity(len(found), 'run')} and keep {kept}?"
        confirm(question, freed.words, freed.listed(), yes=yes, as_json=as_json)
        freed.delete()
    rest = formatting.quantity(kept, "run")
    shown = [f"nothing to prune ({rest} kept)"]
    if found and dry_run:
        shown = [*freed.listed(), f"would delete {freed.words}", f"{rest} would be kept"]
    elif found:
        shown = [f"deleted {freed.words}", f"{rest} kept"]
    printing.answer(as_json, freed.as_data(dry_run, kept), shown)


def _seconds(written: str) -> float:
    try:
        return formatting.parse_duration(written)
    except ValueError as error:
        raise UsageError(f"--older-than {written!r} {error}") from error


def confirm(question: str, what: str, shown: Sequence[str], *, yes: bool, as_json: bool) -> None:
    """Ask the user to confirm, unless --yes was given; `shown` is printed before the question.

    Raises:
        UsageError: there is no terminal to ask on; it says that this deletes `what`.
        typer.Exit: the user said no.
    """
    if yes:
        return
    if as_json or not printing.on_terminal():
        raise UsageError(
            f"this deletes {what} permanently; `--dry-run` shows which, `--yes` confirms"
        )
    printing.lines(shown)
    if not typer.confirm(text.harmless(question)):
        printing.note("nothing was deleted")
        raise typer.Exit(1)


class _Freed:
    """The runs to delete, and the space that frees."""

    def __init__(self, runs: Sequence[RunRecord]) -> None:
        self._runs = runs
        self._bytes: dict[str, int] = {}
        with printing.progress("looking", len(runs)) as shown:
            for run in runs:
                self._bytes[run.id] = system.used_bytes(Path(run.directory))
                shown.advance()

    @property
    def count(self) -> int:
        """Number of runs."""
        return len(self._runs)

    @property
    def bytes(self) -> int:
        """Bytes that all of them take on disk."""
        return sum(self._bytes.values())

    @property
    def words(self) -> str:
        """Count and size as text."""
        return f"{formatting.quantity(self.count, 'run')}, {formatting.size(self.bytes)}"

    def listed(self) -> list[str]:
        """Return one line per run."""
        return text.table(
            [
                (
                    formatting.short_id(run.id),
                    run.name,
                    text.state(run.status),
                    formatting.local_time(run.completed_at),
                    formatting.size(self._bytes[run.id]),
                )
                for run in self._runs
            ],
            right=[4],
        )

    def as_data(self, dry_run: bool, kept: int) -> dict[str, Any]:
        """Return the result for `--json`."""
        runs = [
            {
                "run": run.id,
                "name": run.name,
                "status": str(run.status),
                "completed_at": clock.to_iso(run.completed_at),
                "bytes": self._bytes[run.id],
            }
            for run in self._runs
        ]
        return {"dry_run": dry_run, "runs": runs, "bytes": self.bytes, "kept": kept}

    def delete(self) -> None:
        """Delete the runs one by one, skipping any that was resumed meanwhile.

        Raises:
            UnfitEnvironmentError: some directories could not be deleted.
            StoppedError: the user pressed ctrl+c.
        """
        requests.check_delete()
        left, wrong = [], []
        try:
            with printing.progress("deleting", self.count) as shown:
                for run in self._runs:
                    try:
                        control.remove(run.id)
                    except (UsageError, NotFoundError) as error:
                        printing.note(*str(error).split("\n"))
                        left.append(run)
                    except UnfitEnvironmentError as error:
                        wrong.append(str(error))
                    shown.advance()
        except KeyboardInterrupt as error:
            raise StoppedError(self._stopped()) from error
        self._runs = [run for run in self._runs if run not in left]
        self._bytes = {run.id: self._bytes[run.id] for run in self._runs}
        if wrong:
            raise UnfitEnvironmentError("\n".join(wrong))

    def _stopped(self) -> str:
        with options.view() as connection:
            kept = [run for run in self._runs if views.run(connection, run.id)]
        if len(kept) == self.count:
            return "stopped; nothing was deleted"
        rest = "; run the same command again for the rest" if kept else ""
        return f"stopped; {self.count - len(kept)} of {self.count} were deleted{rest}"


IN_HOME = ("broker", "worker", "unstored", "screen.json", "trainui.db*", "home.json")
"""Files and directories that trainui creates in the home; others there are kept."""


@options.command("trainui uninstall --dry-run", "trainui uninstall --yes && pipx uninstall trainui")
def uninstall(dry_run: DryRun = False, yes: Yes = False, as_json: options.Json = False) -> None:
    """Cancel everything, and delete all runs with their files, the database and the configuration.

    Other files, including your pipeline files and data, are kept. Remove the package itself with
    the tool that installed it: `pipx uninstall trainui`, `uv tool uninstall trainui` or `pip
    uninstall trainui`. To keep a copy, run `trainui backup` first. A PostgreSQL database and runs
    in a directory shared between hosts are kept, since other hosts use them.
    """
    from trainui.cli import worker
    from trainui.execution.daemon import lifecycle

    home_identity.check()
    requests.check_delete()
    found, runs_dir = list(_made()), settings.runs_dir(settings.load())
    with printing.progress("looking"):
        size = sum(
            system.used_bytes(path) if path.is_dir() else path.lstat().st_size for path in found
        )
    shown = list(map(str, found))
    data = {"dry_run": dry_run, "paths": shown, "bytes": size}
    if dry_run or not found:
        printing.answer(as_json, data, [*shown, f"would delete {formatting.size(size)}"])
        return
    question = f"Cancel everything and delete this, {formatting.size(size)}?"
    confirm(question, formatting.size(size), shown, yes=yes, as_json=as_json)
    if not as_json:
        printing.note("everything that is running is cancelled first")
    worker.cancel_everything()
    if not lifecycle.stop():
        raise UnfitEnvironmentError("some processes did not stop; see `trainui worker status`")
    lifecycle.uninstall(os.environ)
    with printing.progress("deleting"):
        for path in found:
            code_snapshot.release_trees(path)
            _delete(path)
    home = paths.home()
    for directory in (runs_dir, home.runs, home.root, paths.config_file().parent):
        with suppress(OSError):  # shared with others, or missing
            directory.rmdir()
    printing.answer(as_json, data, [f"deleted {formatting.size(size)}"])


def _made() -> Iterator[Path]:
    """Yield the existing files and directories that trainui created."""
    from trainui.execution.daemon import lifecycle

    home, runs = paths.home(), list[Path]()
    if settings.load().database_url is None and home.database.exists():
        with engine.reading() as connection:
            known = views.runs(connection)
            runs = [Path(run.directory) for run in known if run.original is None]
    yield from (run for run in runs if run.is_dir() and home.runs not in run.parents)
    yield from _runs_in_home(home.runs, set(runs))
    own = [path for name in IN_HOME for path in sorted(home.root.glob(name))]
    sockets = {home.broker_socket.parent, home.wake_socket.parent} - {home.broker, home.worker}
    configured = [paths.config_file(), lifecycle.path(os.environ)]
    yield from (path for path in [*own, *sorted(sockets), *configured] if path.exists())


def _runs_in_home(directory: Path, known: Collection[Path]) -> list[Path]:
    """Return the directory of runs; if others put files there, what is ours in it."""
    if not directory.is_dir():
        return []
    ours = [path for path in sorted(directory.iterdir()) if path in known or _is_ours(path)]
    return [directory] if len(ours) == len(list(directory.iterdir())) else ours


def _is_ours(path: Path) -> bool:
    """Return True for what belongs to no run, and for a run that the database does not know."""
    is_run = all((path / name).exists() for name in (PIPELINE_FILE, ENVIRONMENT_FILE))
    return is_run or path.name in (paths.PLACE_FILE, code_snapshot.TREES)


def _delete(path: Path) -> None:
    try:
        if path.is_dir() and not path.is_symlink():
            paths.remove_tree(path)
        else:
            path.unlink(missing_ok=True)
    except FileNotFoundError:
        return
    except OSError as error:
        raise UnfitEnvironmentError(f"{path} cannot be deleted: {error.strerror}") from error
