"""Making secrets: keys with a prefix that can be searched for, and join codes that can be typed on a phone."""

from __future__ import annotations

import secrets
from pathlib import Path

from agent.durable import write_durably
from agent.errors import StateError
from orchestrator.roles import Role

PREFIXES = {Role.OPERATOR: "sfo_", Role.VIEWER: "sfv_"}
"""How the keys of people begin, so that one that has got into a file or a log can be searched for.

That of a device, which makes its own, is `agent.identity.DEVICE_PREFIX`.
"""

# Crockford's base 32: no I, L, O or U to be misread or to spell words.
CODE_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
OPERATOR_KEY_FILE = "operator.key"


def new_key(role: Role) -> str:
    """A key of 256 random bits for a person."""
    return PREFIXES[role] + secrets.token_urlsafe(32)


def new_join_code() -> str:
    """A code of 60 random bits, as ``XXXX-XXXX-XXXX``: it is good once, and for 60 minutes."""
    return "-".join("".join(secrets.choice(CODE_ALPHABET) for _ in range(4)) for _ in range(3))


def read_operator_key(orchestrator_home: Path) -> str | None:
    """The operator's key in the state directory, or None."""
    path = orchestrator_home / OPERATOR_KEY_FILE
    try:
        return path.read_text(encoding="ascii").strip() or None
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StateError(f"{path} cannot be read: {error}.", "Run as the user who started the orchestrator.") from None


def write_operator_key(orchestrator_home: Path, key: str) -> None:
    """Keep the operator's key, readable by its owner alone from the first moment on.

    Raises:
        StateError: the directory cannot be written.
    """
    path = orchestrator_home / OPERATOR_KEY_FILE
    try:
        write_durably(path, f"{key}\n".encode("ascii"), mode=0o600)
    except OSError as error:
        raise StateError(f"{path} cannot be written: {error.strerror}.", "Set STEPFARM_HOME to one you own.") from None
