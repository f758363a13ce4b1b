"""A curve as a table, one row a reading, and that table as CSV."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterable, Iterator, Sequence

from orchestrator.curves.file import CurveFile
from orchestrator.views import PassView

Columns = dict[str, list[object]]
"""By name, all of one length; None is nothing, an empty cell."""


def reading_columns(passes: Sequence[PassView]) -> Columns:
    """What differs from reading to reading, in the order measured. ``attempt`` is the fence of the attempt.

    A reading whose ``subject`` is not model, or whose ``order`` is not shuffled, is in no point of the curve.
    """
    columns: Columns = {
        "attempt": [one.fence for one in passes for _ in one.tokens],
        "round": [one.round for one in passes for _ in one.tokens],
        "pass": [one.number for one in passes for _ in one.tokens],
        "complete": [one.complete for one in passes for _ in one.tokens],
        "position": [position for one in passes for position in range(len(one.tokens))],
    }
    for name in ("tokens", "start_ns", "latency_ns"):
        columns[name] = list(itertools.chain.from_iterable(getattr(one, name) for one in passes))
    columns["rejected"] = [why or None for one in passes for why in one.rejected]
    columns["pass_doubts"] = [reasons for one in passes for reasons in [_reasons(one)] for _ in one.tokens]
    columns["subject"] = [one.subject.value for one in passes for _ in one.tokens]
    columns["order"] = [one.order.value for one in passes for _ in one.tokens]
    columns["blocks_ns"] = [" ".join(map(str, times)) or None for one in passes for times in _times(one)]
    return columns


def _times(one: PassView) -> tuple[tuple[int, ...], ...]:
    """The times of the blocks of each reading, empty where they were not timed."""
    return one.blocks_ns or ((),) * len(one.tokens)


def _reasons(one: PassView) -> str | None:
    return " ".join(sorted({doubt.reason.value for doubt in one.doubts})) or None


def curve_cells(file: CurveFile) -> dict[str, object]:
    """What is the same for every reading of a curve: what it is of, and why the whole of it is doubted."""
    workload, facts, origin = file.workload, file.facts, file.origin
    doubts = file.analysis.curve.doubts if file.analysis is not None else ()
    return {
        "curve": None if origin is None else origin.curve_id,
        "device": file.device,
        "kind": file.device_kind.value,
        "simulated": file.simulated,
        "model": file.model,
        "batch_size": workload.batch_size,
        "image_size": facts.image_size,
        "data_type": workload.data_type.value,
        "runtime": workload.runtime.value,
        "processor": workload.processor.value,
        "threads": facts.threads,
        "job": None if origin is None else origin.job_id,
        "doubts": " ".join(sorted({doubt.reason.value for doubt in doubts})) or None,
    }


def columns_of(files: Iterable[CurveFile]) -> Columns:
    """Every reading of ``files``, the cells of its curve before its own."""
    columns: Columns = {}
    for file in files:
        for name, cell in curve_cells(file).items():
            columns.setdefault(name, []).extend(itertools.repeat(cell, file.readings))
        for name, cells in reading_columns(file.passes).items():
            columns.setdefault(name, []).extend(cells)
    return columns


def csv_of(files: Iterable[CurveFile]) -> Iterator[str]:
    """Every reading of ``files`` as CSV, the header first, in pieces that are whole lines."""
    header_due = True
    for file in files:
        cells, columns = curve_cells(file), reading_columns(file.passes)
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        if header_due:
            writer.writerow((*cells, *columns))
            header_due = False
        before = tuple(_cell(cell) for cell in cells.values())
        writer.writerows((*before, *map(_cell, row)) for row in zip(*columns.values(), strict=True))
        yield text.getvalue()


def _cell(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value
