"""What a command prints is text to a terminal, whoever chose it."""

from __future__ import annotations

import io

import pytest

from orchestrator.commands.printable import as_it_is, printable, printable_stream


@pytest.mark.parametrize("text", ["", "a board", "übersprungen, 12 µs", "two\nlines\tand a tab\r\n", "█▀ 日本"])
def test_text_stays_as_it_is(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    "text", ["\x1b[2J", "\x1b]0;title\x07", "\x9b31m", "\b\b\b", "\x7f", "\u202egpj.exe", "\u2066hidden\u2069"]
)
def test_what_a_terminal_would_obey_is_replaced(text: str) -> None:
    cleaned = printable(text)

    assert "\ufffd" in cleaned
    assert not set(cleaned) & set("\x1b\x07\x9b\b\x7f\u202e\u2066\u2069")


def test_a_printable_stream_cleans_what_is_printed_and_is_the_stream_below_otherwise() -> None:
    below = io.StringIO()
    stream = printable_stream(below)

    print("a \x1b[31mred\x1b[0m board", file=stream)
    stream.writelines(["\x07"])

    assert below.getvalue() == "a \ufffd[31mred\ufffd[0m board\n\ufffd"
    assert as_it_is(stream) is below
    assert as_it_is(below) is below
    assert stream.isatty() is False
