"""How a device becomes known: what it says of itself, and the code that lets it in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Annotated

from agent.wire.codec import Message
from agent.wire.fields import DeviceName, Identifier, Items, Line, Range, Sha256Hex, Text
from agent.wire.holdings import Holdings

NOTHING_HELD = Holdings()


class DeviceKind(str, Enum):
    """What sort of machine a device is."""

    JETSON = "jetson"
    RASPBERRY_PI = "raspberry-pi"
    TERMUX = "termux"
    LINUX = "linux"
    MACOS = "macos"
    SIMULATED = "simulated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package(Message):
    """An installed package that a measurement depends on."""

    name: Line
    version: Line


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceDescription(Message):
    """What a device says of itself. ``gaps`` names what it could not find out, and why.

    ``holdings`` are the weights and datasets that it was given to measure accuracy with.
    """

    kind: DeviceKind
    hardware: Line
    processor: Line
    architecture: Line
    system: Line
    python: Line
    agent_version: Line
    cores: Annotated[int, Range(1, 65_536)]
    memory_bytes: Annotated[int, Range(0, 2**60)] | None
    packages: Annotated[tuple[Package, ...], Items(100)] = ()
    gaps: Annotated[tuple[Line, ...], Items(100)] = ()
    holdings: Holdings = NOTHING_HELD


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolRequest(Message):
    """A device asks to join.

    The device made its own key and wrote it down before it asks, and sends the SHA-256 alone: asking again with the
    same code and the same key gives the same answer, so a lost answer costs nothing. ``device_id`` is told by a device
    that is known already and needs another key.
    """

    code: Annotated[str, Text(64, 1)]
    key_sha256: Sha256Hex
    name: DeviceName
    description: DeviceDescription
    device_id: Identifier | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NextKey(Message):
    """The key that a device has made to take the place of the one that it signs in with; of it the SHA-256 alone."""

    key_sha256: Sha256Hex


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled(Message):
    """The device is known, by this number and name."""

    device_id: Identifier
    name: DeviceName
