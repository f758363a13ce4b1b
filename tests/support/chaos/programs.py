"""The processes that chaos befalls: agents and the API, each of the real parts, put together as its program does.

They are forked off a server that has imported everything once, so that hundreds of starts take seconds.
"""

from __future__ import annotations

import logging
import random
import signal
import threading
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from pathlib import Path

from agent.client import OrchestratorClient
from agent.clock import SystemClock
from agent.config import Settings
from agent.holdings.register import Register
from agent.identity import read_identity
from agent.locking import alone_in
from agent.loop import Agent
from agent.measure.simulated.child import command_of
from agent.measure.simulated.device import description_of
from agent.measure.simulated.profiles import PROFILES, ProfileName
from agent.signals import stopping_on_signals
from agent.untold import Untold
from agent.work import Tools
from orchestrator.analysis.analyse import analyse
from orchestrator.api import hosting
from orchestrator.curves.analysing import one_by_one
from orchestrator.jobs.dispatch import LeaseTimes
from orchestrator.wiring import Orchestrator
from tests.support.chaos.witness import Statement, WitnessedSpool

HURRY = 10.0
LEASE = LeaseTimes(lease_s=4.0, heartbeat_s=5.0, retry_s=1.0)
"""Heartbeats come every half second, because the agents are in a hurry; a lease is over after four."""

PROFILE = ProfileName.STAIRS
PACE_S = 0.03
SPOOL_BYTES = 2**20


class HastyClock(SystemClock):
    """The system's clock, but for waits, which are ten times shorter."""

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Wait a tenth of ``seconds``, or until ``stop`` is set."""
        return super().wait(stop, seconds / HURRY)


class WrongClock(SystemClock):
    """The system's clock, off by the milliseconds that a file says."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def epoch_ms(self) -> int:
        """Milliseconds since 1970 UTC, and what the file says."""
        return super().epoch_ms() + int(self._file.read_text() or 0)


@dataclass(frozen=True)
class DeviceAt:
    """Where a device keeps its state, and whom it tells what it measures."""

    name: str
    home: Path
    witness: Path


def run_device(at: DeviceAt, stoppable: Event) -> None:
    """An agent, until it is told to stop or ended; ``stoppable`` is set once it heeds the first."""
    identity = read_identity(at.home)
    assert identity is not None
    statement = Statement(at.witness, at.name)
    tools = Tools(
        client=OrchestratorClient(identity.url, identity.key),
        spool=WitnessedSpool(at.home / "spool", statement, most_bytes=SPOOL_BYTES),
        untold=Untold(at.home),
        register=Register(at.home),
        clock=HastyClock(),
        rng=random.Random(),
        tell=statement.tell,
        child=command_of(PROFILE, at.name, pace_s=PACE_S),
    )
    agent = Agent(tools)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with alone_in(at.home, program="stepfarm-agent"), stopping_on_signals(agent.stop, second_ends=True):
        stoppable.set()
        try:
            agent.run(description_of(PROFILES[PROFILE]))
        except Exception as error:  # noqa: BLE001  # whoever keeps the agents running starts it again
            statement.tell(f"ended: {type(error).__name__}: {error}")
            raise SystemExit(1) from None


def run_api(settings: Settings, offset: Path, stoppable: Event) -> None:
    """The API under uvicorn, until it is told to stop or ended; ``stoppable`` is set once it heeds the first."""
    stop = threading.Event()
    logging.raiseExceptions = False  # where its disk is full, the log's is too
    with (
        stopping_on_signals(stop.set, second_ends=False),
        hosting.serving(
            settings, lambda: Orchestrator(settings, one_by_one(analyse), clock=WrongClock(offset), times=LEASE)
        ),
    ):
        stoppable.set()
        stop.wait()
