"""The tables of points: private to the store; written by `write_points`, read by `read_points`.

New points of a live source go into small tails, one row per read; full tails and backlogs go into
chunks, one row for some thousand points of one series.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, LargeBinary, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from trainui.store.runs.tables import NEVER_REUSED


def _big(default: int | None = None) -> Column[int]:
    return Column(BigInteger, nullable=False, default=default)


def _blob() -> Column[bytes]:
    return Column(LargeBinary, nullable=False)


class SeriesRow(SQLModel, table=True):
    """A metric of one owner, with all its attempts."""

    __tablename__ = "series"
    __table_args__ = (UniqueConstraint("owner", "name"),)

    id: int | None = Field(default=None, primary_key=True)
    owner: str
    """A stage's id, or a name chosen by a caller of the API."""
    name: str


class SourceRow(SQLModel, table=True):
    """A file that points are read from, and the offset reached."""

    __tablename__ = "sources"
    __table_args__ = (Index("ix_sources_owner", "owner"), NEVER_REUSED)

    id: int | None = Field(default=None, primary_key=True)
    owner: str
    key: str
    """Identifies the file: its path, and the pattern's digest if a file has several readers."""
    format: str | None = None
    attempt: int = 0
    """Number of the attempt that new points belong to; 0: none."""
    generation: int = 0
    """How often the file was found to have another history than the stored one."""
    offset: int = Field(default=0, sa_column=_big(0))
    """Bytes stored so far."""
    rows: int = Field(default=0, sa_column=_big(0))
    """Records stored so far."""
    next_ordinal: int = Field(default=0, sa_column=_big(0))
    """Above the ordinals of all points of this source."""
    identity_json: str | None = None
    """Device, inode, and hashes of bytes at the start and before the offset."""
    state_json: str = "{}"
    """The decoder's state, e.g. a table's header."""
    tail_rows: int = 0
    tail_points: int = 0
    """How many of its points are in `tails`."""
    version: int = 0
    """Counts changes; compared before each update, so that concurrent readers are detected."""
    problem: str | None = None
    """Why it cannot be read, in words."""


class ChunkRow(SQLModel, table=True):
    """Some thousand points of one series from one source, in columns."""

    __tablename__ = "chunks"
    __table_args__ = (
        # on PostgreSQL a migration creates it: importing that dialect takes long
        Index("ix_chunks_open", "source_id", sqlite_where=text("open")),
    )

    id: int | None = Field(default=None, primary_key=True)
    series_id: int
    source_id: int
    attempt: int
    generation: int
    start_byte: int = Field(sa_column=_big())
    """Offset in the source where its points begin."""
    end_byte: int = Field(sa_column=_big())
    """Offset where they end; points of other series may lie in between."""
    open: bool
    """True if not full: the next points of its series, source and attempt are appended."""
    n: int
    float_steps: bool
    ordinals: bytes = Field(sa_column=_blob())
    steps: bytes = Field(sa_column=_blob())
    numbers: bytes = Field(sa_column=_blob())
    times: bytes = Field(sa_column=_blob())


class ChunkFiguresRow(SQLModel, table=True):
    """A chunk's statistics, apart from its columns, so that a whole series takes few pages."""

    __tablename__ = "chunk_figures"
    __table_args__ = {"sqlite_with_rowid": False}

    series_id: int = Field(primary_key=True, sa_type=BigInteger)
    chunk_id: int = Field(primary_key=True, sa_type=BigInteger)
    figures: bytes = Field(sa_column=_blob())
    """Its history and `chunks.Stats` in one value, since thousands of rows are read at once."""


class TailRow(SQLModel, table=True):
    """The points of one read of a live source, of all its series, until they move into chunks."""

    __tablename__ = "tails"
    __table_args__ = (Index("ix_tails_source", "source_id"),)

    id: int | None = Field(default=None, primary_key=True)
    source_id: int
    attempt: int
    generation: int
    start_byte: int = Field(sa_column=_big())
    end_byte: int = Field(sa_column=_big())
    points: bytes = Field(sa_column=_blob())
