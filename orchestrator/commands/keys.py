"""``stepfarm keys``: who may sign in, until when, and with what instead."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from agent.config import Settings
from agent.wire.codec import to_plain
from orchestrator.commands.output import agreed, print_json, print_table, take_json, when

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from orchestrator.views import KeyView, NewKey


def add(commands: _SubParsersAction[Any]) -> None:
    """Add the commands to the parser."""
    command = commands.add_parser("keys", help="who may sign in")
    subcommands = command.add_subparsers(title="commands", required=True, metavar="COMMAND")

    command = subcommands.add_parser("create", help="a key for another person, shown this once")
    command.add_argument("label", metavar="LABEL", help="whose it is: ada, wall-display")
    command.add_argument(
        "--role", choices=("viewer", "operator"), default="viewer", help="a viewer looks, an operator does everything"
    )
    command.add_argument("--days", type=int, metavar="N", help="how long it is good (default: until it is revoked)")
    take_json(command)
    command.set_defaults(run=_create)

    command = subcommands.add_parser("list", help="the keys, those that are good first; never a secret")
    take_json(command)
    command.set_defaults(run=_list)

    command = subcommands.add_parser("rotate", help="put another key in the place of one, at once")
    command.add_argument("key", type=int, metavar="NUMBER", help="number of the key, as the list has it")
    take_json(command)
    command.set_defaults(run=_rotate)

    command = subcommands.add_parser("revoke", help="make a key good for nothing, at once")
    command.add_argument("key", type=int, metavar="NUMBER", help="number of the key, as the list has it")
    command.add_argument("--yes", action="store_true", help="do not ask")
    take_json(command)
    command.set_defaults(run=_revoke)


def _create(options: argparse.Namespace, _settings: Settings) -> int:
    from orchestrator.client import Client
    from orchestrator.roles import Role

    made = Client().new_key(options.label, role=Role(options.role), days=options.days)
    _show(options, made)
    return 0


def _show(options: argparse.Namespace, made: NewKey) -> None:
    if options.json:
        print_json(to_plain(made))
        return
    key = made.key
    until = "" if key.expires_ms is None else f", good until {when(key.expires_ms)}"
    print(f"Key {key.id}, of {key.label} ({key.role.value}{until}). It is shown this once:\n\n  {made.secret}\n")


def _list(options: argparse.Namespace, _settings: Settings) -> int:
    from orchestrator.client import Client

    keys = Client().keys()
    if options.json:
        print_json(keys)
        return 0
    rows = ((key.id, key.role.value, key.label, key.state.value, when(key.created_ms), _ends(key)) for key in keys)
    print_table(rows, ("key", "role", "of", "state", "made", "ends"), empty="There is no key.")
    return 0


def _ends(key: KeyView) -> str:
    ends_ms = key.expires_ms if key.revoked_ms is None else key.revoked_ms
    return "" if ends_ms is None else when(ends_ms)


def _rotate(options: argparse.Namespace, _settings: Settings) -> int:
    from orchestrator.client import Client

    made = Client().rotate_key(options.key)
    if made.secret is None and not options.json:
        print(
            f"{made.key.device} makes itself another key when it next asks for work; until it has used that one, this "
            "one is good.\nIf the key may be in wrong hands, do not wait: "
            f"stepfarm keys revoke {made.key.id}, then stepfarm enroll-code --device {made.key.device}"
        )
        return 0
    _show(options, made)
    return 0


def _revoke(options: argparse.Namespace, _settings: Settings) -> int:
    from orchestrator.client import Client

    if not options.yes and not agreed(f"Make key {options.key} good for nothing, at once?"):
        print("Nothing was changed.", file=sys.stderr)
        return 1
    key = Client().revoke_key(options.key)
    if options.json:
        print_json(key)
        return 0
    print(f"Key {key.id}, of {key.label}, is revoked.")
    if key.device is not None:
        print(
            f"{key.device} keeps what it measured until it is let back in: stepfarm enroll-code --device {key.device}"
        )
    return 0
