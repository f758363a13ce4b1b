"""Readings from CSV: what is read, how passes are told, and how a mistake is told with its line."""

from __future__ import annotations

import contextlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.wire.conditions import DoubtReason
from agent.wire.jobs import Order
from orchestrator.curves.csv_readings import MAX_LINE_BYTES, CsvReadings, PassesTold, read_csv
from orchestrator.errors import BadFile

HEADER = "tokens,latency_ns\n"


def read(text: str | bytes) -> CsvReadings:
    return read_csv(io.BytesIO(text if isinstance(text, bytes) else text.encode()), "my.csv")


def refused(text: str | bytes) -> str:
    with pytest.raises(BadFile, match=r"^my\.csv") as refusal:
        read(text)
    assert refusal.value.advice
    return refusal.value.message


def columns(readings: CsvReadings) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    return [(one.tokens, one.latency_ns) for one in readings.passes]


def test_the_kth_row_of_a_count_is_of_pass_k_where_nothing_tells_the_passes() -> None:
    readings = read(HEADER + "5,50\n2,20\n5,51\n9,90\n2,21\n5,52\n")

    assert readings.told is PassesTold.APPEARANCE
    assert columns(readings) == [((5, 2, 9), (50, 20, 90)), ((5, 2), (51, 21)), ((5,), (52,))]


def test_the_column_pass_tells_the_passes() -> None:
    readings = read("pass,tokens,latency_ns\n3,5,50\n1,5,51\n3,2,20\n")

    assert readings.told is PassesTold.COLUMN
    assert [one.number for one in readings.passes] == [1, 3]
    assert columns(readings) == [((5,), (51,)), ((5, 2), (50, 20))]


def test_passes_of_other_attempts_and_rounds_are_other_passes() -> None:
    readings = read("attempt,round,pass,tokens,latency_ns\n1,0,0,5,50\n2,0,0,5,51\n1,1,0,5,52\n1,0,0,2,20\n")

    assert [(one.fence, one.round, one.number) for one in readings.passes] == [(1, 0, 0), (1, 1, 0), (2, 0, 0)]
    assert columns(readings)[0] == ((5, 2), (50, 20))


def test_columns_may_stand_in_any_order_beside_others() -> None:
    readings = read('latency_ns,note,tokens\n50,"hot, very",5\n')

    assert columns(readings) == [((5,), (50,))]


def test_rejected_readings_are_kept_as_rejected() -> None:
    readings = read("tokens,latency_ns,rejected\n5,50,\n2,20,preempted\n9,90,waited\n")

    assert readings.passes[0].rejected == ("", "preempted", "waited")


def test_doubts_completeness_and_starts_are_read_where_they_are_there() -> None:
    (one,) = read(
        "pass,tokens,latency_ns,complete,pass_doubts,start_ns\n0,5,50,false,throttled unsteady,7\n0,2,20,false,,9\n"
    ).passes

    assert [doubt.reason for doubt in one.doubts] == [DoubtReason.THROTTLED, DoubtReason.UNSTEADY]
    assert (one.complete, one.start_ns) == (False, (7, 9))


def test_the_order_of_a_pass_is_read_where_it_is_told_and_else_the_usual() -> None:
    pairs, usual = read("pass,order,tokens,latency_ns\n0,alternating,5,50\n1,,5,50\n").passes

    assert (pairs.order, usual.order) == (Order.ALTERNATING, Order.SHUFFLED)
    with pytest.raises(BadFile, match="order must be shuffled or alternating, not 'sideways'"):
        read("pass,order,tokens,latency_ns\n0,sideways,5,50\n")


def test_a_file_says_itself_that_it_is_simulated() -> None:
    assert read("tokens,latency_ns,simulated\n5,50,true\n").simulated
    assert not read("tokens,latency_ns,simulated\n5,50,false\n").simulated
    assert not read(HEADER + "5,50\n").simulated


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbftokens,latency_ns\r\n5,50\r\n2,20\r\n",
        b"tokens;latency_ns\r\n5;50\r\n2;20",
        b"tokens\tlatency_ns\n5\t50\n2\t20\n",
        b" Tokens , LATENCY_NS \n 5 , 50 \n\n2,20\n\n",
        b'"tokens","latency_ns"\n"5","50"\n"2","20"\n',
        b"\n\ntokens,latency_ns\n5,50\n2,20\n",
        b"tokens,latency_ns\n5.0,5e1\n2.,.2e2\n",
    ],
    ids=["BOM and CRLF", "semicolons", "tabs", "spaces and blank lines", "quotes", "blank lines first", "floats"],
)
def test_what_spreadsheets_and_pandas_write_is_read(text: bytes) -> None:
    assert columns(read(text)) == [((5, 2), (50, 20))]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("5,50\n2,20\n", "has no header"),
        (HEADER, "has a header and no reading"),
        ("a,b\n1,2\n", "no column tokens and no column latency_ns, but a, b"),
        ("tokens,latency_ms\n1,2\n", "no column latency_ns, but tokens, latency_ms"),
        ("tokens,latency_ns,Tokens\n1,2,3\n", "names the column tokens twice"),
    ],
)
def test_a_file_without_the_right_header_is_refused(text: str, said: str) -> None:
    assert said in refused(text)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("5,abc", "latency_ns must be a whole number, not 'abc'"),
        ("5,nan", "latency_ns must be a whole number, not 'nan'"),
        ("5,inf", "latency_ns must be a whole number, not 'inf'"),
        ("5,", "latency_ns is empty"),
        ("5,0", "latency_ns must lie between 1 and 3,600,000,000,000, not 0"),
        ("5,-3", "latency_ns must lie between"),
        ("5,20.5", "latency_ns must be a whole number, not 20.5"),
        ("5,1e9999", "latency_ns must lie between"),
        ("5,1e-9999", "latency_ns must lie between"),
        ("5,1e99999999", "must be a whole number"),
        ("5,1_000", "must be a whole number"),
        ('5,"1,000"', "must be a whole number"),
        ("5,٣", "must be a whole number"),
        (f"5,{'9' * 10_000}", "must be a whole number"),
        ("0,50", "tokens must lie between 1 and 4,096, not 0"),
        ("4097,50", "tokens must lie between"),
        ("5.5,50", "tokens must be a whole number"),
        ("5", "has 1 cell, the header 2"),
        ("5,50,7", "has 3 cells, the header 2"),
        ('"5,50', "unexpected end of data"),
        ('5"5,50"x', "tokens must be a whole number"),
    ],
)
def test_a_row_that_is_no_reading_is_refused_with_its_line(row: str, said: str) -> None:
    message = refused(f"{HEADER}9,90\n\n{row}")

    assert message.startswith("my.csv, line 4: ")
    assert said in message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tokens,latency_ns,pass\n5,50,\n", "line 2: pass is empty"),
        ("tokens,latency_ns,pass\n5,50,first\n", "line 2: pass must be a whole number"),
        ("tokens,latency_ns,rejected\n5,50,yes\n", "line 2: rejected must be empty, preempted or waited, not 'yes'"),
        ("tokens,latency_ns,pass_doubts\n5,50,gut feeling\n", "line 2: pass_doubts: 'gut' is not a valid DoubtReason"),
        ("curve,tokens,latency_ns\n3,5,50\n7,5,50\n", "holds several curves: 3 and 7 at least"),
    ],
)
def test_a_column_that_is_read_must_hold_what_it_should(text: str, said: str) -> None:
    assert said in refused(text)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x00\x01\x02", "is not text"),
        (b"PAR1\x15\x04\x00", "is not text"),
        (b"tokens,latency_ns\n\xff\xfe,3\n", "line 2: is not UTF-8"),
        ("tokens,latency_ns\n5,50\n".encode("utf-16"), "line 1: is UTF-16"),
        (b"tokens,latency_ns\n5," + b"0" * MAX_LINE_BYTES, f"line 2: is longer than {MAX_LINE_BYTES} bytes"),
    ],
)
def test_what_is_no_text_is_refused(content: bytes, said: str) -> None:
    assert said in refused(content)


def test_a_file_is_read_no_further_than_its_bound() -> None:
    stream = io.BytesIO((HEADER + "5,50\n" * 1_000).encode())

    with pytest.raises(BadFile, match="larger than 100 bytes"):
        read_csv(stream, "my.csv", max_bytes=100)

    assert stream.tell() < 110


def test_more_passes_than_an_analysis_can_hold_are_refused() -> None:
    rows = "5,50\n" * 10_001

    assert "line 10002: makes 10,001 passes over 1 counts" in refused(HEADER + rows)


def test_a_pass_of_more_readings_than_any_device_sends_is_refused() -> None:
    rows = "0,5,50\n" * 16_385

    assert "line 16386: is reading 16385 of its pass" in refused("pass,tokens,latency_ns\n" + rows)


@given(
    st.lists(st.tuples(st.integers(1, 4_096), st.integers(1, 3_600_000_000_000)), min_size=1, max_size=40),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_whatever_is_written_is_read_once_and_in_its_order(
    rows: list[tuple[int, int]], delimiter: str, newline: str
) -> None:
    lines = [("tokens", "latency_ns"), *((str(tokens), str(latency_ns)) for tokens, latency_ns in rows)]
    readings = read(newline.join(delimiter.join(line) for line in lines))

    for count in {tokens for tokens, _ in rows}:
        visits = [
            latency_ns
            for one in readings.passes
            for tokens, latency_ns in zip(one.tokens, one.latency_ns, strict=True)
            if tokens == count
        ]
        assert visits == [latency_ns for tokens, latency_ns in rows if tokens == count]
    assert all(len(set(one.tokens)) == len(one.tokens) for one in readings.passes)


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail_in_another_way_than_by_refusing(content: bytes) -> None:
    for beginning in (b"", HEADER.encode(), b"pass,tokens,latency_ns,rejected\n0,5,50,\n"):
        with contextlib.suppress(BadFile):
            assert read(beginning + content).passes


def test_times_of_blocks_that_are_no_numbers_are_refused_with_their_line() -> None:
    with pytest.raises(BadFile, match="line 2: blocks_ns must be a whole number, not 'x'"):
        read("tokens,latency_ns,blocks_ns\n5,50,10 x\n")
    with pytest.raises(BadFile, match=r"blocks_ns\[1\]: must have 1 to 1024 items, not 0"):
        read("pass,tokens,latency_ns,blocks_ns\n0,5,50,10\n0,4,40,\n")
