from __future__ import annotations

from pathlib import Path

import pytest

from agent.config import FILE_NAME, Settings, load_settings
from agent.errors import ConfigError


def loaded(home: Path, file: str | None = None, **environment: str) -> Settings:
    if file is not None:
        (home / FILE_NAME).write_text(file, encoding="utf-8")
    return load_settings({"STEPFARM_HOME": str(home), "PATH": "/bin", **environment})


def test_settings_have_defaults(tmp_path: Path) -> None:
    settings = loaded(tmp_path)
    assert settings == Settings(home=tmp_path)
    assert settings.orchestrator_url == "http://127.0.0.1:8765"
    assert settings.agent_home == tmp_path / "agent"


def test_without_a_home_the_users_data_directory_is_it() -> None:
    assert load_settings({}).home.name == "stepfarm"


def test_the_file_in_the_state_directory_gives_settings(tmp_path: Path) -> None:
    settings = loaded(tmp_path, 'port = 9000\nurl = "https://farm.example.org"\n')
    assert (settings.port, settings.orchestrator_url) == (9000, "https://farm.example.org")


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    assert loaded(tmp_path, "port = 9000\ndashboard_port = 9002", STEPFARM_PORT="9001") == Settings(
        home=tmp_path, port=9001, dashboard_port=9002
    )


@pytest.mark.parametrize("name", ["STEPFARM_PROT", "STEPFARM_", "STEPFARM_home", "STEPFARM_Port"])
def test_an_unknown_variable_is_refused_with_the_names_that_exist(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=rf"{name} is no setting.*\n.*STEPFARM_PORT"):
        loaded(tmp_path, **{name: "1"})


def test_an_unknown_name_in_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"{FILE_NAME}: prot is no setting"):
        loaded(tmp_path, "prot = 1")


def test_the_home_cannot_stand_in_the_file_that_lies_in_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="STEPFARM_HOME"):
        loaded(tmp_path, 'home = "/elsewhere"')


@pytest.mark.parametrize("size", ["", "0", "1000001", "-1", "1.5", "all"])
def test_the_most_that_may_wait_in_a_spool_is_a_number_of_mib(tmp_path: Path, size: str) -> None:
    assert loaded(tmp_path, STEPFARM_SPOOL_MIB="64").spool_mib == 64
    with pytest.raises(ConfigError, match="must be a number of MiB from 1 to 1000000"):
        loaded(tmp_path, STEPFARM_SPOOL_MIB=size)


@pytest.mark.parametrize("port", ["", "zero", "0", "65536", "-1", "80.5", "1_000", "²"])
def test_a_port_in_the_environment_is_a_number_from_1_to_65535(tmp_path: Path, port: str) -> None:
    with pytest.raises(ConfigError, match="must be a port from 1 to 65535"):
        loaded(tmp_path, STEPFARM_PORT=port)


@pytest.mark.parametrize("port", ["true", "80.5", "[80]", "0", '"eighty"'])
def test_a_port_in_the_file_is_a_number_too(tmp_path: Path, port: str) -> None:
    with pytest.raises(ConfigError, match="must be a port from 1 to 65535"):
        loaded(tmp_path, f"port = {port}")


def test_a_text_in_the_file_is_a_text(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="url must be a text, not 5"):
        loaded(tmp_path, "url = 5")


@pytest.mark.parametrize("content", [b"port = ", b"\xff\xfe"])
def test_a_file_that_does_not_parse_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(ConfigError, match=rf"{FILE_NAME} cannot be read"):
        loaded(tmp_path)


@pytest.mark.parametrize("name", ["loop", "n" * 300])
def test_a_home_that_cannot_be_entered_is_told_as_that_and_not_as_a_file_to_mend(tmp_path: Path, name: str) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")

    with pytest.raises(ConfigError, match=r"state directory .* cannot be entered") as refusal:
        loaded(tmp_path / name)

    assert "STEPFARM_HOME" in refusal.value.advice


def test_a_file_that_is_none_is_told_by_name(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).mkdir()
    with pytest.raises(ConfigError, match=rf"{FILE_NAME} cannot be read: Is a directory"):
        loaded(tmp_path)


def test_devices_reach_the_orchestrator_at_its_public_address_else_on_loopback(tmp_path: Path) -> None:
    assert loaded(tmp_path, STEPFARM_PORT="9001").device_url == "http://127.0.0.1:9001"
    assert loaded(tmp_path, STEPFARM_URL="https://b.example").device_url == "http://127.0.0.1:8765"

    settings = loaded(tmp_path, 'public_url = "https://farm.example.org/"')

    assert settings.device_url == "https://farm.example.org"
    assert settings.orchestrator_url == "http://127.0.0.1:8765"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "farm.example.org",
        "ftp://farm.example.org",
        "https://",
        "https://farm.example.org:0",
        "https://farm.example.org:http",
        "https://farm.example.org:99999",
        "https://[farm",
        "https://farm.example.org/?a=b",
        "https://farm.example.org/#a",
        "https://farm example.org",
        "https://farm.example.org\n",
        "https://fär.example",
    ],
)
def test_a_public_address_is_one_of_the_web(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError, match=r"public_url must be .*\n.*https://farm\.example\.org"):
        loaded(tmp_path, STEPFARM_PUBLIC_URL=url)


def test_a_public_address_carries_no_password_and_the_refusal_does_not_repeat_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="must not carry a name or password") as refusal:
        loaded(tmp_path, STEPFARM_PUBLIC_URL="https://me:geheim@farm.example.org")
    assert "geheim" not in str(refusal.value)


def test_a_home_of_a_user_who_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigError, match="no such user"):
        load_settings({"STEPFARM_HOME": "~nobody-of-that-name/x"})


def test_every_setting_says_what_it_is() -> None:
    assert all(field.metadata["help"] for field in Settings.__dataclass_fields__.values())
