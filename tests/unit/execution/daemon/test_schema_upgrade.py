"""An upgrade waits for the workers of other hosts."""

from __future__ import annotations

import pytest

from tests import postgresql
from trainui import clock
from trainui.execution.daemon import schema_upgrade
from trainui.execution.daemon.schema_upgrade import DatabaseInUseError
from trainui.store import hosts
from trainui.store.db import schema_revision
from trainui.store.db.engine import open_store


def test_no_upgrade_while_a_worker_on_another_host_is_active(
    postgresql_server: postgresql.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgresql_server.make_database()
    monkeypatch.setenv("TRAINUI_DATABASE_URL", url)
    monkeypatch.setenv("TRAINUI_HOST", "a")
    store = open_store()
    for name in "ab":
        with store.write() as connection:
            hosts.announce(connection, name, home=name, place=None, slots=[], queues=[])
    monkeypatch.setattr(schema_revision, "HEAD", "0999")
    monkeypatch.setattr("trainui.store.db.readonly.HEAD", "0999")
    with pytest.raises(DatabaseInUseError, match="on b:"):
        schema_upgrade.upgrade()
    silence = int(hosts.SILENT_AFTER * clock.SECOND)
    with store.write() as connection:
        connection.execute("UPDATE hosts SET seen_at = seen_at - ?", (silence,))
    schema_upgrade.check_other_hosts()
    store.close()
    postgresql_server.drop(url)
