"""A plugin that fails while it works loses its own files, with a reason, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.metrics.attempts import Attempt, start_attempt
from tests.unit.plugin.packages import install
from tests.unit.store.readings import connect
from trainui.control import external
from trainui.metrics.discovery import stage_sources, trainings
from trainui.metrics.formats.text import text_lines
from trainui.metrics.reader.attempt import AttemptReader
from trainui.model.definition import MetricSource
from trainui.plugin import registry
from trainui.store.db.engine import Database, open_store
from trainui.store.points import read_points

RECORDS = """
from trainui.plugin import Format, LogLines, Tracker
FORMAT = Format(
    interface=1, name="kv", files=("*.kv",),
    decoder="kv_code:decoder", recognise="kv_code:recognise", find="kv_code:find",
    history="kv_code:history", label="kv_code:label",
)
TRACKER = Tracker(
    interface=1, name="kv", rank=1, find="kv_code:training", joined="kv_code:joined",
    owns="kv_code:owns", grouping="kv_code:group", parameters="kv_code:parameters",
    environment="kv_code:environment", printed="kv_code:printed", owner="kv_code:owner",
    home="kv_code:home",
)
LINES = LogLines(interface=1, name="kvlog", reader="kv_code:Lines")
"""
CODE = """
from trainui.plugin import Answer
from trainui.plugin.reading import Decoded, SparseRows
from trainui.plugin import reading

def works(function):
    def called(*arguments):
        if BROKEN in (function.__name__, "all"):
            FAIL
        return function(*arguments)
    return called

class Decoder(reading.Decoder):
    name = "kv"
    @works
    def decode(self, block, first_row):
        rows = SparseRows()
        for line in block.decode().splitlines():
            step, loss = (pair.partition("=")[2] for pair in line.split())
            rows.add(int(step), [("loss", float(loss))])
        return rows.decoded()

@works
def decoder(step, state, path): return Decoder(step, state, path)
@works
def recognise(head, path, complete):
    return Answer.YES if head.startswith(b"step=") else Answer.NO
@works
def find(path, root): return None
@works
def history(key): return None
@works
def label(history): return None
@works
def training(place): return None
@works
def joined(found): return found
@works
def owns(directories, name): return False
@works
def group(directory): return None
@works
def parameters(path): return None
@works
def environment(attempt_dir, tag): return {}
@works
def printed(text, memory): yield from ()
@works
def owner(path, tag, root): return None
@works
def home(environment): return None

class Lines:
    @works
    def __init__(self, memory): pass
    @works
    def read(self, line): return ()
    @works
    def finish(self): return ()
"""
POINTS = {
    f"{group}:{name}": f"kv:{record}"
    for group, name, record in (
        ("formats", "kv", "FORMAT"),
        ("trackers", "kv", "TRACKER"),
        ("log_lines", "kvlog", "LINES"),
    )
}
RAISES = 'raise ValueError("no luck")'
OF_ITS_FILES = ("decode", "decoder", "recognise")
OTHERS = (
    *("find", "history", "label", "training", "joined", "owns", "group", "parameters"),
    *("printed", "owner", "home", "__init__", "read", "finish"),
)


@pytest.fixture
def store(site: Path) -> Iterator[Database]:
    with closing(open_store()) as store:
        yield store


def install_kv(site: Path, broken: str = "", records: str = RECORDS, failure: str = RAISES) -> None:
    code = f"BROKEN = {broken!r}\n{CODE}".replace("FAIL", failure)
    install(site, "trainui-kv", POINTS, {"kv.py": records, "kv_code.py": code})
    registry.reset()


def read(
    store: Database, root: Path, *metrics: MetricSource
) -> tuple[Attempt, dict[str, int], str]:
    attempt = start_attempt(store, root, *metrics)
    attempt.stage_dir.mkdir(parents=True, exist_ok=True)
    (attempt.stage_dir / "log.kv").write_text("step=1 loss=0.5\nstep=2 loss=0.25\n")
    (attempt.stage_dir / "metrics.jsonl").write_text('{"step": 1, "acc": 0.5}\n' * 2)
    (attempt.directory / "stdout.log").write_text("step 10 acc 0.3\nstep 20 acc 0.4\n")
    with closing(AttemptReader(store, attempt.to_read)) as reader:
        reader.scan()
        reader.advance()
        attempt.end()
        reader.finish(clean=True)
    with closing(connect(store)) as connection:
        found = read_points.summaries(connection, [attempt.stage_id])
        problems = read_points.problems(connection, [attempt.stage_id])
    return attempt, {one.name: one.count for one in found}, "; ".join(p.problem for p in problems)


def test_a_format_and_its_files_are_found(site: Path, store: Database, tmp_path: Path) -> None:
    install_kv(site)
    _attempt, series, problems = read(store, tmp_path)
    assert series == {"loss": 2, "acc": 2}
    assert problems == ""


_NOT_ASKED = ("finish", "read", "__init__", "label", "joined", "owner")
"""Code that is not needed where a stage's own directory has all of its files."""


def problems_noted() -> dict[str, str]:
    registry.reset()  # as another process sees it
    found = {one.name: one.problem for one, _loaded in registry.listed() if one.problem}
    return {name: problem for name, problem in found.items() if "is missing" not in problem}


@pytest.mark.parametrize("function", OF_ITS_FILES)
def test_files_of_a_format_that_fails_are_left_alone(
    site: Path, store: Database, tmp_path: Path, function: str
) -> None:
    install_kv(site, function)
    attempt, series, problems = read(store, tmp_path)
    assert series == {"acc": 2}
    assert "log.kv is left alone: plugin kv (trainui-kv 1)" in problems
    assert "ValueError: no luck" in problems
    assert problems_noted() == {"kv": "ValueError: no luck"}
    assert trainings.below(attempt.stage_dir)


@pytest.mark.parametrize("function", OTHERS)
def test_other_code_that_fails_costs_nothing_else(
    site: Path, store: Database, tmp_path: Path, function: str
) -> None:
    install_kv(site, function)
    attempt, series, _problems = read(store, tmp_path)
    assert series["acc"] == 2
    assert series.get("loss", 2) == 2
    assert trainings.below(attempt.stage_dir)
    if function not in _NOT_ASKED:
        assert "ValueError: no luck" in problems_noted().values()


def test_a_format_that_fails_is_named_among_searched_places(
    site: Path, store: Database, tmp_path: Path
) -> None:
    install_kv(site, "recognise")
    attempt, _series, _problems = read(store, tmp_path)
    definition = attempt.to_read.definition
    words = stage_sources.searched_places(attempt.directory, attempt.stage_dir, definition)
    assert "log.kv (plugin kv (trainui-kv 1): ValueError: no luck" in words


def test_a_format_that_fails_hides_no_process(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_kv(site, "decode")
    log = tmp_path / "train.log"
    log.write_text("step=1 loss=0.5\n" * 5)
    monkeypatch.setattr(external, "_written_files", lambda _pids: [log])
    assert external.candidates() == []
    assert problems_noted() == {"kv": "ValueError: no luck"}


@pytest.mark.parametrize("failure", ["raise SystemExit('no luck')", "return 5"])
def test_a_plugin_that_exits_or_answers_nonsense_is_named(
    site: Path, store: Database, tmp_path: Path, failure: str
) -> None:
    install_kv(site, "all", failure=failure)
    attempt, series, problems = read(store, tmp_path)
    assert series == {"acc": 2}
    assert "log.kv is left alone: plugin kv (trainui-kv 1)" in problems
    assert trainings.below(attempt.stage_dir)
    assert "kv" in problems_noted()


@pytest.mark.parametrize("package", [{}, {"records": RECORDS.replace(":Lines", ":Nothing")}])
def test_a_log_reader_need_not_hand_on_its_memory(site: Path, package: dict[str, str]) -> None:
    install_kv(site, **package)
    before = {text_lines._MEMORY: {"plugins": {"kvlog": {"lines": 3}}}}
    assert "plugins" not in text_lines.carried_over(before)[text_lines._MEMORY]


def test_files_of_a_format_for_another_version_are_left_alone(
    site: Path, store: Database, tmp_path: Path
) -> None:
    install_kv(site, records=RECORDS.replace("interface=1", "interface=99"))
    _attempt, series, problems = read(store, tmp_path, MetricSource("log.kv"))
    assert "loss" not in series
    assert "made for version 99 of the interface" in problems


def test_a_source_names_a_format_that_cannot_be_imported(
    site: Path, store: Database, tmp_path: Path
) -> None:
    install_kv(site, records="raise ImportError('gone')")
    _attempt, series, problems = read(store, tmp_path, MetricSource("log.kv", format="kv"))
    assert "loss" not in series
    assert "ImportError: gone" in problems
