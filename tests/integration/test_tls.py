"""TLS over real sockets, with a throwaway authority: verified by every client, and told clearly where it cannot be."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.config import Settings
from agent.connection import Connection
from agent.errors import ConfigError, OrchestratorAway, StepfarmError
from agent.identity import enrol, read_identity
from agent.wire.jobs import Done
from orchestrator.api import hosting
from orchestrator.api.attempts import AT_ONCE
from orchestrator.client import Client
from orchestrator.keys import read_operator_key
from orchestrator.listening import Certificate, Listening, decided
from orchestrator.roles import Role
from orchestrator.wiring import prepare
from tests.support.authorities import Authority
from tests.support.commands import Stepfarm
from tests.support.messages import DESCRIPTION
from tests.support.plain_http import ask
from tests.support.processes import wait_until
from tests.support.serving import free_port, serving

PATIENCE_S = 60


@dataclass(frozen=True)
class Secured:
    """An orchestrator that answers under https at ``url``."""

    url: str
    ca: str
    key: str
    settings: Settings


@contextlib.contextmanager
def secured(home: Path, authority: Authority, certificate: Certificate) -> Iterator[Secured]:
    port = free_port()
    settings = Settings(home=home, port=port, public_url=f"https://localhost:{port}")
    listening = decided(settings, host="127.0.0.1", tls_cert=certificate.chain, tls_key=certificate.key)
    key = prepare(settings, SystemClock())
    with hosting.serving(settings, listening=listening):
        yield Secured(listening.url, str(authority.file), key, settings)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Secured]:
    with secured(tmp_path_factory.mktemp("farm"), authority, authority.certificate("localhost")) as running:
        yield running


def complaint(url: str, ca: str | None) -> str:
    """What a client says that does not trust the orchestrator at ``url``."""
    with pytest.raises(OrchestratorAway) as error:
        Connection(url, "sfo_never_sent", caller="client", ca=ca).post("/v1/me", Done(), Done)
    return str(error.value)


def test_an_agent_enrols_over_tls_and_remembers_whom_to_trust(served: Secured, tmp_path: Path) -> None:
    code = Client(served.url, served.key, ca=served.ca).new_join_code()
    assert code.url == served.url

    enrol(tmp_path, url=code.url, code=code.code, name="board", description=DESCRIPTION, ca=served.ca)

    identity = read_identity(tmp_path)
    assert identity is not None
    assert identity.ca == served.ca
    assert [device.name for device in Client(served.url, served.key, ca=served.ca).devices()] == ["board"]


def test_an_authority_that_is_not_trusted_is_told_with_what_to_do(served: Secured, tmp_path: Path) -> None:
    other = str(Authority(tmp_path).file)
    for ca in (None, other):
        said = complaint(served.url, ca)
        assert "no authority that is trusted here has signed its certificate" in said
        assert "--ca FILE" in said


def test_a_certificate_for_another_name_is_told_as_one(served: Secured) -> None:
    assert "its certificate is for another name" in complaint(served.url.replace("localhost", "127.0.0.1"), served.ca)


def test_an_expired_certificate_is_told_as_one(authority: Authority, tmp_path: Path) -> None:
    past = authority.certificate("localhost", not_after=datetime(2020, 1, 1, tzinfo=timezone.utc))
    with secured(tmp_path, authority, past) as running:
        assert "its certificate has expired" in complaint(running.url, running.ca)


def test_https_to_a_port_of_plain_http_is_told_as_that(tmp_path: Path) -> None:
    with serving(tmp_path) as plain:
        assert "does not speak TLS" in complaint(plain.url.replace("http:", "https:"), None)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_that_holds_no_authority_is_refused_before_anything_is_sent(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigError, match=r"ca\.pem"):
        Connection("https://farm.example.org", None, caller="agent", ca=str(file))


def test_commands_trust_the_authority_that_they_are_told(
    served: Secured, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STEPFARM_HOME", str(served.settings.home))
    # The name of the orchestrator that this home is of: the operator's key in it is for that.
    monkeypatch.setenv("STEPFARM_URL", served.url)
    monkeypatch.setenv("STEPFARM_PUBLIC_URL", served.url)
    monkeypatch.setenv("STEPFARM_CA", "")  # so that what the command sets is undone
    monkeypatch.delenv("STEPFARM_CA")
    stepfarm = Stepfarm(capsys)

    assert "no authority that is trusted here" in stepfarm.refused("keys", "list")
    assert "operator" in stepfarm("--ca", served.ca, "keys", "list").out


def test_the_key_of_this_home_is_not_sent_to_another_address(served: Secured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFARM_HOME", str(served.settings.home))
    monkeypatch.setenv("STEPFARM_PUBLIC_URL", served.url)
    with pytest.raises(ConfigError, match="no key to sign in with"):
        Client("https://elsewhere.example.org")


def test_up_with_tls_answers_under_its_name_and_opens_no_plain_port(tmp_path: Path, authority: Authority) -> None:
    certificate, port = authority.certificate("localhost", "127.0.0.1"), free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("STEPFARM_")},
        "STEPFARM_HOME": str(tmp_path),
        "STEPFARM_PORT": str(port),
        "STEPFARM_PUBLIC_URL": f"https://localhost:{port}",
        "STEPFARM_CA": str(authority.file),
    }
    options = ["--tls-cert", str(certificate.chain), "--tls-key", str(certificate.key), "--host", "127.0.0.1"]
    log = tmp_path / "up.log"
    with log.open("wb") as output:
        up = subprocess.Popen(
            [sys.executable, "-m", "orchestrator.cli", "up", "--without-ray", "--no-dashboard", *options],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(lambda: "Ctrl-C stops" in log.read_text() or up.poll() is not None, what="it is up")
        assert f"https://localhost:{port}" in log.read_text()
        key = read_operator_key(tmp_path / "orchestrator")
        assert Client(f"https://localhost:{port}", key, ca=str(authority.file)).me().role is Role.OPERATOR
        with pytest.raises(StepfarmError):
            Client(f"http://127.0.0.1:{port}", key).me()
    finally:
        up.send_signal(signal.SIGTERM)
        assert up.wait(PATIENCE_S) == 0, log.read_text()


@pytest.mark.parametrize("behind_proxy", [True, False])
def test_who_asks_is_believed_of_a_declared_proxy_alone(tmp_path: Path, behind_proxy: bool) -> None:
    settings = Settings(home=tmp_path, port=free_port())
    prepare(settings, SystemClock())
    url = f"http://127.0.0.1:{settings.port}"
    listening = Listening(host="127.0.0.1", port=settings.port, url=url, behind_proxy=behind_proxy)
    with hosting.serving(settings, listening=listening):
        # Each client says that it is another, as one that would have many attempts does; the proxy adds whom it saw.
        statuses = [
            ask(
                url, "GET", "/v1/me", key=f"sfv_{number}", headers={"X-Forwarded-For": f"198.51.100.{number}{last}"}
            ).status
            for last in (", 203.0.113.7", ", 203.0.113.8")
            for number in range(AT_ONCE + 1)
        ]
    first, second = statuses[: AT_ONCE + 1], statuses[AT_ONCE + 1 :]
    assert first == [401] * AT_ONCE + [429]
    assert second == ([401] * AT_ONCE + [429] if behind_proxy else [429] * (AT_ONCE + 1))
