"""JSON Schemas of each command's `--json` output.

Later versions may add fields, but keep these. A test compares every schema with the command's
real output.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainui.domain.notifications import MARKS
from trainui.domain.states import Status
from trainui.domain.states import Status as S

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
FLAG: Schema = {"type": "boolean"}
TIME: Schema = {"type": "string", "format": "date-time"}
ANY: Schema = {}
VALUE: Schema = {"oneOf": [NUMBER, {"enum": ["nan", "inf", "-inf"]}]}
"""A number, or text for NaN and infinities."""


def _one_of(*values: str) -> Schema:
    return {"enum": list(values)}


def _or_null(schema: Schema) -> Schema:
    return {"oneOf": [schema, {"type": "null"}]}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _object(*, optional: Mapping[str, Schema] | None = None, **fields: Schema) -> Schema:
    properties = {**fields, **(optional or {})}
    return {"type": "object", "properties": properties, "required": list(fields)}


_ANY_OBJECT: Schema = {"type": "object"}

_RUN_STATES = (S.QUEUED, S.RUNNING, S.FAILED, S.INTERRUPTED, S.CANCELLED, S.ENDED, S.COMPLETED)

_RUN_LINE = {
    "run": TEXT,
    "name": TEXT,
    "status": _one_of(*_RUN_STATES),
    "created_at": TIME,
    "started_at": _or_null(TIME),
    "completed_at": _or_null(TIME),
    "external": _or_null(_object(kind=TEXT, path=TEXT, pid=_or_null(WHOLE))),
}

_PRUNING = _object(
    by=TEXT,
    metric=TEXT,
    step=WHOLE,
    value=VALUE,
    lower=FLAG,
    best=FLAG,
    by_index=FLAG,
    rule=_or_null(TEXT),
    limit=_or_null(NUMBER),
    of=_or_null(WHOLE),
)

_ATTEMPT = _object(
    optional={"pruning": _PRUNING},
    number=WHOLE,
    status=_one_of(*Status),
    host=TEXT,
    celery_task_id=_or_null(TEXT),
    started_at=_or_null(TIME),
    completed_at=_or_null(TIME),
    exit_code=_or_null(WHOLE),
    signal=_or_null(WHOLE),
    error=_or_null(TEXT),
    pid=_or_null(WHOLE),
    supervisor_pid=_or_null(WHOLE),
    checkpoint=_or_null(TEXT),
    stdout=TEXT,
    stderr=TEXT,
)

_STAGE = _object(
    optional={"trial": WHOLE, "search": _or_null(_ANY_OBJECT), "summary": _ANY_OBJECT},
    id=TEXT,
    name=TEXT,
    task=_or_null(TEXT),
    command={"oneOf": [TEXT, _list(TEXT), {"type": "null"}]},
    params=_ANY_OBJECT,
    matrix=_or_null(_ANY_OBJECT),
    workdir=TEXT,
    depends_on=_list(TEXT),
    status=_one_of(*Status),
    reason=_or_null(TEXT),
    stalled=FLAG,
    alerts=_list(
        _object(kind=_one_of(*MARKS), attempt=_or_null(WHOLE), time=TIME, text=TEXT),
    ),
    celery_task_id=_or_null(TEXT),
    started_at=_or_null(TIME),
    completed_at=_or_null(TIME),
    result=ANY,
    error=_or_null(TEXT),
    exit_code=_or_null(WHOLE),
    gpus=_list(WHOLE),
    dir=TEXT,
    outputs=_list(TEXT),
    attempts=_list(_ATTEMPT),
)

_VERDICT = _or_null(_one_of("keep", "discard"))

RUN = _object(
    **_RUN_LINE,
    **{"from": _or_null(TEXT)},
    notes=_list(_object(text=TEXT, verdict=_VERDICT, at=TIME)),
    stages=_list(_STAGE),
)
"""A run in full."""

_PLAN = {
    "stages": _list(
        _object(
            name=TEXT,
            action=_one_of("skip", "run", "continue"),
            reason=_or_null(TEXT),
            checkpoint=_or_null(TEXT),
            step=_or_null(NUMBER),
            seconds=_or_null(NUMBER),
            gpu_seconds_saved=_or_null(NUMBER),
        )
    ),
    "diff": _or_null(TEXT),
}

_EVENT = _object(
    id=WHOLE,
    time=TIME,
    run=TEXT,
    name=TEXT,
    stage=_or_null(TEXT),
    attempt=_or_null(WHOLE),
    kind=TEXT,
    text=TEXT,
)

_LINE = {"stream": _one_of("out", "err"), "time": _or_null(TIME), "text": TEXT}

_WORKER = _object(
    running=FLAG,
    pid=_or_null(WHOLE),
    guard_pid=_or_null(WHOLE),
    host=TEXT,
    slots=_list(_object(kind=_one_of("cpu", "gpu"), index=WHOLE)),
    log=TEXT,
    broker=_object(url=TEXT, kind=_one_of("valkey", "redis"), pid=_or_null(WHOLE), reachable=FLAG),
    hosts=_list(_ANY_OBJECT),
    problems=_list(TEXT),
    disks=_list(_object(path=TEXT, free_bytes=WHOLE, low=FLAG)),
)

_FREED = _object(run=TEXT, name=TEXT, status=TEXT, completed_at=_or_null(TIME), bytes=WHOLE)

_FOLDED = _list(
    _object(
        stage=TEXT,
        over=TEXT,
        name=TEXT,
        mean=_or_null(NUMBER),
        deviation=_or_null(NUMBER),
        count=WHOLE,
        members=WHOLE,
    )
)

_ADDED = _object(run=_or_null(TEXT), name=TEXT, kind=TEXT, path=TEXT, stages=_list(TEXT), new=FLAG)

SCHEMAS: dict[str, Schema] = {
    "error": _object(error=_object(code=TEXT, message=TEXT)),
    "ls": _object(runs=_list(_object(**_RUN_LINE))),
    "show": RUN,
    "wait": RUN,
    "run --wait": RUN,
    "run --detach": _object(run=TEXT, name=TEXT, stages=_list(TEXT)),
    "run --dry-run": _object(
        name=TEXT,
        stages=_list(
            _object(
                name=TEXT,
                depends_on=_list(TEXT),
                task=_or_null(TEXT),
                command={"oneOf": [TEXT, _list(TEXT), {"type": "null"}]},
                params=_ANY_OBJECT,
                workdir=TEXT,
            )
        ),
    ),
    "demo": RUN,
    "resume": RUN,
    "resume --dry-run": _object(**_PLAN),
    "resume --interrupted": _object(runs=_list(RUN)),
    "resume --interrupted --dry-run": _object(runs=_list(_object(run=TEXT, name=TEXT, **_PLAN))),
    "rerun": RUN,
    "cancel": RUN,
    "note": RUN,
    "diff": _object(
        code=_object(commit=_or_null(_list(_or_null(TEXT))), files=_list(TEXT), drift=_list(TEXT)),
        command=_ANY_OBJECT,
        params=_ANY_OBJECT,
        environment=_list(TEXT),
        packages=_or_null(_ANY_OBJECT),
    ),
    "tree": _object(
        runs=_list(
            _object(
                run=TEXT,
                name=TEXT,
                **{"from": _or_null(TEXT)},
                difference=_or_null(TEXT),
                best=_or_null(_object(metric=TEXT, value=NUMBER)),
                verdict=_VERDICT,
            )
        )
    ),
    "best": _object(
        trials=_list(
            _object(
                trial=WHOLE,
                status=_one_of(*Status),
                value=_or_null(NUMBER),
                step=_or_null(NUMBER),
                search=_ANY_OBJECT,
                command={"oneOf": [TEXT, _list(TEXT), {"type": "null"}]},
            )
        )
    ),
    "add": _object(runs=_list(_ADDED)),
    "add --pid": _object(
        candidates=_list(
            _object(pid=WHOLE, name=TEXT, command=_list(TEXT), directory=TEXT, why=TEXT)
        )
    ),
    "path": _object(paths=_list(TEXT)),
    "logs": _object(stage=TEXT, attempt=_or_null(WHOLE), lines=_list(_object(**_LINE))),
    "logs --follow": _object(stage=TEXT, attempt=WHOLE, **_LINE),
    "events": _object(events=_list(_EVENT)),
    "events --follow": _EVENT,
    "metrics": _object(
        optional={"folded": _FOLDED},
        series=_list(
            _object(
                stage=TEXT,
                name=TEXT,
                count=WHOLE,
                superseded=WHOLE,
                first_step=_or_null(NUMBER),
                last_step=_or_null(NUMBER),
                last=_or_null(VALUE),
                min=_or_null(VALUE),
                max=_or_null(VALUE),
                nonfinite=WHOLE,
            )
        ),
        problems=_list(_object(stage=TEXT, source=TEXT, message=TEXT)),
    ),
    "metrics --points": _object(
        stage=TEXT, name=TEXT, attempt=WHOLE, step=VALUE, value=VALUE, time=_or_null(TIME)
    ),
    "export": _object(file=TEXT, format=_one_of("csv", "jsonl", "parquet"), points=WHOLE),
    "report": _object(run=TEXT, markdown=TEXT),
    "graph": _object(stages=_list(_object(name=TEXT, depends_on=_list(TEXT)))),
    "init": _object(file=TEXT, notes=_list(TEXT)),
    "validate": _object(
        valid=FLAG,
        problems=_list(
            _object(
                file=TEXT, line=_or_null(WHOLE), column=_or_null(WHOLE), code=TEXT, message=TEXT
            )
        ),
    ),
    "worker start": _WORKER,
    "worker stop": _WORKER,
    "worker status": _WORKER,
    "worker pause": _object(paused=FLAG),
    "worker unpause": _object(paused=FLAG),
    "worker install": _object(path=TEXT),
    "worker install --print": _object(unit=TEXT),
    "worker uninstall": _object(path=_or_null(TEXT)),
    "doctor": _object(
        findings=_list(
            _object(
                name=TEXT,
                level=_one_of("good", "note", "bad"),
                message=TEXT,
                advice=_or_null(TEXT),
            )
        )
    ),
    "rm": _object(removed=_or_null(TEXT), bytes=WHOLE),
    "prune": _object(dry_run=FLAG, runs=_list(_FREED), bytes=WHOLE, kept=WHOLE),
    "backup": _object(file=TEXT, bytes=WHOLE, files=WHOLE, left_out=WHOLE),
    "uninstall": _object(dry_run=FLAG, paths=_list(TEXT), bytes=WHOLE),
    "serve": _object(url=TEXT, writable=FLAG),
}
"""By command; of one that follows or prints points, for each line. `error` is for any failure."""


def schema_of(command: str) -> Schema:
    """Return the JSON Schema of a command's `--json` output."""
    return {"$schema": DIALECT, "title": f"trainui {command} --json", **SCHEMAS[command]}
