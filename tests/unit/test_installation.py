"""The search path of our own processes: our packages come before those of PYTHONPATH."""

from __future__ import annotations

import sysconfig

import pytest

from trainui import installation


@pytest.mark.parametrize("site", ["/home/a/.local/lib/python3/site-packages", "/src/trainui"])
def test_our_packages_come_first_even_if_the_users(
    monkeypatch: pytest.MonkeyPatch, site: str
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/cluster/packages")
    monkeypatch.setattr(installation, "__file__", f"{site}/trainui/installation.py")
    ours = installation.own_python_path()
    found = ours["PYTHONPATH"].split(":")
    before = {site, sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")}
    assert before <= {*found[: found.index("/cluster/packages")]}
    monkeypatch.setenv("PYTHONPATH", ours["PYTHONPATH"])
    assert installation.python_path_of_user() == {"PYTHONPATH": "/cluster/packages"}
