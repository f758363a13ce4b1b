"""What the first start makes, the next keeps, and a second orchestrator is kept from."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.config import Settings
from agent.errors import OrchestratorAway, Refused
from orchestrator.analysis.analyse import analyse
from orchestrator.client import Client
from orchestrator.curves.analysing import one_by_one
from orchestrator.errors import DatabaseAway, DatabaseTaken
from orchestrator.keys import OPERATOR_KEY_FILE
from orchestrator.wiring import Orchestrator, prepare
from tests.support.plain_http import ask, problem_of
from tests.support.serving import Served, serving

CLOCK = SystemClock()


def key_file(served: Served) -> Path:
    return served.settings.orchestrator_home / OPERATOR_KEY_FILE


def refused(url: str, key: str) -> str:
    """Why the orchestrator refuses the key."""
    with pytest.raises(Refused) as refusal:
        Client(url, key).me()
    return refusal.value.message


def test_the_operators_key_stays_from_start_to_start(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)

    assert prepare(settings, CLOCK) == prepare(settings, CLOCK)


def test_a_state_directory_may_have_signs_of_urls_in_its_name(tmp_path: Path) -> None:
    home = tmp_path / "a b%23#?"

    prepare(Settings(home=home), CLOCK)

    assert (home / "orchestrator" / "stepfarm.db").exists()


def test_a_key_that_was_deleted_is_replaced_and_good_no_more(tmp_path: Path) -> None:
    with serving(tmp_path) as first:
        key_file(first).unlink()

    with serving(tmp_path) as second:
        assert second.client.me().label == "operator"
        assert second.operator_key != first.operator_key
        assert "revoked" in refused(second.url, first.operator_key)


def test_a_key_that_was_replaced_elsewhere_and_came_back_is_replaced_in_its_turn(tmp_path: Path) -> None:
    with serving(tmp_path) as first:
        key_file(first).unlink()
    with serving(tmp_path) as second:
        key_file(second).write_text(first.operator_key)

    with serving(tmp_path) as third:
        assert third.operator_key not in (first.operator_key, second.operator_key)
        assert third.client.devices() == ()
        for old in (first.operator_key, second.operator_key):
            assert "revoked" in refused(third.url, old)


def test_two_state_directories_with_one_database_cannot_work_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'farm.db'}"
    with serving(tmp_path / "a", database_url=url), pytest.raises(DatabaseTaken) as refusal:
        prepare(Settings(home=tmp_path / "b", database_url=url), CLOCK)

    assert "farm.db" in refusal.value.message
    assert "Stop that one first" in refusal.value.advice
    prepare(Settings(home=tmp_path / "b", database_url=url), CLOCK)


def test_an_orchestrator_that_starts_while_its_database_is_away_says_so_and_works_once_it_is_back(
    tmp_path: Path,
) -> None:
    settings = Settings(home=tmp_path)
    prepare(settings, CLOCK)
    database, elsewhere = settings.orchestrator_home / "stepfarm.db", tmp_path / "elsewhere.db"
    database.rename(elsewhere)

    with Orchestrator(settings, one_by_one(analyse)) as orchestrator:
        with pytest.raises(DatabaseAway, match="There is no database"):
            orchestrator.check_ready()
        elsewhere.rename(database)
        orchestrator.check_ready()


def test_a_database_file_that_goes_away_is_told_and_comes_back_without_a_restart(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        database, elsewhere = served.settings.orchestrator_home / "stepfarm.db", tmp_path / "elsewhere.db"
        database.rename(elsewhere)

        ready = ask(served.url, "GET", "/readyz")
        with pytest.raises(OrchestratorAway, match="There is no database"):
            served.client.devices()
        assert (ready.status, problem_of(ready).type) == (503, "database-away")
        assert "put it back" in problem_of(ready).advice

        elsewhere.rename(database)
        assert served.client.devices() == ()
        assert ask(served.url, "GET", "/readyz").status == 200


def test_a_database_file_that_is_replaced_under_a_running_orchestrator_is_not_written_to(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        database = served.settings.orchestrator_home / "stepfarm.db"
        copy = tmp_path / "copy.db"
        copy.write_bytes(database.read_bytes())
        copy.replace(database)
        before = database.read_bytes()

        with pytest.raises(OrchestratorAway, match="another file than the one that was opened"):
            served.client.new_join_code()

        assert database.read_bytes() == before
