"""Disks: what is said of the room on them, and of which kind they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainui import system
from trainui.errors import UnfitEnvironmentError
from trainui.system import GIGABYTE, MEGABYTE, DiskSpace


def room(free: int) -> DiskSpace:
    return DiskSpace(Path("/x"), free, GIGABYTE)


def test_a_disk_is_enough_low_or_full() -> None:
    assert system.disk_warnings([room(GIGABYTE)]) == []
    assert system.disk_warnings([room(900 * MEGABYTE)]) == [
        "the disk is nearly full: 900 MB free on /x",
    ]
    assert system.disk_warnings([room(99 * MEGABYTE)]) == [
        "too little disk space: 99 MB free on /x; no stage starts with less than 100 MB; "
        "`trainui prune` deletes old runs"
    ]


def test_two_directories_of_one_disk_are_reported_once(tmp_path: Path) -> None:
    assert [one.path for one in system.disk_spaces(tmp_path / "a", tmp_path / "b")] == [
        tmp_path / "b"
    ]
    assert [one.path for one in system.disk_spaces(Path("/proc"), tmp_path)] == [
        Path("/proc"),
        tmp_path,
    ]
    others = [tmp_path, Path("/proc/self"), Path("/proc/1/net")]
    found = system.disk_spaces(tmp_path / "a", tmp_path / "b", others)
    assert [one.path for one in found] == [tmp_path / "b", Path("/proc")]


def test_a_stage_lacks_space_where_there_is_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert system.disk_wait_reason([tmp_path / "not" / "there"]) is None
    monkeypatch.setattr(system, "free_bytes", lambda _path: 99 * MEGABYTE)
    assert (
        system.disk_wait_reason([tmp_path])
        == f"needs 100 MB of disk space: 90 MB free on {tmp_path}"
    )


MOUNTS = r"""
22 1 259:1 / / rw,relatime shared:1 - ext4 /dev/root rw
31 22 0:25 / /home rw - autofs systemd-1 rw
32 31 0:50 / /home rw,relatime shared:9 - nfs4 server:/home rw,vers=4.2
33 22 0:51 / /mnt/my\040disk rw - fuse.sshfs me@there:/ rw
34 22 0:52 / /homes rw - xfs /dev/sdb rw
""".strip()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/tmp", "ext4"),
        ("/home/me/.local/share/trainui", "nfs4"),
        ("/mnt/my disk/trainui", "fuse.sshfs"),
        ("/homes/me", "xfs"),
    ],
)
def test_a_file_system_is_found_by_its_mount(tmp_path: Path, path: str, kind: str) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    assert system.file_system(Path(path), mounts) == kind


def test_a_home_on_a_network_file_system_is_refused(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    with pytest.raises(UnfitEnvironmentError, match="set TRAINUI_HOME to a directory on a local"):
        system.check_home(Path("/home/me/trainui"), mounts)
    system.check_home(Path("/homes/me/trainui"), mounts)
    system.check_home(Path("/home/me/trainui"), tmp_path / "no mounts are known here")


def test_the_resources_of_this_machine_can_be_listed() -> None:
    assert system.file_system(Path("/proc/self")) == "proc"
