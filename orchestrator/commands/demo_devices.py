"""The devices of the demo: this machine, and simulated ones beside it, each an agent process with a home of its own."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agent.config import Settings
from agent.errors import StepfarmError
from agent.identity import Identity, read_identity
from agent.measure.simulated.profiles import ProfileName
from orchestrator import programs

if TYPE_CHECKING:
    from orchestrator.client import Client

AGENT = "agent.cli"
PROFILES = (ProfileName.STAIRS, ProfileName.SAWTOOTH, ProfileName.THROTTLE)
PACE_S = 0.15
"""A pass of a simulated device: its sweep is to be over before anybody waits for it."""


@dataclass(frozen=True)
class DemoDevice:
    """A device of the demo: its state directory, and the options that it is enrolled and run with."""

    home: Path
    enrolled_with: Sequence[str] = ()
    run_with: Sequence[str] = ()

    @property
    def agent_home(self) -> Path:
        """Where its agent keeps what it needs."""
        return self.home / "agent"


@dataclass(frozen=True)
class DeviceAtWork:
    """A device whose agent was started."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def going(self) -> bool:
        """Whether its agent still runs."""
        return self.process.poll() is None


def this_machine(settings: Settings) -> DemoDevice:
    """This machine, measured for real."""
    return DemoDevice(settings.home)


def simulated(settings: Settings) -> list[DemoDevice]:
    """The simulated devices, in state directories below the orchestrator's."""
    return [
        DemoDevice(
            settings.home / "simulated" / profile.value,
            enrolled_with=("--simulate", profile.value, "--name", f"simulated-{profile.value}"),
            run_with=("--pace", str(PACE_S)),
        )
        for profile in PROFILES
    ]


@contextlib.contextmanager
def at_work(settings: Settings, client: Client, devices: Sequence[DemoDevice]) -> Iterator[list[DeviceAtWork]]:
    """The devices at work until the context ends, enrolled by the same road as remote ones.

    Raises:
        StepfarmError: one of them cannot be enrolled, or is enrolled elsewhere.
    """
    with contextlib.ExitStack() as processes:
        working = []
        for device in devices:
            identity = _identity(settings, client, device)
            log = device.agent_home / "agent.log"
            process = programs.start(settings, log, AGENT, "run", *device.run_with, home=device.home)
            processes.callback(programs.end, process)
            working.append(DeviceAtWork(identity.name, process, log))
        yield working


def _identity(settings: Settings, client: Client, device: DemoDevice) -> Identity:
    known = read_identity(device.agent_home)
    if known is None or known.device_id is None:
        return _enrolled(settings, client, device)
    if known.url != settings.orchestrator_url:
        raise StepfarmError(
            f"The device in {device.home} is enrolled at {known.url}, not at {settings.orchestrator_url}.",
            f"Set STEPFARM_PORT to that port, or let it forget: STEPFARM_HOME={device.home} stepfarm-agent unenroll.",
        )
    return known


def _enrolled(settings: Settings, client: Client, device: DemoDevice) -> Identity:
    code = client.new_join_code().code
    arguments = ("enroll", settings.orchestrator_url, "--code", code, *device.enrolled_with)
    ended = programs.run(settings, AGENT, *arguments, home=device.home)
    identity = read_identity(device.agent_home)
    if ended.returncode != 0 or identity is None:
        raise StepfarmError(
            f"The device in {device.home} could not be enrolled.",
            ended.stderr.strip().removeprefix("stepfarm-agent: "),
        )
    return identity
