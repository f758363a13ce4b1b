from __future__ import annotations

import pytest

from dashboard.wording import ago, interval, milliseconds, moment, percent, plain, span, still


@pytest.mark.parametrize(
    ("latency_ns", "text"),
    [(123_400, "0.123 ms"), (1_234_000, "1.23 ms"), (12_340_000, "12.3 ms"), (123_400_000, "123 ms")],
)
def test_a_latency_has_three_significant_digits(latency_ns: float, text: str) -> None:
    assert milliseconds(latency_ns) == text


def test_an_interval_has_a_digit_more_than_its_latency() -> None:
    assert interval(45_981_000, 46_519_000) == "45.98 to 46.52 ms"


def test_a_fall_is_written_with_a_real_minus() -> None:
    assert percent(-4.93, signed=True) == "\N{MINUS SIGN}4.9 %"


def test_a_moment_is_in_utc() -> None:
    assert moment(1_760_000_000_000) == "2025-10-09 08:53 UTC"


def test_foreign_text_is_not_taken_for_markup() -> None:
    assert plain("![x](u)") == r"\!\[x\]\(u\)"
    assert plain("<b>$x$ `a") == r"\<b\>\$x\$ \`a"


def test_an_address_in_foreign_text_is_shown_and_is_no_link() -> None:
    assert plain("see http://a.b/c_d now") == "see `http://a.b/c_d` now"
    assert plain("www.evil.example") == "`www.evil.example`"
    assert plain("ask me@evil.example") == "ask `me@evil.example`"
    assert plain("`up` HTTPS://a.b") == "`up` `HTTPS://a.b`"
    assert plain("`up`http://a.b") == "`up` `http://a.b`"
    assert plain("a ` http://a.b") == r"a \` `http://a.b`"


def test_code_between_backticks_stays_code() -> None:
    assert plain("`stepfarm up` *now*") == r"`stepfarm up` \*now\*"


def test_backticks_that_do_not_pair_cannot_smuggle_an_image_past() -> None:
    assert "![y]" not in plain("``` ![y](u) ` ``")
    assert "![y]" not in plain("` ![y](u)")


def test_a_line_break_cannot_begin_a_block() -> None:
    assert plain("a\n# b") == r"a \# b"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "a few seconds"),
        (9.9, "a few seconds"),
        (42, "40 s"),
        (100, "2 min"),
        (89 * 60, "89 min"),
        (3 * 3_600 + 300, "3 h 5 min"),
        (4 * 3_600, "4 h"),
        (9.4 * 86_400, "9 days"),
    ],
)
def test_a_length_of_time_reads_as_people_say_it(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_what_is_left_is_said_to_be_about() -> None:
    assert (still(3), still(125)) == ("a few seconds left", "about 2 min left")


def test_a_time_is_told_by_how_long_ago_it_was() -> None:
    assert ago(0, 60_000) == "60 s ago"
    assert ago(0, 9_000) == "just now"


def test_a_time_that_another_clock_puts_in_the_future_is_just_now() -> None:
    assert ago(60_000, 0) == "just now"
