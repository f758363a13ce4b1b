"""Another key for this device, made here, at the orchestrator's wish.

At every moment a key that the orchestrator takes is on disk: the next one is written before it is told of, the old one
is good until the next has been used, and the next is used once it is on disk as the key.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from agent.client import FATAL, KEY_TAKEN, OrchestratorClient
from agent.errors import Refused, StateError
from agent.identity import hash_of, read_identity, write_identity
from agent.wire.enrolment import NextKey


def rotate_key(home: Path, client: OrchestratorClient, *, tell: Callable[[str], None]) -> None:
    """Make another key, hand over its hash, and sign ``client`` in with it from now on.

    A wish that the orchestrator takes back (it refuses the key for another reason than who asks) is left: the key that
    there is stays good.

    Raises:
        OrchestratorAway: no answer; the next wish goes on where this one ended.
        Refused: the orchestrator will have nothing to do with this device any more.
        StateError: the new key cannot be kept; the old one is good.
    """
    identity = read_identity(home)
    if identity is None:
        raise StateError("This device is not enrolled any more.", "Enrol it anew: stepfarm-agent enroll.")
    identity = identity.with_next_key
    write_identity(home, identity)
    try:
        client.renew_key(NextKey(key_sha256=hash_of(identity.next_key or identity.key)))
    except Refused as refusal:
        if refusal.status in FATAL:
            raise
        if refusal.type == KEY_TAKEN:
            # Another is made with the next wish.
            write_identity(home, identity.without_next_key)
        tell(f"The key of this device stays as it is. {refusal}")
        return
    identity = identity.moved_on
    write_identity(home, identity)
    client.sign_in_with(identity.key)
    tell("This device has a new key, as its operator asked.")
