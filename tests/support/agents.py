"""Agents at work in this process: the real loop, client and spool, with a child that needs no torch, in a hurry."""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agent.client import OrchestratorClient
from agent.clock import SystemClock
from agent.exports import Exports
from agent.holdings.register import Register
from agent.identity import Identity, enrol
from agent.loop import Agent
from agent.measure.turn import Turn
from agent.rotation import rotate_key
from agent.spool import Spool
from agent.untold import Untold
from agent.work import Tools
from tests.support import synthetic_child
from tests.support.messages import DESCRIPTION
from tests.support.serving import Served

HURRY = 50.0
PATIENCE_S = 60.0


class HastyClock(SystemClock):
    """The system's clock, but for waits, which are fifty times shorter."""

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Wait a fiftieth of ``seconds``, or until ``stop`` is set."""
        return super().wait(stop, seconds / HURRY)


@dataclass
class AgentAtWork:
    """An agent in a thread of its own."""

    agent: Agent
    spool: Spool
    told: list[str]
    thread: threading.Thread
    errors: list[BaseException] = field(default_factory=list)

    def ended(self) -> BaseException | None:
        """What the agent ended with, once it has ended by itself."""
        self.thread.join(PATIENCE_S)
        assert not self.thread.is_alive(), self.told
        return self.errors[0] if self.errors else None


def enrolled(served: Served, home: Path, name: str) -> Identity:
    """A new device of the real orchestrator, let in by a join code, with its state in ``home``."""
    code = served.client.new_join_code().code
    return enrol(home, url=served.url, code=code, name=name, description=DESCRIPTION)


@contextlib.contextmanager
def at_work(
    url: str, key: str, home: Path, *, child: Sequence[str] | None = None, hasty: bool = True, turn: Turn | None = None
) -> Iterator[AgentAtWork]:
    """An agent at work for the orchestrator at ``url`` until the context ends."""
    told: list[str] = []
    spool = Spool(home / "spool", tell=told.append)
    client = OrchestratorClient(url, key)
    tools = Tools(
        client=client,
        spool=spool,
        untold=Untold(home),
        register=Register(home),
        clock=HastyClock() if hasty else SystemClock(),
        rng=random.Random(0),
        tell=told.append,
        child=child or synthetic_child.command(),
        turn=turn,
        rotate_key=lambda: rotate_key(home, client, tell=told.append),
        exports=None if child is None else Exports(home / "exports"),
    )
    agent = Agent(tools)
    at_work = AgentAtWork(agent, spool, told, threading.Thread())

    def run() -> None:
        try:
            agent.run(DESCRIPTION)
        except BaseException as error:  # noqa: BLE001  # for the test to look at
            at_work.errors.append(error)

    at_work.thread = threading.Thread(target=run, daemon=True)
    at_work.thread.start()
    try:
        yield at_work
    finally:
        agent.stop()
        at_work.thread.join(PATIENCE_S)
        assert not at_work.thread.is_alive(), told


def eventually(condition: Callable[[], bool], what: str) -> None:
    """Wait until ``condition`` holds; ``what`` is in vain otherwise."""
    clock, never = SystemClock(), threading.Event()
    until_ns = clock.monotonic_ns() + round(PATIENCE_S * 1e9)
    while not condition():
        assert clock.monotonic_ns() < until_ns, f"in vain: {what}"
        clock.wait(never, 0.02)
