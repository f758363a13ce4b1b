"""One run of chaos, from its start to the verdict."""

from __future__ import annotations

import random
import shutil
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.clock import SystemClock
from orchestrator.storage.database import Database
from orchestrator.wiring import database_url
from tests.support.chaos.farm import Farm
from tests.support.chaos.programs import LEASE
from tests.support.chaos.proxy import proxying
from tests.support.chaos.verdict import Verdict, verdict
from tests.support.chaos.witness import witnessing
from tests.support.serving import free_port

EVERY_S = 0.55
FINISH_S = 180.0
DAY_MS = 86_400_000


@dataclass(frozen=True)
class Ended:
    """What befell the farm, what came of it, and how long it took."""

    befell: dict[str, int]
    connections: dict[str, int]
    verdict: Verdict
    seconds: float
    told: tuple[str, ...]

    @property
    def kills(self) -> int:
        """How many processes were killed."""
        return sum(number for what, number in self.befell.items() if what.startswith("kills"))

    def line(self) -> str:
        """The figures, in one line."""
        found = self.verdict
        return (
            f"{self.kills} kills in {self.seconds:.0f} s: {found.readings:,} readings in {found.passes:,} passes, "
            f"{found.readings_lost} lost, {found.readings_twice} twice, {found.readings_changed} changed, "
            f"{found.readings_of_nobody} of nobody, {found.set_aside} passes set aside; {found.jobs} jobs, "
            f"{found.jobs_not_ended} not ended, {found.attempts_open} attempts open"
        )


def chaos(*, kills: int, devices: int, seed: int, tell: Callable[[str], None] = lambda _line: None) -> Ended:
    """Let things befall a farm until so many processes were killed, let it finish, and compare."""
    rng = random.Random(seed)
    clock = SystemClock()
    began_ns = clock.monotonic_ns()
    home = Path(tempfile.mkdtemp(prefix="sf-chaos-"))
    port = free_port()
    address = home / "witness"
    try:
        with witnessing(address) as witness, proxying(port, rng) as proxy:
            farm = Farm(home, proxy, port=port, witness=address, devices=devices, rng=rng)
            try:
                farm.start()
                proxy.faulty.set()
                _befall(farm, rng, kills, tell)
                farm.heal()
                farm.finish(seconds=FINISH_S)
            finally:
                farm.close()
        database = Database(database_url(farm.settings))
        try:
            found = verdict(database, witness, set_aside=len(farm.set_aside()))
        finally:
            database.close()
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return Ended(
        befell=dict(farm.befell),
        connections={fault.value: number for fault, number in proxy.befell.items()},
        verdict=found,
        seconds=(clock.monotonic_ns() - began_ns) / 1e9,
        told=tuple(witness.told),
    )


def _befall(farm: Farm, rng: random.Random, kills: int, tell: Callable[[str], None]) -> None:
    never = threading.Event()

    def done() -> int:
        return sum(number for what, number in farm.befell.items() if what.startswith("kills"))

    names = [at.name for at in farm.devices]
    while done() < kills:
        never.wait(EVERY_S * rng.uniform(0.5, 1.5))
        _misfortune(farm, rng, rng.choice(names))()
        tell(f"{done()} of {kills} kills")


def _misfortune(farm: Farm, rng: random.Random, name: str) -> Callable[[], None]:
    """What befalls the device of this name next, or all of the farm."""
    wrong_ms = rng.choice((0, -3_600_000, -5 * 365 * DAY_MS, DAY_MS, 5 * 365 * DAY_MS))
    odds: list[tuple[int, Callable[[], None]]] = [
        (50, lambda: farm.kill(name)),
        (14, lambda: farm.kill_child(name)),
        (12, lambda: farm.kill("api")),
        (3, lambda: farm.pause(name, LEASE.lease_s * rng.uniform(1.1, 1.5))),
        (3, lambda: farm.pause("api", rng.uniform(0.5, 2.0))),
        (5, lambda: farm.fill_disk(name, rng.uniform(0.5, 2.0))),
        (2, lambda: farm.fill_disk("api", rng.uniform(0.3, 1.0))),
        (4, lambda: farm.set_clock(wrong_ms)),
        (3, farm.cancel_one),
    ]
    return rng.choices([what for _, what in odds], [weight for weight, _ in odds])[0]
