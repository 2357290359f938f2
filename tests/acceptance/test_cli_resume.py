"""Resume and rerun from the command line: nothing done is done twice, nothing else is left out."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.acceptance.command_line import CommandLine, stage_of, states_of
from tests.unit.supervisor.waiting import wait_for
from trainui import paths
from trainui.resume import code_version
from trainui.resume.code_version import EnvironmentDifference

PLAN_KEYS = ["name", "action", "reason", "checkpoint", "step", "seconds", "gpu_seconds_saved"]

DIAMOND = """\
name: {name}
defaults:
  run: echo $TRAINUI_STAGE >> ledger; test $TRAINUI_STAGE != b || test -e {name}.mended
stages:
  - name: a
  - {{name: b, depends_on: [a]}}
  - {{name: c, depends_on: [a]}}
  - {{name: d, depends_on: [b, c]}}
"""


def executed(served: CommandLine) -> Counter[str]:
    """How often each stage was executed since the last look."""
    ledger = served.directory / "ledger"
    words = ledger.read_text().split() if ledger.exists() else []
    ledger.unlink(missing_ok=True)
    return Counter(words)


def fail(served: CommandLine, name: str) -> None:
    """Run the diamond, whose stage `b` fails."""
    executed(served)
    shown = served.run(DIAMOND.format(name=name), name=f"{name}.yaml", code=1)
    assert states_of(shown) == {"a": "completed", "b": "failed", "c": "completed", "d": "blocked"}
    assert executed(served) == {"a": 1, "b": 1, "c": 1}


def mend(served: CommandLine, name: str) -> None:
    served.write(f"{name}.mended", "")


def test_the_plan_is_shown_before_anything_is_done(served: CommandLine) -> None:
    fail(served, "planned")
    plan = served.json("resume", "planned", "--dry-run")
    assert list(plan) == ["stages", "diff"]
    assert plan["diff"] is None
    assert all(list(stage) == PLAN_KEYS for stage in plan["stages"])
    actions = {stage["name"]: stage["action"] for stage in plan["stages"]}
    assert actions == {"a": "skip", "b": "run", "c": "skip", "d": "run"}
    assert stage_of(plan, "a")["seconds"] > 0
    assert stage_of(plan, "b")["seconds"] is None
    assert executed(served) == {}
    shown = served("resume", "planned", "--dry-run").out
    assert shown.splitlines()[0].split()[:3] == ["STAGE", "ACTION", "TIME"]


def test_only_what_is_not_done_runs_again(served: CommandLine) -> None:
    fail(served, "resumed")
    before = served.json("show", "resumed")
    mend(served, "resumed")
    done = served("resume", "resumed", "--json")
    assert done.code == 0
    assert executed(served) == {"b": 1, "d": 1}
    after = done.json()
    assert stage_of(after, "a") == stage_of(before, "a")
    numbers = [attempt["number"] for attempt in stage_of(after, "b")["attempts"]]
    statuses = [attempt["status"] for attempt in stage_of(after, "b")["attempts"]]
    assert (numbers, statuses) == ([1, 2], ["failed", "completed"])
    nothing = served("resume", "resumed")
    assert nothing.code == 0
    assert "nothing to resume" in nothing.err
    assert executed(served) == {}


def test_until_a_stage_and_the_rest_later(served: CommandLine) -> None:
    fail(served, "until")
    mend(served, "until")
    first = served.json("resume", "until", "--until", "b", "--wait")
    assert states_of(first) == {
        "a": "completed",
        "b": "completed",
        "c": "completed",
        "d": "skipped",
    }
    assert first["status"] == "completed"
    assert executed(served) == {"b": 1}
    rest = served.json("resume", "until", "--wait")
    assert states_of(rest)["d"] == "completed"
    assert executed(served) == {"d": 1}


def test_a_failure_is_not_skipped_where_nothing_remains(
    served: CommandLine,
) -> None:
    fail(served, "kept")
    shown = served.json("resume", "kept", "--until", "a")
    assert states_of(shown)["b"] == "failed"


UNDECLARED = """\
name: undeclared
stages:
  - name: train
    run: |
      mkdir -p out/checkpoint-40
      echo $TRAINUI_ATTEMPT > out/checkpoint-40/state
      kill -9 $$
    retries: 1
"""


def test_a_checkpoint_that_no_field_declares_is_named_and_kept(served: CommandLine) -> None:
    shown = served.run(UNDECLARED, name="undeclared.yaml", code=1)
    written = served.directory / "out" / "checkpoint-40"
    first, second = (Path(one["stdout"]).parent for one in stage_of(shown, "train")["attempts"])
    assert (written / "state").read_text() == "2\n"
    assert (first / "kept" / "checkpoint-40" / "state").read_text() == "1\n"
    for command in (("show", "undeclared"), ("resume", "undeclared", "--dry-run")):
        assert f"{written} looks like a checkpoint" in served(*command).out
        assert 'checkpoint: "out/checkpoint-*"' in served(*command).out
    assert str(written) in served("rerun", "undeclared").err
    served("wait", "undeclared")
    assert (second / "kept" / "checkpoint-40" / "state").read_text() == "2\n"
    declared = UNDECLARED.replace("retries: 1", "checkpoint: out/checkpoint-*")
    file = served.write("declared.yaml", declared.replace("kill -9 $$", "true"))
    (planned,) = served.json("resume", "undeclared", "--file", str(file), "--dry-run")["stages"]
    assert (planned["action"], planned["checkpoint"]) == ("continue", str(written))


SHARED = """\
name: shared
stages:
  - name: train
    matrix: {{a: [1, 2]}}
    run: |
      exec > runs/metrics.jsonl
      touch started-${{matrix.a}}
      until test -e {end}; do sleep 0.1; done
      false ${{matrix.a}} --out runs
"""


def test_members_that_write_one_file_are_named(served: CommandLine) -> None:
    end = served.directory / "shared.end"
    (served.directory / "runs").mkdir()
    file = served.write("shared.yaml", SHARED.format(end=end))
    places = f"write to {served.directory / 'runs'}"
    assert places in served("validate", str(file)).err
    assert places in served("run", str(file), "--dry-run").err
    assert places in served("run", str(file), "--detach").err
    name = str(served.directory / "runs" / "metrics.jsonl")
    wait_for(lambda: served("show", "shared").out.count(name) == 2)
    end.touch()
    served("wait", "shared")
    assert served("show", "shared").out.count(name) == 2
    planned = served.json("resume", "shared", "--dry-run")["stages"]
    assert [places in stage["reason"] for stage in planned] == [True, False]


CRAFTED = """\
name: crafted
stages:
  - name: train
    run: [python3, -c, "{program}"]
    checkpoint: '**/ckpt-*'
    retries: 1
    outputs: [ckpt-0]
"""
WRITES_CRAFTED = """\
import os
os.chdir(os.environ['TRAINUI_STAGE_DIR'])
deep = b'[' * 200000
number = os.environ['TRAINUI_ATTEMPT'].encode()
open(b'ckpt-' + number + b'.safetensors', 'wb').write(len(deep).to_bytes(8, 'little') + deep)
open(b'ckpt-' + number + bytes([255]) + b'.json', 'wb').write(b'1')
os.path.exists('ckpt-0') or os.mkfifo('ckpt-0')
os.path.exists('loop') or os.symlink('.', 'loop')
"""


def test_crafted_checkpoints_prevent_neither_a_retry_nor_a_resume(served: CommandLine) -> None:
    program = "; ".join(WRITES_CRAFTED.splitlines())
    shown = served.run(CRAFTED.format(program=program), name="crafted.yaml", code=1)
    (stage,) = shown["stages"]
    assert [one["exit_code"] for one in stage["attempts"]] == [0, 0]
    assert "ckpt-0" in stage["error"]
    (planned,) = served.json("resume", "crafted", "--dry-run")["stages"]
    assert planned["action"] == "run"


def test_a_detached_resume_returns_at_once(served: CommandLine) -> None:
    fail(served, "detached-resume")
    mend(served, "detached-resume")
    assert served.json("resume", "detached-resume", "--detach")["name"] == "detached-resume"
    assert served("wait", "detached-resume").code == 0


CONTINUES = """\
name: continues
stages:
  - name: train
    run: >-
      echo fresh; echo '{"step": 10, "loss": 1.5}' >> $TRAINUI_METRICS_FILE;
      echo '{"step": 8}' > ${stage_dir}/ckpt-1.json; exit 1
    checkpoint: ckpt-*.json
    resume_run: echo from ${checkpoint}
"""


def test_a_stage_continues_from_its_checkpoint_unless_fresh(
    served: CommandLine,
) -> None:
    served.run(CONTINUES, code=1)
    plan = served.json("resume", "continues", "--dry-run")["stages"][0]
    checkpoint = served("path", "continues", "train").out.strip() + "/ckpt-1.json"
    assert (plan["action"], plan["checkpoint"], plan["step"]) == ("continue", checkpoint, 8)
    anew = served.json("resume", "continues", "--fresh", "train", "--dry-run")["stages"][0]
    assert (anew["action"], anew["checkpoint"]) == ("run", None)
    train = served.json("resume", "continues", "--wait")["stages"][0]
    assert train["attempts"][1]["checkpoint"] == checkpoint
    continued = f"train: attempt 2 continued from {checkpoint}"
    assert continued in served("show", "continues").out.splitlines()
    assert served("logs", "continues", "train").out == f"from {checkpoint}\n"
    assert served("logs", "continues", "train", "--attempt", "1").out == "fresh\n"


def test_fresh_keeps_the_old_directory_beside_the_new_one(served: CommandLine) -> None:
    served.run(CONTINUES.replace("name: continues", "name: anew"), code=1)
    directory = Path(served("path", "anew", "train").out.strip())
    shown = served.json("resume", "anew", "--fresh", "train", "--wait", code=1)
    assert (directory / "ckpt-1.json").exists()
    kept = directory.with_name(f"{directory.name}~1")
    assert (kept / "ckpt-1.json").exists()
    first, second = stage_of(shown, "train")["attempts"]
    assert Path(first["stdout"]).read_text() == "fresh\n"
    assert f"/.trainui/{kept.name}/" in first["stdout"]
    assert second["checkpoint"] is None


def test_a_stage_reruns_alone_or_with_its_dependants(served: CommandLine) -> None:
    served.write("again.mended", "")
    served.run(DIAMOND.format(name="again"), name="again.yaml")
    executed(served)
    assert "would rerun: b, d" in served("rerun", "again", "b", "--downstream", "--dry-run").out
    assert executed(served) == {}
    assert served("rerun", "again", "b").code == 0
    assert served("wait", "again").code == 0
    assert executed(served) == {"b": 1}
    assert served.json("rerun", "again", "b", "--downstream")["name"] == "again"
    assert served("wait", "again").code == 0
    assert executed(served) == {"b": 1, "d": 1}
    directory = Path(served("path", "again", "b").out.strip())
    assert directory.with_name("b~2").exists()


READ = """\
name: read
stages:
  - {name: made, run: echo 1}
  - {name: reads, run: "until [ -e read.go ]; do sleep 0.05; done", depends_on: [made]}
"""


def test_a_resume_of_a_run_that_waits_starts_the_worker(served: CommandLine) -> None:
    served("worker", "pause")
    assert served("run", "--name", "waits", "--detach", "--", "true").code == 0
    assert served("worker", "stop").code == 0
    served("worker", "unpause")
    done = served("resume", "waits", "--wait")
    assert (done.code, "nothing to resume: waits is" in done.err) == (0, True), done.err


def test_inputs_of_running_stages_are_reported_as_needed(served: CommandLine) -> None:
    served.write("read.yaml", READ)
    assert served("run", "read.yaml", "--detach").code == 0
    wait_for(lambda: states_of(served.json("show", "read"))["reads"] == "running", "reads")
    done = served("rerun", "read", "made")
    assert (done.code, done.err) == (
        2, "reads is using the outputs of made; wait until reads ends, or cancel it\n",
    )  # fmt: skip
    served.write("read.yaml", READ.replace("echo 1", "echo 2"))
    done = served("resume", "read", "--file", "read.yaml", "--detach")
    assert done.code == 0
    assert "reads is using its outputs" in done.err
    assert "edited; stages that have not started yet use the edits" in done.err
    assert "nothing to resume: read is ● running" in done.err
    served.write("read.go", "")
    assert served("wait", "read").code == 0


def test_an_impossible_rerun_is_refused(served: CommandLine) -> None:
    fail(served, "refused")
    done = served("rerun", "refused", "d", "--json")
    assert (done.code, done.error()) == (2, "usage")
    assert "b failed" in done.err
    assert served("rerun", "refused", "nobody").code == 3


EDITED = """\
name: edited
stages:
  - {{name: a, run: "echo a >> ledger"}}
  - {{name: b, run: "echo {b} >> ledger", depends_on: [a], retries: {retries}}}
  - {{name: c, run: "echo c >> ledger", depends_on: [b]}}
{more}
"""


def test_an_edited_file_runs_again_what_it_changes(served: CommandLine) -> None:
    served.run(EDITED.format(b="b", retries=0, more=""), name="edited.yaml")
    executed(served)
    more = '  - {name: d, run: "echo d >> ledger", depends_on: [a]}'
    served.write("edited.yaml", EDITED.format(b="other", retries=2, more=more))
    plan = served.json("resume", "edited", "--file", "edited.yaml", "--dry-run")
    actions = {stage["name"]: (stage["action"], stage["reason"]) for stage in plan["stages"]}
    assert actions == {
        "a": ("skip", "completed"),
        "b": ("run", "command changed: b -> other"),
        "c": ("run", "upstream b runs again"),
        "d": ("run", "is new"),
    }
    assert '+  - {name: b, run: "echo other >> ledger"' in plan["diff"]
    shown = served.json("resume", "edited", "--file", "edited.yaml", "--wait")
    assert executed(served) == {"other": 1, "c": 1, "d": 1}
    assert set(states_of(shown).values()) == {"completed"}
    directory = Path(served("path", "edited").out.strip())
    assert "other" in (directory / "pipeline.yaml").read_text()
    assert "other" not in (directory / "pipeline~1.yaml").read_text()


def test_policy_alone_runs_nothing_again(served: CommandLine) -> None:
    served.run(
        EDITED.format(b="b", retries=0, more="").replace("edited", "policy"), name="policy.yaml"
    )
    executed(served)
    served.write(
        "policy.yaml", EDITED.format(b="b", retries=2, more="").replace("edited", "policy")
    )
    done = served("resume", "policy", "--file", "policy.yaml")
    assert done.code == 0
    assert "nothing to resume" in done.err
    assert executed(served) == {}


def test_parameters_that_were_given_hold_for_an_edited_file(served: CommandLine) -> None:
    text = 'name: given\nparams: {x: null}\nstages: [{name: a, run: "echo ${params.x}; exit 1"}]\n'
    served.run(text, "-p", "x=five", name="given.yaml", code=1)
    served.write("given.yaml", text.replace("exit 1", "exit 0"))
    served.json("resume", "given", "--file", "given.yaml", "--wait")
    assert served("logs", "given", "a").out == "five\n"


def test_the_environment_stays_unless_it_is_replaced(served: CommandLine) -> None:
    served.write("env.yaml", 'name: env\nstages: [{name: a, run: "echo $WORD; exit 1"}]\n')
    assert served("run", "env.yaml", WORD="first").code == 1
    assert served("resume", "env", WORD="second").code == 1
    assert served("logs", "env", "a").out == "first\n"
    assert served("resume", "env", "--env", WORD="third").code == 1
    assert served("logs", "env", "a").out == "third\n"
    stage_dir = Path(served("path", "env", "a").out.strip())
    first, second, third = (paths.attempt_directory(stage_dir, number) for number in (1, 2, 3))
    assert code_version.environment_difference(first, second) == EnvironmentDifference((), (), ())
    assert code_version.environment_difference(second, third) == EnvironmentDifference(
        ("WORD",), (), ()
    )
    words = b"first", b"second", b"third"
    kept = third / code_version.VARIABLES_FILE
    assert not [word for word in words if word in kept.read_bytes()]


LOSING = """\
name: lost
stages:
  - name: prepare
    run: echo prepare >> ledger; echo x > $TRAINUI_STAGE_DIR/data.npz
    outputs: ["data.*"]
  - name: train
    depends_on: [prepare]
    run: echo train >> ledger; test -e lost.mended; cp ${stages.prepare.dir}/data.npz ${stage_dir}
    outputs: [data.npz]
"""


def test_deleted_outputs_are_made_again_where_something_needs_them(
    served: CommandLine,
) -> None:
    executed(served)
    shown = served.run(LOSING, name="lost.yaml", code=1)
    mend(served, "lost")
    made = Path(stage_of(shown, "prepare")["dir"], "data.npz")
    made.write_bytes(b"")
    plan = served.json("resume", "lost", "--dry-run")
    assert stage_of(plan, "prepare")["reason"] == "its output data.* is now empty"
    made.unlink()
    kept = served.json("resume", "lost", "--keep", "prepare", "--dry-run")
    assert stage_of(kept, "prepare")["action"] == "skip"
    plan = served.json("resume", "lost", "--dry-run")
    assert stage_of(plan, "prepare")["reason"] == "its output data.* no longer exists"
    assert executed(served) == {"prepare": 1, "train": 1}

    assert served("resume", "lost", "--wait").code == 0
    assert executed(served) == {"prepare": 1, "train": 1}
    made.unlink()
    plan = served.json("resume", "lost", "--dry-run")
    assert [one["action"] for one in plan["stages"]] == ["skip", "skip"]
    assert "no stage to run needs" in stage_of(plan, "prepare")["reason"]
