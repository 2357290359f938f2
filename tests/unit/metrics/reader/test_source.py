"""Whatever happens to a file, its points are stored once."""

from __future__ import annotations

import itertools
import json
import math
import os
import random
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.metrics.reading import (
    all_points,
    kept_points,
    lines,
    open_reader,
    read_on,
    read_to_end,
    summaries,
)
from trainui.metrics.formats import MAX_NAME, DecoderChoice, UnknownFormatError
from trainui.metrics.reader import source
from trainui.metrics.reader.source import EndOfFile
from trainui.metrics.tail import UnreadableFileError
from trainui.pipeline.masking import Masker
from trainui.store.db.engine import Database

FOUND = DecoderChoice()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "metrics.jsonl"


def line(*steps: int) -> list[tuple[str, float, float]]:
    return [("loss", step, step / 2) for step in steps]


def test_a_file_read_byte_by_byte(store: Database, path: Path) -> None:
    text = lines(range(4)).encode() + b'{"step": 4, "loss": NaN}\n\n{"step": 5, "loss": "0.5"}\n'
    reader = open_reader(store, path, FOUND)
    for size in range(1, len(text) + 1):
        path.write_bytes(text[:size])
        read_on(reader)
        stored = all_points(store)
        assert len(stored) == text[:size].count(b"}\n")
    assert repr(stored) == repr([*line(*range(4)), ("loss", 4, math.nan), ("loss", 5, 0.5)])


def test_a_new_reader_continues_where_the_old_one_stopped(store: Database, path: Path) -> None:
    for at in range(10):
        with path.open("a") as file:
            file.write(lines([at]))
        assert read_on(open_reader(store, path)) == 1
    assert all_points(store) == line(*range(10))


def test_existing_content_is_read_only_once(store: Database, path: Path) -> None:
    path.write_text(lines(range(5)))
    reader = open_reader(store, path)
    assert (read_on(reader), read_on(reader)) == (5, 0)


def test_two_readers_at_once_store_nothing_twice(store: Database, path: Path) -> None:
    readers = [open_reader(store, path) for _ in range(3)]
    for at in range(0, 300, 3):
        with path.open("a") as file:
            file.write(lines(range(at, at + 3)))
        for reader in random.Random(at).sample(readers, 2):
            read_on(reader)
    assert all_points(store) == line(*range(300))


def test_a_file_that_is_truncated_and_grows_again(store: Database, path: Path) -> None:
    path.write_text(lines(range(10)))
    reader = open_reader(store, path)
    read_on(reader)
    os.truncate(path, 0)
    read_on(reader)
    with path.open("a") as file:
        file.write(lines(range(10, 12)))
    read_on(reader)
    assert all_points(store) == line(*range(12))
    assert summaries(store)["loss"].superseded == 0


@pytest.mark.parametrize("through", ["truncation", "replacement", "in place"])
def test_a_history_that_is_rewritten_is_not_stored_again(
    store: Database, path: Path, through: str
) -> None:
    reader = open_reader(store, path)
    for count in range(1, 30):
        rewrite(path, lines(range(count)), through)
        read_on(reader)
    assert all_points(store) == line(*range(29))


@pytest.mark.parametrize("through", ["truncation", "replacement", "in place"])
def test_another_history_stands_for_the_old_one(store: Database, path: Path, through: str) -> None:
    path.write_text(lines(range(3)))
    reader = open_reader(store, path)
    read_on(reader)
    longer = "".join(json.dumps({"step": step, "loss": -1.0}) + "\n" for step in range(1, 9))
    rewrite(path, longer, through)
    read_on(reader)
    assert kept_points(store, "loss") == [(0, 0), *((step, -1.0) for step in range(1, 9))]
    assert summaries(store)["loss"].superseded == 2


def rewrite(path: Path, text: str, through: str) -> None:
    if through == "replacement":
        temporary = path.with_suffix(".tmp")
        temporary.write_text(text)
        temporary.replace(path)
    elif through == "truncation" or not path.exists():
        path.write_text(text)
    else:
        with path.open("r+") as file:
            file.write(text)


def test_a_later_column_is_stored_for_earlier_rows_too(store: Database, tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("step,loss\n0,1.5\n1,1.25\n")
    reader = open_reader(store, path, FOUND)
    read_on(reader)
    path.write_text("step,loss,acc\n0,1.5,\n1,1.25,0.5\n2,1.0,0.75\n")
    read_on(reader)
    assert kept_points(store, "loss") == [(0, 1.5), (1, 1.25), (2, 1.0)]
    assert kept_points(store, "acc") == [(1, 0.5), (2, 0.75)]
    assert {series.superseded for series in summaries(store).values()} == {0}


def test_a_rewriting_is_noticed_after_a_restart_in_its_midst(store: Database, path: Path) -> None:
    path.write_text(lines(range(20)))
    read_on(open_reader(store, path))
    for count in (0, 5, 19, 20, 24):
        path.write_text(lines(range(count)))
        read_on(open_reader(store, path))
    assert all_points(store) == line(*range(24))


def test_a_new_attempt_that_rewrites_its_file_has_own_points(store: Database, path: Path) -> None:
    path.write_text(lines(range(5)))
    read_on(open_reader(store, path))
    path.unlink()
    path.write_text(lines(range(5)))
    read_on(open_reader(store, path, attempt=2))
    assert (summaries(store)["loss"].count, summaries(store)["loss"].superseded) == (5, 5)


def test_a_new_attempt_that_appends_continues_the_curve(store: Database, path: Path) -> None:
    path.write_text(lines(range(5)))
    read_on(open_reader(store, path))
    with path.open("a") as file:
        file.write(lines(range(3, 8)))
    read_on(open_reader(store, path, attempt=2))
    assert [step for step, _ in kept_points(store, "loss")] == list(range(8))
    assert summaries(store)["loss"].superseded == 2


def test_a_rotated_file_is_read_before_the_new_one(store: Database, path: Path) -> None:
    reader = open_reader(store, path)
    with path.open("a") as writer:
        for at in range(0, 40, 4):
            writer.write(lines(range(at, at + 4)))
            writer.flush()
            if at % 8:
                read_on(reader)
            if at == 20:
                path.rename(path.with_suffix(".1"))
                writer.write(lines([1000]))
                writer.flush()
                path.write_text("")
                break
    with path.open("a") as file:
        file.write(lines(range(1001, 1003)))
    read_on(reader)
    assert all_points(store) == line(*range(24), 1000, 1001, 1002)


def test_a_file_recreated_after_it_was_deleted(store: Database, path: Path) -> None:
    path.write_text(lines(range(3)))
    reader = open_reader(store, path)
    read_on(reader)
    path.unlink()
    read_on(reader)
    path.write_text(lines(range(3, 5)))
    read_on(reader)
    assert all_points(store) == line(*range(5))


def test_the_end_of_a_file_without_a_line_end(store: Database, path: Path) -> None:
    path.write_text(lines(range(2)).rstrip("\n"))
    reader = open_reader(store, path)
    assert read_on(reader) == 1
    read_to_end(store, reader, clean=False)
    assert all_points(store) == line(0, 1)


def test_a_torn_end_is_no_record(store: Database, path: Path) -> None:
    path.write_text(lines(range(2)).rstrip("}\n"))
    read_to_end(store, open_reader(store, path), clean=False)
    assert all_points(store) == line(0)


@pytest.mark.parametrize(("clean", "rows"), [(True, 2), (False, 1)])
def test_a_tables_last_row_counts_unless_its_writer_was_killed(
    store: Database, tmp_path: Path, clean: bool, rows: int
) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("step,loss\n1,0.5\n2,0.12")
    read_to_end(store, open_reader(store, path, FOUND), clean=clean)
    assert len(all_points(store)) == rows


def test_a_huge_line_is_left_out_in_bounded_memory(store: Database, path: Path) -> None:
    with path.open("w") as file:
        file.write(lines([0]))
        file.write('{"step": 1, "text": "')
        for _ in range(50):
            file.write("x" * 1_000_000)
        file.write('"}\n' + lines([2]))
    reader = open_reader(store, path)
    tracemalloc.start()
    read_on(reader)
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert all_points(store) == line(0, 2)
    assert peak < 8 * source.BACKLOG_BYTES


def test_a_line_as_long_as_a_batch_is_read(store: Database, path: Path) -> None:
    filler = "x" * (source.LIVE_BYTES * 2)
    path.write_text(json.dumps({"step": 1, "loss": 0.5, "text": filler}) + "\n")
    read_on(open_reader(store, path))
    assert all_points(store) == line(1)


def test_zeros_left_by_an_outside_truncation_hide_no_record(store: Database, path: Path) -> None:
    path.write_bytes(b"\0" * 992 + lines([1, 2]).encode())
    read_on(open_reader(store, path, FOUND))
    assert all_points(store) == line(1, 2)


def test_names_are_harmless(store: Database, path: Path) -> None:
    rows = [{"step": 1, "a\x1b[31m\n": 1.0}, {"step": 1, "\ud800": 2.0}, {"step": 1, "é" * 999: 3}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    read_on(open_reader(store, path))
    names = [name for name, _step, _value in all_points(store)]
    assert names[:2] == ["a\ufffd[31m\ufffd", "\ufffd"]
    assert len(names[2]) == 256


def test_a_printed_secret_is_in_no_name_and_no_state(store: Database, tmp_path: Path) -> None:
    log, masked = tmp_path / "stdout.log", Masker(["the canary-word"]).text
    log.write_text("step 1 loss 0.5\nthe canary-word loss 0.5\nthe canary-word 0.5 7.25\n" * 20)
    reader = open_reader(store, log, DecoderChoice(format="text"), masked=masked)
    read_on(reader)
    assert reader.position.offset == log.stat().st_size
    assert "loss" in {name for name, _step, _value in all_points(store)}
    assert "canary" not in f"{reader.position} {all_points(store)}"


def test_times_come_from_the_records_else_from_the_file(store: Database, path: Path) -> None:
    from tests.unit.metrics.reading import connect
    from trainui.store.points import read_points

    path.write_text('{"step": 1, "loss": 1, "time": 0.25}\n{"step": 2, "timestamp": 1.7e9}\n')
    os.utime(path, ns=(0, 1_600_000_000_123_456_789))
    read_on(open_reader(store, path))
    times = {p.name: p.time for p in read_points.points(connect(store), ["stage"])}
    assert times["loss"] == 1_600_000_000_123_456
    assert times["timestamp"] == 1_700_000_000_000_000


def test_a_document_of_newest_values_gives_a_point_each_time(
    store: Database, tmp_path: Path
) -> None:
    path = tmp_path / "metrics.json"
    reader = open_reader(store, path, FOUND)
    for step in range(5):
        path.write_text(json.dumps({"step": step, "train": {"loss": step / 2}}, indent=1))
        read_on(reader)
        read_on(reader)
    assert kept_points(store, "train/loss") == [(step, step / 2) for step in range(5)]
    assert summaries(store)["train/loss"].superseded == 0


def test_a_document_is_not_read_twice_after_a_restart(store: Database, tmp_path: Path) -> None:
    path = tmp_path / "history.json"
    for count in range(1, 5):
        history = {"loss": [epoch / 2 for epoch in range(count)]}
        path.write_text(json.dumps(history))
        for _ in range(2):
            read_on(open_reader(store, path, FOUND))
    assert kept_points(store, "loss") == [(epoch, epoch / 2) for epoch in range(4)]


def test_a_first_line_resembling_a_document_is_a_line(store: Database, tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    reader = open_reader(store, path, FOUND)
    path.write_text('{"step": 5, "loss": 1}')
    read_on(reader)
    assert set(summaries(store)) == {"step", "loss"}
    path.write_text('{"step": 5, "loss": 1}\n{"step": 6, "loss": 2}\n')
    read_on(reader)
    assert all_points(store) == [("loss", 5, 1), ("loss", 6, 2)]


def test_a_line_whose_end_is_another_write(store: Database, tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    reader = open_reader(store, path, FOUND)
    for text in ('{"epoch": 1, "loss": 1}', "\n", '{"epoch": 2, "loss": 2}', "\n"):
        with path.open("a") as file:
            file.write(text)
        read_on(reader)
    assert list(summaries(store)) == ["loss"]
    assert kept_points(store, "loss") == [(1, 1), (2, 2)]


def test_a_bracket_alone_is_no_document_yet(store: Database, tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    reader = open_reader(store, path, FOUND)
    line = "[11/24 14:02:37] d2.utils.events INFO:  eta: 0:00:00  iter: 19  total_loss: 2.265  \n"
    for text in ("[", line[1:] + line.replace("19", "39")):
        with path.open("a") as file:
            file.write(text)
        read_on(reader)
    assert kept_points(store, "total_loss") == [(19, 2.265), (39, 2.265)]


def test_an_unreadable_source_says_why(store: Database, tmp_path: Path) -> None:
    binary = tmp_path / "model.bin"
    binary.write_bytes(random.Random(1).randbytes(1000))
    with pytest.raises(UnknownFormatError, match="binary"):
        open_reader(store, binary, FOUND).advance()
    with pytest.raises(UnreadableFileError, match="is a directory"):
        open_reader(store, tmp_path, FOUND).advance()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnreadableFileError, match="not a regular file"):
        open_reader(store, tmp_path / "pipe", FOUND).advance()
    with pytest.raises(UnknownFormatError, match="known: clearml, csv, dvclive"):
        open_reader(store, binary, DecoderChoice(format="parquet")).advance()


def test_an_empty_file_is_no_problem(store: Database, path: Path) -> None:
    path.touch()
    reader = open_reader(store, path, FOUND)
    read_to_end(store, reader)
    assert reader.advance(EndOfFile(clean=True)).points == 0


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 5)),
        st.tuples(st.just("torn"), st.integers(1, 20)),
        st.tuples(st.just("read"), st.just(0)),
        st.tuples(st.just("restart"), st.just(0)),
        st.tuples(st.just("rewrite"), st.sampled_from([0, 1, 2])),
    ),
    max_size=30,
)


@given(actions=ACTIONS)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_writer_of_one_history(
    store: Database, tmp_path: Path, actions: list[tuple[str, int]]
) -> None:
    from trainui.store.points import write_points

    with store.write() as connection:
        write_points.forget(connection, ["stage"])
    path = tmp_path / "any.jsonl"
    path.unlink(missing_ok=True)
    count, torn = 0, b""
    reader = open_reader(store, path)
    for action, number in [*actions, ("append", 1), ("read", 0)]:
        if action in ("append", "torn"):
            new = lines(range(count, count + number)).encode()[len(torn) :]
            cut = new if action == "append" else new[: number % 20]
            with path.open("ab") as file:
                file.write(cut)
            count += cut.count(b"\n")
            torn = (torn + cut).rpartition(b"\n")[2]
        elif action == "rewrite":
            rewrite(path, lines(range(count)), ["truncation", "replacement", "in place"][number])
            torn = b"" if number < 2 else torn
        else:
            reader.close()
            reader = open_reader(store, path) if action == "restart" else reader
            read_on(reader)
    read_on(reader)
    reader.close()
    assert all_points(store) == line(*range(count))


def test_a_document_too_large_to_reread_is_an_error(
    store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainui.metrics.formats.WHOLE_BYTES", 9)
    document = tmp_path / "metrics.json"
    document.write_text('{"loss": [1, 2]}')
    with pytest.raises(UnreadableFileError, match="too large to be read again"):
        open_reader(store, document, DecoderChoice(format="json")).advance()


def test_the_name_of_a_metric_has_a_limit(store: Database, path: Path) -> None:
    path.write_text(json.dumps({"step": 1, "a" * 999: 1}) + "\n")
    read_on(open_reader(store, path))
    assert list(map(len, summaries(store))) == [MAX_NAME]


def test_a_batch_that_was_expensive_is_followed_by_smaller_ones(
    store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "LONGEST_READ", 0.0)
    path = tmp_path / "m.jsonl"
    path.write_text(lines(range(20_000)))
    reader = open_reader(store, path)
    offsets, more = [0], True
    while more:
        more = reader.advance().more
        offsets.append(reader.position.offset)
    sizes = [end - begin for begin, end in itertools.pairwise(offsets)]
    assert max(sizes) <= source.LIVE_BYTES
    assert len(all_points(store)) == 20_000
