"""A setting comes from the environment, else from config.toml, and a wrong one says where it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainui import settings
from trainui.errors import UsageError


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    file = tmp_path / "trainui" / "config.toml"
    file.parent.mkdir()
    return file


def test_the_environment_goes_before_the_file(config: Path) -> None:
    config.write_text('cpus = 3\nnotify_command = "mail"\n')
    loaded = settings.load({"TRAINUI_CPUS": "5"})
    assert (loaded.cpus, loaded.notify_command) == (5, "mail")


def test_lists_and_tables_are_read_from_both(config: Path) -> None:
    config.write_text('allowed_dataset_dirs = ["/data"]\n[keys]\nquit = "Q"\n')
    assert settings.load({}).allowed_dataset_dirs == ("/data",)
    assert settings.load({}).keys == {"quit": "Q"}
    given = {"TRAINUI_ALLOWED_DATASET_DIRS": '["~/a", "b"]', "TRAINUI_GPUS": "0,2"}
    assert settings.load(given).allowed_dataset_dirs == ("~/a", "b")
    assert settings.load(given).gpus == (0, 2)


def test_limits_for_agents_are_a_table(config: Path) -> None:
    assert settings.load({}).agent_limits == settings.AgentLimits(None, rm=True, others=True)
    config.write_text("[agent_limits]\nruns = 2\nrm = false\n")
    assert settings.load({}).agent_limits == settings.AgentLimits(2, rm=False, others=True)
    for wrong in ("runs = 0", "nope = 1", 'rm = "maybe"'):
        config.write_text(f"[agent_limits]\n{wrong}\n")
        with pytest.raises(UsageError, match="agent_limits: expected a JSON object"):
            settings.load({})


@pytest.mark.parametrize(
    ("written", "seconds"), [('"never"', 0.0), ("600", 600.0), ('"90"', 90.0), ('"2m"', 120.0)]
)
def test_a_limit_of_silence_may_be_never(config: Path, written: str, seconds: float) -> None:
    assert settings.load({}).stall_after == 300.0
    config.write_text(f"stall_after = {written}\n")
    assert settings.load({}).stall_after == seconds


def test_a_byte_order_mark_is_no_part_of_the_file(config: Path) -> None:
    config.write_bytes(b"\xef\xbb\xbfcpus = 3\r\n")
    assert settings.load({}).cpus == 3


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"TRAINUI_CPUS": "0"}, "TRAINUI_CPUS: expected a whole number of at least 1"),
        ({"TRAINUI_CPUS": "10001"}, "at most 10000, found '10001'"),
        ({"TRAINUI_ALLOWED_DATASET_DIRS": "~/a"}, "TRAINUI_ALLOWED_DATASET_DIRS: expected a JSON"),
        ({"TRAINUI_STALL_AFTER": "0"}, "TRAINUI_STALL_AFTER: expected a duration .* or never"),
        ({"TRAINUI_STALL_AFTER": "nan"}, "TRAINUI_STALL_AFTER: expected a duration"),
        ({"TRAINUI_GPUS": "all"}, "TRAINUI_GPUS: expected indices of GPUs"),
        (
            {"TRAINUI_NOTIFY_DIGEST": "8am"},
            'NOTIFY_DIGEST: expected a time of day, such as "08:00"',
        ),
        ({"TRAINUI_NOTIFY_DIGEST": "24:00"}, "found '24:00'"),
        ({"TRAINUI_DATABASE_URL": "mysql://x"}, "expected a URL such as postgresql://"),
    ],
)
def test_a_wrong_value_is_named(config: Path, environ: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        settings.load(environ)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cpu = 3", "unknown setting 'cpu'"),
        ('cpus = "many"', r"config\.toml: cpus: expected a whole number"),
        ("cpus = ", "cannot be read as TOML"),
    ],
)
def test_a_broken_file_is_named(config: Path, text: str, words: str) -> None:
    config.write_text(text)
    with pytest.raises(UsageError, match=words):
        settings.load({})
