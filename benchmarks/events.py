"""Compares decoding and storing TensorBoard event files with TensorBoard's own readers.

python -m benchmarks.events [--megabytes 50] [--rounds 5] [--peers DIR]

By seconds of CPU. The peers, installed where they are not: TensorBoard's Rust loader, a server that
keeps a sample of the points in memory and checks no checksums; and its Python loader, run but once.
"""

from __future__ import annotations

import argparse
import operator
import random
import resource
import statistics
import struct
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from benchmarks import figures
from benchmarks.ingest import seconds, store_all
from benchmarks.made import workplace
from benchmarks.scheduling import install
from trainui.plugins.tensorboard.event_file import EventFile, masked_crc

TAGS = ("train/loss", "train/grad_norm", "lr", "tokens_per_s", "val/acc")

LEAST = {"Rust": 0.5, "Python": 20}
"""How many times as fast as TensorBoard's loaders points are stored."""

FIND_LOADER = "import tensorboard_data_server as server; print(server.server_binary())"

READ_ALL = """
import sys, time
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
begun = time.process_time()
found = EventAccumulator(sys.argv[1]).Reload()
assert len(found.Tags()["scalars"]) == 5
print(time.process_time() - begun)
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", type=Path, default=Path(tempfile.gettempdir(), "trainui-peers"))
    options = parser.parse_args()
    python = str(install("tensorboard", options.peers) / "python")
    loader = subprocess.check_output([python, "-c", FIND_LOADER], text=True).strip()
    with workplace() as (directory, store):
        path = directory / "events" / "events.out.tfevents.1.host"
        path.parent.mkdir()
        count = write_events(path, options.megabytes)
        data = path.read_bytes()
        took: dict[str, list[float]] = {"decoded": [], "stored": [], "Rust": []}
        for turn in range(options.rounds):
            took["decoded"].append(seconds(lambda: EventFile().decode(data, 0)))
            took["stored"].append(seconds(partial(store_all, store, path, f"job {turn}")))
            took["Rust"].append(load(loader, path.parent))
        read = subprocess.check_output([python, "-c", READ_ALL, str(path)])
        took["Python"] = [float(read)] * options.rounds
    for name, times in took.items():
        print(
            f"{name}: {count / statistics.median(times) / 1e6:.2f} million events a second of CPU"
        )
    for name, least in LEAST.items():
        ratios = map(operator.truediv, took[name], took["stored"])
        words = f"stored here, to read by TensorBoard's {name} loader"
        figures.at_least(words, statistics.median(ratios), least, "times as fast")
    return figures.exit_code()


def load(loader: str, directory: Path) -> float:
    """Have TensorBoard's Rust loader read a directory once; return its seconds of CPU."""
    command = [loader, f"--logdir={directory}", "--reload=once", "--port=0", "--verbose"]
    before = _children_seconds()
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        assert any("Finished load cycle" in line for line in server.stderr)
        server.kill()
    return _children_seconds() - before


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def write_events(path: Path, megabytes: float) -> int:
    """Write scalars of five tags as PyTorch's SummaryWriter does; return how many."""
    numbers, count, left = random.Random(1), 0, megabytes * 1e6
    with path.open("wb") as file:
        while left > 0:
            step = count // len(TAGS)
            event = _event(1.7e9 + step * 0.1, step, TAGS[count % len(TAGS)], numbers.random())
            left -= file.write(_framed(event))
            count += 1
    return count


def _event(wall: float, step: int, tag: str, value: float) -> bytes:
    name = tag.encode()
    inner = b"\x0a" + bytes([len(name)]) + name + b"\x15" + struct.pack("<f", value)
    summary = b"\x0a" + bytes([len(inner)]) + inner
    number = b"" if not step else b"\x10" + _varint(step)
    return b"\x09" + struct.pack("<d", wall) + number + b"\x2a" + bytes([len(summary)]) + summary


def _varint(number: int) -> bytes:
    found = bytearray()
    while number >= 0x80:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


_CHECKSUMS: dict[bytes, bytes] = {}


def _framed(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    checksum = _CHECKSUMS.setdefault(length, struct.pack("<I", masked_crc(length)))
    return length + checksum + data + struct.pack("<I", _checksum(data))


def _table() -> list[int]:
    """Return the CRC-32C of each byte."""
    found = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        found.append(byte)
    return found


_TABLE = _table()


def _checksum(data: bytes) -> int:
    """Return the masked CRC-32C of a record, which TensorBoard looks at."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return (crc >> 15 | crc << 17) + 0xA282EAD8 & 0xFFFFFFFF


if __name__ == "__main__":
    sys.exit(main())
