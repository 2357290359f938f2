"""The Celery app's settings, by their effect where that can be seen without a broker."""

from __future__ import annotations

from pathlib import Path

import pytest
from kombu.exceptions import OperationalError

from trainui.errors import UsageError
from trainui.execution.worker.celery_app import create_app, publishing_connection
from trainui.paths import Home
from trainui.settings import Settings


def test_stages_of_days_are_neither_lost_nor_run_twice(tmp_path: Path) -> None:
    conf = create_app(Home(tmp_path), Settings()).conf
    assert not conf.task_acks_late
    assert not conf.task_reject_on_worker_lost
    assert conf.worker_disable_prefetch
    assert conf.worker_prefetch_multiplier == 1
    assert conf.task_ignore_result
    assert conf.result_backend is None
    assert not conf.worker_cancel_long_running_tasks_on_connection_loss
    assert conf.broker_connection_retry_on_startup
    assert conf.broker_connection_max_retries is None
    assert conf.broker_transport_options["ack_emulation"] is False
    assert conf.accept_content == ["json"]


def test_a_users_modules_are_included(tmp_path: Path) -> None:
    app = create_app(Home(tmp_path), Settings(include=("mine", "yours")))
    assert app.conf.include == ["trainui.execution.worker.task", "mine", "yours"]


def test_a_broker_of_no_use_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        create_app(Home(tmp_path), Settings(broker_url="amqp://host"))


def test_publishing_with_no_broker_waits_for_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = create_app(Home(tmp_path), Settings())
    pauses: list[float] = []
    monkeypatch.setattr("kombu.utils.functional.sleep", pauses.append)
    with publishing_connection(app) as connection, pytest.raises(OperationalError):
        app.send_task("some.task", connection=connection, retry=False)
    assert not pauses


def test_a_lost_broker_is_sought_again_within_seconds(tmp_path: Path) -> None:
    app = create_app(Home(tmp_path), Settings())
    pauses: list[float] = []

    class EnoughError(Exception):
        pass

    def note(_error: Exception, pause: float) -> None:
        pauses.append(pause)
        if pause >= 2.0:
            raise EnoughError

    with app.connection_for_read() as connection, pytest.MonkeyPatch.context() as patch:
        patch.setattr("kombu.utils.functional.sleep", lambda _: None)
        with pytest.raises(EnoughError):
            connection.ensure_connection(note, None)
    assert pauses[0] == pytest.approx(0.2)
    assert max(pauses) == pytest.approx(2.0)
