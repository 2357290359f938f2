"""What stages wrote and measured, as the command line gives it out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command_line import CommandLine
from tests.unit.supervisor.waiting import wait_for

TALKS = r"""
name: talks
stages:
  - name: train
    run: |
      for i in 1 2 3; do echo out $i; done
      echo err 1 >&2
      printf '\033[31mred\033[0m \a\n'
      printf '10%%\r100%%'
"""
OUT = b"out 1\nout 2\nout 3\n\x1b[31mred\x1b[0m \x07\n10%\r100%"


@pytest.fixture(scope="module")
def talks(served: CommandLine) -> CommandLine:
    served.run(TALKS, name="talks.yaml")
    return served


def test_into_a_pipe_a_log_comes_as_it_was_written(talks: CommandLine) -> None:
    assert talks.printed("logs", "talks", "train", "--stream", "out") == OUT
    assert talks.printed("logs", "talks", "train", "--stream", "err") == b"err 1\n"
    both = talks.printed("logs", "talks", "train")
    assert sorted(both.splitlines()) == sorted([*OUT.splitlines(), b"err 1"])


def test_only_the_last_lines(talks: CommandLine) -> None:
    shown = talks.json("logs", "talks", "train", "--stream", "out", "-n", "3")
    assert [line["text"] for line in shown["lines"]] == [
        "out 3",
        "\x1b[31mred\x1b[0m \x07",
        "10%\r100%",
    ]
    assert (shown["stage"], shown["attempt"]) == ("train", 1)
    assert talks.json("logs", "talks", "train", "-n", "0")["lines"] == []
    assert len(talks.json("logs", "talks", "train", "-n", "100")["lines"]) == 6


def test_a_number_that_is_too_large_is_bad_usage(talks: CommandLine) -> None:
    for command in (["logs", "talks", "train"], ["ls"], ["events"]):
        done = talks(*command, "-n", "9" * 20)
        assert done.code == 2
        assert done.err == f"a number is too large; see `trainui {command[0]} --help`\n"


def test_a_line_has_its_stream_and_time(talks: CommandLine) -> None:
    run = talks.json("show", "talks")
    lines = talks.json("logs", "talks", "train")["lines"]
    assert {line["stream"] for line in lines} == {"out", "err"}
    for line in lines:
        assert run["started_at"] <= line["time"] <= run["completed_at"][:-8] + "9.999999Z"


def test_an_attempt_that_was_never_made_is_3(talks: CommandLine) -> None:
    done = talks("logs", "talks", "train", "--attempt", "2", "--json")
    assert (done.code, done.error()) == (3, "not_found")
    assert talks("logs", "talks", "train", "--attempt", "1").code == 0


def test_a_stage_that_never_started_says_so(served: CommandLine) -> None:
    served.run(
        'name: unstarted\nstages:\n  - {name: a, run: "false"}\n'
        '  - {name: b, run: "true", depends_on: [a]}\n',
        name="unstarted.yaml",
        code=1,
    )
    done = served("logs", "unstarted", "b")
    assert (done.code, done.out) == (0, "")
    assert "a failed" in done.err


def test_the_only_stage_of_a_run_need_not_be_named(talks: CommandLine) -> None:
    assert talks.printed("logs", "talks", "--stream", "out") == OUT
    assert talks.json("logs", "talks")["stage"] == "train"


SWEEP = """\
name: sweep
stages:
  - name: train
    matrix: {lr: [1, 2]}
    run: ["printf", "lr ${matrix.lr}"]
  - {name: after, run: "true", depends_on: [train]}
"""


def test_the_name_of_a_sweep_means_all_members(served: CommandLine) -> None:
    served.run(SWEEP, name="sweep.yaml")
    both = b"==> train[lr=1] <==\nlr 1\n\n==> train[lr=2] <==\nlr 2"
    assert served.printed("logs", "sweep", "train") == both
    assert sorted(served.printed("logs", "sweep", "train", "-f").split()) == sorted(both.split())
    assert served.printed("logs", "sweep", "lr=2") == b"lr 2"
    lines = served.json("logs", "sweep", "train")["lines"]
    assert [(line["stage"], line["attempt"], line["text"]) for line in lines] == [
        ("train[lr=1]", 1, "lr 1"),
        ("train[lr=2]", 1, "lr 2"),
    ]
    unclear = served("logs", "sweep")
    assert unclear.code == 2
    assert "sweep has several stages; name one of them: train, after" in unclear.err


GROWS = """\
name: {name}
stages:
  - name: train
    run: |
      echo first
      while ! test -e {name}.go; do sleep 0.05; done
      echo last >&2
      printf unfinished
"""


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_a_growing_log_is_followed_to_the_stages_end(served: CommandLine, as_json: bool) -> None:
    name = f"grows-{as_json}"
    served.write(f"{name}.yaml", GROWS.format(name=name))
    assert served("run", f"{name}.yaml", "--detach").code == 0
    following = served.start("logs", name, "train", "-f", *(["--json"] if as_json else []))
    assert following.stdout is not None
    assert "first" in following.stdout.readline()
    assert following.poll() is None
    served.write(f"{name}.go", "")
    rest, _err = following.communicate(timeout=30)
    assert following.returncode == 0
    if as_json:
        lines = [json.loads(line) for line in rest.splitlines()]
        assert {(line["stream"], line["text"]) for line in lines} == {
            ("err", "last"),
            ("out", "unfinished"),
        }
        assert {(line["stage"], line["attempt"]) for line in lines} == {("train", 1)}
    else:
        assert sorted(rest.replace("unfinished", "unfinished\n").split()) == ["last", "unfinished"]


def test_following_continues_into_the_next_attempt(served: CommandLine) -> None:
    served.write(
        "tries.yaml",
        "name: tries\nstages:\n"
        '  - {name: train, run: "echo attempt $TRAINUI_ATTEMPT; test $TRAINUI_ATTEMPT = 3",'
        " retries: 3}\n",
    )
    assert served("run", "tries.yaml", "--detach").code == 0
    followed = served("logs", "tries", "train", "-f").out.splitlines()
    assert followed[-1] == "attempt 3"
    assert followed == sorted(followed)


MEASURES = """\
name: measures
stages:
  - name: train
    matrix: {k: [1, 2]}
    run:
      - python
      - -c
      - |
        import json, os
        with open(os.environ["TRAINUI_METRICS_FILE"], "a") as file:
            for step, loss in enumerate([3.0, float("nan"), float("-inf"), 1.5]):
                print(json.dumps({"step": step, "loss": loss, "lr": 0.1}), file=file)
"""
SERIES_KEYS = [
    "stage",
    "name",
    "count",
    "superseded",
    "first_step",
    "last_step",
    "last",
    "min",
    "max",
    "nonfinite",
]


def test_metrics_are_complete_straight_after_the_wait(served: CommandLine) -> None:
    served.run(MEASURES, name="measures.yaml")
    series = served.json("metrics", "measures")["series"]
    assert all(list(one) == SERIES_KEYS for one in series)
    loss: Any = next(one for one in series if one["name"] == "loss")
    assert loss == {
        "stage": "train[k=1]",
        "name": "loss",
        "count": 4,
        "superseded": 0,
        "first_step": 0,
        "last_step": 3,
        "last": 1.5,
        "min": 1.5,
        "max": 3.0,
        "nonfinite": 2,
    }
    assert {one["stage"] for one in served.json("metrics", "measures", "k=2")["series"]} == {
        "train[k=2]"
    }
    assert "loss" in served("metrics", "measures").out

    points = [
        json.loads(line)
        for line in served("metrics", "measures", "--points").out.split("\n")
        if line
    ]
    assert all(
        list(point) == ["stage", "name", "attempt", "step", "value", "time"] for point in points
    )
    assert [
        point["value"]
        for point in points
        if (point["stage"], point["name"]) == ("train[k=1]", "loss")
    ] == [3.0, "nan", "-inf", 1.5]


def test_a_log_that_nobody_wrote_is_empty(served: CommandLine) -> None:
    served.run('name: silent\nstages: [{name: a, run: "true"}]\n', name="silent.yaml")
    assert served("logs", "silent", "a").out == ""
    log = Path(served.json("show", "silent")["stages"][0]["attempts"][0]["stdout"])
    wait_for(log.exists)
    assert served.json("metrics", "silent") == {"series": [], "problems": []}


WRONG = """\
name: wrong
stages:
  - {name: lost, run: "true", metrics: lost.csv}
  - name: train
    run: echo '{"loss":1}' >> $TRAINUI_METRICS_FILE; echo words > notes.txt
    metrics: {path: notes.txt, format: jsonl}
"""


def test_metrics_say_what_is_wrong_with_a_source(served: CommandLine) -> None:
    served.run(WRONG, name="wrong.yaml")
    told = served("metrics", "wrong", "--json")
    lost, unread = json.loads(told.out)["problems"]
    assert (lost["stage"], lost["source"]) == ("lost", "lost.csv")
    assert lost["message"].startswith("no file matches lost.csv")
    assert unread["stage"] == "train"
    assert unread["source"].endswith("notes.txt")
    assert unread["message"].endswith("notes.txt has no record that could be read")
    lines = [f"! {one['stage']}: {one['message']}" for one in (lost, unread)]
    assert told.err.splitlines() == lines
    shown = served("metrics", "wrong", "train")
    assert "loss" in shown.out
    assert shown.err.splitlines() == lines[1:]
    assert served("metrics", "wrong", "--points").err.splitlines() == lines
