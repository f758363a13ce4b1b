"""What is selected on a page, in the address and back: a link shows another person the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agent.wire.fields import INT64_MAX

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
    text = params.get(CURVE)
    if text is None:
        return Parsed(selection=Selection())
    if text.isascii() and text.isdigit() and 0 < int(text[:20]) <= INT64_MAX:
        return Parsed(selection=Selection(curve_id=int(text[:20])))
    shown = text if len(text) <= 40 else f"{text[:40]}…"
    notice = f"The address asks for the curve “{shown}”: a curve is named by its number, as in ?curve=3."
    return Parsed(selection=Selection(), notices=(notice,))


def to_query(selection: Selection) -> dict[str, str]:
    """The query parameters that `from_query` reads as ``selection``."""
    return {} if selection.curve_id is None else {CURVE: str(selection.curve_id)}
