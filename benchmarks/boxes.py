"""Measures a box over a line with a delay: bytes of its list, at rest and live, and key to change.

python -m benchmarks.boxes [--round-trip 0.1] [--idle 60] [--live 20] [--keys 20]

A real sshd on this machine, behind a proxy that delays each direction by half of the round trip and
counts what ssh sends, both ways.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue

from benchmarks import figures
from benchmarks.screen_live import live_stage, run_id
from tests import sshd
from tests.unit.tui.filled import Filler, multiply, running_demo
from trainui.control import boxes
from trainui.store.db.engine import open_store
from trainui.tui.box_feed import BoxFeed
from trainui.tui.curve_data import CurvesWanted
from trainui.tui.snapshot import DetailTab, RunQuery

RUNS = 200
MOST_IDLE, MOST_OPENING, MOST_LIVE, MOST_KEY = 200, 20_000, 5000, 250
"""Bytes in 30 s at rest, bytes to open the list, bytes a second of a live page, milliseconds."""


class Proxy:
    """Forwards to a port, later, and counts bytes."""

    def __init__(self, port: int, delay: float) -> None:
        self.total = 0
        self._to, self._delay = port, delay
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            near, _ = self._server.accept()
            far = socket.create_connection(("127.0.0.1", self._to))
            for one in (near, far):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for source, target in ((near, far), (far, near)):
                later: SimpleQueue[tuple[float, bytes]] = SimpleQueue()
                threading.Thread(target=self._take, args=(source, later), daemon=True).start()
                threading.Thread(target=self._give, args=(target, later), daemon=True).start()

    def _take(self, source: socket.socket, later: SimpleQueue[tuple[float, bytes]]) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                self.total += len(data)
                later.put((time.monotonic() + self._delay, data))
        later.put((0.0, b""))

    @staticmethod
    def _give(target: socket.socket, later: SimpleQueue[tuple[float, bytes]]) -> None:
        with suppress(OSError):
            while (found := later.get())[1]:
                time.sleep(max(found[0] - time.monotonic(), 0.0))
                target.sendall(found[1])
            target.shutdown(socket.SHUT_WR)


def until(feed: BoxFeed, so: Callable[[], object], timeout: float = 60.0) -> None:
    """Wait for a snapshot of which something is so."""
    give_up_at = time.monotonic() + timeout
    while not so():
        assert time.monotonic() < give_up_at, feed.problem or feed.snapshot
        time.sleep(0.001)


def main() -> int:
    """Measure, and report the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--round-trip", type=float, default=0.1, help="seconds")
    parser.add_argument("--idle", type=float, default=60.0, help="seconds")
    parser.add_argument("--live", type=float, default=20.0, help="seconds")
    parser.add_argument("--keys", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place, sshd.running(Path(place), "far") as server:
        home, away = Path(place, "home"), Path(place, "away")
        away.mkdir(mode=0o700)
        os.environ |= {"TRAINUI_HOME": str(home), **server.variables}
        store = open_store(f"sqlite:///{away}/trainui.db")
        demo = running_demo(Filler(store, away / "runs"))
        store.close()
        multiply(away / "trainui.db", demo, RUNS - 1)
        proxy = Proxy(server.port, options.round_trip / 2)
        config = Path(place, "ssh_config")
        config.write_text(config.read_text().replace(str(server.port), str(proxy.port)))
        with server.known_hosts.open("a") as known:
            known.write(server.known_hosts.read_text().replace(str(server.port), str(proxy.port)))
        for name, box_home in (("far", away), ("live", Path(place, "live"))):
            boxes.add(name, "far", home=str(box_home), command=None)
        measure(BoxFeed(boxes.named("far"), lambda _: None), proxy, demo, options)
        live = Path(place, "live")
        live.mkdir(mode=0o700, exist_ok=True)
        measure_live(BoxFeed(boxes.named("live"), lambda _: None), proxy, live, options.live)
    return figures.exit_code()


def measure(feed: BoxFeed, proxy: Proxy, demo: str, options: argparse.Namespace) -> None:
    """Measure with one connection."""
    before = proxy.total
    with boxes.connected(feed.box):  # what a connection costs by itself
        hello = proxy.total - before
    before, begun = proxy.total, time.monotonic()
    feed.start()
    until(feed, lambda: feed.snapshot is not None and len(feed.snapshot.runs) == RUNS)
    figures.without_limit("list of 200 runs", 1000 * (time.monotonic() - begun), "ms")
    time.sleep(3)
    listed = proxy.total - before - hello
    figures.at_most("list of 200 runs, without ssh's handshake", listed, MOST_OPENING, "bytes")
    before = proxy.total
    time.sleep(options.idle)
    idle = (proxy.total - before) * 30 / options.idle
    figures.at_most("at rest, in 30 s", idle, MOST_IDLE, "bytes")
    feed.set_query(RunQuery(f"far:{demo}"))
    until(feed, lambda: feed.snapshot is not None and feed.snapshot.page is not None)
    stages = ("train[hidden=32]", "train[hidden=128]")
    times = []
    for number in range(options.keys):
        query = RunQuery(f"far:{demo}", stage=stages[number % 2], tab=DetailTab.PARAMS, curves=None)
        begun = time.monotonic()
        feed.set_query(query)
        until(feed, lambda wanted=query: feed.snapshot.query.stage == wanted.stage)  # type: ignore[misc, union-attr]
        times.append(1000 * (time.monotonic() - begun))
        time.sleep(0.3)
    figures.at_most("key to change", statistics.median(times), MOST_KEY, "ms")
    feed.stop()


def measure_live(feed: BoxFeed, proxy: Proxy, away: Path, seconds: float) -> None:
    """Measure the page of a stage that logs 8 metrics at 10 steps a second."""
    with live_stage(away):
        feed.start()
        run = run_id(away)
        feed.set_query(RunQuery(f"live:{run}"))
        until(feed, lambda: feed.snapshot is not None and feed.snapshot.page is not None)
        (stage,) = feed.snapshot.page.stages  # type: ignore[union-attr]
        feed.set_query(RunQuery(f"live:{run}", stage=stage.name, curves=CurvesWanted()))
        until(feed, lambda: feed.snapshot.curves is not None and feed.snapshot.curves.charts)  # type: ignore[union-attr]
        time.sleep(5)
        before = proxy.total
        time.sleep(seconds)
        figures.at_most("a live page", (proxy.total - before) / seconds, MOST_LIVE, "bytes/s")
    feed.stop()


if __name__ == "__main__":
    sys.exit(main())
