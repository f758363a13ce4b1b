"""Reads the parameters of an address strictly, and collects a notice for each that makes no sense."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from enum import Enum
from typing import TypeVar

from agent.wire.fields import INT64_MAX
from dashboard.address import shown

CURVES = "curves"
NONE = "none"
"""What stands in the place of the curves where somebody chose none at all."""

MOST_NOTICES = 5

V = TypeVar("V", bound=Hashable)
E = TypeVar("E", bound=Enum)


class AddressReader:
    """Reads the parameters that a page knows; those of other pages are left alone.

    ``notices`` says what was ignored, and why.
    """

    def __init__(self, params: Mapping[str, str]) -> None:
        self._params = params
        self.notices: list[str] = []

    def some_of(self, name: str, options: Mapping[str, V]) -> tuple[V, ...]:
        """The values that the parameter lists, of those on offer by their texts."""
        texts = [text for text in self._params.get(name, "").split(",") if text]
        for text in texts:
            if text not in options:
                self.ignore(f"{name}={shown(text)}", "no curve has it")
        return tuple(dict.fromkeys(options[text] for text in texts if text in options))

    def one_of(self, name: str, kind: type[E], usual: E) -> E:
        """The member of ``kind`` that the parameter names, ``usual`` where it is not there."""
        text = self._params.get(name)
        if text is None:
            return usual
        known = {str(member.value): member for member in kind}
        if text not in known:
            self.ignore(f"{name}={shown(text)}", f"it is one of {', '.join(known)}")
        return known.get(text, usual)

    def flag(self, name: str) -> bool:
        """Whether the parameter is 1."""
        text = self._params.get(name, "0")
        if text not in {"0", "1"}:
            self.ignore(f"{name}={shown(text)}", "it is 0 or 1")
        return text == "1"

    def share(self, name: str, usual: float) -> float:
        """The number from 0 to 1 that the parameter is."""
        text = self._params.get(name)
        if text is None:
            return usual
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not 0 <= value <= 1:
            self.ignore(f"{name}={shown(text)}", "it is a number from 0 to 1")
            return usual
        return value

    def number(self, name: str) -> int | None:
        """The number of something that the parameter is."""
        text = self._params.get(name)
        if text is None:
            return None
        if not _is_number(text):
            self.ignore(f"{name}={shown(text)}", "it is a whole number above zero")
            return None
        return int(text)

    def curves(self, most: int) -> tuple[int, ...] | None:
        """The numbers of curves that are asked for, each once and at most so many; None where nobody chose."""
        text = self._params.get(CURVES)
        if text is None:
            return None
        if text == NONE:
            return ()
        words = list(dict.fromkeys(text.split(",")))
        for word in words:
            if not _is_number(word):
                self.ignore(f"the curve “{shown(word)}”", "curves are named by their numbers, as in ?curves=3,7")
        numbers = [int(word) for word in words if _is_number(word)]
        if len(numbers) > most:
            self._tell(f"The address asks for {len(numbers)} curves: the first {most} are shown.")
        return tuple(numbers[:most]) or None

    def ignore(self, what: str, because: str) -> None:
        """Say that ``what`` the address asks for is ignored."""
        self._tell(f"The address asks for {what}, which is ignored: {because}.")

    def _tell(self, notice: str) -> None:
        if len(self.notices) < MOST_NOTICES:
            self.notices.append(notice)


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) <= 19 and 0 < int(word) <= INT64_MAX
