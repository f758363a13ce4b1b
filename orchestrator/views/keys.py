"""Keys, as people make, see, rotate and revoke them. A secret is shown once, in the answer that made it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Annotated

from agent.wire.codec import Message, WireError
from agent.wire.fields import DeviceName, EpochMs, Identifier, Line, Range, Text
from orchestrator.roles import Role

KeyLabel = Annotated[str, Text(63, 1, r"[A-Za-z0-9]([A-Za-z0-9_.@ \-]*[A-Za-z0-9])?")]

LONGEST_DAYS = 3_650


class KeyState(str, Enum):
    """Whether a key signs anybody in."""

    GOOD = "good"
    ROTATING = "rotating"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRequest(Message):
    """A new key for a person; without ``days`` it does not expire."""

    label: KeyLabel
    role: Role = Role.VIEWER
    days: Annotated[int, Range(1, LONGEST_DAYS)] | None = None

    def __post_init__(self) -> None:
        Message.__post_init__(self)
        if self.role is Role.DEVICE:
            raise WireError("role", "must be operator or viewer: a device makes its own key when it enrols")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyView(Message):
    """A key as it is remembered: without the secret. ``device`` is the one that holds it.

    ``rotating`` is the key of a device that is to make itself another, and has not used it yet.
    """

    id: Identifier
    role: Role
    label: Line
    device: DeviceName | None
    state: KeyState
    created_ms: EpochMs
    expires_ms: EpochMs | None
    revoked_ms: EpochMs | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyList(Message):
    """Keys, those that are good first, then the newest first."""

    keys: tuple[KeyView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey(Message):
    """A key and its secret, shown this once; of a device that will make its own, the key alone."""

    key: KeyView
    secret: Line | None
