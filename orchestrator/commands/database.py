"""``stepfarm db``: the schema of the database, and copies of it."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.config import Settings
from orchestrator.commands.output import need

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add(commands: _SubParsersAction[Any]) -> None:
    """Add the commands to the parser."""
    command = commands.add_parser("db", help="the database's schema, and copies of it")
    subcommands = command.add_subparsers(title="commands", required=True, metavar="COMMAND")
    subcommands.add_parser("upgrade", help="make the tables, or bring them up to date").set_defaults(run=_upgrade)
    subcommands.add_parser("check", help="say whether the schema is this version's").set_defaults(run=_check)
    backup = subcommands.add_parser("backup", help="write a copy of an SQLite database, while it is at work or not")
    backup.add_argument("file", nargs="?", type=Path, metavar="FILE", help="default: a new one in the state directory")
    backup.set_defaults(run=_backup)
    restore = subcommands.add_parser("restore", help="put a copy in the place of the SQLite database")
    restore.add_argument("file", type=Path, metavar="FILE", help="a copy that `stepfarm db backup` or an upgrade made")
    restore.set_defaults(run=_restore)
    restored = subcommands.add_parser("restored", help="after PostgreSQL's own tools have put a database back")
    restored.set_defaults(run=_restored)


def _upgrade(_options: argparse.Namespace, settings: Settings) -> int:
    need("sqlalchemy", "orchestrator")
    from agent.clock import SystemClock
    from agent.locking import alone_in
    from orchestrator.storage.schema import newest_revision
    from orchestrator.wiring import prepare

    # Not under the feet of an orchestrator at work.
    with alone_in(settings.orchestrator_home, program="orchestrator"):
        prepare(settings, SystemClock(), print)
    print(f"The schema is {newest_revision()}.")
    return 0


def _check(_options: argparse.Namespace, settings: Settings) -> int:
    need("sqlalchemy", "orchestrator")
    from orchestrator.storage import schema
    from orchestrator.storage.database import Database
    from orchestrator.wiring import database_url

    database = Database(database_url(settings))
    try:
        schema.check(database)
    finally:
        database.close()
    print(f"The schema is {schema.newest_revision()}, as it should be.")
    return 0


def _backup(options: argparse.Namespace, settings: Settings) -> int:
    need("sqlalchemy", "orchestrator")
    from agent.clock import SystemClock
    from orchestrator.storage.backups import back_up
    from orchestrator.storage.database import Database
    from orchestrator.wiring import database_url

    file = options.file or _new_copy(settings, SystemClock().epoch_ms())
    database = Database(database_url(settings))
    try:
        back_up(database, file)
    finally:
        database.close()
    print(f"Copied to {file}. To go back to it: stepfarm db restore {file}")
    return 0


def _new_copy(settings: Settings, now_ms: int) -> Path:
    from orchestrator.storage.backups import free_name

    moment = datetime.fromtimestamp(now_ms / 1_000, UTC).strftime("%Y%m%dT%H%M%SZ")
    return free_name(settings.orchestrator_home / "backups" / f"stepfarm-{moment}.db")


def _restore(options: argparse.Namespace, settings: Settings) -> int:
    need("sqlalchemy", "orchestrator")
    from agent.clock import SystemClock
    from agent.locking import alone_in
    from orchestrator.storage import backups, schema
    from orchestrator.storage.database import Database
    from orchestrator.storage.writer import writing
    from orchestrator.wiring import AT_ONCE_S, database_url

    clock = SystemClock()
    # Not under the feet of an orchestrator at work.
    with alone_in(settings.orchestrator_home, program="orchestrator"):
        database = Database(database_url(settings))
        try:
            there = backups.file_of(database)
            schema.refuse_unknown(backups.check_copy(options.file))
            with writing(database, clock, wait_s=AT_ONCE_S):
                kept = _new_copy(settings, clock.epoch_ms())
                if there.exists():
                    backups.back_up(database, kept)
                    print(f"The database as it was until now: {kept}")
                backups.restore(database, options.file)
                # The file is another now, which one that has been opened before would refuse.
                database = Database(database_url(settings))
                schema.upgrade(database)
                backups.step_over(database, now_ms=clock.epoch_ms())
        finally:
            database.close()
    print(f"Restored from {options.file}. What devices measured since then and have sent is not in it.")
    return 0


def _restored(_options: argparse.Namespace, settings: Settings) -> int:
    need("sqlalchemy", "orchestrator")
    from agent.clock import SystemClock
    from agent.locking import alone_in
    from orchestrator.storage import backups, schema
    from orchestrator.storage.database import Database
    from orchestrator.storage.writer import writing
    from orchestrator.wiring import AT_ONCE_S, database_url

    clock = SystemClock()
    with alone_in(settings.orchestrator_home, program="orchestrator"):
        database = Database(database_url(settings))
        try:
            with writing(database, clock, wait_s=AT_ONCE_S):
                schema.upgrade(database)
                backups.step_over(database, now_ms=clock.epoch_ms())
        finally:
            database.close()
    print("Leases are over, and no number that was given since the copy is given again.")
    return 0
