"""Call a stage's task (a function) in the stage's process and interpreter.

Run by path, `python call_task.py CALL_JSON RESULT_JSON`, by an interpreter that may not have
trainui: it uses only the standard library and supports Python 3.8 and later. CALL_JSON is
`{"task": NAME, "params": {...}, "sys_path": [...], "include": [MODULE, ...]}`; RESULT_JSON becomes
`{"ok": true, "result": ...}` or `{"ok": false, "error": "MESSAGE\\n\\nTRACEBACK"}`.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any


class TaskNotFoundError(Exception):
    """There is no such task; the message says what was searched for, and where."""


def resolve(name: str) -> Any:
    """Resolve a name: `module:attr.attr`, a dotted name, or a registered Celery task."""
    try:
        if ":" not in name:
            return resolve_dotted(name)
        module_name, _, attributes = name.partition(":")
        if not import_if_there(module_name):
            raise not_found(name, f"no module is named {module_name!r}")
        return walk(name, module_name, attributes.split("."))
    except TaskNotFoundError as error:
        task = find_celery_task(name)
        if task is None:
            raise ImportError(str(error)) from None
        return task


def resolve_dotted(name: str) -> Any:
    """Resolve `pkg.module.attr`: the longest importable prefix, then its attributes."""
    parts = name.split(".")
    for count in range(len(parts) - 1, 0, -1):
        module_name = ".".join(parts[:count])
        if import_if_there(module_name):
            return walk(name, module_name, parts[count:])
    if len(parts) == 1:
        raise not_found(name, "it names no module: MODULE.FUNCTION is needed")
    raise not_found(name, f"no module is named {parts[0]!r}")


def import_if_there(name: str) -> bool:
    """Import a module; return False if it does not exist. Errors inside it are raised."""
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name + ".").startswith(error.name + "."):
            return False
        raise
    return True


def walk(name: str, module_name: str, attributes: list[str]) -> Any:
    """Follow a chain of attributes, starting at a module."""
    found: Any = sys.modules[module_name]
    path = module_name
    for attribute in attributes:
        try:
            found = getattr(found, attribute)
        except AttributeError:
            origin = getattr(sys.modules[module_name], "__file__", None) or "built in"
            raise not_found(name, f"{path!r} has no {attribute!r} ({origin})") from None
        path = f"{path}.{attribute}"
    return found


def not_found(name: str, why: str) -> TaskNotFoundError:
    """Return the error, with the reason and the places searched."""
    places = ", ".join(place or "." for place in sys.path)
    celery = ", and at the tasks of the Celery app" if "celery" in sys.modules else ""
    return TaskNotFoundError(f"cannot find the task {name!r}: {why}; searched {places}{celery}")


def find_celery_task(name: str) -> Any:
    """Return the current Celery app's task of this name; None if Celery is not imported."""
    celery = sys.modules.get("celery")
    if celery is None:
        return None
    app = celery.current_app
    if name not in app.tasks:
        app.loader.import_default_modules()  # like a worker of this app at start
    return app.tasks.get(name)


def call(request: dict[str, Any]) -> str:
    """Call the task and return its result as JSON."""
    for module in request.get("include") or []:
        importlib.import_module(module)
    name = request["task"]
    task = resolve(name)
    if not callable(task):
        raise TypeError(f"the task {name!r} is a {type(task).__name__}, not a function")
    result = task(**(request.get("params") or {}))
    try:
        return json.dumps(result)
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"the result of the task {name!r} is not JSON: {error}") from None


def attempt(request: dict[str, Any]) -> tuple[int, str]:
    """Call the task and catch every error; return the exit code and the result file's text."""
    error: BaseException
    try:
        return 0, f'{{"ok": true, "result": {call(request)}}}'
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        error = end
    except BaseException as failure:  # at the process's edge: KeyboardInterrupt is recorded too
        code, error = 1, failure
    if code == 0:
        return 0, '{"ok": true, "result": null}'
    message, trace = describe(error)
    sys.stderr.write(trace)
    return code, json.dumps({"ok": False, "error": f"{message}\n\n{trace}"})


def describe(error: BaseException) -> tuple[str, str]:
    """Return an error's message, and its traceback without our own frames."""
    text = str(error)
    message = f"{type(error).__name__}: {text}" if text else type(error).__name__
    lines = traceback.format_exception(type(error), error, below_us(error.__traceback__))
    return message, "".join(lines)


def below_us(trace: TracebackType | None) -> TracebackType | None:
    """Skip the frames of this file, and those of the import system right below it."""
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__"))
        if trace.tb_frame.f_globals is not globals() and module.split(".")[0] != "importlib":
            break
        trace = trace.tb_next
    return trace


def write_result(path: Path, text: str) -> None:
    """Write the result file atomically."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    with open(os.open(temporary, flags, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)


def main(call_path: str, result_path: str) -> int:
    """Execute the call, write its result, and return the exit code."""
    result = Path(result_path).resolve()  # now: the task may change the directory
    request = json.loads(Path(call_path).read_text(encoding="utf-8"))
    Path(call_path).unlink()  # it may contain secrets, and users share stage directories
    sys.argv = [request["task"]]
    if sys.path and Path(sys.path[0]).resolve() == Path(__file__).resolve().parent:
        del sys.path[0]  # the user's code must not import trainui's supervisor modules
    sys.path[:0] = request.get("sys_path") or []
    code, text = attempt(request)
    write_result(result, text)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
