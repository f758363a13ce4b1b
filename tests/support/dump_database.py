"""Writes a database of this version's schema, with rows in every table and jobs in every state, as SQL text.

    python -m tests.support.dump_database >tests/data/databases/NNNN.sql

Run it before a migration is added, while NNNN is still the newest: the dump is what a farm of that version looks like,
filled by the stores as they were then, and is never made again.
"""

from __future__ import annotations

import contextlib
import sqlite3
import sys
import tempfile
from pathlib import Path

from agent.vit.exporting import ExportWish
from agent.wire.exports import ExportFile
from agent.wire.jobs import DataType, FailureReason
from orchestrator.analysis.analyse import analyse
from orchestrator.curves.analysing import one_by_one
from orchestrator.curves.analyst import Analyst
from orchestrator.storage import exports, reanalyses, schema
from orchestrator.storage.database import Database
from orchestrator.views import ReanalysisRequest
from tests.support.store import LEASE_MS, Store, a_batch, a_tally_batch

PASSES = 5


def fill(store: Store) -> None:
    """Two devices with a history: jobs done, failed, cancelled, given back, at work and waiting."""
    board, other = store.enrol("board"), store.enrol("phone")
    curve = _measured(store, board)
    _failed(store, other)
    store.cancel(store.sweep(other, models=("vit_tiny_patch16_224",)))
    _at_work(store, board)
    store.sweep(board, other, models=("deit_base_patch16_224",), priority=5)
    _exported(store)
    store.verification(curve)
    _tallied(store, other)
    with store.database.write() as session:
        reanalyses.ask(session, ReanalysisRequest(everything=True), now_ms=store.clock.epoch_ms())


def _measured(store: Store, device: int) -> int:
    store.sweep(device, models=("deit_tiny_patch16_224",))
    leased = store.leased(device, "measured")
    curve = store.begin_curve(device, leased)
    for number in range(PASSES):
        store.take_in(device, leased.job_id, a_batch(leased.fence, number))
    store.finish(device, leased)
    Analyst(store.database, store.clock, one_by_one(analyse)).work()
    # One pass came after the curve was sealed: it waits beside the blob.
    store.take_in(device, leased.job_id, a_batch(leased.fence, PASSES))
    assert store.curve(curve).blob is not None
    return curve


def _tallied(store: Store, device: int) -> None:
    store.accuracy(device)
    leased = store.leased(device, "tallied")
    store.begin_trial(device, leased)
    store.take_tallies(device, leased.job_id, a_tally_batch(leased.fence))


def _exported(store: Store) -> None:
    wish = ExportWish(model="deit_tiny_patch16_224", image_size=None, data_type=DataType.FLOAT32)
    with store.database.write() as session:
        file = ExportFile(sha256="ab" * 32, size_bytes=23_000_000)
        exports.add(session, wish, "torch 2.15, timm 1.0.31", file, now_ms=store.clock.epoch_ms())


def _failed(store: Store, device: int) -> None:
    store.sweep(device, models=("resnet18",))
    store.fail(device, store.leased(device, "failed"), FailureReason.MODEL_UNSUPPORTED)


def _at_work(store: Store, device: int) -> None:
    store.sweep(device, models=("deit_small_patch16_224",))
    store.give_back(device, store.leased(device, "given-back"))
    store.leased(device, "silent")
    store.clock.move(LEASE_MS + 1)
    store.expire()
    store.clock.move(LEASE_MS)
    leased = store.leased(device, "at-work")
    store.begin_curve(device, leased)
    store.take_in(device, leased.job_id, a_batch(leased.fence, 0))


def main() -> None:
    """Make one, and print it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "farm.db"
        file.touch()
        database = Database(f"sqlite:///{file}")
        schema.upgrade(database)
        fill(Store(database))
        database.close()
        with contextlib.closing(sqlite3.connect(file)) as connection:
            sys.stdout.writelines(f"{line}\n" for line in connection.iterdump())


if __name__ == "__main__":
    main()
