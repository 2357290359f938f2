"""The digest of trainings that really failed, each by a cause of its own."""

from __future__ import annotations

import json
import shlex
import sys

from tests.acceptance.command_line import CommandLine

CAUSES = {
    "host_oom": (
        "import resource as r; r.setrlimit(r.RLIMIT_AS, (1 << 29,) * 2); bytearray(1 << 33)"
    ),
    "disk_full": "open('/dev/full', 'w').write('checkpoint' * 1000)",
    "module_not_found": "import flash_attention_9",
    "data_key_missing": "batch = {'images': 1}; batch['labels']",
    "file_not_found": "open('data/train.csv')",
    "port_in_use": (
        "import socket; a = socket.create_server(('127.0.0.1', 0)); "
        "socket.create_server(a.getsockname())"
    ),
    "nan_loss": "loss = float('nan'); assert loss == loss, f'loss is {loss} at step 7'",
    "env_variable_missing": "import os; os.environ['DATA_ROOT']",
    "cli_argument": (
        "import argparse, sys; p = argparse.ArgumentParser(); p.add_argument('--lr', type=float); "
        "p.parse_args(['--lr', 'fast'])"
    ),
}
BY_SHELL = {
    "command_not_found": "trainx --lr 0.1",
    "time_limit": "timeout 0.2 sleep 60",
    "interrupted": "kill -INT $$",
}


def test_each_failure_of_a_night_has_its_cause_and_command(served: CommandLine) -> None:
    stages = [
        {"name": cause, "run": [sys.executable, "-S", "-c", code]} for cause, code in CAUSES.items()
    ]
    stages += [{"name": cause, "run": line} for cause, line in BY_SHELL.items()]
    stages.append({"name": "train", "run": "echo step 1 loss 0.5"})
    (served.directory / "night.yaml").write_text(json.dumps({"name": "night", "stages": stages}))
    done = served("run", "night.yaml", "--wait")
    assert done.code == 1
    found = served.json("digest", "--since", "1h")
    trouble = {one["stage"]: one for one in found["trouble"]}
    ids = {stage: one["cause"] and one["cause"]["id"] for stage, one in trouble.items()}
    assert ids == {cause: cause for cause in (*CAUSES, *BY_SHELL)}
    shown = {one["name"]: one for one in served.json("show", "night")["stages"]}
    for stage, one in trouble.items():
        last = shown[stage]["attempts"][-1]
        assert one["cause"] == last["cause"]
        assert one["since"] == last["completed_at"]
        assert one["suggestion"]["text"]
    (command,) = {one["suggestion"]["command"] for one in trouble.values()}
    assert served(*shlex.split(command)[1:], "--dry-run").code == 0
    (ended,) = [one for one in found["ended"] if one["name"] == "night"]
    assert ended["stages"] == {"failed": len(trouble), "completed": 1}
