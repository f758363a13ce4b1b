from __future__ import annotations

import pytest

from dashboard.address import Asked, number_in, shown


@pytest.mark.parametrize("number", [1, 12, 2**63 - 1])
def test_an_address_asks_for_the_number_that_it_names(number: int) -> None:
    assert number_in({"sweep": str(number)}, "sweep") == Asked(number=number)


def test_an_address_without_the_parameter_asks_for_nothing() -> None:
    assert number_in({"curve": "3"}, "sweep") == Asked()


@pytest.mark.parametrize("text", ["", "0", "-1", "abc", "1.5", "\N{SUPERSCRIPT THREE}", " 1", "9" * 30, "1" * 10_000])
def test_what_is_no_number_is_ignored_with_a_notice_that_shows_how(text: str) -> None:
    asked = number_in({"sweep": text}, "sweep")
    assert asked.number is None
    assert asked.notice is not None
    assert "?sweep=3" in asked.notice
    assert len(asked.notice) < 200


def test_a_long_text_from_an_address_is_cut() -> None:
    assert len(shown("x" * 1_000)) < 50
    assert shown("bench-pi") == "bench-pi"
