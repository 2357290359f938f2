"""The `${...}` variables, and the fields in which each is allowed.

`python`, `attempt`, `env`, `checkpoint` and `resume_args` are substituted when a process starts;
`search`, and `stage_dir` of a search, when a trial is asked for, and the results of a search when a
stage that depends on it starts; the others at submission.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from trainui.pipeline.template import Variable

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
    **dict.fromkeys(("gpu_memory", "host", "queue", "retries", "retry_delay"), _NUMBER),
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
