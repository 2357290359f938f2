"""Edits that avoid a cause, prepared from parameters as people name them."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest

from trainui.plugin import EditFacts, FoundCause, PreparedEdit
from trainui.plugins.causes import catalogue


def facts(params: Mapping[str, Any], **more: Any) -> EditFacts:
    return EditFacts(params=params, command="python train.py", **more)


def cause(name: str) -> FoundCause:
    return FoundCause("it failed", "a line", id=name)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"batch_size": 32}, {"batch_size": 16}),
        ({"bs": "48"}, {"bs": 24}),
        ({"batch-size": "256", "lr": 0.1}, {"batch-size": 128}),
        ({"train.batch_size": 8}, {"train.batch_size": 4}),
        ({"per_device_train_batch_size": 4}, {"per_device_train_batch_size": 2}),
        ({"micro_batch_size": 3}, {"micro_batch_size": 1}),
        ({"batch_size": 32, "accumulate": 2}, {"batch_size": 16, "accumulate": 4}),
        (
            {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 4},
            {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 8},
        ),
        (
            {"trainer.accumulate_grad_batches": 1, "data.bs": 2},
            {"data.bs": 1, "trainer.accumulate_grad_batches": 2},
        ),
    ],
)
def test_a_full_gpu_halves_the_batch_and_doubles_the_accumulation(
    params: dict[str, Any], expected: dict[str, Any]
) -> None:
    edit = catalogue.of_memory(cause("gpu_oom"), facts(params))
    assert edit is not None
    assert edit.params == expected


@pytest.mark.parametrize(
    "params",
    [{}, {"batch_size": 1}, {"batch_size": "auto"}, {"batch_norm": 8}, {"eval_batches": 8}],
)
def test_no_edit_without_a_batch_that_can_be_halved(params: dict[str, Any]) -> None:
    assert catalogue.of_memory(cause("gpu_oom"), facts(params)) is None


def test_other_causes_prepare_no_edit_of_the_batch() -> None:
    assert catalogue.of_memory(cause("disk_full"), facts({"batch_size": 8})) is None
    assert catalogue.of_nan(cause("gpu_oom"), facts({"lr": 0.1})) is None
    assert catalogue.of_port(cause("gpu_oom"), facts({"port": 1})) is None
    assert catalogue.of_host(cause("gpu_oom"), facts({"num_workers": 1})) is None


@pytest.mark.parametrize(
    ("name", "value", "lower"),
    [("lr", 0.5, 0.05), ("learning_rate", "3e-4", 3e-5), ("optim.lr", 1, 0.1), ("max-lr", 50, 5)],
)
def test_nan_lowers_the_learning_rate(name: str, value: Any, lower: float) -> None:
    edit = catalogue.of_nan(cause("nan_loss"), facts({name: value, "lr_decay": 2}))
    assert edit is not None
    assert edit.params == {name: lower}
    assert edit.checkpoint is None


def test_nan_continues_from_the_newest_checkpoint_before_it() -> None:
    known = facts({"lr": 0.1}, checkpoints=("c", "b", "a"), last_good=("b", "a"))
    edit = catalogue.of_nan(cause("nan_loss"), known)
    assert edit is not None
    assert edit.checkpoint == "b"
    late = catalogue.of_nan(cause("nan_loss"), facts({"lr": 0.1}, checkpoints=("c",)))
    assert late is not None
    assert late.checkpoint is None
    assert "--fresh" in late.note


def test_a_port_in_use_is_replaced_by_a_free_one() -> None:
    with socket.socket() as taken, socket.socket() as neighbour:
        taken.bind(("", 0))
        port = taken.getsockname()[1]
        with suppress(OSError):  # if another program has it, it is not free either
            neighbour.bind(("", port + 1))
        edit = catalogue.of_port(cause("port_in_use"), facts({"master_port": port}))
        assert isinstance(edit, PreparedEdit)
        assert edit.params["master_port"] > port + 1


def test_a_full_memory_halves_the_workers() -> None:
    edit = catalogue.of_host(cause("host_oom"), facts({"data.num_workers": "8", "workers": 4}))
    assert edit is not None
    assert edit.params == {"data.num_workers": 4}
    assert catalogue.of_host(cause("host_oom"), facts({"num_workers": 0})) is None
