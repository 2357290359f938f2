"""The tables of points: private to the store, written by `store.points`, read by `store.curves`.

New points of a live source go into small tails, a row for each read; full tails and backlogs go
into chunks, a row for some thousand points of one series.
"""

from __future__ import annotations

from typing import cast

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    LargeBinary,
    Table,
    UniqueConstraint,
    text,
)
from sqlmodel import Field, SQLModel


def _big(default: int | None = None) -> Column[int]:
    return Column(BigInteger, nullable=False, default=default)


def _blob() -> Column[bytes]:
    return Column(LargeBinary, nullable=False)


class SeriesRow(SQLModel, table=True):
    """A metric of one owner, all its attempts together."""

    __tablename__ = "series"
    __table_args__ = (UniqueConstraint("owner", "name"),)

    id: int | None = Field(default=None, primary_key=True)
    owner: str
    """A stage's id, or whatever name a caller of the API gave."""
    name: str


class SourceRow(SQLModel, table=True):
    """A file that points are read from, and how far it is read."""

    __tablename__ = "sources"
    __table_args__ = (Index("ix_sources_owner", "owner"),)

    id: int | None = Field(default=None, primary_key=True)
    owner: str
    key: str
    """Which file: its path, with the pattern's digest where one text has several readers."""
    format: str | None = None
    attempt: int = 0
    """Number of the attempt that its points belong to now; 0: none."""
    generation: int = 0
    """How often the file was found to hold another history than the one stored."""
    offset: int = Field(default=0, sa_column=_big(0))
    """Bytes up to which it is stored."""
    rows: int = Field(default=0, sa_column=_big(0))
    """Records up to there."""
    next_ordinal: int = Field(default=0, sa_column=_big(0))
    """Above every ordinal that a point of this source has."""
    identity_json: str | None = None
    """Device, inode, and hashes of bytes at the start and before the offset."""
    state_json: str = "{}"
    """What its format remembers, such as a table's header."""
    tail_rows: int = 0
    tail_points: int = 0
    """How much of it lies in `tails`."""
    version: int = 0
    """Counts its changes: who stores checks that nobody else did meanwhile."""
    problem: str | None = None
    """Why it cannot be read, in words."""


class ChunkRow(SQLModel, table=True):
    """Some thousand points of one series from one source, in columns."""

    __tablename__ = "chunks"
    __table_args__ = (
        # on PostgreSQL a migration says the same, whose dialect takes long to import
        Index("ix_chunks_open", "source_id", sqlite_where=text("open")),
    )

    id: int | None = Field(default=None, primary_key=True)
    series_id: int
    source_id: int
    attempt: int
    generation: int
    start_byte: int = Field(sa_column=_big())
    """The bytes of the source that its points were read from: from here on."""
    end_byte: int = Field(sa_column=_big())
    """Up to here; other series' points lie between."""
    open: bool
    """It is not full: the next points of its series, source and attempt are added."""
    n: int
    float_steps: bool
    ordinals: bytes = Field(sa_column=_blob())
    steps: bytes = Field(sa_column=_blob())
    numbers: bytes = Field(sa_column=_blob())
    times: bytes = Field(sa_column=_blob())


class ChunkFiguresRow(SQLModel, table=True):
    """A chunk in figures, apart from its columns so that a whole series costs few pages."""

    __tablename__ = "chunk_figures"
    __table_args__ = {"sqlite_with_rowid": False}

    series_id: int = Field(primary_key=True, sa_type=BigInteger)
    chunk_id: int = Field(primary_key=True, sa_type=BigInteger)
    figures: bytes = Field(sa_column=_blob())
    """Its history and `chunks.Stats` as one value, since thousands of rows are read at a time."""


class TailRow(SQLModel, table=True):
    """The points of one read of a live source, of all its series, until they go into chunks."""

    __tablename__ = "tails"
    __table_args__ = (Index("ix_tails_source", "source_id"),)

    id: int | None = Field(default=None, primary_key=True)
    source_id: int
    attempt: int
    generation: int
    start_byte: int = Field(sa_column=_big())
    end_byte: int = Field(sa_column=_big())
    points: bytes = Field(sa_column=_blob())


def _table(model: type[SQLModel]) -> Table:
    return cast(Table, model.__table__)  # type: ignore[attr-defined]


SERIES = _table(SeriesRow)
SOURCES = _table(SourceRow)
CHUNKS = _table(ChunkRow)
CHUNK_FIGURES = _table(ChunkFiguresRow)
TAILS = _table(TailRow)
