"""The limits that a field of a message can carry, and the named field types that use them.

A limit stands in the annotation, ``Annotated[int, Range(1, 9)]``, so that the check, the error and the OpenAPI
description all come from the same place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

HOUR_NS = 3_600 * 10**9
INT64_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Range:
    """A number from ``low`` to ``high``, both included."""

    low: float
    high: float

    def complaint(self, value: float) -> str | None:
        """What is wrong with ``value``, or None."""
        if self.low <= value <= self.high:
            return None
        return f"must lie between {self.low} and {self.high}, not {value}"


@dataclass(frozen=True, slots=True)
class Text:
    """A text of at most ``longest`` characters, at least ``shortest``, that matches ``pattern`` as a whole."""

    longest: int
    shortest: int = 0
    pattern: str | None = None

    def complaint(self, value: str) -> str | None:
        """What is wrong with ``value``, or None."""
        if not self.shortest <= len(value) <= self.longest:
            return f"must have {self.shortest} to {self.longest} characters, not {len(value)}"
        if self.pattern is not None and not re.fullmatch(self.pattern, value):
            return f"must match {self.pattern}"
        # A lone surrogate is text to JSON and to Python, and to no database.
        if not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
            return "must be Unicode text without lone surrogates"
        if "\x00" in value:
            return "must not hold a NUL character"
        return None


@dataclass(frozen=True, slots=True)
class Items:
    """A list of at most ``most`` items, at least ``fewest``."""

    most: int
    fewest: int = 0

    def complaint(self, value: tuple[object, ...]) -> str | None:
        """What is wrong with ``value``, or None."""
        if self.fewest <= len(value) <= self.most:
            return None
        return f"must have {self.fewest} to {self.most} items, not {len(value)}"


Limit = Range | Text | Items

MOST_TOKENS = 4096
"""The longest curve that Stepfarm takes: 4,096 transformer tokens."""

Identifier = Annotated[int, Range(1, INT64_MAX)]
Tokens = Annotated[int, Range(1, MOST_TOKENS)]
Ordinal = Annotated[int, Range(0, 1_000_000)]
Fence = Annotated[int, Range(1, 1_000_000)]
LatencyNs = Annotated[int, Range(1, HOUR_NS)]
MonotonicNs = Annotated[int, Range(0, INT64_MAX)]
EpochMs = Annotated[int, Range(0, 253_402_300_799_999)]
Seconds = Annotated[float, Range(0, 86_400)]
# timm also takes "hf-hub:..." and "local-dir:...", which would load what somebody else wrote: no colon, no slash.
ModelName = Annotated[str, Text(100, 1, r"[A-Za-z0-9_.\-]+")]
DeviceName = Annotated[str, Text(63, 1, r"[A-Za-z0-9][A-Za-z0-9_.\-]*")]
Line = Annotated[str, Text(200)]
Paragraph = Annotated[str, Text(4_000)]
Sha256Hex = Annotated[str, Text(64, 64, r"[0-9a-f]{64}")]
