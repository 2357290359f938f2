"""Variables of a pipeline file, and the text of their values: plain, or quoted for the shell.

`fill` substitutes them in a stage's definition, with the quoting that each field needs.
"""

from __future__ import annotations

import glob
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from trainui.errors import UsageError
from trainui.model.definition import CheckpointRule, Json, MetricSource, StageDefinition
from trainui.pipeline import template
from trainui.pipeline.shell import QuotingContext, Spot, quote, separator, spots
from trainui.pipeline.template import Template, Variable

# The `${...}` variables, and the fields in which each is allowed.
#
# `python`, `attempt`, `env`, `checkpoint` and `resume_args` are substituted when a process starts;
# `search`, and `stage_dir` of a search, when a trial is asked for, and the results of a search when
# a stage that depends on it starts; the others at submission.


SIMPLE = frozenset({"run_dir", "stage_dir", "python", "attempt", "checkpoint", "resume_args"})
"""Variables without a key."""

KEYED = frozenset({"params", "matrix", "search", "env", "stages"})
"""Variables with a key after the dot."""

_COMMON = frozenset(
    {"params", "matrix", "search", "run_dir", "stage_dir", "stages", "python", "attempt", "env"}
)
_PARAMS = frozenset({"params"})

_STAGES = re.compile(
    r"(?P<search>.+)\.(?P<best>best\.(?:dir|trial|params|checkpoint|step))(?:(?<=params)\.(?P<key>.+))?"
    r"|(?P<name>.+)\.(?P<what>dirs?)"
)


@dataclass(frozen=True, slots=True)
class Rule:
    """The variables that are allowed in a field."""

    kinds: frozenset[str]
    """Allowed kinds: the part before the first dot."""
    several: bool = False
    """True: variables with several values, e.g. `${stages.NAME.dirs}`, are allowed."""


_TEXT = Rule(_COMMON)
_LIST = Rule(_COMMON, several=True)
_RESUME = Rule(_COMMON | {"checkpoint"}, several=True)
_NUMBER = Rule(_PARAMS)

FIELDS = {
    **dict.fromkeys(("task", "matrix", "seeds", "over", "search", "cpus", "gpus"), _NUMBER),
    **dict.fromkeys(("gpu_memory", "host", "queue", "executor", "retries"), _NUMBER),
    "retry_delay": _NUMBER,
    **dict.fromkeys(("timeout", "budget", "silence_timeout", "stall_after"), _NUMBER),
    **dict.fromkeys(("stop_signal", "grace"), _NUMBER),
    "allow_failure": _NUMBER,
    "run": Rule(_COMMON | {"resume_args"}, several=True),
    "params": _LIST,
    "workdir": _TEXT,
    "env": _TEXT,
    "python": Rule(_COMMON - {"python"}),
    "metrics": _TEXT,
    "checkpoint": _TEXT,
    "resume_args": _RESUME,
    "resume_run": _RESUME,
    "outputs": _LIST,
    "success": _TEXT,
    "inputs": _LIST,
    "alerts": _TEXT,
    **dict.fromkeys(("each_checkpoint", "every", "metric", "goal"), _NUMBER),
}
"""The fields of a stage in which variables are substituted."""

PARAMETER = Rule(frozenset({"run_dir", "stage_dir", "attempt", "env"}))
"""The rule for the values of the pipeline's parameters."""


@dataclass(frozen=True, slots=True)
class StageReference:
    """The stage that `${stages.NAME.dir}` refers to."""

    name: str
    """A stage or one of its members."""
    what: str
    """`dir`, `dirs` (of all members), or, of a search, `best.dir`, `best.trial` or
    `best.params`; of an evaluation of each checkpoint, `best.checkpoint`, `best.step`, `best.dir`
    or `dirs`."""
    key: str | None = None
    """The parameter of `best.params.KEY`."""


def stage_reference(variable: Variable) -> StageReference | None:
    """Parse `${stages.NAME.dir}`, `...dirs` or `...best.dir`; None if it is something else."""
    match = _STAGES.fullmatch(variable.key) if variable.kind == "stages" else None
    if match is None:
        return None
    name, what = match["search"] or match["name"], match["best"] or match["what"]
    return StageReference(name, what, match["key"])


def is_several(variable: Variable) -> bool:
    """Return True if a variable can have several values."""
    reference = stage_reference(variable)
    return variable.name == "resume_args" or (reference is not None and reference.what == "dirs")


def is_well_formed(variable: Variable) -> bool:
    """Return True if a variable has a known form, whatever its key."""
    if not variable.closed:
        return False
    if variable.kind == "stages":
        return stage_reference(variable) is not None
    if variable.kind in KEYED:
        return bool(variable.key)
    return variable.name in SIMPLE


# Substitute variables in plain text, list items, shell text and JSON.


Resolve = Callable[[Variable], Sequence[Template] | None]
"""Returns the values of a variable; None: leave the variable as it is."""

Write = Callable[[Template], str]
"""Converts the result to text: a template if variables remain, otherwise plain text."""


def plain(parts: Template) -> str:
    """Return the text of parts that contain no variables."""
    return "".join(str(part) for part in parts)


_OPEN_NAME = re.compile(r"\$[A-Za-z_][A-Za-z0-9_]*\Z")
"""A shell variable at the end of a text, whose name would continue in a value after it."""


def _apart(
    before: Sequence[str | Variable], value: list[str | Variable], spot: Spot
) -> list[str | Variable]:
    """Return a quoted value, with empty quotes before it if it would lengthen a variable's name.

    With the value 0, `$s${matrix.seed}` would be the variable `$s0`.
    """
    last, first = before[-1:] or [""], value[:1] or [""]
    if spot.place not in (QuotingContext.BARE, QuotingContext.DOUBLE):
        return value
    if not isinstance(last[0], str) or not isinstance(first[0], str):
        return value
    joins = _OPEN_NAME.search(last[0]) and re.match(r"[A-Za-z0-9_]", first[0])
    return ['""', *value] if joins else value


@dataclass(frozen=True, slots=True)
class Filler:
    """Substitutes variables."""

    resolve: Resolve
    write: Write = template.unparse

    def text(self, text: str) -> str:
        """Substitute variables in plain text."""
        if "${" not in text:
            return text
        return self.write(self._joined(template.parse(text)))

    def items(self, text: str) -> list[str]:
        """Substitute variables in a list item; a variable with n values gives n items."""
        if "${" not in text:
            return [text]
        choices = [self._values(part) for part in template.parse(text)]
        products = itertools.product(*choices)
        return [self.write(template.join(itertools.chain(*parts))) for parts in products]

    def shell(self, text: str) -> str:
        """Substitute variables in shell text, quoting each value for its position."""
        if "${" not in text:
            return text
        parts = template.parse(text)
        remaining = iter(spots(parts))
        filled: list[str | Variable] = []
        for part in parts:
            if isinstance(part, str):
                filled.append(part)
            else:
                filled.extend(_apart(filled, self._quoted(part, spot := next(remaining)), spot))
        return self.write(template.join(filled))

    def json(self, value: Json) -> Json:
        """Substitute variables in the strings of a JSON value, but not in its keys."""
        if isinstance(value, str):
            variable = template.only_variable(value)
            return self.items(value) if variable and is_several(variable) else self.text(value)
        if isinstance(value, list | tuple):
            filled: list[Json] = []
            for item in value:
                filled += self.items(item) if isinstance(item, str) else [self.json(item)]
            return filled
        if isinstance(value, dict):
            return {key: self.json(item) for key, item in value.items()}
        return value

    def _values(self, part: str | Variable) -> Sequence[Template]:
        if isinstance(part, str):
            return [(part,)]
        values = self.resolve(part)
        return [(part,)] if values is None else values

    def _joined(self, parts: Template) -> Template:
        joined: list[str | Variable] = []
        for part in parts:
            for index, value in enumerate(self._values(part)):
                joined += [" ", *value] if index else value
        return template.join(joined)

    def _quoted(self, variable: Variable, spot: Spot) -> list[str | Variable]:
        values = self.resolve(variable)
        if values is None:
            return [variable]
        written: list[str | Variable] = []
        for index, value in enumerate(values):
            if index:
                written.append(separator(spot))
            written += [quote(p, spot) if isinstance(p, str) else p for p in value or ("",)]
        return written


Command = str | tuple[str, ...]
"""Shell text, or an argument list."""

_DIRECTORIES = frozenset({"run_dir", "stage_dir", "stages"})


def fill(definition: StageDefinition, filler: Filler) -> StageDefinition:
    """Return the definition with the variables of every field substituted.

    Raises:
        UsageError: a value cannot be substituted where it is used; the message names the stage.
    """
    globs = Filler(_as_glob(filler), filler.write)
    try:
        return replace(
            definition,
            command=command(definition.command, filler),
            params=filler.json(dict(definition.params)),
            workdir=filler.text(definition.workdir),
            env=environment(definition.env, filler),
            python=_optional(definition.python, filler),
            metrics=_metrics(definition.metrics, filler, globs),
            checkpoint=definition.checkpoint
            and CheckpointRule(
                globs.text(definition.checkpoint.glob),
                _optional(definition.checkpoint.complete, filler),
            ),
            resume_args=definition.resume_args and items(definition.resume_args, filler),
            resume_run=command(definition.resume_run, filler),
            outputs=items(definition.outputs, globs),
            success=_optional(definition.success, filler),
            inputs=items(definition.inputs, filler),
            alerts=tuple(
                replace(alert, metric=filler.text(alert.metric)) for alert in definition.alerts
            ),
        )
    except UsageError as error:
        raise UsageError(f"stage {definition.name}: {error}") from error


def variables(definition: StageDefinition) -> list[Variable]:
    """Return the variables in all fields of a definition."""
    found: list[Variable] = []
    fill(definition, Filler(found.append))
    return found


def command(value: Command | None, filler: Filler) -> Command | None:
    """Substitute variables in a command."""
    if value is None:
        return None
    return filler.shell(value) if isinstance(value, str) else items(value, filler)


def items(values: Sequence[str], filler: Filler) -> tuple[str, ...]:
    """Substitute variables in a list of texts."""
    return tuple(filled for value in values for filled in filler.items(value))


def environment(values: Mapping[str, str], filler: Filler) -> dict[str, str]:
    """Substitute variables in the values of environment variables."""
    return {name: filler.text(value) for name, value in values.items()}


def _optional(value: str | None, filler: Filler) -> str | None:
    return None if value is None else filler.text(value)


def _metrics(
    sources: Sequence[MetricSource] | None, filler: Filler, globs: Filler
) -> tuple[MetricSource, ...] | None:
    if sources is None:
        return None
    return tuple(
        replace(
            source,
            path=_optional(source.path, globs),
            format=_optional(source.format, filler),
            step=_optional(source.step, filler),
            pattern=_optional(source.pattern, filler),
        )
        for source in sources
    )


def _as_glob(filler: Filler) -> Resolve:
    """Return a resolver that escapes directories in a glob; a parameter may itself be a glob."""

    def resolve(variable: Variable) -> Sequence[Template] | None:
        values = filler.resolve(variable)
        if values is None or variable.kind not in _DIRECTORIES:
            return values
        return [
            tuple(glob.escape(part) if isinstance(part, str) else part for part in value)
            for value in values
        ]

    return resolve
