"""A run of W&B: what its logs and its directories say.

Name, configuration, end and command come from the first and last bytes of a log, the summary from
most of it. A run has a directory, with a log, for each time that it was started or resumed.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from trainui.plugin import CommandLine, LineReader, NumberRow, Place, TrackedRun, Training
from trainui.plugin.reading import PROTOBUF_ERRORS as DAMAGED
from trainui.plugin.reading import UnknownFormatError, files, flat, plain_files, tracked, values
from trainui.plugin.reading import protobuf_fields as fields
from trainui.plugins.wandb.log_file import (
    BLOCK,
    HISTORY,
    MEDIA,
    OWN,
    SUMMARY,
    WandbFile,
    contents,
    last_values,
    read_item,
)

_CONFIG, _RUN, _EXIT = 5, 17, 18
"""Fields of a record."""
_RUN_CONFIG, _ITEM = 4, 1
_RUNTIME = 2
_TIME = "_timestamp"
_HEAD_BYTES = 4 * BLOCK
_ID, _NAME, _FIRST_STEP, _START, _CODE, _SECONDS = 1, 8, 14, 17, 1, 1
_ENVIRONMENT, _ARGS, _PROGRAM, _ROOT, _HOST, _EXECUTABLE = 26, 5, 6, 11, 12, 14

_UPDATE, _REMOVE = 1, 2
_MOST_BYTES = 64 << 20
"""Bytes at the end of a log of which the summary is read."""
_Message = defaultdict[int, list[Any]]
"""The values of a message's fields, by their keys."""


LOG = re.compile(r"run-(?P<id>.+)\.wandb")
_DIRECTORY = re.compile(r"(?:offline-)?run-\d{8}_\d{6}-.+")
"""Names of logs, and of their directories: a training may choose the id of its run."""

_OF_RUN = re.compile(r"(.*/)[^/]+/(run-[^/]+\.wandb)")


def is_log(path: Path) -> bool:
    """Return True if a file's name is that of a log."""
    return LOG.fullmatch(path.name) is not None


def time_of(log: Path) -> str:
    """Return the time of a log, by which a run's logs are sorted: its directory's name."""
    return log.parent.name.removeprefix("offline-")


def describe(path: Path) -> TrackedRun:
    """Return a run as its log has it."""
    size = files.size(path)
    begin = max(size // BLOCK - 1, 0) * BLOCK  # of the end, and of changes of the configuration
    end = files.head(path, size - begin, begin=begin)
    tail = _messages(end, begin)
    records = [*_messages(files.head(path, _HEAD_BYTES), 0), *tail]
    runs, ends = ([found for key, found in records if key == kind] for kind in (_RUN, _EXIT))
    run = runs[-1] if runs else _Message(list)
    params: dict[str, Any] = {}
    tags = {"resumed": "true"} if any(_number(one, _FIRST_STEP) for one in runs) else {}
    for key, found in records:
        if key in (_RUN, _CONFIG):
            params |= _config(_inside(found, _RUN_CONFIG) if key == _RUN else found)
        elif key == _ENVIRONMENT:
            tags |= _command(found)
    status = "failed" if ends and _number(ends[0], _CODE) else "completed" if ends else None
    started, last = float(_number(_inside(run, _START), _SECONDS)), _last_time(end, begin)
    runtime = _number(ends[-1], _RUNTIME) if ends and "resumed" not in tags else 0
    id_ = _text(run[_ID][-1:]) or path.stem.removeprefix("run-")
    return TrackedRun(
        id=id_,
        name=_text(run[_NAME][-1:]) or id_,
        params=params,
        status=status,
        started=started or None,
        ended=max(last, started + runtime if started else 0.0) or files.modified(path) or None,
        tags=tags,
    )


def _last_time(data: bytes, offset: int) -> float:
    """Return when the last row in some bytes was logged; 0 if there is none.

    A file's own time is that of a copy, if it was copied.
    """
    rows = contents(data, offset, HISTORY)
    with suppress(*DAMAGED):
        items = (read_item(item) for _key, item, _at in fields(rows[-1][2]) if _key == _ITEM)
        return float(dict(items).get(_TIME) or 0.0)
    return 0.0


def _messages(data: bytes, offset: int) -> list[tuple[int, _Message]]:
    """Return the messages in some bytes that describe the run, each behind its field's key."""
    found = []
    for _end, key, content in contents(data, offset, _RUN, _CONFIG, _EXIT, _ENVIRONMENT):
        with suppress(*DAMAGED):
            found.append((key, values(content)))
    return found


def _inside(found: _Message, key: int) -> _Message:
    """Return the fields of the messages in a field; none if they are damaged."""
    with suppress(*DAMAGED):
        return values(b"".join(found[key]))
    return _Message(list)


def _number(found: _Message, key: int) -> int:
    return next((one for one in reversed(found[key]) if isinstance(one, int)), 0)


def _text(parts: Sequence[Any]) -> str:
    """Return some texts joined by a NUL, which no word of a command has."""
    return b"\0".join(one for one in parts if isinstance(one, bytes)).decode("utf-8", "replace")


def _command(found: _Message) -> dict[str, str]:
    """Return the trainer's command line, its words joined by a NUL, its directory and its host."""
    line = (*found[_EXECUTABLE], *found[_PROGRAM], *found[_ARGS]) if found[_PROGRAM] else ()
    tags = {"command": line, "directory": found[_ROOT][:1], "host": found[_HOST][:1]}
    return {name: _text(parts) for name, parts in tags.items() if parts}


def _config(found: _Message) -> dict[str, Any]:
    """Return the top-level values of the run's configuration that a record sets."""
    with suppress(*DAMAGED):
        items = map(read_item, found[_ITEM])
        return {name: value for name, value in items if name not in OWN}
    return {}


def summary(path: Path) -> dict[str, Any]:
    """Return the last value of each key, and what the training set itself.

    A log has one or two summary records for each row, so it is read once, when the training has
    ended. It is empty if the log cannot be read.
    """
    try:
        with plain_files.open_plain(path) as file:
            size = path.stat().st_size
            begin = max(size - _MOST_BYTES, 0) // BLOCK * BLOCK
            file.seek(begin)
            data = file.read(_MOST_BYTES + BLOCK)
    except OSError:
        return {}
    return _shown(_folded([content for _end, _key, content in contents(data, begin, SUMMARY)]))


def _folded(records: Sequence[bytes]) -> dict[str, Any]:
    """Return the values after all of the records."""
    last, others = last_values(records)
    for number in others:
        with suppress(*DAMAGED):
            last.update(_changes(number, records[number], last))
    return {name: value for name, (_number, value) in last.items() if value is not None}


def _changes(
    number: int, record: bytes, last: Mapping[str, tuple[int, Any]]
) -> Iterator[tuple[str, tuple[int, Any]]]:
    """Yield what a record changes, unless a later one did."""
    for key, item, _at in fields(record):
        if key in (_UPDATE, _REMOVE):
            name, value = read_item(item)
            if name not in last or last[name][0] <= number:
                yield name, (number, value if key == _UPDATE else None)


def _shown(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return a summary without images, tables and the like, and without W&B's own keys."""
    media = tuple(f"{name.removesuffix(MEDIA)}." for name in summary if name.endswith(MEDIA))
    return {
        name: value
        for name, value in summary.items()
        if not name.startswith("_")
        and not (media and name.startswith(media))
        and not (isinstance(value, dict) and "_type" in value)
    }


def parameters(path: Path) -> Mapping[str, Any] | None:
    """Return the configuration of a run; None for a file that is no log."""
    return describe(path).params if is_log(path) else None


def summaries(paths: Sequence[Path]) -> dict[str, Any]:
    """Return the summaries of the logs among some files, a later log's values last."""
    found: dict[str, Any] = {}
    for path in sorted(filter(is_log, paths), key=time_of):
        found |= flat(summary(path))
    return found


def command(path: Path, job: Path, run: str) -> CommandLine | None:
    """Return how a run was started; None if its log does not say so."""
    del job, run
    log = next(iter(sorted(path.glob("run-*.wandb"))), None) if path.is_dir() else path
    tags = describe(log).tags if log is not None and log.exists() else {}
    if "command" not in tags or "directory" not in tags:
        return None
    parts = (  # W&B writes a module as one word, `-m package.train`
        word.split(" ", 1) if word.startswith("-m ") else [word]
        for word in tags["command"].split("\0")
    )
    packages = path / "files" / "requirements.txt"
    known = f"packages at that time: {packages}" if packages.is_file() else ""
    return CommandLine(tuple(chain.from_iterable(parts)), tags["directory"], known)


def owns(directories: Sequence[str], name: str) -> bool:
    """Return True for W&B's own logs, and its copies of the trainer's files."""
    return not {"wandb", ".wandb"}.isdisjoint(directories) and LOG.fullmatch(name) is None


def prefixes(paths: Sequence[Path]) -> Mapping[Path, str]:
    """Return the prefixes of an attempt's logs: the first run of an attempt has none."""
    logs = sorted(paths, key=time_of)
    return {
        path: f"{path.stem.removeprefix('run-')}/" for path in logs if path.name != logs[0].name
    }


def are_parts(history: str, other: str) -> bool | None:
    """Return True if two logs are of the same run, which was resumed; None for other files."""
    logs = _OF_RUN.fullmatch(history), _OF_RUN.fullmatch(other)
    return logs[0].groups() == logs[1].groups() if logs[0] and logs[1] else None


def training(place: Place) -> Training | None:
    """Return the run of a directory."""
    logs = place.fits(LOG)
    if not logs or not _DIRECTORY.fullmatch(place.path.name):
        return None
    run = describe(place / logs[0])
    output = place / "files" / "output.log"
    log = output if output.is_file() else None
    job = tracked(run, place.path, (place / logs[0], "wandb"), log=log)
    return Training("wandb", run.name, place.path, (job,))


def joined(found: Iterable[Training]) -> list[Training]:
    """Return trainings, where a run that was resumed is one: it has a directory each time.

    W&B says so, unless it was offline and did not know the others: then the steps decide, and one
    whose steps begin again is separate.
    """
    parts: dict[str, list[Training]] = {}
    for one in found:
        key = str(one.path.parent / _log(one).name) if one.kind == "wandb" else one.key
        parts.setdefault(key, []).append(one)
    return [one for several in parts.values() for one in _joined(several)]


def _joined(parts: list[Training]) -> list[Training]:
    """Return the runs that some parts of a run make: the last directory has the logs of all."""
    if len(parts) == 1:
        return parts
    found: list[Training] = []
    for one in sorted(parts, key=lambda one: time_of(_log(one))):
        log = _log(one)
        if found and ("resumed" in describe(log).tags or _continues(log, _log(found[-1]))):
            before, job = found.pop().jobs[0], one.jobs[0]
            sources = (*(before.sources or ()), *(job.sources or ()))
            params = {**before.params, **job.params}
            job = replace(job, sources=sources, params=params, started=before.started)
            one = replace(one, jobs=(job,))
        found.append(one)
    return found


def _continues(log: Path, before: Path) -> bool:
    """Return True if the metrics that two logs share begin in one behind the end of the other."""
    first, last = _steps(log)[0], _steps(before)[1]
    shared = first.keys() & last.keys()
    return bool(shared) and all(first[name] > last[name] for name in shared)


def _steps(log: Path) -> tuple[dict[str, float], dict[str, float]]:
    """Return the first and the last step of each metric, from the first and last bytes of a log."""
    decoder, size = WandbFile(None, {}, log), files.size(log)
    with suppress(UnknownFormatError):
        head = files.head(log, _HEAD_BYTES)
        found = decoder.decode(head[: decoder.cut(head)], 0).series
        first = {name: float(one.steps.min()) for name, one in found.items()}
        last = {name: float(one.steps.max()) for name, one in found.items()}
        begin = max(size // BLOCK - 1, 0) * BLOCK
        if begin >= _HEAD_BYTES:
            decoder.begin_at(begin)
            tail = files.head(log, size - begin, begin=begin)
            found = decoder.decode(tail[: decoder.cut(tail)], 0).series
            last |= {name: float(one.steps.max()) for name, one in found.items()}
        return first, last
    return {}, {}


def _log(training: Training) -> Path:
    return (training.jobs[0].sources or ())[-1][0]


class Console(LineReader):
    """What it prints: its summary has the last values again of what was logged."""

    def read(self, line: str) -> Sequence[NumberRow] | None:
        """Return None, for a line that is not to be read."""
        return None if line.startswith("wandb: ") else ()
