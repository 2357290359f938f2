# ruff: noqa: E501 (records are as long as they are)
"""What each format reads, where real files are odd."""

from __future__ import annotations

import gzip
import json
import math
import re
import struct
from pathlib import Path
from typing import Any

import pytest

from trainui import clock
from trainui.metrics.formats import CORE, Decoder, UnknownFormatError, detect, make_decoder
from trainui.metrics.formats.decoder import step_fields
from trainui.metrics.formats.text.forms import MAX_LINE, lines_with_ends, text_lines
from trainui.metrics.formats.text.pattern import PatternError, PatternLines, compile_pattern
from trainui.metrics.lenient import leading_number, to_number
from trainui.pipeline.field_names import presets
from trainui.pipeline.field_types import formats
from trainui.plugin import Format, LogLines, registry
from trainui.plugins.tensorboard.event_file import masked_crc

Found = dict[str, list[tuple[float, float]]]


def decoded(reader: Decoder, text: str | bytes, first_row: int = 0) -> Found:
    data = text.encode() if isinstance(text, str) else text
    assert reader.cut(data) == len(data)
    series = reader.decode(data, first_row).series
    return {
        name: list(zip(points.steps.tolist(), points.values.tolist(), strict=True))
        for name, points in series.items()
    }


def plain(found: Found) -> str:
    """The same as text, in which NaN equals NaN and 1 equals 1.0."""
    return repr({name: [(float(s), float(v)) for s, v in points] for name, points in found.items()})


def jsonl(text: str | bytes, step: str | None = None) -> Found:
    return decoded(make_decoder("jsonl", step, {}, Path("x")), text)


def csv(text: str | bytes, step: str | None = None) -> Found:
    return decoded(make_decoder("csv", step, {}, Path("x")), text)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("loss", "step", "epoch"), "step"),
        (("epoch", "global_step"), "global_step"),
        (("Epoch", "loss"), "Epoch"),
        (("iter", "Iteration"), "Iteration"),
        (("time/total_timesteps", "time/iterations", "epoch"), "time/total_timesteps"),
        (("timing_s/step", "epoch"), "epoch"),
        (("training_iteration", "epoch"), "training_iteration"),
        (("epoch", "current_steps"), "current_steps"),
        (("loss",), None),
    ],
)
def test_the_step_field_is_recognised(names: tuple[str, ...], expected: str | None) -> None:
    assert next(iter(step_fields(names, None)), None) == expected
    assert next(iter(step_fields(names, "loss")), None) == ("loss" if "loss" in names else expected)


def test_without_a_step_the_row_counts() -> None:
    assert jsonl('{"loss": 1}\n{"loss": 2}\n') == {"loss": [(0, 1), (1, 2)]}
    assert decoded(make_decoder("jsonl", None, {}, Path("x")), '{"loss": 3}\n', 7) == {
        "loss": [(7, 3)]
    }


@pytest.mark.parametrize("more", ["", ', "top": {"k": [1]}'])
def test_a_step_that_is_written_with_the_number_of_steps(more: str) -> None:
    line = '{{"loss": 1, "epoch": 0.5, "global_step/max_steps": "{}/40"{}}}\n'
    found = jsonl(line.format(1, more) + line.format(2, more))
    assert found == {"loss": [(1, 1), (2, 1)], "epoch": [(1, 0.5), (2, 0.5)]}
    assert set(jsonl('{"time/total_timesteps": 5, "loss": 1}\n')) == {"loss"}
    assert set(jsonl('{"epoch/num_samples": 5, "loss": 1, "n": [1]}\n')) == {
        "loss",
        "epoch/num_samples",
    }


@pytest.mark.parametrize(
    "record",
    [
        '{"level": "info", "event": "train", "extra": {"step": 7, "loss": 0.5}}',
        '{"text": "", "record": {"level": {"no": 20}, "message": "", "line": 4, "extra": {"step": 7, "loss": 0.5}}}',
        '{"level": "info", "msg": "step 7 loss 0.5", "extra": {"host": "a"}}',
        '{"log.level": "info", "message": "step 7 loss 0.5"}',
        '{"message": "step 7 loss 0.5", "asctime": "2026-11-26"}',
    ],
)
def test_records_of_loggers(record: str) -> None:
    assert jsonl(f"{record}\n") == {"loss": [(7, 0.5)]}


def test_epoch_and_time_are_series_too() -> None:
    found = jsonl('{"step": 3, "epoch": 0.5, "time": 9, "loss": 1}\n')
    assert found == {"epoch": [(3, 0.5)], "time": [(3, 9)], "loss": [(3, 1)]}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"step": 1, "loss": NaN}', math.nan),
        ('{"step": 1, "loss": Infinity}', math.inf),
        ('{"step": 1, "loss": -Infinity}', -math.inf),
        ('{"step": 1, "loss": 1e400}', math.inf),
        ('{"step": 1, "loss": "2.302"}', 2.302),
        ('{"step": 1, "loss": "nan"}', math.nan),
        ('{"step": 1, "loss": 1, "loss": 2}', 2.0),
        ('{"step": 1, "loss": 1, "name": "a", "ok": true, "x": null, "y": [1]}', 1.0),
        (f'{{"step": 1, "loss": {10**400}}}', math.inf),
        ('  {"step": 1, "loss": 1}  \r', 1.0),
    ],
)
def test_lines_as_they_come(line: str, expected: float) -> None:
    around = '{"step": 0, "loss": 0}\n', '{"step": 2, "loss": 2}\n'
    found = jsonl(f"{around[0]}{line}\n{around[1]}")
    assert plain(found) == plain({"loss": [(0, 0), (1, expected), (2, 2)]})


def test_lines_that_are_no_object_are_left_out() -> None:
    text = '[1]\n{"loss": 1\nnull\n5\n"x"\n{"loss": 2}\n\n' + "[" * 100_000 + "\n{}\n"
    result = make_decoder("jsonl", None, {}, Path("x")).decode(text.encode(), 0)
    assert result.series["loss"].values.tolist() == [2.0]
    assert result.records == 2


def test_a_byte_order_mark_and_bytes_that_are_no_text() -> None:
    assert jsonl(b'\xef\xbb\xbf{"step": 1, "loss": 1}\n') == {"loss": [(1, 1)]}
    assert jsonl(b'{"step": 1, "loss": 1, "who": "\xff\xfe"}\n') == {"loss": [(1, 1)]}


@pytest.mark.parametrize(
    "line",
    [
        '{"lr": 0.001, "batch_size": 32, "seed": 1}',
        '{"model": "gpt2", "epochs": 3, "train_batch_size": 8, "amp": true, "betas": [0.9, 0.95]}',
        '{"config": {"data": {"rate": 5, "path": "x"}, "step": 3}}',
        '{"run": "a", "hparams": {"loss": 2}, "time": "2026-01-01"}',
        '{"env_info": "torch 2", "config": "model = 1", "seed": 0, "exp_name": "x.py"}',
        "{'args': {'lr': 0.1}}",
    ],
)
def test_a_configuration_among_the_lines_is_no_metric(line: str) -> None:
    rows = '{"step": 5, "loss": 1}\n{"step": 6, "loss": 2, "lr": 0.1}\n'
    assert jsonl(f"{line}\n{rows}") == jsonl(rows)
    assert jsonl(f"{rows}{line}\n{rows}") == jsonl(rows + rows)
    assert jsonl(f'{line}\n{{"loss": 1}}\n') == {"loss": [(0, 1)]}


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ('{"lr": 0.1, "batch_size": 32, "accuracy": 0.5}', ["lr", "batch_size", "accuracy"]),
        ('{"step": 1, "batch_size": 32, "seed": 1}', ["batch_size", "seed"]),
        ('{"training_iteration": 1, "config": {"lr": 0.1}}', ["config/lr"]),
        ('{"batch_size": 64}', ["batch_size"]),
        ('{"lr": 0.1, "seed": 3}', ["lr", "seed"]),
        ('{"config": 7}', ["config"]),
    ],
)
def test_settings_with_a_step_or_a_metric_are_kept(line: str, names: list[str]) -> None:
    assert list(jsonl(f"{line}\n")) == names


def test_nested_objects_are_flattened() -> None:
    assert jsonl('{"step": 1, "a": {"b": {"c": 1}, "d": 2}}\n') == {
        "a/b/c": [(1, 1)],
        "a/d": [(1, 2)],
    }
    assert jsonl('{"step": 1, "data": {"loss": 1}}\n') == {"loss": [(1, 1)]}
    deep = '{"step": 1, "a": ' * 50 + "1" + "}" * 50
    assert jsonl(f"{deep}\n") is not None


def test_fields_that_differ_from_line_to_line() -> None:
    found = jsonl(
        '{"step": 1, "loss": 1}\n{"epoch": 1, "val": 2}\n'
        '{"loss": 3, "step": 2}\n{"lr": 1, "step": 3}\n'
    )
    assert found == {"loss": [(1, 1), (2, 3)], "val": [(1, 2)], "lr": [(3, 1)]}


def test_a_large_step_stays_exact() -> None:
    assert jsonl('{"step": 9007199254740991, "loss": 1}\n') == {"loss": [(9007199254740991, 1)]}


def test_a_step_that_is_no_finite_number_is_none() -> None:
    assert jsonl('{"step": NaN, "loss": 1}\n{"step": null, "epoch": 4, "loss": 2}\n') == {
        "loss": [(0, 1), (4, 2)]
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("step,loss\r\n1,0.5\r\n", {"loss": [(1, 0.5)]}),
        ("step;loss\n1;0,5\n", {"loss": [(1, 0.5)]}),
        ("step\tloss\n1\t0.5\n", {"loss": [(1, 0.5)]}),
        ("  step,   loss\n    1,    0.5\n", {"loss": [(1, 0.5)]}),
        ("step loss\n1 0.5\n", {"loss": [(1, 0.5)]}),
        ('step,"loss, train"\n1,0.5\n', {"loss, train": [(1, 0.5)]}),
        ("1,0.5\n2,0.25\n", {"1": [(1, 0.5), (2, 0.25)]}),
        ("0.5\n0.25\n", {"0": [(0, 0.5), (1, 0.25)]}),
        ("step,loss,acc\n1,0.5,\n2,,0.75\n", {"loss": [(1, 0.5)], "acc": [(2, 0.75)]}),
        ('#{"env": 1}\nr,l\n1.5,2\n', {"r": [(0, 1.5)], "l": [(0, 2)]}),
        ("#step,loss\n1,0.5\n", {"loss": [(1, 0.5)]}),
        ("step,loss,time\n1,nan,00:00\n", {"loss": [(1, math.nan)]}),
        (",step,loss\n0,1,0.5\n", {"loss": [(1, 0.5)]}),
        ("step,a,a\n1,2,3\n", {"a": [(1, 2)], "a.1": [(1, 3)]}),
        ("step,loss\n1,0.5\nstep,loss\n1,0.25\n", {"loss": [(1, 0.5), (1, 0.25)]}),
        (
            "step,loss\n1,0.5\nstep,acc,loss\n2,9,0.25\n",
            {"loss": [(1, 0.5), (2, 0.25)], "acc": [(2, 9)]},
        ),
        ("step,loss\n1\n\n2,0.5,7\n", {"loss": [(2, 0.5)]}),
        ("\ufeffstep,loss\n1,0.5\n", {"loss": [(1, 0.5)]}),
        (
            "# by a trainer 1.2\n# lr: 0.1, batch: 32\nstep,loss\n1,0.5\n# resumed, again\n2,1\n",
            {"loss": [(1, 0.5), (2, 1)]},
        ),
        ("# step loss\n1 0.5\n# step loss\n2 0.25\n", {"loss": [(1, 0.5), (2, 0.25)]}),
        (
            'epoch,acc,took,tokens\n1,85.9%,1.5s,"1,000"\n2,,0.5s,"12,000"\n',
            {"acc": [(1, 85.9)], "took": [(1, 1.5), (2, 0.5)], "tokens": [(1, 1e3), (2, 12e3)]},
        ),
        (",train,val\n,loss,loss\nepoch,,\n0,0.5,1\n", {"train": [(2, 0.5)], "val": [(2, 1)]}),
        ("epoch,model,at,took\n1,7b,10:30,1.5s\n2,8b,10:31,2ms\n", {}),
    ],
)
def test_tables_as_they_come(text: str, expected: Found) -> None:
    assert plain(csv(text)) == plain(expected)


def test_a_file_of_bare_numbers_is_named_by_its_file() -> None:
    text, path = "0.5\n0.25\nnan\n", Path("train_loss.txt")
    assert detect(text.encode(), path, complete=False) == "csv"
    assert detect(text.encode(), path.with_name("stdout.log"), complete=False) == "text"
    series = make_decoder("csv", None, {}, path).decode(text.encode(), 0).series
    (points,) = series.values()
    assert list(series) == ["train_loss"]
    assert (points.steps.tolist(), points.values[:2].tolist()) == ([0, 1, 2], [0.5, 0.25])
    assert list(make_decoder("csv", None, {}, path).decode(b"10 0.5\n20 0.25\n", 0).series) == [
        "train_loss"
    ]


def test_log_lines_in_a_file_named_as_a_table() -> None:
    log = b"Epoch: [1/9], loss: 0.5, acc: 67.5%\nEpoch: [2/9], loss: 0.25, acc: 69.5%\n"
    assert detect(log, Path("train_log.csv"), complete=False) == "text"
    assert detect(b"note,loss\n,\n", Path("train_log.csv"), complete=False) == "csv"


def test_a_text_in_another_encoding_is_no_binary_data() -> None:
    text = "学习率 " * 20 + "\nepoch 1 loss 0.5\nepoch 2 loss 0.25\n"
    assert detect(text.encode("gbk"), Path("train.log"), complete=False) == "text"


def test_a_table_continues_with_the_header_it_had() -> None:
    first = make_decoder("csv", None, {}, Path("x"))
    first.decode(b"step;loss\n1;0.5\n", 0)
    assert decoded(make_decoder("csv", None, first.state, Path("x")), "2;0.25\n", 1) == {
        "loss": [(2, 0.25)]
    }


def test_a_header_that_comes_alone_waits_for_its_first_row() -> None:
    reader = make_decoder("csv", None, {}, Path("x"))
    found = [decoded(reader, line) for line in ("# of a run\n", "step loss\n", "1 0.5\n", "2 1\n")]
    assert found[:2] == [{}, {}]
    assert found[2:] == [{"loss": [(1, 0.5)]}, {"loss": [(2, 1)]}]


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("step,loss", False),
        ("step loss", False),
        ("step,loss\r1,0.5\r2,0.25", True),
        ("1,0.5", True),
    ],
)
def test_a_table_without_a_line_end(text: str, *, whole: bool) -> None:
    reader = make_decoder("csv", None, {}, Path("x"))
    assert reader.is_whole(text.encode(), clean=True) == whole
    assert not reader.is_whole(text.encode(), clean=False)


DOCUMENTS: list[tuple[Any, Found]] = [
    ([{"step": 1, "a": 2}, {"step": 2, "a": 3}], {"a": [(1, 2), (2, 3)]}),
    ({"args": {"lr": 1}, "log": [{"epoch": 1, "a": 2}]}, {"a": [(1, 2)]}),
    ({"a": [1, 2], "b": [3]}, {"a": [(0, 1), (1, 2)], "b": [(0, 3)]}),
    ({"train": {"a": [1, 2]}, "val": {"a": [3]}}, {"train/a": [(0, 1), (1, 2)], "val/a": [(0, 3)]}),
    ({"history": {"a": [1, 2]}}, {"a": [(0, 1), (1, 2)]}),
    ({"1": {"a": 2}, "2": {"a": 3}}, {"a": [(1, 2), (2, 3)]}),
    ({"epoch_1": {"a": {"b": 2}}, "epoch_10": {"a": {"b": 3}}}, {"a/b": [(1, 2), (10, 3)]}),
    ({"a": {"0": 1, "1": 2}, "b": {"0": 3, "1": None}}, {"a": [(0, 1), (1, 2)], "b": [(0, 3)]}),
    ({"columns": ["step", "a"], "index": [0], "data": [[5, 2]]}, {"a": [(5, 2)]}),
    ({"a": [[1, 2], [2, 3]], "b": [[2, 4]]}, {"a": [(1, 2), (2, 3)], "b": [(2, 4)]}),
    (
        {"a": {"steps": [0, 5, 5], "timestamps": ["x", "y", "z"], "values": [1, 2, 3]}},
        {"a": [(0, 1), (5, 2), (5, 3)]},
    ),
    ({"a": 1, "b": {"c": 2}}, {"a": [(0, 1)], "b/c": [(0, 2)]}),
    ([[1, 2], [3, 4]], {}),
    (
        {
            "meta": {
                "test_sets": ["test", "test1"],
                "test_metrics": [{"name": "AUC"}, {"name": "F1"}],
                "learn_metrics": [{"name": "F1"}],
            },
            "iterations": [{"iteration": 0, "learn": [1], "test": [2, 3], "test1": [4, 5]}],
        },
        {
            "learn/F1": [(0, 1)],
            "test/AUC": [(0, 2)],
            "test/F1": [(0, 3)],
            "test1/AUC": [(0, 4)],
            "test1/F1": [(0, 5)],
        },
    ),
]


@pytest.mark.parametrize(("document", "expected"), DOCUMENTS)
def test_the_records_in_a_document(document: Any, expected: Found) -> None:
    assert decoded(make_decoder("json", None, {}, Path("x")), json.dumps(document)) == expected


@pytest.mark.parametrize(
    "text",
    [
        '[{"step": 1, "a": 2},\n {"step": 2, "a": 3},\n {"step": 3, "a"',
        '[\n{"step": 1, "a": 2},\n{"step": 2, "a": 3}\n',
        '{\n "step": 1,\n "a": 2\n}\n{\n "step": 2,\n "a": 3\n}\n{\n "st',
    ],
)
def test_the_whole_records_of_a_document_that_grows(text: str) -> None:
    reader = make_decoder("json", None, {}, Path("x"))
    assert decoded(reader, text) == {"a": [(1, 2), (2, 3)]}


@pytest.mark.parametrize("text", ['{"a": [1, 2', '{"a": 1}], "old": 2}', "[1, 2", "["])
def test_a_document_that_is_not_whole_waits(text: str) -> None:
    assert make_decoder("json", None, {}, Path("x")).cut(text.encode()) == 0


@pytest.mark.parametrize(
    "line",
    [
        '{"step": 1, "a": nan, "b": {"c": -inf}}',
        "{'step': 1, 'a': nan, 'b': {'c': -inf}, 'ok': True, 'no': None}",
        '{"step": 1, "a": NaN, "b": {"c": -Infinity}},',
        "{'step': np.int64(1), 'a': tensor(nan, device='cuda:0'), 'b': {'c': -inf}}",
    ],
)
def test_lines_that_are_nearly_json(line: str) -> None:
    expected: Found = {"a": [(1, math.nan)], "b/c": [(1, -math.inf)]}
    assert plain(jsonl(f'{line}\n{{"no": "metric"}}\n')) == plain(expected)
    printed = make_decoder("jsonl", None, {}, Path("x"))
    assert (
        printed.decode(b"{'a': open('/etc/passwd'), **b}\n{" + b"(" * 9999 + b"\n", 0).series == {}
    )


def pattern(text: str, expression: str, step: str | None = None) -> Found:
    return decoded(PatternLines(compile_pattern(expression), step), text)


@pytest.mark.parametrize(
    ("text", "expression", "expected"),
    [
        ("step 5 loss 0.5\n", r"step (?P<step>\d+) loss (?P<loss>\S+)", {"loss": [(5, 0.5)]}),
        ("loss 1\nnoise\nloss 2\n", r"loss (?P<loss>\S+)", {"loss": [(0, 1), (1, 2)]}),
        ("1%\rloss 1\rloss 2\n", r"loss (?P<loss>\S+)", {"loss": [(0, 1), (1, 2)]}),
        ("\x1b[32mloss\x1b[0m 0.5\n", r"loss (?P<loss>\S+)", {"loss": [(0, 0.5)]}),
        (
            "acc 85.93% in 0.019s.\n",
            r"acc (?P<a>\S+) in (?P<t>\S+)",
            {"a": [(0, 85.93)], "t": [(0, 0.019)]},
        ),
        ("step 1,000: 5\n", r"step (?P<step>[\d,]+): (?P<x>\S+)", {"x": [(1000, 5)]}),
        ("loss nan\n", r"loss (?P<loss>\S+)", {"loss": [(0, math.nan)]}),
        ("loss oops\n", r"loss (?P<loss>\S+)", {}),
        ("a=1 a=2\n", r"a=(?P<a>\d)", {"a": [(0, 1), (1, 2)]}),
        (
            "step 3 l=1\nval=2\n",
            r"step (?P<step>\d) l=(?P<l>\d)|val=(?P<v>\d)",
            {"l": [(3, 1)], "v": [(3, 2)]},
        ),
    ],
)
def test_lines_of_logs(text: str, expression: str, expected: Found) -> None:
    assert plain(pattern(text, expression)) == plain(expected)


def test_another_group_may_be_the_step() -> None:
    found = pattern(
        "[7] loss 0.5 step 9\n", r"\[(?P<it>\d+)\] loss (?P<loss>\S+) step (?P<step>\d)", "it"
    )
    assert found == {"loss": [(7, 0.5)], "step": [(7, 9)]}


def test_patterns_that_cannot_be_used_say_why() -> None:
    for text, why in (
        ("keras", "unknown preset"),
        ("loss (", "cannot be used"),
        (r"\d+", "no named"),
    ):
        with pytest.raises(PatternError, match=why):
            compile_pattern(text)


def test_a_pattern_that_takes_forever_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainui.metrics.formats.text.pattern.TIME_LIMIT", 0.2)
    begun = clock.now()
    with pytest.raises(PatternError, match="make it simpler"):
        pattern("a" * 40 + "\n", r"(?P<x>(a+)+)b")
    assert clock.now() - begun < 5 * clock.SECOND


@pytest.mark.parametrize(
    ("text", "strict", "leading"),
    [
        ("1.5", 1.5, 1.5),
        (" -1e-3 ", -0.001, -0.001),
        (".5", 0.5, 0.5),
        ("nan", math.nan, math.nan),
        ("-inf", -math.inf, -math.inf),
        ("1_000", None, None),
        ("0x10", None, None),
        ("", None, None),
        ("85.93%", None, 85.93),
        ("474ms/epoch", None, 474.0),
        ("1.4685.", None, 1.4685),
        ("nan.0", None, math.nan),
        ("2.3 (2.5)", None, 2.3),
        ("1,234,567", None, 1234567.0),
        ("00:00", None, None),
        ("0:32:48", None, None),
        ("1.2.3", None, None),
        ("step", None, None),
    ],
)
def test_numbers_as_text(text: str, strict: float | None, leading: float | None) -> None:
    assert repr(to_number(text)) == repr(strict)
    assert repr(leading_number(text)) == repr(leading)


def frame(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", masked_crc(length)) + data + struct.pack("<I", 0)


def event(step: int, tag: bytes, value: bytes) -> bytes:
    body = b"\x0a" + bytes([len(tag)]) + tag + value
    summary = b"\x0a" + bytes([len(body)]) + body
    return frame(
        b"\x09"
        + struct.pack("<d", 1.7e9)
        + b"\x10"
        + bytes([step])
        + b"\x2a"
        + bytes([len(summary)])
        + summary
    )


def test_event_files_give_scalars_and_nothing_else() -> None:
    simple = b"\x15" + struct.pack("<f", 0.5)
    content = b"\x08\x01\x22\x04" + struct.pack("<f", 0.25)
    several = b"\x08\x01\x12\x04\x12\x02\x08\x02\x22\x08" + struct.pack("<ff", 1, 2)
    text = b"\x08\x07\x42\x02hi"
    data = (
        event(1, b"a", simple)
        + event(2, b"b", b"\x42" + bytes([len(content)]) + content)
        + event(3, b"c", b"\x42" + bytes([len(several)]) + several)
        + event(4, b"d", b"\x42" + bytes([len(text)]) + text)
        + frame(b"\xff\xff\xff")
        + event(5, b"a", simple)
    )
    reader = make_decoder("tfevents", None, {}, Path("x"))
    assert decoded(reader, data) == {"a": [(1, 0.5), (5, 0.5)], "b": [(2, 0.25)]}
    assert reader.cut(data[:-1]) == len(data) - len(event(5, b"a", simple))
    assert detect(data, Path("x"), complete=False) == "tfevents"


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ('{"a": 1}\n', "x", "jsonl"),
        ('{"a": 1', "x.jsonl", None),
        ('{\n  "a": 1\n}', "x.json", "json"),
        ('{\n  "a": 1\n}', "x.jsonl", "jsonl"),
        ('{"a": 1}{"a": 2', "x.jsonl", "jsonl"),
        ('{"a": 1}', "x.json", "json"),
        ('[{"a": 1}]', "x", "json"),
        ("a,b\n", "x", None),
        ("a,b\n1,2\n", "x", "csv"),
        ("a,b\n1,2", "x", None),
        ("loss\n0.5\n", "x.csv", "csv"),
        ("# step loss\n0.0e+00 5.0e-01\n", "x.txt", "csv"),
        ("# a run\n# of today\n0 0.5\n1 0.25\n", "x.txt", "csv"),
        ("# a run\nEpoch 1 done\nEpoch 2 done\n", "x.txt", "text"),
        ("", "x", None),
        ("\n\n", "x", None),
        ("Epoch 1 done\nEpoch 2 done\n", "x", "text"),
        ("2026-11-26 22:00:00.1: \nepoch:  0\n", "x", "text"),
        ("[0] loss: 0.5\n[1] loss: 0.4\n", "x", "text"),
        ("{'loss': 0.5}\n{'loss': 0.4}\n", "x", "text"),
        ('{"a": 1, "log_history": []}', "x.json", "hf"),
        ("1795527525123 0.5 0\n", "x", "mlflow"),
        ("1795527525123 0.5 0\n1795527525124 0.25 1\n17955", "x", "mlflow"),
        ("1795527525123 nan 0 data digest\n1795527525123 1e-3\n", "x", "mlflow"),
    ],
)
def test_formats_are_found_by_content(text: str, name: str, expected: str | None) -> None:
    assert detect(text.encode(), Path(name), complete=False) == expected


def test_other_files_are_recognised_as_no_metrics() -> None:
    with pytest.raises(UnknownFormatError, match=re.escape("train.log")):
        detect(b"PK\x03\x04\0\0\0\n", Path("train.log"), complete=True)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (gzip.compress(b"step,loss\n1,2\n", mtime=0), "compressed"),
        ("step,loss\n1,2\n".encode("utf-16"), "UTF-16"),
        ("step,loss\n1,2\n".encode("utf-16-le"), "UTF-16"),
        ('{"step": 1}\n'.encode("utf-16-be"), "UTF-16"),
        (b"SQLite format 3\0" + bytes(99), "SQLite"),
    ],
)
def test_known_binary_data_is_named(data: bytes, why: str) -> None:
    with pytest.raises(UnknownFormatError, match=why):
        detect(data, Path("metrics.csv"), complete=True)


def test_the_pipeline_file_knows_the_same_names() -> None:
    printed = {one.name for one in registry.records(LogLines)}
    assert {"hf", "nanogpt", *printed} <= {*presets()}
    assert {*CORE, *printed, *(one.name for one in registry.records(Format))} <= {*formats()}


def test_no_more_of_a_line_is_read_than_its_limit() -> None:
    text = b"x " * MAX_LINE + b"\nnext\n"
    assert list(map(len, text_lines(text))) == [MAX_LINE, 4]
    assert list(map(len, lines_with_ends(text))) == [MAX_LINE + 1, 5]
