"""A file that was edited after its run: nothing reused silently, nothing run again silently."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pexpect
import pytest

from tests.acceptance.command_line import COMMAND, CommandLine, stage_of, states_of
from tests.acceptance.test_cli_resume import executed

THREE = """\
name: {name}
stages:
  - {{name: a, run: "echo a >> ledger"}}
  - {{name: b, run: "{b}", depends_on: [a]}}
  - {{name: c, run: "echo c >> ledger", depends_on: [b]}}
"""

GOOD = "echo b >> ledger"


def text(name: str, b: str = GOOD) -> str:
    return THREE.format(name=name, b=b)


def planned(served: CommandLine, *arguments: str) -> dict[str, tuple[str, str]]:
    plan = served.json("resume", *arguments, "--dry-run")
    return {stage["name"]: (stage["action"], stage["reason"]) for stage in plan["stages"]}


def test_the_edited_file_is_the_default_and_must_be_said(served: CommandLine) -> None:
    served.run(text("mended", "exit 3"), name="mended.yaml", code=1)
    executed(served)
    file = served.write("mended.yaml", text("mended"))
    plan = served("resume", "mended", "--dry-run")
    assert "mended.yaml has changed since this run" in plan.err
    assert "+  - {name: b" in plan.out
    reason = "failed: exit code 3; command changed: exit 3 -> echo b >> ledger; its directory stays"
    assert planned(served, "mended")["b"] == ("run", reason)
    refused = served("resume", "mended", "--json")
    assert (refused.code, refused.error()) == (2, "usage")
    assert f"--file {file}" in refused.err
    assert "--as-submitted" in refused.err
    assert executed(served) == {}
    again = served.json("resume", "mended", "--as-submitted", code=1)
    assert stage_of(again, "b")["exit_code"] == 3
    shown = served.json("resume", "mended", "--file", "mended.yaml")
    assert executed(served) == {"b": 1, "c": 1}
    assert set(states_of(shown).values()) == {"completed"}
    assert served("resume", "mended").code == 0  # the file is as the run has it


def test_on_a_terminal_the_difference_is_shown_and_asked(served: CommandLine) -> None:
    served.run(text("asked", "exit 3"), name="asked.yaml", code=1)
    executed(served)
    served.write("asked.yaml", text("asked"))
    ctrl_c, both = "\x03", {"b": 1, "c": 1}
    for answer, code, word, done in (
        ("n", 1, "nothing was done", {}),
        (ctrl_c, 130, "stopped; nothing was resumed", {}),
        ("s", 0, "resumed: b", {}),
        ("y", 0, "resumed: b", both),
    ):
        terminal = pexpect.spawn(
            COMMAND[0],
            [*COMMAND[1:], "resume", "asked", "--detach"],
            cwd=str(served.directory),
            env={**served.environ, "TERM": "xterm"},
            encoding="utf-8",
            timeout=60,
        )
        terminal.expect_exact("\x1b[32m+  - {name: b")
        terminal.expect("was|command changed")
        terminal.expect_exact("[n]othing")
        terminal.sendline(answer)
        terminal.expect_exact(word)
        terminal.expect(pexpect.EOF)
        terminal.close()
        assert terminal.exitstatus == code
        if code == 0:
            served("wait", "asked")
        assert executed(served) == done


def test_an_edit_that_says_the_same_is_no_question(served: CommandLine) -> None:
    served.run(text("commented", "exit 3"), name="commented.yaml", code=1)
    served.write("commented.yaml", "# a word\n" + text("commented", "exit 3"))
    assert served("resume", "commented").code == 1


def test_a_file_with_errors_changes_nothing(served: CommandLine) -> None:
    before = served.run(text("broken", "exit 3"), name="broken.yaml", code=1)
    served.write("broken.yaml", text("broken") + "  - {name: d, rnu: x}\n")
    for arguments in (["--dry-run"], [], ["--file", "broken.yaml"]):
        done = served("resume", "broken", *arguments)
        assert done.code == 2
        assert "broken.yaml:6:" in done.err
        assert "rnu" in done.err
    assert served.json("show", "broken") == before


def test_a_changed_stage_may_be_kept(served: CommandLine) -> None:
    served.run(text("kept"), name="kept.yaml")
    executed(served)
    served.write("kept.yaml", text("kept", GOOD + "; true"))
    assert planned(served, "kept")["c"] == ("run", "upstream b runs again")
    kept = planned(served, "kept", "--keep", "b")
    assert kept["b"] == (
        "skip",
        "kept (you chose this; command changed: + ; true)".replace("+ ;", "ledger -> ledger;"),
    )
    assert kept["c"] == ("skip", "completed")
    served("resume", "kept", "--file", "kept.yaml", "--keep", "b", "--detach")
    assert planned(served, "kept")["b"] == ("skip", "completed")  # it is on record
    assert served.json("show", "kept")["stages"][1]["command"] == GOOD  # as it ran
    assert executed(served) == {}
    served.write("kept.yaml", text("kept", GOOD + "; false || true"))
    assert planned(served, "kept")["b"][0] == "run"


def test_stages_may_go_and_come_back(served: CommandLine) -> None:
    served.run(text("fewer", "exit 3"), name="fewer.yaml", code=1)
    executed(served)
    less = 'name: fewer\nstages:\n  - {name: a, run: "echo a >> ledger"}\n'
    served.write("fewer.yaml", less + '  - {name: c, run: "echo c >> ledger", depends_on: [a]}\n')
    plan = planned(served, "fewer")
    assert plan["b"] == ("skip", "no longer in the pipeline file")
    assert plan["c"][0] == "run"
    shown = served.json("resume", "fewer", "--file", "fewer.yaml")
    assert states_of(shown) == {"a": "completed", "c": "completed", "b": "skipped"}
    assert shown["status"] == "completed"
    assert len(stage_of(shown, "b")["attempts"]) == 1
    assert executed(served) == {"c": 1}
    assert served("resume", "fewer").code == 0  # it does not run again by that
    assert served("rerun", "fewer", "b").code == 2
    served.write("fewer.yaml", text("fewer"))
    shown = served.json("resume", "fewer", "--file", "fewer.yaml")
    assert set(states_of(shown).values()) == {"completed"}
    assert [attempt["number"] for attempt in stage_of(shown, "b")["attempts"]] == [1, 2]
    assert executed(served) == {"b": 1, "c": 1}


SWEEP = """\
name: sweep
stages:
  - {{name: t, matrix: {{lr: [{lrs}]}}, run: "echo $TRAINUI_STAGE >> ledger"}}
  - {{name: e, run: "echo e >> ledger", depends_on: [t]}}
"""


def test_members_of_a_matrix_are_distinguished_by_their_values(served: CommandLine) -> None:
    served.run(SWEEP.format(lrs="1, 2"), name="sweep.yaml")
    executed(served)
    served.write("sweep.yaml", SWEEP.format(lrs="2, 3"))
    assert planned(served, "sweep") == {
        "t[lr=2]": ("skip", "completed"),
        "t[lr=3]": ("run", "is new"),
        "e": ("run", "depends_on changed: + t[lr=3], - t[lr=1]; upstream t[lr=3] runs"),
        "t[lr=1]": ("skip", "no longer in the pipeline file"),
    }
    served.json("resume", "sweep", "--file", "sweep.yaml")
    assert executed(served) == {"t[lr=3]": 1, "e": 1}


INPUT = """\
name: input
stages:
  - {name: a, run: "cat data.csv >> ledger", inputs: [data.csv]}
  - {name: b, run: "echo b >> ledger", depends_on: [a]}
"""


def test_changed_inputs_and_upstreams_that_ran_again_are_seen(served: CommandLine) -> None:
    data = served.write("data.csv", "one\n")
    served.run(INPUT, name="input.yaml")
    assert executed(served) == {"one": 1, "b": 1}
    data.touch()
    assert planned(served, "input")["a"] == ("skip", "completed")
    data.write_text("second\n")
    assert planned(served, "input")["a"] == ("run", "input data.csv changed: 4 -> 7 bytes")
    served("rerun", "input", "a")
    served("wait", "input")
    assert executed(served) == {"second": 1}
    assert planned(served, "input") == {
        "a": ("skip", "completed"),
        "b": ("run", "upstream a ran again"),
    }
    served.json("resume", "input")
    assert executed(served) == {"b": 1}
    assert planned(served, "input")["b"] == ("skip", "completed")


@pytest.mark.usefixtures("only_on_sqlite")
def test_an_upgrade_runs_nothing_again(served: CommandLine) -> None:
    """The record of a trainui that knew fewer fields, and filled in the command otherwise."""
    served.run(text("older"), name="older.yaml")
    executed(served)
    with closing(sqlite3.connect(served.home / "trainui.db")) as database:
        [run_id] = database.execute("SELECT id FROM runs WHERE name = 'older'").fetchone()
        for name, command in (("a", "'echo' a >> ledger"), ("b", GOOD), ("c", "echo c  >> ledger")):
            older = f'{{"name": "{name}", "command": "{command}", "workdir": "{served.directory}"'
            older += f', "depends_on": {({"b": ["a"], "c": ["b"]}).get(name, [])}'.replace("'", '"')
            database.execute(
                "UPDATE stages SET definition_json = ? WHERE run_id = ? AND name = ?",
                (older + ', "allow_failure": false}', run_id, name),
            )
        database.commit()
    assert {action for action, _ in planned(served, "older").values()} == {"skip"}
    served.write("older.yaml", text("older", "echo other >> ledger"))
    assert planned(served, "older") == {
        "a": ("skip", "completed"),
        "b": ("run", "command changed: b -> other"),
        "c": ("run", "upstream b runs again"),
    }


@pytest.mark.usefixtures("only_on_sqlite")
def test_each_attempts_definition_stays_on_record(served: CommandLine) -> None:
    served.run(text("history", "exit 3"), name="history.yaml", code=1)
    served.write("history.yaml", text("history"))
    served.json("resume", "history", "--file", "history.yaml")
    directory = Path(served("path", "history").out.strip())
    assert (directory / "pipeline~1.yaml").read_text() == text("history", "exit 3")
    assert (directory / "pipeline.yaml").read_text() == text("history")
    with closing(sqlite3.connect(served.home / "trainui.db")) as database:
        found = database.execute(
            "SELECT json_extract(attempts.definition_json, '$.command'), pipelines.text "
            "FROM attempts JOIN stages ON stages.id = stage_id JOIN runs ON runs.id = run_id "
            "LEFT JOIN pipelines ON pipelines.digest = attempts.digest "
            "WHERE runs.name = 'history' AND stages.name = 'b' ORDER BY number"
        ).fetchall()
    assert found == [("exit 3", text("history", "exit 3")), (None, None)]


SECRET = """\
name: secret
params: {access_token: 512000, api_key: key-of-before}
stages:
  - name: a
    run: [env, API_TOKEN=token-of-before, echo, "${params.access_token}", "${params.api_key}"]
"""


def test_an_edited_secret_is_noticed_and_never_shown(served: CommandLine) -> None:
    served.run(SECRET, name="secret.yaml")
    edited = SECRET.replace("512000", "1024000").replace("before", "later")
    served.write("secret.yaml", edited)
    plan = served("resume", "secret", "--dry-run")
    assert "command changed" in plan.out
    for value in ("512000", "1024000", "key-of", "token-of"):
        assert value not in plan.out + plan.err
    # left out now, and not forgotten
    served.write("secret.yaml", edited + '  - {name: b, run: "true"}\n')
    served("resume", "secret", "--file", "secret.yaml", "--until", "b", "--wait")
    changed = ("run", "command changed: a secret value")
    assert planned(served, "secret")["a"] == changed
    # what a person keeps is not taken for what yet another edit makes of it
    served("resume", "secret", "--keep", "a", "--wait")
    assert planned(served, "secret")["a"][0] == "skip"
    served.write("secret.yaml", edited.replace("later", "last") + '  - {name: b, run: "true"}\n')
    served("resume", "secret", "--file", "secret.yaml", "--until", "b", "--wait")
    assert planned(served, "secret")["a"] == changed
