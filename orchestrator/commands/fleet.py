"""``stepfarm devices``: who is in the fleet, what they are called, who is shut out."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from agent.config import Settings
from orchestrator.commands.output import agreed, print_json, print_table, take_json, when
from orchestrator.counting import counted

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from orchestrator.client import Client
    from orchestrator.views import CurveSummary, DeviceView, Label

NEWEST_CURVES = 5


def add(commands: _SubParsersAction[Any]) -> None:
    """Add the commands to the parser."""
    command = commands.add_parser("devices", help="the fleet")
    subcommands = command.add_subparsers(title="commands", required=True, metavar="COMMAND")

    command = subcommands.add_parser("list", help="every device, what it is and what it is doing")
    take_json(command)
    command.set_defaults(run=_list)

    command = subcommands.add_parser("show", help="one device: what it says of itself, what it does, its newest curves")
    command.add_argument("name", metavar="NAME", help="name of the device")
    take_json(command)
    command.set_defaults(run=_show)

    command = subcommands.add_parser("label", help="put labels on a device, or take them away")
    command.add_argument("name", metavar="NAME", help="name of the device")
    command.add_argument(
        "labels", nargs="+", type=_change, metavar="LABEL", help="board=orin, or fast; with a dash, fast-, taken away"
    )
    take_json(command)
    command.set_defaults(run=_label)

    command = subcommands.add_parser("revoke", help="shut a device out for good; its curves stay")
    command.add_argument("name", metavar="NAME", help="name of the device")
    command.add_argument("--yes", action="store_true", help="do not ask")
    take_json(command)
    command.set_defaults(run=_revoke)


def label_of(text: str) -> Label:
    """The label that ``text``, an argument of a command, names.

    Raises:
        argparse.ArgumentTypeError: it names none.
    """
    from orchestrator.views import Label

    try:
        return Label.parse(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no label: it is NAME or NAME=VALUE, of letters, digits, dots, dashes and underscores"
        ) from None


def _change(text: str) -> Label | str:
    """A label to put on, or the name of one to take away."""
    if text.endswith("-") and "=" not in text:
        return label_of(text[:-1]).name
    return label_of(text)


def _list(options: argparse.Namespace, _settings: Settings) -> int:
    from orchestrator.client import Client
    from orchestrator.commands.in_words import doing

    devices = Client().devices()
    if options.json:
        print_json(devices)
        return 0
    print_table(
        (
            (
                one.name,
                one.kind.value,
                one.state.value,
                doing(one),
                ", ".join(map(str, one.labels)),
                one.description.hardware,
                when(one.last_seen_ms),
            )
            for one in devices
        ),
        ("device", "kind", "state", "", "labels", "hardware", "last seen"),
        empty="No device is enrolled. `stepfarm enroll-code` lets one in.",
    )
    _tell_doubled(devices)
    return 0


def _tell_doubled(devices: tuple[DeviceView, ...]) -> None:
    from orchestrator.commands.in_words import doubled

    for line in filter(None, map(doubled, devices)):
        print(f"\n{line}")


def _show(options: argparse.Namespace, _settings: Settings) -> int:
    from orchestrator.client import Client

    client = Client()
    device = client.device(options.name)
    if options.json:
        print_json(device)
        return 0
    print(f"{device.name} ({device.kind.value}): {device.state.value}\n")
    for name, text in _described(device):
        print(f"  {name:10}{text}")
    if device.description.gaps:
        print("\nWhat it could not find out:")
        print("\n".join(f"- {gap}" for gap in device.description.gaps))
    _show_curves(client, device)
    _tell_doubled((device,))
    return 0


def _described(device: DeviceView) -> list[tuple[str, str]]:
    from orchestrator.commands.in_words import doing

    said = device.description
    memory = "" if said.memory_bytes is None else f"{said.memory_bytes / 2**30:.1f} GiB"
    rows = [
        ("doing", doing(device)),
        ("labels", ", ".join(map(str, device.labels))),
        ("hardware", said.hardware),
        ("processor", f"{said.processor}, {counted(said.cores, 'core')}, {said.architecture}"),
        ("memory", memory),
        ("system", said.system),
        ("packages", ", ".join(f"{one.name} {one.version}" for one in said.packages)),
        ("agent", f"stepfarm {said.agent_version}, Python {said.python}"),
        ("enrolled", when(device.enrolled_ms)),
        ("last seen", when(device.last_seen_ms)),
        ("revoked", "" if device.revoked_ms is None else when(device.revoked_ms)),
    ]
    return [(name, text) for name, text in rows if text]


def _show_curves(client: Client, device: DeviceView) -> None:
    newest = [curve for curve in client.curves() if _is_of(curve, device)][:NEWEST_CURVES]
    if not newest:
        return
    from orchestrator.commands.workloads import in_short

    print("\nIts newest curves:")
    print_table(
        ((one.id, one.model, in_short(one.workload), one.job_state.value, when(one.created_ms)) for one in newest),
        ("curve", "model", "workload", "job", "begun"),
        empty="",
    )


def _is_of(curve: CurveSummary, device: DeviceView) -> bool:
    # An imported curve may be of another device of that name, elsewhere.
    return curve.device == device.name and curve.imported_ms is None


def _label(options: argparse.Namespace, _settings: Settings) -> int:
    from orchestrator.client import Client
    from orchestrator.views import Label

    device = Client().label_device(
        options.name,
        put=[one for one in options.labels if isinstance(one, Label)],
        remove=[one for one in options.labels if not isinstance(one, Label)],
    )
    if options.json:
        print_json(device)
    else:
        print(f"{device.name}: {', '.join(map(str, device.labels)) or 'no labels'}")
    return 0


def _revoke(options: argparse.Namespace, _settings: Settings) -> int:
    from orchestrator.client import Client

    client = Client()
    device = client.device(options.name)
    question = f"Shut {device.name} out for good? Its jobs are cancelled, and what it has not sent yet is lost."
    if device.revoked_ms is None and not options.yes and not agreed(question):
        print("Nothing was changed.", file=sys.stderr)
        return 1
    device = client.revoke_device(options.name)
    if options.json:
        print_json(device)
    else:
        print(f"{device.name} is shut out. Its curves stay, and its name stays taken.")
    return 0
