"""PostgreSQL goes away in mid-sweep: everybody is told in words, nothing is lost, and all goes on when it is back.

What the agent says and does meanwhile is in ``test_agent_simulated.py``.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from agent.errors import OrchestratorAway
from orchestrator import chores
from orchestrator.jobs.states import JobState
from orchestrator.storage.writer import ADVISORY
from tests.support import postgres
from tests.support.agents import eventually
from tests.support.filling import FEW_COUNTS, FakeJob, begun, enrolled
from tests.support.pages import opened, press, words
from tests.support.plain_http import ask, problem_of
from tests.support.postgres import PostgresServer
from tests.support.serving import Served, serving

CHORES = ("reaper", "analyst")


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    if os.environ.get(postgres.WITHOUT) == "1":
        pytest.skip(f"{postgres.WITHOUT}=1")
    with postgres.server() as running:
        with psycopg.connect(running.url("postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE farm")
        yield running


@pytest.fixture
def served(server: PostgresServer, tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path, database_url=server.url("farm")) as running:
        yield running


@pytest.fixture
def in_mid_sweep(served: Served) -> FakeJob:
    """A job whose first pass is stored."""
    job = begun(enrolled(served.url, served.client, "board"), served.client)
    job.post(0)
    return job


def away(ask_for: Callable[[], object]) -> str:
    """What somebody is told who asks while the database is away."""
    with pytest.raises(OrchestratorAway) as refusal:
        ask_for()
    return str(refusal.value)


def works(served: Served) -> bool:
    with contextlib.suppress(OrchestratorAway):
        return bool(served.client.devices())
    return False


def test_while_it_is_away_whoever_asks_is_told_and_what_was_stored_is_there_afterwards(
    served: Served, server: PostgresServer, in_mid_sweep: FakeJob
) -> None:
    before = served.client.readings(in_mid_sweep.curve_id)
    server.stop()

    ready = ask(served.url, "GET", "/readyz")
    told = away(served.client.devices)
    assert (ready.status, problem_of(ready).type, ready.headers["Retry-After"]) == (503, "database-away", "5")
    assert ask(served.url, "GET", "/healthz").status == 200
    for words_ in (told, problem_of(ready).detail + problem_of(ready).advice):
        assert "PostgreSQL at" in words_
        assert "does not answer" in words_
        assert "Is the server running" in words_
        assert "Nothing is lost" in words_
    assert "does not answer" in away(lambda: in_mid_sweep.post(1))

    server.start()
    eventually(lambda: works(served), "the orchestrator works again")
    assert ask(served.url, "GET", "/readyz").status == 200
    assert served.client.readings(in_mid_sweep.curve_id) == before
    view = in_mid_sweep.finish()
    assert view.summary.job_state is JobState.DONE
    passes = [(one.round, one.number) for one in served.client.readings(in_mid_sweep.curve_id).passes]
    assert len(set(passes)) == len(passes)
    assert [number for round_, number in passes if round_ == 0] == list(range(FEW_COUNTS.passes))


def test_the_page_says_in_words_that_the_database_is_away_and_shows_the_curves_once_it_is_back(
    served: Served,
    server: PostgresServer,
    in_mid_sweep: FakeJob,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STEPFARM_HOME", str(served.settings.home / "nobodys"))
    app = opened(monkeypatch, served, curve=in_mid_sweep.curve_id)
    assert "board" in words(app)
    server.stop()

    app.run()

    assert not app.exception
    assert "does not answer" in words(app)
    assert "Nothing is lost" in words(app)

    server.start()
    eventually(lambda: works(served), "the orchestrator works again")
    press(app, "Try again")
    assert "does not answer" not in words(app)
    assert "board" in words(app)


def test_the_log_says_once_that_chores_wait_and_once_that_they_go_on(
    served: Served, server: PostgresServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(chores, "EVERY_S", 0.02)

    with caplog.at_level(logging.INFO, "orchestrator"):
        server.stop()
        eventually(lambda: all(f"the {chore} waits" in caplog.text for chore in CHORES), "the chores wait")
        server.start()
        eventually(lambda: all(f"the {chore} goes on" in caplog.text for chore in CHORES), "the chores go on")

    for chore in CHORES:
        assert [caplog.text.count(f"the {chore} {words_}") for words_ in ("waits", "goes on")] == [1, 1]
    assert "Traceback" not in caplog.text


def test_when_it_is_back_this_orchestrator_is_again_the_one_that_writes(served: Served, server: PostgresServer) -> None:
    server.stop()
    server.start()
    eventually(lambda: ask(served.url, "GET", "/readyz").status == 200, "the orchestrator works again")

    with psycopg.connect(server.url("farm")) as another:
        row = another.execute("SELECT pg_try_advisory_lock(%s)", [ADVISORY]).fetchone()

    assert row == (False,)
