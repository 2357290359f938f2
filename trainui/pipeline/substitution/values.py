"""Variables of a pipeline file, and the text of their values: plain, or quoted for the shell."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from trainui.model.definition import Json
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
    r"(?P<search>.+)\.(?P<best>best\.(?:dir|trial|params))(?:(?<=params)\.(?P<key>.+))?"
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
    **dict.fromkeys(("timeout", "silence_timeout", "stop_signal", "grace"), _NUMBER),
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
    `best.params`."""
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
