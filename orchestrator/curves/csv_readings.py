"""Readings from a CSV file, one row a reading: an export of Stepfarm's, or what somebody else measured.

The columns ``tokens`` and ``latency_ns`` are needed; ``pass``, with ``attempt`` and ``round`` beside it, tells which
readings belong together; ``start_ns`` and the columns in `OTHERS` are read where they are there; any other is left
alone.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import IO

from agent.wire.codec import WireError
from agent.wire.conditions import Conditions, Doubt, DoubtReason
from agent.wire.fields import HOUR_NS, INT64_MAX, MOST_TOKENS
from agent.wire.jobs import Order
from agent.wire.readings import MOST_READINGS, Rejection
from orchestrator.curves.file import MOST_PASSES
from orchestrator.errors import BadFile
from orchestrator.views import PassView

MAX_CSV_BYTES = 256 * 1024 * 1024
"""The largest CSV file that is read: an export of 100 passes over 4,096 counts is about 55 MB."""

MAX_LINE_BYTES = 64 * 1024
MOST_CELLS = 8_000_000
"""Passes times counts: the analysis makes tables of that size."""

NEEDED = ("tokens", "latency_ns")
OTHERS = ("rejected", "complete", "pass_doubts", "order", "curve", "simulated", "blocks_ns")
"""Columns of texts that are read where they are there."""

LOOKS = "It looks like: tokens,latency_ns on the first line, then a line a reading, such as 197,20315882."
NOT_RECORDED = Conditions(gaps=("the file records no conditions",))

MOST_DIGITS = 40

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?", re.ASCII)
_ORDINAL_LIMITS = (0, 1_000_000)
_LIMITS = {
    "tokens": (1, MOST_TOKENS),
    "latency_ns": (1, HOUR_NS),
    "start_ns": (0, INT64_MAX),
    "pass": _ORDINAL_LIMITS,
    "attempt": _ORDINAL_LIMITS,
    "round": _ORDINAL_LIMITS,
}
_HINTS = {
    "tokens": "Tokens are whole and count class and register tokens in.",
    "latency_ns": "Latencies are whole nanoseconds: 20.3 ms is 20300000.",
    "start_ns": "Starts are whole nanoseconds of a clock that never runs backwards.",
}
_REJECTIONS = {"", *(rejection.value for rejection in Rejection)}


class PassesTold(str, Enum):
    """How it was told which pass a reading belongs to."""

    COLUMN = "column"
    """By the columns pass, round and attempt."""
    APPEARANCE = "appearance"
    """By nothing: the k-th row of a count was taken to be of pass k."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvReadings:
    """The passes in a CSV file, by attempt, round and number, and how they were told.

    ``simulated``: the file's own column says that the latencies were made up.
    """

    passes: tuple[PassView, ...]
    told: PassesTold
    simulated: bool


@dataclass(slots=True)
class _Pass:
    """The columns of a pass while its rows come in."""

    complete: bool
    doubts: tuple[DoubtReason, ...]
    order: Order
    tokens: list[int] = field(default_factory=list)
    start_ns: list[int] = field(default_factory=list)
    latency_ns: list[int] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)
    blocks_ns: list[tuple[int, ...]] = field(default_factory=list)


def read_csv(stream: IO[bytes], name: str, *, max_bytes: int = MAX_CSV_BYTES) -> CsvReadings:
    """The readings in ``stream``, the file called ``name``, of which no more than ``max_bytes`` are read.

    Raises:
        BadFile: it is no such CSV; the line and the reason are named.
    """
    return _Reader(name, max_bytes).read(stream)


class _Reader:
    def __init__(self, name: str, max_bytes: int) -> None:
        self._name = name
        self._max_bytes = max_bytes
        self._line = 0
        self._columns: dict[str, int] = {}
        self._width = 0
        self._curves: set[str] = set()
        self._simulated = False
        self._visits: Counter[int] = Counter()
        self._passes: dict[tuple[int, int, int], _Pass] = {}

    def read(self, stream: IO[bytes]) -> CsvReadings:
        lines = self._lines(stream)
        first = next((line for line in lines if line.strip()), None)
        if first is None:
            raise BadFile(f"{self._name} is empty.", LOOKS)
        rows = csv.reader(itertools.chain([first], lines), delimiter=_delimiter(first), strict=True)
        try:
            self._take_header(next(rows))
            for row in rows:
                if row:
                    self._take(row)
        except csv.Error as error:
            raise self._bad(f"cannot be read: {error}", LOOKS) from None
        if not self._passes:
            raise BadFile(f"{self._name} has a header and no reading.", LOOKS)
        return self._readings()

    def _bad(self, complaint: str, advice: str) -> BadFile:
        return BadFile(f"{self._name}, line {self._line}: {complaint}.", advice)

    def _lines(self, stream: IO[bytes]) -> Iterator[str]:
        total = 0
        while line := stream.readline(MAX_LINE_BYTES + 1):
            self._line += 1
            total += len(line)
            if total > self._max_bytes:
                raise BadFile(f"{self._name} is larger than {self._max_bytes:,} bytes.", "Split it by curve.")
            yield self._text(line)

    def _text(self, line: bytes) -> str:
        if self._line == 1 and line.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise self._bad("is UTF-16", "Save it as CSV in UTF-8.")
        if b"\0" in line:
            raise self._bad("is not text", LOOKS)
        if len(line) > MAX_LINE_BYTES:
            raise self._bad(f"is longer than {MAX_LINE_BYTES} bytes", LOOKS)
        try:
            return line.decode("utf-8-sig" if self._line == 1 else "utf-8")
        except UnicodeDecodeError:
            raise self._bad("is not UTF-8 text", "Save it as CSV in UTF-8.") from None

    def _take_header(self, header: Sequence[str]) -> None:
        names = [cell.strip().lower() for cell in header]
        missing = [name for name in NEEDED if name not in names]
        if missing:
            raise self._no_header(names, missing)
        for name in (*_LIMITS, *OTHERS):
            if names.count(name) > 1:
                raise self._bad(f"names the column {name} twice", "Leave one of the two out.")
            if name in names:
                self._columns[name] = names.index(name)
        self._width = len(names)

    def _no_header(self, names: Sequence[str], missing: Sequence[str]) -> BadFile:
        if all(_NUMBER.fullmatch(name) or not name for name in names):
            return BadFile(f"{self._name} has no header: its first line holds numbers.", LOOKS)
        shown = ", ".join(name[:40] for name in names[:12])
        return BadFile(f"{self._name} has no column {' and no column '.join(missing)}, but {shown}.", LOOKS)

    def _take(self, row: Sequence[str]) -> None:
        if len(row) != self._width:
            count = "1 cell" if len(row) == 1 else f"{len(row)} cells"
            raise self._bad(f"has {count}, the header {self._width}", "Give every line one cell a column.")
        self._refuse_second_curve(row)
        self._simulated |= self._cell(row, "simulated").lower() == "true"
        tokens, latency_ns = self._number(row, "tokens"), self._number(row, "latency_ns")
        one = self._pass_of(row, tokens)
        one.tokens.append(tokens)
        one.latency_ns.append(latency_ns)
        one.start_ns.append(self._number(row, "start_ns", default=0))
        one.rejected.append(self._rejected(row))
        one.blocks_ns.append(self._times_of_blocks(row))
        if len(one.tokens) > MOST_READINGS:
            raise self._bad(f"is reading {len(one.tokens)} of its pass; the most is {MOST_READINGS}", LOOKS)

    def _refuse_second_curve(self, row: Sequence[str]) -> None:
        self._curves.add(self._cell(row, "curve"))
        if len(self._curves) > 1:
            both = " and ".join(sorted(curve or "none" for curve in self._curves))
            raise BadFile(
                f"{self._name} holds several curves: {both} at least.",
                "Export each to a file of its own, or keep the rows of one.",
            )

    def _pass_of(self, row: Sequence[str], tokens: int) -> _Pass:
        if "pass" in self._columns:
            attempt, round_ = (self._number(row, name, default=0) for name in ("attempt", "round"))
            key = (attempt, round_, self._number(row, "pass"))
        else:
            key = (0, 0, self._visits[tokens])
        self._visits[tokens] += 1
        if key not in self._passes:
            self._passes[key] = _Pass(
                complete=self._cell(row, "complete").lower() != "false",
                doubts=self._doubts(row),
                order=self._order(row),
            )
        if len(self._passes) > MOST_PASSES or len(self._passes) * len(self._visits) > MOST_CELLS:
            raise self._bad(
                f"makes {len(self._passes):,} passes over {len(self._visits):,} counts, more than are read",
                "Keep fewer readings a count; a hundred are plenty.",
            )
        return self._passes[key]

    def _doubts(self, row: Sequence[str]) -> tuple[DoubtReason, ...]:
        try:
            return tuple(DoubtReason(reason) for reason in self._cell(row, "pass_doubts").split())
        except ValueError as error:
            known = ", ".join(reason.value for reason in DoubtReason)
            raise self._bad(f"pass_doubts: {error}", f"The reasons are: {known}.") from None

    def _order(self, row: Sequence[str]) -> Order:
        found = self._cell(row, "order").lower()
        try:
            return Order(found) if found else Order.SHUFFLED
        except ValueError:
            known = " or ".join(order.value for order in Order)
            wrong = f"order must be {known}, not {found[:40]!r}"
            raise self._bad(wrong, "Leave the cell empty for shuffled.") from None

    def _rejected(self, row: Sequence[str]) -> str:
        found = self._cell(row, "rejected").lower()
        if found not in _REJECTIONS:
            raise self._bad(
                f"rejected must be empty, {' or '.join(sorted(_REJECTIONS - {''}))}, not {found[:40]!r}",
                "Leave the cell empty for a reading to be believed, or leave the row out.",
            )
        return found

    def _times_of_blocks(self, row: Sequence[str]) -> tuple[int, ...]:
        cell = self._cell(row, "blocks_ns")
        try:
            return tuple(_whole(text, *_LIMITS["latency_ns"]) for text in cell.split())
        except ValueError as error:
            raise self._bad(f"blocks_ns {error}", "It holds a whole number of nanoseconds a block.") from None

    def _cell(self, row: Sequence[str], name: str) -> str:
        return row[self._columns[name]].strip() if name in self._columns else ""

    def _number(self, row: Sequence[str], name: str, *, default: int | None = None) -> int:
        if default is not None and name not in self._columns:
            return default
        text = self._cell(row, name)
        try:
            return _whole(text, *_LIMITS[name])
        except ValueError as error:
            raise self._bad(f"{name} {error}", _HINTS.get(name, f"A {name} is a whole number.")) from None

    def _readings(self) -> CsvReadings:
        told = PassesTold.COLUMN if "pass" in self._columns else PassesTold.APPEARANCE
        try:
            passes = tuple(_view(key, one) for key, one in sorted(self._passes.items(), key=lambda item: item[0]))
        except WireError as error:
            raise BadFile(f"{self._name} cannot be taken: {error}.", LOOKS) from None
        return CsvReadings(passes=passes, told=told, simulated=self._simulated)


def _delimiter(header: str) -> str:
    """What stands between the cells of ``header``: spreadsheets of many countries write semicolons."""
    return max(",;\t", key=header.count)


def _whole(text: str, low: int, high: int) -> int:
    """The whole number from ``low`` to ``high`` that ``text`` writes; 12.0 and 1.2e7 are whole, 1.5 is not.

    Raises:
        ValueError: it writes none; what is wrong with it.
    """
    if not text:
        raise ValueError("is empty")
    if len(text) > MOST_DIGITS or not _NUMBER.fullmatch(text):
        raise ValueError(f"must be a whole number, not {text[:MOST_DIGITS]!r}")
    value = Decimal(text)
    if not low <= value <= high:
        raise ValueError(f"must lie between {low:,} and {high:,}, not {text}")
    if value != int(value):
        raise ValueError(f"must be a whole number, not {text}")
    return int(value)


def _view(key: tuple[int, int, int], one: _Pass) -> PassView:
    attempt, round_, number = key
    return PassView(
        fence=attempt,
        round=round_,
        number=number,
        complete=one.complete,
        started_ms=0,
        before=NOT_RECORDED,
        after=NOT_RECORDED,
        doubts=tuple(Doubt(reason=reason, evidence="said by the file") for reason in one.doubts),
        tokens=tuple(one.tokens),
        start_ns=tuple(one.start_ns),
        latency_ns=tuple(one.latency_ns),
        rejected=tuple(one.rejected),
        blocks_ns=tuple(one.blocks_ns) if any(one.blocks_ns) else (),
        order=one.order,
    )
