"""The fleet: devices, and the codes that let them in."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from enum import Enum
from urllib.parse import urlsplit

from agent.wire.codec import Message
from agent.wire.enrolment import DeviceDescription, DeviceKind
from agent.wire.fields import DeviceName, EpochMs, Identifier, Line, Ordinal
from orchestrator.views.labels import Label
from orchestrator.views.sweeps import JobView


def is_loopback(url: str) -> bool:
    """Whether ``url`` leads whoever uses it to their own machine."""
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinCode(Message):
    """A join code, shown this once. It lets one device in until ``expires_ms``, at the address ``url``.

    ``device`` is the known device that it lets back in, where it is for that one alone.
    """

    id: Identifier
    code: Line
    url: Line
    expires_ms: EpochMs
    device: DeviceName | None = None

    def reached_at(self, url: str) -> JoinCode:
        """The same code for an orchestrator that answers at ``url`` too: better than an address for itself alone."""
        return replace(self, url=url) if is_loopback(self.url) and not is_loopback(url) else self

    @property
    def command(self) -> str:
        """The one line to paste on the device: install the agent where there is none yet, enrol, measure."""
        install = "command -v stepfarm-agent >/dev/null || pip install stepfarm"
        enrol = f"stepfarm-agent enroll {shlex.quote(self.url)} --code {self.code}"
        if self.device is not None:
            enrol += f" --name {self.device}"
        return f"{install} && {enrol} && stepfarm-agent run"

    @property
    def caution(self) -> str | None:
        """Why other machines cannot use it, and what to do about that; None where they can."""
        if is_loopback(self.url):
            why = f"{self.url} leads each device to itself, so only this machine can use the code."
        elif not self.url.startswith("https:"):
            why = f"Agents do not send their keys over {self.url}: it is not encrypted."
        else:
            return None
        return f"{why} For others, set STEPFARM_PUBLIC_URL to the https address of this orchestrator and start anew."


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinCodeRequest(Message):
    """A join code for a new device, or, with ``device``, for one that is known and has lost its key."""

    device: DeviceName | None = None


class JoinCodeState(str, Enum):
    """What became of a join code."""

    WAITING = "waiting"
    USED = "used"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinCodeView(Message):
    """A join code as it is remembered: without the code. ``device`` is the one that it let in."""

    id: Identifier
    state: JoinCodeState
    device: DeviceName | None
    expires_ms: EpochMs


class DeviceState(str, Enum):
    """What a device is doing, as far as the orchestrator can honestly tell."""

    IDLE = "idle"
    MEASURING = "measuring"
    QUIET = "quiet"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceView(Message):
    """One device of the fleet. ``job`` is the one that it has leased, ``queued`` how many wait for it.

    ``doubled_ms`` is when two agents were last seen to use its identity in turn.
    """

    id: Identifier
    name: DeviceName
    kind: DeviceKind
    state: DeviceState
    labels: tuple[Label, ...]
    description: DeviceDescription
    enrolled_ms: EpochMs
    last_seen_ms: EpochMs
    doubled_ms: EpochMs | None
    revoked_ms: EpochMs | None
    job: JobView | None
    queued: Ordinal


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceList(Message):
    """The fleet."""

    devices: tuple[DeviceView, ...]
