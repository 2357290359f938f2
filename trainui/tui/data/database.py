"""The database behind the feed: what is read of it for a page, and whether it has changed."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from trainui import paths, settings
from trainui.errors import NotFoundError, TrainuiError
from trainui.store.db import protocol
from trainui.store.read import readonly
from trainui.tui.data.bell import Bell
from trainui.tui.data.health import HealthReader
from trainui.tui.data.snapshot import GpuUse, Query, Snapshot
from trainui.tui.machine import remote_gpus
from trainui.tui.runs.reader import RunsPageReader

if TYPE_CHECKING:
    from trainui.tui.run.reader import RunPageReader

Found = TypeVar("Found")


class ScreenDatabase:
    """Reads from one connection, which is opened anew where the database was replaced."""

    def __init__(self, ringer: Bell | None = None) -> None:
        """Open nothing yet.

        Args:
            ringer: looks at each reading for what a person is rung for; None: nobody is rung.
        """
        self.around = HealthReader()
        """Looks at what stands around the runs."""
        self.unfinished = False
        """The last snapshot left out what takes long; the next reading brings it."""
        self._ringer = ringer
        self._connection: protocol.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._version: int | str | None = None
        self._list = RunsPageReader()
        self._pages: RunPageReader | None = None
        self._upgraded = False

    def has_changed(self, *, told: bool = False) -> bool:
        """Whether something is to be read: cheap.

        Args:
            told: whether the kernel has told that something is new.
        """
        if self.around.has_changed(now=told) or self._replaced():
            return True
        if self._connection is None:
            return self._file is not None  # it could not be read: try again
        return readonly.data_version(self._connection) != self._version

    def read(self, wanted: Query) -> Snapshot:
        """Read what is wanted."""
        self.around.has_changed()
        try:
            return self._read(wanted, self._connected())
        except NotFoundError:
            self.close()
            return Snapshot(wanted, no_runs_yet=True, **self.around.seen._asdict())
        except (TrainuiError, sqlite3.Error) as error:
            self.close()
            if isinstance(error, sqlite3.OperationalError) and self._upgrade():
                return self.read(wanted)
            return Snapshot(wanted, problem=str(error), **self.around.seen._asdict())

    def _upgrade(self) -> bool:
        """Bring an older trainui's database up to date, once; returns whether that was tried."""
        if self._upgraded:
            return False
        self._upgraded = True
        from trainui.store.db.engine import open_store

        open_store()
        return True

    def forget(self) -> None:
        """Read the whole list again at the next reading."""
        self._list.forget()

    def close(self) -> None:
        """Close the database."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self._list.forget()

    def _read(self, wanted: Query, connection: protocol.Connection) -> Snapshot:
        self._version = readonly.data_version(connection)
        if self._ringer is not None:
            self._ringer.look(connection)
        snapshot = Snapshot(
            wanted,
            far_gpus=remote_gpus.read(connection),
            gpu_holders=_by_place(readonly.gpu_holders(connection)),
            gpu_uses=_gpu_uses(connection) if wanted.machine else {},
            paused=readonly.flag(connection, "paused") is not None,
            **self.around.seen._asdict(),
        )
        if wanted.run_id is not None:
            return self._with_page(connection, wanted, snapshot)
        self._pages = None
        snapshot = self._list.read(connection, wanted, snapshot)
        self.unfinished = self._list.unfinished
        return snapshot

    def _with_page(
        self, connection: protocol.Connection, wanted: Query, snapshot: Snapshot
    ) -> Snapshot:
        if wanted.lone:
            self.unfinished = False
            alone = self._page_reader().read_curves_page(connection, wanted)
            return replace(snapshot, curves_page=alone)
        # numpy takes longer to import than the rest of the page to read
        later = wanted.curves and "numpy" not in sys.modules and not self.unfinished
        self.unfinished = bool(later) and wanted.stage is not None
        reduced = replace(wanted, curves=None if later else wanted.curves)
        page = self._page_reader().read(connection, reduced)
        self.unfinished |= page is not None and page.more > 0
        return replace(snapshot, page=page)

    def _page_reader(self) -> RunPageReader:
        if self._pages is None:
            from trainui.tui.run.reader import RunPageReader

            self._pages = RunPageReader()
        return self._pages

    def _connected(self) -> protocol.Connection:
        if self._connection is None:
            self._replaced()
            self._connection = readonly.connect()
        return self._connection

    def _replaced(self) -> bool:
        """Whether the database is another file than before, has come or gone."""
        if settings.load().database_url is not None:
            self._file = self._file or (0, 0)
            return False
        try:
            status = paths.home().database.stat()
            found = (status.st_dev, status.st_ino)
        except OSError:
            found = None
        if found == self._file:
            return False
        self._file = found
        self.close()
        return True


def _gpu_uses(connection: protocol.Connection) -> dict[tuple[str, int], GpuUse]:
    return {place: GpuUse(*use) for place, use in _by_place(readonly.gpu_uses(connection)).items()}


def _by_place(found: Mapping[tuple[str, int], Found]) -> dict[tuple[str, int], Found]:
    """Return what is known by host and index by the place of a GPU's figures."""
    here = settings.host()
    return {("" if host == here else host, index): known for (host, index), known in found.items()}
