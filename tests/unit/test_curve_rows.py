"""A curve as a table, one row a reading: CSV, pandas and Parquet hold the same, and CSV reads back."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pandas as pd
import pytest

from agent.wire.enrolment import DeviceKind
from orchestrator.analysis.analyse import analyse
from orchestrator.curves.csv_readings import read_csv
from orchestrator.curves.file import CurveFile, CurveOrigin, analysable
from orchestrator.curves.frames import frame_of, frame_of_passes, frame_of_points, parquet_of
from orchestrator.curves.rows import csv_of
from orchestrator.jobs.states import JobState
from tests.support.curve_files import a_curve_file

COLUMNS = (
    "curve,device,kind,simulated,model,batch_size,image_size,data_type,runtime,processor,threads,job,doubts,"
    "attempt,round,pass,complete,position,tokens,start_ns,latency_ns,rejected,pass_doubts,subject,order,blocks_ns"
)


def text_of(*files: CurveFile) -> str:
    return "".join(csv_of(files))


def rows_of(*files: CurveFile) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text_of(*files))))


def exported() -> CurveFile:
    file = a_curve_file(origin=CurveOrigin(curve_id=12, job_id=7, sweep_id=3, job_state=JobState.DONE))
    return replace(file, analysis=analyse(analysable(file.passes)))


def test_a_row_says_all_that_the_reading_is_of() -> None:
    text = text_of(exported())

    header, first, second, *_ = text.splitlines()
    about = "12,orin,jetson,false,deit_tiny_patch16_224,4,64,float32,eager,cpu,1,7,too-few"
    assert header == COLUMNS
    assert first == f"{about},1,0,0,true,0,5,1000000000,5000000,,throttled,model,shuffled,"
    assert second == f"{about},1,0,0,true,1,2,2000000000,2000000,waited,throttled,model,shuffled,"


def test_a_curve_that_no_orchestrator_has_seen_has_no_number_and_no_job() -> None:
    assert {(row["curve"], row["job"], row["doubts"]) for row in rows_of(a_curve_file())} == {("", "", "")}


def test_rows_of_a_simulated_device_say_so() -> None:
    rows = rows_of(a_curve_file(device_kind=DeviceKind.SIMULATED), a_curve_file())

    assert [row["simulated"] for row in rows] == ["true"] * 12 + ["false"] * 12
    assert {row["kind"] for row in rows} == {"simulated", "jetson"}


def test_an_export_as_csv_gives_the_very_passes_that_were_measured_when_it_is_read() -> None:
    file = exported()

    readings = read_csv(io.BytesIO(text_of(file).encode()), "a.csv")

    for read, kept in zip(readings.passes, sorted(file.passes, key=lambda one: (one.fence, one.round)), strict=True):
        assert (read.fence, read.round, read.number, read.complete) == (
            kept.fence,
            kept.round,
            kept.number,
            kept.complete,
        )
        assert (read.tokens, read.start_ns, read.latency_ns, read.rejected) == (
            kept.tokens,
            kept.start_ns,
            kept.latency_ns,
            kept.rejected,
        )
        assert [doubt.reason for doubt in read.doubts] == [doubt.reason for doubt in kept.doubts]


def test_pandas_reads_the_csv_as_the_frame_that_the_client_makes() -> None:
    frame = frame_of([exported()])

    read = pd.read_csv(io.StringIO(text_of(exported())), dtype=frame.dtypes.to_dict())

    pd.testing.assert_frame_equal(read, frame)


def test_parquet_holds_the_frame() -> None:
    frame = frame_of([exported(), a_curve_file()])

    read = pd.read_parquet(io.BytesIO(parquet_of([exported(), a_curve_file()])))

    assert read["curve"].isna().tolist() == [False] * 12 + [True] * 12
    pd.testing.assert_frame_equal(read, frame)


def test_a_frame_of_readings_has_what_differs_from_row_to_row() -> None:
    frame = frame_of_passes(exported().passes)

    assert ",".join(frame.columns) == COLUMNS.partition("doubts,")[2]
    assert frame["tokens"].tolist() == [5, 2, 9] * 4
    assert frame["rejected"].isna().tolist() == [True, False, True] * 4


def test_a_frame_of_points_has_a_row_a_point() -> None:
    analysis = exported().analysis
    assert analysis is not None

    frame = frame_of_points(analysis.curve.points)

    assert frame["tokens"].tolist() == [5, 9]
    assert {"latency_ns", "low_ns", "high_ns", "readings"} <= set(frame.columns)


@pytest.mark.parametrize("no_points", [frame_of_points([]), frame_of_passes([])])
def test_nothing_makes_an_empty_frame_with_its_columns(no_points: pd.DataFrame) -> None:
    assert len(no_points) == 0
    assert "tokens" in no_points.columns


def test_the_times_of_blocks_are_a_cell_that_reads_back_and_its_rows_say_their_subject() -> None:
    file = a_curve_file()
    times = tuple((tokens * 1_000,) * file.facts.blocks for tokens in file.passes[-1].tokens)
    of_blocks = replace(file, passes=(*file.passes[:-1], replace(file.passes[-1], blocks_ns=times)))

    assert [row["subject"] for row in rows_of(of_blocks)].count("blocks") == len(times)
    passes = read_csv(io.BytesIO(text_of(of_blocks).encode()), "x").passes
    assert [one.blocks_ns for one in passes] == [one.blocks_ns for one in of_blocks.passes]
    assert analyse(analysable(passes)).curve.points == analyse(analysable(of_blocks.passes[:-1])).curve.points
