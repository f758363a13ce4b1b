"""Readings as bytes: what goes in comes out, and damaged bytes are refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.wire.conditions import Conditions
from agent.wire.fields import HOUR_NS, INT64_MAX, MOST_TOKENS
from agent.wire.readings import Batch, Reading, Rejection
from orchestrator.curves.blob import REJECTION_CODES, DamagedBlob, StoredPass, format_of, pack, sha256, unpack
from tests.support.messages import BATCH_OF_BLOCKS, a_batch

readings = st.builds(
    lambda tokens, start_ns, latency_ns, rejected: (tokens, start_ns, latency_ns, rejected),
    st.integers(1, MOST_TOKENS),
    st.integers(0, INT64_MAX),
    st.integers(1, HOUR_NS),
    st.sampled_from([None, *Rejection]),
)


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    rows = draw(st.lists(readings, min_size=1, max_size=5))
    return Batch(
        fence=draw(st.integers(1, 1_000_000)),
        round=draw(st.integers(0, 1_000_000)),
        number=draw(st.integers(0, 1_000_000)),
        started_ms=0,
        complete=draw(st.booleans()),
        before=Conditions(),
        after=Conditions(),
        readings=tuple(
            Reading(position=position, tokens=tokens, start_ns=start_ns, latency_ns=latency_ns, rejected=rejected)
            for position, (tokens, start_ns, latency_ns, rejected) in enumerate(rows)
        ),
    )


def two_passes() -> bytes:
    reading = Reading(position=0, tokens=197, start_ns=5, latency_ns=7)
    return pack(
        [
            StoredPass.of(
                Batch(
                    fence=1,
                    round=0,
                    number=number,
                    started_ms=0,
                    complete=True,
                    before=Conditions(),
                    after=Conditions(),
                    readings=(reading,),
                )
            )
            for number in range(2)
        ]
    )


@settings(max_examples=60)
@given(st.lists(batches(), max_size=4))
def test_every_reading_comes_back_as_it_was(measured: list[Batch]) -> None:
    found = unpack(pack([StoredPass.of(batch) for batch in measured]))

    assert len(found) == len(measured)
    for one, batch in zip(found, measured, strict=True):
        assert (one.fence, one.round, one.number, one.complete) == (
            batch.fence,
            batch.round,
            batch.number,
            batch.complete,
        )
        assert one.tokens.tolist() == [reading.tokens for reading in batch.readings]
        assert one.start_ns.tolist() == [reading.start_ns for reading in batch.readings]
        assert one.latency_ns.tolist() == [reading.latency_ns for reading in batch.readings]
        assert one.accepted.tolist() == [reading.rejected is None for reading in batch.readings]
        assert one.rejections() == tuple(
            "" if reading.rejected is None else reading.rejected.value for reading in batch.readings
        )


@settings(max_examples=30)
@given(st.lists(batches(), max_size=3))
def test_packing_what_was_unpacked_gives_the_same_bytes(measured: list[Batch]) -> None:
    blob = pack([StoredPass.of(batch) for batch in measured])

    assert pack(unpack(blob)) == blob


def test_a_blob_that_is_cut_at_any_byte_is_refused() -> None:
    blob = two_passes()

    for end in range(len(blob)):
        with pytest.raises(DamagedBlob):
            unpack(blob[:end])


def test_a_blob_with_bytes_too_many_is_refused() -> None:
    with pytest.raises(DamagedBlob, match="1 bytes too many"):
        unpack(two_passes() + b"\0")


def test_a_blob_of_another_format_is_refused() -> None:
    with pytest.raises(DamagedBlob, match="SFR9"):
        unpack(b"SFR9" + two_passes()[4:])


def test_a_rejection_of_an_unknown_code_is_refused() -> None:
    blob = bytearray(two_passes())
    blob[-1] = 99

    with pytest.raises(DamagedBlob, match="99"):
        unpack(bytes(blob))


def test_a_blob_that_promises_more_passes_than_it_holds_is_refused_at_once() -> None:
    with pytest.raises(DamagedBlob):
        unpack(two_passes()[:4] + b"\xff\xff\xff\xff" + two_passes()[8:])


def test_the_format_is_pinned_byte_for_byte() -> None:
    assert sha256(two_passes()) == "14cd1ec90ced59a7d48c9ee022ec0ca6f87ec645057177865d330e7d29ba17f2"
    assert two_passes()[:8] == b"SFR1\x02\0\0\0"


def test_the_stored_number_of_every_rejection_is_pinned() -> None:
    assert REJECTION_CODES == {None: 0, Rejection.PREEMPTED: 1, Rejection.WAITED: 2}


def test_columns_are_little_endian_on_every_machine() -> None:
    (one, _) = unpack(two_passes())

    assert [column.dtype for column in (one.tokens, one.start_ns, one.latency_ns)] == [
        np.dtype("<i4"),
        np.dtype("<i8"),
        np.dtype("<i8"),
    ]


def test_the_times_of_blocks_come_back_beside_passes_of_the_whole_model() -> None:
    whole, of_blocks = a_batch(), BATCH_OF_BLOCKS

    found = unpack(pack([StoredPass.of(whole), StoredPass.of(of_blocks)]))

    assert found[0].blocks_ns is None
    assert found[1].blocks_ns is not None
    assert found[1].blocks_ns.tolist() == [list(reading.blocks_ns) for reading in of_blocks.readings]
    assert pack(found) == pack([StoredPass.of(whole), StoredPass.of(of_blocks)])


def test_only_what_has_times_of_blocks_is_of_format_2_so_that_old_hashes_stay_good() -> None:
    assert format_of(pack([StoredPass.of(a_batch())])) == 1
    assert format_of(pack([StoredPass.of(a_batch()), StoredPass.of(BATCH_OF_BLOCKS)])) == 2


def test_a_blob_with_times_of_blocks_that_is_cut_at_any_byte_is_refused() -> None:
    blob = pack([StoredPass.of(BATCH_OF_BLOCKS)])

    for end in range(len(blob)):
        with pytest.raises(DamagedBlob):
            unpack(blob[:end])


def test_format_2_is_pinned_byte_for_byte() -> None:
    assert (
        sha256(pack([StoredPass.of(BATCH_OF_BLOCKS)]))
        == "dcdc5315062cbb4c2677c612cc8e210d43d1bb90d11fd081ca6a4f63b52db3e4"
    )
