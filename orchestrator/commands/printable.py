"""What a command prints, with nothing in it that a terminal would obey.

Devices and other people choose some of what is printed: a name of hardware with an escape sequence in it would move the
cursor, hide what stands before it, or retitle the window of whoever looks.
"""

from __future__ import annotations

import unicodedata
from typing import Any, TextIO, cast

KEPT = "\n\r\t"

# Marks that turn the direction of what follows (Unicode, UAX #9): a line could read otherwise than it is.
_TURNING = dict.fromkeys(map(ord, "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"), "\ufffd")


def printable(text: str) -> str:
    """``text`` with a replacement character for each control character but line ends and tabs."""
    if text.isascii() and text.isprintable():
        return text
    cleaned = "".join(
        "\ufffd" if letter not in KEPT and unicodedata.category(letter) == "Cc" else letter for letter in text
    )
    return cleaned.translate(_TURNING)


class Printable:
    """A text stream that writes to ``stream`` what is printable of what it is given, and is that stream otherwise."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write what is printable of ``text``."""
        self._stream.write(printable(text))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Write every line."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def printable_stream(stream: TextIO) -> TextIO:
    """``stream``, for text that somebody else may have chosen."""
    return cast("TextIO", Printable(stream))


def as_it_is(stream: TextIO) -> TextIO:
    """The stream below ``stream``, for what is made here and is meant for the terminal, such as a QR code."""
    return stream._stream if isinstance(stream, Printable) else stream  # noqa: SLF001  # the other half of one thing
