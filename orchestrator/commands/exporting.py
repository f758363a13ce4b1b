"""``stepfarm curves export``: curves as files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.config import Settings
from agent.errors import StepfarmError
from orchestrator.commands.files import STANDARD, print_pieces, refuse_taken, write_whole
from orchestrator.commands.output import print_json, take_json
from orchestrator.counting import counted

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from orchestrator.curves.file import CurveFile

FORMATS = ("csv", "json", "parquet")


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One file that was written, and what is in it. ``simulated``: some of its latencies were made up."""

    file: str
    curves: tuple[int, ...]
    readings: int
    simulated: bool


def add(subcommands: _SubParsersAction[Any]) -> None:
    """Add the command to the parser."""
    command = subcommands.add_parser("export", help="curves with every reading as CSV, JSON or Parquet")
    command.add_argument("ids", type=int, nargs="+", metavar="ID", help="the numbers of the curves")
    command.add_argument(
        "--format", choices=FORMATS, help="CSV and Parquet have a row a reading, JSON all there is (default: csv)"
    )
    command.add_argument(
        "--output", default=STANDARD, metavar="FILE", help="a file, or a directory for a file a curve (default: -)"
    )
    command.add_argument("--force", action="store_true", help="write over files that are there")
    take_json(command)
    command.set_defaults(run=_export)


def _export(options: argparse.Namespace, _settings: Settings) -> int:
    from orchestrator.client import Client

    kind = options.format or _by_ending(options.output)
    wanted = list(dict.fromkeys(options.ids))
    parts = _refuse_impossible(options, kind, wanted)
    client = Client()
    written = []
    for path, curve_ids in parts:
        # One after the other: all readings of many curves need not be held at once.
        files = [client.curve_file(curve_id) for curve_id in curve_ids]
        _tell_unfinished(files)
        if path is None:
            print_pieces(_TEXTS[kind](files))
        else:
            write_whole(path, _content(kind, files))
            written.append(_written(path, files))
    _report(written, as_json=options.json)
    return 0


def _by_ending(output: str) -> str:
    ending = Path(output).suffix.removeprefix(".").lower()
    return ending if ending in FORMATS else "csv"


def _refuse_impossible(
    options: argparse.Namespace, kind: str, curve_ids: Sequence[int]
) -> list[tuple[Path | None, Sequence[int]]]:
    """Where to write which curves, None for the screen.

    Raises:
        StepfarmError: that cannot be done; nothing was written.
    """
    output = Path(options.output)
    if options.output == STANDARD:
        if kind == "parquet":
            raise StepfarmError("Parquet is not for the screen.", "Name a file: --output curves.parquet")
        if options.json:
            raise StepfarmError("Two things cannot both go to the screen.", "Leave out --json, or name a file.")
        parts: list[tuple[Path | None, Sequence[int]]] = [(None, curve_ids)]
    elif output.is_dir():
        parts = [(output / f"curve-{curve_id}.{kind}", [curve_id]) for curve_id in curve_ids]
    else:
        parts = [(output, curve_ids)]
    if kind == "json" and any(len(together) > 1 for _, together in parts):
        raise StepfarmError("A JSON file holds one curve.", "Name a directory that is there: --output DIRECTORY")
    for path, _ in parts:
        if path is not None:
            refuse_taken(path, force=options.force)
    return parts


def _csv(files: Sequence[CurveFile]) -> Sequence[str]:
    from orchestrator.curves.rows import csv_of

    return list(csv_of(files))


def _json(files: Sequence[CurveFile]) -> Sequence[str]:
    from orchestrator.curves.file import write

    return [write(file) for file in files]


_TEXTS: dict[str, Callable[[Sequence[CurveFile]], Sequence[str]]] = {"csv": _csv, "json": _json}


def _content(kind: str, files: Sequence[CurveFile]) -> bytes:
    if kind == "parquet":
        from orchestrator.curves.frames import parquet_of

        return parquet_of(files)
    return "".join(_TEXTS[kind](files)).encode()


def _tell_unfinished(files: Sequence[CurveFile]) -> None:
    for file in files:
        if file.origin is not None and file.origin.job_state.value != "done":
            state = file.origin.job_state.value
            print(f"stepfarm: curve {file.origin.curve_id} is not whole: its job is {state}", file=sys.stderr)


def _written(path: Path, files: Sequence[CurveFile]) -> Written:
    return Written(
        file=str(path),
        curves=tuple(file.origin.curve_id for file in files if file.origin is not None),
        readings=sum(file.readings for file in files),
        simulated=any(file.simulated for file in files),
    )


def _report(written: Sequence[Written], *, as_json: bool) -> None:
    if as_json:
        print_json(tuple(written))
        return
    for one in written:
        what = f"{counted(len(one.curves), 'curve')}, {counted(one.readings, 'reading')}"
        print(f"{one.file}: {what}{', simulated' if one.simulated else ''}")
