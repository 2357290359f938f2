"""Actions (`tui.run_actions`) of a box's agent: request and answer; one asked of all boxes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trainui.control import boxes
from trainui.control.box_runs import LIST_CONNECT
from trainui.control.boxes import Box, BoxConnection, BoxError
from trainui.errors import (
    NotFoundError,
    PipelineFileError,
    PlanChangedError,
    TrainuiError,
    UsageError,
)
from trainui.text import harmless
from trainui.tui.boxes import wire

TIMEOUT = 15.0
"""Seconds in which a box has to answer a command's question."""

_KINDS = {one.__name__: one for one in (UsageError, NotFoundError, PlanChangedError)}
"""The errors that pages handle in their own way, by name."""


def request(action: Callable[..., Any], arguments: Sequence[Any]) -> dict[str, Any]:
    """Return the request for an action, without its number."""
    data = wire.arguments_to_data(action, arguments)
    return {"do": "call", "action": action.__name__, "arguments": data}


def result(box: Box, action: Callable[..., Any], answer: Mapping[str, Any], ahead: int) -> Any:
    """Return what an answer says that an action returned; the box's clock is `ahead`.

    Raises:
        BoxError: the answer does not fit.
        TrainuiError: the action failed.
    """
    if "error" in answer:
        said = str(answer["error"])
        if said.startswith("unknown "):  # its agent knows no such action
            raise BoxError(f"{box.name} has an older trainui, which cannot do this; update it")
        raise _error(str(answer.get("kind")), said)
    try:
        return wire.from_data(answer.get("value"), wire.result_kind(action), ahead)
    except wire.WireError as error:
        what = f"{box.name} answered what does not fit ({harmless(str(error))})"
        raise BoxError(f"{what}; update trainui there, or here") from error


def _error(kind: str, said: str) -> TrainuiError:
    words = "\n".join(map(harmless, said.split("\n")))
    if kind == PipelineFileError.__name__:
        found = PipelineFileError(())
        found.args = (words,)
        return found
    return _KINDS.get(kind, TrainuiError)(words)


def over(connection: BoxConnection, action: Callable[..., Any], *arguments: Any) -> Any:
    """Do an action over a connection; return its result.

    Raises:
        BoxError: the box does not answer, or answers what does not fit.
        TrainuiError: the action failed.
    """
    if not connection.is_current:
        name = connection.box.name
        raise BoxError(f"{name} has another version of trainui; update it there, or here")
    connection.send(id=1, clock=connection.shown_clock, **request(action, arguments))
    for message in boxes.messages(connection, time.monotonic() + TIMEOUT):
        if message.get("id") == 1:
            return result(connection.box, action, message, connection.clock_difference)
    raise AssertionError("unreachable")


def of_all(
    action: Callable[..., Any], arguments: Callable[[BoxConnection], Sequence[Any]]
) -> dict[Box, Any | str]:
    """Do an action on all boxes at the same time; return its results, or why there is none."""

    def ask(box: Box) -> Any:
        try:
            with boxes.connected(box, LIST_CONNECT) as connection:
                return over(connection, action, *arguments(connection))
        except BoxError as error:
            return harmless(str(error))
        except TrainuiError as error:
            return f"{box.name}: {harmless(str(error))}"

    from concurrent.futures import ThreadPoolExecutor  # it imports logging

    found = list(boxes.all_boxes().values())
    with ThreadPoolExecutor(max(len(found), 1)) as pool:
        return dict(zip(found, pool.map(ask, found), strict=True))
