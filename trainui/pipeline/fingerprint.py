"""What makes a stage's work what it is, as a short text to compare."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping

from trainui.domain.definition import StageDefinition

VERSION = "1"
"""Changes when a fingerprint is made of other things: old and new then cannot be compared."""

InputState = tuple[str, int, int]
"""An input's path, its size in bytes, and when it was modified, in whole nanoseconds."""


def stage_fingerprint(
    definition: StageDefinition,
    upstream: Mapping[str, str],
    inputs: Iterable[InputState] = (),
) -> str:
    """Return the fingerprint of a stage's work.

    It is of the command or task, its arguments, its environment variables, where and with which
    Python it runs, its inputs, and its upstreams' fingerprints: not of retries, limits or slots.

    Args:
        definition: as submitted.
        upstream: fingerprints of the stages it depends on, by name.
        inputs: the state of each input.
    """
    identity = {
        "command": definition.command,
        "task": definition.task,
        "params": definition.params,
        "env": definition.env,
        "workdir": definition.workdir,
        "python": definition.python,
        "inputs": sorted(inputs),
        "upstream": upstream,
    }
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"), default=_plain)
    return f"{VERSION}:{hashlib.sha256(text.encode()).hexdigest()}"


def differs(before: str, after: str) -> bool:
    """Tell whether a stage's work is known to be different now.

    Fingerprints of different versions do not tell: an upgrade reruns nothing.
    """
    same_version = before.partition(":")[0] == after.partition(":")[0]
    return same_version and before != after


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not plain data")
