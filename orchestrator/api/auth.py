"""Who is asking: the key in ``Authorization: Bearer``, and what its holder may do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from agent.wire.protocol import PROTOCOL_HEADER, protocol_complaint
from orchestrator.api.attempts import Attempts
from orchestrator.errors import NotAllowed, NotSignedIn, ProtocolMismatch
from orchestrator.roles import Principal, Role
from orchestrator.storage import key_changes, keys
from orchestrator.storage.keys import Holder
from orchestrator.wiring import Orchestrator


def orchestrator_of(request: Request) -> Orchestrator:
    """The orchestrator that the application serves."""
    found = request.app.state.orchestrator
    if not isinstance(found, Orchestrator):
        raise TypeError("the application was made without an orchestrator")
    return found


Serving = Annotated[Orchestrator, Depends(orchestrator_of)]


def same_protocol(request: Request) -> None:
    """Refuse a caller that speaks another version of the protocol."""
    complaint = protocol_complaint(request.headers.get(PROTOCOL_HEADER), they="caller", we="orchestrator")
    if complaint is not None:
        raise ProtocolMismatch(f"{complaint[0].upper()}{complaint[1:]}.", "")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asked, the number of the key, and whether the device is to make itself another."""

    key_id: int
    principal: Principal
    asked_to_rotate: bool = False

    @property
    def device_id(self) -> int:
        """The device that asked."""
        if self.principal.device_id is None:
            raise NotAllowed("That is for devices alone.", "Sign in with the key of a device.")
        return self.principal.device_id


def address_of(request: Request) -> str:
    """Where the request comes from: behind a proxy what that says last, for anybody sets the entries before it."""
    if request.app.state.behind_proxy:
        # Several headers of one name are one list (RFC 9110, section 5.3).
        said = ",".join(request.headers.getlist("X-Forwarded-For")).rpartition(",")[2].strip()
        if said:
            return said
    return "" if request.client is None else request.client.host


def attempts_of(request: Request) -> Attempts:
    """What was tried and failed so far."""
    found = request.app.state.attempts
    if not isinstance(found, Attempts):
        raise TypeError("the application was made without a memory of attempts")
    return found


def _holder(request: Request, serving: Orchestrator, secret: str) -> Holder:
    attempts, address, now_ns = attempts_of(request), address_of(request), serving.clock.monotonic_ns()
    attempts.refuse_spent(address, now_ns, key=secret)
    try:
        with serving.database.read() as session:
            holder = keys.holder_of(session, secret, now_ms=serving.clock.epoch_ms())
    except NotSignedIn:
        attempts.failed(address, now_ns, key=secret)
        raise
    attempts.succeeded(secret)
    return holder


def allowed(*roles: Role) -> Callable[[Request, Orchestrator], Caller]:
    """The dependency of a route that is for ``roles`` alone."""

    def caller(request: Request, serving: Serving) -> Caller:
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secret:
            raise NotSignedIn("This needs a key.", "Send the header Authorization: Bearer KEY.")
        holder = _holder(request, serving, secret.strip())
        if holder.supersedes is not None:
            # It has the new key and has used it: the old one has served its time.
            with serving.database.write() as session:
                key_changes.end(session, holder.supersedes, now_ms=serving.clock.epoch_ms())
        principal = holder.principal
        if principal.role not in roles:
            raise NotAllowed(
                f"A key of a {principal.role.value} may not do that.",
                f"Sign in with a key of: {', '.join(role.value for role in roles)}.",
            )
        return Caller(holder.key_id, principal, holder.asked_to_rotate)

    return caller


AsDevice = Annotated[Caller, Depends(allowed(Role.DEVICE))]
AsOperator = Annotated[Caller, Depends(allowed(Role.OPERATOR))]
AsViewer = Annotated[Caller, Depends(allowed(Role.OPERATOR, Role.VIEWER))]
AsAnyone = Annotated[Caller, Depends(allowed(*Role))]
