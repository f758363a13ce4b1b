"""Who is asking: the key in ``Authorization: Bearer``, and what its holder may do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from agent.wire.protocol import PROTOCOL_HEADER, protocol_complaint
from orchestrator.errors import NotAllowed, NotSignedIn, ProtocolMismatch
from orchestrator.roles import Principal, Role
from orchestrator.storage import keys
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
    """Who asked, and the number of the key."""

    key_id: int
    principal: Principal

    @property
    def device_id(self) -> int:
        """The device that asked."""
        if self.principal.device_id is None:
            raise NotAllowed("That is for devices alone.", "Sign in with the key of a device.")
        return self.principal.device_id


def allowed(*roles: Role) -> Callable[[Request, Orchestrator], Caller]:
    """The dependency of a route that is for ``roles`` alone."""

    def caller(request: Request, serving: Serving) -> Caller:
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secret:
            raise NotSignedIn("This needs a key.", "Send the header Authorization: Bearer KEY.")
        with serving.database.read() as session:
            key_id, principal = keys.holder_of(session, secret.strip(), now_ms=serving.clock.epoch_ms())
        if principal.role not in roles:
            raise NotAllowed(
                f"A key of a {principal.role.value} may not do that.",
                f"Sign in with a key of: {', '.join(role.value for role in roles)}.",
            )
        return Caller(key_id, principal)

    return caller


AsDevice = Annotated[Caller, Depends(allowed(Role.DEVICE))]
AsOperator = Annotated[Caller, Depends(allowed(Role.OPERATOR))]
AsViewer = Annotated[Caller, Depends(allowed(Role.OPERATOR, Role.VIEWER))]
AsAnyone = Annotated[Caller, Depends(allowed(*Role))]
