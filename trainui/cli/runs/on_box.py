"""How a command line with `BOX:RUN` or `run --box` is carried out on that box."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trainui.cli import printing
from trainui.cli.runs import open_or_wait
from trainui.control import box_runs, boxes
from trainui.errors import StoppedError, TrainuiError, UsageError

FORWARDED = frozenset(
    {
        *("show", "metrics", "logs", "events", "best", "path", "report", "stacks", "diff"),
        *("compare", "wait", "cancel", "resume", "rerun", "note"),
    }
)
"""Commands that take `BOX:RUN`."""

_FOLLOWING = {"logs", "metrics", "events"}
"""Commands whose --json may print one value a line, as they come."""


def forwarded(arguments: Sequence[str]) -> tuple[str, list[str]] | None:
    """Return the box and the words for its trainui, of a command line with `BOX:RUN`.

    None: the command line is for here.

    Raises:
        UsageError: it names two boxes, or the command takes none.
    """
    if ":" not in "".join(arguments):
        return None
    given = list(arguments[: arguments.index("--")] if "--" in arguments else arguments)
    found = {at: parts for at, word in enumerate(given) if at and (parts := boxes.split(word))}
    if not found or arguments[0] not in FORWARDED | {"rm", "shell", "export"}:
        return None
    names = {name for name, _ in found.values()}
    if len(names) > 1 or (arguments[0] in ("compare", "diff") and _names_other_run(given, found)):
        raise UsageError(
            f"{arguments[0]} takes runs of one box, and these are of several; "
            "`trainui export` on each copies their points"
        )
    name = names.pop()
    if arguments[0] not in FORWARDED:
        raise UsageError(
            f"{arguments[0]} works on this machine's runs alone; on the box: "
            f"`ssh {boxes.named(name).host} trainui {arguments[0]} {next(iter(found.values()))[1]}`"
        )
    words = [found[at][1] if at in found else word for at, word in enumerate(arguments)]
    return name, words


def _names_other_run(given: Sequence[str], found: dict[int, tuple[str, str]]) -> bool:
    """Return True if a run of here stands beside one of a box: the first two words are runs."""
    first = [at for at, word in enumerate(given) if at and not word.startswith("-")][:2]
    return (
        len(first) == 2
        and any(at in found for at in first)
        and not all(at in found for at in first)
    )


def run_there(name: str, words: Sequence[str], directory: str | None = None) -> int:
    """Run a command on a box, in a directory there, and print what it prints.

    Returns its exit code.
    """
    box, as_json = boxes.named(name), "--json" in _own(words)
    lines: list[str] = []
    follows = words[0] in _FOLLOWING or not as_json
    try:
        code = boxes.run(
            box,
            words,
            (lambda line: _print_line(line, name, as_json)) if follows else lines.append,
            printing.note,
            directory=directory,
            most=None if follows else boxes.MOST_LINE,
        )
    except KeyboardInterrupt as error:
        raise StoppedError(f"stopped; what runs on {name} goes on") from error
    if not follows and lines:
        printing.value(_marked(_loaded("\n".join(lines), name), name))
    return code


def _own(words: Sequence[str]) -> Sequence[str]:
    """Return the words before `--`, each without its `=VALUE`."""
    before = words[: words.index("--")] if "--" in words else words
    return [word.partition("=")[0] for word in before]


def _loaded(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TrainuiError(f"{name} answered what is no JSON; update trainui there") from error


def _print_line(line: str, name: str, as_json: bool) -> None:
    if not as_json:
        printing.line(line)
        return
    printing.value_line(_marked(_loaded(line, name), name))


def _marked(data: Any, name: str) -> Any:
    """Return an answer with its box."""
    return {**data, "box": name} if isinstance(data, dict) and "error" not in data else data


def submit_there(name: str, file: str | None, arguments: Sequence[str]) -> int:
    """Copy a pipeline file, or this directory, to a box and run it there; return the exit code.

    `arguments` are those of `run`, with `--box`.
    """
    box = boxes.named(name)
    words = _without_box(arguments)
    if file == "-":
        raise UsageError("--box needs a FILE, which is copied with its directory; `-` has none")
    if {"--snapshot", "--from"} & set(_own(words)):
        raise UsageError("--box copies the code itself; leave out --snapshot and --from")
    source = Path.cwd() if file is None else Path(file).absolute().parent
    with printing.progress(f"copying {source.name} to {name}"):
        place, note = box_runs.copy_code(box, source, None if file is None else Path(file))
    printing.note(*note)
    if file is not None:
        words[words.index(file)] = Path(file).name
    stays = {"--wait", "--detach", "--json", "--dry-run"} & set(_own(words))
    if stays or not printing.can_open_screen():
        return run_there(name, ["run", *words], place)
    lines: list[str] = []
    at = words.index("--") if "--" in words else len(words)
    given = ["run", *words[:at], "--detach", "--json", *words[at:]]
    code = boxes.run(box, given, lines.append, printing.note, directory=place)
    submitted = _loaded(lines[-1], name) if lines else None
    if code == 0 and isinstance(submitted, dict):
        open_or_wait.open_screen(f"{name}:{submitted.get('run')}")
    return code


def _without_box(arguments: Sequence[str]) -> list[str]:
    """Return the arguments before `--` without `--box NAME`, and those after it."""
    at = arguments.index("--") if "--" in arguments else len(arguments)
    kept: list[str] = []
    given = iter(arguments[:at])
    for word in given:
        if word == "--box":
            next(given, None)
        elif not word.startswith("--box="):
            kept.append(word)
    return [*kept, *arguments[at:]]
