"""Curves as pandas data frames, and as Parquet. pandas is imported when a frame is asked for, not before."""

from __future__ import annotations

import dataclasses
import importlib.util
import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from agent.errors import StepfarmError
from orchestrator.analysis.curve import Point
from orchestrator.curves.file import CurveFile
from orchestrator.curves.rows import Columns, columns_of, reading_columns
from orchestrator.views import PassView

if TYPE_CHECKING:
    import pandas as pd

WHOLE = ("curve", "job")
"""Columns of whole numbers, some of which may be missing."""


def frame_of_points(points: Sequence[Point]) -> pd.DataFrame:
    """One row a point.

    Raises:
        StepfarmError: pandas is not installed.
    """
    names = [field.name for field in dataclasses.fields(Point)]
    return _frame({name: [getattr(point, name) for point in points] for name in names})


def frame_of_passes(passes: Sequence[PassView]) -> pd.DataFrame:
    """One row a reading, with what differs from reading to reading.

    Raises:
        StepfarmError: pandas is not installed.
    """
    return _frame(reading_columns(passes))


def frame_of(files: Iterable[CurveFile]) -> pd.DataFrame:
    """One row a reading, with all that a CSV export says.

    Raises:
        StepfarmError: pandas is not installed.
    """
    return _frame(columns_of(files))


def parquet_of(files: Iterable[CurveFile]) -> bytes:
    """The frame of ``files`` as a Parquet file.

    Raises:
        StepfarmError: pandas or pyarrow is not installed.
    """
    _need("pandas")
    _need("pyarrow")
    content = io.BytesIO()
    frame_of(files).to_parquet(content, engine="pyarrow", index=False)
    return content.getvalue()


def _frame(columns: Columns) -> pd.DataFrame:
    _need("pandas")
    import pandas as pd

    kinds = {name: "Int64" for name in WHOLE if name in columns}
    kinds |= {name: "string" for name in ("rejected", "pass_doubts", "doubts", "blocks_ns") if name in columns}
    return pd.DataFrame(columns).astype(kinds)


def _need(module: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise StepfarmError(f"This needs {module}, which is not installed.", "pip install 'stepfarm[export]'")
