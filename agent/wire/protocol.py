"""The version of the protocol, sent with every request and answer and checked by both sides."""

from __future__ import annotations

PROTOCOL_VERSION = 1
PROTOCOL_HEADER = "Stepfarm-Protocol"


def protocol_complaint(theirs: str | None, *, they: str, we: str) -> str | None:
    """Why the other side's version does not fit ours, with advice to the older side; None where it fits.

    Args:
        theirs: the value of the other side's ``Stepfarm-Protocol`` header, None where it sent none.
        they: what the other side is called, "agent" or "orchestrator".
        we: what this side is called.
    """
    if theirs is None:
        return f"the {they} did not say which protocol it speaks: is it Stepfarm? Send the header {PROTOCOL_HEADER}"
    if not theirs.isascii() or not theirs.isdigit() or len(theirs) > 9:
        return f"the header {PROTOCOL_HEADER} must be a whole number"
    version = int(theirs)
    if version == PROTOCOL_VERSION:
        return None
    older = they if version < PROTOCOL_VERSION else we
    return (
        f"the {they} speaks protocol {version}, the {we} protocol {PROTOCOL_VERSION}: "
        f"upgrade stepfarm on the {older}, which is the older one"
    )
