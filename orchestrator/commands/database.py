"""``stepfarm db``: the schema of the database."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from agent.config import Settings
from orchestrator.commands.output import need

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add(commands: _SubParsersAction[Any]) -> None:
    """Add the commands to the parser."""
    command = commands.add_parser("db", help="the database's schema")
    subcommands = command.add_subparsers(title="commands", required=True, metavar="COMMAND")
    subcommands.add_parser("upgrade", help="make the tables, or bring them up to date").set_defaults(run=_upgrade)
    subcommands.add_parser("check", help="say whether the schema is this version's").set_defaults(run=_check)


def _upgrade(_options: argparse.Namespace, settings: Settings) -> int:
    need("sqlalchemy", "orchestrator")
    from agent.clock import SystemClock
    from agent.locking import alone_in
    from orchestrator.storage.schema import newest_revision
    from orchestrator.wiring import prepare

    # Not under the feet of an orchestrator at work.
    with alone_in(settings.orchestrator_home, program="orchestrator"):
        prepare(settings, SystemClock())
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
