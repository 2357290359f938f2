"""What a person does to runs from the screen, and what is said about it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from textual import events
from textual.widgets import Input

from tests.unit.supervisor.waiting import wait_for
from tests.unit.tui.driving import Driven, opened
from tests.unit.tui.filled import (
    DIAMOND,
    MEMBERS,
    SWEEP,
    Filler,
    failed_demo,
    running_demo,
)
from trainui import control, paths
from trainui.control.report import of_runs
from trainui.execution import processes
from trainui.execution.daemon import lifecycle
from trainui.model.states import Status
from trainui.paths import Home
from trainui.pipeline import loader
from trainui.resume import edits
from trainui.resume import submitted as control_known
from trainui.store.db import engine
from trainui.store.read import views
from trainui.store.runs import attempts
from trainui.tui.app import TrainuiApp
from trainui.tui.dialogs import ConfirmScreen
from trainui.tui.new_runs import start
from trainui.tui.plan_screen import PlanScreen, PlanView
from trainui.tui.run_page.screen import RunScreen
from trainui.tui.styled_text import Segment

PIPELINE = """\
name: small
params: {word: hello}
stages:
  - name: first
    run: echo ${params.word} from the first
  - name: second
    run: test -e ${run_dir}/mended || { echo it is broken >&2; exit 3; }
    depends_on: [first]
  - name: third
    run: echo the end
    depends_on: [second]
"""


@pytest.fixture
def worker(home: Path) -> Iterator[None]:
    """Ends the worker that the screen starts."""
    yield
    lifecycle.stop()
    held = (Home(home).guard_lock, Home(home).worker_lock)
    wait_for(lambda: not any(processes.is_held(lock) for lock in held), "the end of the worker")


@pytest.fixture
def started_worker(home: Path, worker: None) -> Iterator[None]:
    """Waits for the worker, which the screen must have started, and ends it."""
    yield
    wait_for(lambda: processes.is_held(Home(home).guard_lock), "the start of the worker")


@pytest.fixture
def noted_start(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Notes that the screen starts the worker, which it must do, in place of a start."""
    starts: list[float] = []
    monkeypatch.setattr(lifecycle, "ensure_started", lambda wait=0.0: starts.append(wait))
    yield
    assert starts, "the screen has started no worker"


async def question(driven: Driven, *texts: str) -> None:
    await driven.until(lambda: isinstance(driven.app.screen, ConfirmScreen), "a question")
    await driven.until_shown(*texts)


async def test_a_file_is_chosen_run_and_resumed_to_its_end(
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    worker: None,
) -> None:
    (tmp_path / "small.yaml").write_text(PIPELINE)
    (tmp_path / "wrong.yaml").write_text("stages:\n  - name: a\n    rum: echo\n")
    monkeypatch.chdir(tmp_path)
    async with opened() as driven:
        await driven.until_shown("No runs yet")
        await driven.press("u")
        await driven.until_shown("small.yaml", "wrong.yaml", "✓ small", "word = hello")
        await driven.press("down")
        await driven.until_shown("wrong.yaml:3:5", "rum")
        await driven.pilot.resize_terminal(60, 18)
        await driven.until_shown("did you mean")  # the preview is wrapped again
        await driven.pilot.resize_terminal(120, 36)
        await driven.press("enter")
        await driven.until_shown("it has problems")
        await driven.press("up", "enter")
        await driven.until(lambda: isinstance(driven.app.screen, RunScreen), "the run's page")
        await driven.until_shown("✗ failed", "2 second", "it is broken", "exit code 3")
        await driven.until_shown("blocked", "1/3")
        (tmp_path / "small.yaml").write_text(PIPELINE + "    rum: x\n")
        await driven.press("r")
        await driven.until(lambda: isinstance(driven.app.screen, PlanScreen), "the plan")
        await driven.until_shown("has problems", "small.yaml:12:5", "rum")
        await driven.pilot.resize_terminal(50, 20)
        await driven.until_shown("submitted")  # the end of the advice
        await driven.pilot.resize_terminal(120, 36)
        await driven.press("escape")
        (tmp_path / "small.yaml").write_text(PIPELINE.replace("exit 3", "exit 0"))
        await driven.press("r")
        await driven.until_shown("– skip", "▶ run", "2 to run, 1 skipped", "3; -> 0;")
        await driven.until_shown("has changed since this run", "+    run: test -e ${run_dir}")
        await driven.press("f")
        await driven.until_shown("Plan as submitted, without", "f with the edits")
        await driven.press("f")
        await driven.until_shown("has changed since this run", "as submitted")
        await driven.press("y")
        await driven.until_shown("3/3", "✓ completed")
        await driven.press("g")
        await driven.until_shown("hello from the first")


async def test_a_held_r_shows_the_plan_and_resumes_nothing(filler: Filler) -> None:
    run_id = failed_demo(filler)
    async with opened(run_id) as driven:
        await driven.until_shown("✗ failed")
        await driven.press("r")
        await driven.until_shown("Preview: nothing has started", "y resume")
        await driven.press(*"rrr")
        await driven.until_shown("Preview: nothing has started", "y resume")
        assert isinstance(driven.app.screen, PlanScreen)
    assert filler.stage(run_id, "train[hidden=128]").status == Status.FAILED


async def test_the_button_shows_the_plan_and_esc_leaves_everything(filler: Filler) -> None:
    run_id = failed_demo(filler)
    for name in ("prepare", "train[hidden=32]"):
        directory = Path(filler.stage(run_id, name).directory)
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "model.npz").write_text("weights")
    async with opened(run_id) as driven:
        await driven.until_shown("Resume")
        await driven.pilot.click("#resume")
        await driven.until_shown("Preview: nothing has started", "to run", "skipped", "failed")
        await driven.press("escape")
        await driven.until_shown("1 Stages")
    assert filler.stage(run_id, "train[hidden=128]").status == Status.FAILED


async def test_a_stage_that_ended_unwatched_is_in_the_plan(
    home: Path, tmp_path: Path, filler: Filler, started_worker: None
) -> None:
    (tmp_path / "three.yaml").write_text(THREE)
    control.set_paused(True)  # the worker that is started is to start nothing
    run_id = control.submit(loader.load(str(tmp_path / "three.yaml"), {}))
    shutil.rmtree(filler.start(run_id, "first").directory)  # as if the machine had restarted
    async with opened(run_id) as driven:
        await driven.until_shown("● running")
        await driven.press("r")
        await driven.until_shown("was interrupted", "3 to run")


async def test_nothing_to_resume_is_said(filler: Filler) -> None:
    run_id = filler.run({"a": ()})
    filler.complete(run_id, "a")
    async with opened(run_id) as driven:
        await driven.until_shown("✓ completed")
        await driven.press("r")
        await driven.until_shown("nothing to resume: ")
        await driven.press("y")
        await driven.until_shown("nothing to resume")


def is_resume_offered(driven: Driven) -> bool:
    page = driven.app.page
    return page is not None and Segment(" r", "key") in page.key_bar.row(0, 120)


async def test_keys_offer_a_resume_only_where_one_is_possible(filler: Filler) -> None:
    done = filler.run({"a": ()}, name="done")
    filler.complete(done, "a")
    failed = failed_demo(filler, name="broken")
    async with opened() as driven:
        await driven.until_shown("done", "broken", "r resume")
        driven.runs.table.select(done)
        await driven.until(lambda: not is_resume_offered(driven), "a dim key")
        driven.runs.table.select(failed)
        await driven.until(lambda: is_resume_offered(driven), "a bright key")
        await driven.press("enter")
        await driven.until_shown("r resume", "1 Stages")
        await driven.until(lambda: is_resume_offered(driven), "a bright key")
        assert driven.run.button.has_class("-useful")
    async with opened(done) as driven:
        await driven.until_shown("✓ completed", "e edit", "r resume")
        assert not is_resume_offered(driven)


async def test_a_cancel_says_what_would_be_lost(filler: Filler) -> None:
    run_id = filler.run(DIAMOND)
    attempt = filler.start(run_id, "prepare", ago=7200)
    checkpoint = paths.stage_directory(Path(attempt.directory)) / "ckpt-3.npz"
    checkpoint.write_bytes(b"PK\x05\x06" + bytes(18))
    past = checkpoint.stat().st_mtime - 2460
    os.utime(checkpoint, (past, past))
    async with opened(run_id) as driven:
        await driven.until_shown("2 prepare")
        await driven.press("x")
        await question(driven, "Cancel prepare?", "has run for 2h 0", "would be blocked", "; 41m")
        await driven.until_shown(" of it would be done again")
        await driven.pilot.resize_terminal(44, 16)  # its words are all readable, with the answers
        await question(driven, "evaluate, report ", "cancel this stage", "do not cancel")
        await driven.pilot.resize_terminal(120, 36)
        await driven.press("n")
        await driven.until_shown("1 Stages")
        assert filler.stage(run_id, "prepare").status == Status.RUNNING
        await driven.press("x")
        await question(driven, "cancel this stage")
        await driven.press("y")
        await driven.until_shown("cancelling prepare...")
    with filler.store.read() as connection:
        from trainui.store.runs import attempts

        assert attempts.get(connection, attempt.id).cancel_requested_at is not None


async def test_a_whole_run_is_cancelled_from_the_list(filler: Filler) -> None:
    run_id = filler.run(DIAMOND, name="unwanted")
    async with opened() as driven:
        await driven.until_shown("unwanted")
        await driven.press("x")
        await question(
            driven, f"Cancel the run unwanted {run_id[:8]}?", "5 stages have not started yet"
        )
        await driven.press("enter")  # the first answer chosen ends nothing
        await driven.until_gone("Cancel the run")
        assert filler.stage(run_id, "report").status == Status.PENDING
        await driven.press("x")
        await question(driven, "cancel every unfinished stage")
        await driven.press("y")
        await driven.until_shown("⊘ cancelled", "cancelling ")
    assert filler.stage(run_id, "report").status == Status.CANCELLED


def states(*run_ids: str) -> list[tuple[str, int, str] | None]:
    """Read of each run its state, its priority and its word; None: it was deleted."""
    with engine.reading() as connection:
        found = [views.run(connection, run_id) for run_id in run_ids]
    return [(one.status, one.priority, str(one.params["word"])) if one else None for one in found]


async def test_keys_act_on_the_marked_run_instead_of_the_cursors(
    home: Path,
    tmp_path: Path,
    started_worker: None,
) -> None:
    file = tmp_path / "two.yaml"
    file.write_text(TWO)
    other, chosen = (control.submit(loader.load(str(file), {})) for _ in range(2))
    control.set_paused(True)  # a resume starts the worker, and nothing is to start but that
    untouched = ("queued", 0, "bad")
    label = f"two {chosen[:8]}"
    async with opened() as driven:
        await driven.until_shown("◔ queued")

        async def marked() -> None:
            await driven.until(lambda: driven.app.screen is driven.runs, "the list")
            driven.runs.table.select(chosen)
            await driven.press("space")
            await driven.until_shown("1 marked")
            assert [run.id for run in driven.runs.table.marked] == [chosen]
            driven.runs.table.select(other)  # both were submitted in the same moment perhaps

        async def become(*state: str | int) -> None:
            await driven.until(lambda: states(chosen, other) == [state, untouched], f"{state}")
            await driven.until_gone("1 marked")

        await marked()
        await driven.press("right_square_bracket")
        await driven.until_shown(f"priority of {label} is +1")
        await driven.press("Y")
        await driven.until(lambda: chosen in driven.app.clipboard, "the copy")
        assert other not in driven.app.clipboard
        await driven.press("x")
        await question(driven, f"Cancel the run {label}?", "2 stages have not started")
        await driven.press("y")
        await become("cancelled", 1, "bad")
        await marked()
        await driven.press("e")
        await driven.until_shown(f" Edit {label}", "Edit values")
        await driven.press("ctrl+u", *"good", "enter")
        await driven.until_shown(f"Resume {label}", "With your edits:")
        await driven.press("y")
        await become("queued", 1, "good")
        control.cancel(chosen)
        await driven.until_shown("⊘ cancelled")
        await marked()
        await driven.press("r")
        await driven.until_shown(f"Resume {label}", "2 to run")
        await driven.press("y")
        await become("queued", 1, "good")
        control.cancel(chosen)
        await driven.until_shown("⊘ cancelled")
        await marked()
        await driven.press("delete")
        await question(driven, f"Delete the run {label}?")
        await driven.press("y")
        await driven.until(lambda: states(chosen, other) == [None, untouched], "the deletion")


async def test_one_stage_is_cancelled_and_the_others_are_left_alone(filler: Filler) -> None:
    run_id = filler.run(SWEEP)
    filler.complete(run_id, "prepare")
    async with opened(run_id) as driven:
        await driven.until_shown("6 queued")
        driven.run.graph.select(MEMBERS[1])
        await driven.press("x")
        await question(driven, f"Cancel {MEMBERS[1]}?", "would be blocked: select")
        await driven.press("y")
        await driven.until_shown("⊘ 1 cancelled")
        assert statuses(filler, run_id, MEMBERS) == {
            **dict.fromkeys(MEMBERS, Status.QUEUED),
            MEMBERS[1]: Status.CANCELLED,
        }
        driven.run.graph.select(MEMBERS[2])
        await driven.press("x")
        await question(driven, f"Cancel {MEMBERS[2]}?", "every unfinished stage of the run")
        await driven.press("a")
        await driven.until_shown("⊘ 6 cancelled")


async def test_the_cancel_of_the_only_stage_offers_it_once(filler: Filler) -> None:
    run_id = filler.run({"train": ()})
    async with opened(run_id) as driven:
        await driven.until_shown("1 queued")
        await driven.press("x")
        await question(driven, "Cancel train?", "cancel this stage", "do not cancel")
        assert "every unfinished stage" not in driven.text()
        await driven.press("n")


async def test_an_ended_stage_is_not_cancelled_nor_is_its_run(
    filler: Filler,
) -> None:
    run_id = filler.run(SWEEP)
    filler.complete(run_id, "prepare", *MEMBERS)
    async with opened(run_id) as driven:
        await driven.until_shown("7/8")
        driven.run.graph.select("prepare")
        await driven.press("x")
        await driven.until_shown("prepare has ended: nothing to cancel", "cancels the run")
        driven.run.graph.select(MEMBERS[1])
        await driven.press("F")
        await driven.until_shown("train ×6")
        await driven.press("x")
        await driven.until_shown("train ×6 has ended: nothing to cancel")
        await driven.press("y", "a", "escape", "escape")
        await driven.until(lambda: driven.app.screen is driven.runs, "the list")
        await driven.press("x")
        await question(driven, "Cancel the run digits", "1 stage has not started yet")
        await driven.press("y")
        await driven.until_shown("cancelling select...")
    left = dict.fromkeys(SWEEP, Status.COMPLETED) | {"select": Status.CANCELLED}
    assert statuses(filler, run_id, left) == left


async def test_a_blocked_stage_is_cancelled_alone(filler: Filler) -> None:
    run_id = filler.run({"first": (), "second": ("first",), "other": ()})
    filler.fail(run_id, "first", "exit code 1: no")
    async with opened(run_id) as driven:
        await driven.until_shown("blocked")
        driven.run.graph.select("second")
        await driven.press("x")
        await question(driven, "Cancel second?", "cancel this stage")
        await driven.press("y")
        await driven.until_shown("cancelling second...")
    left = {"first": Status.FAILED, "second": Status.CANCELLED, "other": Status.QUEUED}
    assert statuses(filler, run_id, left) == left


def statuses(filler: Filler, run_id: str, names: Iterable[str]) -> dict[str, Status]:
    """Return the states of some stages of a run, by name."""
    return {name: filler.stage(run_id, name).status for name in names}


async def test_a_folded_matrix_is_cancelled_as_a_whole(filler: Filler) -> None:
    run_id = filler.run(SWEEP)
    filler.complete(run_id, "prepare", MEMBERS[0])
    async with opened(run_id) as driven:
        await driven.until_shown("5 queued")
        driven.run.graph.select(MEMBERS[1])
        await driven.press("F")
        await driven.until_shown("train ×6")
        await driven.press("x")
        await question(driven, "Cancel train ×6?", "cancel its 5 unfinished members")
        await driven.press("y")
        await driven.until_shown("cancelling ")
    found = [filler.stage(run_id, name).status for name in MEMBERS]
    assert found == [Status.COMPLETED, *[Status.CANCELLED] * 5]


async def test_a_folded_matrix_runs_again_as_a_whole(
    home: Path,
    filler: Filler,
    noted_start: None,
) -> None:
    run_id = filler.run(SWEEP)
    filler.complete(run_id, *SWEEP)
    control.set_paused(True)  # the worker that is started is to start nothing
    async with opened(run_id) as driven:
        await driven.until_shown("8/8")
        driven.run.graph.select(MEMBERS[1])
        await driven.press("F")
        await driven.until_shown("train ×6")
        await driven.press("R")
        await question(driven, "Rerun train ×6?", "only its 6 members", "select depends on it")
        await driven.press("n", "e")
        await driven.until_shown(" › train  nothing is applied before the preview")
        await driven.press("escape", "R")
        await question(driven, "Rerun train ×6?", "only its 6 members", "select depends on it")
        await driven.press("y")
        await driven.until_shown("rerunning ")
    found = [filler.stage(run_id, name).status for name in SWEEP]
    assert found == [Status.COMPLETED, *[Status.QUEUED] * 6, Status.COMPLETED]


async def test_a_long_name_hides_nothing_else_in_a_title(filler: Filler) -> None:
    name = f"run-{'x' * 56}"
    run_id = filler.run({"train": ()}, name=name)
    filler.fail(run_id, "train", "exit code 1")
    id_ = run_id[:8]
    async with opened(run_id, (80, 24)) as driven:
        await driven.until_shown("✗ failed")
        await driven.press("r")
        await driven.until_shown(f"… {id_}  Preview: nothing has started")
        await driven.press("escape")
        await driven.until_shown("1 failed")
        await driven.press("e")
        await driven.until_shown(f"{id_} › train  nothing is applied before the preview")
        await driven.press("escape")
        await driven.until_shown("1 failed")
        await driven.press("escape")
        await driven.until_shown("1 run")
        await driven.press("D")
        await driven.until_shown("What differs: run-xx", f"… {id_} → the files as they are now ─")


async def test_a_recomputed_plan_is_no_preview_in_a_resized_terminal(
    filler: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = filler.run({"train": ()})
    filler.fail(run_id, "train", "exit code 1")
    async with opened(run_id) as driven:
        await driven.until_shown("✗ failed")
        await driven.press("r")
        await driven.until_shown("Preview: nothing has started")
        monkeypatch.setattr(PlanScreen, "run_worker", lambda *_, **__: None)  # it takes forever
        await driven.press("F")
        await driven.until_shown("planning…")
        await driven.pilot.resize_terminal(60, 24)
        await driven.until_shown("planning…  --fresh")


@pytest.mark.parametrize("width", [40, 60])
async def test_a_narrow_terminal_has_the_names_of_what_is_edited(
    filler: Filler, width: int
) -> None:
    run_id = filler.run({"train": ()}, name="digits")
    filler.fail(run_id, "train", "exit code 1")
    async with opened(run_id, (width, 24)) as driven:
        await driven.until_shown("✗ failed")
        await driven.press("e")
        await driven.until_shown(" Edit dig", "› train")


async def test_every_key_ends_in_something_seen_or_a_reason(filler: Filler) -> None:
    run_id = filler.run({"a": ()}, name="done")
    filler.complete(run_id, "a")
    async with opened() as driven:
        await driven.until_shown("✓ completed")
        for key, reason in (
            ("R", "open the run with enter"),
            ("x", "done already completed: nothing to cancel"),
            ("right_square_bracket", "done already completed: priority has no effect"),
            ("Y", "copied as Markdown"),
        ):
            await driven.press(key)
            await driven.until_shown(reason)
        await driven.press("escape")
        await driven.until_gone("copied as Markdown")


async def ask_to_rerun(driven: Driven, *answers: str) -> None:
    """Press the key on the first stage of a completed diamond; wait for the question."""
    await driven.until_shown("5/5")
    await driven.press("g", "R")
    await question(driven, "Rerun prepare?", *answers)


async def test_rerun_asks_whether_alone_or_with_what_depends_on_it(filler: Filler) -> None:
    run_id = filler.run(DIAMOND)
    filler.complete(run_id, *DIAMOND)
    async with opened(run_id) as driven:
        await ask_to_rerun(driven, "only this stage", "depend on it")
        await driven.press("escape")
        await driven.until_shown("1 Stages")
    assert filler.stage(run_id, "prepare").status == Status.COMPLETED


async def test_each_answer_of_the_rerun_question_reruns_what_it_says(
    home: Path, filler: Filler, noted_start: None
) -> None:
    control.set_paused(True)  # the worker that is started is to start nothing
    alone, downstream = filler.run(DIAMOND), filler.run(DIAMOND)
    for run_id, answer, done in (
        (alone, "y", "rerunning prepare"),
        (downstream, "d", "rerunning prepare, train"),
    ):
        filler.complete(run_id, *DIAMOND)
        async with opened(run_id) as driven:
            await ask_to_rerun(driven, "with all dependants")
            await driven.press(answer)
            await driven.until_shown(done)
    completed = dict.fromkeys(DIAMOND, Status.COMPLETED)
    assert statuses(filler, alone, DIAMOND) == {**completed, "prepare": Status.QUEUED}
    pending = dict.fromkeys(DIAMOND, Status.PENDING)
    assert statuses(filler, downstream, DIAMOND) == {**pending, "prepare": Status.QUEUED}


async def test_a_stage_rerun_elsewhere_meanwhile_is_not_rerun_twice(filler: Filler) -> None:
    run_id = filler.run(DIAMOND)
    filler.complete(run_id, *DIAMOND)
    async with opened(run_id) as driven:
        await ask_to_rerun(driven, "only this stage")
        control.rerun(run_id, ["prepare"])
        filler.complete(run_id, "prepare")
        await driven.press("y")
        await driven.until_shown("nothing ran")
    stage = filler.stage(run_id, "prepare")
    assert (stage.status, stage.attempt) == (Status.COMPLETED, 2)


async def test_a_running_stage_is_not_run_again(filler: Filler) -> None:
    run_id = running_demo(filler)
    async with opened(run_id) as driven:
        await driven.until_shown("2 train[hidden=128]")
        await driven.press("R")
        await driven.until_shown("is running; wait until it ends")


async def test_the_queue_is_held_and_let_go(filler: Filler) -> None:
    filler.run({"a": ()})
    async with opened() as driven:
        await driven.until_shown("queued")
        await driven.press("p")
        await driven.until_shown("queue paused (p)", "queue paused: no new stages start")
        await driven.press("p")
        await driven.until_gone("queue paused")
        await driven.press("escape")
        await driven.until_gone("queue resumed")
        driven.app.poller.stop()  # what is shown is older than the first of two keys
        await driven.press("p")
        await driven.until_shown("queue paused: no new stages start")
        await driven.press("p")
        await driven.until_shown("queue resumed")


async def test_a_run_goes_before_others_or_after_them(filler: Filler) -> None:
    run_id = filler.run({"a": ()}, name="urgent")
    async with opened(run_id) as driven:
        await driven.until_shown("urgent")
        await driven.press("right_square_bracket")
        await driven.until_shown(f"priority of urgent {run_id[:8]} is +1", "priority +1")
        await driven.press("left_square_bracket")
        await driven.until_shown(f"priority of urgent {run_id[:8]} is +0")
        await driven.press(*["right_square_bracket"] * 3)  # faster than the page is read
        await driven.until_shown("priority +3")


async def test_copying_a_run_copies_the_report_that_the_command_prints(
    filler: Filler,
) -> None:
    run_id = failed_demo(filler)
    report = of_runs([run_id])
    assert "| train/loss |" in report
    assert "RuntimeError: loss is NaN at step 412" in report.splitlines()
    for page in (run_id, None):
        async with opened(page) as driven:
            await driven.until_shown("✗ failed")
            await driven.press("Y")
            await driven.until_shown("copied as Markdown")
            assert driven.app.clipboard == report


async def test_q_leaves_from_anywhere(filler: Filler) -> None:
    run_id = running_demo(filler)
    for keys in ((), ("question_mark",), ("x",), ("r",)):
        async with opened(run_id) as driven:
            await driven.until_shown("1 Stages")
            await driven.press(*keys)
            await driven.press("q")
            assert driven.app.return_code == 0


THREE = """\
name: three
stages:
  - {name: first, run: touch made, outputs: [made]}
  - {name: second, run: "true", depends_on: [first]}
  - {name: third, run: "true", depends_on: [second]}
"""


async def test_each_option_of_the_plan_reaches_the_resume(
    home: Path, tmp_path: Path, filler: Filler, started_worker: None
) -> None:
    (tmp_path / "three.yaml").write_text(THREE)
    control.set_paused(True)  # the worker that is started is to start nothing
    found, fresh = {}, {}
    for key, option in (("K", "--keep first"), ("F", "--fresh second"), ("U", "--until second")):
        run_id = control.submit(loader.load(str(tmp_path / "three.yaml"), {}))
        filler.complete(run_id, "first")
        if key != "K":  # without its output it would run again
            Path(filler.stage(run_id, "first").directory, "made").write_text("made")
        filler.end(filler.start(run_id, "second"), Status.FAILED, exit_code=1)
        async with opened(run_id) as driven:
            await driven.until_shown("✗ failed")
            await driven.press("r")
            await driven.until_shown("3 to run" if key == "K" else "2 to run")
            plan = driven.app.screen.query_one(PlanView)
            while plan.selected != option.split()[1]:
                await driven.press("j")
            await driven.press(key)
            await driven.until_shown(option, "Preview: nothing has started", "y resume")
            await driven.press("y")
            await driven.until_shown("resumed: ")
        found[key] = list(statuses(filler, run_id, ("first", "second", "third")).values())
        with filler.store.read() as connection:
            fresh[key] = attempts.is_fresh(connection, filler.stage(run_id, "second").id)
    assert found == {
        "K": [Status.COMPLETED, Status.QUEUED, Status.PENDING],
        "F": [Status.COMPLETED, Status.QUEUED, Status.PENDING],
        "U": [Status.COMPLETED, Status.QUEUED, Status.SKIPPED],
    }
    assert fresh == {"K": False, "F": True, "U": False}


async def test_the_plan_takes_options_of_single_stages(filler: Filler) -> None:
    run_id = filler.run(DIAMOND)
    attempt = filler.start(run_id, "prepare", ago=60)
    checkpoint = paths.stage_directory(Path(attempt.directory)) / "ckpt-3.npz"
    checkpoint.write_bytes(b"PK\x05\x06" + bytes(18))
    filler.end(attempt, Status.FAILED, error="exit code 1", exit_code=1)
    async with opened(run_id) as driven:
        await driven.until_shown("✗ failed")
        await driven.press("r")
        await driven.until_shown("↻ continue", "from ckpt-3.npz", "F restart", "U run up to here")
        await driven.press("F")
        await driven.until_shown("▶ run", "--fresh prepare", "in a new directory")
        await driven.press("F")
        await driven.until_shown("↻ continue")
        await driven.press("K")
        await driven.until_shown("prepare cannot be kept: it is failed", "↻ continue")
        await driven.press("j", "U")
        await driven.until_shown("--until train[hidden=32]", "left out by --until", "3 skipped")
        await driven.press("f")
        await driven.until_shown("the run's file has not changed")
        assert filler.stage(run_id, "evaluate").status == Status.BLOCKED


async def test_a_plan_older_than_the_last_option_is_discarded(filler: Filler) -> None:
    run_id = failed_demo(filler)
    async with opened(run_id) as driven:
        await driven.until_shown("✗ failed")
        await driven.press("r")
        await driven.until_shown("y resume")
        screen = driven.app.screen
        assert isinstance(screen, PlanScreen)
        screen.action_toggle_option("fresh")  # the plan with it is made in a thread
        screen.action_choose()
        await driven.until_shown("the plan is not ready yet", "--fresh")
        assert isinstance(driven.app.screen, PlanScreen)
        screen.action_toggle_option("fresh")
        screen.action_toggle_option("until")
        await driven.until_shown("--until", "left out by --until")
        assert "--fresh" not in driven.text()
    assert filler.stage(run_id, "train[hidden=128]").status == Status.FAILED


PAIR = """\
name: pair
stages:
  - {name: left, run: "true"}
  - {name: right, run: "true"}
"""


async def test_a_plan_that_changed_is_shown_again_and_not_carried_out(
    home: Path, tmp_path: Path, filler: Filler, started_worker: None
) -> None:
    control.set_paused(True)
    file = tmp_path / "pair.yaml"
    file.write_text(PAIR)
    run_id = control.submit(loader.load(str(file), {}))
    filler.fail(run_id, "left", "exit code 1")
    running = filler.start(run_id, "right")
    async with opened(run_id) as driven:
        await driven.until_shown("1 failed")
        await driven.press("r")
        await driven.until_shown("y resume", "is running already")
        filler.end(running, Status.FAILED, error="exit code 3", exit_code=3)
        await driven.press("y")
        changed = ("The plan has changed since you read it", "right: skip -> run", "2 to run")
        await driven.until_shown(*changed)
        assert filler.stage(run_id, "left").status == Status.FAILED
        file.write_text(PAIR.replace("true", "echo", 1))
        await driven.press("y")
        await driven.until_shown("The plan has changed", '  +  - {name: left, run: "echo"}')
        assert filler.stage(run_id, "left").status == Status.FAILED
        await driven.press("y")
        await driven.until_shown("resumed: left, right")
    assert filler.stage(run_id, "right").status == Status.QUEUED


async def test_of_marked_runs_only_the_plans_shown_are_carried_out(
    home: Path, tmp_path: Path, filler: Filler, started_worker: None
) -> None:
    control.set_paused(True)
    file = tmp_path / "pair.yaml"
    file.write_text(PAIR)
    first, second = (control.submit(loader.load(str(file), {})) for _ in range(2))
    for run_id in (first, second):
        filler.fail(run_id, "left", "exit code 1")
    running = filler.start(second, "right")
    async with opened() as driven:
        await driven.until_shown("2 failed")
        await driven.press("A", "r")
        await driven.until_shown("Resume 2 runs?", "1 to run, 1 skipped")
        named = driven.text().partition("Resume 2 runs?")[2]
        assert [named.count(run_id[:8]) for run_id in (first, second)] == [1, 1]
        filler.end(running, Status.FAILED, error="exit code 3", exit_code=3)
        await driven.press("y")
        await driven.until_shown("resumed: 1 run", "nothing ran: right: skip -> run")
    found = [str(filler.stage(run_id, "left").status) for run_id in (first, second)]
    assert found == ["queued", "failed"]


async def test_the_page_says_that_its_numbers_are_from_before_an_edit(
    home: Path, tmp_path: Path, filler: Filler, worker: None
) -> None:
    file = tmp_path / "two.yaml"
    file.write_text(TWO)
    control.set_paused(True)
    run_id = control.submit(loader.load(str(file), {}))
    filler.complete(run_id, "first")
    filler.end(filler.start(run_id, "second"), Status.FAILED, exit_code=1)
    run = control_known.run_of(run_id)
    edit = edits.with_text(run, TWO, TWO.replace("!= bad", "!= good"))
    pipeline, _ = edits.pipeline_of(run, edit)
    control.resume(run_id, pipeline=pipeline, edit=edit)
    async with opened(run_id) as driven:
        await driven.until_shown("second")
        driven.run.graph.select("second")
        await driven.until_shown("waits: numbers, files and log are of")


TWO = """\
name: two
params: {word: bad, times: 3}
stages:
  - name: first
    run: echo first
  - name: second   # fails on a bad word
    run: test ${params.word} != bad
    depends_on: [first]
"""


def failed_run(file: Path, params: str = "") -> str:
    """Run a file that fails, to its end."""
    file.write_text(TWO)
    run_id = start(str(file), params)

    def is_over() -> bool:
        with engine.reading() as connection:
            run = views.run(connection, run_id)
        return run is not None and run.status == Status.FAILED

    wait_for(is_over, "the run's failure", 60)
    return run_id


async def test_a_parameter_is_edited_and_the_run_continues_with_it(
    home: Path,
    tmp_path: Path,
    worker: None,
) -> None:
    file = tmp_path / "two.yaml"
    run_id = failed_run(file, "times=4")
    async with opened(run_id) as driven:
        await driven.until_shown("✗ failed", "exit code 1")
        await driven.press("e")
        await driven.until_shown(" Edit ", "word", "bad", "times (-p)", "4")
        await driven.press("enter")
        await driven.until_shown("nothing was edited")
        await driven.press("ctrl+u", *"good", "tab", "ctrl+u", *"5", "enter")
        await driven.until_shown("With your edits:", "+params: {word: good, times: 3}")
        await driven.until_shown("-times: 4", "+times: 5", "– skip", "▶ run")
        await driven.press("y")
        await driven.until_shown("resumed: second")
        await driven.until_shown("✓ completed", "2/2")
        await driven.press("r")  # the file is as it was, so it takes nothing back
        await driven.until_shown("nothing to resume: ")
        assert "has changed since" not in driven.text()
    assert file.read_text() == TWO
    with engine.reading() as connection:
        run = views.run(connection, run_id)
        assert run is not None
        assert dict(run.params) == {"word": "good", "times": "5"}
        told = connection.execute("SELECT text FROM events WHERE kind = 'edited'").fetchall()
    assert [text for (text,) in told] == ["edited in place: word: bad -> good; times: 4 -> 5"]
    assert control.given_params(run_id) == {"times": "5"}
    file.write_text(TWO.replace("bad, times", "better, times"))
    edited = control.changed_file(control_known.run_of(run_id))
    assert edited is not None


async def test_the_plan_excludes_running_stages_edits_and_a_key_others(
    home: Path, tmp_path: Path, filler: Filler, started_worker: None
) -> None:
    file = tmp_path / "four.yaml"
    file.write_text(FOUR)
    control.set_paused(True)  # the worker that is started is to start nothing
    run_id = control.submit(loader.load(str(file), {}))
    filler.start(run_id, "train[lr=0.1,seed=1]")
    filler.end(filler.start(run_id, "train[lr=0.3,seed=1]"), Status.FAILED, exit_code=1)
    file.write_text(FOUR.replace("limit: 0.3", "limit: 0.30"))
    async with opened(run_id) as driven:
        await driven.until_shown("1 failed")
        await driven.press("r")
        await driven.until_shown("2 to run", "f without the edits", "+params: {limit: 0.30}")
        name = "train[lr=0.1,seed=1]"
        await driven.until_shown(
            f"{name} runs with the definition it was submitted with; its edit is pending"
        )
        screen = driven.app.screen
        assert isinstance(screen, PlanScreen)
        before, request = screen._plan, screen._request
        assert before is not None
        await driven.press("f")
        await driven.until_shown("Plan as submitted, without", "2 to run", "f with the edits")
        screen._show_plan(before, request)  # as if it had taken long
        assert screen._plan is not before
        await driven.press("y")
        await driven.until_shown("resumed: train[lr=0.3,seed=1]")


FOUR = """\
name: four
params: {limit: 0.3}
stages:
  - name: train
    matrix: {lr: [0.1, 0.3], seed: [1, 2]}
    run: test ${matrix.lr} = ${params.limit}
  - {name: select, run: "true", depends_on: [train]}
"""


async def test_a_member_of_a_sweep_is_edited_and_retried_alone(
    home: Path, tmp_path: Path, filler: Filler, started_worker: None
) -> None:
    file = tmp_path / "four.yaml"
    file.write_text(FOUR)
    control.set_paused(True)  # the worker that is started is to start nothing
    run_id = control.submit(loader.load(str(file), {}))
    filler.complete(run_id, "train[lr=0.3,seed=1]", "train[lr=0.3,seed=2]")
    for seed in (1, 2):
        attempt = filler.start(run_id, f"train[lr=0.1,seed={seed}]")
        filler.end(attempt, Status.FAILED, exit_code=1)
    async with opened(run_id) as driven:
        await driven.until_shown("2 failed")
        name = "train[lr=0.1,seed=2]"
        for value, typed in (("0.1", "0.3"), ("0.1", "0.2"), ("0.2", "0.25")):

            def is_selected(name: str = name) -> bool:
                driven.run.graph.select(name)
                selected = driven.run.graph.selected
                return selected is not None and selected.name == name

            await driven.until(is_selected, f"{name} in the graph")
            await driven.until_shown(f"2 {name}")
            await driven.press("e")
            await driven.until_shown("Only this member is changed", "matrix lr", value)
            if typed == "0.25":
                await driven.press("ctrl+u", *"0.250")
            await driven.press("tab", "ctrl+u", *typed, "enter")
            if typed == "0.3":
                await driven.until_shown("your edit has problems", "'0.3'")
                await driven.press("escape", "escape")
                continue
            name = f"train[lr={typed},seed=2]"
            more = ["]: limit=0.250"] if typed == "0.25" else []
            await driven.until_shown(f"for {name} and what follows it", f"lr={typed}", *more)
            await driven.until_shown("it stays so", "train[lr=0.1,seed=1] stays as it ended")
            assert "--until" not in driven.text()
            await driven.press("y")
            await driven.until_shown(f"resumed: {name}", f"2 {name}")
            if typed == "0.2":
                control.cancel(run_id, [name])
        await driven.until_shown("limit=0.250")
        await driven.press("5")
        await driven.until_shown("limit", "0.250")
        assert "of the run" not in driven.text(), "its only parameter has another value here"
    with engine.reading() as connection:
        stages = {stage.name: stage for stage in views.stages(connection, run_id)}
    assert {name: str(stage.status) for name, stage in stages.items() if not stage.removed} == {
        "train[lr=0.1,seed=1]": "failed",
        "train[lr=0.25,seed=2]": "queued",
        "train[lr=0.3,seed=1]": "completed",
        "train[lr=0.3,seed=2]": "completed",
        "select": "blocked",
    }
    assert len(stages) == 5, "the member that was edited is the same stage"
    with engine.reading() as connection:
        tries = views.attempts_of_stage(connection, stages["train[lr=0.25,seed=2]"].id)
        first = tries[0].definition
        assert (tries[0].status, first and first.name) == ("failed", "train[lr=0.1,seed=2]")
    assert "train[lr=0.25,seed=2]" in stages["select"].depends_on
    assert stages["train[lr=0.25,seed=2]"].definition.command == "test 0.25 = 0.250"
    assert stages["train[lr=0.1,seed=1]"].definition.command == "test 0.1 = 0.3"
    run = control_known.run_of(run_id)
    assert control.changed_file(run) is None
    assert [one.name for one in control.plan_resume(run_id) if one.action == "run"] == [
        "train[lr=0.1,seed=1]",
        "select",
    ]
    file.write_text(
        f"{FOUR}# a comment\n"
    )  # the member keeps its value when the file is read again
    assert edits.is_equivalent(edits.load(str(file), run), run)
    text, edited = edits.text_of(run), stages["train[lr=0.25,seed=2]"].definition
    for alone, limit in ((True, "0.250"), (False, "0.3")):
        values = edits.values_of(run, text, edited, alone=alone)
        shown = {(one.place.scope, one.place.name): one.value for one in values}
        assert shown["run", "limit"] == limit
        assert shown["matrix", "lr"] == "0.25"
    member = edits.load(str(file), run).stage("train[lr=0.25,seed=2]")
    assert member.command == "test ${matrix.lr} = 0.250"


async def test_the_command_of_a_run_is_edited_and_run_again(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, worker: None
) -> None:
    monkeypatch.chdir(tmp_path)
    run_id = control.submit(loader.from_command(["sh", "-c", "test -e made", "a b"]))
    lifecycle.ensure_started()
    async with opened() as driven:
        await driven.until_shown("✗ failed")
        await driven.press("e")
        await driven.until_shown("Edit values", "command", "sh -c 'test -e made' 'a b'")
        await driven.press("ctrl+u", *"sh -c 'pwd ", "enter")
        await driven.until_shown("command: No closing quotation")
        await driven.press("ctrl+u", *"sh -c pwd", "enter")
        await driven.until_shown(
            "With your edits:", '+    run: ["sh", "-c", "pwd"]', "command changed"
        )
        await driven.press("y")
        await driven.until_shown("✓ completed")
        await driven.press("r")
        await driven.until_shown("nothing to resume: ")
    with engine.reading() as connection:
        (stage,) = views.stages(connection, run_id)
    assert (stage.definition.command, stage.definition.workdir) == (
        ("sh", "-c", "pwd"),
        str(tmp_path),
    )


async def test_an_edit_that_reruns_nothing_applies_to_waiting_stages(
    home: Path, tmp_path: Path, worker: None
) -> None:
    file = tmp_path / "two.yaml"
    file.write_text(TWO)
    run_id = control.submit(loader.load(str(file), {}))
    async with opened(run_id) as driven:
        await driven.until_shown("◔ queued")
        await driven.press("e")
        await driven.until_shown(" Edit ", "word", "bad")
        await driven.press("ctrl+u", *"good", "enter")
        await driven.until_shown(
            "nothing to resume: ", "the edits apply to stages that have not started"
        )
        await driven.press("enter")
        await driven.until_shown("edited; stages that have not started yet use the edits")
    with engine.reading() as connection:
        run = views.run(connection, run_id)
    assert run is not None
    assert run.params["word"] == "good"


async def test_keys_that_come_together_act_in_their_order(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "two.yaml"
    file.write_text(TWO)
    run_id = control.submit(loader.load(str(file), {}))
    async with opened(run_id) as driven:
        await driven.until_shown("◔ queued")
        await driven.press("e")
        await driven.until_shown("Edit values")
        for key in (*["backspace"] * 3, "a", "b"):  # as of one packet
            driven.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await driven.until(lambda: driven.app.screen.query(Input).first().value == "ab", "ab")


async def test_tab_goes_from_the_file_to_the_parameters(
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "small.yaml").write_text(PIPELINE)
    monkeypatch.chdir(tmp_path)
    async with opened() as driven:
        await driven.press("u")
        await driven.until_shown("✓ small", "word = hello")
        await driven.press("tab", *"word=bye")
        await driven.until_shown("word = bye")


async def test_the_whole_text_is_edited_in_an_editor(
    home: Path,
    tmp_path: Path,
    worker: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run_id = failed_run(tmp_path / "two.yaml")
    monkeypatch.setenv("EDITOR", "sed -i s/bad,/worse,/")
    monkeypatch.setattr(TrainuiApp, "suspend", lambda _app: nullcontext())  # no terminal to lend
    async with opened(run_id) as driven:
        await driven.until_shown("✗ failed", "exit code 1")
        await driven.press("e")
        await driven.until_shown("Edit values")
        await driven.press("ctrl+e")
        await driven.until_shown("With your edits:", "+params: {word: worse, times: 3}")
        await driven.press("escape")
        await driven.until_shown(" Edit ")
        monkeypatch.setenv("EDITOR", "sed -i s/name:/nome:/")
        await driven.press("ctrl+e")
        await driven.until_shown("your edit has problems", "nome")
        await driven.press("escape", "escape")
        await driven.until_shown("1 Stages")
    assert control.changed_file(control_known.run_of(run_id)) is None


async def test_a_stage_that_cannot_be_edited_says_why(filler: Filler) -> None:
    run_id = running_demo(filler)
    async with opened(run_id) as driven:
        await driven.until_shown("2 train[hidden=128]")
        await driven.press("e")
        await driven.until_shown("train[hidden=128] is running; cancel it with x")
        await driven.press("g", "e")
        await driven.until_shown("this run cannot be edited: the run's pipeline cannot be read")
        await driven.press("f2")
        await driven.until_shown("see the error above")


async def test_a_key_before_the_page_is_read_has_its_run(filler: Filler) -> None:
    filler.start(filler.run({"a": ()}, name="digits"), "a")
    async with opened() as driven:
        await driven.until_shown("digits")
        driven.app.poller.stop()  # nothing is read from now on
        await driven.press("enter", "x")
        await question(driven, "Cancel", "digits")


SEARCHED = """
stages:
  - name: train
    search: {space: {x: {low: 0.0, high: 1.0}}, metric: loss, goal: minimize, trials: 3}
    run: echo ${search.x}
"""


async def test_editing_a_running_search_changes_the_trials_to_come(
    home: Path, tmp_path: Path, filler: Filler, started_worker: None
) -> None:
    control.set_paused(True)  # the worker that the edit starts runs none of them
    file = tmp_path / "search.yaml"
    file.write_text(SEARCHED)
    run_id = control.submit(loader.load(str(file)))
    filler.start(run_id, "train[trial=0]")
    async with opened(run_id) as driven:
        await driven.until_shown("train[trial=2]", "running")
        driven.run.graph.select("train[trial=0]")
        await driven.press("e")
        await driven.until_shown("trials that have not been asked for", "search x.high", "1.0")
        await driven.press(*["tab"] * 4, "ctrl+u", *"4", "enter")
        await driven.until_shown("With your edits:", "trials: 4", "train[trial=3]", "is new")
        await driven.press("y")
        await driven.until_shown("train[trial=3]", "queued")
    with engine.reading() as connection:
        found = [stage.definition.search for stage in views.stages(connection, run_id)]
    assert [one and one.trials for one in found] == [4] * 4
