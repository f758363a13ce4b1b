"""How long to wait: spread out, so that a fleet that was cut off together does not come back together."""

from __future__ import annotations

import random

JITTER = 0.2
SHORTEST_S = 0.1
BACK_OFF_BASE_S = 1.0
BACK_OFF_CAP_S = 30.0


def jittered(seconds: float, rng: random.Random) -> float:
    """``seconds``, give or take a fifth, and never so short that asking becomes a busy loop."""
    return max(SHORTEST_S, seconds * rng.uniform(1 - JITTER, 1 + JITTER))


def back_off(failures: int, rng: random.Random) -> float:
    """Seconds to wait after ``failures`` in a row (1 or more): exponential, capped, with full jitter."""
    ceiling = min(BACK_OFF_CAP_S, BACK_OFF_BASE_S * 2 ** min(failures - 1, 16))
    return rng.uniform(SHORTEST_S, ceiling)
