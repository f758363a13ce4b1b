"""Secrets of a real farm, in nothing that it prints, logs or shows in the list of processes."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import urllib3

from agent.identity import read_identity
from orchestrator.client import Client
from orchestrator.keys import read_operator_key
from tests.support.filling import enrolled
from tests.support.hostile import measured_by
from tests.support.plain_http import ask
from tests.support.processes import descendants, wait_until
from tests.support.serving import free_port

PATIENCE_S = 60


@dataclass
class Farm:
    """``stepfarm up`` and an agent as programs of their own, all that they print, and every secret that there is."""

    home: Path
    url: str
    environment: dict[str, str]
    secrets: set[str] = field(default_factory=set)
    printed: list[str] = field(default_factory=list)
    listed: set[str] = field(default_factory=set)

    def run(
        self, module: str, *arguments: str, home: str | None = None, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of ours to its end, and keep what it printed."""
        environment = {**self.environment, **more} | ({} if home is None else {"STEPFARM_HOME": home})
        ended = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        self.printed.append(ended.stdout + ended.stderr)
        return ended

    def look_at_processes(self) -> None:
        """Keep the command lines of everything that runs for this test."""
        for pid in descendants(os.getpid()):
            try:
                self.listed.add(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                continue


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    home = tmp_path_factory.mktemp("farm")
    port = free_port()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("STEPFARM_")}
    environment = inherited | {"STEPFARM_HOME": str(home), "STEPFARM_PORT": str(port)}
    running = Farm(home, f"http://127.0.0.1:{port}", environment)
    log = home / "up.log"
    with log.open("wb") as output:
        up = subprocess.Popen(
            [sys.executable, "-m", "orchestrator.cli", "up", "--without-ray", "--no-dashboard"],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(lambda: "Ctrl-C stops" in log.read_text() or up.poll() is not None, what="it is up")
        _live(running)
        yield running
    finally:
        up.send_signal(signal.SIGTERM)
        up.wait(PATIENCE_S)


def _live(farm: Farm) -> None:
    """What happens on a farm, well and badly, with each secret noted as it comes about."""
    key = read_operator_key(farm.home / "orchestrator")
    assert key is not None
    operator = Client(farm.url, key)
    made, code = operator.new_key("ada"), operator.new_join_code()
    device_home = str(farm.home / "device")
    farm.secrets |= {key, made.secret or "", "sfo_wrong-key-of-somebody", "password-of-the-database"}
    farm.run(
        "agent.cli",
        "enroll",
        farm.url,
        "--code",
        code.code,
        "--name",
        "board",
        "--simulate",
        "stairs",
        home=device_home,
    )
    identity = read_identity(Path(device_home) / "agent")
    assert identity is not None
    farm.secrets |= {identity.key, code.code}
    known = operator.keys()
    device_key = next(one.id for one in known if one.device == "board")
    operator.rotate_key(device_key)
    agent = subprocess.Popen(
        [sys.executable, "-m", "agent.cli", "run"],
        env={**farm.environment, "STEPFARM_HOME": device_home},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_until(lambda: _key_of(device_home) != identity.key, what="the device has another key")
        farm.look_at_processes()
        farm.secrets.add(_key_of(device_home))
        operator.revoke_device("board")
    finally:
        output, _ = agent.communicate(timeout=PATIENCE_S)
    farm.printed.append(output)
    measured_by(enrolled(farm.url, operator, "other"), operator)
    farm.run("orchestrator.cli", "keys", "list")
    farm.run("orchestrator.cli", "devices", "list", "--json")
    farm.run("orchestrator.cli", "devices", "list", STEPFARM_KEY="sfo_wrong-key-of-somebody")
    farm.run("agent.cli", "status", "--json", home=device_home)
    away = "postgresql://me:password-of-the-database@127.0.0.1:9/farm"
    farm.run("orchestrator.cli", "db", "check", STEPFARM_DATABASE_URL=away)
    damaged = Path(device_home) / "agent" / "identity.json"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    farm.run("agent.cli", "status", home=device_home)
    _break(farm, operator, key)
    # In an address a key is no key; and it must not get into a log by that road.
    urllib3.request("GET", f"{farm.url}/v1/me?key={key}", retries=False)


def _break(farm: Farm, operator: Client, key: str) -> None:
    """Let the orchestrator fail at a request, with a traceback in its log."""
    with sqlite3.connect(farm.home / "orchestrator" / "stepfarm.db") as database:
        database.execute("UPDATE devices SET description = '{}'")
    assert ask(farm.url, "GET", "/v1/devices", key=key).status == 500


def _key_of(device_home: str) -> str:
    identity = read_identity(Path(device_home) / "agent")
    assert identity is not None
    return identity.key


def test_there_is_something_to_look_through(farm: Farm) -> None:
    log = (farm.home / "orchestrator" / "orchestrator.log").read_text()

    assert len(farm.secrets) == 7
    assert all(len(secret) >= 14 for secret in farm.secrets)
    assert "GET /v1/devices failed" in log
    assert "Traceback" in log
    said = "\n".join(farm.printed)
    for one in ("This device has a new key", "not known here", "is damaged", "Enrolled as board"):
        assert one in said
    assert any("agent.cli run" in command for command in farm.listed)


def test_no_secret_is_printed_or_logged(farm: Farm) -> None:
    logs = {path.name: path.read_text(errors="replace") for path in farm.home.rglob("*.log*")}
    assert {"up.log", "orchestrator.log"} <= set(logs)

    found = {
        (name, secret[:8])
        for secret in farm.secrets
        for name, text in {**logs, "printed": "\n".join(farm.printed)}.items()
        if secret in text
    }

    assert found == set()


def test_no_secret_is_in_the_list_of_processes(farm: Farm) -> None:
    assert {(command, secret[:8]) for command in farm.listed for secret in farm.secrets if secret in command} == set()


def test_no_secret_but_the_operators_own_key_is_on_the_servers_disk(farm: Farm) -> None:
    files = [path for path in (farm.home / "orchestrator").iterdir() if path.is_file()]

    found = {path.name for path in files for secret in farm.secrets if secret.encode() in path.read_bytes()}

    assert found == {"operator.key"}


def test_what_a_device_says_is_text_in_a_terminal_too(farm: Farm) -> None:
    shown = (
        farm.run("orchestrator.cli", "sweep", "list").stdout + farm.run("orchestrator.cli", "sweep", "show", "3").stdout
    )

    assert "obeyed" in shown
    assert not set(shown) & set("\x1b\x07\b\u202e")
