"""The command `backup`: archive what cannot be reproduced."""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from trainui import formatting, paths, settings
from trainui.cli import options, printing
from trainui.errors import NotFoundError, UsageError
from trainui.store.db import backup as copies
from trainui.system import plain_files

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
    from trainui.store.db import engine

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

        copies.copy(database, copy, advance)


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
        with plain_files.open_plain(path) as file:
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
        problem = copies.copy_study(study, copied)
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
