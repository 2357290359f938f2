"""The fences of `agent_limits`, and the event that each deed of an agent leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.execution.conftest import store as store
from tests.unit.execution.submitted import submit
from trainui import control
from trainui.cli.main import main
from trainui.control import requests
from trainui.errors import AgentLimitError
from trainui.model.states import AGENT
from trainui.store.db.engine import Database
from trainui.store.read import event_feed, views

FILE = "stages: [{name: a, run: 'true'}]"


def limit(monkeypatch: pytest.MonkeyPatch, **limits: Any) -> None:
    monkeypatch.setenv("TRAINUI_AGENT_LIMITS", json.dumps(limits))


@pytest.fixture
def agent(store: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    del store  # which sets the environment first
    monkeypatch.setenv("TRAINUI_AGENT", "1")


@pytest.mark.usefixtures("agent")
def test_each_deed_of_an_agent_is_an_event(store: Database, tmp_path: Path) -> None:
    run = submit(tmp_path, FILE)
    control.cancel(run)
    control.resume(run)
    control.cancel(run)
    control.rerun(run, ["a"])
    with store.read() as connection:
        shown = views.run(connection, run)
        deeds = [data for _, _, data in event_feed.data_of_kind(connection, AGENT, run)]
    assert shown is not None
    assert shown.started_by == "agent"
    assert {one["by"] for one in deeds} == {"agent"}
    kinds = [one["deed"] for one in deeds]
    assert kinds == ["submitted", "cancelled", "resumed", "cancelled", "rerun"]


def test_a_person_leaves_no_such_event(store: Database, tmp_path: Path) -> None:
    run = submit(tmp_path, FILE)
    with store.read() as connection:
        assert event_feed.data_of_kind(connection, AGENT, run) == []
        assert [one.started_by for one in views.runs(connection)] == [None]


@pytest.mark.usefixtures("agent")
def test_the_limit_counts_unfinished_runs_of_agents(
    store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(monkeypatch, runs=1)
    monkeypatch.delenv("TRAINUI_AGENT")
    submit(tmp_path, FILE)
    monkeypatch.setenv("TRAINUI_AGENT", "1")
    first = submit(tmp_path, FILE)
    with pytest.raises(AgentLimitError, match=r"agent_limits\.runs"):
        submit(tmp_path, FILE)
    control.cancel(first)
    second = submit(tmp_path, FILE)
    with pytest.raises(AgentLimitError):
        control.resume(first)
    with store.read() as connection:
        assert len(views.runs(connection)) == 3
    control.cancel(second)
    assert control.resume(first) == ["a"]


@pytest.mark.usefixtures("store")
def test_runs_of_others_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = submit(tmp_path, FILE)
    limit(monkeypatch, others=False)
    monkeypatch.setenv("TRAINUI_AGENT", "1")
    for deed in (
        lambda: control.cancel(run),
        lambda: control.resume(run),
        lambda: control.rerun(run, ["a"]),
        lambda: control.remove(run),
        lambda: control.change_priority(run, 1),
        lambda: control.set_paused(True),
    ):
        with pytest.raises(AgentLimitError, match=r"agent_limits\.others"):
            deed()
    assert main(["worker", "stop", "--json"]) == 4
    error = json.loads(capsys.readouterr().out)["error"]
    assert (error["code"], error["hint"]) == ("agent_limits", None)  # a person is to be asked
    requests.add_note(run, "looks good")
    own = submit(tmp_path, FILE)
    assert control.cancel(own) == ["a"]


def test_deleting_can_be_forbidden(
    store: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = submit(tmp_path, FILE)
    control.cancel(run)
    limit(monkeypatch, rm=False)
    monkeypatch.setenv("TRAINUI_AGENT", "1")
    assert main(["rm", run, "--yes", "--json"]) == 4
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "agent_limits"
    assert "agent_limits.rm" in error["message"]
    assert main(["prune", "--keep", "0", "--older-than", "0s", "--yes", "--json"]) == 4
    assert main(["uninstall", "--yes", "--json"]) == 4
    monkeypatch.delenv("TRAINUI_AGENT")
    with store.read() as connection:
        assert views.run(connection, run) is not None
    control.remove(run)


def test_an_agent_acts_as_what_it_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "_acting", [])
    assert requests.actor() is None
    requests.act_as("mcp")
    assert requests.actor() == "mcp"
