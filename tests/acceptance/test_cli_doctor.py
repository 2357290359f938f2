"""The doctor says of each thing around trainui how it is, and what to do."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from tests.acceptance.command_line import COMMAND, CommandLine
from tests.acceptance.test_cli_terminal import printed
from trainui.errors import install_advice


def finding(findings: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(one for one in findings if one["name"] == name)


def test_too_few_open_files_are_noted(cli: CommandLine) -> None:
    done = subprocess.run(
        ["sh", "-c", f"ulimit -n 300; exec {' '.join(COMMAND)} doctor --json"],
        env=cli.environ,
        cwd=cli.directory,
        capture_output=True,
        text=True,
        check=True,
    )
    limits = finding(json.loads(done.stdout)["findings"], "limits")
    assert limits["level"] == "note"
    assert limits["message"].startswith("300 open files")
    assert "ulimit -n" in limits["advice"]


def test_an_invalid_setting_is_one_problem(cli: CommandLine) -> None:
    done = cli("doctor", "--json", TRAINUI_GPUS="abc")
    findings = json.loads(done.out)["findings"]
    assert done.code == 4
    assert [one["name"] for one in findings if one["level"] == "bad"] == ["configuration"]
    assert "not checked: TRAINUI_GPUS" in finding(findings, "gpus")["message"]


def test_notification_services_are_shown_without_their_addresses(cli: CommandLine) -> None:
    secret = '["ntfy://password@example.org/topic"]'
    found = cli.json("doctor", TRAINUI_NOTIFY_URLS=secret, TRAINUI_NOTIFY_ON='["failed"]')
    told = finding(found["findings"], "notifications")
    assert told["message"] == "by notify_urls: failed"
    assert "password" not in json.dumps(found)


def test_a_digest_that_nothing_can_send_is_noted(cli: CommandLine) -> None:
    found = cli.json("doctor", TRAINUI_NOTIFY_DIGEST="8:00")
    told = finding(found["findings"], "notifications")
    assert (told["level"], "notify_command" in told["advice"]) == ("note", True)


def test_apprise_that_is_not_there_is_noted(cli: CommandLine) -> None:
    code = (
        "import importlib.util as u; real = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'apprise' else real(name, *rest)\n"
        "from trainui.cli.main import run; run()"
    )
    done = subprocess.run(
        [COMMAND[0], "-c", code, "doctor", "--json"],
        env={**cli.environ, "TRAINUI_NOTIFY_URLS": '["ntfy://topic"]'},
        cwd=cli.directory,
        capture_output=True,
        text=True,
        check=True,
    )
    told = finding(json.loads(done.stdout)["findings"], "notifications")
    assert (told["level"], told["advice"]) == ("note", install_advice("notify"))


def test_the_size_and_colours_of_the_terminal_are_passed_on(cli: CommandLine) -> None:
    assert "xterm-256color truecolor, 100x30" in printed(cli, "doctor")
