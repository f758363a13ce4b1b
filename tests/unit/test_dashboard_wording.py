from __future__ import annotations

import pytest

from dashboard.wording import interval, milliseconds, moment, percent, plain


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
    assert plain("![x](http://a.b/c)") == r"\!\[x\]\(http\://a\.b/c\)"
    assert plain("<b>$x$ `a") == r"\<b\>\$x\$ \`a"


def test_code_between_backticks_stays_code() -> None:
    assert plain("`stepfarm up` *now*") == r"`stepfarm up` \*now\*"


def test_backticks_that_do_not_pair_cannot_smuggle_an_image_past() -> None:
    assert "![y]" not in plain("``` ![y](u) ` ``")
    assert "![y]" not in plain("` ![y](u)")


def test_a_line_break_cannot_begin_a_block() -> None:
    assert plain("a\n# b") == r"a \# b"
