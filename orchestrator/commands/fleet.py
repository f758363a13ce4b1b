"""``stepfarm enroll-code`` and ``stepfarm devices``: who is in the fleet."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from agent.config import Settings
from orchestrator.commands.output import print_json, print_table, take_json, when

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add(commands: _SubParsersAction[Any]) -> None:
    """Add the commands to the parser."""
    command = commands.add_parser("enroll-code", help="a one-time command that enrols a device")
    take_json(command)
    command.set_defaults(run=_enroll_code)

    command = commands.add_parser("devices", help="the fleet")
    subcommands = command.add_subparsers(title="commands", required=True, metavar="COMMAND")
    command = subcommands.add_parser("list", help="every device, what it is and what it is doing")
    take_json(command)
    command.set_defaults(run=_list)


def _enroll_code(options: argparse.Namespace, settings: Settings) -> int:
    from orchestrator.client import Client

    code = Client().new_join_code()
    if options.json:
        print_json(code)
        return 0
    print("On the device, within 60 minutes (the code is good once):\n")
    print(f"  stepfarm-agent enroll {settings.orchestrator_url} --code {code.code}\n")
    print("then start it with: stepfarm-agent run")
    return 0


def _list(options: argparse.Namespace, _settings: Settings) -> int:
    from orchestrator.client import Client

    devices = Client().devices()
    if options.json:
        print_json(devices)
        return 0
    print_table(
        (
            (one.id, one.name, one.kind.value, one.state.value, one.description.hardware, when(one.last_seen_ms))
            for one in devices
        ),
        ("id", "name", "kind", "state", "hardware", "last seen"),
        empty="No device is enrolled. `stepfarm enroll-code` lets one in.",
    )
    return 0
