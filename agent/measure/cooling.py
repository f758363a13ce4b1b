"""Waiting until a device is as cool and as fast again as it was, and never for ever.

After a pass that was throttled, or slower than the baseline, measuring goes on once the hottest sensor and the sentinel
are back where they were when the round began; where no sensor can be read, the sentinel alone says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.measure.baseline import STEADY_WITHIN, level_of
from agent.measure.child_protocol import PassMeasured
from agent.wire.conditions import Conditions, Doubt, DoubtReason

MOST_COOLING_S = 300.0
"""So long a job waits for heat to pass, all its waits together."""

MOST_BLIND_S = 20.0
"""So long where no temperature can be read: a slow sentinel alone may be a busy machine, which no waiting mends."""

FIRST_LOOK_S = 1.0
"""Seconds until the first look; until the next it is twice as long each time."""

LOOK_EVERY_S = 15.0
"""Seconds between two looks at most. A look runs the sentinel, which is a little heat of its own."""

WARMER_BY = 3.0
"""Degrees Celsius over those at the beginning at which a device counts as cool again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feel:
    """The hottest sensor in degrees Celsius and the level of the sentinel in ns, each None where it is not known."""

    celsius: float | None
    sentinel_ns: float | None


def hottest(conditions: Conditions) -> float | None:
    """The hottest sensor in degrees Celsius, None where none can be read."""
    return max((one.celsius for one in conditions.temperatures), default=None)


def should_cool(doubts: Sequence[Doubt], level_ns: float | None, baseline_ns: float | None) -> bool:
    """Whether what became of a pass may be heat: it was throttled, or its sentinel slower than the baseline."""
    if any(doubt.reason is DoubtReason.THROTTLED for doubt in doubts):
        return True
    return level_ns is not None and baseline_ns is not None and level_ns > (1 + STEADY_WITHIN) * baseline_ns


def bound_s(cool: Feel, now: Feel, most_s: float) -> float:
    """How long a job waits in all, ``most_s`` where temperatures are known."""
    known = cool.celsius is not None and now.celsius is not None
    return most_s if known else min(most_s, MOST_BLIND_S)


def next_look_s(cool: Feel, now: Feel, waited_s: float, most_s: float, looks: int = 0) -> float | None:
    """Seconds until the next look, after so many; None where the device is back at ``cool``, or its time is used up."""
    warm = cool.celsius is not None and now.celsius is not None and now.celsius > cool.celsius + WARMER_BY
    slow = (
        cool.sentinel_ns is not None
        and now.sentinel_ns is not None
        and now.sentinel_ns > (1 + STEADY_WITHIN) * cool.sentinel_ns
    )
    left_s = bound_s(cool, now, most_s) - waited_s
    if not (warm or slow) or left_s <= 0:
        return None
    return min(LOOK_EVERY_S, FIRST_LOOK_S * 2.0 ** min(looks, 10), left_s)


class CoolDown:
    """The waits of one job.

    Args:
        rest: waits so many seconds; raises what ends the measurement.
        tell: gets a line for people when a wait begins and when one was of no use.
    """

    def __init__(
        self, rest: Callable[[float], None], tell: Callable[[str], None], *, most_s: float = MOST_COOLING_S
    ) -> None:
        self._rest = rest
        self._tell = tell
        self._most_s = most_s
        self._waited_s = 0.0

    def until_cool(self, cool: Feel, now: Feel, sentinel: int, look: Callable[[], PassMeasured]) -> None:
        """Wait until the device is back at ``cool``; ``look`` visits the sentinel alone, and keeps nothing."""
        began_s, looks = self._waited_s, 0
        while (wait_s := next_look_s(cool, now, self._waited_s, self._most_s, looks)) is not None:
            if looks == 0:
                self._tell(f"Cooling down: {_words(cool, now)}.")
            self._rest(wait_s)
            self._waited_s += wait_s
            looks += 1
            seen = look()
            now = Feel(celsius=hottest(seen.after), sentinel_ns=level_of(seen.readings, sentinel))
        if began_s < bound_s(cool, now, self._most_s) <= self._waited_s:
            self._tell(f"Cooled down for {self._waited_s:.0f} s, as long as a job may: {_words(cool, now)}.")


def _words(cool: Feel, now: Feel) -> str:
    told = []
    if cool.celsius is not None and now.celsius is not None:
        told.append(f"{now.celsius:.0f} C, {cool.celsius:.0f} C when the round began")
    if cool.sentinel_ns is not None and now.sentinel_ns is not None:
        told.append(f"the sentinel takes {now.sentinel_ns / cool.sentinel_ns - 1:+.1%} of its baseline")
    return ", ".join(told) or "the device was throttled"
