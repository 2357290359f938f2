"""PostgreSQL databases with a collation that ignores punctuation, or with another encoding."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import postgresql
from tests.unit.store.conftest import AddRun
from tests.unit.store.readings import as_points
from trainui.errors import AmbiguousError, NotFoundError, UnfitEnvironmentError
from trainui.store.db import engine
from trainui.store.db.engine import Database, open_store
from trainui.store.points import point_sources, read_points, write_points
from trainui.store.read import headlines, run_list, views

ICU = "LOCALE_PROVIDER icu ICU_LOCALE 'en-US-u-ka-shifted' LOCALE 'C.UTF-8'"
"""Compares letters first, then case, and punctuation not at all until all else is equal."""


@pytest.fixture
def store(
    postgresql_server: postgresql.Server, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Database]:
    from psycopg import errors

    try:
        url = postgresql_server.make_database("template0", ICU)
    except (errors.FeatureNotSupported, errors.SyntaxError) as error:
        pytest.skip(f"this PostgreSQL has no ICU: {error}")
    monkeypatch.setenv("TRAINUI_DATABASE_URL", url)
    store = open_store()
    yield store
    store.close()
    postgresql_server.drop(url)


def test_a_prefix_matches_by_characters(store: Database, add_run: AddRun) -> None:
    for run_id in ("ab-cd-1", "ABCD-2", "abce-3", "abcd-4", "ab-cd-5"):
        add_run(run_id, {"A": []})
    with engine.reading() as connection:
        assert views.find_run(connection, "abcd").id == "abcd-4"
        assert views.find_run(connection, "ABCD").id == "ABCD-2"
        assert views.find_run(connection, "abcd-").id == "abcd-4"
        with pytest.raises(AmbiguousError, match=r"ab-cd-5 .*ab-cd-1"):
            views.find_run(connection, "ab-cd")
        with pytest.raises(NotFoundError):
            views.find_run(connection, "abcd4")


def test_names_that_differ_in_case_or_punctuation_differ(store: Database, add_run: AddRun) -> None:
    add_run("run-1", {"train": [], "Train": ["train"], "tr-ain": ["Train"]})
    with store.write() as connection:
        source = point_sources.add_source(connection, "run-1", "a file", attempt=0)
        names = ("loss", "Loss", "lo-ss")
        batch = {name: as_points([(1, 2.0)]) for name in names}
        write_points.save(connection, source, source._replace(offset=1), batch, records=3)
    with engine.reading() as connection:
        stages = views.stages(connection, "run-1")
        assert [stage.name for stage in stages] == ["train", "Train", "tr-ain"]
        assert views.stage(connection, "run-1", "Train") == stages[1]
        assert headlines.names_of(connection, "run-1") == names
        (found,) = read_points.summaries(connection, ["run-1"], "Loss")
        assert (found.name, found.count) == ("Loss", 1)
        (line,) = run_list.run_lines(connection)
        assert line.total == 3


def test_a_database_that_cannot_store_all_characters_is_rejected(
    postgresql_server: postgresql.Server,
) -> None:
    url = postgresql_server.make_database("template0", "ENCODING 'LATIN1' LOCALE 'C'")
    with pytest.raises(UnfitEnvironmentError, match="LATIN1 cannot store all characters"):
        open_store(url)
    postgresql_server.drop(url)
