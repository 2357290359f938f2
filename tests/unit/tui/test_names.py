"""Short names stay different, keep numbers whole, and are cut at their ends."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trainui.tui.names import label_of, short_labels, told_apart

SIZES = ("small", "base", "large", "giant")
AUGMENTS = ("none", "randaugment-m9", "trivialaugment-wide", "mixup-0.8-cutmix-1.0")
MEMBERS = tuple(
    (("model", f"facebook/dinov2-{size}-with-registers"), ("aug", augment))
    for size in SIZES
    for augment in AUGMENTS
)


def test_names_are_whole_where_there_is_room() -> None:
    assert short_labels(MEMBERS, 100) == tuple(map(label_of, MEMBERS))


def test_shared_parts_of_values_go_first_then_keys() -> None:
    assert short_labels(MEMBERS, 60)[-2] == "model=giant,aug=trivialaugment-wide"
    assert short_labels(MEMBERS, 34)[-2] == "giant trivialaugment-wide"


def test_numbers_are_never_cut() -> None:
    names = tuple((("lr", f"0.000{at}17"), ("optimizer", name)) for at in (1, 2) for name in SIZES)
    shown = short_labels(names, 14)
    assert all(f"0.000{at}17" in one for at, one in zip((1,) * 4 + (2,) * 4, shown, strict=True))


def test_texts_that_would_be_alike_lose_their_beginning() -> None:
    found = told_apart(["layers/10/attention/weight", "layers/10/attention/bias", "loss"], 12)
    assert found == ["…weight", "…bias", "loss"]


@given(
    st.lists(st.tuples(st.sampled_from(SIZES), st.integers(0, 99)), min_size=2, unique=True),
    st.integers(14, 60),
)
def test_shortened_names_never_look_alike(found: list[tuple[str, int]], width: int) -> None:
    names = tuple((("model", f"org/{size}-model"), ("seed", str(seed))) for size, seed in found)
    shown = short_labels(names, width)
    assert len(set(shown)) == len(names)
    assert max(map(len, shown)) <= width


def test_members_and_other_runs_are_shortened_apart() -> None:
    """Runs beside a sweep's members must not cost these their keys and values."""
    schedules = ("cosine_with_warmup_500", "cosine_with_warmup_5000")
    members = tuple(
        (("lr", lr), ("schedule", schedule), ("seed", seed))
        for lr in ("0.01", "0.2")
        for schedule in schedules
        for seed in ("0", "1")
    )
    runs = tuple((("", f"sweep-lr-schedule lr={lr} › train[lr=0.1]"),) for lr in ("1e-3", "3e-4"))
    shown = short_labels((*members, *runs), 40)
    assert shown[:2] == ("lr=0.01,schedule=500,seed=0", "lr=0.01,schedule=500,seed=1")
    assert len(set(shown)) == len(shown)
