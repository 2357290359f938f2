"""Edits that avoid a cause: of parameters by the names that people give them.

Nothing is changed by them: they fill in the page on which a person decides.
"""

from __future__ import annotations

import math
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from trainui.plugin import EditFacts, FoundCause, PreparedEdit

_BATCH = re.compile(
    r"((per_?(device|gpu)|device|micro|mini|train|training|local)_?)*(batch_?size|bs|"
    r"batch)(_?(per_?(device|gpu|rank)|train))*|mbs|samples_per_gpu|ims_per_batch"
)
_ACCUMULATION = re.compile(
    r"(grad(ient)?_?)?accum(ulat(e|ion))?_?(grad(ient)?s?_?)?(batches|steps?|iters?|every)?|"
    r"update_freq|ga_?steps"
)
_RATE = re.compile(r"(base_?|max_?|peak_?|init(ial)?_?)?(lr|learning_?rate|lr_?max|step_?size)")
_PORT = re.compile(r"(master|main_?process|rdzv|rendezvous|dist)?_?port")
_WORKERS = re.compile(r"((data)?loader_?|dataloader_?)?(num|n)?_?(workers?|num_workers)")

SLOWER = 10
"""By what the learning rate is divided: NaN mostly shows a rate far too high, not a little."""

PORTS = 100
"""How many ports above the one in use are tried."""


def of_memory(cause: FoundCause, facts: EditFacts) -> PreparedEdit | None:
    """Halve the batch, and double the accumulation where there is such a parameter."""
    if cause.id != "gpu_oom" or (found := _first(facts.params, _BATCH, _halved)) is None:
        return None
    name, less = found
    params, note = {name: less}, f"{name} {facts.params[name]} -> {less}"
    if (more := _first(facts.params, _ACCUMULATION, _doubled)) is not None:
        params[more[0]] = more[1]
        note += f", {more[0]} {facts.params[more[0]]} -> {more[1]}: as many samples a step"
    return PreparedEdit(params, note=note)


def of_nan(cause: FoundCause, facts: EditFacts) -> PreparedEdit | None:
    """Lower the learning rate, and name the newest checkpoint of before the first NaN."""
    if cause.id != "nan_loss" or (found := _first(facts.params, _RATE, _lowered)) is None:
        return None
    name, less = found
    note, checkpoint = f"{name} {facts.params[name]} -> {less}", None
    if facts.last_good:
        checkpoint = facts.last_good[0]
        note += f", from {checkpoint}, which was written before the first NaN"
    elif facts.checkpoints:
        note += "; no checkpoint is from before the first NaN: start from scratch (--fresh)"
    return PreparedEdit({name: less}, checkpoint, note)


def of_port(cause: FoundCause, facts: EditFacts) -> PreparedEdit | None:
    """Take the next port that is free on this machine."""
    if cause.id != "port_in_use" or (found := _first(facts.params, _PORT, _free)) is None:
        return None
    name, other = found
    return PreparedEdit({name: other}, note=f"{name} {facts.params[name]} -> {other}")


def of_host(cause: FoundCause, facts: EditFacts) -> PreparedEdit | None:
    """Halve the number of worker processes, each of which has memory of its own."""
    if cause.id not in ("host_oom", "shm_full"):
        return None
    if (found := _first(facts.params, _WORKERS, _fewer)) is None:
        return None
    name, less = found
    return PreparedEdit({name: less}, note=f"{name} {facts.params[name]} -> {less}")


def _first(
    params: Mapping[str, Any], names: re.Pattern[str], change: Callable[[Any], Any]
) -> tuple[str, Any] | None:
    """Return the first parameter of such a name whose value can be changed, with the new value."""
    for name in _named(params, names):
        if (new := change(params[name])) is not None:
            return name, new
    return None


def _named(params: Mapping[str, Any], names: re.Pattern[str]) -> Iterator[str]:
    for name in params:
        last = re.split(r"[./]", name)[-1].replace("-", "_").lower()
        if names.fullmatch(last):
            yield name


def _whole(value: Any) -> int | None:
    try:
        return None if isinstance(value, bool) else int(str(value))
    except ValueError:
        return None


def _halved(value: Any) -> int | None:
    number = _whole(value)
    return number // 2 if number is not None and number > 1 else None


def _fewer(value: Any) -> int | None:
    number = _whole(value)
    return number // 2 if number is not None and number > 0 else None


def _doubled(value: Any) -> int | None:
    number = _whole(value)
    return number * 2 if number is not None and number > 0 else None


def _lowered(value: Any) -> float | None:
    try:
        number = math.nan if isinstance(value, bool) else float(str(value))
    except ValueError:
        return None
    return float(f"{number / SLOWER:.6g}") if math.isfinite(number) and number > 0 else None


def _free(value: Any) -> int | None:
    """Return a port above one in use that nothing listens on."""
    port = _whole(value)
    if port is None or not 0 < port < 65536:
        return None
    for other in range(port + 1, min(port + PORTS, 65536)):
        with socket.socket() as probe:
            try:
                probe.bind(("", other))
            except OSError:
                continue
            return other
    return None
