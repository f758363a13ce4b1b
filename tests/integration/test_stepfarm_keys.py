"""``stepfarm keys`` and ``stepfarm enroll-code --device``, as a person types them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.errors import Refused
from orchestrator.client import Client
from tests.support.commands import Stepfarm
from tests.support.filling import enrolled
from tests.support.serving import Served, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("farm")) as running:
        enrolled(running.url, running.client, "board")
        yield running


@pytest.fixture
def stepfarm(served: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Stepfarm:
    monkeypatch.setenv("STEPFARM_HOME", str(served.settings.home))
    monkeypatch.setenv("STEPFARM_URL", served.url)
    return Stepfarm(capsys)


def test_a_new_key_is_shown_once_and_never_again(stepfarm: Stepfarm, served: Served, tmp_path: Path) -> None:
    made = stepfarm("keys", "create", "ada", "--days", "30")

    (secret,) = re.findall(r"sfv_\S+", made.out)
    assert "good until" in made.out
    assert Client(served.url, secret).me().label == "ada"
    listed = stepfarm("keys", "list")
    assert "ada" in listed.out
    assert secret not in listed.out + stepfarm("keys", "list", "--json").out


def test_a_key_is_rotated_and_revoked_by_its_number(stepfarm: Stepfarm, served: Served) -> None:
    made = json.loads(stepfarm("keys", "create", "eve", "--role", "operator", "--json").out)
    number = str(made["key"]["id"])

    rotated = json.loads(stepfarm("keys", "rotate", number, "--json").out)
    assert Client(served.url, rotated["secret"]).me().label == "eve"
    ended = stepfarm("keys", "revoke", str(rotated["key"]["id"]), "--yes")

    assert "is revoked" in ended.out
    for secret in (made["secret"], rotated["secret"]):
        with pytest.raises(Refused):
            Client(served.url, secret).me()


def test_a_device_is_asked_to_rotate_its_key_and_what_to_do_in_haste_is_said(stepfarm: Stepfarm) -> None:
    keys = json.loads(stepfarm("keys", "list", "--json").out)
    number = next(str(key["id"]) for key in keys if key["device"] == "board")

    asked = stepfarm("keys", "rotate", number)

    assert "board makes itself another key" in asked.out
    assert f"stepfarm keys revoke {number}" in asked.out
    assert "rotating" in stepfarm("keys", "list").out


def test_a_device_is_let_back_in_by_its_name(stepfarm: Stepfarm) -> None:
    assert "--name board && stepfarm-agent run" in stepfarm("enroll-code", "--device", "board").out
    assert "no device called nobody" in stepfarm.refused("enroll-code", "--device", "nobody")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("create", "operator"), "keeps itself"),
        (("create", "two\nlines"), "label"),
        (("create", "ada", "--days", "0"), "--days"),
        (("rotate", "999"), "no key 999"),
        (("revoke", "1", "--yes"), "keys rotate 1"),
        (("revoke", "1"), "--yes"),
    ],
)
def test_what_cannot_be_is_refused_with_advice(stepfarm: Stepfarm, arguments: tuple[str, ...], said: str) -> None:
    assert said in stepfarm.refused("keys", *arguments)
