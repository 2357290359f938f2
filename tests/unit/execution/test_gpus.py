"""The machine-wide locks of GPUs, where another user has put something in their way."""

from __future__ import annotations

import os
import pwd
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.security.another_user import as_another_user, needs_root, open_the_way_to
from trainui.execution import gpus
from trainui.execution import gpus as locks_module
from trainui.execution.gpus import Gpu, UnusableLockError
from trainui.supervisor.supervise import open_machine_lock

GPU = Gpu(0, "GPU-aaa1", "H100")
US = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def locks(unshared_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the directory of the locks is to be; nothing is there yet."""
    monkeypatch.setattr(locks_module, "LOCKS", unshared_path / "locks")
    return unshared_path / "locks"


@pytest.fixture
def lock(locks: Path) -> Path:
    """Where the lock of a GPU is to be, in a directory for all users."""
    assert locks_module.make_lock_directory()
    return locks_module.lock_path(GPU.uuid)


def plant_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


def plant_link(path: Path) -> None:
    (path.parent / "elsewhere").touch()
    path.symlink_to("elsewhere")


def plant_second_name(path: Path) -> None:
    path.touch()
    path.with_suffix(".other").hardlink_to(path)


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        (os.mkfifo, "a FIFO"),
        (plant_socket, "a socket"),
        (Path.mkdir, "a directory"),
        (plant_link, "a symbolic link"),
        (plant_second_name, "not a file with one name"),
    ],
)
def test_other_objects_than_locks_count_as_held_by_their_owner(
    lock: Path, plant: Callable[[Path], None], said: str
) -> None:
    plant(lock)
    words = f"unusable lock: {lock} of user {US}: {said}"
    assert locks_module.lock_state(GPU) == locks_module.LockState(held=True, problem=words)
    assert gpus.stranger_on(GPU) == words
    with pytest.raises(UnusableLockError, match=said):
        locks_module.prepare_locks([GPU])
    with pytest.raises(OSError, match=r"symbolic links|No such device|not a file with one name"):
        open_machine_lock(str(lock))


@needs_root
def test_a_lock_that_may_not_be_read_counts_as_held(lock: Path) -> None:
    open_the_way_to(lock)
    lock.touch(0o600)
    words = f"unusable lock: {lock} of user root: Permission denied"
    with as_another_user():
        assert locks_module.lock_state(GPU) == locks_module.LockState(held=True, problem=words)


@needs_root
def test_another_users_readable_lock_is_as_good_as_ours(lock: Path) -> None:
    open_the_way_to(lock)
    lock.touch(0o644)
    with as_another_user():
        descriptor = open_machine_lock(str(lock))
        assert locks_module.lock_state(GPU) == locks_module.LockState(held=False)
    os.close(descriptor)


def test_a_directory_that_is_none_is_named_and_never_used(locks: Path) -> None:
    (locks.parent / "real").mkdir()
    locks.symlink_to("real")
    words = f"unusable lock: {locks} of user {US}: a symbolic link"
    assert locks_module.lock_state(GPU).problem == words
    with pytest.raises(UnusableLockError, match="symbolic link"):
        locks_module.prepare_locks([GPU])
    with pytest.raises(NotADirectoryError):
        open_machine_lock(str(locks_module.lock_path(GPU.uuid)))
    assert not any((locks.parent / "real").iterdir())


@needs_root
@pytest.mark.parametrize(
    ("mode", "said"), [(0o777, "others may remove files in it"), (0o755, "not writable")]
)
def test_a_directory_unsafe_for_locks_is_named_and_not_used(
    locks: Path, mode: int, said: str
) -> None:
    locks.mkdir()
    locks.chmod(mode)
    os.chown(locks, 1, 1)
    open_the_way_to(locks)
    with as_another_user():
        problem = locks_module.lock_state(GPU).problem
        with pytest.raises(UnusableLockError, match=said):
            locks_module.prepare_locks([GPU])
    assert problem == f"unusable lock: {locks} of user {pwd.getpwuid(1).pw_name}: {said}"


@needs_root
def test_users_who_may_remove_locks_are_named(locks: Path) -> None:
    open_the_way_to(locks)
    locks.parent.chmod(0o777)
    with as_another_user():
        assert locks_module.make_lock_directory()
    assert locks_module.lock_state(GPU) == locks_module.LockState(held=False)
    assert locks_module.foreign_lock_owner() == pwd.getpwuid(locks.stat().st_uid).pw_name
    os.chown(locks, 0, 0)
    assert locks_module.foreign_lock_owner() is None


def test_a_half_made_directory_is_opened_to_all(locks: Path) -> None:
    locks.mkdir(mode=0o700)
    assert locks_module.prepare_locks([GPU]) == (str(locks_module.lock_path(GPU.uuid)),)
    assert stat.S_IMODE(locks.stat().st_mode) == locks_module.LOCKS_MODE


def test_without_a_directory_for_locks_stages_run_without_them(
    locks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks_module, "LOCKS", Path("/proc/trainui-gpus"))
    assert locks_module.prepare_locks([GPU]) == ()
    assert locks_module.lock_state(GPU) == locks_module.LockState(held=False)
