"""What front ends do to runs: written whole or not at all, and never twice."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults import disks
from tests.unit.store.readings import Feeder
from trainui import clock, control, paths, wakeup
from trainui.errors import (
    NotFoundError,
    TrainuiError,
    UnfitEnvironmentError,
    UnsafePathError,
    UsageError,
)
from trainui.execution.daemon import lifecycle
from trainui.model.definition import Pipeline, StageDefinition
from trainui.model.records import Slot, StageRecord
from trainui.model.states import Status
from trainui.pipeline import loader
from trainui.pipeline.rules.resume_plan import Action, PlannedStage, StageOptions
from trainui.plugin import client
from trainui.resume import code_version, plan
from trainui.store import shell_environment
from trainui.store.db import statements
from trainui.store.db.engine import Database, open_store
from trainui.store.read import views
from trainui.store.runs import attempts
from trainui.store.shell_environment import ShellEnvironment

S = Status

DIAMOND = """
name: diamond
stages:
  - {name: a, run: "true"}
  - {name: b, run: "true", depends_on: [a], checkpoint: "*.json"}
  - {name: c, run: "true", depends_on: [a]}
  - {name: d, run: "true", depends_on: [b, c]}
"""


@pytest.fixture
def store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: Mapping[str, str]
) -> Iterator[Database]:
    for name, value in {"TRAINUI_HOME": str(tmp_path / "home"), **database}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    store = open_store()
    yield store
    store.close()


def load(text: str = DIAMOND) -> Pipeline:
    return loader.load_text(text)


def records(store: Database, run_id: str) -> dict[str, StageRecord]:
    with store.read() as connection:
        return {stage.name: stage for stage in views.stages(connection, run_id)}


def states(store: Database, run_id: str) -> dict[str, str]:
    return {name: str(stage.status) for name, stage in records(store, run_id).items()}


def play(store: Database, run_id: str, name: str, status: Status = S.COMPLETED) -> None:
    """Let a queued stage run and end, as the worker would record it."""
    with store.write() as connection:
        stage = views.stage(connection, run_id, name)
        assert stage is not None
        attempt = attempts.grant(connection, stage, [Slot("h", "cpu", 0)], host="h")
        assert attempt is not None
        assert attempts.claim(connection, run_id, name, attempt.celery_task_id or "")
        now = clock.now()
        attempts.mark_started(connection, attempt, started_at=now, pid=1, supervisor=2)
        outcome = attempts.Outcome(status, clock.now(), retry=False)
        attempts.end(connection, attempt.id, outcome)


class TestSubmission:
    def test_a_run_is_stored_with_its_files(self, store: Database) -> None:
        run_id = control.submit(load(), name="mine", environ={"A": "1", "SSH_TTY": "x"})
        with store.read() as connection:
            run = views.run(connection, run_id)
        assert run is not None
        assert (run.name, run.pipeline, run.status) == ("mine", "diamond", "queued")
        directory = Path(run.directory)
        assert directory == paths.home().runs / run_id
        assert directory.stat().st_mode & 0o777 == 0o700
        assert (directory / "pipeline.yaml").read_text() == DIAMOND
        assert {file.name for file in directory.iterdir()} == {
            "pipeline.yaml",
            "env.json",
            "code.json",
        }
        assert (directory / "env.json").stat().st_mode & 0o777 == 0o600
        assert shell_environment.read(directory).environ == {"A": "1"}
        assert states(store, run_id) == {
            "a": "queued",
            "b": "pending",
            "c": "pending",
            "d": "pending",
        }

    def test_the_worker_is_woken(self, store: Database) -> None:
        listener = wakeup.WakeupSocket(paths.home().wake_socket)
        try:
            control.submit(load())
            assert listener.wait(1)
        finally:
            listener.close()

    @pytest.mark.parametrize("run_id", ["", ".", "..", "a/b", "a b", "é", "x" * 65, "a\n"])
    def test_impossible_ids_are_refused(self, store: Database, run_id: str) -> None:
        with pytest.raises(UsageError):
            control.submit(load(), run_id=run_id)
        assert not paths.home().runs.exists()

    @pytest.mark.parametrize("run_id", ["x", "Test-pipeline_1.2", "x" * 64, ".a"])
    def test_possible_ids_are_taken(self, store: Database, run_id: str) -> None:
        assert control.submit(load(), run_id=run_id) == run_id

    @pytest.mark.parametrize("name", [" ", "a\nb", "\x1b[31m", "x" * 201])
    def test_impossible_names_are_refused(self, store: Database, name: str) -> None:
        with pytest.raises(UsageError):
            control.submit(load(), name=name)

    def test_an_id_is_used_once_and_the_first_keeps_files(self, store: Database) -> None:
        control.submit(load(), run_id="once")
        with pytest.raises(UsageError, match="once"):
            control.submit(load(), run_id="once")
        assert (paths.home().runs / "once" / "pipeline.yaml").read_text() == DIAMOND

    def test_of_many_at_once_with_one_id_one_wins(self, store: Database) -> None:
        def submit(_: int) -> str:
            try:
                return control.submit(load(), run_id="race")
            except UsageError:
                return "refused"

        with ThreadPoolExecutor(8) as pool:
            results = list(pool.map(submit, range(8)))
        assert sorted(results) == ["race"] + ["refused"] * 7
        assert (paths.home().runs / "race" / "pipeline.yaml").exists()

    def test_nothing_is_left_where_the_store_fails(self, store: Database) -> None:
        control.submit(load(), run_id="first")
        with store.write() as connection:
            connection.execute("ALTER TABLE dependencies RENAME TO away")
        with pytest.raises(Exception, match="dependencies"):
            control.submit(load(), run_id="second")
        with store.write() as connection:
            connection.execute("ALTER TABLE away RENAME TO dependencies")
        assert [run.name for run in paths.home().runs.glob("[!.]*")] == ["first"]
        with store.read() as connection:
            assert views.run(connection, "second") is None

    def test_a_ctrl_c_after_storage_keeps_the_runs_files(
        self, store: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write = Database.write

        @contextmanager
        def stopped(store: Database) -> Iterator[statements.Connection]:
            with write(store) as connection:
                yield connection
            raise KeyboardInterrupt

        monkeypatch.setattr(Database, "write", stopped)
        with pytest.raises(KeyboardInterrupt):
            control.submit(load(), run_id="stored")
        assert set(records(store, "stored")) == {"a", "b", "c", "d"}
        assert (paths.home().runs / "stored" / "pipeline.yaml").exists()

    def test_a_place_that_cannot_be_written_is_reported(
        self, store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "file").touch()
        monkeypatch.setenv("TRAINUI_RUNS_DIR", str(tmp_path / "file" / "runs"))
        with pytest.raises(UnfitEnvironmentError, match="TRAINUI_RUNS_DIR"):
            control.submit(load())

    def test_somebody_elses_place_for_runs_keeps_its_mode(
        self, store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shared = tmp_path / "shared"
        shared.mkdir()
        shared.chmod(0o755)
        monkeypatch.setenv("TRAINUI_RUNS_DIR", str(shared))
        run_id = control.submit(load())
        assert shared.stat().st_mode & 0o777 == 0o755
        assert (shared / run_id).stat().st_mode & 0o777 == 0o700

    def test_inputs_are_checked_except_those_of_the_run(
        self, store: Database, tmp_path: Path
    ) -> None:
        text = 'stages:\n  - {name: a, run: "true", inputs: [%s]}\n'
        (tmp_path / "here.csv").touch()
        control.submit(load(text % "here.csv"))
        control.submit(load(text % "'${run_dir}/later.csv'"))
        for bad in ("missing.csv", "/etc/passwd", "../elsewhere"):
            with pytest.raises(UnsafePathError):
                control.submit(load(text % bad))

    def test_inputs_may_name_variables_of_the_shell(self, store: Database, tmp_path: Path) -> None:
        text = """
        stages:
          - {name: a, run: "true", env: {FILE: "${env.NAME}.csv"}, inputs: ["${env.FILE}", "$${x}"]}
        """
        (tmp_path / "here.csv").touch()
        (tmp_path / "${x}").touch()
        control.submit(load(text), environ={"NAME": "here"})
        with pytest.raises(UnsafePathError, match=r"gone\.csv"):
            control.submit(load(text), environ={"NAME": "gone"})
        with pytest.raises(UsageError, match="NAME"):
            control.submit(load(text), environ={})

    @pytest.mark.usefixtures("only_on_sqlite")
    def test_a_missing_gpu_is_reported(
        self, store: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
        pipeline = load('stages: [{name: a, run: "true", gpus: 2}]')
        with pytest.raises(UnfitEnvironmentError, match="--no-gpus"):
            control.submit(pipeline)
        run_id = control.submit(control.without_gpus(pipeline))
        assert records(store, run_id)["a"].definition.gpus == 0

    def test_the_shells_python_is_on_record(self, store: Database, tmp_path: Path) -> None:
        tool = tmp_path / "bin" / "python"
        tool.parent.mkdir()
        tool.write_text("#!/bin/sh\n")
        tool.chmod(0o755)
        run_id = control.submit(load(), environ={"PATH": str(tool.parent)})
        given = control.submit(load(), python="/other/python", sys_path="/project")
        with store.read() as connection:
            assert views.submission(connection, run_id)["python"] == str(tool)
            submission = views.submission(connection, given)
        assert (submission["python"], submission["sys_path"]) == ("/other/python", "/project")


class TestEnvironment:
    def test_the_login_session_is_left_out_and_all_else_survives(self, tmp_path: Path) -> None:
        odd = os.fsdecode(b"caf\xe9")
        environ = {
            "PATH": "/bin",
            "ODD": odd,
            "DISPLAYED": "yes",
            "DISPLAY": ":0",
            "TMUX": "x",
            "TMUX_PANE": "%1",
            "SSH_AUTH_SOCK": "x",
            "XDG_RUNTIME_DIR": "x",
            "DBUS_SESSION_BUS_ADDRESS": "x",
            "PWD": "/",
            "SHLVL": "2",
        }
        shell_environment.write(tmp_path, ShellEnvironment(environ, 0o027))
        kept = shell_environment.read(tmp_path)
        assert kept.environ == {"PATH": "/bin", "ODD": odd, "DISPLAYED": "yes"}
        assert kept.umask == 0o027

    def test_a_damaged_file_says_how_to_mend_it(self, tmp_path: Path) -> None:
        (tmp_path / "env.json").write_text("{")
        with pytest.raises(UnfitEnvironmentError, match="--env"):
            shell_environment.read(tmp_path)

    def test_the_umask_is_passed_on_and_kept(self) -> None:
        before = os.umask(0o026)
        try:
            assert shell_environment.current_umask() == 0o026
        finally:
            assert os.umask(before) == 0o026


class TestCode:
    @pytest.fixture
    def repository(self, tmp_path: Path) -> Path:
        def git(*arguments: str) -> None:
            subprocess.run(
                ["git", "-C", str(tmp_path), *arguments], check=True, capture_output=True
            )

        git("init")
        git("config", "user.email", "somebody@example.invalid")
        git("config", "user.name", "Somebody")
        (tmp_path / "train.py").write_text("lr = 1\n")
        git("add", ".")
        git("commit", "-m", "Begin")
        return tmp_path

    def test_the_commit_and_what_is_not_in_it(self, repository: Path) -> None:
        clean = code_version.state_of(repository)
        assert clean.commit is not None
        assert len(clean.commit) == 40
        assert (clean.dirty, clean.diff) == (False, "")
        (repository / "train.py").write_text("lr = 2\n")
        edited = code_version.state_of(repository)
        assert (edited.commit, edited.dirty) == (clean.commit, True)
        assert edited.diff is not None
        assert "+lr = 2" in edited.diff

    def test_a_huge_diff_is_cut(self, repository: Path) -> None:
        (repository / "train.py").write_text("x = 1\n" * 1_000_000)
        diff = code_version.state_of(repository).diff
        assert diff is not None
        assert len(diff) == code_version.DIFF_LIMIT

    def test_no_repository_and_no_git_are_no_trouble(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        nothing = code_version.state_of(tmp_path)
        assert (nothing.commit, nothing.dirty, nothing.diff) == (None, None, None)
        words = "not a git repository, or git is not installed: only digests of 0 files of code"
        assert nothing.note == f"{words} are on record"
        monkeypatch.setenv("PATH", str(tmp_path))
        assert code_version.state_of(tmp_path) == nothing

    def test_a_git_that_hangs_is_not_waited_for(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tool = tmp_path / "git"
        tool.write_text("#!/bin/sh\nexec /bin/sleep 60\n")
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setattr(code_version, "TIME_LIMIT", 0.2)
        assert code_version.state_of(tmp_path).commit is None

    def test_changes_since_then_are_found_by_content(self, repository: Path) -> None:
        (repository / "other.py").write_text("x = 1\n")
        (repository / "train.py").write_text("lr = 2\n")
        state = dataclasses.asdict(code_version.state_of(repository))
        assert state["untracked"] == ["other.py"]
        assert code_version.changed_files(state) == []
        (repository / "train.py").write_text("lr = 3\n")
        assert code_version.changed_files(state) == ["train.py"]
        assert code_version.changed_files(state, apart_from=str(repository / "train.py")) == []
        subprocess.run(["git", "-C", str(repository), "commit", "-qam", "Go on"], check=True)
        assert code_version.changed_files(state) == ["train.py"]  # a commit changes no file
        (repository / "train.py").write_text("lr = 2\n")
        assert code_version.changed_files(state) == []
        (repository / "train.py").write_text("lr = 1\n")
        assert code_version.changed_files(state) == ["train.py"]

    def test_code_untracked_by_git_is_compared_by_content_too(self, repository: Path) -> None:
        folder = repository / "new"
        folder.mkdir()
        script, log = folder / "train.py", folder / "train.log"
        script.write_text("lr = 1\n")
        log.write_text("step 1\n")
        state = dataclasses.asdict(code_version.state_of(folder))
        assert state["untracked"] == ["new/train.log", "new/train.py"]
        log.write_text("step 2\n")
        (folder / "made.py").write_text("")
        assert code_version.changed_files(state) == []
        subprocess.run(["git", "-C", str(repository), "add", str(script)], check=True)
        assert code_version.changed_files(state) == []
        script.write_text("lr = 2\n")
        assert code_version.changed_files(state) == ["new/train.py"]
        script.unlink()
        assert code_version.changed_files(state) == ["new/train.py"]

    @pytest.mark.parametrize(
        ("text", "is_code"),
        [
            ("name: b\nstages: # two\n  # the first\n  - name: a\n    run: 'true'\n", False),
            ("stages: [{name: a, run: 'true'}]\n", False),
            ("stages:\n  - build\n", True),
            ("lr: 0.1\n", True),
        ],
    )
    def test_a_pipeline_file_of_another_run_is_no_code(
        self, tmp_path: Path, text: str, is_code: bool
    ) -> None:
        file = tmp_path / "other.yaml"
        file.write_text("")
        state = dataclasses.asdict(code_version.state_of(tmp_path))
        file.write_text(text)
        assert bool(code_version.changed_files(state)) == is_code

    def test_without_git_code_and_named_files_are_compared(self, tmp_path: Path) -> None:
        project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
        for file in ("train.py", "lib/model.py", ".hidden/x.py", "data.csv", "env/lib/x.py"):
            (project / file).parent.mkdir(parents=True, exist_ok=True)
            (project / file).write_text("before")
        (project / "env" / "pyvenv.cfg").touch()
        elsewhere.mkdir()
        (elsewhere / "run.sh").write_text("before")
        run = tmp_path / "run"
        run.mkdir()
        stages = [
            StageDefinition("a", command=f"bash {elsewhere}/run.sh; cat", workdir=str(project)),
            StageDefinition("b", command=("python", "train.py"), workdir=str(project)),
            StageDefinition("c", command=("echo", "x" * 5000), workdir=str(project)),
        ]
        code_version.record(project, stages, run)
        state = code_version.recorded(run)
        assert set(state["changed"]) == {"train.py", "lib/model.py", f"{elsewhere}/run.sh"}
        assert code_version.changed_files(state) == []
        for path in [path for path in project.rglob("*.*") if path.is_file()]:
            path.write_text("after")
        (project / "new.py").write_text("after")
        (elsewhere / "run.sh").unlink()
        expected = [f"{elsewhere}/run.sh", "lib/model.py", "train.py"]
        assert code_version.changed_files(state) == expected

    def test_files_written_by_the_runs_stages_are_no_code(
        self, repository: Path, tmp_path: Path
    ) -> None:
        names = ["declared.yaml", "made/a.py", "redirected.toml", "train.py"]
        for name in names:
            (repository / name).parent.mkdir(exist_ok=True)
            (repository / name).write_text("before")
        outputs = ("declared.yaml", "made", "**/*.py", f"{tmp_path}/run/a.pt")
        workdir = str(repository)
        stages = [
            StageDefinition("config", command="make > redirected.toml", workdir=workdir),
            StageDefinition("data", command="make", workdir=workdir, outputs=outputs),
        ]
        (tmp_path / "run").mkdir()
        code_version.record(repository, stages, tmp_path / "run")
        for name in names:
            (repository / name).write_text("after")
        state = code_version.recorded(tmp_path / "run")
        assert [pattern for _, pattern in state["written"]] == [
            *("redirected.toml", "declared.yaml", "made")
        ]
        assert code_version.changed_files(state) == ["train.py"]
        assert code_version.changed_files({**state, "written": []}) == names


class TestResume:
    @pytest.fixture
    def failed(self, store: Database) -> str:
        run_id = control.submit(load())
        play(store, run_id, "a")
        play(store, run_id, "b", S.FAILED)
        play(store, run_id, "c")
        return run_id

    def test_unfinished_stages_are_revived_once(self, store: Database, failed: str) -> None:
        assert control.resume(failed) == ["b", "d"]
        assert states(store, failed) == {
            "a": "completed",
            "b": "queued",
            "c": "completed",
            "d": "pending",
        }
        assert control.resume(failed) == []

    def test_members_added_to_a_run_leave_its_failed_ones(
        self, store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lifecycle, "ensure_started", lambda: None)
        file = tmp_path / "grows.yaml"
        text = "stages: [{{name: t, run: 'true ${{matrix.job}}', matrix: [{}]}}]"
        file.write_text(text.format("{job: 0}, {job: 1}"))
        run_id = client.submit(file)
        play(store, run_id, "t[job=0]", S.FAILED)
        assert client.extend(run_id, str(file)) == ()
        file.write_text(text.format("{job: 0}, {job: 1}, {job: 2}"))
        assert client.extend(run_id, str(file)) == ("t[job=2]",)
        queued = dict.fromkeys(["t[job=1]", "t[job=2]"], "queued")
        assert states(store, run_id) == {"t[job=0]": "failed", **queued}

    def test_of_two_at_once_each_stage_is_revived_by_one(
        self, store: Database, failed: str
    ) -> None:
        with ThreadPoolExecutor(6) as pool:
            revived = list(pool.map(lambda _: control.resume(failed), range(6)))
        assert sorted(name for names in revived for name in names) == ["b", "d"]

    def test_a_stage_changed_since_the_plan_is_left_alone(
        self, store: Database, failed: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        original = plan.with_savings

        def meanwhile(*arguments: object) -> list[PlannedStage]:
            """Somebody else resumes `b`, which completes, between the plan and the writing."""
            monkeypatch.setattr("trainui.resume.plan.with_savings", original)
            control.resume(failed, StageOptions(until=["b"]))
            play(store, failed, "b")
            return original(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr("trainui.resume.plan.with_savings", meanwhile)
        assert "b" not in control.resume(failed)
        assert records(store, failed)["b"].attempt == 2

    def test_the_plan_changes_nothing(self, store: Database, failed: str) -> None:
        before = records(store, failed)
        planned = control.plan_resume(failed)
        assert [(one.name, one.action) for one in planned] == [
            ("a", "skip"),
            ("b", "run"),
            ("c", "skip"),
            ("d", "run"),
        ]
        assert records(store, failed) == before

    def test_a_whole_checkpoint_is_found_unless_it_was_tried(
        self, store: Database, failed: str
    ) -> None:
        b = records(store, failed)["b"]
        directory = Path(b.directory)
        directory.mkdir()
        (directory / "1.json").write_text("{}")
        (directory / "2.json").write_text("{")  # torn
        assert control.plan_resume(failed)[1].checkpoint == str(directory / "1.json")
        with store.write() as connection:
            attempt = views.attempts_of_stage(connection, b.id)[-1]
            attempts.set_checkpoint(connection, attempt.id, str(directory / "1.json"))
            attempts.mark_checkpoint_tried(connection, attempt.id)
        (directory / "0.json").write_text("{}")
        for at in (0, 1):
            os.utime(directory / f"{at}.json", (at + 1, at + 1))
        assert control.plan_resume(failed)[1].checkpoint == str(directory / "0.json")

    def test_unknown_names_are_refused(self, store: Database, failed: str) -> None:
        for call in (control.plan_resume, control.resume):
            with pytest.raises(NotFoundError, match="nobody"):
                call(failed, StageOptions(until=["nobody"]))
            with pytest.raises(NotFoundError):
                call("no such run")

    def test_until_leaves_the_rest_out(self, store: Database, failed: str) -> None:
        assert control.resume(failed, StageOptions(until=["b"])) == ["b"]
        assert states(store, failed)["d"] == "skipped"

    def test_a_new_environment_is_ready_before_anything_starts(
        self, store: Database, failed: str
    ) -> None:
        control.resume(failed, environ={"WORD": "new"})
        assert shell_environment.read(paths.home().runs / failed).environ == {"WORD": "new"}

    def test_rerun_starts_fresh_and_alone(self, store: Database, failed: str) -> None:
        assert control.rerun(failed, ["c"]) == ["c"]
        assert states(store, failed)["c"] == "queued"
        with pytest.raises(UsageError, match="c is queued"):
            control.rerun(failed, ["c"])

    def test_a_result_stands_if_its_rerun_is_cancelled_before_it_starts(
        self, store: Database
    ) -> None:
        run_id = control.submit(load())
        for name in ("a", "b", "c", "d"):
            play(store, run_id, name)
        assert len(control.rerun(run_id, ["a"], downstream=True)) == 4
        assert len(control.cancel(run_id)) == 4
        assert set(states(store, run_id).values()) == {"completed"}
        assert {one.action for one in control.plan_resume(run_id)} == {Action.SKIP}
        assert control.rerun(run_id, ["a"], downstream=True)
        play(store, run_id, "a")
        control.cancel(run_id)
        assert states(store, run_id) == {"a": "completed", **dict.fromkeys("bcd", "cancelled")}
        planned = {one.name: one for one in control.plan_resume(run_id)}
        assert all(planned[name].fresh for name in "bcd"), "made from what a wrote before"

    def test_a_cancelled_stage_with_an_edit_starts_as_the_plan_says(self, store: Database) -> None:
        run_id = control.submit(load())
        for name in ("a", "b", "c", "d"):
            play(store, run_id, name)
        edited = load(DIAMOND.replace('d, run: "true"', 'd, run: "true # other"'))
        assert control.resume(run_id, pipeline=edited) == ["d"]
        control.cancel(run_id)
        assert states(store, run_id)["d"] == "cancelled"
        assert {one.name for one in control.plan_resume(run_id) if one.fresh} == {"d"}

    def test_rerun_refuses_what_could_not_start(self, store: Database, failed: str) -> None:
        with pytest.raises(UsageError, match="b failed"):
            control.rerun(failed, ["d"])
        assert states(store, failed)["d"] == "blocked"

    def test_rerun_refuses_a_stage_that_needs_a_deleted_output(self, store: Database) -> None:
        """A resume makes the output again; a stage that runs without it may work with nothing."""
        run_id = control.submit(
            load(DIAMOND.replace('a, run: "true"', 'a, run: "true", outputs: [o]'))
        )
        for name in ("a", "b", "c", "d"):
            play(store, run_id, name)
        output = Path(records(store, run_id)["a"].directory) / "o"
        for missing in ("no longer exists", "is now empty"):
            with pytest.raises(UsageError, match=f"c cannot run: it needs a, .* o {missing}"):
                control.rerun(run_id, ["c"])
            output.parent.mkdir(exist_ok=True)
            output.touch()
        assert control.rerun(run_id, ["d"]) == ["d"]
        assert sorted(control.rerun(run_id, ["a"])) == ["a"]

    def test_a_running_stage_takes_edits_of_policy_alone(self, store: Database) -> None:
        run_id = control.submit(load())
        with store.write() as connection:
            stage = views.stage(connection, run_id, "a")
            assert stage is not None
            attempt = attempts.grant(connection, stage, [], host="h")
            assert attempt is not None
            attempts.claim(connection, run_id, "a", attempt.celery_task_id or "")
        edited = load(DIAMOND.replace('a, run: "true"', 'a, run: "false"'))
        assert control.resume(run_id, pipeline=edited) == []
        assert records(store, run_id)["a"].definition.command == "true"
        policy = load(DIAMOND.replace('a, run: "true"', 'a, run: "true", retries: 3'))
        assert control.resume(run_id, pipeline=policy) == []
        assert records(store, run_id)["a"].definition.retries == 3

    def test_directories_keep_their_names_in_later_versions(self, store: Database) -> None:
        """An edited file is read with those on record, and what is new takes none of them."""
        sweep = (
            "name: sweep\nstages:\n"
            '  - {name: t, run: "true", matrix: {k: [1]}}\n'
            '  - {name: a, run: "cat ${stages.t.dir}", depends_on: [t]}\n'
        )
        run_id = control.submit(load(sweep))
        old = str(Path(records(store, run_id)["t[k=1]"].directory).with_name("t_k=1_-01234567"))
        with store.write() as connection:
            connection.execute("UPDATE stages SET directory = ? WHERE name = 't[k=1]'", (old,))
            filled_in = "UPDATE stages SET definition_json = replace(definition_json, 't-k-1', ?)"
            connection.execute(filled_in, (Path(old).name,))
        play(store, run_id, "t[k=1]")
        play(store, run_id, "a", S.FAILED)
        edited = load(sweep + '  - {name: t-k-1, run: "cat ${stages.t.dir}", depends_on: [t]}\n')
        assert sorted(control.resume(run_id, pipeline=edited)) == ["a", "t-k-1"]
        found = records(store, run_id)
        assert found["t[k=1]"].directory == old
        assert found["t-k-1"].directory == str(Path(old).with_name("t-k-1"))
        assert {found[name].definition.command for name in ("a", "t-k-1")} == {f"cat {old}"}

    def test_new_stages_and_edges_of_an_edited_file(self, store: Database, failed: str) -> None:
        more = DIAMOND.replace("depends_on: [b, c]", "depends_on: [b, c, e]")
        edited = load(more + '  - {name: e, run: "true", depends_on: [a]}\n')
        assert sorted(control.resume(failed, pipeline=edited)) == ["b", "d", "e"]
        after = records(store, failed)
        assert list(after) == ["a", "b", "c", "d", "e"]
        assert (after["e"].status, after["d"].status) == ("queued", "pending")
        play(store, failed, "b")
        assert states(store, failed)["d"] == "pending"
        play(store, failed, "e")
        assert states(store, failed)["d"] == "queued"


class TestSavings:
    def test_gpu_time_of_skipped_and_checkpointed_work_is_saved(
        self, store: Database, tmp_path: Path
    ) -> None:
        run_id = control.submit(load())
        with store.read() as connection:
            run = views.run(connection, run_id)
        assert run is not None
        record = records(store, run_id)["a"]
        with store.write() as connection:
            slots = [Slot("h", "gpu", 0), Slot("h", "gpu", 1)]
            attempt = attempts.grant(connection, record, slots, host="h")
        assert attempt is not None
        ended = attempt._replace(status=S.COMPLETED, started_at=0, completed_at=10_000_000)
        skip = PlannedStage("a", Action.SKIP, "completed")
        [planned] = plan.with_savings([skip], {"a": record}, {record.id: [ended]}, run)
        assert (planned.seconds, planned.gpu_seconds_saved) == (10.0, 20.0)

        checkpoint = tmp_path / "ckpt-30"
        checkpoint.touch()
        os.utime(checkpoint, (4, 4))
        go_on = PlannedStage("a", Action.CONTINUE, "failed", checkpoint=str(checkpoint))
        failed = ended._replace(status=S.FAILED)
        [planned] = plan.with_savings([go_on], {"a": record}, {record.id: [failed]}, run)
        assert (planned.seconds, planned.gpu_seconds_saved) == (None, 8.0)
        assert planned.step is None

        feeder = Feeder(store, owner=record.id)
        feeder.feed({"loss": [(30, 0.1)]}, time=3_900_000)
        feeder.feed({"loss": [(33, 0.1)]}, time=4_100_000)  # what it did after is lost
        [planned] = plan.with_savings([go_on], {"a": record}, {record.id: [failed]}, run)
        assert planned.step == 30
        other = checkpoint.rename(tmp_path / "best")
        go_on = replace(go_on, checkpoint=str(other))
        [planned] = plan.with_savings([go_on], {"a": record}, {record.id: [failed]}, run)
        assert planned.step is None, "when it was written does not say at which step"


class TestEnding:
    def test_a_whole_run_or_one_stage_is_cancelled(self, store: Database) -> None:
        run_id = control.submit(load())
        assert control.cancel(run_id, ["c"]) == ["c"]
        assert states(store, run_id) == {
            "a": "queued",
            "b": "pending",
            "c": "cancelled",
            "d": "blocked",
        }
        assert control.cancel(run_id) == ["a", "b"]
        assert control.cancel(run_id) == []
        with pytest.raises(NotFoundError):
            control.cancel(run_id, ["nobody"])
        with pytest.raises(NotFoundError):
            control.cancel("no such run")

    def test_a_rerun_cancelled_before_it_began_keeps_the_result(self, store: Database) -> None:
        run_id = control.submit(load(), environ={})
        for name in "abcd":
            play(store, run_id, name)
        before = records(store, run_id)
        assert control.rerun(run_id, ["b", "c", "d"], preview=True) == ["b", "c", "d"]
        assert records(store, run_id) == before
        control.rerun(run_id, ["b"], downstream=True)
        control.rerun(run_id, ["c"])
        assert {name: states(store, run_id)[name] for name in "bcd"} == {
            "b": "queued",
            "c": "queued",
            "d": "pending",
        }
        control.cancel(run_id)
        assert records(store, run_id) == before
        assert {one.action for one in control.plan_resume(run_id)} == {Action.SKIP}

    def test_a_cancelled_rerun_that_another_stage_awaits_is_no_result(
        self, store: Database
    ) -> None:
        run_id = control.submit(load(), environ={})
        for name in "abcd":
            play(store, run_id, name)
        stage = records(store, run_id)["b"]
        checkpoint = Path(stage.directory, "3.json")
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        checkpoint.write_text("{}")
        control.rerun(run_id, ["b"], downstream=True)
        control.cancel(run_id, ["b"])
        assert states(store, run_id)["b"] == "cancelled"
        planned = {one.name: one for one in control.plan_resume(run_id)}
        assert planned["b"].action == Action.RUN, "it starts in a new directory, as it would have"
        assert planned["b"].checkpoint is None

    def test_only_a_run_that_is_over_is_removed(self, store: Database) -> None:
        run_id = control.submit(load())
        with pytest.raises(UsageError, match="cancel it first"):
            control.remove(run_id)
        directory = paths.home().runs / run_id
        assert directory.exists()
        control.cancel(run_id)
        control.remove(run_id)
        assert not directory.exists()
        with pytest.raises(NotFoundError):
            control.remove(run_id)

    def test_a_directory_that_is_gone_does_not_keep_the_run(self, store: Database) -> None:
        run_id = control.submit(load())
        control.cancel(run_id)
        directory = paths.home().runs / run_id
        for file in directory.iterdir():
            file.unlink()
        directory.rmdir()
        control.remove(run_id)

    def test_a_run_without_its_directory_resumes_with_new_environment(
        self, store: Database
    ) -> None:
        run_id = control.submit(load())
        control.cancel(run_id)
        shutil.rmtree(paths.home().runs)
        with pytest.raises(UnfitEnvironmentError, match="resume RUN --env` rewrites it"):
            control.resume(run_id)
        with pytest.raises(UnfitEnvironmentError, match="runs does not exist; mount its disk"):
            control.resume(run_id, environ={"PATH": "/bin"})
        assert states(store, run_id)["a"] == "cancelled"
        paths.home().runs.mkdir()
        control.resume(run_id, environ={"PATH": "/bin"})
        assert states(store, run_id)["a"] == "queued"
        directory = paths.home().runs / run_id
        assert shell_environment.read(directory).environ == {"PATH": "/bin"}
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700

    def test_a_run_in_whose_directory_something_is_mounted_is_kept(self, store: Database) -> None:
        run_id = control.submit(load())
        control.cancel(run_id)
        with disks.small_disk(paths.home().runs / run_id / "b" / "data", megabytes=1) as mounted:
            (mounted / "of another machine").touch()
            with pytest.raises(UnfitEnvironmentError, match=r"at .*/b/data: unmount it first"):
                control.remove(run_id)
            assert (mounted / "of another machine").exists()
            assert states(store, run_id)["a"] == "cancelled"
        control.remove(run_id)


class TestQueue:
    def test_the_queue_is_held_and_let_go(self, store: Database) -> None:
        for paused in (True, True, False, False):
            control.set_paused(paused)
            with store.read() as connection:
                assert (views.flag(connection, "paused") is not None) is paused

    def test_the_order_of_runs(self, store: Database) -> None:
        first, second = control.submit(load()), control.submit(load())
        control.change_priority(second, 5)
        with store.read() as connection:
            assert [stage.run_id for stage in attempts.queued(connection)] == [second, first]
        with pytest.raises(NotFoundError):
            control.change_priority("no such run", 1)


def test_a_run_without_a_terminal_keeps_what_was_given(store: Database) -> None:
    run_id = control.submit(load(), given={"x": "1"})
    assert control.given_params(run_id) == {"x": "1"}
    assert json.loads((paths.home().runs / run_id / "code.json").read_text())["commit"] is None
    assert issubclass(NotFoundError, TrainuiError)
