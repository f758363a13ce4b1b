"""The orchestrator on Ray: Serve hosts the API, tasks do the analysis."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agent.config import Settings
from orchestrator.cluster import loopback
from orchestrator.errors import StartFailed

APPLICATION = "stepfarm"
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def serving(settings: Settings) -> Iterator[None]:
    """The API at the settings' port of this machine, on a Ray of its own or on the cluster that RAY_ADDRESS names.

    Raises:
        StartFailed: Ray or the application did not come up.
    """
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    scratch = Path(tempfile.mkdtemp(prefix="stepfarm-ray-"))  # Ray's sockets need a short path
    try:
        with _ray(settings, scratch):
            _serve(settings)
            _take_back_signals(handlers)
            yield
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _take_back_signals(handlers: dict[signal.Signals, Any]) -> None:
    # Ray's core ends the process at SIGTERM, where we end in good order.
    if threading.current_thread() is threading.main_thread():
        for number, handler in handlers.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _ray(settings: Settings, scratch: Path) -> Iterator[None]:
    own_cluster = "RAY_ADDRESS" not in os.environ
    if own_cluster:
        os.environ.update(loopback.ENVIRONMENT)
        _keep_token(settings)
    import ray

    options: dict[str, Any] = {}
    if own_cluster:
        # Without address="local" Ray joins whatever cluster it finds on this machine.
        options = {
            "runtime_env": {"worker_process_setup_hook": loopback.HOOK},
            "address": "local",
            "_node_ip_address": "127.0.0.1",
            "_temp_dir": str(scratch),
            "include_dashboard": False,
        }
    try:
        ray.init(log_to_driver=False, logging_level=logging.ERROR, namespace=APPLICATION, **options)
    except (RuntimeError, ConnectionError, ValueError, OSError) as error:
        raise StartFailed(f"Ray did not start: {error}.", "See docs/operating.md, Ray.") from None
    try:
        yield
    finally:
        ray.shutdown()


def _keep_token(settings: Settings) -> None:
    """Let Ray's own token live in the state directory, for its owner alone: Ray would make it readable to all."""
    if "RAY_AUTH_TOKEN" in os.environ or "RAY_AUTH_TOKEN_PATH" in os.environ:
        return
    path = settings.orchestrator_home / "ray.token"
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
    os.environ["RAY_AUTH_TOKEN_PATH"] = str(path)


def _serve(settings: Settings) -> None:
    from ray import serve

    from orchestrator.cluster.deployment import deployment

    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    try:
        serve.start(http_options={"host": "127.0.0.1", "port": settings.port}, logging_config={"log_level": "ERROR"})
        serve.run(deployment(settings), name=APPLICATION, route_prefix="/")
    except (RuntimeError, ValueError, OSError) as error:
        raise StartFailed(f"The API did not start under Ray Serve: {error}.", "See docs/operating.md, Ray.") from None
