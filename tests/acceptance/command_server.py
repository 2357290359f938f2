"""Runs commands in processes that are forked off one which has loaded their modules.

Each is a process of its own, with arguments, environment, directory and streams as if it had just
been started. What is saved is the loading, which takes most of a short command's time.
"""

from __future__ import annotations

import functools
import gc
import importlib
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

ROOT = str(Path(__file__).parents[2])

PASSED = {
    *("PATH", "HOME", "LANG", "XDG_CONFIG_HOME", "PYTHONPATH"),
    *("SLURM_CONF", "SLURM_TESTS_QUICK"),
}
"""Variables, besides our own, that nobody looks at while modules are loaded."""

LOADED = ("cli", "control", "pipeline", "store")


def fits(environ: Mapping[str, str]) -> bool:
    """Whether a command with these variables is the same if its modules were loaded without."""
    names = {name for name in environ if not name.startswith("TRAINUI_")}
    is_usual = environ.get("LANG") == "C.UTF-8" and environ.get("PYTHONPATH", ROOT) == ROOT
    return is_usual and names <= PASSED


def run(
    arguments: Sequence[str],
    directory: Path,
    environ: Mapping[str, str],
    stdin: bytes,
    timeout: float,
) -> tuple[int, bytes, bytes]:
    """Run a command to its end; return its exit code and what it wrote to stdout and stderr."""
    with ExitStack() as stack:
        given = stack.enter_context(tempfile.TemporaryFile())
        given.write(stdin)
        given.seek(0)
        (out, out_end), (err, err_end) = os.pipe(), os.pipe()
        connection = stack.enter_context(socket.socket(socket.AF_UNIX))
        connection.connect(_server()[0])
        socket.send_fds(connection, [b"."], [given.fileno(), out_end, err_end])
        os.close(out_end)
        os.close(err_end)
        connection.sendall(json.dumps([arguments, str(directory), dict(environ)]).encode())
        connection.shutdown(socket.SHUT_WR)
        answers = stack.enter_context(connection.makefile())
        pid = int(answers.readline())
        readers = stack.enter_context(ThreadPoolExecutor(2))
        written = [readers.submit(_read, end) for end in (out, err)]
        try:
            both = [one.result(timeout) for one in written]
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            raise
        return int(answers.readline()), both[0], both[1]


SHIM = """\
#!{python} -IS
import json, os, signal, socket, sys

with socket.socket(socket.AF_UNIX) as connection:
    connection.connect({address!r})
    socket.send_fds(connection, [b"."], [0, 1, 2])
    umask = os.umask(0o077)
    asked = [sys.argv[1:], os.getcwd(), dict(os.environ), {program!r}, umask]
    connection.sendall(json.dumps(asked).encode())
    connection.shutdown(socket.SHUT_WR)
    answers = connection.makefile()
    pid = int(answers.readline())
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda number, _: os.kill(pid, number))
    code = int(answers.readline())
if code < 0:
    signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
sys.exit(code)
"""
"""A `trainui` for scripts, whose calls are forked as well; it passes its streams and signals on."""


def put_first(directory: Path, environ: dict[str, str]) -> None:
    """Write a `trainui` for scripts into a directory, and make it the one that they run."""
    directory.mkdir()
    program = str(Path(sys.executable).with_name("trainui"))
    text = SHIM.format(python=sys.executable, address=_server()[0], program=program)
    (directory / "trainui").write_text(text)
    (directory / "trainui").chmod(0o755)
    environ["PATH"] = f"{directory}:{environ['PATH']}"


def _read(end: int) -> bytes:
    with open(end, "rb") as file:
        return file.read()


@functools.cache
def _server() -> tuple[bytes, subprocess.Popen[bytes]]:
    """Start the process that commands are forked off, which ends with this one."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("")  # to a name that the kernel gives, and no file
        address: bytes = listener.getsockname()
        listener.listen()
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", __name__],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
            stdin=listener.fileno(),
            stdout=subprocess.PIPE,  # as those of the commands will be
            stderr=subprocess.PIPE,
        )
    return address, process


def serve(listener: socket.socket) -> socket.socket:
    """Load all; return only in a process that is forked off for a command."""
    for part in LOADED:
        package = importlib.import_module(f"trainui.{part}")
        for found in pkgutil.iter_modules(getattr(package, "__path__", ())):
            importlib.import_module(f"{package.__name__}.{found.name}")
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listener.close()
            return connection
        connection.close()


def become(connection: socket.socket) -> None:
    """Become the requested command; its parent reports its end."""
    _, streams, _, _ = socket.recv_fds(connection, 1, 3)
    with connection.makefile() as asked:
        arguments, directory, environ, *typed = json.load(asked)
    if pid := os.fork():
        for stream in (0, 1, 2, *streams):
            os.close(stream)
        connection.sendall(f"{pid}\n".encode())
        _, status = os.waitpid(pid, 0)
        connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
        os._exit(0)
    connection.close()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environ)
    sys.path[:1] = [directory, *filter(None, environ.get("PYTHONPATH", "").split(os.pathsep))]
    sys.argv = [f"{ROOT}/trainui/__main__.py", *arguments]
    if typed:
        sys.argv[0], umask = typed
        sys.path[0] = str(Path(sys.argv[0]).parent)
        os.umask(umask)


if __name__ == "__main__":
    with socket.socket(fileno=os.dup(0)) as server:
        become(serve(server))
    from trainui.cli.main import run as command

    command()
