"""The search path of our own processes: our packages come before those of PYTHONPATH."""

from __future__ import annotations

import sysconfig

import pytest

from trainui import python_path


@pytest.mark.parametrize("site", ["/home/a/.local/lib/python3/site-packages", "/src/trainui"])
def test_our_packages_come_first_even_if_the_users(
    monkeypatch: pytest.MonkeyPatch, site: str
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/cluster/packages")
    monkeypatch.setattr(python_path, "__file__", f"{site}/trainui/python_path.py")
    ours = python_path.of_own_process()
    found = ours["PYTHONPATH"].split(":")
    before = {site, sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")}
    assert before <= {*found[: found.index("/cluster/packages")]}
    monkeypatch.setenv("PYTHONPATH", ours["PYTHONPATH"])
    assert python_path.of_user() == {"PYTHONPATH": "/cluster/packages"}
