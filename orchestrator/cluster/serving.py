"""The orchestrator on Ray: Serve hosts the API, tasks do the analysis."""

from __future__ import annotations

import atexit
import contextlib
import importlib
import logging
import os
import secrets
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from agent.config import Settings
from agent.signals import STOPPING
from orchestrator.cluster import loopback
from orchestrator.errors import StartFailed
from orchestrator.leftovers import SCRATCH_PREFIX, note_folder
from orchestrator.listening import Listening
from orchestrator.logs import FILE_NAME as LOG
from orchestrator.storage.address import parsed
from orchestrator.wiring import database_url

APPLICATION = "stepfarm"

LONGEST_PARENT = 14
SHORT_PARENT = "/tmp"  # noqa: S108  # in it, mkdtemp makes a directory that is its owner's alone


@contextlib.contextmanager
def serving(settings: Settings, listening: Listening) -> Iterator[None]:
    """The API where ``listening`` says, on a Ray of its own or on the cluster that RAY_ADDRESS names.

    Raises:
        StartFailed: Ray or the application did not come up, or a cluster is to work with a file of this machine.
    """
    refuse_file_on_cluster(settings, os.environ)
    _load(settings)
    handlers = {number: signal.getsignal(number) for number in STOPPING}
    with _scratch(settings) as scratch, _ray(scratch):
        _take_back_signals(handlers)
        _serve(settings, listening)
        _take_back_signals(handlers)
        yield


def refuse_file_on_cluster(settings: Settings, environ: Mapping[str, str]) -> None:
    """Refuse SQLite on a cluster: the API would open, or make, a file of whichever node it lands on.

    Raises:
        StartFailed: saying what to do.
    """
    if "RAY_ADDRESS" in environ and parsed(database_url(settings)).get_backend_name() == "sqlite":
        raise StartFailed(
            "RAY_ADDRESS names a cluster, and the database is an SQLite file, which every node would have for itself.",
            "Name a PostgreSQL database in STEPFARM_DATABASE_URL, or unset RAY_ADDRESS.",
        )


@contextlib.contextmanager
def _scratch(settings: Settings) -> Iterator[Path]:
    """A directory for Ray's sockets and logs, out of reach of other users: Ray lets everybody into its own."""
    # A short path: the name of a socket has room for 107 bytes on Linux (unix(7)), 103 on macOS, and of these Ray
    # takes 64, the names below 24. A user's own directory for such things can be too long, as macOS has it.
    usual = Path(tempfile.gettempdir())
    parent = Path(
        tempfile.mkdtemp(prefix=SCRATCH_PREFIX, dir=usual if len(str(usual)) <= LONGEST_PARENT else SHORT_PARENT)
    )
    try:
        note_folder(settings.orchestrator_home, parent)
        scratch = parent / "r"
        scratch.mkdir(mode=0o700)
        yield scratch
    finally:
        shutil.rmtree(parent, ignore_errors=True)


def _take_back_signals(handlers: dict[signal.Signals, Any]) -> None:
    # Ray's core ends the process at SIGTERM, where we end in good order.
    if threading.current_thread() is threading.main_thread():
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _load(settings: Settings) -> None:
    """Set what Ray reads when it is imported, and import it."""
    if _own_cluster():
        os.environ.update(loopback.ENVIRONMENT)
        _keep_token(settings)
    try:
        importlib.import_module("ray.serve")
    except BaseException:
        # Interrupted in mid-import, Ray would fail at exit, with a traceback, over what it has not loaded.
        atexit.unregister(getattr(sys.modules.get("ray._private.worker"), "shutdown", _load))
        raise


def _own_cluster() -> bool:
    return "RAY_ADDRESS" not in os.environ


@contextlib.contextmanager
def _ray(scratch: Path) -> Iterator[None]:
    import ray

    options: dict[str, Any] = {}
    if _own_cluster():
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
    except Exception as error:  # noqa: BLE001  # Ray raises bare ones, at a time-out of its own for example
        raise StartFailed(
            f"Ray did not start: {str(error).rstrip('.')}.",
            "Is the machine busy with other things? --without-ray does without it; docs/operating.md, Ray, says more.",
        ) from None
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


def _options(listening: Listening) -> dict[str, Any]:
    options: dict[str, Any] = {"host": listening.host, "port": listening.port}
    if listening.certificate is not None:
        files = listening.certificate
        options |= {"ssl_certfile": str(files.chain), "ssl_keyfile": str(files.key)}
    return options


def _serve(settings: Settings, listening: Listening) -> None:
    from ray import serve

    from orchestrator.cluster.deployment import deployment

    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    try:
        serve.start(http_options=_options(listening), logging_config={"log_level": "ERROR"})
        serve.run(deployment(settings, behind_proxy=listening.behind_proxy), name=APPLICATION, route_prefix="/")
    except Exception as error:  # noqa: BLE001  # as above
        raise StartFailed(
            f"The API did not start under Ray Serve: {str(error).rstrip('.')}.",
            f"See {settings.orchestrator_home / LOG}, and docs/operating.md, Ray.",
        ) from None
