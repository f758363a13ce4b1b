"""A simulated measuring child that hangs in the middle of a pass, after as many whole ones as its argument says."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

from agent.clock import SystemClock
from agent.measure.child import serve_parent
from agent.measure.simulated.child import command_of
from agent.measure.simulated.device import SimulatedDevice
from agent.measure.simulated.profiles import PROFILES, ProfileName
from agent.wire.jobs import Round

PROFILE = ProfileName.STAIRS
ENDLESS = "endless"


def command(passes: str = ENDLESS) -> Sequence[str]:
    """The command line of a child of no pace that hangs after ``passes`` passes, or never."""
    if passes == ENDLESS:
        return command_of(PROFILE, "synthetic", pace_s=0.0)
    return [sys.executable, "-m", __name__, passes]


class HangingDevice(SimulatedDevice):
    """A simulated device that hangs when it begins one pass more than ``passes``."""

    def __init__(self, passes: int) -> None:
        super().__init__(PROFILES[PROFILE], "synthetic", pace_s=0.0, clock=SystemClock())
        self._left = passes

    def begin_pass(self, round_: Round, number: int) -> None:
        """Begin a pass, or hang."""
        if not self._left:
            signal.pause()
        self._left -= 1
        super().begin_pass(round_, number)


if __name__ == "__main__":
    serve_parent(HangingDevice(int(sys.argv[1])))
