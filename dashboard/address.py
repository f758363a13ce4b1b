"""What the address of a page asks for by number: read strictly, and told where it makes no sense."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agent.wire.fields import INT64_MAX

SWEEP = "sweep"
DEVICE = "device"
CODE = "code"
LONGEST_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Asked:
    """The number that an address names, or a notice of why what stands there was ignored, or neither."""

    number: int | None = None
    notice: str | None = None


def number_in(params: Mapping[str, str], name: str) -> Asked:
    """The number that the parameter ``name`` of an address gives."""
    text = params.get(name)
    if text is None:
        return Asked()
    if text.isascii() and text.isdigit() and 0 < int(text[:20]) <= INT64_MAX:
        return Asked(number=int(text[:20]))
    return Asked(
        notice=f"The address asks for {name}={shown(text)}, which is no number as in ?{name}=3: it is ignored."
    )


def shown(text: str) -> str:
    """``text`` from an address, short enough for a notice."""
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
