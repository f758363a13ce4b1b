"""Where the API may listen: what would send keys unencrypted, or cannot work, is refused with advice."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from agent.config import Settings
from orchestrator.errors import StartFailed
from orchestrator.listening import Listening, decided, is_loopback
from tests.support.authorities import Authority

FARM = "https://farm.example.org:8765"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    folder = tmp_path_factory.mktemp("tls")
    certificate, other = Authority(folder).certificate("farm.example.org"), Authority(folder).certificate("other")
    (folder / "empty").touch()
    return {"cert": certificate.chain, "key": certificate.key, "other": other.key, "empty": folder / "empty"}


def settings(**options: Any) -> Settings:
    return Settings(home=Path("/nowhere"), **options)


def test_on_its_own_the_api_is_for_this_machine_alone() -> None:
    assert decided(settings()) == Listening(host="127.0.0.1", port=8765, url="http://127.0.0.1:8765")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.2", "farm.example.org"])
def test_off_loopback_nothing_is_served_that_would_send_keys_unencrypted(host: str) -> None:
    with pytest.raises(StartFailed, match="unencrypted") as refusal:
        decided(settings(), host=host)
    assert "--tls-cert" in refusal.value.advice
    assert "--behind-proxy" in refusal.value.advice


def test_with_tls_it_listens_anywhere_and_is_reached_by_the_name_of_its_certificate(files: Mapping[str, Path]) -> None:
    found = decided(settings(public_url=FARM), host="0.0.0.0", tls_cert=files["cert"], tls_key=files["key"])

    assert (found.host, found.url) == ("0.0.0.0", FARM)
    assert found.certificate is not None
    assert found.certificate.chain == files["cert"]


@pytest.mark.parametrize("public_url", [None, "http://farm.example.org"])
def test_with_tls_and_without_a_name_it_does_not_start(files: Mapping[str, Path], public_url: str | None) -> None:
    with pytest.raises(StartFailed, match="address that the certificate is for"):
        decided(settings(public_url=public_url), host="0.0.0.0", tls_cert=files["cert"], tls_key=files["key"])


@pytest.mark.parametrize(
    ("cert", "key", "said"),
    [
        ("cert", None, "go together"),
        (None, "key", "go together"),
        ("cert", "other", "is not the key of"),
        ("empty", "key", "cannot be used"),
        ("cert", "nowhere", "cannot be read"),
    ],
)
def test_files_that_are_no_certificate_with_its_key_are_refused(
    files: Mapping[str, Path], cert: str | None, key: str | None, said: str
) -> None:
    known = {**files, "nowhere": Path("/nowhere/at/all")}
    with pytest.raises(StartFailed, match=said):
        decided(
            settings(public_url=FARM),
            tls_cert=None if cert is None else known[cert],
            tls_key=None if key is None else known[key],
        )


def test_behind_a_proxy_on_this_machine_it_stays_on_loopback() -> None:
    assert decided(settings(), behind_proxy=True) == Listening(
        host="127.0.0.1", port=8765, url="http://127.0.0.1:8765", behind_proxy=True
    )


def test_behind_a_proxy_on_another_machine_it_listens_on_every_address_so_that_loopback_is_among_them() -> None:
    assert decided(settings(), host="0.0.0.0", behind_proxy=True).url == "http://127.0.0.1:8765"
    with pytest.raises(StartFailed, match="leave out 127"):
        decided(settings(), host="192.168.0.2", behind_proxy=True)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("farm", False)],
)
def test_what_is_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
