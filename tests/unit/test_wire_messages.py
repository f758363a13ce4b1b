from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.wire import accuracy, conditions, enrolment, exports, holdings, jobs, problems, readings, schedules
from agent.wire.codec import MAX_BODY_BYTES, Message, WireError, decode, encode
from agent.wire.fields import HOUR_NS
from agent.wire.jobs import Ending, EndReport, Heartbeat, ModelFacts
from agent.wire.protocol import PROTOCOL_HEADER, PROTOCOL_VERSION, protocol_complaint
from agent.wire.readings import Batch, Reading, most_readings
from tests.support.messages import BATCH, BATCH_OF_BLOCKS, FAILURE, MESSAGES, ROUND

DATA = Path(__file__).parents[1] / "data" / "wire"

KINDS: dict[str, type[Message]] = {
    name: kind
    for module in (accuracy, conditions, enrolment, exports, holdings, jobs, problems, readings, schedules)
    for name, kind in inspect.getmembers(module, inspect.isclass)
    if issubclass(kind, Message) and kind is not Message
}


def bad_files() -> list[Path]:
    return sorted((DATA / "bad").glob("*.json"))


def within(value: Any) -> Iterator[type]:
    if isinstance(value, tuple):
        for item in value:
            yield from within(item)
    if dataclasses.is_dataclass(value):
        yield type(value)
        for field in dataclasses.fields(value):
            yield from within(getattr(value, field.name))


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_is_written_as_its_golden_file_says_byte_for_byte(name: str) -> None:
    assert encode(MESSAGES[name]) + b"\n" == (DATA / f"{name}.json").read_bytes()


@pytest.mark.parametrize("name", MESSAGES)
def test_a_golden_file_is_read_as_the_message_it_was_made_from(name: str) -> None:
    message = MESSAGES[name]
    assert decode(type(message), (DATA / f"{name}.json").read_bytes()) == message


def test_every_kind_of_message_stands_in_a_golden_file_and_every_golden_file_is_a_message() -> None:
    assert {kind for message in MESSAGES.values() for kind in within(message)} == set(KINDS.values())
    assert {path.stem for path in DATA.glob("*.json")} == set(MESSAGES)


@pytest.mark.parametrize("path", bad_files(), ids=lambda path: path.stem)
def test_a_bad_body_is_refused_with_its_place_and_the_reason(path: Path) -> None:
    bad = json.loads(path.read_text(encoding="utf-8"))
    body = bad["text"] if "text" in bad else json.dumps(bad["body"])
    with pytest.raises(WireError) as refused:
        decode(KINDS[bad["message"]], body)
    assert (refused.value.path, refused.value.complaint) == (bad["path"], bad["complaint"])
    assert str(refused.value) == f"{bad['path'] or 'body'}: {bad['complaint']}"


def test_a_message_built_in_code_is_checked_like_one_that_was_received() -> None:
    with pytest.raises(WireError, match="fence: must lie between 1 and 1000000, not 0"):
        Heartbeat(fence=0)
    with pytest.raises(WireError, match="fence: must be an integer, not true or false"):
        Heartbeat(fence=True)
    with pytest.raises(WireError, match="readings: must be a tuple, not a list"):
        dataclasses.replace(BATCH, readings=list(BATCH.readings))  # type: ignore[arg-type]


def test_a_reading_says_its_own_place_in_the_pass() -> None:
    twice = Reading(position=0, tokens=2, start_ns=0, latency_ns=1)
    with pytest.raises(WireError, match=r"readings\[1\].position: must be 1, its place in the pass"):
        Batch(
            fence=1,
            round=0,
            number=0,
            started_ms=0,
            complete=True,
            before=BATCH.before,
            after=BATCH.after,
            readings=(twice, twice),
        )


def test_a_round_names_each_count_once_and_its_passes_in_order() -> None:
    with pytest.raises(WireError, match="tokens: must not name a count twice"):
        dataclasses.replace(ROUND, tokens=(2, 2))
    with pytest.raises(WireError, match="max_passes: must not be below min_passes, 7"):
        dataclasses.replace(ROUND, max_passes=6)


def test_a_model_has_more_tokens_than_its_prefix() -> None:
    with pytest.raises(WireError, match="prefix_tokens: must be fewer than all tokens, 5"):
        ModelFacts(tokens=5, prefix_tokens=5, blocks=1, image_size=32, threads=1, runtime_version="")


def test_a_failure_is_told_exactly_where_a_job_failed() -> None:
    with pytest.raises(WireError, match="failure: must be given exactly where ending is failed"):
        EndReport(fence=1, ending=Ending.FAILED)
    with pytest.raises(WireError, match="failure: must be given exactly where ending is failed"):
        EndReport(fence=1, ending=Ending.CANCELLED, failure=FAILURE)


def test_the_same_protocol_version_is_no_complaint() -> None:
    assert protocol_complaint(str(PROTOCOL_VERSION), they="agent", we="orchestrator") is None


def test_another_protocol_version_is_a_complaint_that_advises_the_older_side() -> None:
    newer = protocol_complaint(str(PROTOCOL_VERSION + 1), they="orchestrator", we="agent")
    older = protocol_complaint(str(PROTOCOL_VERSION - 1), they="orchestrator", we="agent")
    assert newer is not None
    assert "upgrade stepfarm on the agent" in newer
    assert older is not None
    assert "upgrade stepfarm on the orchestrator" in older


@pytest.mark.parametrize("said", [None, "", "one", "1.0", "-1", "¹", "9" * 10])
def test_a_protocol_version_that_is_none_is_a_complaint_that_names_the_header(said: str | None) -> None:
    complaint = protocol_complaint(said, they="agent", we="orchestrator")
    assert complaint is not None
    assert PROTOCOL_HEADER in complaint


def test_blocks_take_no_longer_together_than_the_pass_through_them() -> None:
    with pytest.raises(WireError, match="blocks_ns: must not take longer together than latency_ns, 10"):
        Reading(position=0, tokens=2, start_ns=0, latency_ns=10, blocks_ns=(6, 5))


def test_every_reading_of_a_pass_has_the_times_of_as_many_blocks() -> None:
    short = dataclasses.replace(BATCH_OF_BLOCKS.readings[1], blocks_ns=(1,))
    with pytest.raises(WireError, match=r"readings\[1\].blocks_ns: must have 2 items"):
        dataclasses.replace(BATCH_OF_BLOCKS, readings=(BATCH_OF_BLOCKS.readings[0], short))


def test_the_longest_pass_of_blocks_fits_into_a_body() -> None:
    blocks = 16
    count = most_readings(blocks)
    times = (HOUR_NS // blocks,) * blocks
    longest = dataclasses.replace(
        BATCH_OF_BLOCKS,
        readings=tuple(
            Reading(position=place, tokens=4_096, start_ns=10**15, latency_ns=HOUR_NS, blocks_ns=times)
            for place in range(count)
        ),
    )
    assert len(encode(longest)) <= MAX_BODY_BYTES
    one_more = Reading(position=count, tokens=1, start_ns=0, latency_ns=HOUR_NS, blocks_ns=times)
    with pytest.raises(WireError, match="times of blocks"):
        dataclasses.replace(longest, readings=(*longest.readings, one_more))
