"""Who may ask the orchestrator, and as what."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from agent.wire.codec import Message
from agent.wire.fields import Identifier, Line


class Role(str, Enum):
    """What the holder of a key may do: everything, look, or be one device."""

    OPERATOR = "operator"
    VIEWER = "viewer"
    DEVICE = "device"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal(Message):
    """Who is asking."""

    role: Role
    label: Line
    device_id: Identifier | None
