"""The log of a stage as a person reads it."""

from __future__ import annotations

from pathlib import Path

from rich.color import Color

from tests.unit.tui.driving import Driven, opened
from tests.unit.tui.filled import Filler, running_demo
from trainui import clock
from trainui.model.records import AttemptRecord
from trainui.model.states import Status
from trainui.tui.log_view import LogView


def started(filler: Filler) -> AttemptRecord:
    return filler.start(filler.run({"a": ()}, run_id="run"), "a")


def view(driven: Driven) -> LogView:
    return driven.run.panes.log_view


async def alone(driven: Driven) -> None:
    """Show the log alone."""
    await driven.press("L")
    await driven.until(lambda: driven.app.focused is view(driven), "the focus on the log")


async def test_the_log_follows_its_end_until_somebody_scrolls_up(filler: Filler) -> None:
    attempt = started(filler)
    filler.log(attempt, "".join(f"line {n}\n" for n in range(200)))
    async with opened("run") as driven:
        await driven.until_shown("line 199")
        await driven.press("4", "g")
        await driven.until_shown("line 0", "f follows")
        filler.log(attempt, f"the newest {'x' * 400}\n")
        await driven.until_shown("2.1 kB")
        assert "the newest" not in driven.text()
        await driven.press("f")
        await driven.until_shown("the newest")
        filler.log(attempt, "and the next\n")
        await driven.until_shown("and the next")


def rows(log: LogView) -> list[str]:
    """The rows of the log that are to be painted."""
    return ["".join(segment.text for segment in row).strip() for row in log._seen]


async def test_page_up_reaches_the_start_of_any_log(filler: Filler) -> None:
    attempt = started(filler)
    filler.log(attempt, "".join(f"line {n} of many\n" for n in range(5000)))
    async with opened("run", size=(120, 100)) as driven:
        await driven.until_shown("line 4999 of many")
        await alone(driven)
        page = view(driven).page_height
        seen: set[int] = set()
        lines: list[str] = []

        def are_others_shown() -> bool:
            """A busy machine acts and paints late: a page would be missed between two keys."""
            now = shown(driven, "of many")
            return now != lines and now == rows(view(driven))

        for _ in range(5000 // page + 50):
            await driven.until(are_others_shown, "the rows")
            lines = shown(driven, "of many")
            numbers = [int(line.split()[1]) for line in lines]
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
            seen.update(numbers)
            if 0 in seen:
                break
            await driven.press("pageup")
        assert seen == set(range(5000))
        await driven.press(*["pagedown"] * 3)
        await driven.until_shown(f"line {3 * page} of many")
        await driven.press("G")
        await driven.until_shown("line 4999 of many")


def shown(driven: Driven, text: str) -> list[str]:
    return [line.strip(" │▐") for line in driven.text().splitlines() if text in line]


async def test_o_shows_both_streams_or_one_with_progress_bars_folded(filler: Filler) -> None:
    run_id = running_demo(filler)
    async with opened(run_id) as driven:
        await driven.until_shown("epoch 59/30", "▎ 63%|###############", "stdout", "stderr")
        assert " 60%|" not in driven.text()
        await driven.press("o")
        await driven.until_gone(" 63%|###############")
        await driven.until_shown("epoch 59/30", "o: stderr")
        await driven.press("o")
        await driven.until_gone("epoch 59/30")
        await driven.until_shown(" 63%|###############", "o: stdout")
        await driven.press("o")
        await driven.until_shown("epoch 59/30", " 63%|")


async def test_a_log_is_searched(filler: Filler) -> None:
    attempt = started(filler)
    lines = ["ValueError here" if n in (3, 90) else f"line {n}" for n in range(9000)]
    filler.log(attempt, "\n".join(lines) + "\n")
    async with opened("run") as driven:
        await driven.until_shown("line 8999")
        await driven.press("4")
        await driven.until(lambda: driven.app.focused is view(driven))
        await driven.press("slash", *"valueerror", "enter")
        await driven.until_shown("ValueError here", "line 91")
        await driven.press("N")
        await driven.until_shown("line 2", "line 4")
        await driven.press("n")
        await driven.until_shown("line 89", "line 91")
        await driven.press("escape", "slash", *"nowhere", "enter")
        await driven.until_shown("no 'nowhere' in this log")


async def test_only_the_lines_that_were_searched_for_are_shown(filler: Filler) -> None:
    attempt = started(filler)
    filler.log(
        attempt, "".join(f"{'epoch' if n % 500 == 0 else 'step'} {n}\n" for n in range(9001))
    )
    async with opened("run") as driven:
        await driven.until_shown("step 8999")
        await alone(driven)
        await driven.press("ampersand")
        await driven.until_shown("search with / first")
        await driven.press("slash", *"epoch", "enter", "ampersand")
        await driven.until_shown("only 'epoch'", "epoch 9000", "epoch 500", "epoch 0")
        assert "step" not in "\n".join(shown(driven, "step"))
        filler.log(attempt, "step 9001\nepoch 9999\n")
        await driven.until_shown("epoch 9999")
        await driven.press("escape")
        await driven.until_shown("step 1")
        await driven.press("f")
        await driven.until_shown("step 9001")


async def test_e_goes_to_the_error_with_what_led_to_it(filler: Filler) -> None:
    attempt = started(filler)
    filler.log(attempt, "fine\n" * 500)
    trace = 'Traceback (most recent call last):\n  File "train.py", line 3\n'
    filler.log(attempt, f"{trace}RuntimeError: CUDA out of memory\n", "stderr")
    filler.log(attempt, "left over\n" * 500, "stderr")
    async with opened("run") as driven:
        await driven.until_shown("left over")
        await driven.press("4", "E")
        await driven.until_shown("Traceback", "RuntimeError: CUDA out of memory")
        await driven.until(lambda: "reverse" in styles_of(driven, "RuntimeError"), "the highlight")


def styles_of(driven: Driven, text: str) -> set[str]:
    """Return the attributes of the segments that contain a text, in the log."""
    rows = (view(driven).render_line(y) for y in range(view(driven).page_height))
    found = [one.style for row in rows for one in row if text in one.text and one.style]
    return {word for style in found for word in str(style).split()}


async def test_an_error_stands_out_in_the_log(filler: Filler) -> None:
    attempt = started(filler)
    filler.log(attempt, "fine\nValueError: too high\n", "stderr")
    async with opened("run") as driven:
        await driven.until_shown("ValueError: too high")
        assert styles_of(driven, "ValueError") != styles_of(driven, "fine")


async def test_text_is_selected_with_the_mouse_and_copied(filler: Filler) -> None:
    attempt = started(filler)
    filler.log(attempt, "first line\nsecond line\nthird line\n")
    async with opened("run") as driven:
        await driven.until_shown("third line")
        await driven.pilot.mouse_down("#log", offset=(8, 1))
        await driven.pilot.hover("#log", offset=(7, 2))
        assert "reverse" in styles_of(driven, "line")
        filler.log(attempt, "".join(f"new line {number}\n" for number in range(99)))
        await driven.until_shown("1.2 kB")  # the lines under the mouse stay
        await driven.pilot.mouse_up("#log", offset=(7, 2))
        await driven.until(lambda: driven.app.clipboard == "line\nsecond", "the copy")
        await driven.until_shown("new line 98")
        assert "reverse" not in styles_of(driven, "line")
        graph = driven.run.graph
        driven.app.copy_to_clipboard("")
        await driven.pilot.click("#graph", offset=(5, 1))
        assert driven.app.clipboard == "", "a click copies nothing"
        assert driven.app.focused is graph


async def test_times_are_shown_and_a_moment_is_gone_to(filler: Filler) -> None:
    attempt = started(filler)
    begun = 1_700_000_000
    times = Path(attempt.directory, "times.log")
    for second in range(300):
        size = filler.log(attempt, f"line {second}\n").stat().st_size
        with times.open("a") as file:
            file.write(f"{(begun + second) * clock.SECOND} {size} 0\n")
    async with opened("run") as driven:
        await driven.until_shown("line 299")
        await alone(driven)
        await driven.press("t")
        await driven.until(lambda: ":19" in shown(driven, "line 299")[0])
        view(driven).go_to_time(begun + 100)
        await driven.until_shown("line 100", "line 99")
        assert "line 299" not in driven.text()


async def test_a_logs_text_is_harmless_and_keeps_its_colours(filler: Filler) -> None:
    run_id = filler.run({"[bold]a[/bold]": ()})
    attempt = filler.start(run_id, "[bold]a[/bold]")
    filler.log(attempt, "\x1b]0;owned\x07title \x1b[2J\x1b[31mred [link=x]y[/link]\n")
    filler.end(attempt, Status.FAILED, error="[red]no[/red]\n\x1b[31mmore", exit_code=1)
    async with opened(run_id) as driven:
        await driven.until_shown("[bold]a[/bold]", "title red [link=x]y[/link]", "[red]no[/red]")
        assert "\x1b" not in driven.text()
        colours = {
            segment.text.strip(): segment.style.color
            for y in range(view(driven).page_height)
            for segment in view(driven).render_line(y)
            if segment.style
        }
        red = Color.from_triplet(driven.app.ansi_theme.ansi_colors[1])
        assert colours["red [link=x]y[/link]"] == red
