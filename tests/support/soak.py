"""The game over the store of jobs, at length: ``make soak``, which is ``python -m tests.support.soak``."""

from __future__ import annotations

import argparse
import contextlib
import logging
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from orchestrator.storage import schema
from orchestrator.storage.database import Database
from tests.support import postgres
from tests.support.job_machine import farm_on

STEPS_OF_A_GAME = 250
GAMES_AT_ONCE = 10

LONG = settings(
    max_examples=GAMES_AT_ONCE,
    stateful_step_count=STEPS_OF_A_GAME,
    deadline=None,
    database=None,
    print_blob=True,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)


def played(url: str, steps: int, tell: Callable[[int], None]) -> Counter[str]:
    """What was done in at least ``steps`` steps on the database ``url``.

    Raises:
        AssertionError: a rule was broken; Hypothesis has printed the shortest game that breaks it.
    """
    made = Database(url)
    made.make_file()
    schema.upgrade(made)
    made.close()
    farm = farm_on(lambda: Database(url))
    while sum(farm.steps.values()) < steps:
        run_state_machine_as_test(farm, settings=LONG)
        tell(sum(farm.steps.values()))
    return farm.steps


@contextlib.contextmanager
def databases() -> Iterator[dict[str, str]]:
    """The URL of an empty database of each kind; PostgreSQL where this machine has one."""
    with contextlib.ExitStack() as held:
        folder = held.enter_context(tempfile.TemporaryDirectory(prefix="stepfarm-soak-"))
        urls = {"SQLite": f"sqlite:///{Path(folder) / 'soak.db'}"}
        try:
            server = held.enter_context(postgres.server())
        except postgres.NoServer as reason:
            print(reason, file=sys.stderr)
        else:
            with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
                connection.execute("CREATE DATABASE soak")
            urls["PostgreSQL"] = server.url("soak")
        yield urls


def main() -> int:
    """Play, and print what was done in one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=100_000, help="on all databases together (default: 100,000)")
    wanted = parser.parse_args().steps
    logging.disable(logging.WARNING)
    began_s = time.monotonic()  # noqa: TID251  # a program of its own
    done: dict[str, Counter[str]] = {}
    with databases() as urls:
        for name, url in urls.items():

            def tell(steps: int, name: str = name) -> None:
                print(f"\r{name}: {steps:,} steps ", end="", file=sys.stderr, flush=True)

            done[name] = played(url, -(-wanted // len(urls)), tell)
    print(file=sys.stderr)
    each = ", ".join(f"{name} {sum(steps.values()):,}" for name, steps in done.items())
    total: Counter[str] = sum(done.values(), Counter())
    print("; ".join(f"{what} {number:,}" for what, number in total.most_common()))
    print(
        f"{sum(total.values()):,} steps ({each}): no lease twice, no stale write, no job lost, every reading once, "
        f"bit for bit; {time.monotonic() - began_s:,.0f} s"  # noqa: TID251
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
