"""``stepfarm-agent``: the command line of a device."""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import re
import sys
from collections.abc import Sequence
from importlib.metadata import version

from agent.client import OrchestratorClient
from agent.clock import SystemClock
from agent.config import Settings, load_settings
from agent.device.describe import describe
from agent.device.doctor import Status, checks
from agent.errors import Refused, StateError, StepfarmError
from agent.identity import Identity, enrol, forget, read_identity
from agent.locking import alone_in
from agent.loop import Agent
from agent.signals import stopping_on_signals
from agent.spool import Spool
from agent.wire.codec import to_plain
from agent.work import Tools


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``stepfarm-agent``; the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options, load_settings(os.environ)))
    except StepfarmError as error:
        print(f"stepfarm-agent: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stepfarm-agent", description="Measures Vision Transformers on this device for a Stepfarm orchestrator."
    )
    parser.add_argument("--version", action="version", version=f"stepfarm-agent {version('stepfarm')}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    command = commands.add_parser("enroll", help="join a fleet with a join code")
    command.add_argument("url", metavar="URL", help="address of the orchestrator, such as https://farm.example.org")
    command.add_argument("--code", required=True, help="the join code that `stepfarm enroll-code` printed")
    command.add_argument("--name", help="what to call this device (default: its host name)")
    command.set_defaults(run=_enroll)

    command = commands.add_parser("run", help="measure until stopped")
    command.set_defaults(run=_run)

    command = commands.add_parser("status", help="who this device is, and what waits to be sent")
    command.add_argument("--json", action="store_true", help="print JSON")
    command.set_defaults(run=_status)

    command = commands.add_parser("doctor", help="what this device is, and what would make its numbers better")
    command.add_argument("--json", action="store_true", help="print JSON")
    command.set_defaults(run=_doctor)

    command = commands.add_parser("unenroll", help="forget the orchestrator")
    command.add_argument("--force", action="store_true", help="even where readings still wait to be sent")
    command.set_defaults(run=_unenroll)
    return parser


def _enroll(options: argparse.Namespace, settings: Settings) -> int:
    name = options.name or default_name()
    with alone_in(settings.agent_home, program="stepfarm-agent"):
        identity = enrol(settings.agent_home, url=options.url, code=options.code, name=name, description=describe())
    print(f"Enrolled as {identity.name}, device {identity.device_id} of {identity.url}.")
    print("Start measuring with: stepfarm-agent run")
    return 0


def default_name() -> str:
    """The host name as a device's name."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", platform.node()).strip("-_.")[:63] or "device"


def _run(_options: argparse.Namespace, settings: Settings) -> int:
    identity = _identity(settings)
    tools = Tools(
        client=OrchestratorClient(identity.url, identity.key),
        spool=Spool(settings.agent_home / "spool", tell=_tell),
        clock=SystemClock(),
        rng=random.Random(),  # noqa: S311  # jitter
        tell=_tell,
    )
    agent = Agent(tools)
    with alone_in(settings.agent_home, program="stepfarm-agent"), stopping_on_signals(agent.stop, second_ends=True):
        print(f"{identity.name} works for {identity.url}. Ctrl-C stops it; what was measured is kept.", flush=True)
        try:
            agent.run(describe())
        except Refused as refusal:
            kept = _passes(len(tools.spool.waiting()))
            advice = f"{refusal.advice} {kept} to be sent in {settings.agent_home / 'spool'} and will not be lost."
            raise StateError(refusal.message, advice.strip()) from None
    print("Stopped.")
    return 0


def _tell(line: str) -> None:
    print(line, flush=True)


def _passes(number: int) -> str:
    return "1 pass waits" if number == 1 else f"{number} passes wait"


def _identity(settings: Settings) -> Identity:
    identity = read_identity(settings.agent_home)
    if identity is None or identity.device_id is None:
        raise StateError(
            "This device is not enrolled.",
            "Get a code from the operator (stepfarm enroll-code), then: stepfarm-agent enroll URL --code CODE",
        )
    return identity


def _status(options: argparse.Namespace, settings: Settings) -> int:
    identity = read_identity(settings.agent_home)
    spool = Spool(settings.agent_home / "spool")
    waiting, aside = len(spool.waiting()), len(spool.aside())
    if options.json:
        enrolled = identity is not None and identity.device_id is not None
        known = {"url": identity.url, "name": identity.name, "device_id": identity.device_id} if identity else None
        counts = {"passes_waiting": waiting, "passes_set_aside": aside}
        print(json.dumps({"enrolled": enrolled, "identity": known, **counts}))
        return 0
    if identity is None or identity.device_id is None:
        print("Not enrolled.")
    else:
        print(f"Enrolled as {identity.name}, device {identity.device_id} of {identity.url}.")
    print(f"Passes waiting to be sent: {waiting}.")
    if aside:
        print(f"Passes set aside, damaged or refused: {aside}, in {settings.agent_home / 'spool'}.")
    return 0


def _doctor(options: argparse.Namespace, _settings: Settings) -> int:
    description, found = describe(), checks()
    if options.json:
        print(json.dumps({"device": to_plain(description), "checks": [to_plain(check) for check in found]}, indent=2))
    else:
        print(f"{description.hardware} ({description.kind.value}), {description.processor}")
        for check in found:
            print(f"  {check.status.value:8} {check.name}: {check.found}")
            if check.advice:
                print(f"           {check.advice}")
    return 1 if any(check.status is Status.PROBLEM for check in found) else 0


def _unenroll(options: argparse.Namespace, settings: Settings) -> int:
    with alone_in(settings.agent_home, program="stepfarm-agent"):
        waiting = len(Spool(settings.agent_home / "spool").waiting())
        if waiting and not options.force:
            raise StateError(
                f"{_passes(waiting)} to be sent and would have no owner.",
                "Run stepfarm-agent run until they are sent, or give --force to leave them in the spool.",
            )
        forget(settings.agent_home)
    print("This device has forgotten its orchestrator.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
