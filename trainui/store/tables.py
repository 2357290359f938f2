"""The tables of runs, stages, attempts and points, and the Python API's sessions on them.

Private to the store but for `open_session` and `PipelineRepository`, which reads a run.

New points of a live source go into small tails, one row per read; full tails and backlogs go into
chunks, one row for some thousand points of one series. Times are microseconds (`trainui.clock`).
Columns named `*_json` contain JSON text, so that the screen reads them with the database driver
alone.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime
from functools import cache
from typing import Any, cast

from sqlalchemy import (
    URL,
    BigInteger,
    Column,
    Engine,
    ForeignKey,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    make_url,
    text,
)
from sqlmodel import Field, Session, SQLModel, col, select

from trainui import clock
from trainui.model.records import LOCAL, OWN
from trainui.model.states import Status
from trainui.record import dataclass
from trainui.store.db import postgres, sqlite_file
from trainui.store.db.engine import Database, file_of, open_store
from trainui.store.read import views

NEVER_REUSED = {"sqlite_autoincrement": True}
"""Option of a table whose ids are remembered outside of it: SQLite would reuse those of deleted
rows."""


def _micros(*, nullable: bool = True) -> Column[int]:
    return Column(BigInteger, nullable=nullable)


def _parent(target: str, *, index: bool = False) -> Column[str]:
    return Column(Text, ForeignKey(target, ondelete="CASCADE"), nullable=False, index=index)


class PipelineRow(SQLModel, table=True):
    """A pipeline's text, stored once per digest."""

    __tablename__ = "pipelines"

    digest: str = Field(primary_key=True)
    name: str
    text: str


class RunRow(SQLModel, table=True):
    """A run."""

    __tablename__ = "runs"
    __table_args__ = (
        Index("ix_runs_created", "created_at"),
        Index("ix_runs_status", "status"),
        Index("ix_runs_name", "name", "created_at"),
        Index("ix_runs_notified", "notified_at"),
        Index("ix_runs_pipeline", "pipeline", "created_at"),
    )

    id: str = Field(primary_key=True)
    name: str
    status: str
    kind: str = OWN
    """`own`, or what a training of others was found by: a tracker's name, `csv`, `process`, ..."""
    pipeline: str
    digest: str = Field(sa_column=Column(Text, ForeignKey("pipelines.digest"), nullable=False))
    file: str | None = None
    directory: str
    params_json: str = "{}"
    submission_json: str = "{}"
    """The submitting shell's settings, without its environment: umask, sys.path, python."""
    priority: int = 0
    created_at: int = Field(sa_column=_micros(nullable=False))
    started_at: int | None = Field(default=None, sa_column=_micros())
    completed_at: int | None = Field(default=None, sa_column=_micros())
    notified_at: int | None = Field(default=None, sa_column=_micros())
    """When `notify_command` ran for its last end."""
    host: str | None = None
    """The host where it was submitted; null: by a version that knew only one host."""
    place: str | None = None
    """The identity of the directory of runs that contains it, which several hosts may share."""
    original: str | None = None
    """The home that this one was copied from, if the run's directory is still there: it is only
    read."""
    note: str | None = None
    """The newest note on it with a text."""
    verdict: str | None = None
    """The last verdict on it: `keep` or `discard`."""
    started_by: str | None = None
    """The kind of agent that submitted it, `mcp` or `agent`; null: a person."""


class StageRow(SQLModel, table=True):
    """A stage of a run."""

    __tablename__ = "stages"
    __table_args__ = (
        UniqueConstraint("run_id", "name"),
        Index("ix_stages_run_status", "run_id", "status"),
        Index("ix_stages_status", "status"),
    )

    id: str = Field(primary_key=True)
    run_id: str = Field(sa_column=_parent("runs.id"))
    position: int
    name: str
    status: str
    reason: str | None = None
    definition_json: str
    executor: str = LOCAL
    """What starts its processes."""
    gpus: int = 0
    """How many GPUs its definition asks for."""
    for_host: str | None = None
    """The only host that its definition allows; null: any."""
    for_queue: str | None = None
    """The queue that a host must serve to run it; null: any."""
    directory: str
    attempt: int = 0
    celery_task_id: str | None = None
    started_at: int | None = Field(default=None, sa_column=_micros())
    completed_at: int | None = Field(default=None, sa_column=_micros())
    exit_code: int | None = None
    result_json: str | None = None
    error: str | None = None
    stalled: bool = False
    retries_used: int = 0
    not_before: int | None = Field(default=None, sa_column=_micros())
    fresh: bool = False
    """True if its directory is renamed away before its next attempt."""
    removed: bool = False
    """True if it was removed from the run's file by a later edit."""
    reason_host: str | None = None
    """The host that gave `reason`, if other hosts may have others; null: not tied to a host."""
    stalls_after: float | None = None
    """Seconds of silence after which it is stalled, once it was silent for half of that."""
    given_up_json: str | None = None
    """Checkpoints that a person gave up for an earlier one: path -> when, in microseconds."""


class DependencyRow(SQLModel, table=True):
    """An edge of the DAG."""

    __tablename__ = "dependencies"
    __table_args__ = (Index("ix_dependencies_upstream", "upstream_id"),)

    stage_id: str = Field(
        sa_column=Column(Text, ForeignKey("stages.id", ondelete="CASCADE"), primary_key=True)
    )
    upstream_id: str = Field(
        sa_column=Column(Text, ForeignKey("stages.id", ondelete="CASCADE"), primary_key=True)
    )


class AttemptRow(SQLModel, table=True):
    """An attempt of a stage."""

    __tablename__ = "attempts"
    __table_args__ = (
        UniqueConstraint("stage_id", "number"),
        Index("ix_attempts_status", "status"),
        # on PostgreSQL a migration creates it: importing that dialect takes long
        Index("ix_attempts_unread", "host", sqlite_where=text("metrics_complete = 0")),
        NEVER_REUSED,
    )

    id: int | None = Field(default=None, primary_key=True)
    stage_id: str = Field(sa_column=_parent("stages.id"))
    number: int
    status: str
    host: str
    executor: str = LOCAL
    """What started its processes; `none`: trainui did not start them."""
    celery_task_id: str | None = None
    directory: str
    slots_json: str = "[]"
    granted_at: int = Field(sa_column=_micros(nullable=False))
    sent_at: int | None = Field(default=None, sa_column=_micros())
    started_at: int | None = Field(default=None, sa_column=_micros())
    completed_at: int | None = Field(default=None, sa_column=_micros())
    exit_code: int | None = None
    signal: int | None = None
    error: str | None = None
    result_json: str | None = None
    pid: int | None = None
    supervisor_pid: int | None = None
    checkpoint: str | None = None
    checkpoint_tried: bool = False
    """It continued from `checkpoint` and ended before it wrote a point or a checkpoint."""
    cancel_requested_at: int | None = Field(default=None, sa_column=_micros())
    stop_reason: str | None = None
    """The alert that requested its end, if any."""
    stops_early: bool = False
    restarts: bool = False
    """It ends on purpose, and its stage completes."""
    metrics_complete: bool = False
    definition_json: str | None = None
    """The definition that it ran with, if the stage was edited since; null: the stage's own."""
    digest: str | None = None
    """The digest of its pipeline, if the run's file was edited since; null: the run's own."""
    inputs_json: str | None = None
    """The state of its stage's inputs at its start."""
    kept_json: str | None = None
    """The fingerprint for which a user accepted its result with `--keep`."""
    code_change: str | None = None
    """How the code at its start differs from the code at submission, in words."""
    secret_changes_json: str | None = None
    """Later edits of secret values that it ran with, in masked words: definitions omit secrets."""
    pruning_json: str | None = None
    """Why its search's pruner requested its end, if it did."""


class SlotRow(SQLModel, table=True):
    """A slot occupied by an attempt; a free slot has no row."""

    __tablename__ = "slots"

    host: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    attempt_id: int = Field(
        sa_column=Column(
            BigInteger, ForeignKey("attempts.id", ondelete="CASCADE"), nullable=False, index=True
        )
    )


class SearchRow(SQLModel, table=True):
    """A search that has asked for a trial."""

    __tablename__ = "searches"

    run_id: str = Field(
        sa_column=Column(Text, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    )
    name: str = Field(primary_key=True)
    """The stage's name in the file."""
    sampler: str
    """The kind, options and space of the sampler with this history."""
    history: str | None = None
    """The order in which trials were asked for and ended, as JSON."""
    importance_json: str | None = None
    """Parameter -> its share of the objective's variation, most important first."""


class TrialRow(SQLModel, table=True):
    """A trial that has been asked for."""

    __tablename__ = "trials"
    __table_args__ = (
        UniqueConstraint("run_id", "search", "number"),
        Index("ix_trials_state", "state"),
    )

    stage_id: str = Field(
        sa_column=Column(Text, ForeignKey("stages.id", ondelete="CASCADE"), primary_key=True)
    )
    run_id: str
    search: str
    """The stage's name in the file."""
    number: int
    state: str
    """`asked` until its outcome is in the study: `complete`, `pruned` or `fail`."""
    value: float | None = None
    """The objective."""
    step: float | None = None
    """The step of that value."""
    reason: str | None = None
    """Why it counts as failed."""


class EvaluationRow(SQLModel, table=True):
    """A stage that gathers the evaluations of a training's checkpoints."""

    __tablename__ = "evaluations"

    stage_id: str = Field(
        sa_column=Column(Text, ForeignKey("stages.id", ondelete="CASCADE"), primary_key=True)
    )
    run_id: str
    metric: str | None = None
    """The metric of the checkpoints' values."""


class CheckpointRow(SQLModel, table=True):
    """A whole checkpoint that was found for an evaluation."""

    __tablename__ = "checkpoints"

    id: int | None = Field(default=None, primary_key=True)
    evaluation_id: str = Field(sa_column=_parent("stages.id", index=True))
    """The stage that gathers its evaluation."""
    stage_id: str | None = Field(
        default=None,
        sa_column=Column(Text, ForeignKey("stages.id", ondelete="CASCADE"), index=True),
    )
    """The stage that evaluates it; null: there is none yet, or none will be."""
    path: str
    """Where the training wrote it."""
    written_at: int = Field(sa_column=_micros(nullable=False))
    """When, in nanoseconds of the file system's clock."""
    attempt: int
    """Number of the training's attempt that wrote it."""
    step: float | None = None
    """null: not known yet."""
    identity_json: str
    """For its largest files: name, size, modification time."""
    state: str
    """`waiting`, `current`, `left_out` or `superseded`."""
    reason: str | None = None
    """Why it was left out or superseded."""
    held: str | None = None
    """The directory with its held copy; null: there is none any more."""
    value: float | None = None
    """The value of the evaluation's metric."""
    drawn: int = 0
    """Number of the attempt whose metrics are points of the evaluation; 0: none."""


class HostRow(SQLModel, table=True):
    """A host whose worker has sent a heartbeat."""

    __tablename__ = "hosts"

    name: str = Field(primary_key=True)
    home: str
    seen_at: int = Field(sa_column=_micros(nullable=False))
    """By the database's clock."""
    place: str | None = None
    slots_json: str
    queues_json: str


class LogReadRow(SQLModel, table=True):
    """A request from another host for a part of a log, until it is fetched."""

    __tablename__ = "log_reads"
    __table_args__ = (Index("ix_log_reads_host", "host"),)

    id: str = Field(primary_key=True)
    host: str
    """The host with the log."""
    attempt_id: int
    name: str
    """The file in the attempt's directory; empty: the sizes of all files."""
    start: int = Field(sa_column=_micros(nullable=False))
    """Offset in bytes."""
    length: int
    asked_at: int = Field(sa_column=_micros(nullable=False))
    """By the database's clock."""
    answer_json: str | None = None
    """The sizes, or an error; null: not answered yet."""
    data: bytes | None = None


class EventRow(SQLModel, table=True):
    """An event of a run or stage."""

    __tablename__ = "events"
    __table_args__ = (Index("ix_events_run", "run_id", "id"), NEVER_REUSED)

    id: int | None = Field(default=None, primary_key=True)
    run_id: str = Field(sa_column=_parent("runs.id"))
    stage: str | None = None
    attempt: int | None = None
    time: int = Field(sa_column=_micros(nullable=False))
    kind: str
    text: str
    data_json: str | None = None
    """Data for programs: `text` is only for people."""


class HomeRow(SQLModel, table=True):
    """The home of this database, if that is a SQLite file: its id, and where it was last."""

    __tablename__ = "homes"

    id: str = Field(primary_key=True)
    root: str
    """Its path as it was given."""
    path: str
    """The same without links."""
    place: str
    """Device and inode."""
    mount: str
    """The mountpoint of its file system."""


class FlagRow(SQLModel, table=True):
    """A flag of the whole installation, e.g. the paused queue."""

    __tablename__ = "flags"

    name: str = Field(primary_key=True)
    value: str


def _table(model: type[SQLModel]) -> Table:
    return cast(Table, model.__table__)  # type: ignore[attr-defined]


RUNS = _table(RunRow)
STAGES = _table(StageRow)
DEPENDENCIES = _table(DependencyRow)
ATTEMPTS = _table(AttemptRow)
SLOTS = _table(SlotRow)
SEARCHES = _table(SearchRow)
TRIALS = _table(TrialRow)
EVALUATIONS = _table(EvaluationRow)
CHECKPOINTS = _table(CheckpointRow)


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


def open_session() -> Session:
    """A SQLModel session on the configured database, in autocommit mode: no statement locks it."""
    return session_of(open_store())


def session_of(store: Database) -> Session:
    """A SQLModel session on a database."""
    return Session(_engine(store.url))


@cache
def _engine(url: str) -> Engine:
    if (file := file_of(url)) is None:
        return create_engine(
            make_url(url).set(drivername="postgresql+psycopg"),
            creator=lambda: postgres.connect(url),
            isolation_level="AUTOCOMMIT",
            pool_pre_ping=True,
        )

    def connect() -> sqlite3.Connection:
        connection = sqlite_file.connect(file)
        sqlite_file.prepare(connection)
        return connection

    address = URL.create("sqlite", database=str(file))  # built, since a parsed one ends at a `?`
    return create_engine(address, creator=connect, isolation_level="AUTOCOMMIT")


def store_of(session: Session) -> Database:
    """Return the store for a session's database."""
    address = session.get_bind().engine.url
    if address.get_backend_name() == "sqlite":
        return open_store(f"sqlite:///{address.database}")
    # SQLAlchemy does not encode a space in a password, which libpq requires
    return open_store(address.render_as_string(hide_password=False).replace(" ", "%20"))


@dataclass(frozen=True, slots=True)
class TrackedStage:
    """A stage as returned by `PipelineRepository.get_stages`."""

    id: str
    stage_name: str
    status: Status
    celery_task_id: str | None
    started_at: datetime | None
    """In UTC."""
    completed_at: datetime | None
    """In UTC."""
    task_name: str | None
    """None for a stage with a command."""
    task_params: dict[str, Any]
    depends_on: list[str]
    result: Any
    error: str | None


class PipelineRepository:
    """Reads runs through a SQLAlchemy session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get_stages(self, pipeline_uuid: str) -> list[TrackedStage]:
        """Return a run's stages in the file's order; empty if there is no such run."""
        query = select(StageRow).where(StageRow.run_id == pipeline_uuid)
        found = self._session.exec(query.order_by(col(StageRow.position))).all()
        tracked = [_tracked(row) for row in found]
        self._session.expunge_all()  # so that the next call reads the database again
        return tracked


def _tracked(row: StageRow) -> TrackedStage:
    stage = views.stage_record(row.model_dump())
    return TrackedStage(
        id=stage.id,
        stage_name=stage.name,
        status=stage.status,
        celery_task_id=stage.celery_task_id,
        started_at=_datetime(stage.started_at),
        completed_at=_datetime(stage.completed_at),
        task_name=stage.definition.task,
        task_params=dict(stage.definition.params),
        depends_on=list(stage.depends_on),
        result=stage.result,
        error=stage.error,
    )


def _datetime(micros: int | None) -> datetime | None:
    return None if micros is None else clock.to_datetime(micros)
