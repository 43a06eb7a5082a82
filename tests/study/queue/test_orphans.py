"""Trials that were taken and never signed for, as one observer sees them."""

from __future__ import annotations

from study.queue.deaths import ORPHAN_SECONDS, Orphans


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def observer() -> tuple[Clock, Orphans[str]]:
    clock = Clock()
    return clock, Orphans(ORPHAN_SECONDS, clock)


def watch(clock: Clock, orphans: Orphans[str], seconds: float, *names: str) -> list[str]:
    """Look each second for so long; return what was an orphan at the last look."""
    for _ in range(round(seconds)):
        clock.now += 1
        found = orphans.look(names)
    return sorted(found)


def test_what_was_seen_unsigned_for_long_enough_is_an_orphan() -> None:
    clock, orphans = observer()
    assert watch(clock, orphans, ORPHAN_SECONDS + 1, "a") == []
    assert watch(clock, orphans, 1, "a", "b") == ["a"]


def test_what_was_signed_and_is_taken_anew_begins_anew() -> None:
    clock, orphans = observer()
    watch(clock, orphans, ORPHAN_SECONDS, "a")
    watch(clock, orphans, 1)
    assert watch(clock, orphans, ORPHAN_SECONDS, "a") == []


def test_time_in_which_nobody_could_look_does_not_count() -> None:
    clock, orphans = observer()
    watch(clock, orphans, ORPHAN_SECONDS, "a")
    orphans.lose_sight()  # the storage was away, and is back
    assert watch(clock, orphans, ORPHAN_SECONDS, "a") == []
    clock.now += 2 * ORPHAN_SECONDS  # the observer slept, or trained
    assert watch(clock, orphans, ORPHAN_SECONDS, "a") == []
    assert watch(clock, orphans, 2, "a") == ["a"]
