"""A comparison tells steps along what its curves differ in, and what changed where they measure one thing twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from agent.wire.jobs import DataType, Runtime, Workload
from dashboard.compare_data import named, ordered
from dashboard.compare_selection import Grouping
from dashboard.compare_tables import steps_table
from orchestrator.choosing import names_of
from orchestrator.commands.compare import report
from orchestrator.comparing import THINGS, Comparison, compare
from orchestrator.views import CurveView
from tests.support.curve_views import a_summary, a_view
from tests.support.curves import Law, slope, with_step

COUNTS = range(60, 140)
STEP = with_step(slope, 96, 8)
DAY_MS = 86_400_000
NOON_MS = 1_760_011_200_000 + 43_200_000 // 12  # 2025-10-09 13:00 UTC

AXES: dict[str, tuple[dict[str, Any], dict[str, Any], str, str, Grouping]] = {
    "device": ({"device": "pi"}, {"device": "orin"}, "pi", "orin", Grouping.HARDWARE),
    "batch size": (
        {"workload": Workload(batch_size=1)},
        {"workload": Workload(batch_size=4)},
        "batch 1",
        "batch 4",
        Grouping.BATCH,
    ),
    "data type": (
        {"workload": Workload(data_type=DataType.FLOAT32)},
        {"workload": Workload(data_type=DataType.BFLOAT16)},
        "float32",
        "bfloat16",
        Grouping.TYPE,
    ),
    "runtime": (
        {"workload": Workload(runtime=Runtime.EAGER)},
        {"workload": Workload(runtime=Runtime.COMPILE_STATIC)},
        "eager",
        "compile-static",
        Grouping.RUNTIME,
    ),
}


def curve(number: int, law: Law = STEP, **changes: Any) -> CurveView:
    return a_view(a_summary(number, **changes), law=law, counts=COUNTS, seed=number)


def along(comparison: Comparison) -> dict[str, str]:
    """The words of the one step, by what the curves differ in."""
    (step,) = comparison.steps
    return {one.thing: one.words for one in step.along}


def dates(*laws: Law) -> list[CurveView]:
    """One device, model and workload, a day apart."""
    return [curve(number, law, created_ms=NOON_MS + number * DAY_MS) for number, law in enumerate(laws, 1)]


def test_the_four_things_are_those_that_are_tested_here() -> None:
    assert tuple(thing for thing, _ in THINGS) == tuple(AXES)


@pytest.mark.parametrize("thing", AXES)
def test_a_step_on_both_sides_is_shared_along_it(thing: str) -> None:
    first, second, one, other, _ = AXES[thing]
    comparison = compare([curve(1, **first), curve(2, **second)])
    assert along(comparison) == {thing: f"{one} and {other}"}
    assert comparison.steps[0].shared


@pytest.mark.parametrize("thing", AXES)
def test_a_step_on_one_side_is_only_there_in_the_terminal_and_on_the_page(thing: str) -> None:
    first, second, one, other, grouping = AXES[thing]
    views = ordered([curve(1, slope, **first), curve(2, **second)], grouping)
    comparison = compare(views)
    words = f"only {other}, not {one}"
    assert along(comparison) == {thing: words}
    assert words in report(comparison)
    curves = named(comparison, views, grouping)
    assert list(steps_table(comparison, curves)[thing.capitalize()]) == [words]
    assert {name.group for name in curves} == {one, other}


def test_a_value_lacks_a_step_only_where_every_curve_with_it_does() -> None:
    views = [
        curve(1, device="pi"),
        curve(2, slope, device="pi", batch_size=4),
        curve(3, device="orin"),
        curve(4, slope, device="orin", batch_size=4),
    ]
    assert along(compare(views)) == {"device": "pi and orin", "batch size": "only batch 1, not batch 4"}


def test_a_curve_that_could_not_show_a_step_lacks_nothing() -> None:
    blind = a_view(a_summary(2, "orin"), law=slope, counts=range(60, 90), seed=2)
    assert along(compare([curve(1, device="pi"), blind])) == {"device": "only pi"}


def test_curves_of_one_thing_have_their_dates_in_their_names_and_others_have_none() -> None:
    summaries = [view.summary for view in dates(STEP, STEP)]
    assert names_of([*summaries, a_summary(9, "orin")]) == (
        "bench-pi · 2025-10-10 · #1",
        "bench-pi · 2025-10-11 · #2",
        "orin · #9",
    )


def test_curves_of_one_day_have_the_time_in_their_names() -> None:
    same_day = [a_summary(number, created_ms=NOON_MS + number * 60_000) for number in (1, 2)]
    assert names_of(same_day) == ("bench-pi · 2025-10-09 13:01 · #1", "bench-pi · 2025-10-09 13:02 · #2")


def changes(views: Sequence[CurveView]) -> list[tuple[str, tuple[int, ...], bool]]:
    (timeline,) = compare(views).timelines
    return [(one.place, one.seen_in, one.believed) for one in timeline.changes]


def test_a_change_that_one_curve_shows_is_told_as_seen_once() -> None:
    views = dates(slope, STEP)
    assert changes(views) == [("96", (2,), False)]
    text = report(compare(views))
    assert "seen once; measure again before believing it" in " ".join(text.split())
    assert "two curves agree" not in text


def test_a_change_that_two_curves_show_is_believed_whatever_order_they_are_named_in() -> None:
    views = dates(slope, STEP, STEP)
    assert changes(views) == [("96", (2, 3), True)]
    assert changes(views[::-1]) == [("96", (2, 3), True)]
    assert "After 96, no jump" in report(compare(views))
    assert "two curves agree" in " ".join(report(compare(views)).split())


def test_where_nothing_changed_that_is_said() -> None:
    text = " ".join(report(compare(dates(STEP, STEP))).split())
    assert "Nothing changed that these curves could show; 1 step is the same at every date" in text


def test_a_level_is_told_as_slower_or_faster_than_the_curve_before() -> None:
    views = dates(slope, lambda tokens: 1.1 * slope(tokens))
    (timeline,) = compare(views).timelines
    (change,) = timeline.changes
    assert change.place == ""
    assert change.words.startswith(("As a whole 10.", "As a whole 9."))
    assert "slower in #2 than in #1" in change.words


def test_curves_of_different_things_have_no_history() -> None:
    assert compare([curve(1, device="pi"), curve(2, device="orin")]).timelines == ()


def test_curves_of_other_things_do_not_belong_to_a_history() -> None:
    views = [*dates(STEP, STEP), curve(9, slope, device="orin")]
    (timeline,) = compare(views).timelines
    assert timeline.curves == (1, 2)
    assert timeline.changes == ()
