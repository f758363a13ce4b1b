"""A curve as a file keeps everything, and what is no such file is told as that."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from agent.wire.codec import WireError, to_plain
from agent.wire.enrolment import DeviceKind
from orchestrator.analysis.analyse import analyse
from orchestrator.curves import blob
from orchestrator.curves.blob import StoredPass
from orchestrator.curves.file import (
    MAX_FILE_BYTES,
    VERSION,
    analysable,
    fit_to_send,
    looks_like_one,
    read,
    stored_passes,
    view_of,
    write,
)
from orchestrator.errors import BadFile
from tests.support import messages
from tests.support.curve_files import THROTTLED, a_curve_file

KEPT = Path(__file__).resolve().parents[1] / "data" / "curves" / "version-1.json"


def test_a_written_file_reads_back_as_it_was() -> None:
    file = a_curve_file()

    assert read(write(file).encode(), "a.json") == file


def test_an_analysis_is_written_and_not_read_back_so_that_it_may_be_of_any_version() -> None:
    file = a_curve_file()
    analysed = replace(file, analysis=analyse(analysable(file.passes)))

    plain = json.loads(write(analysed))
    plain["analysis"] = {"of": "another version"}

    assert json.loads(write(analysed))["analysis"]["curve"]["points"][0]["tokens"] == 5
    assert read(json.dumps(plain).encode(), "a.json") == file


def test_a_file_of_version_1_is_read_for_ever() -> None:
    assert VERSION == 1
    assert read(KEPT.read_bytes(), KEPT.name) == a_curve_file()


def test_a_byte_order_mark_does_not_hurt() -> None:
    content = b"\xef\xbb\xbf" + write(a_curve_file()).encode()

    assert looks_like_one(content)
    assert read(content, "a.json") == a_curve_file()


@pytest.mark.parametrize(("head", "curve"), [(b"{", True), (b" \n{", True), (b"tokens,", False), (b"", False)])
def test_a_curve_is_told_from_csv_by_its_beginning(head: bytes, curve: bool) -> None:
    assert looks_like_one(head) is curve


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "not JSON"),
        (b"{}", "not a curve of Stepfarm's"),
        (b"[]", "not a curve of Stepfarm's"),
        (b'{"format": "stepfarm-curve"}', "is missing"),
        (b'{"format": "stepfarm-curve", "version": 2}', "of version 2 of the format"),
        (b'{"format": "stepfarm-curve", "format": 1}', "given twice"),
        (b'{"format": "stepfarm-curve", "colour": NaN}', "NaN"),
        (b" " * (MAX_FILE_BYTES + 1), "larger than"),
    ],
    ids=range(8),
)
def test_what_is_no_curve_is_refused_by_name_with_advice(content: bytes, said: str) -> None:
    with pytest.raises(BadFile, match=r"my\.json") as refusal:
        read(content, "my.json")

    assert said in refusal.value.message
    assert refusal.value.advice


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("tokens", [5, 2, 4_097], "passes[1].tokens[2]"),
        ("tokens", [5, 2, 18], "must not exceed the model's 17"),
        ("tokens", [5, 2], "must have as many items as tokens, 2"),
        ("latency_ns", [0, 1, 1], "passes[1].latency_ns[0]"),
        ("latency_ns", [1.5, 1, 1], "must be an integer"),
        ("start_ns", [-1, 1, 1], "passes[1].start_ns[0]"),
        ("rejected", ["because", "", ""], "passes[1].rejected[0]"),
        ("version", 2, "passes[1].version"),
        ("number", 0, "has the fence, round and number of a pass before it"),
        ("before", {"load": "high"}, "passes[1].before.load"),
    ],
)
def test_a_damaged_pass_is_refused_with_the_place(place: str, value: object, said: str) -> None:
    plain = to_plain(a_curve_file())
    plain["passes"][1][place] = value

    with pytest.raises(BadFile) as refusal:
        read(json.dumps(plain).encode(), "a.json")

    assert said in refusal.value.message


def test_a_curve_without_a_pass_is_none() -> None:
    with pytest.raises(WireError, match="passes"):
        a_curve_file(passes=())


def test_the_readings_are_kept_as_they_are_where_they_were_measured() -> None:
    batches = [messages.a_batch(number=number, fence=fence) for number, fence in ((2, 1), (0, 2), (1, 1))]
    ordered = sorted(batches, key=lambda batch: (batch.round, batch.fence, batch.number))

    kept = blob.pack(stored_passes([view_of(batch, messages.ROUND) for batch in batches]))

    assert kept == blob.pack([StoredPass.of(batch) for batch in ordered])


def test_the_analysis_sees_rejections_and_doubts() -> None:
    one, *_ = analysable(a_curve_file().passes)

    assert one.accepted.tolist() == [True, False, True]
    assert one.doubts == (THROTTLED,)


def test_what_is_sent_goes_without_its_analysis() -> None:
    file = a_curve_file()
    analysed = replace(file, analysis=analyse(analysable(file.passes)))

    assert fit_to_send(analysed) == file


def test_a_curve_that_no_orchestrator_would_take_is_refused_before_it_is_sent() -> None:
    with pytest.raises(BadFile, match=r"12 readings makes [0-9,]+ bytes; an orchestrator takes 1,000"):
        fit_to_send(a_curve_file(), max_bytes=1_000)


def test_a_simulated_curve_says_so() -> None:
    assert a_curve_file(device_kind=DeviceKind.SIMULATED).simulated
    assert not a_curve_file().simulated
    assert '"device_kind": "simulated"' in write(a_curve_file(device_kind=DeviceKind.SIMULATED))
