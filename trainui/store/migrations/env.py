"""Alembic's entry point: runs the migrations in one transaction on the configured URL."""

from __future__ import annotations

from typing import Any

from alembic import context
from sqlalchemy import URL, create_engine, event
from sqlmodel import SQLModel

from trainui.store import tables  # noqa: F401  (they fill the metadata)
from trainui.store.db import postgres
from trainui.store.db.engine import file_of

BEGIN = "BEGIN IMMEDIATE"


def _begin_nothing_itself(connection: Any, _record: Any) -> None:
    connection.isolation_level = None


def run() -> None:
    """Run the migrations."""
    url = str(context.config.get_main_option("sqlalchemy.url"))
    if postgres.is_ours(url):
        engine = create_engine("postgresql+psycopg://", creator=lambda: postgres.connect(url))
    else:
        # the driver begins nothing before it changes a table
        address = URL.create("sqlite", database=str(file_of(url)))  # a parsed one ends at a `?`
        engine = create_engine(address)
        event.listen(engine, "connect", _begin_nothing_itself)
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(BEGIN))
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=SQLModel.metadata,
            render_as_batch=True,
            transactional_ddl=True,
        )
        with context.begin_transaction():
            if postgres.is_ours(url):  # who waited here finds it done
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({postgres.LOCK})")
            context.run_migrations()
    engine.dispose()


run()
