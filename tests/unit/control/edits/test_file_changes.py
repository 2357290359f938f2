"""Tests of the difference between a run's pipeline and its edited file."""

from trainui.control.edits import file_changes


def test_values_of_secret_names_are_masked_also_inside_others() -> None:
    line = "+  run: {env: {API_KEY: abc def, seed: 1}, args: lr=1 hf_token=xyz}"
    shown = "+  run: {env: {API_KEY: ***, seed: 1}, args: lr=1 hf_token=***}"

    assert file_changes._masked(line) == shown


def test_a_line_of_many_assignments_or_of_one_long_word_is_read_once() -> None:
    overrides = " ".join(f"model.layer{at}=1" for at in range(5000))

    assert file_changes._masked(f"{overrides} api_key=abc") == f"{overrides} api_key=***"
    assert file_changes._masked("x" * 1_000_000) == "x" * 1_000_000
