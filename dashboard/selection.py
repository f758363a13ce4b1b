"""What is selected on a page, in the address and back: a link shows another person the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dashboard.address import number_in

CURVE = "curve"
TOKENS = "tokens"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The curve that is looked at, and the token count in mind; None where the address names none."""

    curve_id: int | None = None
    tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What an address selects, and a notice for each part of it that makes no sense and was ignored."""

    selection: Selection
    notices: tuple[str, ...] = ()


def from_query(params: Mapping[str, str]) -> Parsed:
    """The selection in the query parameters of an address. Parameters of other pages are left alone."""
    curve, tokens = number_in(params, CURVE), number_in(params, TOKENS)
    notices = tuple(asked.notice for asked in (curve, tokens) if asked.notice is not None)
    return Parsed(selection=Selection(curve_id=curve.number, tokens=tokens.number), notices=notices)


def to_query(selection: Selection) -> dict[str, str]:
    """The query parameters that `from_query` reads as ``selection``."""
    told = {CURVE: selection.curve_id, TOKENS: selection.tokens}
    return {name: str(number) for name, number in told.items() if number is not None}
