"""Who this device is: its key, made here, and the orchestrator that knows it."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from agent.client import KEY_TAKEN, OrchestratorClient
from agent.durable import sync_directory, write_durably
from agent.errors import ConfigError, Refused, StateError
from agent.measure.simulated.profiles import ProfileName
from agent.tls import checked_ca
from agent.wire.codec import Message, WireError, decode, encode
from agent.wire.enrolment import DeviceDescription, Enrolled, EnrolRequest
from agent.wire.fields import DeviceName, Identifier, Text

DEVICE_PREFIX = "sfd_"
FILE_NAME = "identity.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity(Message):
    """The device's key and address book. ``device_id`` is None until the orchestrator has said yes.

    ``profile`` is what a simulated device simulates, None for a real one. ``next_key`` is the key that is to take the
    place of ``key``, until the orchestrator is known to have it. ``ca`` is the file of authorities that it is known by,
    where they are not the system's.
    """

    url: Annotated[str, Text(500, 1)]
    key: Annotated[str, Text(100, 1)]
    name: DeviceName
    device_id: Identifier | None
    profile: ProfileName | None = None
    next_key: Annotated[str, Text(100, 1)] | None = None
    ca: Annotated[str, Text(4_000, 1)] | None = None

    @property
    def with_next_key(self) -> Identity:
        """The same with a next key: the one that there is, for it may be known already, or a new one."""
        return self if self.next_key is not None else replace(self, next_key=_new_key())

    @property
    def without_next_key(self) -> Identity:
        """The same without a next key: the orchestrator will never take it."""
        return replace(self, next_key=None)

    @property
    def moved_on(self) -> Identity:
        """The same with its next key as its key."""
        return self if self.next_key is None else replace(self, key=self.next_key, next_key=None)


def hash_of(key: str) -> str:
    """What the orchestrator keeps of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


def _new_key() -> str:
    return DEVICE_PREFIX + secrets.token_urlsafe(32)


def read_identity(home: Path) -> Identity | None:
    """The identity in the agent's state directory, None where the device was never enrolled.

    Raises:
        StateError: the file is damaged or may not be read.
    """
    path = home / FILE_NAME
    try:
        return decode(Identity, path.read_bytes())
    except FileNotFoundError:
        return None
    except WireError as error:
        raise StateError(
            f"{path} is damaged ({error}).", "Restore it, or remove it and enrol the device anew."
        ) from None
    except OSError as error:
        raise StateError(f"{path} cannot be read: {error.strerror}.", "Run as the user who enrolled it.") from None


def enrol(
    home: Path,
    *,
    url: str,
    code: str,
    name: str,
    description: DeviceDescription,
    profile: ProfileName | None = None,
    ca: str | None = None,
) -> Identity:
    """The identity of this device, now known to the orchestrator at ``url``; a simulated one with a ``profile``.

    The key is on disk before the orchestrator hears of it, so that an answer that is lost can be asked for again. A
    device that is enrolled there already, under that name, gets another key, where the code is for that.

    Raises:
        StateError: the device is enrolled elsewhere, or as another.
        ConfigError: the address, the code, the name or the file of authorities is none.
        Refused: the join code is not good, or the name is taken; nothing has changed.
        OrchestratorAway: no answer; the same command may be given again.
    """
    ca = None if ca is None else checked_ca(ca)
    client = OrchestratorClient(url, None, ca=ca)
    pending = replace(_pending(home, url=url, name=name, profile=profile), ca=ca)
    try:
        enrolled = _asked(home, client, pending, code, description)
    except Refused as refusal:
        if refusal.type != KEY_TAKEN:
            raise
        pending = pending.without_next_key.with_next_key
        enrolled = _asked(home, client, pending, code, description)
    identity = replace(pending.moved_on, device_id=enrolled.device_id, name=enrolled.name)
    write_identity(home, identity)
    return identity


def _asked(
    home: Path, client: OrchestratorClient, pending: Identity, code: str, description: DeviceDescription
) -> Enrolled:
    try:
        request = EnrolRequest(
            code=normal_code(code),
            key_sha256=hash_of(pending.next_key or pending.key),
            name=pending.name,
            description=description,
            device_id=pending.device_id,
        )
    except WireError as error:
        raise _no_wish(error) from None
    write_identity(home, pending)
    return client.enrol(request)


def _no_wish(error: WireError) -> ConfigError:
    return ConfigError(f"The {error.path} {error.complaint}.", "Give the command again with another.")


def normal_code(code: str) -> str:
    """The join code as it was made: capitals in groups of four, and no letter that Crockford's base 32 leaves out."""
    typed = re.sub(r"[\s\u2010-\u2015\u2212_-]", "", code.upper()).translate(str.maketrans("ILO", "110"))
    return "-".join(typed[start : start + 4] for start in range(0, len(typed), 4))


def _pending(home: Path, *, url: str, name: str, profile: ProfileName | None) -> Identity:
    known = read_identity(home)
    if known is not None and known.device_id is not None:
        is_same = (known.url, known.name, known.profile is None) == (url.rstrip("/"), name, profile is None)
        if is_same:
            return known.with_next_key
        raise StateError(
            f"This device is enrolled at {known.url} as {known.name}.",
            f"To give it another key: the same address, and --name {known.name}. To enrol it anew: stepfarm-agent "
            "unenroll first.",
        )
    # An earlier answer may have been lost, and its key be known already: as that of a real device, or a simulated one.
    is_same_kind = known is not None and (known.profile is None) == (profile is None)
    key = known.key if known is not None and is_same_kind else _new_key()
    try:
        return Identity(url=url.rstrip("/"), key=key, name=name, device_id=None, profile=profile)
    except WireError as error:
        raise _no_wish(error) from None


def forget(home: Path) -> bool:
    """Remove the identity, so that the device must enrol anew; whether there was one.

    Raises:
        StateError: it cannot be removed.
    """
    try:
        (home / FILE_NAME).unlink()
        sync_directory(home)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StateError(
            f"{home / FILE_NAME} cannot be removed: {error.strerror}.", "Run as the user who enrolled it."
        ) from None
    return True


def write_identity(home: Path, identity: Identity) -> None:
    """Keep ``identity``; once this returns it survives a power cut.

    Raises:
        StateError: it cannot be written; what was there is still there.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_durably(home / FILE_NAME, encode(identity))
    except OSError as error:
        raise StateError(f"{home} cannot be written: {error.strerror}.", "Free space, or set STEPFARM_HOME.") from None
