from __future__ import annotations

import pytest

from dashboard.selection import Selection, from_query, to_query


@pytest.mark.parametrize("selection", [Selection(), Selection(curve_id=3), Selection(curve_id=2**63 - 1)])
def test_an_address_selects_what_it_was_made_from(selection: Selection) -> None:
    assert from_query(to_query(selection)).selection == selection


@pytest.mark.parametrize(
    "text",
    ["", "0", "-1", "abc", "1.5", "\N{SUPERSCRIPT THREE}", "\N{FULLWIDTH DIGIT ONE}", " 1", "9" * 30, "1" * 10_000],
)
def test_a_value_that_names_no_curve_is_ignored_with_a_notice(text: str) -> None:
    parsed = from_query({"curve": text})
    assert parsed.selection == Selection()
    assert "?curve=3" in parsed.notices[0]
    assert len(parsed.notices[0]) < 200


def test_parameters_of_other_pages_are_left_alone() -> None:
    assert from_query({"device": "x"}).notices == ()


def test_a_count_in_mind_is_in_the_address_and_one_that_makes_no_sense_is_told() -> None:
    wanted = Selection(curve_id=3, tokens=150)
    assert from_query(to_query(wanted)).selection == wanted
    parsed = from_query({"curve": "3", "tokens": "many"})
    assert parsed.selection == Selection(curve_id=3)
    assert "tokens=many" in parsed.notices[0]
