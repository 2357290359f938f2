"""What happened can be read, and followed as it happens."""

from __future__ import annotations

import json

from tests.acceptance.command_line import CommandLine

HELD = """
    name: {0}
    stages:
      - {{name: first, run: "true"}}
      - {{name: second, run: "while ! test -e {0}.go; do sleep 0.05; done; exit 3",
         depends_on: [first]}}
    """


def test_a_runs_events_are_followed_until_it_is_over(served: CommandLine) -> None:
    served.write("followed.yaml", HELD.format("followed"))
    run_id = served.json("run", "followed.yaml", "--detach")["run"]
    with served.start("events", "followed", "-f", "--json") as follower:
        assert follower.stdout
        seen = [json.loads(follower.stdout.readline())]
        while seen[-1]["text"] != "second started":
            seen.append(json.loads(follower.stdout.readline()))
        served.write("followed.go", "")
        seen += [json.loads(line) for line in follower.stdout]
    assert follower.returncode == 0
    assert seen[0]["kind"] == "submitted"
    assert {event["run"] for event in seen} == {run_id}
    assert [event["id"] for event in seen] == sorted({event["id"] for event in seen})
    told = [event["text"] for event in seen]
    assert "second failed: exit code 3" in told
    assert told[-1] == "run failed"
    assert served.json("events", run_id)["events"] == seen


def test_the_last_events_of_all_runs(served: CommandLine) -> None:
    served.write("one.go", "")
    served.write("two.go", "")
    served.run(HELD.format("one"), code=1)
    served.run(HELD.format("two"), code=1)
    lines = served("events", "-n", "2").out.splitlines()
    assert [line.partition("  ")[2].split("  ")[1] for line in lines] == [
        "second failed: exit code 3",
        "run failed",
    ]
    assert all("two (" in line for line in lines)
    everything = served.json("events")["events"]
    assert {"one", "two"} <= {event["name"] for event in everything}
    assert served("events", "nothing").code == 3
