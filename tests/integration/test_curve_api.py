"""The routes of curves: what they take in, and what they refuse."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agent.wire.codec import encode, to_plain
from orchestrator.curves.file import MAX_FILE_BYTES
from tests.support.curve_files import a_curve_file
from tests.support.plain_http import ask, json_of, problem_of
from tests.support.serving import Served, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("farm")) as running:
        yield running


def test_a_curve_may_be_larger_than_any_other_message(served: Served) -> None:
    padded = encode(a_curve_file()) + b" " * (8 * 2**20)

    answer = ask(served.url, "POST", "/v1/curves", key=served.operator_key, raw=padded)

    assert answer.status == 200, answer.data
    assert json_of(answer)["curve"]["imported_ms"] is not None


def test_a_curve_beyond_its_own_limit_is_refused(served: Served) -> None:
    answer = ask(served.url, "POST", "/v1/curves", key=served.operator_key, raw=b" " * (MAX_FILE_BYTES + 1))

    assert (answer.status, problem_of(answer).type) == (413, "body-too-large")


def test_a_damaged_curve_is_refused_with_the_place_and_nothing_is_kept(served: Served) -> None:
    before = len(served.client.curves())
    body = to_plain(a_curve_file(device="damaged"))
    body["passes"][1]["latency_ns"][2] = "12"

    answer = ask(served.url, "POST", "/v1/curves", key=served.operator_key, body=body)

    assert (answer.status, problem_of(answer).type) == (422, "not-a-message")
    assert "passes[1].latency_ns[2]: must be an integer" in problem_of(answer).detail
    assert len(served.client.curves()) == before


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("simulated=perhaps", "true or false"),
        ("device=%00", "device: must"),
        ("device=", "device: must"),
        ("model=a%2Fb", "model: must match"),
    ],
)
def test_a_filter_that_cannot_be_meant_is_refused(served: Served, query: str, said: str) -> None:
    answer = ask(served.url, "GET", f"/v1/curves?{query}", key=served.operator_key)

    assert (answer.status, problem_of(answer).type) == (400, "bad-request")
    assert said in problem_of(answer).detail
