"""``stepfarm``: what a person types, what comes back, and how an error reads."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from agent.clock import SystemClock
from agent.config import Settings
from agent.locking import alone_in
from orchestrator.analysis.planning import Plan
from orchestrator.storage.database import Database
from orchestrator.wiring import database_url, prepare
from tests.support.commands import Stepfarm
from tests.support.filling import begun, enrolled
from tests.support.serving import Served, free_port, serving


@pytest.fixture
def stepfarm(capsys: pytest.CaptureFixture[str]) -> Stepfarm:
    return Stepfarm(capsys)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """An orchestrator with a device and a curve, which commands find by themselves."""
    with serving(tmp_path_factory.mktemp("farm")) as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv("STEPFARM_HOME", str(running.settings.home))
        patch.setenv("STEPFARM_PORT", str(running.settings.port))
        device = enrolled(running.url, running.client, "board")
        begun(device, running.client, plan=Plan(exhaustive=True, confirm=False, passes=5, stride=4)).finish()
        yield running


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory of its own."""
    monkeypatch.setenv("STEPFARM_HOME", str(tmp_path))
    return tmp_path


def test_curves_are_listed_and_shown_with_steps_and_sweet_spots(stepfarm: Stepfarm, served: Served) -> None:
    curve = str(json.loads(stepfarm("curves", "list", "--json").out)[0]["id"])

    shown = stepfarm("curves", "show", curve)

    assert "deit_small_patch16_224" in stepfarm("curves", "list").out
    assert "deit_small_patch16_224" in shown.out
    assert "board" in shown.out
    assert json.loads(stepfarm("curves", "show", curve, "--json").out)["sealed"] is True


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("curves", "show", "999999"), "no curve 999999"),
        (("swep",), "invalid choice"),
    ],
)
def test_what_cannot_be_done_is_refused_with_advice(
    stepfarm: Stepfarm, served: Served, arguments: tuple[str, ...], said: str
) -> None:
    assert said in stepfarm.refused(*arguments)


def test_a_wrong_key_is_refused_with_advice(
    stepfarm: Stepfarm, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPFARM_KEY", "sfo_wrong")

    said = stepfarm.refused("devices", "list")

    assert "not known here" in said
    assert "sfo_wrong" not in said


def test_without_an_orchestrator_it_says_how_to_start_one(
    stepfarm: Stepfarm, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "stepfarm up" in stepfarm.refused("devices", "list")

    monkeypatch.setenv("STEPFARM_KEY", "sfo_any")
    monkeypatch.setenv("STEPFARM_PORT", str(free_port()))
    assert "stepfarm up" in stepfarm.refused("devices", "list")


def test_a_misspelt_setting_is_refused(stepfarm: Stepfarm, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFARM_PROT", "1")

    assert "STEPFARM_PORT" in stepfarm.refused("devices", "list")


def test_db_upgrade_makes_the_tables_and_check_agrees(stepfarm: Stepfarm, home: Path) -> None:
    assert stepfarm("db", "upgrade").code == 0
    assert stepfarm("db", "upgrade").code == 0
    assert "as it should be" in stepfarm("db", "check").out


def test_db_check_of_no_database_makes_none(stepfarm: Stepfarm, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "stepfarm db upgrade" in stepfarm.refused("db", "check")
    monkeypatch.setenv("STEPFARM_DATABASE_URL", f"sqlite:///{home / 'elsewhere.db'}")
    assert "elsewhere.db" in stepfarm.refused("db", "check")

    assert list(home.rglob("*.db")) == []


def test_a_newer_schema_is_refused_and_left_as_it_is(stepfarm: Stepfarm, home: Path) -> None:
    settings = Settings(home=home)
    prepare(settings, SystemClock())
    database = Database(database_url(settings))
    with database.write() as session:
        session.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))

    for command in ("check", "upgrade"):
        assert "newer than this version" in stepfarm.refused("db", command)

    with database.read() as session:
        assert session.scalar(sa.text("SELECT version_num FROM alembic_version")) == "9999"
    database.close()


def test_db_upgrade_does_not_pull_the_ground_from_under_a_running_orchestrator(stepfarm: Stepfarm, home: Path) -> None:
    with alone_in(home / "orchestrator", program="orchestrator"):
        assert "Another orchestrator" in stepfarm.refused("db", "upgrade")


@pytest.mark.parametrize("url", ["mysql://a/b", "nonsense", "sqlite://", "postgresql+asyncpg://a:geheim@b/c"])
def test_a_database_url_that_is_none_is_refused_without_repeating_it(
    stepfarm: Stepfarm, home: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("STEPFARM_DATABASE_URL", url)

    for command in ("check", "upgrade"):
        said = stepfarm.refused("db", command)
        assert "STEPFARM_DATABASE_URL" in said
        assert "geheim" not in said


def test_a_database_that_does_not_answer_is_told_as_that(
    stepfarm: Stepfarm, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPFARM_DATABASE_URL", f"postgresql://me:geheim@127.0.0.1:{free_port()}/farm")

    said = stepfarm.refused("db", "check")

    assert "does not answer" in said
    assert "geheim" not in said


def test_a_taken_port_is_named_with_the_variable_that_chooses_another(
    stepfarm: Stepfarm, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        monkeypatch.setenv("STEPFARM_PORT", str(port))

        said = stepfarm.refused("up", "--without-ray", "--no-dashboard")

    assert f"Port {port} is taken" in said
    assert "STEPFARM_PORT=" in said
    assert not (home / "orchestrator" / "stepfarm.db").exists()


def test_one_port_for_two_is_refused(stepfarm: Stepfarm, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFARM_PORT", "8766")

    assert "STEPFARM_DASHBOARD_PORT" in stepfarm.refused("up", "--without-ray")


def test_up_in_a_directory_that_cannot_be_made_says_which_variable_to_set(
    stepfarm: Stepfarm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STEPFARM_HOME", str(tmp_path / "file" / "below"))

    assert "STEPFARM_HOME" in stepfarm.refused("up", "--without-ray", "--no-dashboard")


def test_a_model_that_cannot_be_measured_is_refused_by_name(stepfarm: Stepfarm, home: Path) -> None:
    assert "resnet18" in stepfarm.refused("measure", "resnet18", "--passes", "1")


@pytest.mark.parametrize("option", ["--json", "--plot"])
def test_a_file_that_cannot_be_written_is_refused_before_measuring(stepfarm: Stepfarm, home: Path, option: str) -> None:
    for file in (home / "missing" / "out", home):
        assert "cannot be written" in stepfarm.refused("measure", "deit_tiny_patch16_224", option, str(file))


def test_an_option_out_of_its_range_is_refused_by_name(stepfarm: Stepfarm, home: Path) -> None:
    said = stepfarm.refused("measure", "deit_tiny_patch16_224", "--batch", "0")

    assert "--batch" in said
    assert "stepfarm measure --help" in said


def test_help_and_version_end_well(stepfarm: Stepfarm) -> None:
    assert stepfarm("--help").code == 0
    assert stepfarm("--version").out.startswith("stepfarm ")
