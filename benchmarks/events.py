"""How fast TensorBoard's event files are decoded, and stored, against TensorBoard's own readers.

python -m benchmarks.events [--megabytes 50] [--rounds 3]

The peers are measured where they are installed: `pip install tensorboard`.
"""

from __future__ import annotations

import argparse
import random
import statistics
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.ingest import store_all
from benchmarks.made import workplace
from trainui.metrics.formats.tfevents import EventFile, masked_crc

TAGS = ("train/loss", "train/grad_norm", "lr", "tokens_per_s", "val/acc")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with workplace() as (directory, store):
        path = directory / "events.out.tfevents.1.host"
        count = write_events(path, options.megabytes)
        data = path.read_bytes()
        jobs = iter(range(10**6))
        cases: dict[str, Callable[[], object]] = {
            "decoded": lambda: EventFile().decode(data, 0),
            "stored": lambda: store_all(store, path, f"job {next(jobs)}"),
        }
        try:
            from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
        except ImportError:
            print("TensorBoard is not installed: no peer to compare with")
        else:
            cases["TensorBoard"] = lambda: read_all(EventAccumulator(str(path)))
        took = {name: measure(case, options.rounds) for name, case in cases.items()}
    for name, seconds in took.items():
        print(f"{name}: {count / seconds / 1e6:.2f} million events a second of CPU")
    if "TensorBoard" in took:
        print(f"ratio to TensorBoard: {took['TensorBoard'] / took['stored']:.1f} (at least 20)")


def read_all(accumulator: Any) -> None:
    """Have TensorBoard read a file, all of it."""
    accumulator.Reload()
    assert accumulator.Tags()["scalars"] == list(TAGS)


def measure(case: Callable[[], object], rounds: int) -> float:
    """Return the median of the seconds of CPU that a case takes."""
    took = []
    for _ in range(rounds):
        begun = time.process_time()
        case()
        took.append(time.process_time() - begun)
    return statistics.median(took)


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
    main()
