"""Finds stages that may run at once and write to one path, from their definitions alone.

Inputs, caches and data sets are shared on purpose, so a path counts only where an output is given:
in options and variables whose name says so, and in `outputs`, `checkpoint` and `metrics`.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from trainui.model.definition import StageDefinition
from trainui.pipeline.graph import Graph
from trainui.plugin import Tracker, registry
from trainui.record import dataclass

_DIRECTORY = re.compile(r"([a-z]+?)_?(dir|directory|folder|path|root)")
"""Names of options and variables for a directory, in lower case with underscores."""

_OUTPUTS = re.compile(r"outputs?|out|save|saving|logs?|logging|results?|exp|experiment|work|run")
"""Directories for output; trackers have more."""

_OUTPUT = re.compile(r"out|output|save_to|log_file|(results?|output|metrics)_(file|path|json|csv)")
"""Other names."""

_NAME = re.compile(
    r"((run|exp|experiment|job|model)_?)?(name|id|tag|version)|exp|experiment|suffix|sub_?dir"
)
"""Names of options that often give each training a directory of its own in a shared one."""

_NO_PATHS = frozenset(
    {"", "-", "json", "jsonl", "csv", "tsv", "text", "txt", "table", "yaml", "html", "xml", "wide"}
    | {"none", "null", "true", "false", "stdout", "stderr", "console"}
)

_METRIC_FILES = (".csv", ".json", ".jsonl", ".log", ".tsv", ".txt")

_SHOWN = 2
"""Stages that a message names; the others are counted."""


@dataclass(frozen=True, slots=True)
class SharedPath:
    """A path that several stages write to."""

    path: str
    where: str
    """How the first of them names it, e.g. `--out runs` or `outputs: /data/a.csv`."""
    names: tuple[str, ...]
    """Full names of the stages."""

    @property
    def words(self) -> str:
        """The stages, the path and what to do, as a sentence without a full stop."""
        return (
            f"{_named(self.names)} write to {self.path} (`{self.where}`), so one may overwrite the "
            "files of another; give each a directory of its own, e.g. with ${stage_dir}"
        )


def _named(names: Sequence[str]) -> str:
    shown, more = names[:_SHOWN], len(names) - _SHOWN
    return " and ".join(shown) + (f" and {more} more" if more > 0 else "")


def find(stages: Sequence[StageDefinition]) -> list[SharedPath]:
    """Return the paths to which stages write that do not wait for each other."""
    found: dict[str, list[tuple[StageDefinition, str]]] = {}
    for stage in stages:
        for path, where in written(stage).items():
            found.setdefault(path, []).append((stage, where))
    graph = Graph.from_parents({stage.name: stage.depends_on for stage in stages})
    shared = []
    for path, writers in found.items():
        names = _at_once([stage for stage, _ in writers], graph)
        if len(names) > 1:
            where = next(where for stage, where in writers if stage.name == names[0])
            shared.append(SharedPath(path, where, names))
    return shared


def _at_once(stages: Sequence[StageDefinition], graph: Graph) -> tuple[str, ...]:
    """Return those of these stages that may run at the same time as another of them."""
    if len(stages) < 2 or _have_own_names(stages):
        return ()
    groups = [list(each) for _, each in groupby(stages, key=lambda one: one.group or one.name)]
    above = [graph.upstream(group[0].name) for group in groups]
    names: dict[str, None] = {}
    for number, group in enumerate(groups):
        if len(group) > 1:
            names.update(dict.fromkeys(one.name for one in group))
        for other, above_other in zip(groups[number + 1 :], above[number + 1 :], strict=True):
            if other[0].name not in above[number] and group[0].name not in above_other:
                names.update(dict.fromkeys(one.name for one in (*group, *other)))
    return tuple(names)


def _have_own_names(stages: Sequence[StageDefinition]) -> bool:
    """Return True if each names its training, for which its program may make a directory."""
    named = [
        frozenset((name, value) for name, value, _ in _options(stage) if _NAME.fullmatch(name))
        for stage in stages
    ]
    return all(named) and len(set(named)) == len(named)


def written(stage: StageDefinition) -> dict[str, str]:
    """Return the absolute paths that a stage writes to, each with the place that names it."""
    found: dict[str, str] = {}
    for name, value, where in _options(stage):
        if _is_output(name) and _is_path(value):
            found.setdefault(_absolute(value, stage), where)
    fields: list[tuple[str, str | None]] = [("outputs", one) for one in stage.outputs]
    fields.append(("checkpoint", stage.checkpoint.glob if stage.checkpoint else None))
    # directories and databases of trackers are shared on purpose
    paths = [one.path for one in stage.metrics or () if one.path]
    fields += [("metrics", path) for path in paths if path.endswith(_METRIC_FILES)]
    for field, path in fields:
        # a relative one is searched in the stage's own directory first
        if path and os.path.isabs(os.path.expanduser(path)) and _is_path(path):  # noqa: PTH111, PTH117
            found.setdefault(_absolute(path, stage), f"{field}: {path}")
    return found


def _is_output(name: str) -> bool:
    """Return True if an option of this name says where output goes."""
    if _OUTPUT.fullmatch(name):
        return True
    if (directory := _DIRECTORY.fullmatch(name)) is None:
        return False
    return _OUTPUTS.fullmatch(directory[1]) is not None or any(
        directory[1] in one.directories for one in registry.records(Tracker)
    )


def _absolute(path: str, stage: StageDefinition) -> str:
    return os.path.normpath(os.path.join(stage.workdir, os.path.expanduser(path)))  # noqa: PTH111, PTH118


def _is_path(value: str) -> bool:
    if value.lower() in _NO_PATHS or value.startswith("/dev/") or "://" in value:
        return False
    return not any(mark in value for mark in "$`=\0\n")


def _options(stage: StageDefinition) -> Iterator[tuple[str, str, str]]:
    """Yield options and variables: name, value, and the text that gives them."""
    for name, value in stage.env.items():
        yield _canonical(name), value, f"env: {name}: {value}"
    if stage.task is not None:
        for name, given in _texts(stage.params):
            yield _canonical(name), given, f"params: {name}: {given}"
    words = _words(stage)
    for number, word in enumerate(words):
        name, equals, value = word.partition("=")
        if equals and re.fullmatch(r"[-+~]*[\w.-]+", name):
            yield _canonical(name), value, word
        elif word.startswith("-") and number + 1 < len(words):
            following = words[number + 1]
            if not following.startswith("-"):
                yield _canonical(word), following, f"{word} {following}"


def _texts(params: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    yield from ((name, value) for name, value in params.items() if isinstance(value, str))


def _words(stage: StageDefinition) -> list[str]:
    if stage.command is None or isinstance(stage.command, tuple):
        return list(stage.command or ())
    try:
        return shlex.split(stage.command, comments=True)
    except ValueError:  # shell text that is more than words
        return []


def _canonical(name: str) -> str:
    """Return an option's name as `_is_output` takes it.

    `--trainer.Output-Dir` is `output_dir`, `a.run.dir` is `run_dir`.
    """
    parts = name.lstrip("-+~").lower().replace("-", "_").split(".")
    joined = "_".join(parts[-2:])
    return joined if _is_output(joined) else parts[-1]
