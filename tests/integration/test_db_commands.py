"""``stepfarm db backup`` and ``restore`` as a person types them, and the copy that an upgrade makes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from agent.clock import SystemClock
from agent.config import Settings
from agent.wire.jobs import Workload
from orchestrator import cli
from orchestrator.storage.database import Database
from orchestrator.wiring import prepare
from tests.support.filling import enrolled
from tests.support.serving import serving

DUMP = Path(__file__).parents[1] / "data" / "databases" / "0001.sql"


@pytest.fixture
def stepfarm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """What a command ends with, and what it prints."""
    monkeypatch.setenv("STEPFARM_HOME", str(tmp_path))

    def run(*arguments: str) -> tuple[int, str]:
        code = cli.main(arguments)
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return run


def test_a_copy_made_under_a_running_orchestrator_brings_back_what_was_there(
    tmp_path: Path, stepfarm: Callable[..., tuple[int, str]]
) -> None:
    copy = str(tmp_path / "copy.db")
    with serving(tmp_path) as served:
        enrolled(served.url, served.client, "before")
        assert stepfarm("db", "backup", copy) == (
            0,
            f"Copied to {copy}. To go back to it: stepfarm db restore {copy}\n",
        )
        enrolled(served.url, served.client, "after")
        code, said = stepfarm("db", "restore", copy)
        assert (code, "Another orchestrator" in said) == (1, True)
    code, said = stepfarm("db", "restore", copy)
    assert code == 0, said
    assert "The database as it was until now" in said
    with serving(tmp_path) as served:
        assert [device.name for device in served.client.devices()] == ["before"]
        sweep = served.client.create_sweep(models=["a"], workloads=[Workload()], devices=["before"])
        assert sweep.id > 1_000_000
    (kept,) = (tmp_path / "orchestrator" / "backups").iterdir()
    assert stepfarm("db", "restore", str(kept))[0] == 0
    with serving(tmp_path) as served:
        assert [device.name for device in served.client.devices()] == ["after", "before"]


def test_before_the_tables_of_a_database_are_changed_a_copy_is_written_beside_it_and_named(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    file = tmp_path / "orchestrator" / "stepfarm.db"
    file.parent.mkdir()
    old = sa.create_engine(f"sqlite:///{file}")
    with old.connect() as connection:
        driver = connection.connection.dbapi_connection
        assert driver is not None
        driver.executescript(DUMP.read_text())
    old.dispose()
    told: list[str] = []

    prepare(settings, SystemClock(), told.append)

    (copy,) = file.parent.glob("stepfarm.db.before-*")
    assert str(copy) in told[0]
    database = Database(f"sqlite:///{copy}")
    with database.read() as session:
        assert session.scalar(sa.text("SELECT version_num FROM alembic_version")) == "0001"
    database.close()
    told.clear()
    prepare(settings, SystemClock(), told.append)
    assert told == []


def test_a_first_start_makes_no_copy(tmp_path: Path) -> None:
    told: list[str] = []
    prepare(Settings(home=tmp_path), SystemClock(), told.append)
    assert told == []
    assert list((tmp_path / "orchestrator").glob("*before*")) == []
