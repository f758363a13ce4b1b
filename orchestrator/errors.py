"""What the orchestrator refuses, each with what to do next. ``orchestrator.api.problems`` gives each its status."""

from __future__ import annotations

from agent.errors import StepfarmError


class BadRequest(StepfarmError):
    """The request is understood and cannot be meant."""


class NotAMessage(StepfarmError):
    """The body is JSON and not the message that the route takes."""


class NotSignedIn(StepfarmError):
    """No key, or one that is not known, expired or revoked."""


class NotAllowed(StepfarmError):
    """The key is good, for other things."""


class NotFound(StepfarmError):
    """There is no such thing, or not for this caller."""


class Conflict(StepfarmError):
    """The request does not fit what is already there."""


class KeyTaken(StepfarmError):
    """The key that a device has made is one that was known before, and is not to be used again."""


class TooManyAttempts(StepfarmError):
    """Too many keys or codes that are none were tried; ``wait_s`` is when another is looked at."""

    def __init__(self, message: str, advice: str, *, wait_s: int) -> None:
        super().__init__(message, advice)
        self.wait_s = wait_s


class CodeRefused(StepfarmError):
    """A join code that is wrong, used or expired."""


class LeaseLost(StepfarmError):
    """The lease that the request rests on is no longer the device's."""


class AgentDoubled(StepfarmError):
    """An agent goes on beside a newer one with the same identity."""


class ProtocolMismatch(StepfarmError):
    """The caller speaks another version of the protocol."""


class BodyRefused(StepfarmError):
    """The body is of a type or encoding that is not taken."""


class BodyTooLarge(StepfarmError):
    """The body is larger than any message."""


class DatabaseAway(StepfarmError):
    """The database does not answer."""


class DatabaseTaken(StepfarmError):
    """Another orchestrator writes to the database."""


class SchemaMismatch(StepfarmError):
    """The database has another schema than this version of Stepfarm."""


class NotReady(StepfarmError):
    """A part of this orchestrator does not work."""


class StartFailed(StepfarmError):
    """The orchestrator could not be started."""


class BadFile(StepfarmError):
    """A file that cannot be read, or does not hold what it should."""
