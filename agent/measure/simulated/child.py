"""A measuring child that simulates, ``python -m agent.measure.simulated.child PROFILE NAME PACE``.

It serves its parent as ``agent.measure.child`` does, by the same code down to the device.
"""

from __future__ import annotations

import sys

from agent.clock import SystemClock
from agent.measure.child import serve_parent
from agent.measure.simulated.device import SimulatedDevice
from agent.measure.simulated.profiles import PROFILES, ProfileName

MODULE = "agent.measure.simulated.child"


def command_of(profile: ProfileName, device: str, *, pace_s: float) -> list[str]:
    """The command that starts this child for the device of this name; a pass takes ``pace_s`` seconds of real time."""
    return [sys.executable, "-m", MODULE, profile.value, device, repr(pace_s)]


def main() -> int:
    """Serve the parent until it goes away or a request fails; the exit status."""
    profile, device, pace_s = sys.argv[1:]
    return serve_parent(
        SimulatedDevice(PROFILES[ProfileName(profile)], device, pace_s=float(pace_s), clock=SystemClock())
    )


if __name__ == "__main__":
    sys.exit(main())
