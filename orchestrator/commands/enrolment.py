"""``stepfarm enroll-code``: let a device in."""

from __future__ import annotations

import argparse
import sys
import threading
from typing import TYPE_CHECKING, Any

from agent.clock import Clock, SystemClock
from agent.config import Settings
from agent.errors import StepfarmError
from agent.wire.codec import to_plain
from orchestrator.commands.output import clock_time, print_json, shows_unicode, take_json
from orchestrator.commands.printable import as_it_is
from orchestrator.counting import counted

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from orchestrator.client import Client
    from orchestrator.views import DeviceView, JoinCode

POLL_S = 1.0


def add(commands: _SubParsersAction[Any]) -> None:
    """Add the command to the parser."""
    command = commands.add_parser("enroll-code", help="a line for a device to paste, good once, for 60 minutes")
    command.add_argument(
        "--device", metavar="NAME", help="let a device back in that is known and has lost its key, under its old name"
    )
    command.add_argument("--no-qr", action="store_true", help="no QR code on the terminal")
    command.add_argument("--wait", action="store_true", help="wait until the device has arrived")
    take_json(command)
    command.set_defaults(run=_enroll_code)


def _enroll_code(options: argparse.Namespace, _settings: Settings) -> int:
    from orchestrator.client import Client

    client = Client()
    code = client.new_join_code(options.device)
    if options.json:
        print_json({**to_plain(code), "command": code.command})
    else:
        _show(code, qr=not options.no_qr and sys.stdout.isatty())
    sys.stdout.flush()
    if options.wait:
        _greet(arrived(client, code, clock=SystemClock(), stop=threading.Event()), as_json=options.json)
    return 0


def _show(code: JoinCode, *, qr: bool) -> None:
    print(f"Paste this line on the device before {clock_time(code.expires_ms)}. It lets one device in:\n")
    print(f"  {code.command}\n")
    if qr:
        print("The same for the camera of a phone:\n")
        _print_qr(code.command)
    if code.caution is not None:
        print(f"stepfarm: {code.caution}", file=sys.stderr)


def _print_qr(text: str) -> None:
    import segno

    segno.make(text, error="l").terminal(as_it_is(sys.stdout), border=2, compact=shows_unicode())


def arrived(client: Client, code: JoinCode, *, clock: Clock, stop: threading.Event) -> DeviceView:
    """The device that ``code`` lets in, once it is there.

    Raises:
        StepfarmError: the code has expired, or ``stop`` is set.
    """
    from orchestrator.views import JoinCodeState

    while (seen := client.join_code(code.id)).device is None:
        if seen.state is JoinCodeState.EXPIRED:
            raise StepfarmError("No device came, and the code has expired.", "Make a new one: stepfarm enroll-code.")
        if clock.wait(stop, POLL_S):
            raise StepfarmError("No device has come yet.", "The code is good until it expires.")
    return client.device(seen.device)


def _greet(device: DeviceView, *, as_json: bool) -> None:
    if as_json:
        print_json(device)
        return
    said = device.description
    print(f"{device.name} has arrived: {said.hardware} ({device.kind.value}), {counted(said.cores, 'core')}.")
    print(f"Queue its first sweep: stepfarm sweep create deit_tiny_patch16_224 --device {device.name} --watch")
