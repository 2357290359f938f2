"""Confirmations of actions on a box's run, which its own trainui carries out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from trainui.errors import UsageError
from trainui.model.states import UNFINISHED
from trainui.text import harmless
from trainui.tui.app_interface import Target
from trainui.tui.dialogs import Choice, ConfirmScreen

if TYPE_CHECKING:
    from trainui.model.records import StageRecord
    from trainui.tui.boxes.feed import BoxFeed


def question(
    deed: str, feed: BoxFeed, target: Target, stages: Sequence[StageRecord]
) -> ConfirmScreen:
    """Return the confirmation for an action on a run of a box, on these stages or on the whole run.

    Raises:
        UsageError: it cannot be done from here, or there is nothing to do; the message says so.
    """
    if feed.problem:
        raise UsageError(feed.problem)
    makers: dict[str, Callable[..., ConfirmScreen]] = {
        "resume": _resume,
        "rerun": _rerun,
        "cancel": _cancel,
        "remove": _remove,
    }
    if deed not in makers:
        raise UsageError(
            f"this works on {feed.box.name} alone; its own screen: `ssh -t {feed.box.host} trainui`"
        )
    return makers[deed](feed, target, target.id.partition(":")[2], stages)


def _there(feed: BoxFeed, *commands: Sequence[str]) -> Callable[[], str]:
    """Return what runs commands on the box and returns what they print."""
    return lambda: "\n".join(filter(None, (feed.run(words) for words in commands)))


def _title(feed: BoxFeed, verb: str, target: Target) -> str:
    return f"{verb} {harmless(target.name)} on {feed.box.name}?"


def _resume(
    feed: BoxFeed, target: Target, run_id: str, _stages: Sequence[StageRecord]
) -> ConfirmScreen:
    plan = _there(feed, ["resume", run_id, "--dry-run"])
    answers = [
        Choice("y", "resume it", _there(feed, ["resume", run_id, "--detach"])),
        Choice("n", "do not resume"),
    ]
    return ConfirmScreen(_title(feed, "Resume", target), _facts(plan), answers)


def _facts(read: Callable[[], str]) -> Callable[[], list[str]]:
    return lambda: [harmless(line) for line in read().splitlines()]


def _rerun(
    feed: BoxFeed, target: Target, run_id: str, stages: Sequence[StageRecord]
) -> ConfirmScreen:
    if len(stages) != 1:
        raise UsageError("open the run and select one stage; R reruns it")
    name = stages[0].name
    words = ["rerun", run_id, name, "--detach"]
    answers = [
        Choice("y", f"rerun {harmless(name)} alone", _there(feed, words)),
        Choice("d", "rerun it and what depends on it", _there(feed, [*words, "--downstream"])),
        Choice("n", "do not rerun"),
    ]
    return ConfirmScreen(_title(feed, "Rerun a stage of", target), list, answers, marked=2)


def _cancel(
    feed: BoxFeed, target: Target, run_id: str, stages: Sequence[StageRecord]
) -> ConfirmScreen:
    if target.status not in UNFINISHED:
        raise UsageError(f"{harmless(target.name)} has finished: nothing to cancel")
    names = [stage.name for stage in stages if stage.status in UNFINISHED]
    whole = Choice("a", "cancel the whole run", _there(feed, ["cancel", run_id]))
    answers = [whole, Choice("n", "do not cancel")]
    if names:
        what = harmless(names[0]) if len(names) == 1 else f"these {len(names)} stages"
        commands = [["cancel", run_id, name] for name in names]
        answers.insert(0, Choice("y", f"cancel {what}", _there(feed, *commands)))
    else:
        answers[0] = Choice("y", whole.text, whole.work)
    return ConfirmScreen(_title(feed, "Cancel", target), list, answers, marked=len(answers) - 1)


def _remove(
    feed: BoxFeed, target: Target, run_id: str, _stages: Sequence[StageRecord]
) -> ConfirmScreen:
    plan = _there(feed, ["rm", run_id, "--dry-run"])
    answers = [
        Choice("y", "delete it", _there(feed, ["rm", run_id, "--yes"])),
        Choice("n", "keep it"),
    ]
    return ConfirmScreen(_title(feed, "Delete", target), _facts(plan), answers, marked=1)
