"""Plugins are found by entry points, loaded by need, and one that fails takes nothing down."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.unit.plugin.packages import install
from trainui import paths
from trainui.plugin import INTERFACE, Command, Format, registry
from trainui.plugin.registry import PluginError

GOOD = """
from trainui.plugin import Format
FORMAT = Format(interface=1, name="kv", decoder="kv_code:Decoder", files=("*.kv",), rank=3)
"""


def found(name: str) -> tuple[registry.EntryPoint, bool]:
    return next(one for one in registry.listed() if one[0].name == name)


def install_kv(site: Path, text: str = GOOD, version: str = "1") -> None:
    install(site, "trainui-kv", {"formats:kv": "kv:FORMAT"}, {"kv.py": text}, version)


def test_a_record_is_found_by_its_entry_point(site: Path) -> None:
    install_kv(site)
    kv = registry.find(Format, "kv")
    assert kv is not None
    assert kv.fits("log.kv")
    assert not kv.fits("log.csv")
    assert kv in registry.records(Format)
    assert "kv" in registry.names(Format)
    entry, is_loaded = found("kv")
    assert (entry.kind, entry.package, entry.version, entry.problem) == (
        "format",
        "trainui-kv",
        "1",
        "",
    )
    assert is_loaded


def test_one_plugin_is_loaded_without_the_others(site: Path) -> None:
    install_kv(site)
    install(site, "other", {"formats:other": "other:FORMAT"}, {"other.py": "raise ValueError"})
    assert registry.find(Format, "kv") is not None
    assert not registry._loaded.failed


def test_records_are_sorted_by_rank(site: Path) -> None:
    install_kv(site)
    later = GOOD.replace("kv", "zz").replace("rank=3", "rank=2")
    install(site, "zz", {"formats:zz": "zz:FORMAT"}, {"zz.py": later})
    names = [one.name for one in registry.records(Format)]
    assert names.index("zz") < names.index("kv")


BROKEN = {
    "raise ValueError('no such luck')": "ValueError: no such luck",
    "import nothing_of_this_name": "No module named 'nothing_of_this_name'",
    "raise SystemExit(3)": "SystemExit: 3",
    "FORMAT = 5": "kv:FORMAT is a int, not a Format",
    "OTHER = 5": "has no attribute 'FORMAT'",
    GOOD.replace("interface=1", "interface=99"): "made for version 99 of the interface",
    GOOD.replace("interface=1, ", ""): "missing 1 required keyword-only argument: 'interface'",
    GOOD.replace("rank=3", "colour=3"): "unexpected keyword argument 'colour'",
    GOOD.replace('name="kv"', 'name="vk"'): "its record is named vk",
    GOOD.replace('("*.kv",)', "'*.kv'"): "its files is '*.kv', not a tuple",
}


@pytest.mark.parametrize(("text", "problem"), BROKEN.items(), ids=[*range(len(BROKEN))])
def test_a_record_that_cannot_be_used_is_named(site: Path, text: str, problem: str) -> None:
    before = registry.records(Format)
    install_kv(site, text)
    registry.reset()
    assert registry.records(Format) == before
    entry, is_loaded = found("kv")
    assert problem in entry.problem
    assert not is_loaded
    with pytest.raises(PluginError, match="trainui-kv 1"):
        registry.find(Format, "kv")


def test_a_module_that_was_deleted_is_said_to_be_missing(site: Path) -> None:
    install_kv(site)
    (site / "kv.py").unlink()
    assert found("kv")[0].problem == "its module kv is missing"


def test_of_two_packages_with_one_name_the_first_is_used(site: Path) -> None:
    install_kv(site)
    install(site, "zz-kv", {"formats:kv": "zz:FORMAT"}, {"zz.py": GOOD.replace("rank=3", "rank=4")})
    kv = registry.find(Format, "kv")
    problems = {one.package: one.problem for one, _ in registry.listed() if one.name == "kv"}
    assert kv is not None
    assert sorted(problems.values()) == ["", f"{_used(problems)} has a plugin of this name already"]


def _used(problems: Mapping[str, str]) -> str:
    return next(package for package, problem in problems.items() if not problem)


def test_a_plugins_exception_is_noted_until_it_changes(site: Path) -> None:
    install_kv(site)
    kv = registry.find(Format, "kv")
    assert kv is not None
    with pytest.raises(PluginError, match="ZeroDivisionError"), registry.guarded(kv):
        print(1 / 0)
    registry.reset()  # as another process
    entry, is_loaded = found("kv")
    assert entry.problem.startswith("ZeroDivisionError")
    assert is_loaded  # it may work for the next file
    (site / "kv.py").write_text(f"{GOOD}# repaired\n")
    registry.reset()
    assert found("kv")[0].problem == ""


def test_errors_that_are_named_pass_through(site: Path) -> None:
    install_kv(site)
    kv = registry.find(Format, "kv")
    assert kv is not None
    with pytest.raises(OSError, match="gone"), registry.guarded(kv, OSError):
        raise OSError("gone")
    assert found("kv")[0].problem == ""


def test_code_is_imported_on_its_first_use(site: Path) -> None:
    install_kv(site)
    (site / "kv_code.py").write_text("def add(a, b): return a + b\n")
    kv = registry.find(Format, "kv")
    assert kv is not None
    assert registry.run(kv, "kv_code:add", 1, 2) == 3
    assert registry.run(kv, "") is None
    with pytest.raises(PluginError, match="no attribute 'subtract'"):
        registry.run(kv, "kv_code:subtract", 1, 2)


def test_the_packages_are_searched_once(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_kv(site)
    assert registry.names(Format)

    def fail() -> None:
        raise AssertionError("searched again")

    monkeypatch.setattr(importlib.metadata, "distributions", fail)
    registry.reset()
    assert "kv" in registry.names(Format)
    (site / "new").mkdir()  # as pip does
    registry.reset()
    with pytest.raises(AssertionError, match="searched again"):
        registry.names(Format)


def test_a_damaged_scan_is_made_again(site: Path) -> None:
    install_kv(site)
    assert registry.names(Format)
    file = paths.home().worker / registry.SCAN_FILE
    for text in ("", "{", "[]", json.dumps({"path": registry._path_now(), "entries": [{"a": 1}]})):
        file.write_text(text)
        registry.reset()
        assert "kv" in registry.names(Format)


def test_without_a_home_nothing_is_written(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_kv(site)
    monkeypatch.setenv("TRAINUI_HOME", str(tmp_path / "none"))
    kv = registry.find(Format, "kv")
    assert kv is not None
    registry.note(kv, ValueError("x"))
    assert not (tmp_path / "none").exists()


@pytest.mark.folders
def test_our_own_plugins_can_all_be_loaded(site: Path) -> None:
    ours = [(entry, ok) for entry, ok in registry.listed() if entry.package == "trainui"]
    assert len(ours) > 10
    assert [str(entry) for entry, ok in ours if not ok or entry.problem] == []
    assert {one.interface for one in registry.records(Format)} == {INTERFACE}
    assert isinstance(registry.records(Command), tuple)
