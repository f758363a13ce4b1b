"""What is selected on a page, in the address and back: a link shows another person the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dashboard.address import number_in

CURVE = "curve"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The curve that is looked at; None where the address names none."""

    curve_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What an address selects, and a notice for each part of it that makes no sense and was ignored."""

    selection: Selection
    notices: tuple[str, ...] = ()


def from_query(params: Mapping[str, str]) -> Parsed:
    """The selection in the query parameters of an address. Parameters of other pages are left alone."""
    asked = number_in(params, CURVE)
    notices = () if asked.notice is None else (asked.notice,)
    return Parsed(selection=Selection(curve_id=asked.number), notices=notices)


def to_query(selection: Selection) -> dict[str, str]:
    """The query parameters that `from_query` reads as ``selection``."""
    return {} if selection.curve_id is None else {CURVE: str(selection.curve_id)}
