"""The command `uninstall`: delete everything that trainui created on this machine."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from trainui import formatting, paths, settings
from trainui.cli import options
from trainui.cli.output import printing, progress
from trainui.cli.runs.remove import DryRun, Yes, confirm
from trainui.errors import UnfitEnvironmentError
from trainui.resume.snapshot import trees
from trainui.resume.submitted import PIPELINE_FILE
from trainui.store.db import home_identity
from trainui.store.shell_environment import ENVIRONMENT_FILE
from trainui.system import disk

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
    from trainui.cli.machine import drain
    from trainui.execution.daemon import lifecycle, systemd

    found, runs_dir = list(_made()), settings.runs_dir(settings.load())
    with progress.display("looking"):
        size = sum(disk.used(path) if path.is_dir() else path.lstat().st_size for path in found)
    shown = list(map(str, found))
    data = {"dry_run": dry_run, "paths": shown, "bytes": size}
    if dry_run or not found:
        printing.answer(as_json, data, [*shown, f"would delete {formatting.size(size)}"])
        return
    home_identity.check()
    question = f"Cancel everything and delete this, {formatting.size(size)}?"
    confirm(question, formatting.size(size), shown, yes=yes, as_json=as_json)
    if not as_json:
        printing.note("everything that is running is cancelled first")
    drain.cancel_everything()
    if not lifecycle.stop():
        raise UnfitEnvironmentError("some processes did not stop; see `trainui worker status`")
    systemd.uninstall(os.environ)
    with progress.display("deleting"):
        for path in found:
            trees.release(path)
            _delete(path)
    home = paths.home()
    for directory in (runs_dir, home.runs, home.root, paths.config_file().parent):
        with suppress(OSError):  # shared with others, or missing
            directory.rmdir()
    printing.answer(as_json, data, [f"deleted {formatting.size(size)}"])


def _made() -> Iterator[Path]:
    """Yield the existing files and directories that trainui created."""
    from trainui.execution.daemon import systemd
    from trainui.store.read import views

    home, runs = paths.home(), list[Path]()
    if settings.load().database_url is None and home.database.exists():
        with views.reading() as connection:
            known = views.runs(connection)
            runs = [Path(run.directory) for run in known if run.original is None]
    yield from (run for run in runs if run.is_dir() and home.runs not in run.parents)
    yield from _runs_in_home(home.runs, set(runs))
    own = [path for name in IN_HOME for path in sorted(home.root.glob(name))]
    sockets = {home.broker_socket.parent, home.wake_socket.parent} - {home.broker, home.worker}
    configured = [paths.config_file(), systemd.path(os.environ)]
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
    return is_run or path.name in (paths.PLACE_FILE, trees.DIRECTORY)


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
