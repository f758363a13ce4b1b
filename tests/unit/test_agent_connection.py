from __future__ import annotations

import pytest

from agent.connection import Connection
from agent.errors import ConfigError, OrchestratorAway, Refused
from agent.wire.codec import MAX_BODY_BYTES
from agent.wire.jobs import Done, Heartbeat, HeartbeatAnswer
from agent.wire.protocol import PROTOCOL_VERSION
from tests.support.scripted_orchestrator import AWAY, DROPPED, Asked, Said, refused, said, scripted
from tests.support.serving import free_port


def outcome(says: Said) -> HeartbeatAnswer:
    """What a heartbeat comes to where the orchestrator answers so."""
    with scripted(lambda _asked: says) as orchestrator:
        return Connection(orchestrator.url, "sfd_key", caller="agent").post(
            "/beat", Heartbeat(fence=1), HeartbeatAnswer
        )


def away(says: Said) -> str:
    with pytest.raises(OrchestratorAway) as error:
        outcome(says)
    assert error.value.advice
    return str(error.value)


def test_a_message_goes_and_an_answer_comes() -> None:
    answer = HeartbeatAnswer(lease_s=90.0, cancel=False)
    with scripted(lambda _asked: said(answer)) as orchestrator:
        connection = Connection(orchestrator.url + "/", "sfd_key", caller="agent")
        assert connection.post("/beat", Heartbeat(fence=1), HeartbeatAnswer) == answer
        assert connection.get("/beat", HeartbeatAnswer) == answer
    assert [(asked.path, asked.key) for asked in orchestrator.asked] == [("/beat", "sfd_key")] * 2
    assert orchestrator.asked[0].message(Heartbeat) == Heartbeat(fence=1)


@pytest.mark.parametrize(
    "url", ["http://farm.example.org", "http://192.168.0.2:8765", "http://127.0.0.1.example.org", "HTTP://FARM"]
)
def test_plain_http_beyond_loopback_is_refused_because_of_the_key(url: str) -> None:
    with pytest.raises(ConfigError, match="unencrypted"):
        Connection(url, None, caller="agent")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1", "http://localhost", "http://[::1]:1", "https://farm.example.org/a"]
)
def test_loopback_and_https_are_taken(url: str) -> None:
    assert Connection(url, None, caller="agent").url == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "farm",
        "ftp://farm",
        "https://",
        "https://[::1",
        "https://a:99999",
        "https://a b",
        "https://a/?b",
        "https://a#b",
    ],
)
def test_what_is_no_address_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(ConfigError, match="no address of an orchestrator"):
        Connection(url, None, caller="agent")


def test_an_address_with_a_password_is_refused() -> None:
    with pytest.raises(ConfigError, match="name or password"):
        Connection("https://me:secret@farm", None, caller="agent")


@pytest.mark.parametrize("key", ["two\nlines", "two words", "schlüssel", ""])
def test_a_key_that_cannot_stand_in_a_header_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(ConfigError, match="no key") as error:
        Connection("https://farm", key, caller="agent")
    assert not key or key not in str(error.value)


def test_a_refusal_carries_what_happened_and_what_to_do() -> None:
    with pytest.raises(Refused) as error:
        outcome(refused(409, "lease-lost", "The lease is over.", "Ask for another."))
    assert str(error.value) == "The lease is over.\n  Ask for another."
    assert (error.value.status, error.value.type) == (409, "lease-lost")


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_an_orchestrator_that_is_not_ready_is_away_and_its_advice_is_passed_on(status: int) -> None:
    told = away(refused(status, "database-away", "The database does not answer.", "Start it."))
    assert "is not ready: The database does not answer.\n  Start it." in told


def test_a_proxy_without_an_orchestrator_behind_it_is_away() -> None:
    assert "it answered 502" in away(AWAY)


@pytest.mark.parametrize("status", [200, 302, 401, 404, 413])
def test_whatever_somebody_else_answers_is_no_verdict_on_what_was_sent(status: int) -> None:
    page = Said(status=status, body=b"<html>please sign in</html>", content_type="text/html", protocol=None)
    assert f"is not Stepfarm (status {status})" in away(page)


def test_another_protocol_is_refused_for_good_with_advice_to_the_older_side() -> None:
    with pytest.raises(Refused, match="upgrade stepfarm on the agent") as error:
        outcome(Said(protocol=str(PROTOCOL_VERSION + 1)))
    assert error.value.status == 426


@pytest.mark.parametrize(
    "body", [b"", b"\xff\x00", b"[]", b"{}", b'{"lease_s":NaN,"cancel":false}', b"x" * (MAX_BODY_BYTES + 2)]
)
def test_an_answer_that_is_none_is_an_orchestrator_that_is_away(body: bytes) -> None:
    assert "makes no sense" in away(Said(body=body))


def test_a_refusal_that_is_no_problem_is_no_refusal() -> None:
    assert "it answered 409" in away(Said(status=409, body=b"no", content_type="application/problem+json"))


def test_a_dropped_connection_is_away() -> None:
    assert "does not answer" in away(DROPPED)


def test_a_port_where_nobody_listens_is_away() -> None:
    with pytest.raises(OrchestratorAway, match=r"connection refused.*\n.*stepfarm up"):
        Connection(f"http://127.0.0.1:{free_port()}", None, caller="agent").post("/", Done(), Done)


def test_an_orchestrator_that_hangs_is_away_in_time() -> None:
    def script(_asked: Asked) -> Said:
        orchestrator.wait_for(lambda: len(orchestrator.asked) == 2)
        return AWAY

    with scripted(script) as orchestrator:
        with pytest.raises(OrchestratorAway, match="no answer in time"):
            Connection(orchestrator.url, None, caller="agent", timeout_s=0.05).post("/", Done(), Done)
        with pytest.raises(OrchestratorAway, match="it answered 502"):
            Connection(orchestrator.url, None, caller="agent").post("/", Done(), Done)
