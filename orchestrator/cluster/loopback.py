"""Keeps Ray to this machine.

Ray Serve's replicas open a port for other replicas on all interfaces, whatever the node's address is: the address is
written into its code. The hook here runs when a Ray worker starts and binds that port to the loopback interface.
"""

from __future__ import annotations

import importlib
from typing import Any

HOOK = "orchestrator.cluster.loopback.bind_to_loopback"
"""The value of Ray's ``worker_process_setup_hook``."""

EVERYWHERE = "[::]:0"
HERE = "127.0.0.1:0"

ENVIRONMENT = {
    # Ray's own switch that keeps a node on 127.0.0.1; not documented for Linux, so a test watches the sockets.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    # Other users of this machine reach its loopback interface too.
    "RAY_AUTH_MODE": "token",
    # Serve's uvicorn would take what any program of this machine says in X-Forwarded-For for the address of a client.
    "FORWARDED_ALLOW_IPS": "192.0.2.0",  # an address that nobody has (RFC 5737)
    # On a busy machine of two cores Serve's proxy needs more than the 5 s after which Serve kills it.
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60",
    # The proxy notices a dead replica, and the controller a dead proxy, within seconds.
    "RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": "1",
    "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S": "2",
}


def bind_to_loopback() -> None:
    """Make Serve's replicas in this worker listen on 127.0.0.1 alone."""
    replica: Any = importlib.import_module("ray.serve._private.replica")
    bind = replica.add_port_to_grpc_server

    def bind_here(server: Any, address: str) -> Any:
        return bind(server, HERE if address == EVERYWHERE else address)

    replica.add_port_to_grpc_server = bind_here
