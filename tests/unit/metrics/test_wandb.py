"""W&B's logs: frames, forms of values, and damage."""

from __future__ import annotations

import json
import random
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest

from tests.unit.metrics import reading
from tests.unit.metrics.corpus import Expected, expected_files
from trainui.metrics.formats import DecoderChoice
from trainui.plugins.wandb import run as wandb
from trainui.plugins.wandb.log_file import BLOCK, NewerWandbError, WandbFile
from trainui.store.db.engine import Database

HEADER = b":W&B\xe1\xbe\0"
FILE = Path("run-1.wandb")


def varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def field(key: int, content: bytes | int) -> bytes:
    if isinstance(content, int):
        return varint(key << 3) + varint(content)
    return varint(key << 3 | 2) + varint(len(content)) + content


def item(name: str, value: Any) -> bytes:
    keys = b"".join(field(2, key.encode()) for key in name.split("."))
    return keys + field(16, json.dumps(value).encode())


def row(step: int, *items: bytes) -> bytes:
    return history(b"".join(field(1, one) for one in items) + field(2, field(1, step)))


def history(message: bytes) -> bytes:
    return field(1, 300) + field(2, message)


def frames(*records: bytes) -> bytes:
    """A file: each record in as many fragments as it needs."""
    data = bytearray(HEADER)
    for record in records:
        left, is_first = record, True
        while left or is_first:
            if BLOCK - len(data) % BLOCK < 7:
                data += bytes(BLOCK - len(data) % BLOCK)
            part = left[: BLOCK - len(data) % BLOCK - 7]
            left = left[len(part) :]
            kind = {(1, 0): 1, (1, 1): 2, (0, 1): 3, (0, 0): 4}[is_first, bool(left)]
            data += struct.pack("<IHB", zlib.crc32(bytes([kind]) + part), len(part), kind) + part
            is_first = False
    return bytes(data)


def decoded(data: bytes) -> dict[str, list[tuple[float, float]]]:
    decoder = WandbFile(None, {}, FILE)
    series = decoder.decode(data[: decoder.cut(data)], 0).series
    return {
        name: list(zip(found.steps.tolist(), found.values.tolist(), strict=True))
        for name, found in series.items()
    }


def rows(count: int, *more: bytes) -> list[bytes]:
    return [row(step, item("loss", step / 2), item("_step", step), *more) for step in range(count)]


def test_values_of_all_types() -> None:
    typed = [
        field(2, b"on") + field(4, 1),
        field(2, b"count") + field(5, 9),
        field(2, b"rate") + b"\x31" + struct.pack("<d", 0.25),
        field(2, b"word") + field(7, b"7"),
        field(1, b"deep") + field(8, b'{"a": {"b": 3}, "plot": {"_type": "image", "width": 4}}'),
    ]
    assert decoded(frames(row(7, *(typed)))) == {
        "count": [(7, -5.0)],
        "rate": [(7, 0.25)],
        "deep.a.b": [(7, 3.0)],
    }


@pytest.mark.parametrize("count", [1, 40])
def test_parts_of_media_are_no_metrics(count: int) -> None:
    media = (item("img._type", "image-file"), item("img.width", 8), item("ok", True))
    found = decoded(frames(*rows(count, *media), row(count, item("img.width", 9))))
    assert found == {
        "loss": [(step, step / 2) for step in range(count)],
        "img.width": [(count, 9.0)],
    }


def test_a_row_longer_than_a_block_waits_until_whole() -> None:
    data = frames(row(0, item("text", "x" * 3 * BLOCK), item("loss", 1)), *rows(3)[1:])
    decoder = WandbFile(None, {}, FILE)
    assert decoder.cut(data[: 2 * BLOCK]) == 0
    assert decoded(data) == {"loss": [(0, 1.0), (1, 0.5), (2, 1.0)]}


def test_a_damaged_block_costs_only_its_own_rows() -> None:
    good = frames(*rows(3000))
    lost = bytearray(good)
    lost[BLOCK + 500 : BLOCK + 520] = bytes(20)
    found = decoded(bytes(lost))["loss"]
    whole = decoded(good)["loss"]
    assert set(found) < set(whole)
    assert found[-1] == whole[-1]
    assert len(whole) - len(found) < BLOCK // len(rows(1)[0])


def test_a_record_too_long_to_be_read_is_skipped(store: Database, tmp_path: Path) -> None:
    file = tmp_path / "run-1.wandb"
    file.write_bytes(frames(*rows(2), row(2, item("text", "x" * (5 << 20))), *rows(5)[3:]))
    reader = reading.open_reader(store, file, DecoderChoice())
    reading.read_to_end(store, reader)
    assert reading.kept_points(store, "loss") == [(0, 0.0), (1, 0.5), (3, 1.5), (4, 2.0)]


def test_a_file_that_is_read_from_its_middle_on(store: Database, tmp_path: Path) -> None:
    file = tmp_path / "run-1.wandb"
    data = frames(*rows(2000))
    file.write_bytes(data[: BLOCK + 3000])
    reading.read_on(reading.open_reader(store, file, DecoderChoice()))
    file.write_bytes(data)
    reading.read_on(reading.open_reader(store, file, DecoderChoice()))
    points = reading.kept_points(store, "loss")
    assert points == [(step, step / 2) for step in range(2000)]


INFO = field(200, field(1, b"run-id"))
"""What a record of the training's own, such as a definition, has in front."""

OLDER_INFO = field(16, field(8, b"127.0.0.1:51620")) + INFO
"""The same in version 0.19."""


def metric(name: str, step_metric: str = "", *, glob: bool = False, info: bytes = INFO) -> bytes:
    defined = field(2 if glob else 1, name.encode())
    return field(1, 18) + info + field(12, defined + field(4, step_metric.encode()))


@pytest.mark.parametrize(
    ("size", "padding"),
    [(1, 0), (400, 0), (100_000, 0), (61, BLOCK), (400, BLOCK), (100_000, BLOCK)],
)
def test_a_defined_step_metric_is_the_step(size: int, padding: int) -> None:
    filler = field(19, b"x" * padding) if padding else b""
    data = frames(
        row(0, item("val/loss", 9), item("loss", 1)),
        metric("global_step"),
        metric("*", "global_step", glob=True, info=b"") + filler,
        metric("val/*", "epoch", glob=True) + filler,
        metric("val/raw", info=OLDER_INFO),
        row(1, item("loss", 2), item("global_step", 100)),
        row(2, item("val/loss", 8), item("epoch", 0.5), item("val/raw", 7)),
        row(3, item("val/loss", 7), item("loss", 3)),
    )
    decoder = WandbFile(None, {}, FILE)
    found: dict[str, list[tuple[float, float]]] = {}
    at = end = 0
    while at < len(data):
        end = min(end + size, len(data))
        if length := decoder.cut(data[at:end]):
            series = decoder.decode(data[at : at + length], 0).series
            for name, one in series.items():
                pairs = zip(one.steps.tolist(), one.values.tolist(), strict=True)
                found.setdefault(name, []).extend(pairs)
            at += length
    assert found == {
        "val/loss": [(0, 9), (0.5, 8), (0.5, 7)],
        "loss": [(0, 1), (100, 2), (100, 3)],
        "global_step": [(100, 100)],
        "epoch": [(100, 0.5)],
        "val/raw": [(2, 7)],
    }


def test_a_trackers_own_key_may_be_the_step_only() -> None:
    made = [row(n, item("loss", n), item("_runtime", n / 4)) for n in range(5)]
    found = decoded(frames(metric("loss", "_runtime"), *made))
    assert found == {"loss": [(n / 4, n) for n in range(5)]}
    decoder = WandbFile("_runtime", {}, FILE)
    data = frames(*made)
    series = decoder.decode(data[: decoder.cut(data)], 0).series
    assert series["loss"].steps.tolist() == [n / 4 for n in range(5)]


def test_the_step_that_a_definition_names() -> None:
    data = frames(*(row(n, item("loss", n), item("it", n * 10)) for n in range(3)))
    decoder = WandbFile("it", {}, FILE)
    (found,) = decoder.decode(data[: decoder.cut(data)], 0).series.values()
    assert found.steps.tolist() == [0, 10, 20]


def summarised(*items: bytes, info: bytes = b"", removed: str = "") -> bytes:
    message = b"".join(field(1, one) for one in items)
    message += field(2, field(1, removed.encode())) if removed else b""
    return field(1, 300) + info + field(3, message)


def test_the_summary_has_last_values_and_set_ones(tmp_path: Path) -> None:
    file = tmp_path / "run-1.wandb"
    data = frames(
        summarised(item("note", "old"), item("best", 0.5), info=INFO),
        *(record for row in rows(100) for record in (row, summarised(item("loss", len(row))))),
        summarised(item("gone", 1), item("img._type", "image-file"), item("img.width", 8)),
        summarised(item("nan", float("nan")), item("text", "x" * 2 * BLOCK)),
        summarised(item("loss", 0.25), item("_step", 99), item("val.acc", {"max": 1})),
        summarised(item("note", "new"), info=OLDER_INFO, removed="gone"),
    )
    file.write_bytes(data)
    found = wandb.summary(file)
    assert len(found.pop("text")) == 2 * BLOCK
    assert str(found.pop("nan")) == "nan"
    assert found == {"note": "new", "best": 0.5, "loss": 0.25, "val.acc": {"max": 1}}
    file.write_bytes(data[:-3])
    assert wandb.summary(file)["note"] == "old"
    assert wandb.summary(tmp_path / "none.wandb") == {}


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= (
            flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
        )
    return found


@pytest.mark.parametrize(
    "expected", [one for one in expected_files() if one.about.get("summary")], ids=str
)
def test_the_summary_is_that_of_the_tracker(expected: Expected) -> None:
    wanted = expected.about["summary"]
    media = tuple(name.removesuffix("_type") for name in wanted if name.endswith("._type"))
    wanted = {name: one for name, one in wanted.items() if not name.startswith(media or ("\0",))}
    assert flat(wandb.summary(expected.path)) == flat(wanted)


def test_a_run_with_a_configuration_beyond_a_block_is_described(tmp_path: Path) -> None:
    file = tmp_path / "run-1.wandb"
    settings = field(1, item("lr", 0.1)) + field(1, item("text", "x" * BLOCK))
    run = field(17, field(1, b"id") + field(8, b"name") + field(4, settings))
    file.write_bytes(frames(field(1, 1) + run, field(1, 2) + field(26, field(6, b"train.py"))))
    found = wandb.describe(file)
    assert (found.id, found.name, found.params["lr"]) == ("id", "name", 0.1)
    assert found.tags == {"command": "train.py"}


def test_a_newer_version_is_named() -> None:
    with pytest.raises(NewerWandbError, match=r"run-1.wandb has a newer version of W&B"):
        WandbFile(None, {}, FILE).cut(b":W&B\xe1\xbe\x01" + bytes(20))


@pytest.mark.parametrize("seed", range(4))
def test_rows_are_found_wherever_they_are(seed: int) -> None:
    chance = random.Random(seed)
    records, expected = list[bytes](), list[tuple[float, float]]()
    for step in range(300):
        kind = chance.randrange(5)
        padding = item("text", "x" * chance.choice((0, 10, 200, 3000, 40_000)))
        if kind < 3:
            records.append(row(step, item("loss", step), *[padding] * (kind == 2)))
            expected.append((step, step))
        else:  # a summary, or console output
            records.append(field(1, step) + field(3 if kind == 3 else 13, padding))
    data = frames(*records)
    decoder, at, found = WandbFile(None, {}, FILE), 0, list[tuple[float, float]]()
    end = 0
    while at < len(data):
        end = min(end + chance.randrange(1, 100_000), len(data))
        if length := decoder.cut(data[at:end]):
            series = decoder.decode(data[at : at + length], 0).series
            at += length
            if "loss" in series:
                steps, values = series["loss"].steps.tolist(), series["loss"].values.tolist()
                found += zip(steps, values, strict=True)
        elif end == len(data):
            break
    assert found == expected
    assert len(data) - at < 2 * 50_000  # what is behind the last row
